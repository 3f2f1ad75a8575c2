//! What cannot work, with the reason and what to do about it.

use super::need::{MOST_WORKERS, Need};
use super::{Demand, Machine, Refusal, limit};
use crate::figures::{count, counted, octets};

/// Everything that cannot work.
pub(super) fn refusals(demand: &Demand, machine: &Machine, need: &Need) -> Vec<Refusal> {
    let all = [
        accounts(demand),
        workers(demand, machine, need),
        descriptors(demand, machine, need),
        memory(demand, machine, need),
        ports(demand, need),
    ];
    all.into_iter().flatten().collect()
}

fn refusal(reason: String, remedy: &str) -> Refusal {
    Refusal { reason, remedy: remedy.to_owned() }
}

fn accounts(demand: &Demand) -> Option<Refusal> {
    if demand.accounts == 0 {
        return Some(refusal(
            "there are no accounts".to_owned(),
            "name some in the scenario, or with --accounts",
        ));
    }
    let is_closed_loop = demand.peak_rate_per_s <= 0.0;
    if !is_closed_loop || demand.wanted_sessions <= demand.accounts {
        return None;
    }
    Some(refusal(
        format!(
            "a closed loop of {} needs as many accounts, since an account has one session at a time, and there are {}",
            counted(demand.wanted_sessions, "session"),
            count(demand.accounts)
        ),
        "give it more accounts or fewer sessions",
    ))
}

/// The descriptors of each process, and how many processes they make necessary.
fn workers(demand: &Demand, machine: &Machine, need: &Need) -> Option<Refusal> {
    if need.sessions_per_worker == 0 {
        return Some(refusal(
            format!("a process may have only {}", counted(machine.descriptors, "descriptor")),
            "raise the limit of open files (ulimit -Hn)",
        ));
    }
    if need.workers > MOST_WORKERS {
        return Some(refusal(
            format!(
                "{} at once need {} worker processes at {} each",
                counted(demand.peak_sessions, "session"),
                count(need.workers),
                counted(machine.descriptors, "descriptor")
            ),
            "raise the limit of open files (ulimit -Hn), or lower the rate or the hold time",
        ));
    }
    if demand.peak_sessions <= need.workers * need.sessions_per_worker {
        return None;
    }
    Some(refusal(
        format!(
            "{} at once do not fit into {} of {} each",
            counted(demand.peak_sessions, "session"),
            counted(need.workers, "worker"),
            counted(machine.descriptors, "descriptor")
        ),
        &format!("use --workers {} or leave it out", need.by_descriptors),
    ))
}

/// The descriptors of the whole machine.
fn descriptors(demand: &Demand, machine: &Machine, need: &Need) -> Option<Refusal> {
    let left = machine.files_left.filter(|left| need.descriptors > *left)?;
    Some(refusal(
        format!(
            "{} at once need {} on the whole machine, and {} are left",
            counted(demand.peak_sessions, "session"),
            counted(need.descriptors, "descriptor"),
            limit(left)
        ),
        "raise fs.file-max, or run the target elsewhere",
    ))
}

fn memory(demand: &Demand, machine: &Machine, need: &Need) -> Option<Refusal> {
    let available = machine.memory.filter(|available| need.memory > available / 10 * 9)?;
    Some(refusal(
        format!(
            "{} at once need about {} of memory, and {} is available",
            counted(demand.peak_sessions, "session"),
            octets(need.memory),
            octets(available)
        ),
        if demand.is_here() {
            "lower the rate or the hold time, or run the target on another machine, which halves it"
        } else {
            "lower the rate or the hold time, or share the run between machines (--shard)"
        },
    ))
}

fn ports(demand: &Demand, need: &Need) -> Option<Refusal> {
    if demand.peak_sessions <= need.ports {
        return None;
    }
    Some(refusal(
        format!(
            "{} at once need as many ports, and from one address to {} there are {}",
            counted(demand.peak_sessions, "session"),
            counted(need.targets, "target"),
            count(need.ports)
        ),
        "widen net.ipv4.ip_local_port_range, give the target more addresses or ports, or share the run between \
         machines (--shard)",
    ))
}

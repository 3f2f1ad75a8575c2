//! The budget: what a run needs, what the machine has, and how many workers follow from it. What cannot work is refused
//! before anything is started, with the reason and the remedy.
//!
//! Pure arithmetic over [`Demand`] and [`Machine`]; only [`Machine::here`] asks the system. The constants are measured
//! on Linux 6 and good to some ten percent, which is enough to tell what works from what does not.

pub mod authorisation;
mod demand;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

use record::Fact;

pub use demand::{Demand, Target};

use crate::figures::{count, counted, octets, rounded, whole};

/// Descriptors of a worker that are not sessions.
const RESERVED_DESCRIPTORS: u64 = 64;

/// Memory of a session without TLS in a worker, octets.
const PLAIN_OCTETS: u64 = 1_200;

/// Memory of a session with TLS in a worker, octets.
const TLS_OCTETS: u64 = 11_000;

/// Memory of a socket in the kernel, octets: TCP control block, inode, directory entry, file, epoll item.
const SOCKET_OCTETS: u64 = 4_600;

/// Memory of a worker itself, histograms included, octets.
const WORKER_OCTETS: u64 = 40_000_000;

/// Sessions for each source address: with more, the kernel takes four times as long to find a free port.
const SESSIONS_PER_SOURCE: u64 = 8_000;

/// A worker is planned for this part of a core, so that its ticker is never late.
const PART_OF_A_CORE: f64 = 0.5;

/// More processes than this are a mistake.
const MOST_WORKERS: u64 = 1_000;

/// What the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processors that may be used.
    pub cores: u32,
    /// Descriptors that one process may have, once it has raised its own limit.
    pub descriptors: u64,
    /// Descriptors that the whole machine still has, if it says so.
    pub files_left: Option<u64>,
    /// Memory that can be had, octets, if the machine says so.
    pub memory: Option<u64>,
    /// Ports for outgoing connections, for each pair of source address and target.
    pub ports: u64,
    /// Connections that may wait for being accepted by a server here, if the machine says so.
    pub backlog: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let files = net::limits::system_descriptors();
        Self {
            cores: std::thread::available_parallelism()
                .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
            descriptors: net::limits::descriptors().hard,
            files_left: files.map(|files| files.most.saturating_sub(files.open)),
            memory: net::limits::memory_available(),
            ports: net::limits::port_range().map_or(28_232, |range| range.count() as u64),
            backlog: net::limits::backlog(),
        }
    }

    /// It as rows for a report.
    pub fn facts(&self) -> Vec<Fact> {
        let known = |number: Option<u64>, form: fn(u64) -> String| number.map_or("unknown".to_owned(), form);
        vec![
            fact("processors", self.cores.to_string()),
            fact("memory available", known(self.memory, octets)),
            fact("descriptors per process", limit(self.descriptors)),
            fact("descriptors left on the machine", known(self.files_left, limit)),
            fact("ports per source address and target", count(self.ports)),
            fact("listen backlog (somaxconn)", known(self.backlog, count)),
        ]
    }
}

/// A budget that works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How many workers are needed.
    pub workers: u32,
    /// Source addresses to connect from; empty for the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Sessions open at once, as estimated.
    pub peak_sessions: u64,
    /// What was reckoned, for the reader.
    pub rows: Vec<Fact>,
    /// What may go wrong though it need not, a sentence each.
    pub warnings: Vec<String>,
}

/// Everything that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this run cannot work here:{}", listed(.0))]
pub struct Refused(pub Vec<Refusal>);

/// One thing that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Refusal {
    /// What is needed and what there is.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// Reckons the budget of a run. `workers` is the user's wish, if any.
///
/// # Errors
/// All that cannot work, at once.
pub fn budget(demand: &Demand, machine: &Machine, workers: Option<u32>) -> Result<Budget, Refused> {
    let mut refusals = Vec::new();
    let mut refuse =
        |reason: String, remedy: &str| refusals.push(Refusal { reason, remedy: remedy.to_owned() });
    let ends: u64 = if demand.is_here() { 2 } else { 1 };

    if demand.accounts == 0 {
        refuse("there are no accounts".to_owned(), "name some in the scenario, or with --accounts");
    } else if demand.peak_rate_per_s <= 0.0 && demand.wanted_sessions > demand.accounts {
        refuse(
            format!(
                "a closed loop of {} needs as many accounts, since an account has one session at a time, and there are {}",
                counted(demand.wanted_sessions, "session"),
                count(demand.accounts)
            ),
            "give it more accounts or fewer sessions",
        );
    }

    let sessions_per_worker = machine.descriptors.saturating_sub(RESERVED_DESCRIPTORS);
    let by_descriptors = demand.peak_sessions.div_ceil(sessions_per_worker.max(1)).max(1);
    let by_processor = whole((demand.processors / PART_OF_A_CORE).ceil()).clamp(1, u64::from(machine.cores));
    let number = workers.map_or(by_descriptors.max(by_processor), |wish| u64::from(wish.max(1)));
    if sessions_per_worker == 0 {
        refuse(
            format!("a process may have {} only", counted(machine.descriptors, "descriptor")),
            "raise the limit of open files (ulimit -Hn)",
        );
    } else if number > MOST_WORKERS {
        refuse(
            format!(
                "{} at once need {} worker processes at {} each",
                counted(demand.peak_sessions, "session"),
                count(number),
                counted(machine.descriptors, "descriptor")
            ),
            "raise the limit of open files (ulimit -Hn), or lower the rate or the hold time",
        );
    } else if demand.peak_sessions > number * sessions_per_worker {
        refuse(
            format!(
                "{} at once do not fit into {} of {} each",
                counted(demand.peak_sessions, "session"),
                counted(number, "worker"),
                counted(machine.descriptors, "descriptor")
            ),
            &format!("use --workers {by_descriptors} or leave it out"),
        );
    }
    let descriptors = demand.peak_sessions * ends + number * RESERVED_DESCRIPTORS;
    if let Some(left) = machine.files_left.filter(|left| descriptors > *left) {
        refuse(
            format!(
                "{} at once need {} on the whole machine, and {} are left",
                counted(demand.peak_sessions, "session"),
                counted(descriptors, "descriptor"),
                limit(left)
            ),
            "raise fs.file-max, or run the target elsewhere",
        );
    }

    let (tls, plain) = tls_and_plain(demand);
    let user = (tls * TLS_OCTETS + plain * PLAIN_OCTETS) * ends;
    let kernel = demand.peak_sessions * SOCKET_OCTETS * ends;
    let memory = user + kernel + number.min(MOST_WORKERS) * WORKER_OCTETS;
    if let Some(available) = machine.memory.filter(|available| memory > available / 10 * 9) {
        refuse(
            format!(
                "{} at once need about {} of memory, and {} can be had",
                counted(demand.peak_sessions, "session"),
                octets(memory),
                octets(available)
            ),
            if ends == 2 {
                "lower the rate or the hold time, or run the target on another machine, which halves it"
            } else {
                "lower the rate or the hold time, or share the run between machines (--shard)"
            },
        );
    }

    let sources = sources(demand);
    let targets = demand.targets.len().max(1) as u64;
    let ports = machine.ports.saturating_mul(sources.len().max(1) as u64).saturating_mul(targets);
    if demand.peak_sessions > ports {
        refuse(
            format!(
                "{} at once need as many ports, and from one address to {} there are {}",
                counted(demand.peak_sessions, "session"),
                counted(targets, "target"),
                count(ports)
            ),
            "widen net.ipv4.ip_local_port_range, give the target more addresses or ports, or share the run between \
             machines (--shard)",
        );
    }

    if !refusals.is_empty() {
        return Err(Refused(refusals));
    }
    let workers = u32::try_from(number).unwrap_or(u32::MAX);
    let rows = vec![
        fact("sessions at once", sessions_row(demand)),
        fact(
            "workers",
            format!(
                "{}, up to {} each ({})",
                count(number),
                counted(sessions_per_worker, "session"),
                counted(u64::from(machine.cores), "core")
            ),
        ),
        fact(
            "descriptors",
            format!("{} of {} for each worker", count(each(demand, number)), limit(machine.descriptors)),
        ),
        fact(
            "ports",
            format!(
                "{} of {} ({}, {})",
                count(demand.peak_sessions),
                count(ports),
                source_addresses(sources.len()),
                counted(targets, "target")
            ),
        ),
        fact(
            "memory",
            format!(
                "{}{}: {} in processes, {} for sockets{}; long listings may take {} more in each worker",
                octets(memory),
                machine.memory.map_or(String::new(), |available| format!(" of {}", octets(available))),
                octets(memory - kernel),
                octets(kernel),
                if ends == 2 { ", both ends being here" } else { "" },
                octets(crate::worker::ROOM as u64)
            ),
        ),
    ];
    let warnings = warnings(demand, machine, number, sessions_per_worker, by_descriptors.max(by_processor));
    Ok(Budget { workers, sources, peak_sessions: demand.peak_sessions, rows, warnings })
}

fn warnings(demand: &Demand, machine: &Machine, workers: u64, per_worker: u64, advised: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    let room = workers * per_worker;
    if demand.worst_sessions > room {
        warnings.push(format!(
            "if the target stands still, up to {} will be open and the descriptors of {} end at {}: sessions beyond that \
             will fail for want of a descriptor; --workers {} would hold them",
            counted(demand.worst_sessions, "session"),
            counted(workers, "worker"),
            count(room),
            demand.worst_sessions.div_ceil(per_worker.max(1))
        ));
    }
    if demand.peak_rate_per_s > 0.0 && demand.wanted_sessions > demand.accounts {
        warnings.push(format!(
            "the rate wants about {} at once and there are {}: sessions will wait for their account, and their waiting \
             counts as response time; give it more accounts",
            counted(demand.wanted_sessions, "session"),
            counted(demand.accounts, "account")
        ));
    }
    if demand.processors.is_finite() && demand.processors > f64::from(machine.cores) {
        warnings.push(format!(
            "{} sessions/s need about {} cores and there are {}: the generator is likely to be the bottleneck",
            rounded(demand.peak_rate_per_s),
            rounded(demand.processors),
            machine.cores
        ));
    } else if workers < advised {
        warnings.push(format!(
            "{} may be too few; {advised} would be taken by themselves",
            counted(workers, "worker")
        ));
    }
    if let Some(backlog) =
        machine.backlog.filter(|backlog| demand.is_here() && demand.peak_rate_per_s > *backlog as f64)
    {
        warnings.push(format!(
            "a server here can keep {} waiting to be accepted, less than a second's arrivals: a short stop of it will show \
             as slow connects (net.core.somaxconn)",
            counted(backlog, "connection")
        ));
    }
    warnings
}

fn sessions_row(demand: &Demand) -> String {
    let bound =
        if demand.peak_sessions < demand.wanted_sessions { ", bounded by accounts and plan" } else { "" };
    if demand.worst_sessions > demand.peak_sessions {
        return format!(
            "about {}{bound}; up to {} if the target stands still",
            count(demand.peak_sessions),
            count(demand.worst_sessions)
        );
    }
    format!("about {}{bound}", count(demand.peak_sessions))
}

fn tls_and_plain(demand: &Demand) -> (u64, u64) {
    let tls = whole((demand.peak_sessions as f64 * demand.tls).ceil()).min(demand.peak_sessions);
    (tls, demand.peak_sessions - tls)
}

fn each(demand: &Demand, workers: u64) -> u64 {
    demand.peak_sessions.div_ceil(workers.max(1)) + RESERVED_DESCRIPTORS
}

/// Loopback has 16 million addresses to connect from; elsewhere the kernel chooses the one there is. They stay clear of
/// 127.0.0.0/16, where servers listen.
fn sources(demand: &Demand) -> Vec<IpAddr> {
    let loopback = |target: &Target| matches!(target.address, IpAddr::V4(address) if address.is_loopback());
    let number = demand.worst_sessions.max(demand.peak_sessions).div_ceil(SESSIONS_PER_SOURCE);
    if number < 2 || demand.targets.is_empty() || !demand.targets.iter().all(loopback) {
        return Vec::new();
    }
    (0..number.min(10_000))
        .map(|index| {
            let (third, fourth) = (index / 250, index % 250 + 1);
            // Both are below 256: 10,000 addresses are 40 blocks of 250.
            IpAddr::V4(Ipv4Addr::new(
                127,
                77,
                u8::try_from(third).unwrap_or(0),
                u8::try_from(fourth).unwrap_or(1),
            ))
        })
        .collect()
}

fn source_addresses(number: usize) -> String {
    if number < 2 { "1 source address".to_owned() } else { format!("{number} source addresses") }
}

fn listed(refusals: &[Refusal]) -> String {
    refusals.iter().flat_map(|refusal| ["\n- ".to_owned(), refusal.to_string()]).collect()
}

fn limit(number: u64) -> String {
    // Limits near the top of the type mean none.
    if number > u64::MAX / 4 { "unlimited".to_owned() } else { count(number) }
}

fn fact(name: &str, value: String) -> Fact {
    Fact { name: name.to_owned(), value }
}

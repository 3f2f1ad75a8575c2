//! The budget: what a run needs, what the machine has, and how many workers follow from it. What cannot work is refused
//! before anything is started, with the reason and the remedy.
//!
//! Pure arithmetic over [`Demand`] and [`Machine`]; only [`Machine::here`] asks the system. The constants are measured
//! on Linux 6 and good to some ten percent, which is enough to tell what works from what does not.

pub mod authorisation;
mod demand;
mod need;
mod refusals;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use record::Fact;

pub use demand::{Demand, Target};

use self::need::{Need, RESERVED_DESCRIPTORS};
use crate::figures::{count, counted, octets, rounded};

/// What the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processors that may be used.
    pub cores: u32,
    /// Descriptors that one process may have, once it has raised its own limit.
    pub descriptors: u64,
    /// Descriptors that the whole machine still has, if it says so.
    pub files_left: Option<u64>,
    /// Memory that is available, in octets, if the machine says so.
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
    let need = Need::of(demand, machine, workers);
    let refusals = refusals::refusals(demand, machine, &need);
    if !refusals.is_empty() {
        return Err(Refused(refusals));
    }
    Ok(Budget {
        workers: u32::try_from(need.workers).unwrap_or(u32::MAX),
        rows: rows(demand, machine, &need),
        warnings: warnings(demand, machine, &need),
        sources: need.sources,
        peak_sessions: demand.peak_sessions,
    })
}

fn rows(demand: &Demand, machine: &Machine, need: &Need) -> Vec<Fact> {
    vec![
        fact("sessions at once", sessions_row(demand)),
        fact(
            "workers",
            format!(
                "{}, up to {} each ({})",
                count(need.workers),
                counted(need.sessions_per_worker, "session"),
                counted(u64::from(machine.cores), "core")
            ),
        ),
        fact(
            "descriptors",
            format!(
                "{} of {} for each worker",
                count(each(demand, need.workers)),
                limit(machine.descriptors)
            ),
        ),
        fact(
            "ports",
            format!(
                "{} of {} ({}, {})",
                count(demand.peak_sessions),
                count(need.ports),
                source_addresses(need.sources.len()),
                counted(need.targets, "target")
            ),
        ),
        fact(
            "memory",
            format!(
                "{}{}: {} in processes, {} for sockets{}; long listings may take {} more in each worker",
                octets(need.memory),
                machine.memory.map_or(String::new(), |available| format!(" of {}", octets(available))),
                octets(need.memory - need.kernel),
                octets(need.kernel),
                if demand.is_here() { ", both ends being here" } else { "" },
                octets(crate::worker::ROOM as u64)
            ),
        ),
    ]
}

fn warnings(demand: &Demand, machine: &Machine, need: &Need) -> Vec<String> {
    let mut warnings = Vec::new();
    let (workers, per_worker, advised) = (need.workers, need.sessions_per_worker, need.advised());
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

fn each(demand: &Demand, workers: u64) -> u64 {
    demand.peak_sessions.div_ceil(workers.max(1)) + RESERVED_DESCRIPTORS
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

//! Descriptors, reckoned before anything is dialled: a run that lacks them would call the server what it is itself.

use crate::exit::Failure;
use crate::terminal;

/// Connections that a check may have open at once, most of them two.
const PER_CHECK: u64 = 4;
/// Connections that one check opens at once, to see whether two are greeted alike.
const BURST: u64 = 50;
/// What a process needs beside its connections: streams, the event queue, the run's folder, a file being written.
const BESIDE: u64 = 16;

/// How many checks may run side by side: those that are wanted, or fewer, which is said.
///
/// # Errors
/// There are not even descriptors for one.
pub(super) fn jobs(wanted: u16, embedded: bool) -> anyhow::Result<usize> {
    // The limit in force is often far below the one a process may have by itself.
    let limit = net::limits::raise_descriptors().unwrap_or_else(|_| net::limits::descriptors()).soft;
    let possible = possible(limit, embedded);
    if possible == 0 {
        return Err(Failure::not_carried_out(format!(
            "this process may have {limit} descriptors, too few to judge a server; raise the limit: ulimit -n {}",
            needed(1, embedded)
        )));
    }
    let wanted = u64::from(wanted);
    if possible < wanted {
        terminal::tell(&format!(
            "{possible} instead of {wanted} checks run side by side: this process may have {limit} descriptors; for all of \
             them: ulimit -n {}",
            needed(wanted, embedded)
        ));
    }
    Ok(usize::try_from(possible.min(wanted)).unwrap_or(1))
}

/// With the embedded server both ends of a connection are ours, and two entrances are judged at once.
fn ends(embedded: bool) -> u64 {
    if embedded { 4 } else { 1 }
}

fn possible(limit: u64, embedded: bool) -> u64 {
    limit.saturating_sub(BESIDE + BURST * ends(embedded)) / (PER_CHECK * ends(embedded))
}

fn needed(jobs: u64, embedded: bool) -> u64 {
    BESIDE + (BURST + jobs * PER_CHECK) * ends(embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_checks_run_as_there_are_descriptors_for() {
        for (limit, embedded, jobs) in
            [(32, false, 0), (69, false, 0), (70, false, 1), (231, true, 0), (232, true, 1), (1024, true, 50)]
        {
            assert_eq!(possible(limit, embedded), jobs, "{limit}");
            assert!(jobs == 0 || needed(jobs, embedded) <= limit);
        }
        assert!(possible(u64::MAX, false) > 1_000_000);
    }
}

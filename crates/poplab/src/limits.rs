//! What the system must let this process have before anything is begun: so that a low limit is a sentence at the start,
//! and no panic, no abort and no false verdict on a server later. What a load run needs beyond that, its budget knows.

use rustix::process::{Resource, getrlimit};

use crate::exit::Failure;

/// Open files without which nothing works: standard streams, event queues, signals, a listener, a few connections.
const FEWEST_DESCRIPTORS: u64 = 64;
/// Address space, in octets, without which the allocator may end the process.
const LEAST_MEMORY: u64 = 256 * 1024 * 1024;
/// A first thread with less stack, in octets, is not used for the work.
const LEAST_STACK: u64 = 2 * 1024 * 1024;
/// The stack of the thread that is used instead.
pub(crate) const STACK: usize = 8 * 1024 * 1024;

/// Whether the first thread has room enough for the work.
pub(crate) fn is_stack_enough() -> bool {
    soft(Resource::Stack) >= LEAST_STACK
}

/// Whether poplab can work at all, with so many open files for connections, as far as that can be known beforehand.
///
/// # Errors
/// A limit is too low; the message names it and how to raise it.
pub(crate) fn require(connections: u64) -> anyhow::Result<()> {
    let needed = FEWEST_DESCRIPTORS.max(connections);
    if soft(Resource::Nofile) < needed {
        // What the process may do for itself it does; that it may not is told by the limit.
        let _ = net::limits::raise_descriptors();
    }
    judge(needed, soft(Resource::Nofile), soft(Resource::As))
}

fn judge(needed: u64, descriptors: u64, memory: u64) -> anyhow::Result<()> {
    if descriptors < needed {
        return Err(Failure::not_carried_out(format!(
            "the system lets poplab have only {descriptors} open files at once, and this needs {needed}; raise the limit, \
             as with `ulimit -n {}`",
            needed.next_power_of_two().max(1024)
        )));
    }
    if memory < LEAST_MEMORY {
        return Err(Failure::not_carried_out(format!(
            "the system lets poplab have only {} MiB of address space, and this needs {}; raise the limit, as with \
             `ulimit -v unlimited`",
            memory >> 20,
            LEAST_MEMORY >> 20
        )));
    }
    Ok(())
}

/// The limit in force; as good as none if there is none.
fn soft(resource: Resource) -> u64 {
    getrlimit(resource).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_named() {
        let told = |needed, descriptors, memory| {
            judge(needed, descriptors, memory).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(told(64, 64, LEAST_MEMORY), "");
        assert!(told(64, 6, u64::MAX).contains("only 6 open files at once, and this needs 64"));
        assert!(told(2000, 1024, u64::MAX).contains("`ulimit -n 2048`"));
        assert!(told(64, u64::MAX, 100 << 20).contains("only 100 MiB of address space, and this needs 256"));
    }
}

//! What this machine and this process allow, and what they have used: descriptors, ports, memory, processor time.
//!
//! Facts for a load generator's budget and for its watch over itself. Deliberately no judgement of them. What `/proc`
//! does not tell, on a system without it, is `None`.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors a process may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The limit in force; `u64::MAX` for none.
    pub soft: u64,
    /// What the process may raise it to by itself; `u64::MAX` for none.
    pub hard: u64,
}

/// How many descriptors the whole machine has and may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemDescriptors {
    /// Open now.
    pub open: u64,
    /// The most there can be (`fs.file-max`).
    pub most: u64,
}

/// What a thread has had of the processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadTime {
    /// The time it ran.
    pub running: Duration,
    /// The time it was ready to run and waited for a processor.
    pub waiting: Duration,
}

/// This process's limit of descriptors (`RLIMIT_NOFILE`).
pub fn descriptors() -> Descriptors {
    let limit = getrlimit(Resource::Nofile);
    Descriptors { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
}

/// Raises the limit of descriptors as far as the process may by itself, and gives what is in force then.
///
/// # Errors
/// The system refuses; the old limit stays.
pub fn raise_descriptors() -> io::Result<Descriptors> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    }
    Ok(descriptors())
}

/// How many descriptors the whole machine has.
pub fn system_descriptors() -> Option<SystemDescriptors> {
    parse_file_nr(&read("/proc/sys/fs/file-nr")?)
}

/// The ports that the kernel gives to outgoing connections (`net.ipv4.ip_local_port_range`).
pub fn port_range() -> Option<RangeInclusive<u16>> {
    parse_port_range(&read("/proc/sys/net/ipv4/ip_local_port_range")?)
}

/// How many connections may wait to be accepted by one listener (`net.core.somaxconn`).
pub fn backlog() -> Option<u64> {
    number(read("/proc/sys/net/core/somaxconn")?.split_whitespace().next())
}

/// Memory that this process can have without swapping, in octets: no more than its limit of address space leaves it.
pub fn memory_available() -> Option<u64> {
    let available = parse_kibibytes(&read("/proc/meminfo")?, "MemAvailable:")?;
    let Some(limit) = getrlimit(Resource::As).current else { return Some(available) };
    let used = parse_kibibytes(&read("/proc/self/status")?, "VmSize:")?;
    Some(available.min(limit.saturating_sub(used)))
}

/// Memory that this process has in use (resident), in octets.
pub fn memory_resident() -> Option<u64> {
    parse_kibibytes(&read("/proc/self/status")?, "VmRSS:")
}

/// What the calling thread has had of the processors so far.
pub fn thread_time() -> Option<ThreadTime> {
    parse_schedstat(&read("/proc/thread-self/schedstat")?)
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn number(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

/// Open, unused (always 0 since Linux 2.6), most.
fn parse_file_nr(text: &str) -> Option<SystemDescriptors> {
    let mut fields = text.split_whitespace();
    let open = number(fields.next());
    let most = number(fields.nth(1));
    Some(SystemDescriptors { open: open?, most: most? })
}

fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut fields = text.split_whitespace();
    let first: u16 = fields.next()?.parse().ok()?;
    let last: u16 = fields.next()?.parse().ok()?;
    (first <= last).then_some(first..=last)
}

/// The figure of a line such as `VmRSS:     5120 kB`.
fn parse_kibibytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    number(rest.split_whitespace().next())?.checked_mul(1024)
}

/// Nanoseconds run, nanoseconds waited, and a count of turns.
fn parse_schedstat(text: &str) -> Option<ThreadTime> {
    let mut fields = text.split_whitespace();
    let running = Duration::from_nanos(number(fields.next())?);
    let waiting = Duration::from_nanos(number(fields.next())?);
    Some(ThreadTime { running, waiting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        assert_eq!(
            parse_file_nr("2272\t0\t2466183\n"),
            Some(SystemDescriptors { open: 2272, most: 2_466_183 })
        );
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32_768..=60_999));
        let meminfo = "MemTotal:       24583252 kB\nMemFree:         1 kB\nMemAvailable:   22951412 kB\n";
        assert_eq!(parse_kibibytes(meminfo, "MemAvailable:"), Some(22_951_412 * 1024));
        assert_eq!(
            parse_schedstat("1500000000 250000 42\n"),
            Some(ThreadTime { running: Duration::from_millis(1500), waiting: Duration::from_micros(250) })
        );
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for text in ["", "\n", "x", "12", "12 x", "-1 -1 -1"] {
            assert_eq!(parse_file_nr(text), None, "{text:?}");
            assert_eq!(parse_port_range(text), None, "{text:?}");
            assert_eq!(parse_schedstat(text), None, "{text:?}");
        }
        assert_eq!(parse_port_range("60999 32768"), None);
        assert_eq!(parse_port_range("1 65536"), None);
        assert_eq!(parse_kibibytes("VmRSS:", "VmRSS:"), None);
        assert_eq!(parse_kibibytes("VmRSS: 99999999999999999999 kB", "VmRSS:"), None);
    }

    #[test]
    fn raising_the_limit_of_descriptors_never_lowers_it() {
        let before = descriptors();
        let after = raise_descriptors().unwrap();
        assert!(after.soft >= before.soft && after.soft == after.hard, "{before:?} {after:?}");
    }
}

//! Mail given to a shell command on its standard input, as delivery agents take it.
//!
//! One process a message. What the command says goes to stderr, since stdout is for results; a command that does not
//! read, or does not end, is ended.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::environment;
use crate::exit::Failure;

/// How long a command may take for one message, in all.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many processes that a command has started are ended with it.
const MOST_ENDED: usize = 1000;

/// Gives a message to a shell command and waits for it to agree.
///
/// # Errors
/// It cannot be started, does not agree, or does not end within a minute.
pub(super) fn deliver(line: &str, message: &[u8]) -> anyhow::Result<()> {
    deliver_within(line, message, PATIENCE)
}

fn deliver_within(line: &str, message: &[u8], patience: Duration) -> anyhow::Result<()> {
    let mut child = environment::shell(line)
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn()
        .context("cannot run sh")?;
    let stdin = child.stdin.take();
    match attend(&mut child, stdin, message, Instant::now() + patience) {
        Ok(Some((status, _))) if !status.success() => {
            Err(Failure::not_carried_out(format!("the command ended with {status}")))
        }
        Ok(Some((_, read))) if read < message.len() => Err(Failure::not_carried_out(format!(
            "the command did not read the message to its end ({read} of {} octets)",
            message.len()
        ))),
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            end(&mut child);
            let seconds = patience.as_secs();
            Err(Failure::not_carried_out(format!("the command did not end within {seconds} seconds")))
        }
        Err(error) => {
            end(&mut child);
            Err(anyhow::Error::new(error).context("cannot wait for the command"))
        }
    }
}

/// Writes and waits at once. How the command ended, and how many octets it took; nothing when the time is over. Until
/// then its standard input stays open, so that it takes no part of a message for the whole.
fn attend(
    child: &mut Child,
    mut stdin: Option<ChildStdin>,
    message: &[u8],
    deadline: Instant,
) -> io::Result<Option<(ExitStatus, usize)>> {
    let process = pidfd(child)?;
    if let Some(stdin) = &stdin {
        fcntl_setfl(stdin, fcntl_getfl(stdin)? | OFlags::NONBLOCK)?;
    }
    let mut written = 0;
    loop {
        if written == message.len() {
            drop(stdin.take());
        }
        let mut waited = vec![PollFd::new(&process, PollFlags::IN)];
        waited.extend(stdin.as_ref().map(|stdin| PollFd::new(stdin, PollFlags::OUT)));
        match poll(&mut waited, Some(&left(deadline))) {
            Ok(0) => return Ok(None),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !waited[0].revents().is_empty() {
            return Ok(Some((child.wait()?, written)));
        }
        let Some(open) = &mut stdin else { continue };
        match open.write(&message[written..]) {
            Ok(count) => written += count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // It reads no more; how it ends says more than that.
            Err(_) => stdin = None,
        }
    }
}

fn left(deadline: Instant) -> Timespec {
    let left = deadline.saturating_duration_since(Instant::now());
    Timespec { tv_sec: left.as_secs().try_into().unwrap_or(0), tv_nsec: left.subsec_nanos().into() }
}

fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    Ok(pidfd_open(pid(child.id())?, PidfdFlags::empty())?)
}

/// Ends a command and whatever it has started, before any of them sees the end of its standard input and takes the part
/// of a message for the whole.
fn end(child: &mut Child) {
    let mut doomed = vec![child.id()];
    let mut next = 0;
    while let Some(process) = doomed.get(next).copied().filter(|_| doomed.len() < MOST_ENDED) {
        let path = format!("/proc/{process}/task/{process}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        doomed.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    for process in doomed.into_iter().filter_map(|process| pid(process).ok()) {
        // One that has ended by itself is no matter.
        let _ = kill_process(process, Signal::KILL);
    }
    let _ = child.wait();
}

fn pid(number: u32) -> io::Result<Pid> {
    let number = i32::try_from(number).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| io::Error::other("the system gave the command no process number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(5);

    fn told(line: &str, message: &[u8], patience: Duration) -> String {
        deliver_within(line, message, patience)
            .err()
            .map_or_else(|| "given".to_owned(), |error| error.to_string())
    }

    #[test]
    fn a_command_is_given_the_message_to_its_end() {
        let large = vec![b'a'; 1_000_000];
        assert_eq!(told("test $(wc -c) = 1000000", &large, LONG), "given");
        assert_eq!(told("test $(wc -c) = 0", b"", LONG), "given");
        assert_eq!(told("cat > /dev/null; exit 7", b"mail", LONG), "the command ended with exit status: 7");
        let half = told("exec head -c 10 > /dev/null", &large, LONG);
        assert!(half.starts_with("the command did not read the message to its end ("), "{half}");
    }

    #[test]
    fn a_command_that_does_not_end_is_ended_and_takes_no_part_for_the_whole() {
        let place = tempfile::tempdir().unwrap();
        let got = place.path().join("got");
        let large = vec![b'a'; 1_000_000];
        // A shell that waits for another process, which reads nothing before it sees its own end.
        let line = format!("(sleep 600; cat; touch {}) | cat", got.display());
        let least = Duration::from_millis(100);
        assert_eq!(told(&line, &large, least), "the command did not end within 0 seconds");
        assert_eq!(
            told("cat > /dev/null; sleep 600", b"mail", least),
            "the command did not end within 0 seconds"
        );
        assert!(!got.exists());
    }
}

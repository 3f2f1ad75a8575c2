//! The two sides of a measurement as processes of their own, so that the CPU time of one is never the other's.
//!
//! A peer is this same program with a role. It prints one line when it is ready, answers each line of its standard
//! input with a line, and ends when that input ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;

use anyhow::{Context as _, bail};

/// A role under way.
pub(crate) struct Peer {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a role and gives what it said when it was ready.
    ///
    /// # Errors
    /// It cannot be started, or ended at once.
    pub(crate) fn start(role: &str, arguments: &[String]) -> anyhow::Result<(Peer, String)> {
        let program = std::env::current_exe().context("this program cannot find itself")?;
        let mut child = Command::new(program)
            .arg(role)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("the role {role} cannot be started"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the role has no output")?);
        let mut peer = Peer { name: role.to_owned(), child, input, output };
        let ready = peer.line()?;
        Ok((peer, ready))
    }

    /// Asks for the CPU time spent so far by all its threads, nanoseconds, and its resident memory, octets.
    ///
    /// # Errors
    /// The peer has ended.
    pub(crate) fn usage(&mut self) -> anyhow::Result<Usage> {
        let input = self.input.as_mut().context("the role has been told to end")?;
        input.write_all(b"usage\n")?;
        Usage::parse(&self.line()?)
    }

    /// The next line it prints.
    ///
    /// # Errors
    /// The peer has ended.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the role {} ended too early", self.name);
        }
        Ok(line.trim_end().to_owned())
    }

    /// Lets it end and waits for that.
    ///
    /// # Errors
    /// It failed.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the role {} failed: {status}", self.name);
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Only what was started here, and only if it has not ended by itself.
        if self.input.take().is_some() && matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// CPU time of all threads, user and system, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Resident memory, in octets.
    pub(crate) resident: u64,
}

impl Usage {
    /// This process's own.
    pub(crate) fn own() -> Usage {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu_ns = time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs();
        let pages = std::fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|text| text.split(' ').nth(1).and_then(|word| word.parse::<u64>().ok()))
            .unwrap_or_default();
        Usage { cpu_ns, resident: pages * rustix::param::page_size() as u64 }
    }

    /// Reads what a peer said.
    ///
    /// # Errors
    /// It is no usage.
    pub(crate) fn parse(line: &str) -> anyhow::Result<Usage> {
        let mut words = line.split(' ').map(str::parse::<u64>);
        match (words.next(), words.next()) {
            (Some(Ok(cpu_ns)), Some(Ok(resident))) => Ok(Usage { cpu_ns, resident }),
            _ => bail!("not a usage: {line}"),
        }
    }
}

/// Inside a role: says a line.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // Nobody reads any more: the end of the input follows.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Inside a role: answers questions on a thread of its own; the receiver hears when the input has ended.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn answer() -> std::io::Result<mpsc::Receiver<()>> {
    let (ended, end) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let usage = Usage::own();
            say(&format!("{} {}", usage.cpu_ns, usage.resident));
        }
        drop(ended);
    })?;
    Ok(end)
}

/// Keeps this thread, and those it starts from now on, on one core; without such a core they stay where they are.
pub(crate) fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    let _ = rustix::thread::sched_setaffinity(None, &cores);
}

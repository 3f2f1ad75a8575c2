//! Starting and ending a server: what is ended is what was started, told by its recorded process id and a mark in
//! its environment, since a process id alone may by then belong to somebody else.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::room::Room;
use crate::failure::Failure;

/// The environment variable that marks a process as started by us; its value is the instance's directory.
const MARK: &str = "POPLAB_SERVER";

/// Where Debian's own programs are, whatever the search path of who calls us has before them.
pub(super) const PROGRAMS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a server may take to end when asked politely.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a long-running command in the room, away from our terminal, and records its process id.
pub(super) fn start(instance: &Instance, room: &Room, command: &[&str]) -> Result<Child, Failure> {
    let log = instance.logs().join("start.log");
    let opened = OpenOptions::new().create(true).append(true).open(&log);
    let output = opened.map_err(|error| Failure::file("write", &log, &error))?;
    let errors = output.try_clone().map_err(|error| Failure::file("write", &log, &error))?;
    let line = room.command_line(instance, command)?;
    let mut setsid = Command::new("setsid");
    setsid.args(&line).env_clear().env("PATH", PROGRAMS);
    setsid.env(MARK, instance.directory());
    setsid.current_dir("/").stdin(Stdio::null()).stdout(output).stderr(errors);
    let child =
        setsid.spawn().map_err(|error| Failure::environment(format!("cannot run setsid: {error}")))?;
    let pids = instance.pids();
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&pids)
        .and_then(|mut file| writeln!(file, "{}", child.id()))
        .map_err(|error| Failure::file("write", &pids, &error))?;
    Ok(child)
}

/// The recorded process ids that are still ours.
pub(super) fn running(instance: &Instance) -> Result<Vec<u32>, Failure> {
    let path = instance.pids();
    let recorded = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file("read", &path, &error)),
    };
    let mark = format!("{MARK}={}", instance.text());
    Ok(recorded
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .filter(|pid| is_marked(*pid, &mark))
        .collect())
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is asked, and killed if it does not end.
    Asked,
    /// It is killed with all that it has started, and writes down nothing any more.
    Killed,
}

/// Ends what runs, and forgets it.
pub(super) fn down(instance: &Instance) -> Result<(), Failure> {
    let ended = end_all(instance, End::Asked)?;
    let _ = std::fs::remove_file(instance.description());
    let directory = instance.directory().display();
    if ended == 0 {
        println!("nothing of {directory} was running");
    } else {
        println!("the server in {directory} is down; delete the directory to free its space");
    }
    Ok(())
}

/// Ends what runs, and gives how many that were.
pub(super) fn end_all(instance: &Instance, how: End) -> Result<usize, Failure> {
    let ours = running(instance)?;
    for &pid in &ours {
        end(instance, pid, how)?;
    }
    let _ = std::fs::remove_file(instance.pids());
    // Gone with the overlay, if there was one.
    let _ = std::fs::remove_dir_all(instance.sockets());
    Ok(ours.len())
}

/// Ends one recorded process: its children are the server, asked first; then everything below it is killed.
fn end(instance: &Instance, pid: u32, how: End) -> Result<(), Failure> {
    let mark = format!("{MARK}={}", instance.text());
    let kill = || {
        for process in descendants(pid) {
            signal("KILL", process);
        }
        signal("KILL", pid);
    };
    match how {
        // The leader itself (unshare, or a shell) ends when the server does, and takes what is left with it.
        End::Asked => children(pid).into_iter().for_each(|child| signal("TERM", child)),
        End::Killed => kill(),
    }
    let start = Instant::now();
    while is_marked(pid, &mark) {
        if start.elapsed() > PATIENCE {
            kill();
        }
        if start.elapsed() > 2 * PATIENCE {
            return Err(Failure::environment(format!("process {pid} does not end, not even when killed")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Whether a process lives and carries the mark. A zombie has no environment any more.
fn is_marked(pid: u32, mark: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|octet| *octet == 0).any(|entry| entry == mark.as_bytes()))
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| {
        let path: PathBuf = thread.path().join("children");
        std::fs::read_to_string(path).ok()
    });
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut index = 0;
    while let Some(&next) = found.get(index) {
        found.extend(children(next));
        index += 1;
    }
    found
}

fn signal(name: &str, pid: u32) {
    // Fails if the process ended in between, which is what is wanted.
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_process_is_ours_only_with_the_mark_of_the_same_directory() {
        let mut child = Command::new("cat")
            .env(MARK, "/tmp/one")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat starts");
        // A process that has answered has its new environment; one just started may not have it yet.
        let mut answer = [0; 2];
        child.stdin.as_mut().expect("piped").write_all(b"a\n").expect("cat reads");
        child.stdout.as_mut().expect("piped").read_exact(&mut answer).expect("cat writes");
        assert!(is_marked(child.id(), "POPLAB_SERVER=/tmp/one"));
        assert!(!is_marked(child.id(), "POPLAB_SERVER=/tmp/on"));
        assert!(children(std::process::id()).contains(&child.id()));
        drop(child.stdin.take());
        child.wait().expect("cat ends");
        assert!(!is_marked(child.id(), "POPLAB_SERVER=/tmp/one"));
    }
}

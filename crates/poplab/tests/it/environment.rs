//! A place of its own for each test: an empty folder, a cleared environment, and the program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a test waits for anything, at most; nothing that is right takes a tenth of it.
pub(crate) const LONGEST: Duration = Duration::from_mins(3);

/// A folder to work in and the program in it.
pub(crate) struct TestEnv {
    folder: tempfile::TempDir,
}

/// What a run of the program came to.
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program with these arguments, ready to be started ([`start`]). Nothing of this process's environment is in it,
    /// and signals, umask and limits are the usual ones, whatever `nohup` or a runner made of ours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_after("", arguments)
    }

    /// The same after these commands of a shell, such as `umask 077;`, which becomes the program.
    pub(crate) fn command_after(&self, setup: &str, arguments: &[&str]) -> Command {
        let usual = "umask 022; ulimit -S -c 0; ulimit -S -n \"$(n=$(ulimit -H -n); [ $n = unlimited ] || [ $n -gt 1024 ] && n=1024; echo $n)\"";
        let script = format!("{usual}; {setup} exec \"$0\" \"$@\"");
        let mut command = Command::new("/usr/bin/env");
        // A shell cannot undo that a signal is ignored.
        command
            .args(["--default-signal", "bash", "-c", &script, env!("CARGO_BIN_EXE_poplab")])
            .args(arguments);
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("TMPDIR", self.folder.path()).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(start(&mut self.command(arguments)))
    }

    /// The same after these commands of a shell.
    pub(crate) fn run_after(&self, setup: &str, arguments: &[&str]) -> Ended {
        Ended::of(start(&mut self.command_after(setup, arguments)))
    }

    /// The same where no file may have more than so many KiB: a disk that is full, for everything but the small.
    pub(crate) fn run_without_room(&self, arguments: &[&str], kibibytes: u32) -> Ended {
        // Without the trap the system would end the program.
        self.run_after(&format!("trap '' XFSZ; ulimit -f {kibibytes};"), arguments)
    }

    /// The same with this umask, for files that are made.
    pub(crate) fn run_with_umask(&self, arguments: &[&str], umask: &str) -> Ended {
        self.run_after(&format!("umask {umask};"), arguments)
    }

    /// The same with a password in the environment, as `SECRET`.
    pub(crate) fn run_with_secret(&self, arguments: &[&str], secret: &str) -> Ended {
        Ended::of(start(self.command(arguments).env("SECRET", secret)))
    }

    /// The text with everything that changes from run to run replaced.
    pub(crate) fn masked(&self, text: &str) -> String {
        mask(text, self.folder.path())
    }

    /// Output and exit code, masked, as a snapshot.
    pub(crate) fn told(&self, ended: &Ended) -> String {
        let code = ended.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let text = format!("exit code {code}\n--- stdout\n{}--- stderr\n{}", ended.stdout, ended.stderr);
        self.masked(&text)
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// The records of a run, which are there in every case.
    pub(crate) fn records(&self, folder: &str) -> (record::Run, record::Results) {
        let run = record::Run::parse(&self.read(&format!("{folder}/run.json"))).expect("run.json reads back");
        let results = self.read(&format!("{folder}/results.json"));
        (run, record::Results::parse(&results).expect("results.json reads back"))
    }
}

/// Starts a program, and ends it when it goes on for too long: whoever waits for its end, or for a word of it, waits in
/// vain then, and the test fails instead of standing still.
pub(crate) fn start(command: &mut Command) -> Child {
    let child = command.spawn().expect("the program starts");
    let number = child.id().try_into().ok().and_then(Pid::from_raw).expect("a number");
    // Tells the process from another one that gets its number later.
    let process = pidfd_open(number, PidfdFlags::empty()).expect("a process");
    std::thread::spawn(move || {
        let patience = Timespec { tv_sec: LONGEST.as_secs().cast_signed(), tv_nsec: 0 };
        if poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)) == Ok(0) {
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    });
    child
}

impl Ended {
    /// Waits for a program that was [`start`]ed.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().expect("the program ends");
        let text = |octets: Vec<u8>| String::from_utf8(octets).expect("UTF-8");
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
    }
}

/// Replaces the folder, ports, times, durations and hashes. The one place that knows what is volatile.
fn mask(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "[FOLDER]");
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let mut took = false;
        for word in line.split_inclusive(' ') {
            let bare = word.trim_end_matches([' ', '\n', ',', '.']);
            let rest = &word[bare.len()..];
            let shown = mask_word(bare, took);
            took = if took { bare.parse::<f64>().is_ok() } else { bare == "took" };
            masked.push_str(&shown);
            masked.push_str(rest);
        }
    }
    mask_ports(&masked)
}

fn mask_word(word: &str, took: bool) -> String {
    let is_time = word.len() > 19 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let is_hash = word.len() == 64 && word.bytes().all(|octet| octet.is_ascii_hexdigit());
    match word {
        _ if is_time => "[TIME]".to_owned(),
        _ if is_hash => "[SHA256]".to_owned(),
        _ if took && word.parse::<f64>().is_ok() => "[NUMBER]".to_owned(),
        _ if took => "[UNIT]".to_owned(),
        _ => word.to_owned(),
    }
}

fn mask_ports(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(HOST);
        masked.push_str("[PORT]");
        masked.push_str(part.trim_start_matches(|character: char| character.is_ascii_digit()));
    }
    masked
}

#[test]
fn a_program_is_started_as_usual_whatever_a_runner_made_of_our_signals() {
    let env = TestEnv::new();
    let usual = env.command_after("grep SigIgn /proc/self/status; umask; exit 7;", &[]);
    let mut command = Command::new("/usr/bin/env");
    // As `nohup` does it, and a runner in the background.
    command.args(["--ignore-signal=HUP,INT,QUIT", "bash", "-c", "umask 077; exec \"$0\" \"$@\""]);
    command.arg(usual.get_program()).args(usual.get_args()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Ended::of(start(&mut command));
    let (ignored, umask) = ended.stdout.split_once('\n').expect("two lines");
    let ignored =
        ignored.rsplit('\t').next().and_then(|mask| u64::from_str_radix(mask, 16).ok()).expect("a mask");
    // Those above 31 are none that anybody sends to us.
    assert_eq!((ended.code, ignored & 0x7fff_ffff, umask), (Some(7), 0, "0022\n"), "{}", ended.stderr);
}

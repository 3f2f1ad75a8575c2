//! `cargo xtask servers`: a real mail server on loopback, with accounts for every role and the fixture mail.
//!
//! Each server lives in a directory of its own: software, configuration, certificates, mail, logs. Nothing is
//! installed on the host where the kernel allows an overlay, every listener is on 127.0.0.1, and `down` ends exactly
//! what `up` started. Needs root. Nothing is judged here: `check` runs `poplab conformance`.

mod certificate;
mod check;
mod dovecot;
mod instance;
pub(crate) mod load;
mod passwords;
mod process;
mod room;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::workspace;
pub(crate) use dovecot::Setup;
use instance::Instance;

/// Names have five digits.
const MOST_LOAD_ACCOUNTS: u32 = 99_999;

const USAGE: &str = "\
usage: cargo xtask servers ACTION dovecot [--dir DIR] [--no-penalty] [--load COUNT]

  up        install, configure and start the server, seed its mail, print how to judge it
  down      end what `up` started, and nothing else; the directory stays for a quick next start
  status    say whether it runs; exit code 1 if not
  reset     put the mail back as it was after `up`
  check     judge both entrances against the approved baseline, each after a reset
  load      seed the load accounts by LMTP and put a small load on both entrances; needs `up --load 60` or more

  --dir DIR      the directory of the server (default: target/servers/dovecot in the repository)
  --no-penalty   with `up`: switch off Dovecot's delay for addresses whose logins failed
  --load COUNT   with `up`: so many more accounts, load00001 and on, for load runs
";

/// What is to be done with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Up,
    Down,
    Status,
    Reset,
    Check,
    Load,
}

/// Runs one command line.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if arguments.first().is_some_and(|first| first == room::ENTER) {
        return room::enter(&arguments[1..]);
    }
    let line = Line::parse(arguments)?;
    if line.help {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    carry_out(line.action, &line.directory, line.setup)
}

/// Does one thing with the server in `directory`; the set-up counts for [`Action::Up`] alone.
pub(crate) fn carry_out(action: Action, directory: &Path, setup: Setup) -> Result<ExitCode, Failure> {
    if action != Action::Status && !is_root() {
        return Err(Failure::environment(
            "`servers` needs root: it mounts an overlay and starts a mail server with a user of its own; try \
             `sudo env \"PATH=$PATH\" cargo xtask servers …`",
        ));
    }
    let instance = Instance::at(directory)?;
    match action {
        Action::Up => dovecot::up(&instance, setup).map(|()| ExitCode::SUCCESS),
        Action::Down => process::down(&instance).map(|()| ExitCode::SUCCESS),
        Action::Reset => dovecot::reset(&instance).map(|()| ExitCode::SUCCESS),
        Action::Check => check::check(&instance),
        Action::Load => load::load(&instance),
        Action::Status => status(&instance),
    }
}

/// Whether this process may do everything; `/proc/self` belongs to the effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn status(instance: &Instance) -> Result<ExitCode, Failure> {
    if process::running(instance)?.is_empty() {
        println!("dovecot in {} is down", instance.directory().display());
        return Ok(ExitCode::from(1));
    }
    println!("dovecot in {} is up", instance.directory().display());
    if let Ok(description) = std::fs::read_to_string(instance.description()) {
        print!("{description}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    action: Action,
    directory: PathBuf,
    setup: Setup,
    help: bool,
}

impl Line {
    fn parse(arguments: &[OsString]) -> Result<Line, Failure> {
        let mut words = Vec::new();
        let mut directory = None;
        let (mut setup, mut help) = (Setup::PLAIN, false);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--dir") => match arguments.next() {
                    Some(value) => directory = Some(PathBuf::from(value)),
                    None => return Err(wrong("`--dir` needs a directory")),
                },
                Some("--no-penalty") => setup.penalty = false,
                Some("--load") => {
                    let count = arguments.next().and_then(|value| value.to_str()?.parse().ok());
                    setup.load = count.filter(|count| *count <= MOST_LOAD_ACCOUNTS).ok_or_else(|| {
                        wrong(&format!("`--load` needs a number of accounts, at most {MOST_LOAD_ACCOUNTS}"))
                    })?;
                }
                Some("-h" | "--help") => help = true,
                Some(word) if !word.starts_with('-') => words.push(word),
                _ => return Err(wrong(&format!("there is no option `{}`", argument.to_string_lossy()))),
            }
        }
        let action = match words.first().copied() {
            Some("up") => Action::Up,
            Some("down") => Action::Down,
            Some("reset") => Action::Reset,
            Some("check") => Action::Check,
            Some("load") => Action::Load,
            Some("status") => Action::Status,
            None if help => Action::Status,
            None => return Err(wrong("an action is missing")),
            Some(other) => return Err(wrong(&format!("there is no action `{other}`"))),
        };
        match words.get(1..) {
            _ if help => {}
            Some(["dovecot"]) => {}
            Some([] | [_]) | None => return Err(wrong("say which server; there is `dovecot`")),
            Some([_, extra, ..]) => return Err(wrong(&format!("`{extra}` is one word too many"))),
        }
        if setup != Setup::PLAIN && action != Action::Up {
            return Err(wrong("`--no-penalty` and `--load` go with `up`"));
        }
        let directory = directory.unwrap_or_else(|| workspace::root().join("target/servers/dovecot"));
        Ok(Line { action, directory, setup, help })
    }
}

fn wrong(what: &str) -> Failure {
    Failure::usage(format!("{what}\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Line, String> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Line::parse(&arguments)
            .map_err(|failure| failure.to_string().lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_command_line_says_what_where_and_how() {
        let line = parse("up dovecot --dir /tmp/a --no-penalty --load 500").expect("a good line");
        let setup = Setup { penalty: false, load: 500 };
        assert_eq!((line.action, line.directory, line.setup), (Action::Up, PathBuf::from("/tmp/a"), setup));
        let line = parse("check dovecot").expect("a good line");
        assert!(line.directory.ends_with("target/servers/dovecot") && line.setup == Setup::PLAIN);
    }

    #[test]
    fn a_wrong_command_line_is_explained() {
        for (line, expected) in [
            ("", "an action is missing"),
            ("up", "say which server; there is `dovecot`"),
            ("up courier", "say which server; there is `dovecot`"),
            ("up dovecot now", "`now` is one word too many"),
            ("start dovecot", "there is no action `start`"),
            ("up dovecot --dir", "`--dir` needs a directory"),
            ("up dovecot --fast", "there is no option `--fast`"),
            ("down dovecot --no-penalty", "`--no-penalty` and `--load` go with `up`"),
            ("up dovecot --load many", "`--load` needs a number of accounts, at most 99999"),
        ] {
            assert_eq!(parse(line), Err(expected.to_owned()), "{line}");
        }
    }
}

//! `cargo xtask servers`: a real mail server on loopback, with accounts for every role and the fixture mail.
//!
//! Each server lives in a directory of its own: software, configuration, certificates, mail, logs. Nothing is
//! installed on the host where the kernel allows an overlay, every listener is on 127.0.0.1, and `down` ends exactly
//! what `up` started. Needs root. Nothing is judged here: `check` runs `poplab conformance`.
//!
//! `table.rs` lists the servers; there is a file for each family. All else is the same for all of them.

mod certificate;
mod check;
mod courier;
mod dovecot;
mod hooks;
mod instance;
pub(crate) mod load;
mod mail;
mod mailutils;
mod passwords;
mod ports;
mod process;
mod release;
mod room;
mod table;
mod up;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::workspace;
use instance::Instance;
use process::End;
pub(crate) use table::{Server, Setup};

/// Names have five digits.
const MOST_LOAD_ACCOUNTS: u32 = 99_999;

const USAGE: &str = "\
usage: cargo xtask servers ACTION NAME [--dir DIR] [--no-penalty] [--load COUNT]

NAME is one of NAMES, or a family
alone for the first of it: `dovecot` means `dovecot-2.3`.

  up        install, configure and start the server, seed its mail, print how to judge it
  down      end what `up` started, and nothing else; the directory stays for a quick next start
  status    say whether it runs; exit code 1 if not
  reset     put the mail back as it was after `up`
  check     judge both entrances against the approved baseline, each after a reset
  load      seed the load accounts by LMTP and put a small load on both entrances; needs `up --load 60` or more
  restart   end the server and start it again, with the same mail, users and ports
  kill      the same, but the server is killed and not asked
  deliver   NAME USER: put the message on standard input, with the line ends of Unix, into a maildrop

  --dir DIR      the directory of the server (default: target/servers/NAME in the repository)
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
    Restart,
    Kill,
    Deliver,
}

/// Runs one command line.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if arguments.first().is_some_and(|first| first == room::ENTER) {
        return room::enter(&arguments[1..]);
    }
    let line = Line::parse(arguments)?;
    if line.help {
        print!("{}", usage());
        return Ok(ExitCode::SUCCESS);
    }
    let directory = line.directory.unwrap_or_else(|| directory_of(line.server));
    if let (Action::Deliver, Some(user)) = (line.action, &line.user) {
        return mail::deliver(&Instance::at(&directory)?, line.server, user).map(|()| ExitCode::SUCCESS);
    }
    carry_out(line.action, line.server, &directory, line.setup)
}

/// Where a server lives if nothing else is said.
fn directory_of(server: &Server) -> PathBuf {
    workspace::root().join("target/servers").join(server.name)
}

/// Does one thing with the server in `directory`; the set-up counts for [`Action::Up`] alone.
pub(crate) fn carry_out(
    action: Action,
    server: &Server,
    directory: &Path,
    setup: Setup,
) -> Result<ExitCode, Failure> {
    if action != Action::Status && !is_root() {
        return Err(Failure::environment(
            "`servers` needs root: it mounts an overlay and starts a mail server with a user of its own; try \
             `sudo env \"PATH=$PATH\" cargo xtask servers …`",
        ));
    }
    let instance = Instance::at(directory)?;
    let done = match action {
        Action::Up => up::up(&instance, server, setup),
        Action::Down => process::down(&instance),
        Action::Reset => up::reset(&instance, server),
        Action::Restart => up::restart(&instance, server, End::Asked),
        Action::Kill => up::restart(&instance, server, End::Killed),
        Action::Deliver => Err(wrong("`deliver` needs a user")),
        Action::Check => return check::check(&instance, server),
        Action::Load => return load::load(&instance, server),
        Action::Status => return status(&instance, server),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Whether this process may do everything; `/proc/self` belongs to the effective user.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn status(instance: &Instance, server: &Server) -> Result<ExitCode, Failure> {
    if process::running(instance)?.is_empty() {
        println!("{} in {} is down", server.name, instance.directory().display());
        return Ok(ExitCode::from(1));
    }
    println!("{} in {} is up", server.name, instance.directory().display());
    if let Ok(description) = std::fs::read_to_string(instance.description()) {
        print!("{description}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A parsed command line.
#[derive(Debug)]
struct Line {
    action: Action,
    server: &'static Server,
    directory: Option<PathBuf>,
    setup: Setup,
    /// For [`Action::Deliver`].
    user: Option<String>,
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
        let mut words = words.into_iter();
        let action = match words.next() {
            None if help => Action::Status,
            None => return Err(wrong("an action is missing")),
            Some(word) => action(word).ok_or_else(|| wrong(&format!("there is no action `{word}`")))?,
        };
        let named = if help { Some("dovecot") } else { words.next() };
        let server = match named.map(|name| (name, Server::named(name))) {
            Some((_, Some(server))) => server,
            Some((name, None)) => return Err(wrong(&format!("there is no server `{name}`"))),
            None => return Err(wrong("say which server")),
        };
        let user = if action == Action::Deliver { words.next().map(str::to_owned) } else { None };
        match words.next() {
            Some(extra) if !help => return Err(wrong(&format!("`{extra}` is one word too many"))),
            _ => {}
        }
        if setup != Setup::PLAIN && action != Action::Up {
            return Err(wrong("`--no-penalty` and `--load` go with `up`"));
        }
        Ok(Line { action, server, directory, setup, user, help })
    }
}

fn action(word: &str) -> Option<Action> {
    Some(match word {
        "up" => Action::Up,
        "down" => Action::Down,
        "reset" => Action::Reset,
        "check" => Action::Check,
        "load" => Action::Load,
        "status" => Action::Status,
        "restart" => Action::Restart,
        "kill" => Action::Kill,
        "deliver" => Action::Deliver,
        _ => return None,
    })
}

fn usage() -> String {
    USAGE.replace("NAMES", &Server::names().join(", "))
}

fn wrong(what: &str) -> Failure {
    Failure::usage(format!("{what}\n\n{}", usage()))
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
        assert_eq!((line.action, line.directory), (Action::Up, Some(PathBuf::from("/tmp/a"))));
        assert_eq!((line.server.name, line.setup), ("dovecot-2.3", Setup { penalty: false, load: 500 }));
        let line = parse("check courier-1.4").expect("a good line");
        assert_eq!((line.action, line.server.name, line.directory), (Action::Check, "courier-1.4", None));
        assert!(directory_of(line.server).ends_with("target/servers/courier-1.4"));
        assert_eq!(parse("deliver mailutils second1").expect("a good line").user.as_deref(), Some("second1"));
    }

    #[test]
    fn a_wrong_command_line_is_explained() {
        for (line, expected) in [
            ("", "an action is missing"),
            ("up", "say which server"),
            ("up cyrus", "there is no server `cyrus`"),
            ("up dovecot now", "`now` is one word too many"),
            ("start dovecot", "there is no action `start`"),
            ("up dovecot --dir", "`--dir` needs a directory"),
            ("up dovecot --fast", "there is no option `--fast`"),
            ("down dovecot --no-penalty", "`--no-penalty` and `--load` go with `up`"),
            ("up dovecot --load many", "`--load` needs a number of accounts, at most 99999"),
        ] {
            assert_eq!(parse(line).expect_err("a wrong line"), expected, "{line}");
        }
    }
}

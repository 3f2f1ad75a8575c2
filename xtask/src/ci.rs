//! `cargo xtask ci`: everything that CI checks, the same at home.
//!
//! It goes on after a failure, so that one run tells all; a table at the end says what failed. The tests come last:
//! on success nothing follows their output.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::deny::Deny;
use crate::failure::Failure;
use crate::servers::{self, Action, Server, Setup};
use crate::{consumers, forward, tidy, workspace};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Passed,
    Failed,
    /// Not possible here; the reason was printed.
    LeftOut,
}

/// A step that was carried out.
struct Done {
    name: &'static str,
    ending: Ending,
    took: Duration,
    /// What kept it from passing, as far as it is not the output of another program.
    why: Option<String>,
}

/// A step: its name, and what it does.
type Step = (&'static str, fn() -> Result<Ending, Failure>);

/// The option that chooses the real servers.
const CHOICE: &str = "--servers";

const STEPS: &[Step] = &[
    ("format", format),
    ("clippy", clippy),
    ("tidy", tidy),
    ("docs", docs),
    ("dependencies", dependencies),
    ("conformance of the embedded server", conformance),
    ("parsers of CI systems", parsers),
];

const TESTS: Step = ("tests", all_tests);

/// Runs all steps; exit code 1 if any failed.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let chosen = chosen(arguments)?;
    let mut done: Vec<Done> = STEPS.iter().copied().map(carry_out).collect();
    done.extend(side_by_side(&chosen));
    // Printed before the tests, since nothing may follow their last lines when all is well.
    println!("\n{}", table(&done));
    done.push(carry_out(TESTS));
    if done.iter().all(|step| step.ending != Ending::Failed) {
        return Ok(ExitCode::SUCCESS);
    }
    // Where only the end of a long output is read, the reasons are there.
    for step in &done {
        if let Some(why) = &step.why {
            println!("\n{}: {why}", step.name);
        }
    }
    println!("\n{}", table(&done));
    Ok(ExitCode::from(1))
}

fn carry_out((name, work): (&'static str, impl FnOnce() -> Result<Ending, Failure>)) -> Done {
    println!("\n=== {name}");
    // What the step's children print must come after its name, also into a pipe.
    let _ = std::io::stdout().flush();
    let start = Instant::now();
    let (ending, why) = match work() {
        Ok(ending) => (ending, None),
        Err(failure) => {
            eprintln!("error: {failure}");
            (Ending::Failed, Some(failure.to_string()))
        }
    };
    let took = start.elapsed();
    if (name, ending) != (TESTS.0, Ending::Passed) {
        println!("=== {name}: {} in {:.1} s", word(ending), took.as_secs_f64());
    }
    Done { name, ending, took, why }
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Passed => "passed",
        Ending::Failed => "FAILED",
        Ending::LeftOut => "LEFT OUT",
    }
}

fn table(done: &[Done]) -> String {
    let width = done.iter().map(|step| step.name.len()).max().unwrap_or_default();
    let line = |step: &Done| {
        format!("{:<width$}  {:<8}  {:>7.1} s", step.name, word(step.ending), step.took.as_secs_f64())
    };
    done.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn format() -> Result<Ending, Failure> {
    cargo(&["fmt", "--all", "--check"], &[])
}

fn clippy() -> Result<Ending, Failure> {
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
}

fn tidy() -> Result<Ending, Failure> {
    tidy::run().map(|code| ended(code == ExitCode::SUCCESS))
}

fn docs() -> Result<Ending, Failure> {
    cargo(&["doc", "--quiet", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
}

/// Licences, sources and duplicates. Advisories are another command, since they need the network.
fn dependencies() -> Result<Ending, Failure> {
    let deny = match Deny::find() {
        Ok(deny) => deny,
        Err(why) if std::env::var_os("CI").is_some_and(|value| value == "true") => {
            return Err(Failure::environment(format!("{why}; `.ci/run` installs it")));
        }
        Err(why) => {
            loud(&format!("licences and sources are NOT checked: {why}"));
            return Ok(Ending::LeftOut);
        }
    };
    println!(
        "{}; advisories need the network and are not part of this: `cargo deny check advisories`",
        deny.program().display()
    );
    let mut seen = deny.check()?;
    if !seen.judged() {
        // The sources of packages for other platforms are only needed here, and come over the network.
        loud("cargo-deny could not look; fetching all packages and trying once more");
        cargo(&["fetch", "--locked"], &[])?;
        seen = deny.check()?;
    }
    match seen.code {
        Some(0) => Ok(Ending::Passed),
        _ if seen.judged() => Err(Failure::environment(format!("cargo-deny objects:\n{}", seen.text))),
        _ => {
            loud(&format!("cargo-deny could not look: licences and sources are NOT checked\n{}", seen.text));
            Ok(Ending::LeftOut)
        }
    }
}

fn conformance() -> Result<Ending, Failure> {
    let binary = forward::build()?;
    let out = workspace::root().join("target/ci/embedded");
    finish(Command::new(&binary).current_dir(workspace::root()).arg("conformance").arg("--out").arg(&out))
}

/// The reports of real runs, read by the programs that read them at the users'.
fn parsers() -> Result<Ending, Failure> {
    Ok(consumers::read()?.map_or(Ending::LeftOut, ended))
}

/// One release of each real server, those that need no other Debian than this one's. The others are judged when they are named.
const USUAL: [&str; 3] = ["dovecot-2.3", "courier-1.0", "mailutils-3.15"];

/// The real servers to judge: those named, or the usual ones.
fn chosen(arguments: &[OsString]) -> Result<Vec<&'static Server>, Failure> {
    let words: Option<Vec<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
    let names = match words.as_deref() {
        Some([]) => USUAL.to_vec(),
        Some([CHOICE, "all"]) => Server::names(),
        Some([CHOICE, names]) => names.split(',').collect(),
        _ => {
            let names = Server::names().join(",");
            return Err(Failure::usage(format!(
                "`ci` takes nothing but `{CHOICE} all` or `{CHOICE} {names}`"
            )));
        }
    };
    let server = |name| {
        Server::named(name).ok_or_else(|| Failure::usage(format!("there is no server `{name}` to be judged")))
    };
    names.into_iter().map(server).collect()
}

/// All at the same time: each spends most of it waiting, as after a wrong password.
fn side_by_side(servers: &[&'static Server]) -> Vec<Done> {
    std::thread::scope(|scope| {
        let judged: Vec<_> = servers
            .iter()
            .map(|&server| {
                (server.name, scope.spawn(move || carry_out((server.name, || real_server(server)))))
            })
            .collect();
        judged.into_iter().map(|(name, thread)| thread.join().unwrap_or_else(|_| broken(name))).collect()
    })
}

/// What is told of a step that did not come to an end.
fn broken(name: &'static str) -> Done {
    let why = Some("it panicked; the reason stands above".to_owned());
    Done { name, ending: Ending::Failed, took: Duration::ZERO, why }
}

/// A real server: whether it is as approved, and right under load where it can be put under load.
fn real_server(server: &Server) -> Result<Ending, Failure> {
    if !servers::is_root() {
        loud("not root: the server is NOT judged (servers are installed into an overlay, which needs root)");
        return Ok(Ending::LeftOut);
    }
    // A folder of its own, so that a server that the developer has up is left alone.
    let directory = workspace::root().join("target/servers").join(format!("ci-{}", server.name));
    // A failed `up` leaves nothing running; what runs then is somebody else's, and is not ours to end.
    let load = if server.takes_load() { servers::load::ACCOUNTS } else { 0 };
    servers::carry_out(Action::Up, server, &directory, Setup { load, ..Setup::PLAIN })?;
    let mut codes = vec![servers::carry_out(Action::Check, server, &directory, Setup::PLAIN)];
    if load > 0 {
        codes.push(servers::carry_out(Action::Load, server, &directory, Setup::PLAIN));
    }
    let down = servers::carry_out(Action::Down, server, &directory, Setup::PLAIN);
    let codes = codes.into_iter().collect::<Result<Vec<_>, _>>()?;
    down?;
    Ok(ended(codes.iter().all(|code| *code == ExitCode::SUCCESS)))
}

fn all_tests() -> Result<Ending, Failure> {
    cargo(&["test", "--workspace"], &[])
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Ending, Failure> {
    finish(workspace::cargo().args(arguments).envs(environment.iter().copied()))
}

fn finish(command: &mut Command) -> Result<Ending, Failure> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| {
        Failure::environment(format!("cannot run {}: {error}", command.get_program().display()))
    })?;
    Ok(ended(status.success()))
}

fn ended(well: bool) -> Ending {
    if well { Ending::Passed } else { Ending::Failed }
}

fn loud(message: &str) {
    println!("!!! {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_servers_are_chosen_by_name() {
        let names = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            chosen(&words).map(|servers| servers.iter().map(|server| server.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).ok(), Some(USUAL.to_vec()));
        assert_eq!(names(&[CHOICE, "all"]).ok(), Some(Server::names()));
        assert_eq!(names(&[CHOICE, "courier,dovecot-2.4"]).ok(), Some(vec!["courier-1.0", "dovecot-2.4"]));
        for wrong in [&[CHOICE][..], &["all"], &[CHOICE, "cyrus"]] {
            assert!(names(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_table_names_every_step_its_ending_and_its_time() {
        let done = [
            Done { name: "tidy", ending: Ending::Passed, took: Duration::from_millis(1234), why: None },
            Done { name: "dependencies", ending: Ending::LeftOut, took: Duration::ZERO, why: None },
            Done { name: "tests", ending: Ending::Failed, took: Duration::from_secs(75), why: None },
        ];
        assert_eq!(
            table(&done),
            "tidy          passed        1.2 s\n\
             dependencies  LEFT OUT      0.0 s\n\
             tests         FAILED       75.0 s"
        );
    }
}

//! `cargo xtask`: the chores of the repository, one file per command.
//!
//! The commands for users (`conformance`, `fake`, `seed`, …) are forwarded to the release binary with their
//! arguments untouched; the chores (`tidy`, `servers`, `ci`) are done here. This crate links no engine and has no
//! dependency, so that it compiles in a second or two. It speaks no POP3 and judges nothing itself. Unix only.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to people")]

mod ci;
mod consumers;
mod deny;
mod failure;
mod forward;
mod generate;
mod mutants;
mod servers;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
usage: cargo xtask COMMAND [ARGUMENTS]

for users, forwarded to the release build of `poplab` (`cargo xtask conformance --help` explains each):
  conformance   judge a POP3 server; without --target, an embedded one
  load          put load on a POP3 server; without --target, on a fake one
  compare       compare two load runs
  fake          start the fake POP3 server
  record        stand between a mail program and a real server, and write down what they say
  seed          put the fixture mail into a server's maildrops
  report        render an old run again
  completions   print shell completions
  man           print the manual page

chores of the repository:
  ci            everything that CI checks, in its order; `--servers NAME,…` or `all` chooses the real servers
  consumers     hand reports to the parsers that CI systems read them with
  gen           write the pages of `docs` that the program itself tells; `--check` compares them
  mutants       judge the fake server with each of its defects, and print the table of defects and checks
  tidy          test the invariants of ARCHITECTURE.md
  bench         measure the load engine and the fake server against a bare epoll client and server
  servers       start, stop, seed and judge a real server: servers up|down|reset|check|… NAME
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match run(&command.to_string_lossy(), &rest) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(command: &str, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    match command {
        "conformance" | "fake" | "judge" | "load" | "seed" | "record" | "report" | "compare"
        | "completions" | "man" => forward::forward(command, arguments),
        "tidy" => no_arguments(command, arguments).and_then(|()| tidy::run()),
        "gen" => generate::run(arguments),
        "mutants" => mutants::run(arguments),
        "consumers" => no_arguments(command, arguments).and_then(|()| consumers::run()),
        "ci" => ci::run(arguments),
        "bench" => forward::bench(arguments),
        "servers" => servers::run(arguments),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        "" => Err(Failure::usage(format!("a command is missing\n\n{HELP}"))),
        unknown => Err(Failure::usage(format!("there is no command `{unknown}`\n\n{HELP}"))),
    }
}

fn no_arguments(command: &str, arguments: &[OsString]) -> Result<(), Failure> {
    match arguments.first() {
        None => Ok(()),
        Some(first) => Err(Failure::usage(format!(
            "`{command}` takes no argument, but got `{}`",
            first.to_string_lossy()
        ))),
    }
}

//! `cargo xtask bench`: what the load engine and the fake server cost, against a bare epoll client and server that run
//! beside them, and whether what the engine measures is true.
//!
//! Figures are ratios of CPU time taken side by side, in turn, on two cores: one side of each pair on each. Absolute
//! times of this machine stand beside them for orientation. It judges no mail server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to people")]

mod figure;
mod floor;
mod measure;
mod peer;
mod roles;

use std::process::ExitCode;

use measure::Bench;

/// Sessions at once where cost is measured.
pub(crate) const AT_ONCE: usize = 32;

const HELP: &str = "\
usage: cargo xtask bench [PART…] [--rounds N] [--quick]

  cost      client CPU of a session and of a verified RETR, server CPU of the fake, against bare epoll
  tls       client CPU of a session with a full TLS 1.3 handshake, against rustls alone and a plain session
  memory    memory of an idle session, plain and TLS
  truth     a frozen server and a known latency distribution, against arithmetic
  held      sessions held at once, both ends here: 100,000 plain, 20,000 TLS
  million   the same with 1,000,000 plain and 500,000 TLS (takes minutes and 12 GB; not part of the default)

Without a part: all but the last. --rounds N takes each figure N times (default 5; the median counts), --quick once
and shorter. Exit code 1 if a figure misses what it must.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((role, rest)) = arguments.split_first()
        && let Some(outcome) = roles::play(role, rest)
    {
        return match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {role}: {error:#}");
                ExitCode::from(3)
            }
        };
    }
    match Bench::parse(&arguments) {
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Some(bench)) => match bench.run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(3)
            }
        },
        Err(error) => {
            eprintln!("error: {error:#}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

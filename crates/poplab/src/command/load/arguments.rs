//! The command line of `poplab load` as typed. What is meant by it stands in `plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Form;
use crate::command::quantity;

/// Put a POP3 server under load, and say how long its users wait
///
/// Without --target the load goes to the embedded fake server, in processes of its own on 127.0.0.1.
/// SCENARIO is a file, or the name of a shipped scenario; --list names them.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(after_help = "\
Examples:
  poplab load smoke                                       ten seconds against the embedded server
  poplab load smoke --defect load.retr-corrupt            the same, with mail that arrives altered
  poplab load isp-morning --show > mine.yaml              a shipped scenario, to be changed
  poplab load mine.yaml --target mail.example.org:995 --password-env SECRET \\
         --authorized 'our own staging server, agreed with operations'
  poplab load smoke --find-capacity                       the highest rate that keeps the thresholds
  poplab compare run-before run-after                     did it become slower?

Times run from the moment at which the plan wanted a session, not from when it could
begin, so a server that stands still shows. Each message is checked as it is timed.

Mail is safe: nothing is deleted from a --target without --allow-delete, and then only
messages that bear poplab's marker. Targets outside loopback and private address ranges
need --authorized.

Exit codes:
  0  every threshold was kept
  1  a threshold was broken, or a message was not what it should be
  2  the command line, the scenario or an accounts file is wrong
  3  the target could not be reached, or the run could not be carried out to its end
  4  nothing was selected

The run's folder (--out) holds run.json, results.json, latency.hlog, service.hlog, series.csv,
steps.csv, report.html and transcripts/ in every case, also after Ctrl-C. seconds.jsonl grows while
the run goes on: `poplab report` shows from it what a run that was killed has seen.")]
pub(crate) struct Arguments {
    /// A scenario file, or the name of a shipped scenario
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    pub(super) scenario: Option<String>,

    /// List the shipped scenarios and do nothing else
    #[arg(long, conflicts_with = "scenario")]
    pub(super) list: bool,

    /// Print the scenario's text and do nothing else
    #[arg(long)]
    pub(super) show: bool,

    /// The server to load; without it the scenario's target, or the embedded fake server
    #[arg(long, value_name = "HOST:PORT", help_heading = "Target")]
    pub(super) target: Option<net::Endpoint>,

    /// A second entrance of the same server, for scenarios that mix implicit TLS with STLS
    #[arg(long, value_name = "HOST:PORT", requires = "target", help_heading = "Target")]
    pub(super) also: Option<net::Endpoint>,

    /// How all sessions are protected; without it as the scenario says. auto: 995 implicit, 110 STLS, other ports are
    /// tried
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Target")]
    pub(super) tls: Option<Tls>,

    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = "Target")]
    pub(super) ca: Option<PathBuf>,

    /// Trust any certificate
    #[arg(long, help_heading = "Target")]
    pub(super) insecure: bool,

    /// Why you may load this target, one sentence; it is kept in run.json
    #[arg(long, value_name = "SENTENCE", help_heading = "Target")]
    pub(super) authorized: Option<String>,

    /// Make the embedded server wrong in this way; may be repeated; `poplab fake --list-defects` lists them
    #[arg(long, value_name = "ID", conflicts_with = "target", help_heading = "Target")]
    pub(super) defect: Vec<String>,

    /// Take the accounts from this file instead of the scenario, YAML
    #[arg(long, value_name = "FILE", help_heading = "Accounts")]
    pub(super) accounts: Option<PathBuf>,

    /// The environment variable that holds the password of all accounts
    #[arg(long, value_name = "VARIABLE", conflicts_with = "accounts", help_heading = "Accounts")]
    pub(super) password_env: Option<String>,

    /// The file whose first line is the password of all accounts
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["accounts", "password_env"],
        help_heading = "Accounts"
    )]
    pub(super) password_file: Option<PathBuf>,

    /// Allow behaviours that delete to delete mail that bears poplab's marker
    #[arg(long, help_heading = "Accounts")]
    pub(super) allow_delete: bool,

    /// The highest rate of sessions, such as 50/s or 3000/min; the scenario's stages keep their shape
    #[arg(long, value_name = "RATE", value_parser = quantity::rate, help_heading = "Load")]
    pub(super) rate: Option<f64>,

    /// End after this many sessions
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        help_heading = "Load"
    )]
    pub(super) sessions: Option<u64>,

    /// How long arrivals last, such as 10s or 5m; the scenario's stages keep their shape
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, help_heading = "Load")]
    pub(super) duration: Option<Duration>,

    /// The seed of everything random; without it the scenario's
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(super) seed: Option<u64>,

    /// Raise the rate until a threshold breaks, and say how much the server holds. Not with --sessions: a trial that ends
    /// after so many sessions gets shorter as its rate rises
    #[arg(long, conflicts_with_all = ["shard", "sessions"], help_heading = "Load")]
    pub(super) find_capacity: bool,

    /// Take the I-th of N equal shares of users and arrivals, for runs on several machines
    #[arg(long, value_name = "I/N", value_parser = quantity::shard, help_heading = "Load")]
    pub(super) shard: Option<(u32, u32)>,

    /// How many worker processes; without it as many as processors and descriptors demand
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000),
        help_heading = "Load"
    )]
    pub(super) workers: Option<u32>,

    /// The folder for the run's files; an older run in it is replaced
    #[arg(long, value_name = "DIR", default_value = "poplab-run", help_heading = "Output")]
    pub(super) out: PathBuf,

    /// Let others read the run's files too, as the umask says; without it they are yours alone (0600, folders 0700)
    #[arg(long, help_heading = "Output")]
    pub(super) readable: bool,

    /// The forms of the report: human goes to stdout, others to files in --out; a single one goes to stdout
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "human",
        value_name = "FORM",
        help_heading = "Output"
    )]
    pub(super) format: Vec<Form>,

    /// Only the last line of the human report, no progress
    #[arg(short, long, help_heading = "Output")]
    pub(super) quiet: bool,

    /// Serve the figures for Prometheus on this port of 127.0.0.1 while the run goes on; 0 for a free one. Each reader has
    /// 2 seconds to ask and to take the answer
    #[arg(long, value_name = "PORT", help_heading = "Output")]
    pub(super) metrics: Option<u16>,
}

/// How sessions are protected, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tls {
    /// 995 implicit, 110 STLS, other ports are tried
    Auto,
    /// TLS from the first octet
    Implicit,
    /// Cleartext upgraded by STLS
    Starttls,
    /// Cleartext throughout: the passwords are readable on the way
    None,
}

//! The command line of `poplab conformance` as typed. What is meant by it stands in `plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use suite::Costs;

use crate::command::Format;

/// Judge a POP3 server against RFC 1939 and its extensions
///
/// Without --target the embedded fake server is judged, on two free loopback ports.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(after_help = "\
Examples:
  poplab conformance                                      the embedded fake server
  poplab conformance --defect rfc1939.retr.no-stuffing    the same, made wrong in one way
  poplab conformance --target mail.example.org:995 --user alice
  poplab conformance --target mail.example.org:995 --accounts accounts.yaml
  poplab conformance --select '*.retr.*' --list           what would be judged
  poplab conformance --explain rfc1939.retr.dot-stuffing  one requirement in full

Mail is safe: nothing is deleted without --allow-delete, and then only messages that
bear poplab's marker, in accounts with the role `disposable`. A refused login is not
repeated. Transcripts and reports do not show messages of --user, nor those without
poplab's marker, but only how many octets they have; --show-mail shows them.

No server can keep poplab listening for ever: a reply may take 3 to 10 times the wait for
an answer, and longer the more of it comes. poplab keeps 12 MiB of a message, 20000 lines
of a listing and 1000 capabilities; it reads and counts the rest. Of all conversations
at an entrance it keeps 16 MiB, those of findings first; a line in a transcript says
what was left out there.

The run's folder (--out) holds run.json, results.json, latency.hlog and transcripts/
in every case, also when the run could not be carried out.")]
pub(crate) struct Arguments {
    /// The server to judge
    #[arg(long, value_name = "HOST:PORT", help_heading = "Target")]
    pub(super) target: Option<net::Endpoint>,

    /// A second entrance of the same server, judged in the same run; poplab finds out how it is protected
    #[arg(long, value_name = "HOST:PORT", requires = "target", help_heading = "Target")]
    pub(super) also: Option<net::Endpoint>,

    /// How the target's port is protected; auto: 995 implicit, 110 STLS, others are tried
    #[arg(long, value_enum, default_value_t = Tls::Auto, value_name = "HOW", help_heading = "Target")]
    pub(super) tls: Tls,

    /// Trust the certificates in this PEM file too
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "insecure",
        requires = "target",
        help_heading = "Target"
    )]
    pub(super) ca: Option<PathBuf>,

    /// Trust any certificate
    #[arg(long, requires = "target", help_heading = "Target")]
    pub(super) insecure: bool,

    /// Log in as this user; its maildrop is taken for the fixture mail and never changed
    #[arg(
        long,
        value_name = "NAME",
        requires = "target",
        conflicts_with = "accounts",
        help_heading = "Accounts"
    )]
    pub(super) user: Option<String>,

    /// The environment variable that holds the password
    #[arg(
        long,
        value_name = "VARIABLE",
        requires = "user",
        conflicts_with = "password_file",
        help_heading = "Accounts"
    )]
    pub(super) password_env: Option<String>,

    /// The file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user", help_heading = "Accounts")]
    pub(super) password_file: Option<PathBuf>,

    /// The accounts with their roles, YAML
    #[arg(long, value_name = "FILE", requires = "target", help_heading = "Accounts")]
    pub(super) accounts: Option<PathBuf>,

    /// Allow checks to delete mail that bears poplab's marker in accounts with the role `disposable`
    #[arg(long, help_heading = "Accounts")]
    pub(super) allow_delete: bool,

    /// Show mail of --user, and mail without poplab's marker, in transcripts and reports; without it they give only its number of octets
    #[arg(long, help_heading = "Accounts")]
    pub(super) show_mail: bool,

    /// Judge only the checks whose id matches; * stands for anything; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Checks")]
    pub(super) select: Vec<String>,

    /// Leave out the checks whose id matches; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Checks")]
    pub(super) skip: Vec<String>,

    /// Carry out also the checks that wait for minutes, as for the end of an idle session; half an hour at least
    #[arg(long, help_heading = "Checks")]
    pub(super) slow: bool,

    /// Carry out also the checks that put a load on the server: many connections, or much data, at once
    #[arg(long, help_heading = "Checks")]
    pub(super) stress: bool,

    /// Leave out the checks that wait for seconds whatever the server does
    #[arg(long, conflicts_with = "slow", help_heading = "Checks")]
    pub(super) only_fast: bool,

    /// List the chosen checks and do nothing else
    #[arg(long, help_heading = "Checks")]
    pub(super) list: bool,

    /// With --list: the requirements that no check judges, and why
    #[arg(long, requires = "list", help_heading = "Checks")]
    pub(super) untested: bool,

    /// Explain one requirement in full and do nothing else
    #[arg(long, value_name = "ID", help_heading = "Checks")]
    pub(super) explain: Option<String>,

    /// More inconclusive checks than this share (5%, 0.5%) of those that could be tried: the run counts as not carried out
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "5%",
        value_parser = crate::command::quantity::percentage,
        help_heading = "Verdict"
    )]
    pub(super) inconclusive_at_most: f64,

    /// Count warnings as failures
    #[arg(long, help_heading = "Verdict")]
    pub(super) strict: bool,

    /// The known deviations of the target, YAML
    #[arg(long, value_name = "FILE", help_heading = "Verdict")]
    pub(super) baseline: Option<PathBuf>,

    /// Write what was seen into the baseline instead of judging by it; comments in the file are lost
    #[arg(long, requires = "baseline", help_heading = "Verdict")]
    pub(super) update_baseline: bool,

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
    pub(super) format: Vec<Format>,

    /// Only the last line of the human report, no progress
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,

    /// List each pass and each info, and cut nothing
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,

    /// How many checks run side by side; fewer, as soon as the server turns connections away
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=1000),
        help_heading = "Run"
    )]
    pub(super) jobs: u16,

    /// The seed of everything random; on a server of your own the one its mail was seeded with
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = "Run")]
    pub(super) seed: u64,

    /// End the run after this time (500ms, 90s, 10m, 1h) with what was judged until then; without it after 10m, with --slow
    /// after 2h. A check has nine times the wait for an answer; where the same answer failed to come twice, later waits for it are shorter
    #[arg(long, value_name = "TIME", value_parser = crate::command::quantity::duration, help_heading = "Run")]
    within: Option<Duration>,

    /// Wait this many seconds for each answer; without it the wait follows from the measured round trip: a hundred of them,
    /// from 10 s to 60 s
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        help_heading = "Run"
    )]
    pub(super) timeout: Option<u64>,

    /// Make the embedded server wrong in this way; may be repeated; `poplab fake --list-defects` lists them
    #[arg(long, value_name = "ID", conflicts_with = "target", help_heading = "Run")]
    pub(super) defect: Vec<String>,

    /// Make the embedded server unusual in this way, as servers may be: nothing may be found; may be repeated; `poplab fake
    /// --list-personas` lists them
    #[arg(long, value_name = "ID", conflicts_with = "target", help_heading = "Run")]
    pub(super) persona: Vec<String>,
}

impl Arguments {
    /// How long the run may take.
    pub(super) fn within(&self) -> Duration {
        const USUAL: Duration = Duration::from_mins(10);
        const SLOW: Duration = Duration::from_hours(2);
        self.within.unwrap_or(if self.slow { SLOW } else { USUAL })
    }

    /// Which checks are worth what they cost.
    pub(super) fn costs(&self) -> Costs {
        Costs { waits: !self.only_fast, slow: self.slow, stress: self.stress }
    }
}

/// How a port is protected, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::command) enum Tls {
    /// 995 implicit, 110 STLS, other ports are tried
    Auto,
    /// TLS from the first octet
    Implicit,
    /// Cleartext upgraded by STLS
    Starttls,
    /// Cleartext throughout: the password is readable on the way
    None,
}

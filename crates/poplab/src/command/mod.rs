//! The command line: one file per command. Here is only the list of them and what they share.

mod companion;
mod compare;
mod completions;
mod conformance;
mod fake;
mod fake_mail;
mod load;
mod load_fake;
mod load_worker;
mod man;
mod quantity;
mod record;
mod report;
mod seed;

use clap::{Parser, Subcommand, ValueEnum};

/// A laboratory for POP3.
///
/// Judges servers against RFC 1939 and its extensions, puts them under load, and is a server itself for the tests of
/// mail programs.
#[derive(Debug, Parser)]
#[command(name = "poplab", version, propagate_version = true, after_help = AFTER)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  poplab conformance                                       judge the embedded fake server
  poplab conformance --target mail.example.org:995 --user alice
  poplab load smoke                                        ten seconds of load, measured and verified
  poplab fake --mail ~/Maildir                             a server with this mail

Exit codes:
  0  all as required
  1  the target falls short
  2  the command line or a file is wrong
  3  the target could not be reached, or the run could not be carried out
  4  nothing was selected

A file that is named to poplab may be a pipe, as in --password-file <(pass show mail): it
has 30 seconds to be written to its end.";

#[derive(Debug, Subcommand)]
enum Command {
    Conformance(Box<conformance::Arguments>),
    Load(Box<load::Arguments>),
    Fake(fake::Arguments),
    Record(record::Arguments),
    Seed(seed::Arguments),
    Report(report::Arguments),
    Compare(compare::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// One process of the embedded server of a load run
    #[command(hide = true)]
    LoadFake,
    /// One worker process of a load run
    #[command(hide = true)]
    LoadWorker,
}

/// Runs the command to its exit code.
///
/// # Errors
/// What kept it from being carried out; `exit::code` gives the exit code.
pub(crate) fn run(line: CommandLine) -> anyhow::Result<u8> {
    match &line.command {
        Command::Completions(_) | Command::Man(_) | Command::LoadFake | Command::LoadWorker => {}
        _ => crate::limits::require(0)?,
    }
    match line.command {
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Fake(arguments) => fake::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::LoadFake => load_fake::run(),
        Command::LoadWorker => load_worker::run(),
    }
}

/// The forms a run of conformance can be reported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, in a terminal.
    Human,
    /// One JSON object with everything.
    Json,
    /// One self-contained page.
    Html,
    /// JUnit XML, for the test view of CI systems.
    Junit,
    /// Test Anything Protocol, version 13.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

impl Format {
    /// The file in the run's folder when it does not go to stdout.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Human => "report.txt",
            Self::Json => "report.json",
            Self::Html => crate::folder::PAGE,
            Self::Junit => "junit.xml",
            Self::Tap => "report.tap",
            Self::Github => "github.txt",
        }
    }

    /// The report's text. `transcripts` gives a transcript by its path in the run's folder.
    pub(crate) fn render(
        self,
        run: &::record::Run,
        results: &::record::Results,
        latencies: &stats::Latencies,
        verbose: bool,
        transcripts: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        let text = match self {
            Self::Human => {
                let rows = latencies.summary();
                let options = ::report::Options {
                    color: crate::terminal::color(),
                    width: crate::terminal::width(),
                    verbose,
                    latencies: &rows,
                    transcripts,
                };
                ::report::human(run, results, &options)
            }
            Self::Json => ::report::json(run, results),
            Self::Html => ::report::html(run, results, transcripts),
            Self::Junit => ::report::junit(run, results, transcripts),
            Self::Tap => ::report::tap(run, results),
            Self::Github => ::report::github(run, results),
        };
        match self {
            Self::Json => ::report::harmless_json(&text),
            Self::Github => ::report::harmless_annotations(&text),
            _ => ::report::harmless(&text),
        }
    }
}

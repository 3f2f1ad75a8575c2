//! The command line: one file per command. Here is only the list of them and what they share.

mod completions;
mod conformance;
mod fake;
mod man;
mod report;
mod seed;

use clap::{Parser, Subcommand, ValueEnum};

/// A laboratory for POP3.
///
/// Judges servers against RFC 1939 and its extensions, and is a server itself for the tests of mail programs.
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
  poplab fake --mail ~/Maildir                             a server with this mail

Exit codes:
  0  all as required
  1  the target falls short
  2  the command line or a file is wrong
  3  the target could not be reached, or the run could not be carried out
  4  nothing was selected";

#[derive(Debug, Subcommand)]
enum Command {
    Conformance(Box<conformance::Arguments>),
    Fake(fake::Arguments),
    Seed(seed::Arguments),
    Report(report::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Runs the command to its exit code.
///
/// # Errors
/// What kept it from being carried out; `exit::code` gives the exit code.
pub(crate) fn run(line: CommandLine) -> anyhow::Result<u8> {
    match line.command {
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Fake(arguments) => fake::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// The forms a run can be reported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, in a terminal.
    Human,
    /// One JSON object with everything.
    Json,
    /// JUnit XML, for the test view of CI systems.
    Junit,
    /// Test Anything Protocol, version 14.
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
            Self::Junit => "junit.xml",
            Self::Tap => "report.tap",
            Self::Github => "github.txt",
        }
    }

    /// The report's text. `transcripts` gives a transcript by its path in the run's folder.
    pub(crate) fn render(
        self,
        run: &record::Run,
        results: &record::Results,
        latencies: &stats::Latencies,
        verbose: bool,
        transcripts: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        match self {
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
            Self::Junit => ::report::junit(run, results, transcripts),
            Self::Tap => ::report::tap(run, results),
            Self::Github => ::report::github(run, results),
        }
    }
}

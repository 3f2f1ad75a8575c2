//! `poplab report`: renders an old run again, from its files alone.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use stats::Latencies;

use super::{Format, load};
use crate::exit::{self, Failure};
use crate::folder::{self, RunFolder};
use crate::loaded::Loaded;
use crate::terminal;

/// Render an old run again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab report poplab-run
  poplab report poplab-run --format html > report.html
  poplab report poplab-run --format junit > junit.xml

tap is there for runs of conformance, csv for those of load; the other forms for both.")]
pub(crate) struct Arguments {
    /// The folder of the run, as --out named it
    run: PathBuf,

    /// The form of the report
    #[arg(long, value_enum, default_value_t = Form::Human)]
    format: Form,

    /// List each pass and each info, and cut nothing
    #[arg(short, long)]
    verbose: bool,
}

/// The forms of every instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, in a terminal.
    Human,
    /// One JSON object with everything.
    Json,
    /// One self-contained page.
    Html,
    /// The seconds of a load run, for spreadsheets.
    Csv,
    /// JUnit XML, for the test view of CI systems.
    Junit,
    /// Test Anything Protocol, version 13.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

impl Form {
    /// As a form of `conformance`.
    fn of_conformance(self) -> Option<Format> {
        Some(match self {
            Self::Human => Format::Human,
            Self::Json => Format::Json,
            Self::Html => Format::Html,
            Self::Junit => Format::Junit,
            Self::Tap => Format::Tap,
            Self::Github => Format::Github,
            Self::Csv => return None,
        })
    }

    /// As a form of `load`.
    fn of_load(self) -> Option<load::Form> {
        Some(match self {
            Self::Human => load::Form::Human,
            Self::Json => load::Form::Json,
            Self::Html => load::Form::Html,
            Self::Csv => load::Form::Csv,
            Self::Junit => load::Form::Junit,
            Self::Github => load::Form::Github,
            Self::Tap => return None,
        })
    }
}

/// Prints the report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let folder = RunFolder::existing(&arguments.run)?;
    let place = |name: &str| format!("cannot read {}", folder.path().join(name).display());
    let run = record::Run::parse(&folder.read(folder::RUN)?).with_context(|| place(folder::RUN))?;
    let missing = || {
        Failure::input(format!(
            "a run of `poplab {}` is not reported in this form; give another --format",
            run.tool
        ))
    };
    let text = if run.tool == "load" {
        let form = arguments.format.of_load().ok_or_else(missing)?;
        let loaded = Loaded::read(&folder)?;
        if let Some(warning) = &loaded.warning {
            terminal::tell(&format!("warning: {}", terminal::visible(warning)));
        }
        let transcripts = |path: &str| loaded.transcript(&folder, path);
        form.render(&run, &loaded.results, arguments.verbose, &transcripts)
    } else {
        let form = arguments.format.of_conformance().ok_or_else(missing)?;
        let results =
            record::Results::parse(&folder.read(folder::RESULTS)?).with_context(|| place(folder::RESULTS))?;
        let transcripts = |path: &str| folder.transcript(path);
        form.render(&run, &results, &latencies(&folder)?, arguments.verbose, &transcripts)
    };
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

/// The latencies of the run, all intervals together.
fn latencies(folder: &RunFolder) -> anyhow::Result<Latencies> {
    let mut all = Latencies::new();
    let log = folder.read(folder::LATENCIES)?;
    let place = || format!("cannot read {}", folder.path().join(folder::LATENCIES).display());
    for interval in stats::parse_interval_log(log.as_bytes()).with_context(place)? {
        all.merge(&interval.latencies);
    }
    Ok(all)
}

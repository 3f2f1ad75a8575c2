//! `poplab report`: renders an old run again, from its files alone.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use stats::Latencies;

use super::Format;
use crate::folder::{self, RunFolder};
use crate::{exit, terminal};

/// Render an old run again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab report poplab-run
  poplab report poplab-run --format junit > junit.xml")]
pub(crate) struct Arguments {
    /// The folder of the run, as --out named it
    run: PathBuf,

    /// The form of the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// List each pass and each info, and cut nothing
    #[arg(short, long)]
    verbose: bool,
}

/// Prints the report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let folder = RunFolder::existing(&arguments.run)?;
    let place = |name: &str| format!("cannot read {}", folder.path().join(name).display());
    let run = record::Run::parse(&folder.read(folder::RUN)?).with_context(|| place(folder::RUN))?;
    let results =
        record::Results::parse(&folder.read(folder::RESULTS)?).with_context(|| place(folder::RESULTS))?;
    let latencies = latencies(&folder)?;
    let transcripts = |path: &str| folder.read(path).ok();
    let text = arguments.format.render(&run, &results, &latencies, arguments.verbose, &transcripts);
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

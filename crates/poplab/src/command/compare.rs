//! `poplab compare`: two load runs side by side, from their files alone. The statistics are `stats`', the text is
//! `report`'s.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use record::{Comparison, ComparisonRow, LoadResults, Run};
use stats::Series;
use stats::compare::{self, FASTER, NO_DIFFERENCE, SLOWER};

use crate::exit::{self, Failure};
use crate::folder::{self, RunFolder};
use crate::loaded::Loaded;
use crate::terminal;

/// Differences are drawn by lot again and again from the seconds of both runs; the lot is always the same.
const SEED: u64 = 42;

/// Compare two load runs: did it become slower?
///
/// Each figure of A and B stands with the confidence interval of their ratio, taken from how much the seconds of
/// the runs differ among themselves: a difference within the noise does not count.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab load smoke --out before; poplab load smoke --out after
  poplab compare before after
  poplab compare before after --format markdown >> \"$GITHUB_STEP_SUMMARY\"

Exit codes:
  0  no step of B is shown to be slower
  1  B is slower
  2  a folder does not hold a load run
  3  there was too little to compare")]
pub(crate) struct Arguments {
    /// The folder of the run to compare with, as --out named it
    #[arg(value_name = "A")]
    a: PathBuf,

    /// The folder of the run in question
    #[arg(value_name = "B")]
    b: PathBuf,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Form::Human, value_name = "FORM")]
    format: Form,

    /// Cut nothing
    #[arg(short, long)]
    verbose: bool,
}

/// The forms of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, in a terminal.
    Human,
    /// For a pull request.
    Markdown,
    /// One JSON object with everything.
    Json,
}

/// A run as it is read back.
struct Side {
    name: String,
    run: Run,
    results: LoadResults,
    series: Series,
    /// What is odd about its files.
    warning: Option<String>,
}

/// Prints the comparison.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let (a, b) = (Side::read(&arguments.a)?, Side::read(&arguments.b)?);
    let rows = compare::compare(&a.series, &b.series, &[], SEED);
    let code = code(&rows);
    let comparison = Comparison {
        notes: notes(&a, &b),
        a: a.name,
        b: b.name,
        verdict: compare::verdict(&rows),
        rows,
        ..Comparison::default()
    };
    let text = match arguments.format {
        Form::Human => {
            let options = report::Options {
                color: terminal::color(),
                width: terminal::width(),
                verbose: arguments.verbose,
                ..report::Options::default()
            };
            report::compare_human(&comparison, &options)
        }
        Form::Markdown => report::compare_markdown(&comparison),
        Form::Json => comparison.to_json(),
    };
    let text =
        if arguments.format == Form::Json { report::harmless_json(&text) } else { report::harmless(&text) };
    terminal::print(&text)?;
    Ok(code)
}

impl Side {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let folder = RunFolder::existing(path)?;
        let place = |name: &str| format!("cannot read {}", folder.path().join(name).display());
        let run = Run::parse(&folder.read(folder::RUN)?).with_context(|| place(folder::RUN))?;
        if run.tool != "load" {
            return Err(Failure::input(format!(
                "{} is a run of `poplab {}`; only load runs can be compared",
                path.display(),
                run.tool
            )));
        }
        let mut loaded = Loaded::read(&folder)?;
        let series = loaded.response(&folder)?;
        let (results, warning) = (loaded.results, loaded.warning);
        Ok(Self { name: path.display().to_string(), run, results, series, warning })
    }
}

/// The exit code that follows from the rows: one slower step makes the run slower.
fn code(rows: &[ComparisonRow]) -> u8 {
    let any = |verdict: &str| rows.iter().any(|row| row.verdict == verdict);
    match () {
        () if any(SLOWER) => exit::FALLS_SHORT,
        () if any(FASTER) || any(NO_DIFFERENCE) => exit::GOOD,
        () => exit::NOT_CARRIED_OUT,
    }
}

/// What makes the two hard to compare.
fn notes(a: &Side, b: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    let mut differing = |what: &str, one: String, other: String| {
        if one != other {
            notes.push(format!("{what} differs: {one} in A, {other} in B"));
        }
    };
    let (plan_a, plan_b) = (&a.results.plan, &b.results.plan);
    differing("the scenario", plan_a.scenario.clone(), plan_b.scenario.clone());
    differing("the arrival model", plan_a.model.clone(), plan_b.model.clone());
    differing("the arrivals", plan_a.arrivals.clone(), plan_b.arrivals.clone());
    differing("the seed", plan_a.seed.to_string(), plan_b.seed.to_string());
    differing("the protection", plan_a.tls.clone(), plan_b.tls.clone());
    differing("the target", a.run.target.name.clone(), b.run.target.name.clone());
    differing("the version of poplab", a.run.version.clone(), b.run.version.clone());
    for (name, side) in [("A", a), ("B", b)] {
        let errors = side.results.error_count();
        if errors > 0 {
            notes.push(format!(
                "{name} has {errors} errors; only correct steps are timed, so its users may have waited longer than its figures say"
            ));
        }
        let alerts = [&side.results.generator.bottleneck, &side.results.sessions.shortage];
        notes.extend(alerts.into_iter().flatten().map(|alert| format!("{name}: {alert}")));
        if let Some(warning) = &side.warning {
            notes.push(format!("{name}: {warning}"));
        }
        if let Some(error) = &side.run.error {
            notes.push(format!("{name} did not run to its end: {error}"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slower_step_makes_the_run_slower() {
        let row = |verdict: &str| ComparisonRow { verdict: verdict.to_owned(), ..ComparisonRow::default() };
        let [same, few] = [row(NO_DIFFERENCE), row(compare::TOO_FEW)];
        assert_eq!(code(&[same.clone(), row(FASTER), row(SLOWER)]), exit::FALLS_SHORT);
        assert_eq!(code(&[same.clone(), row(FASTER)]), exit::GOOD);
        assert_eq!(code(&[few.clone(), same]), exit::GOOD);
        assert_eq!(code(&[few]), exit::NOT_CARRIED_OUT);
        assert_eq!(code(&[]), exit::NOT_CARRIED_OUT);
    }
}

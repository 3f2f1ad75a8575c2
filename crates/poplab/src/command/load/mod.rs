//! `poplab load`: from the command line over a plan to figures, files and the exit code.

mod arguments;
mod course;
mod fakes;
mod findings;
mod form;
mod live;
mod look;
mod metrics;
mod plan;
mod source;
mod target;
mod watch;

use record::LoadResults;

pub(crate) use arguments::Arguments;
pub(crate) use form::Form;

use self::findings::Loaded;
use self::source::Source;
use crate::folder::Readers;
use crate::records::{Conclusion, Records, Wanted};
use crate::{exit, terminal};

/// Loads, writes the run's folder and prints the report.
///
/// # Errors
/// The folder cannot be used; everything else is recorded in the run.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    if arguments.list {
        return source::list();
    }
    let scenario = arguments.scenario.as_deref().unwrap_or_default();
    if arguments.show {
        terminal::print(&Source::find(scenario)?.text)?;
        return Ok(exit::GOOD);
    }
    let records = Records::claim("load", &arguments.out, Readers::asked(arguments.readable))?;
    let (mut course, conclusion) = course::carry_out(arguments, scenario, &records);
    {
        let mut run = records.run.borrow_mut();
        run.seed = course.results.plan.seed;
        run.target.entrances = std::mem::take(&mut course.entrances);
    }
    let error = course.error.take();
    let wanted = Wanted {
        forms: &arguments.format,
        human: Form::Human,
        always: &[Form::Csv, Form::Html],
        file: Form::file,
        quiet: arguments.quiet,
    };
    let mut loaded = Loaded::new(course, records.started);
    records.finish(&mut loaded, &wanted, conclusion, error)
}

/// The scenario of this name, a file or a shipped one, as it is written.
///
/// # Errors
/// It is not there, or wrong.
pub(super) fn scenario(name: &str) -> anyhow::Result<scenario::Scenario> {
    Source::find(name)?.parse()
}

/// The exit code that follows from the figures alone.
fn verdict(results: &LoadResults) -> Conclusion {
    let number = |number: u64, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    if results.verified.failures > 0 {
        let kinds = number(results.verified.failures, "verification failure");
        return (exit::FALLS_SHORT, format!("{kinds}: messages were not what they should be"));
    }
    let broken: Vec<&str> =
        results.thresholds.iter().filter(|row| !row.holds).map(|row| row.text.as_str()).collect();
    if !broken.is_empty() {
        let noun = if broken.len() == 1 { "threshold" } else { "thresholds" };
        return (exit::FALLS_SHORT, format!("{noun} broken: {}", broken.join(", ")));
    }
    if results.sessions.completed == 0 && results.sessions.begun > 0 {
        return (exit::FALLS_SHORT, "no session went as planned".to_owned());
    }
    (exit::GOOD, "all as required".to_owned())
}

#[cfg(test)]
mod tests {
    use record::{LoadSessions, ThresholdRow, Verified};

    use super::*;

    fn results(completed: u64, failures: u64, holds: &[bool]) -> LoadResults {
        let row = |holds: &bool| ThresholdRow {
            text: "login p99 < 1s".into(),
            holds: *holds,
            ..Default::default()
        };
        LoadResults {
            sessions: LoadSessions { begun: 10, completed, ..LoadSessions::default() },
            verified: Verified { failures, ..Verified::default() },
            thresholds: holds.iter().map(row).collect(),
            ..LoadResults::default()
        }
    }

    #[test]
    fn the_exit_code_follows_from_the_figures() {
        for (completed, failures, holds, code) in [
            (10, 0, &[true, true][..], exit::GOOD),
            (9, 0, &[], exit::GOOD),
            (10, 0, &[true, false], exit::FALLS_SHORT),
            (10, 1, &[true], exit::FALLS_SHORT),
            (0, 0, &[], exit::FALLS_SHORT),
        ] {
            let (given, reason) = verdict(&results(completed, failures, holds));
            assert_eq!(given, code, "{completed} {failures} {holds:?}: {reason}");
        }
    }
}

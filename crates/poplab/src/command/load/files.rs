//! Writing the folder of a load run, and the reports. Each file is tried even when one before it could not be written:
//! on a full disk the summary still reaches the terminal.

use std::collections::HashMap;

use jiff::Timestamp;
use record::Run;

use super::Form;
use super::arguments::Arguments;
use super::course::Course;
use crate::folder::{self, RunFolder};
use crate::terminal;

/// Writes every file of the run, and prints the reports.
///
/// # Errors
/// The first file that could not be written; all others are.
pub(super) fn write(
    folder: &RunFolder,
    run: &Run,
    started: Timestamp,
    course: &Course,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut first_error = None;
    let mut keep = |written: anyhow::Result<()>| {
        if let Err(error) = written {
            first_error.get_or_insert(error);
        }
    };
    let results = &course.results;
    let header = format!("poplab {} {} {}", run.version, run.tool, run.target.name);
    let start = started.as_duration().as_secs_f64();
    let texts: HashMap<&str, &String> =
        course.transcripts.iter().map(|(path, text)| (path.as_str(), text)).collect();
    let transcripts = |path: &str| texts.get(path).map(|text| (*text).clone());
    // What everything can be made from again comes first.
    keep(folder.write(folder::RUN, run.to_json()));
    keep(folder.write(folder::RESULTS, results.to_json()));
    keep(folder.write(folder::LATENCIES, course.series.interval_log(start, &[&header])));
    for (path, text) in &course.transcripts {
        keep(folder.write(path, text));
    }
    keep(folder.write(folder::STEPS, report::steps_csv(results)));
    for form in [Form::Csv, Form::Html] {
        keep(folder.write(form.file(), form.render(run, results, false, &transcripts)));
    }
    keep(print(folder, run, course, arguments, &transcripts));
    first_error.map_or(Ok(()), Err)
}

/// One form goes to stdout. Of several, the human one does, and the others become files.
fn print(
    folder: &RunFolder,
    run: &Run,
    course: &Course,
    arguments: &Arguments,
    transcripts: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    let results = &course.results;
    let mut forms: Vec<Form> = Vec::new();
    for form in &arguments.format {
        if !forms.contains(form) {
            forms.push(*form);
        }
    }
    let alone = forms.len() == 1;
    // Without a single session there is nothing to lay out: the error on stderr says all there is.
    let bare = results.sessions.begun == 0 && run.error.is_some();
    let (mut told, mut outcome) = (false, Ok(()));
    for form in forms {
        if form == Form::Human && bare {
            continue;
        }
        let text = if form == Form::Human && arguments.quiet {
            format!("{}\n", report::load_verdict_line(run, results))
        } else {
            form.render(run, results, false, transcripts)
        };
        let written = if alone || form == Form::Human {
            told |= form == Form::Human;
            terminal::print(&text)
        } else {
            folder.write(form.file(), text)
        };
        outcome = outcome.and(written);
    }
    match &run.error {
        Some(error) => terminal::tell(&format!("error: {error}")),
        None if !told && !arguments.quiet => terminal::tell(&report::load_verdict_line(run, results)),
        None => {}
    }
    if !arguments.quiet {
        terminal::tell(&format!(
            "the run is in {}; its page is {}",
            folder.path().display(),
            folder.path().join(folder::PAGE).display()
        ));
    }
    outcome
}

//! The report an engineer reads in a terminal. Lays out and orders; the records say what is true.

mod header;
mod lists;
mod tables;
mod told;

use record::{CheckResult, LatencyRow, Results, Run, Verdict};

use crate::finding::Finding;
use crate::group::{Group, SAME_CAUSE, count_of, deviations};
use crate::outcome::{Outcome, outcome, verdict_line};
use crate::page::{Page, Tone};

/// How to lay out the human report, and what to add to it.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether to use ANSI colours. `NO_COLOR` and terminals are the caller's matter.
    pub color: bool,
    /// The width in columns that text is wrapped to; less than 40 is taken as 40.
    pub width: usize,
    /// Whether to list each pass and each info, and to cut nothing.
    pub verbose: bool,
    /// The figures of the latency table; without any there is no table.
    pub latencies: &'a [LatencyRow],
    /// Gives the text of a transcript by its path in the run's folder, for the excerpts under failures.
    pub transcripts: &'a dyn Fn(&str) -> Option<String>,
}

impl Default for Options<'_> {
    /// No colour, 100 columns, not verbose, no latencies, no transcripts.
    fn default() -> Self {
        Self { color: false, width: 100, verbose: false, latencies: &[], transcripts: &|_| None }
    }
}

/// The whole report: what kept the run from its end, if anything did; the target; a table of the areas; then
/// failures (worst first), entries of the baseline that are no longer seen, warnings, known deviations, inconclusive and skipped checks, latencies, and last the
/// line of [`verdict_line`]. What probably follows from another finding is told under it, and more briefly.
pub fn human(run: &Run, results: &Results, options: &Options<'_>) -> String {
    let mut page = Page::new(options.color, options.width);
    if let Some(error) = &run.error {
        page.heading(Tone::Bad, "The run was not carried out to its end");
        page.paragraph(2, error);
        page.blank();
    }
    header::write(&mut page, run);
    tables::areas(&mut page, results);
    let (broken, warnings) = deviations(results);
    told_in_full(&mut page, "broken", &broken, options);
    lists::no_longer_seen(&mut page, results);
    told_in_full(&mut page, "warnings", &warnings, options);
    lists::known(&mut page, results);
    lists::one_line_each(&mut page, Verdict::Inconclusive, Tone::Doubt, results, options.verbose);
    lists::skipped(&mut page, results);
    if options.verbose {
        lists::one_line_each(&mut page, Verdict::Info, Tone::Note, results, true);
        lists::passed(&mut page, results);
    }
    tables::latencies(&mut page, options.latencies);
    let tone = match outcome(run, results) {
        Outcome::Pass => Tone::Good,
        Outcome::NothingJudged => Tone::Doubt,
        Outcome::Fail | Outcome::NotCarriedOut | Outcome::WrongInput => Tone::Bad,
    };
    page.painted(tone, &verdict_line(run, results));
    page.finish()
}

/// One result with everything there is to say about it, for a single check that was asked about. The transcript
/// is cut to its two ends unless `verbose`.
pub fn human_check(check: &CheckResult, transcript: Option<&str>, options: &Options<'_>) -> String {
    let mut page = Page::new(options.color, options.width);
    told::write(&mut page, None, &check.into(), transcript, options.verbose);
    page.finish()
}

fn told_in_full(page: &mut Page, title: &str, groups: &[Group<'_>], options: &Options<'_>) {
    if groups.is_empty() {
        return;
    }
    let tone = if groups.iter().any(Group::is_broken) { Tone::Bad } else { Tone::Doubt };
    let order = if groups.len() > 1 { ", worst first" } else { "" };
    page.heading(tone, &format!("{title}: {}{order}", count_of(groups)));
    page.blank();
    for (number, group) in groups.iter().enumerate() {
        let transcript = excerpt_of(&group.first, options);
        told::write(page, Some(number + 1), &group.first, transcript.as_deref(), options.verbose);
        if !group.others.is_empty() {
            page.toned(Some(Tone::Strong), told::INDENT, &format!("{SAME_CAUSE} ({}):", group.others.len()));
        }
        for finding in &group.others {
            told::write_briefly(page, finding, options.verbose);
        }
        page.blank();
    }
}

/// Warnings name their transcript, failures show it.
fn excerpt_of(finding: &Finding<'_>, options: &Options<'_>) -> Option<String> {
    let wanted = finding.check.verdict == Verdict::Fail || options.verbose;
    let path = finding.check.transcript.as_deref().filter(|_| wanted)?;
    (options.transcripts)(path)
}

//! JUnit XML, for the test view of CI systems, as Jenkins' schema has it. What XML cannot carry is stripped by
//! quick-junit.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use record::{CheckResult, Results, Run, StaleEntry, Verdict};

use crate::finding::quote;
use crate::group::{cause_words, in_order, relation};
use crate::outcome::{Problem, run_problem, severity_words, stale_words, verdict_line};
use crate::text::visible;

/// A suite `run` with a case for the run itself, a suite for each entrance with a case for each result, and a suite
/// `baseline` with a case for each entry that is no longer seen.
///
/// A failure and an entry that is no longer seen are a `failure`; an inconclusive check is an `error`, since what was
/// not judged is no success; skipped checks and known deviations are `skipped` with the reason as message; passes,
/// warnings and infos succeed, the latter two with what was seen as `system-out`. A run that was not carried out is an
/// `error`; one that falls short for a reason that no other case tells, a `failure`. What probably follows from another
/// finding comes right behind it, and its message names it.
///
/// `transcripts` gives the text of a transcript by its path in the run's folder; it is put under the failures.
pub fn junit(run: &Run, results: &Results, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let mut report = begun(run);
    report.add_test_suite(frame(run, results));
    let checks = in_order(results);
    for entrance in entrances(results) {
        let mut suite = TestSuite::new(entrance);
        let checks = checks.iter().filter(|check| check.entrance == entrance);
        suite.add_test_cases(checks.map(|check| case(check, &relation(results, check), transcripts)));
        report.add_test_suite(suite);
    }
    if !results.stale.is_empty() {
        let mut suite = TestSuite::new("baseline");
        suite.add_test_cases(results.stale.iter().map(stale));
        report.add_test_suite(suite);
    }
    finished(&report)
}

/// The report of a run, without suites.
pub(crate) fn begun(run: &Run) -> Report {
    let mut report = Report::new(visible(&format!("poplab {} {}", run.tool, run.target.name)));
    if let Some(time) = run.duration() {
        report.set_time(time);
    }
    report
}

/// The report's text. quick-junit sums up the skipped cases in the root element, where Jenkins' schema has no place
/// for them.
pub(crate) fn finished(report: &Report) -> String {
    let text = report.to_string().expect("XML is written to memory, which takes all of it");
    let Some((begin, end)) = root(&text) else { return text };
    let root = &text[begin..end];
    let Some((before, rest)) = root.split_once(" skipped=\"") else { return text };
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    format!("{}{before}{after}{}", &text[..begin], &text[end..])
}

/// Where the tag of the root element begins and ends; a quotation mark in an attribute is escaped, and so is `>`.
fn root(text: &str) -> Option<(usize, usize)> {
    let begin = text.find("<testsuites")?;
    Some((begin, begin + text[begin..].find('>')?))
}

/// The status of the case that stands for the run.
pub(crate) fn run_status(problem: Option<&Problem>) -> TestCaseStatus {
    let Some(problem) = problem else { return TestCaseStatus::success() };
    let kind = if problem.is_error { NonSuccessKind::Error } else { NonSuccessKind::Failure };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(visible(&problem.reason)).set_type(problem.kind);
    status
}

/// The run itself: one case, with the verdict.
fn frame(run: &Run, results: &Results) -> TestSuite {
    let mut suite = TestSuite::new("run");
    let mut case = TestCase::new("run", run_status(run_problem(run, results).as_ref()));
    case.set_classname("run").set_system_out(verdict_line(run, results));
    suite.add_property(("seed", run.seed.to_string().as_str()));
    suite.add_property(("version", run.version.as_str()));
    suite.add_test_case(case);
    suite
}

fn entrances(results: &Results) -> Vec<&str> {
    let mut entrances: Vec<&str> = Vec::new();
    for check in &results.checks {
        if !entrances.contains(&check.entrance.as_str()) {
            entrances.push(&check.entrance);
        }
    }
    entrances
}

/// `relation` names the findings of the same cause.
fn case(check: &CheckResult, relation: &str, transcripts: &dyn Fn(&str) -> Option<String>) -> TestCase {
    let mut case = TestCase::new(check.id.as_str(), status(check, relation, transcripts));
    case.set_classname(format!("{}.{}", check.entrance, check.area())).set_time(check.duration());
    if check.is_known() || matches!(check.verdict, Verdict::Warn | Verdict::Info) {
        case.set_system_out(details(check, relation));
    }
    case
}

fn status(
    check: &CheckResult,
    relation: &str,
    transcripts: &dyn Fn(&str) -> Option<String>,
) -> TestCaseStatus {
    let problem = |kind, message: &str, of_type: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(visible(message)).set_type(of_type).set_description(description(
            check,
            relation,
            transcripts,
        ));
        status
    };
    let skipped = |message: &str| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(visible(message));
        status
    };
    match check.verdict {
        _ if check.is_known() => match check.explanation() {
            Some(sentence) => skipped(&format!("known deviation: {sentence}")),
            None => skipped("known deviation, not explained yet"),
        },
        Verdict::Skipped => skipped(&check.observed),
        Verdict::Inconclusive => problem(NonSuccessKind::Error, &check.observed, "inconclusive"),
        Verdict::Fail => {
            let cause = if check.follows.is_some() { cause_words(check) + ": " } else { String::new() };
            let message = format!("{cause}{}", check.requirement);
            problem(NonSuccessKind::Failure, &message, check.severity.as_str())
        }
        Verdict::Pass | Verdict::Warn | Verdict::Info => TestCaseStatus::success(),
    }
}

/// An entry of the baseline that is no longer seen.
fn stale(entry: &StaleEntry) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let because =
        if entry.because.is_empty() { String::new() } else { format!("\nit said: {}", entry.because) };
    status
        .set_message(visible(&stale_words(entry)))
        .set_type("no-longer-seen")
        .set_description(visible(&format!("{}{because}\n", stale_words(entry))));
    let name = format!("{} {} {}", entry.check, entry.entrance, entry.verdict);
    let mut case = TestCase::new(visible(&name), status);
    case.set_classname("baseline");
    case
}

fn description(check: &CheckResult, relation: &str, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = details(check, relation);
    if let Some(transcript) = check.transcript.as_deref().and_then(transcripts) {
        text.push('\n');
        text.push_str(&visible(&transcript));
    }
    text
}

fn details(check: &CheckResult, relation: &str) -> String {
    let mut text = format!("{}: {} ({})\n", check.verdict, check.requirement, check.reference);
    for (label, value) in [
        ("it says", quote(check).as_str()),
        ("seen", check.observed.as_str()),
        ("would pass", &check.expected),
        ("severity", severity_words(check.severity)),
        ("connection ended", check.ending.as_deref().unwrap_or_default()),
        ("reproduce", &check.reproduce),
        ("transcript", check.transcript.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label}: {value}");
        }
    }
    if !relation.is_empty() {
        let _ = writeln!(text, "{relation}");
    }
    visible(&text)
}

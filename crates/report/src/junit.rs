//! JUnit XML, for the test view of CI systems. What XML cannot carry is stripped by quick-junit.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use record::{CheckResult, Results, Run, Verdict};

use crate::outcome::{severity_words, verdict_line};
use crate::text::visible;

/// One suite for each entrance, one case for each result. A failure is a `failure`; inconclusive and skipped
/// checks and known deviations are `skipped` with the reason as message; passes, warnings and infos succeed, the
/// latter two with what was seen as `system-out`. A run that was not carried out is an `error` in a suite of its
/// own.
///
/// `transcripts` gives the text of a transcript by its path in the run's folder; it is put under the failures.
pub fn junit(run: &Run, results: &Results, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let mut report = Report::new(format!("poplab {} {}", run.tool, run.target.name));
    if let Some(time) = run.duration() {
        report.set_time(time);
    }
    report.add_test_suite(frame(run, results));
    for entrance in entrances(results) {
        let mut suite = TestSuite::new(entrance);
        let checks = results.checks.iter().filter(|check| check.entrance == entrance);
        suite.add_test_cases(checks.map(|check| case(check, transcripts)));
        report.add_test_suite(suite);
    }
    report.to_string().expect("XML is written to memory, which takes all of it")
}

/// The run itself: one case that errs when the run was not carried out, and the verdict.
fn frame(run: &Run, results: &Results) -> TestSuite {
    let mut suite = TestSuite::new("run");
    let mut status = TestCaseStatus::success();
    if let Some(error) = &run.error {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(visible(error)).set_type("not-carried-out");
    }
    let mut case = TestCase::new("run", status);
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

fn case(check: &CheckResult, transcripts: &dyn Fn(&str) -> Option<String>) -> TestCase {
    let mut case = TestCase::new(check.id.as_str(), status(check, transcripts));
    case.set_classname(format!("{}.{}", check.entrance, check.area())).set_time(check.duration());
    if check.is_known() || matches!(check.verdict, Verdict::Warn | Verdict::Info) {
        case.set_system_out(details(check));
    }
    case
}

fn status(check: &CheckResult, transcripts: &dyn Fn(&str) -> Option<String>) -> TestCaseStatus {
    let message = match (&check.approved, check.verdict) {
        (Some(sentence), _) if check.is_known() => format!("known deviation: {sentence}"),
        (_, Verdict::Skipped) => check.observed.clone(),
        (_, Verdict::Inconclusive) => format!("inconclusive: {}", check.observed),
        (_, Verdict::Fail) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(visible(&check.requirement))
                .set_type(check.severity.as_str())
                .set_description(description(check, transcripts));
            return status;
        }
        (_, Verdict::Pass | Verdict::Warn | Verdict::Info) => return TestCaseStatus::success(),
    };
    let mut status = TestCaseStatus::skipped();
    status.set_message(visible(&message));
    status
}

fn description(check: &CheckResult, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = details(check);
    if let Some(transcript) = check.transcript.as_deref().and_then(transcripts) {
        text.push('\n');
        text.push_str(&visible(&transcript));
    }
    text
}

fn details(check: &CheckResult) -> String {
    let mut text = format!("{}: {} ({})\n", check.verdict, check.requirement, check.reference);
    for (label, value) in [
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
    visible(&text)
}

//! Load runs for machines: JSON, JUnit XML, and annotations for GitHub Actions.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use record::{LoadReport, LoadResults, Run, ThresholdRow};

use super::load_outcome;
use super::load_verdict_line;
use crate::github::{annotate, place};
use crate::junit::{begun, finished, run_status};
use crate::number::counted;
use crate::outcome::problem;
use crate::text::visible;

/// One JSON object `{"run": …, "results": …}` with a final line end; it reads back with [`LoadReport::parse`].
pub fn load_json(run: &Run, results: &LoadResults) -> String {
    LoadReport { run: run.clone(), results: results.clone() }.to_json()
}

/// A suite `run` with one case that errs when the run was not carried out and fails on wrong mail, and a suite
/// `thresholds` with a case for each threshold.
pub fn load_junit(run: &Run, results: &LoadResults) -> String {
    let mut report = begun(run);
    report.add_test_suite(frame(run, results));
    let mut suite = TestSuite::new("thresholds");
    suite.add_test_cases(results.thresholds.iter().map(|threshold| case(threshold, results)));
    report.add_test_suite(suite);
    finished(&report)
}

/// One annotation a line: what kept the run from its end and a generator that was the bottleneck, broken
/// thresholds at the line of the scenario where they stand, wrong mail, the ten most frequent other errors as
/// warnings, and the verdict in one line as a notice.
pub fn load_github(run: &Run, results: &LoadResults) -> String {
    let mut text = String::new();
    if let Some(bottleneck) = &results.generator.bottleneck {
        annotate(&mut text, "warning", "", "poplab: the generator was the bottleneck", bottleneck);
    }
    if let Some(shortage) = &results.sessions.shortage {
        annotate(&mut text, "warning", "", "poplab: the accounts were too few", shortage);
    }
    if let Some(error) = &run.error {
        annotate(&mut text, "error", "", "poplab: not carried out", error);
    }
    for missing in &results.missing {
        annotate(&mut text, "warning", "", "poplab: missing", missing);
    }
    for threshold in results.thresholds.iter().filter(|threshold| !threshold.holds) {
        let title = format!("threshold broken: {}", threshold.text);
        let place = threshold.place.as_deref().map(place).unwrap_or_default();
        annotate(&mut text, "error", &place, &title, &seen(threshold));
    }
    let (wrong, mut others): (Vec<_>, Vec<_>) =
        results.errors.iter().partition(|row| row.kind.starts_with("verification:"));
    others.sort_by_key(|row| std::cmp::Reverse(row.count));
    others.truncate(10);
    for (command, rows) in [("error", wrong), ("warning", others)] {
        for row in rows {
            let title = format!("{} at {}: {}", row.kind, row.step, counted(row.count, "time"));
            annotate(&mut text, command, "", &title, &row.example);
        }
    }
    annotate(&mut text, "notice", "", "poplab", &load_verdict_line(run, results));
    text
}

fn frame(run: &Run, results: &LoadResults) -> TestSuite {
    let mut suite = TestSuite::new("run");
    let told = results.thresholds.iter().any(|threshold| !threshold.holds);
    let problem = problem(run, load_outcome(run, results), told, || load_verdict_line(run, results));
    let mut status = run_status(problem.as_ref());
    if run.error.is_some() {
        // Says all there is to say.
    } else if !results.missing.is_empty() {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(visible(&results.missing.join("\n"))).set_type("ended-early");
    } else if results.verified.failures > 0 {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let wrong = counted(results.verified.failures, "verification failure");
        let all = counted(results.verified.messages, "message");
        status.set_message(format!("{wrong}; {all} retrieved")).set_type("verification");
    }
    let mut told = load_verdict_line(run, results);
    for row in &results.errors {
        let times = counted(row.count, "time");
        told.push_str(&visible(&format!("\n{} at {}: {times}: {}", row.kind, row.step, row.example)));
    }
    let mut case = TestCase::new("run", status);
    case.set_classname("run").set_system_out(told);
    suite.add_property(("scenario", results.plan.scenario.as_str()));
    suite.add_property(("seed", run.seed.to_string().as_str()));
    suite.add_property(("version", run.version.as_str()));
    if let Some(bottleneck) = &results.generator.bottleneck {
        suite.add_property(("bottleneck", visible(bottleneck).as_str()));
    }
    if let Some(shortage) = &results.sessions.shortage {
        suite.add_property(("shortage", visible(shortage).as_str()));
    }
    suite.add_test_case(case);
    suite
}

fn case(threshold: &ThresholdRow, results: &LoadResults) -> TestCase {
    let status = if threshold.holds {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let place = threshold.place.as_deref().map(|place| format!("\nset at {place}")).unwrap_or_default();
        status
            .set_message(visible(&seen(threshold)))
            .set_type("threshold")
            .set_description(visible(&format!("{}: {}{place}", threshold.text, seen(threshold))));
        status
    };
    let mut case = TestCase::new(visible(&threshold.text), status);
    case.set_classname(format!("load.{}", results.plan.scenario));
    if threshold.holds {
        case.set_system_out(visible(&seen(threshold)));
    }
    case
}

fn seen(threshold: &ThresholdRow) -> String {
    format!("observed {} ({})", threshold.observed, counted(threshold.samples, "sample"))
}

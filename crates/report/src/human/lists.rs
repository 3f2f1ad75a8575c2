//! The parts of the report that tell a result in a line or two.

use record::{CheckResult, Results, Verdict};

use crate::finding::{Finding, findings};
use crate::group::{SAME_CAUSE, cause_words, groups};
use crate::outcome::{NOT_EXPLAINED, stale_words};
use crate::page::{Page, Tone};
use crate::text::{count, cut, nanoseconds, visible_line};

/// Entries of the baseline that are no longer seen.
pub(super) fn no_longer_seen(page: &mut Page, results: &Results) {
    if results.stale.is_empty() {
        return;
    }
    let number = results.stale.len();
    let entries = if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
    page.heading(Tone::Bad, &format!("baseline: {entries} no longer seen"));
    for entry in &results.stale {
        page.paragraph(2, &stale_words(entry));
    }
    page.blank();
}

/// Known deviations, each with the sentence that explains it.
pub(super) fn known(page: &mut Page, results: &Results) {
    let findings = findings(results, CheckResult::is_known);
    if findings.is_empty() {
        return;
    }
    let unexplained = findings.iter().filter(|finding| finding.check.is_unexplained()).count();
    let doubt = if unexplained > 0 { format!(", {unexplained} not explained") } else { String::new() };
    page.heading(Tone::Note, &format!("known: {}{doubt}", count(findings.len(), "deviation")));
    for group in &groups(results, CheckResult::is_known) {
        known_one(page, 2, &group.first);
        page.field(4, "cause", &cause_words(group.first.check));
        if !group.others.is_empty() {
            page.paragraph(4, &format!("{SAME_CAUSE}:"));
        }
        group.others.iter().for_each(|finding| known_one(page, 4, finding));
    }
    page.blank();
}

fn known_one(page: &mut Page, indent: usize, finding: &Finding<'_>) {
    let check = finding.check;
    let grade = format!("  {} · {}", check.verdict, finding.entrances());
    page.pieces(&[(None, &format!("{:indent$}", "")), (None, &check.id), (Some(Tone::Faint), &grade)]);
    page.field(indent + 2, "seen", &check.observed);
    page.field(indent + 2, "explained", check.explanation().unwrap_or(NOT_EXPLAINED));
}

/// Id, entrances and what was seen, cut to the width unless `whole`.
pub(super) fn one_line_each(page: &mut Page, verdict: Verdict, tone: Tone, results: &Results, whole: bool) {
    let findings = findings(results, |check| check.verdict == verdict && !check.is_known());
    if findings.is_empty() {
        return;
    }
    page.heading(tone, &format!("{verdict}: {}", count(findings.len(), "finding")));
    for finding in &findings {
        let head = format!("  {} ({}): ", finding.check.id, finding.entrances());
        let mut seen = visible_line(&finding.check.observed);
        if !whole {
            seen = cut(&seen, page.width().saturating_sub(head.chars().count()));
        }
        page.pieces(&[(None, &head), (None, &seen)]);
    }
    page.blank();
}

/// Skipped checks under the need that was missing, the need that cost most checks first.
pub(super) fn skipped(page: &mut Page, results: &Results) {
    let mut reasons: Vec<(&str, Vec<&CheckResult>)> = Vec::new();
    for check in results.checks.iter().filter(|check| check.verdict == Verdict::Skipped) {
        match reasons.iter_mut().find(|(reason, _)| *reason == check.observed) {
            Some((_, checks)) => checks.push(check),
            None => reasons.push((&check.observed, vec![check])),
        }
    }
    if reasons.is_empty() {
        return;
    }
    reasons.sort_by_key(|(_, checks)| std::cmp::Reverse(checks.len()));
    let number = reasons.iter().map(|(_, checks)| checks.len()).sum();
    page.heading(Tone::Strong, &format!("skipped: {}, by what was missing", count(number, "check")));
    for (reason, checks) in &reasons {
        let reason = if reason.is_empty() { "no reason recorded" } else { reason };
        page.paragraph(2, &format!("{reason} ({})", checks.len()));
        let mut ids: Vec<&str> = Vec::new();
        for check in checks {
            if !ids.contains(&check.id.as_str()) {
                ids.push(&check.id);
            }
        }
        page.toned(Some(Tone::Faint), 4, &ids.join(", "));
    }
    page.blank();
}

/// What was kept, one line each.
pub(super) fn passed(page: &mut Page, results: &Results) {
    let passed: Vec<&CheckResult> =
        results.checks.iter().filter(|check| check.verdict == Verdict::Pass).collect();
    if passed.is_empty() {
        return;
    }
    page.heading(Tone::Good, &format!("pass: {}", count(passed.len(), "check")));
    for check in passed {
        let grade = format!("  {} · {}", check.entrance, nanoseconds(check.duration_ns));
        page.pieces(&[(None, "  "), (None, &check.id), (Some(Tone::Faint), &grade)]);
    }
    page.blank();
}

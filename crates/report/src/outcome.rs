//! The run in one line. It follows the record: whether a run passed was decided by the runner.

use std::collections::{BTreeMap, BTreeSet};

use record::{CheckResult, Results, Run, Severity, StaleEntry, Verdict};

use crate::group::from_causes;
use crate::text::{count, visible_line};

/// The verdict in words and the numbers, one line without a line end:
/// `fail: 2 of 163 requirements broken (1 data loss, 1 interop) · 150 pass, 2 fail, 12 skipped`.
///
/// Requirements are counted by id, however many entrances they were judged at, and where some of them have one cause the
/// causes too; the numbers after the dot count results, and known deviations apart.
pub fn verdict_line(run: &Run, results: &Results) -> String {
    format!("{} · {}", words(run, results), numbers(results))
}

/// What kind of end a run came to; decides the word and its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail,
    NotCarriedOut,
    NothingJudged,
    WrongInput,
}

/// What is wrong with a run as a whole, for lists of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The kind in one word.
    pub(crate) kind: &'static str,
    /// Whether nobody should believe the other cases, or there are none; otherwise the target falls short.
    pub(crate) is_error: bool,
    /// The reason, for people.
    pub(crate) reason: String,
}

/// What the case of the run itself has to tell: why it was not carried out, or why its exit code is not 0 where no
/// other case tells that. A list in which everything is good belongs to exit code 0 alone.
pub(crate) fn run_problem(run: &Run, results: &Results) -> Option<Problem> {
    let told = !results.stale.is_empty() || results.checks.iter().any(CheckResult::is_broken);
    problem(run, outcome(run, results), told, || verdict_line(run, results))
}

/// The same for any instrument: `told` is whether another case says why the exit code is not 0.
pub(crate) fn problem(
    run: &Run,
    outcome: Outcome,
    told: bool,
    verdict: impl Fn() -> String,
) -> Option<Problem> {
    let (kind, is_error) = match outcome {
        Outcome::NotCarriedOut => ("not-carried-out", true),
        Outcome::NothingJudged => ("nothing-judged", true),
        Outcome::WrongInput => ("wrong-input", true),
        Outcome::Fail if !told => ("falls-short", false),
        Outcome::Fail | Outcome::Pass => return None,
    };
    let given = run.error.as_deref().unwrap_or(&run.exit_reason);
    let reason = if given.is_empty() { verdict() } else { given.to_owned() };
    Some(Problem { kind, is_error, reason })
}

/// An entry of the baseline that is no longer seen, and what to do about it, in one sentence.
pub(crate) fn stale_words(entry: &StaleEntry) -> String {
    let place = entry.place.as_deref().map(|place| format!("{place}: ")).unwrap_or_default();
    let StaleEntry { check, entrance, verdict, .. } = entry;
    format!(
        "{place}the baseline lists {check} ({entrance}, {verdict}), which is no longer seen; remove the entry, or give \
         --update-baseline"
    )
}

/// The recorded failures outweigh the exit code: a report never says "pass" above a broken requirement.
pub(crate) fn outcome(run: &Run, results: &Results) -> Outcome {
    let broken = !results.stale.is_empty() || results.checks.iter().any(CheckResult::is_broken);
    let judged = results.checks.iter().any(CheckResult::is_judged);
    match run.exit_code {
        _ if run.error.is_some() => Outcome::NotCarriedOut,
        2 => Outcome::WrongInput,
        3 => Outcome::NotCarriedOut,
        1 => Outcome::Fail,
        _ if broken => Outcome::Fail,
        0 if judged => Outcome::Pass,
        0 | 4 => Outcome::NothingJudged,
        _ => Outcome::NotCarriedOut,
    }
}

/// What stands in place of the explanation of a known deviation.
pub(crate) const NOT_EXPLAINED: &str = "no; say in the baseline, under `because`, why it is so";

/// `data loss` rather than `data-loss`, where people read it.
pub(crate) fn severity_words(severity: Severity) -> &'static str {
    match severity {
        Severity::DataLoss => "data loss",
        Severity::Security => "security",
        Severity::Interop => "interop",
        Severity::Cosmetic => "cosmetic",
    }
}

fn words(run: &Run, results: &Results) -> String {
    let wrong: Vec<String> = broken_words(results).into_iter().chain(no_longer_seen(results)).collect();
    let broken = (!wrong.is_empty()).then(|| wrong.join("; "));
    match outcome(run, results) {
        Outcome::Pass => {
            let known = results.counts().known;
            let beyond = match usize::try_from(known) {
                Ok(0) => String::new(),
                known => format!(" beyond {}", count(known.unwrap_or(usize::MAX), "known deviation")),
            };
            let unexplained = results.checks.iter().filter(|check| check.is_unexplained()).count();
            let beyond = match unexplained {
                0 => beyond,
                number => format!("{beyond}, {number} of them not explained"),
            };
            format!("pass: none of {} broken{beyond}", requirements(judged_ids(results)))
        }
        Outcome::Fail => match broken {
            Some(broken) => format!("fail: {broken}"),
            None => format!("fail: {}", reason(run, "the target falls short")),
        },
        Outcome::NotCarriedOut => {
            let reason = reason(run, "the run was not carried out to its end");
            let so_far = broken.map(|broken| format!("; so far {broken}")).unwrap_or_default();
            format!("not carried out: {reason}{so_far}")
        }
        Outcome::NothingJudged => format!("nothing judged: {}", reason(run, "no check came to a judgement")),
        Outcome::WrongInput => format!("error: {}", reason(run, "the command line or a file is wrong")),
    }
}

/// `2 of 163 requirements broken (1 data loss, 1 interop)`, or nothing when none is.
fn broken_words(results: &Results) -> Option<String> {
    let mut by_id: BTreeMap<&str, Severity> = BTreeMap::new();
    for check in results.checks.iter().filter(|check| check.is_broken()) {
        let worst = by_id.entry(&check.id).or_insert(check.severity);
        *worst = check.severity.min(*worst);
    }
    if by_id.is_empty() {
        return None;
    }
    let broken = results.checks.iter().filter(|check| check.is_broken());
    let causes: BTreeSet<&str> =
        broken.map(|check| check.follows.as_ref().unwrap_or(&check.id).as_str()).collect();
    let from =
        if causes.len() < by_id.len() { format!(", {}", from_causes(causes.len())) } else { String::new() };
    let kinds: Vec<String> = Severity::ALL
        .iter()
        .map(|severity| (by_id.values().filter(|found| *found == severity).count(), *severity))
        .filter(|(number, _)| *number > 0)
        .map(|(number, severity)| format!("{number} {}", severity_words(severity)))
        .collect();
    let judged = requirements(judged_ids(results));
    Some(format!("{} of {judged} broken{from} ({})", by_id.len(), kinds.join(", ")))
}

/// `1 entry of the baseline is no longer seen: rfc1939.stat.format (any, fail)`, or nothing when all are seen.
fn no_longer_seen(results: &Results) -> Option<String> {
    const NAMED: usize = 3;
    let words = match results.stale.len() {
        0 => return None,
        1 => "1 entry of the baseline is no longer seen".to_owned(),
        number => format!("{number} entries of the baseline are no longer seen"),
    };
    let entry = |entry: &StaleEntry| {
        visible_line(&format!("{} ({}, {})", entry.check, entry.entrance, entry.verdict))
    };
    let named: Vec<String> = results.stale.iter().take(NAMED).map(entry).collect();
    let more = if results.stale.len() > NAMED { ", …" } else { "" };
    Some(format!("{words}: {}{more}", named.join(", ")))
}

fn judged_ids(results: &Results) -> usize {
    let judged = results.checks.iter().filter(|check| check.is_judged());
    judged.map(|check| check.id.as_str()).collect::<BTreeSet<_>>().len()
}

fn requirements(number: usize) -> String {
    count(number, "requirement")
}

fn reason(run: &Run, otherwise: &str) -> String {
    let given = run.error.as_deref().unwrap_or(&run.exit_reason);
    let given = visible_line(given.lines().next().unwrap_or_default());
    if given.is_empty() { otherwise.to_owned() } else { given }
}

fn numbers(results: &Results) -> String {
    let totals = results.counts();
    let numbers: Vec<String> = [
        (totals.pass, Verdict::Pass.as_str()),
        (totals.fail, Verdict::Fail.as_str()),
        (totals.warn, Verdict::Warn.as_str()),
        (totals.known, "known"),
        (totals.info, Verdict::Info.as_str()),
        (totals.inconclusive, Verdict::Inconclusive.as_str()),
        (totals.skipped, Verdict::Skipped.as_str()),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    if numbers.is_empty() { "no results".to_owned() } else { numbers.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, verdict: Verdict, severity: Severity) -> CheckResult {
        CheckResult { id: id.into(), verdict, severity, ..CheckResult::default() }
    }

    fn line(exit_code: i32, exit_reason: &str, checks: Vec<CheckResult>) -> String {
        let run = Run { exit_code, exit_reason: exit_reason.into(), ..Run::default() };
        verdict_line(&run, &Results { checks, ..Results::default() })
    }

    #[test]
    fn requirements_are_counted_once_however_many_entrances() {
        let broken = check("a.b.lost", Verdict::Fail, Severity::DataLoss);
        let kept = check("a.b.kept", Verdict::Pass, Severity::Interop);
        assert_eq!(
            line(1, "", vec![broken.clone(), broken, kept.clone(), kept]),
            "fail: 1 of 2 requirements broken (1 data loss) · 2 pass, 2 fail"
        );
    }

    #[test]
    fn known_deviations_do_not_break_but_are_told() {
        let known = CheckResult {
            approved: Some("vendor".into()),
            ..check("a.b.c", Verdict::Fail, Severity::Interop)
        };
        let kept = check("a.b.d", Verdict::Pass, Severity::Interop);
        assert_eq!(
            line(0, "", vec![known, kept]),
            "pass: none of 2 requirements broken beyond 1 known deviation · 1 pass, 1 known"
        );
    }

    #[test]
    fn a_failure_outweighs_the_exit_code() {
        let broken = check("a.b.c", Verdict::Fail, Severity::Security);
        assert_eq!(line(0, "", vec![broken]), "fail: 1 of 1 requirement broken (1 security) · 1 fail");
    }

    #[test]
    fn what_is_no_longer_seen_stands_beside_what_is_broken() {
        let stale = StaleEntry {
            check: "a.b.d".into(),
            entrance: "any".into(),
            verdict: Verdict::Warn,
            ..StaleEntry::default()
        };
        let kept = check("a.b.d", Verdict::Pass, Severity::Interop);
        let broken = check("a.b.c", Verdict::Fail, Severity::Security);
        let told = |checks| {
            let results = Results { checks, stale: vec![stale.clone()], ..Results::default() };
            verdict_line(&Run { exit_code: 1, ..Run::default() }, &results)
        };
        assert_eq!(
            told(vec![kept.clone(), broken]),
            "fail: 1 of 2 requirements broken (1 security); 1 entry of the baseline is no longer seen: \
             a.b.d (any, warn) · 1 pass, 1 fail"
        );
        assert_eq!(
            told(vec![kept]),
            "fail: 1 entry of the baseline is no longer seen: a.b.d (any, warn) · 1 pass"
        );
    }

    #[test]
    fn an_exit_code_that_no_case_explains_is_a_problem_of_the_run() {
        let of = |exit_code, verdicts: &[Verdict]| {
            let run = Run { exit_code, exit_reason: "so it is".into(), ..Run::default() };
            let checks = verdicts.iter().map(|verdict| check("a.b.c", *verdict, Severity::Interop)).collect();
            let problem = run_problem(&run, &Results { checks, ..Results::default() })?;
            assert_eq!(problem.reason, "so it is");
            Some((problem.kind, problem.is_error))
        };
        assert_eq!(of(0, &[Verdict::Pass]), None);
        assert_eq!(of(1, &[Verdict::Fail]), None);
        assert_eq!(of(1, &[Verdict::Warn]), Some(("falls-short", false)), "--strict");
        assert_eq!(of(3, &[Verdict::Pass]), Some(("not-carried-out", true)));
        assert_eq!(of(3, &[Verdict::Inconclusive]), Some(("not-carried-out", true)));
        assert_eq!(of(4, &[]), Some(("nothing-judged", true)));
        assert_eq!(of(2, &[]), Some(("wrong-input", true)));
    }

    #[test]
    fn what_was_not_judged_is_no_pass() {
        let skipped = check("a.b.c", Verdict::Skipped, Severity::Interop);
        assert_eq!(line(0, "", vec![skipped]), "nothing judged: no check came to a judgement · 1 skipped");
        assert_eq!(
            line(4, "no check matches --select x", vec![]),
            "nothing judged: no check matches --select x · no results"
        );
        assert_eq!(line(3, "connection refused", vec![]), "not carried out: connection refused · no results");
        assert_eq!(
            line(130, "", vec![]),
            "not carried out: the run was not carried out to its end · no results"
        );
    }

    #[test]
    fn strict_runs_give_the_runner_s_reason() {
        let warn = check("a.b.c", Verdict::Warn, Severity::Interop);
        assert_eq!(line(1, "1 warning and --strict", vec![warn]), "fail: 1 warning and --strict · 1 warn");
    }
}

//! Results put together for reading: the same finding at several entrances is told once. Selecting and ordering
//! only; no text.

use record::{CheckResult, Results};

/// What was found about one requirement, at one entrance or in the same words at several.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    /// The first result; the others differ from it in entrance, transcript and duration only.
    pub(crate) check: &'a CheckResult,
    /// The labels of all entrances it was found at, in order.
    pub(crate) entrances: Vec<&'a str>,
}

impl Finding<'_> {
    /// The entrances in one word for a heading: `tls, clear`.
    pub(crate) fn entrances(&self) -> String {
        self.entrances.join(", ")
    }

    /// The sentence of the RFC between quotation marks; empty if none is known.
    pub(crate) fn quote(&self) -> String {
        quote(self.check)
    }
}

impl<'a> From<&'a CheckResult> for Finding<'a> {
    fn from(check: &'a CheckResult) -> Self {
        Self { check, entrances: vec![&check.entrance] }
    }
}

/// The selected results as findings: worst severity first, then the stronger level, then in the order of the
/// run.
pub(crate) fn findings<'a>(results: &'a Results, wanted: impl Fn(&CheckResult) -> bool) -> Vec<Finding<'a>> {
    let mut findings: Vec<Finding<'a>> = Vec::new();
    for check in results.checks.iter().filter(|check| wanted(check)) {
        match findings.iter_mut().find(|finding| same(finding.check, check)) {
            Some(finding) => finding.entrances.push(&check.entrance),
            None => findings.push(check.into()),
        }
    }
    findings.sort_by_key(|finding| (finding.check.severity, finding.check.level));
    findings
}

/// The sentence of the RFC between quotation marks; empty if none is known.
pub(crate) fn quote(check: &CheckResult) -> String {
    if check.quote.is_empty() { String::new() } else { format!("“{}”", check.quote) }
}

fn same(one: &CheckResult, other: &CheckResult) -> bool {
    one.id == other.id
        && one.verdict == other.verdict
        && one.observed == other.observed
        && one.expected == other.expected
        && one.ending == other.ending
        && one.approved == other.approved
}

#[cfg(test)]
mod tests {
    use record::{Severity, Verdict};

    use super::*;

    fn fail(id: &str, entrance: &str, severity: Severity, observed: &str) -> CheckResult {
        CheckResult {
            id: id.into(),
            entrance: entrance.into(),
            verdict: Verdict::Fail,
            severity,
            observed: observed.into(),
            ..CheckResult::default()
        }
    }

    #[test]
    fn the_same_at_two_entrances_is_one_finding_and_the_worst_comes_first() {
        let results = Results {
            checks: vec![
                fail("a.b.case", "tls", Severity::Cosmetic, "+ok"),
                fail("a.b.lost", "tls", Severity::DataLoss, "gone"),
                fail("a.b.case", "clear", Severity::Cosmetic, "+ok"),
                fail("a.b.lost", "clear", Severity::DataLoss, "half of it gone"),
            ],
            ..Results::default()
        };
        let found = findings(&results, CheckResult::is_broken);
        let told: Vec<_> =
            found.iter().map(|finding| (finding.check.id.as_str(), finding.entrances())).collect();
        let expected = [
            ("a.b.lost", "tls".to_owned()),
            ("a.b.lost", "clear".to_owned()),
            ("a.b.case", "tls, clear".to_owned()),
        ];
        assert_eq!(told, expected);
    }
}

//! Results put together for reading: the same finding at several entrances is told once. Selecting and ordering
//! only; no text.

use record::{CheckResult, Results};

/// A word from this length on that has a digit in it is taken for one that a server makes anew each time.
const MADE_ANEW: usize = 16;

/// What was found about one requirement, at one entrance or in the same words at several.
#[derive(Debug)]
pub(crate) struct Finding<'a> {
    /// The first result; the others differ from it only in entrance, transcript and duration, and in what a server makes
    /// anew each time, such as unique-ids.
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
        && (one.observed == other.observed || masked(&one.observed) == masked(&other.observed))
        && one.expected == other.expected
        && one.ending == other.ending
        && one.approved == other.approved
        && one.follows == other.follows
}

/// A text in which unique-ids, timestamps, challenges and digests all look alike.
fn masked(text: &str) -> String {
    let of_word = |letter: char| letter.is_ascii_alphanumeric() || "./+=_-@".contains(letter);
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|letter| !of_word(letter)).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(length);
        let made = word.len() >= MADE_ANEW && word.contains(|letter: char| letter.is_ascii_digit());
        out.push_str(if made { "#" } else { word });
        rest = after;
    }
    out
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

    #[test]
    fn what_a_server_makes_anew_makes_no_second_finding() {
        let told = |one: &str, other: &str| {
            let checks = [one, other].map(|seen| fail("a.b.lost", seen, Severity::DataLoss, seen)).to_vec();
            findings(&Results { checks, ..Results::default() }, CheckResult::is_broken).len()
        };
        let gone = |id: &str, left: u32| {
            format!("of 8 messages {left} are left; gone: message 1 (unique-id `{id}`, `a-1`)")
        };
        let (one, other) = ("9a362660cae401112acd5934146c8cc3", "feaabbf88e4c83b0ca690235dccd6a15");
        assert_eq!(told(&gone(one, 7), &gone(other, 7)), 1);
        assert_eq!(told(&gone(one, 7), &gone(other, 6)), 2);
        assert_eq!(told("`+OK <1896.697170952@a.example>`", "`+OK <2001.700000000@a.example>`"), 1);
        assert_eq!(told("`a-long-name-of-a-thing`", "`another-name-of-a-thing`"), 2);
        assert_eq!(told("\u{e4}1", "\u{e4}2"), 2);
    }
}

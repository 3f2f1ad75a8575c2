//! Findings of one cause put together, as the run recorded them: the cause first, and under it what probably follows.
//! Nothing is left out by it, whatever a file says: a finding whose cause is not told beside it stands for itself.

use record::{CheckResult, Results, Verdict};

use crate::finding::{Finding, findings};
use crate::text::count;

/// What reports say of findings that are told under another one.
pub(crate) const SAME_CAUSE: &str = "probably the same cause";

/// A finding, and those that probably have the same cause.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    /// The finding that is told first.
    pub(crate) first: Finding<'a>,
    /// What probably follows from it, or from what it follows from itself.
    pub(crate) others: Vec<Finding<'a>>,
}

impl<'a> Group<'a> {
    /// All findings of it, the one that is told first before the others.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Finding<'a>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether a requirement is broken, and not only a recommendation.
    pub(crate) fn is_broken(&self) -> bool {
        self.all().any(|finding| finding.check.verdict == Verdict::Fail)
    }
}

/// The selected results, those of one cause together; the group with the worst finding first, then the one with the
/// stronger level, then in the order of the run.
pub(crate) fn groups<'a>(results: &'a Results, wanted: impl Fn(&CheckResult) -> bool) -> Vec<Group<'a>> {
    let (first, follow): (Vec<_>, Vec<_>) =
        findings(results, wanted).into_iter().partition(|finding| finding.check.follows.is_none());
    let mut groups: Vec<Group<'a>> =
        first.into_iter().map(|first| Group { first, others: Vec::new() }).collect();
    for finding in follow {
        match groups.iter_mut().find(|group| belongs(&finding, &group.first)) {
            Some(group) => group.others.push(finding),
            None => groups.push(Group { first: finding, others: Vec::new() }),
        }
    }
    let worst = |finding: &Finding<'_>| (finding.check.severity, finding.check.level);
    groups.sort_by_key(|group| group.all().map(worst).min());
    groups
}

/// The findings that are told in full: deviations that no baseline explains. Those with a broken requirement among them,
/// and the rest.
pub(crate) fn deviations(results: &Results) -> (Vec<Group<'_>>, Vec<Group<'_>>) {
    let deviates = |check: &CheckResult| matches!(check.verdict, Verdict::Fail | Verdict::Warn);
    groups(results, |check| deviates(check) && !check.is_known()).into_iter().partition(Group::is_broken)
}

/// `5 findings`, and of how many causes they probably are.
pub(crate) fn count_of(groups: &[Group<'_>]) -> String {
    let number: usize = groups.iter().map(|group| group.all().count()).sum();
    let causes =
        if number == groups.len() { String::new() } else { format!(", {}", from_causes(groups.len())) };
    format!("{}{causes}", count(number, "finding"))
}

/// Where several findings come from.
pub(crate) fn from_causes(number: usize) -> String {
    format!("probably from {}", count(number, "cause"))
}

/// Whether a finding is told under this one: it names it, or both follow from one that is not told beside them.
fn belongs(finding: &Finding<'_>, first: &Finding<'_>) -> bool {
    let cause = first.check.follows.as_ref().unwrap_or(&first.check.id);
    finding.check.follows.as_ref() == Some(cause)
        && finding.entrances.iter().any(|entrance| first.entrances.contains(entrance))
}

/// The words that name the cause of a finding; empty for what stands alone.
pub(crate) fn cause_words(check: &CheckResult) -> String {
    check.follows.as_ref().map(|cause| format!("{SAME_CAUSE} as {cause}")).unwrap_or_default()
}

/// What a list of all results says of one: the words of [`cause_words`], or what else is under it.
pub(crate) fn relation(results: &Results, check: &CheckResult) -> String {
    if check.follows.is_some() {
        return cause_words(check);
    }
    let under =
        |other: &&CheckResult| other.follows.as_ref() == Some(&check.id) && other.entrance == check.entrance;
    let ids: Vec<&str> = results.checks.iter().filter(under).map(|other| other.id.as_str()).collect();
    if ids.is_empty() { String::new() } else { format!("{SAME_CAUSE}: {}", ids.join(", ")) }
}

/// All results in the order of the run, but what follows from another one right behind it.
pub(crate) fn in_order(results: &Results) -> Vec<&CheckResult> {
    let place = |check: &CheckResult| {
        let cause = check.follows.as_ref()?;
        results.checks.iter().position(|other| {
            other.id == *cause && other.entrance == check.entrance && other.follows.is_none()
        })
    };
    let mut placed: Vec<_> = results
        .checks
        .iter()
        .enumerate()
        .map(|(own, check)| match place(check) {
            Some(cause) => ((cause, true), check),
            None => ((own, false), check),
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, check)| check).collect()
}

#[cfg(test)]
mod tests {
    use record::Severity;

    use super::*;

    fn fail(id: &str, severity: Severity, follows: Option<&str>) -> CheckResult {
        CheckResult {
            id: id.into(),
            entrance: "tls".into(),
            verdict: Verdict::Fail,
            severity,
            follows: follows.map(str::to_owned),
            ..CheckResult::default()
        }
    }

    fn told(checks: Vec<CheckResult>) -> Vec<Vec<String>> {
        let results = Results { checks, ..Results::default() };
        let groups = groups(&results, |_| true);
        groups.iter().map(|group| group.all().map(|finding| finding.check.id.clone()).collect()).collect()
    }

    #[test]
    fn the_cause_comes_first_and_the_group_with_the_worst_finding_before_the_others() {
        let checks = vec![
            fail("a.lost", Severity::DataLoss, Some("a.twice")),
            fail("a.insecure", Severity::Security, None),
            fail("a.twice", Severity::Cosmetic, None),
            fail("a.size", Severity::Interop, Some("a.twice")),
        ];
        assert_eq!(told(checks), [vec!["a.twice", "a.lost", "a.size"], vec!["a.insecure"]]);
    }

    #[test]
    fn whatever_a_file_says_every_finding_is_told_once() {
        let cosmetic = |id, follows| fail(id, Severity::Cosmetic, Some(follows));
        let checks = vec![
            cosmetic("a.itself", "a.itself"),
            cosmetic("a.one", "a.two"),
            cosmetic("a.two", "a.one"),
            cosmetic("a.lost", "a.gone"),
            cosmetic("a.late", "a.gone"),
            CheckResult { entrance: "clear".into(), ..cosmetic("a.away", "a.gone") },
        ];
        let groups = told(checks.clone());
        let mut ids: Vec<String> = groups.iter().flatten().cloned().collect();
        ids.sort();
        assert_eq!(ids, ["a.away", "a.itself", "a.late", "a.lost", "a.one", "a.two"]);
        assert!(groups.contains(&vec!["a.lost".into(), "a.late".into()]), "of one cause: {groups:?}");
        let results = Results { checks, ..Results::default() };
        assert_eq!(in_order(&results).len(), results.checks.len());
    }

    #[test]
    fn in_a_list_what_follows_comes_right_behind_its_cause_at_the_same_entrance() {
        let at = |entrance: &str, check: CheckResult| CheckResult { entrance: entrance.into(), ..check };
        let cause = || fail("a.twice", Severity::Interop, None);
        let early = || fail("a.early", Severity::Interop, Some("a.twice"));
        let checks = vec![
            at("tls", early()),
            at("tls", fail("a.case", Severity::Interop, None)),
            at("tls", cause()),
            at("tls", fail("a.zero", Severity::Interop, None)),
            at("clear", early()),
            at("clear", cause()),
        ];
        let results = Results { checks, ..Results::default() };
        let told: Vec<String> =
            in_order(&results).iter().map(|check| format!("{} {}", check.entrance, check.id)).collect();
        let expected =
            ["tls a.case", "tls a.twice", "tls a.early", "tls a.zero", "clear a.twice", "clear a.early"];
        assert_eq!(told, expected);
        assert_eq!(relation(&results, &results.checks[2]), "probably the same cause: a.early");
        assert_eq!(relation(&results, &results.checks[0]), "probably the same cause as a.twice");
        assert_eq!(relation(&results, &results.checks[1]), "");
    }
}

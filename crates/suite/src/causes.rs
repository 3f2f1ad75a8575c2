//! Findings of one cause: which finding probably follows from which other one.
//!
//! One bug often breaks many requirements: a second reply to NOOP, and every check that sends NOOP reads the wrong line
//! from then on. A table, `causes.yaml`, has a row for each kind of bug that is known to break more than one. Here is
//! chosen which of these kinds of bug a run shows. No verdict is changed by it; reports tell the findings together.
//!
//! The rule is cautious, since two independent faults must not hide each other. A kind of bug comes into question only
//! where a requirement that it is about is broken, and where at least as much of what follows from it was found as was
//! judged and is all right: what should be broken and is not speaks against it. Of those that come into question the one
//! that explains most, less what speaks against it, is taken first, then the next one for what is left. What no kind of
//! bug explains stands alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use record::Verdict;
use serde::Deserialize;

const TEXT: &str = include_str!("causes.yaml");

/// A kind of bug, and what is broken because of it: a row of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindOfBug {
    /// What the server does, in a few words.
    pub bug: String,
    /// The requirements that it is about; the first of them that is broken is named as the cause.
    pub breaks: Vec<String>,
    /// What else fails because of it.
    #[serde(default)]
    pub follows: Vec<String>,
}

impl KindOfBug {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.breaks.iter().chain(&self.follows).map(String::as_str)
    }
}

/// The kinds of bug that are known to break more than one requirement.
///
/// # Panics
/// Only when the compiled-in table does not parse, which a test of this crate rules out.
pub fn kinds_of_bug() -> &'static [KindOfBug] {
    static TABLE: OnceLock<Vec<KindOfBug>> = OnceLock::new();
    TABLE.get_or_init(|| serde_saphyr::from_str(TEXT).expect("the compiled-in table of causes parses"))
}

/// For each finding among the verdicts at one entrance that probably follows from another one: the id of that one. It
/// is a finding itself, and follows from nothing.
pub fn causes<'a>(
    verdicts: impl IntoIterator<Item = (&'a str, Verdict)>,
) -> BTreeMap<&'static str, &'static str> {
    let (mut found, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for (id, verdict) in verdicts {
        match verdict {
            Verdict::Fail | Verdict::Warn => _ = found.insert(id),
            Verdict::Pass | Verdict::Info => _ = kept.insert(id),
            Verdict::Inconclusive | Verdict::Skipped => {}
        }
    }
    let mut causes = BTreeMap::new();
    while let Some((cause, explained)) = best(&found, &kept) {
        for id in explained {
            found.remove(id);
            if id != cause {
                causes.insert(id, cause);
            }
        }
    }
    causes
}

/// The cause that explains most of these findings, and what it explains, itself among that. Of equal ones the first in
/// the table.
fn best(found: &BTreeSet<&str>, kept: &BTreeSet<&str>) -> Option<(&'static str, Vec<&'static str>)> {
    let mut best: Option<(isize, &'static str, Vec<&'static str>)> = None;
    for kind in kinds_of_bug() {
        let Some(cause) = kind.breaks.iter().find(|id| found.contains(id.as_str())) else { continue };
        let explained: Vec<&'static str> = kind.all().filter(|id| found.contains(id)).collect();
        let against = kind.all().filter(|id| kept.contains(id)).count();
        let others = explained.len() - 1;
        if others == 0 || others < against {
            continue;
        }
        let worth = explained.len().cast_signed() - against.cast_signed();
        if best.as_ref().is_none_or(|(most, ..)| worth > *most) {
            best = Some((worth, cause, explained));
        }
    }
    best.map(|(_, cause, explained)| (cause, explained))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of these findings: each cause with the number of findings under it.
    fn told(found: &[&str], kept: &[&str]) -> Vec<(String, usize)> {
        let found = found.iter().map(|id| (*id, Verdict::Fail));
        let verdicts: Vec<_> = found.chain(kept.iter().map(|id| (*id, Verdict::Pass))).collect();
        let causes = causes(verdicts.iter().copied());
        let stands_alone = |id: &str| !causes.contains_key(id);
        let under = |cause: &str| causes.values().filter(|id| **id == cause).count();
        let heads = verdicts.iter().filter(|(id, verdict)| *verdict == Verdict::Fail && stands_alone(id));
        heads.map(|(id, _)| ((*id).to_owned(), under(id))).collect()
    }

    const TWICE: &str = "rfc1939.frame.one-reply";
    const BEHIND_IT: [&str; 4] = [
        "rfc1939.frame.keyword-case",
        "rfc1939.frame.extra-space",
        "rfc1939.single.no-terminator",
        "rfc2449.pipe.split",
    ];

    #[test]
    fn what_follows_is_told_under_its_cause() {
        let found: Vec<&str> = BEHIND_IT.into_iter().chain([TWICE, "rfc1939.pass.case"]).collect();
        assert_eq!(told(&found, &[]), [(TWICE.to_owned(), 4), ("rfc1939.pass.case".to_owned(), 0)]);
    }

    #[test]
    fn without_the_cause_each_finding_stands_alone() {
        // The third of them is a cause itself, in another row.
        let found = [BEHIND_IT[0], BEHIND_IT[1], BEHIND_IT[3]];
        assert_eq!(told(&found, &[TWICE]).len(), 3);
        assert_eq!(told(&found, &[]).len(), 3);
        assert!(causes([]).is_empty());
    }

    #[test]
    fn what_should_be_broken_and_is_not_speaks_against_a_cause() {
        let found = [&[TWICE], &BEHIND_IT[..1]].concat();
        assert_eq!(told(&found, &BEHIND_IT[1..]).len(), 2, "one consequence of four is chance");
        assert_eq!(told(&found, &BEHIND_IT[1..2]).len(), 1, "two of which were not judged");
    }

    #[test]
    fn inconclusive_and_skipped_checks_speak_neither_for_nor_against() {
        for verdict in [Verdict::Inconclusive, Verdict::Skipped] {
            let unjudged = BEHIND_IT[1..].iter().map(|id| (*id, verdict));
            let found = [(TWICE, Verdict::Fail), (BEHIND_IT[0], Verdict::Warn)];
            let expected = BTreeMap::from([(BEHIND_IT[0], TWICE)]);
            assert_eq!(causes(found.into_iter().chain(unjudged)), expected);
        }
    }

    #[test]
    fn a_cause_follows_from_nothing() {
        let everything: Vec<(&str, Verdict)> =
            crate::check::all().iter().map(|check| (check.id, Verdict::Fail)).collect();
        let causes = causes(everything);
        assert!(causes.values().all(|cause| !causes.contains_key(cause)));
    }

    #[test]
    fn the_table_is_well_formed() {
        let checks: BTreeSet<&str> = crate::check::all().iter().map(|check| check.id).collect();
        let mut seen = BTreeSet::new();
        for kind in kinds_of_bug() {
            let all: BTreeSet<&str> = kind.all().collect();
            assert!(!kind.breaks.is_empty() && all.len() > 1, "{}: one finding explains nothing", kind.bug);
            assert_eq!(all.len(), kind.breaks.len() + kind.follows.len(), "{}: an id twice", kind.bug);
            assert!(kind.follows.is_sorted(), "{}: not in order", kind.bug);
            for id in &all {
                assert!(checks.contains(id), "{}: there is no check {id}", kind.bug);
            }
            assert!(seen.insert(all), "{}: another row has the same; make one of them", kind.bug);
        }
    }
}

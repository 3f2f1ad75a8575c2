//! Errors by kind and step, and which sessions are worth a transcript.
//!
//! Sessions are not recorded by default, since that would cost all of them. The transcript of the first error of each
//! kind at each step is told from the worker's trail, which has all but most of the content; after it, sessions of the
//! same behaviour are recorded in full until as many transcripts of that kind were kept as the scenario asks for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use record::ErrorSeen;

use super::Step;

/// Most kinds of errors told apart at one step; a hostile server could invent response codes without end.
const KINDS: usize = 200;

/// What further kinds are called.
const OTHER: Cow<'static, str> = Cow::Borrowed("other");

/// The errors of one second, and what is known of their kinds since the start.
pub(crate) struct Errors {
    pub(super) seen: BTreeMap<(Cow<'static, str>, Step), Seen>,
    /// Full transcripts kept of each kind.
    known: BTreeMap<(Cow<'static, str>, Step), u32>,
    /// How many of the next sessions of each behaviour are recorded.
    record: Vec<u32>,
    bad_per_kind: u32,
}

#[derive(Default)]
pub(super) struct Seen {
    count: u64,
    example: String,
    first_s: f64,
}

/// What to do about the transcript of a failed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// There are enough of this kind.
    No,
    /// The first of its kind: what the trail knows.
    First,
    /// This one, if it was recorded.
    Recorded,
}

impl Errors {
    pub(super) fn new(behaviours: usize, bad_per_kind: u32) -> Errors {
        Errors { seen: BTreeMap::new(), known: BTreeMap::new(), record: vec![0; behaviours], bad_per_kind }
    }

    /// Counts an error. `example` is asked for once a second and kind.
    pub(crate) fn count(
        &mut self,
        kind: Cow<'static, str>,
        step: Step,
        at_s: f64,
        example: impl FnOnce() -> String,
    ) -> Cow<'static, str> {
        let known = self.known.len() < KINDS || self.known.contains_key(&(kind.clone(), step));
        let kind = if known { kind } else { OTHER };
        let seen = self.seen.entry((kind.clone(), step)).or_default();
        if seen.count == 0 {
            seen.example = example();
            seen.first_s = at_s;
        }
        seen.count += 1;
        kind
    }

    /// What to do about the transcript of a session with an error that was counted; `recorded` says whether there
    /// is one in full.
    pub(crate) fn transcript(
        &mut self,
        kind: Cow<'static, str>,
        step: Step,
        behaviour: usize,
        recorded: bool,
    ) -> Keep {
        let key = (kind, step);
        let first = !self.known.contains_key(&key);
        let kept = self.known.entry(key).or_default();
        if *kept >= self.bad_per_kind {
            return Keep::No;
        }
        if recorded {
            *kept += 1;
        }
        if *kept < self.bad_per_kind
            && let Some(record) = self.record.get_mut(behaviour)
        {
            *record = 1;
        }
        match (recorded, first) {
            (true, _) => Keep::Recorded,
            (false, true) => Keep::First,
            (false, false) => Keep::No,
        }
    }

    /// Whether the session of this behaviour that begins now is recorded because of earlier errors.
    pub(crate) fn records(&mut self, behaviour: usize) -> bool {
        match self.record.get_mut(behaviour) {
            Some(record) if *record > 0 => {
                *record -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Seen {
    pub(super) fn told(self, kind: Cow<'static, str>, step: &str) -> ErrorSeen {
        ErrorSeen {
            kind: kind.into_owned(),
            step: step.to_owned(),
            count: self.count,
            example: self.example,
            first_s: self.first_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_leaves_what_is_known_and_the_next_session_is_recorded() {
        let mut errors = Errors::new(2, 2);
        let kind = Cow::Borrowed("timeout");
        assert!(!errors.records(0));
        assert_eq!(errors.transcript(kind.clone(), Step::STAT, 0, false), Keep::First);
        assert!(errors.records(0) && !errors.records(0) && !errors.records(1));
        assert_eq!(errors.transcript(kind.clone(), Step::STAT, 0, false), Keep::No);
        assert_eq!(errors.transcript(kind.clone(), Step::STAT, 0, true), Keep::Recorded);
        assert_eq!(errors.transcript(kind.clone(), Step::STAT, 0, true), Keep::Recorded);
        assert!(errors.records(0));
        assert_eq!(errors.transcript(kind.clone(), Step::STAT, 0, true), Keep::No);
        assert!(!errors.records(0));
        assert_eq!(errors.transcript(kind.clone(), Step::QUIT, 0, false), Keep::First);
    }

    #[test]
    fn a_server_that_invents_codes_does_not_fill_the_memory() {
        let mut errors = Errors::new(1, 1);
        for number in 0..10_000 {
            let kind = Cow::Owned(format!("err:{number}"));
            let kind = errors.count(kind, Step::STAT, 1.0, String::new);
            errors.transcript(kind.clone(), Step::STAT, 0, false);
        }
        assert!(errors.seen.len() <= KINDS + 1 && errors.known.len() <= KINDS + 1);
        assert_eq!(errors.seen.values().map(|seen| seen.count).sum::<u64>(), 10_000);
    }
}

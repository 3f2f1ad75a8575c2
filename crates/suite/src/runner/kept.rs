//! How much is kept of all conversations at one entrance.
//!
//! One transcript is bounded, but there are hundreds of them, and a hostile server makes each as long as it can. Those of
//! passes are shortened first, the longest before the others; findings keep theirs as long as there is room.

use record::Verdict;
use transcript::Transcript;

use super::Finished;

/// Octets of conversation that are kept of one entrance, in memory and in text. A run has at most two entrances.
const CONVERSATIONS_AT_MOST: usize = 16 << 20;

/// What a transcript keeps in any case; so many octets are left to each of 500 checks.
const KEPT_OF_EACH: usize = 32 << 10;

/// What a shortened transcript says.
const WHY: &str = "of all conversations at an entrance 16 MiB are kept";

/// The conversations that are kept so far.
#[derive(Default)]
pub(super) struct Kept {
    /// What they weigh, or more.
    weight: usize,
}

impl Kept {
    /// One more was kept, the last of these.
    pub(super) fn one_more(&mut self, done: &mut [Finished]) {
        self.weight += done.last().and_then(transcript_of).map_or(0, Transcript::weight);
        if self.weight > CONVERSATIONS_AT_MOST {
            self.make_room(done);
        }
    }

    /// Shortens conversations until there is room for all of them, and for some more.
    pub(super) fn make_room(&mut self, done: &mut [Finished]) {
        self.weight = done.iter().filter_map(transcript_of).map(Transcript::weight).sum();
        if self.weight <= CONVERSATIONS_AT_MOST {
            return;
        }
        // Not at each check anew.
        let wanted = CONVERSATIONS_AT_MOST / 8 * 7;
        let mut order: Vec<(u8, usize, usize)> = done
            .iter()
            .enumerate()
            .filter_map(|(index, one)| Some((worth(one), transcript_of(one)?.weight(), index)))
            .collect();
        order.sort_unstable_by_key(|(worth, weight, _)| (*worth, std::cmp::Reverse(*weight)));
        for (_, before, index) in order {
            if self.weight <= wanted {
                return;
            }
            if let Some(transcript) = &mut done[index].evidence.transcript {
                let excess = self.weight - wanted;
                transcript.shorten(before.saturating_sub(excess).max(KEPT_OF_EACH), WHY);
                self.weight -= before - transcript.weight().min(before);
            }
        }
    }
}

fn transcript_of(one: &Finished) -> Option<&Transcript> {
    one.evidence.transcript.as_ref()
}

/// How much a conversation is worth.
fn worth(one: &Finished) -> u8 {
    match one.evidence.result.verdict {
        Verdict::Skipped | Verdict::Pass | Verdict::Info => 0,
        Verdict::Inconclusive => 1,
        Verdict::Warn => 2,
        Verdict::Fail => 3,
    }
}

#[cfg(test)]
mod tests {
    use record::CheckResult;
    use transcript::Recorder;

    use super::*;
    use crate::runner::{Evidence, Turn};

    /// A conversation with this much content, the last line of which a finding is about.
    fn finished(verdict: Verdict, octets: usize) -> Finished {
        let mut recorder = Recorder::new("check", None);
        recorder.sent(1, b"NOOP\r\n");
        let mut said = 0;
        while said < octets {
            let line: String = (b'a'..=b'w').cycle().take(500).map(char::from).collect();
            said += line.len();
            recorder.received(1, format!("{line}\r\n").as_bytes());
        }
        recorder.received(1, b"+OK the line in question\r\n");
        let mut transcript = recorder.finish();
        if verdict == Verdict::Fail {
            transcript.mark(transcript.entries.len() - 1, "here");
        }
        let check = crate::check::all().into_iter().next().expect("there are checks");
        let result = CheckResult { verdict, ..CheckResult::default() };
        Finished {
            evidence: Evidence { result, transcript: Some(transcript), reproduction: None },
            seen: Vec::new(),
            conversation: None,
            left_nobody: false,
            turn: Turn { check, source: None, avoid: Vec::new() },
        }
    }

    fn total(done: &[Finished]) -> usize {
        done.iter().filter_map(transcript_of).map(Transcript::weight).sum()
    }

    #[test]
    fn of_all_conversations_so_much_is_kept_and_those_of_findings_first() {
        let (mut kept, mut done) = (Kept::default(), Vec::new());
        for number in 0..400 {
            let (verdict, octets) = match number % 10 {
                0 => (Verdict::Fail, 200_000),
                1 => (Verdict::Pass, 2_000),
                2 => (Verdict::Inconclusive, 300_000),
                _ => (Verdict::Pass, 300_000),
            };
            done.push(finished(verdict, octets));
            kept.one_more(&mut done);
            assert!(total(&done) <= CONVERSATIONS_AT_MOST);
        }
        assert!(total(&done) > CONVERSATIONS_AT_MOST / 2);
        let text: usize = done.iter().filter_map(transcript_of).map(|one| one.render().len()).sum();
        assert!(text <= CONVERSATIONS_AT_MOST, "{text}");
        for one in &done {
            let Some(transcript) = transcript_of(one) else { continue };
            let text = transcript.render();
            let whole = !text.contains("left out here: of all conversations at an entrance 16 MiB are kept");
            match one.evidence.result.verdict {
                Verdict::Fail => assert!(text.contains("S: +OK the line in question\n[1] ^^ here\n")),
                Verdict::Inconclusive => assert!(!whole),
                // What is short was not what there was no room for.
                _ => assert_eq!(whole, transcript.received.octets < 30_000),
            }
        }
    }

    #[test]
    fn only_passes_are_shortened_where_that_is_enough() {
        let mut done: Vec<Finished> = (0..100)
            .map(|number| finished(if number < 50 { Verdict::Fail } else { Verdict::Pass }, 200_000))
            .collect();
        let before: Vec<Transcript> = done.iter().filter_map(transcript_of).cloned().collect();
        Kept::default().make_room(&mut done);
        assert!(total(&done) <= CONVERSATIONS_AT_MOST);
        for (one, before) in done.iter().zip(&before).take(50) {
            assert_eq!(transcript_of(one), Some(before));
        }
    }
}

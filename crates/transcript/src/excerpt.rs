//! What a report shows of a conversation: the line that matters with its surroundings, and how it came to it.
//!
//! It deliberately does not judge which line matters: that is marked by whoever does.

use std::collections::{BTreeMap, BTreeSet};

use crate::render::{self, counted};
use crate::transcript::{Entry, Side, Transcript};

/// So many lines of its session before and after the marked one are shown before anything else.
const AROUND: usize = 3;
/// So many lines of a session show how it began: connection, greeting, the first command.
const BEGINNING: usize = 3;

/// One line of an excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcerptLine {
    /// The line as the text form has it, or how many were left out.
    pub text: String,
    /// Whether it is the one that matters.
    pub marked: bool,
}

/// Lines of the text form by number: 0 is the title. Marks are no lines of their own here.
struct Lines<'a> {
    transcript: &'a Transcript,
    entries: Vec<&'a Entry>,
    marked: BTreeSet<usize>,
}

/// See [`Transcript::excerpt`].
pub(crate) fn excerpt(transcript: &Transcript, at_most: usize) -> Vec<ExcerptLine> {
    let lines = Lines::of(transcript);
    let total = lines.entries.len() + 1;
    if total <= at_most {
        return lines.shown(&(0..total).collect());
    }
    if at_most == 0 {
        return Vec::new();
    }
    let mut chosen = BTreeSet::new();
    for number in lines.by_weight() {
        if chosen.insert(number) && length(&chosen, total) > at_most {
            chosen.remove(&number);
        }
    }
    lines.shown(&chosen)
}

/// The entries by their index, those that explain most first; marks are none.
pub(crate) fn by_weight(transcript: &Transcript) -> Vec<usize> {
    let shown = |(index, entry): (usize, &Entry)| (!matches!(entry, Entry::Mark { .. })).then_some(index);
    let indexes: Vec<usize> = transcript.entries.iter().enumerate().filter_map(shown).collect();
    let order = Lines::of(transcript).by_weight();
    order.iter().filter_map(|number| indexes.get(number.checked_sub(1)?).copied()).collect()
}

/// Lines that are shown, with one for each gap.
fn length(chosen: &BTreeSet<usize>, total: usize) -> usize {
    let mut next = 0;
    let mut gaps = 0;
    for number in chosen {
        gaps += usize::from(*number > next);
        next = number + 1;
    }
    chosen.len() + gaps + usize::from(next < total)
}

impl<'a> Lines<'a> {
    fn of(transcript: &'a Transcript) -> Self {
        let (mut entries, mut marked) = (Vec::new(), BTreeSet::new());
        for entry in &transcript.entries {
            if matches!(entry, Entry::Mark { .. }) {
                marked.insert(entries.len());
            } else {
                entries.push(entry);
            }
        }
        Self { transcript, entries, marked }
    }

    fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(1)?).copied()
    }

    /// All lines, those that explain most first.
    fn by_weight(&self) -> Vec<usize> {
        let last = self.entries.len();
        // Without a mark: most conversations fail at their end.
        let point = self.marked.last().copied().unwrap_or(last);
        let session = self.entry(point).map(Entry::session);
        let same = |number: &usize| self.entry(*number).map(Entry::session) == session;
        let own: Vec<usize> = (1..=last).filter(same).collect();
        let at = own.iter().position(|number| *number == point).unwrap_or_default();
        let mut order: Vec<usize> = self.marked.iter().copied().chain([point]).collect();
        for distance in 1..=AROUND {
            order.extend(at.checked_sub(distance).and_then(|near| own.get(near)));
            order.extend(own.get(at + distance));
        }
        order.push(0);
        order.extend(own.iter().take(BEGINNING));
        // What was asked in any session, and how it was answered. What was asked seldom tells more than what was asked
        // for each of many messages.
        let mut asked: Vec<(usize, String)> =
            (1..=last).filter_map(|number| Some((number, self.asked(number)?))).collect();
        let mut often = BTreeMap::<String, usize>::new();
        for (_, keyword) in &asked {
            *often.entry(keyword.clone()).or_default() += 1;
        }
        asked.sort_by_key(|(number, keyword)| (often.get(keyword), !same(number), number.abs_diff(point)));
        for (number, _) in asked {
            order.push(number);
            let session = self.entry(number).map(Entry::session);
            let answer = (number + 1..=last).find(|later| self.entry(*later).map(Entry::session) == session);
            order.extend(answer.filter(|answer| !self.is_content(*answer)));
        }
        let mut rest: Vec<usize> = (1..=last).collect();
        rest.sort_by_key(|number| number.abs_diff(point));
        order.extend(rest);
        order
    }

    /// The first word of what a client said.
    fn asked(&self, number: usize) -> Option<String> {
        match self.entry(number)? {
            Entry::Line { side: Side::Client, text, .. } => {
                let text = text.to_string();
                Some(text.split([' ', '‹']).next().unwrap_or_default().to_ascii_uppercase())
            }
            _ => None,
        }
    }

    fn is_content(&self, number: usize) -> bool {
        matches!(self.entry(number), Some(Entry::Folded { .. } | Entry::Line { content: true, .. }))
    }

    fn shown(&self, chosen: &BTreeSet<usize>) -> Vec<ExcerptLine> {
        let total = self.entries.len() + 1;
        let mut lines = Vec::new();
        let mut next = 0;
        for number in chosen.iter().copied().chain([total]) {
            match number - next {
                0 => {}
                // To say so takes as much room as the line itself.
                1 => lines.push(self.line(next)),
                left_out => lines.push(ExcerptLine {
                    text: format!("… {} left out", counted(left_out as u64, "line")),
                    marked: false,
                }),
            }
            if number < total {
                lines.push(self.line(number));
            }
            next = number + 1;
        }
        lines
    }

    fn line(&self, number: usize) -> ExcerptLine {
        let text = self.entry(number).map_or_else(|| render::title(self.transcript), Entry::render);
        ExcerptLine { text, marked: self.marked.contains(&number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorder;

    /// A login, a long listing, and in another session what follows from it.
    fn conversation() -> Transcript {
        let mut recorder = Recorder::new("check", None);
        for session in [1, 2] {
            recorder.note(session, "connect");
            recorder.received(session, b"+OK ready\r\n");
            for command in ["USER a", "PASS b", "DELE 1", "LIST"] {
                recorder.sent(session, format!("{command}\r\n").as_bytes());
                recorder.received(session, b"+OK\r\n");
            }
            for number in 1..20 {
                recorder.received_content(session, format!("{number} 100\r\n").as_bytes());
            }
            recorder.received_content(session, b".\r\n");
            recorder.sent(session, b"QUI");
            recorder.note(session, "closed by client");
        }
        recorder.finish()
    }

    fn texts(lines: &[ExcerptLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_marked_line_its_surroundings_and_the_commands_of_its_session_are_shown() {
        let mut transcript = conversation();
        let fifth = transcript.entries.iter().position(|entry| entry.render() == "[2] S| 5 100").unwrap();
        transcript.mark(fifth, "the deviation");
        let lines = transcript.excerpt(26);
        assert_eq!(
            texts(&lines),
            [
                "# check",
                "… 30 lines left out",
                "[1] C: QUI‹no line end›",
                "[1] == closed by client",
                "[2] == connect",
                "[2] S: +OK ready",
                "[2] C: USER a",
                "[2] S: +OK",
                "[2] C: PASS b",
                "[2] S: +OK",
                "[2] C: DELE 1",
                "[2] S: +OK",
                "[2] C: LIST",
                "[2] S: +OK",
                "[2] S| 1 100",
                "[2] S| 2 100",
                "[2] S| 3 100",
                "[2] S| 4 100",
                "[2] S| 5 100",
                "[2] S| 6 100",
                "[2] S| 7 100",
                "[2] S| 8 100",
                "[2] S| 9 100",
                "… 11 lines left out",
                "[2] C: QUI‹no line end›",
                "[2] == closed by client"
            ]
        );
        let marked: Vec<&ExcerptLine> = lines.iter().filter(|line| line.marked).collect();
        assert_eq!(marked.len(), 1);
        assert_eq!(marked[0].text, "[2] S| 5 100");
    }

    #[test]
    fn however_little_room_there_is_the_marked_line_comes_first() {
        let mut transcript = conversation();
        transcript.mark(6, "the deviation");
        for at_most in 3..30 {
            let lines = transcript.excerpt(at_most);
            assert!(lines.len() <= at_most, "{at_most}: {lines:?}");
            assert!(lines.iter().any(|line| line.marked), "{at_most}: {lines:?}");
        }
        assert_eq!(texts(&transcript.excerpt(1)), ["… 65 lines left out"]);
        assert!(transcript.excerpt(0).is_empty());
        assert_eq!(transcript.excerpt(usize::MAX).len(), 65);
    }

    #[test]
    fn a_mark_reads_back() {
        let mut transcript = conversation();
        transcript.mark(6, "the\ndeviation");
        transcript.mark(1_000, "nothing");
        let text = transcript.render();
        assert!(text.contains("\n[1] ^^ the␊deviation\n"), "{text}");
        assert_eq!(Transcript::parse(&text), Ok(transcript));
    }
}

//! Shortening a conversation that is over, for whoever keeps many of them.
//!
//! What matters is kept in the order in which a report would show it; what is left out is told where it stood. It
//! deliberately leaves the sums over the wire as they are: they are those of the whole conversation.

use std::collections::BTreeSet;

use crate::excerpt::by_weight;
use crate::notation::count_of;
use crate::render::{self, counted};
use crate::text::{Piece, Text};
use crate::transcript::{Entry, Transcript};

/// So often room is made for the lines that say what is missing.
const TRIES: usize = 16;

/// What a note says between the counts of lines and octets, and behind them.
const WITH: &str = " with ";
const LEFT_OUT: &str = " left out here";

/// See [`Transcript::weight`].
pub(crate) fn weight(transcript: &Transcript) -> usize {
    transcript.entries.iter().map(of_entry).sum()
}

/// See [`Transcript::shorten`].
pub(crate) fn shorten(transcript: &mut Transcript, at_most: usize, why: &str) {
    if weight(transcript) <= at_most {
        return;
    }
    let order = by_weight(transcript);
    let mut room = at_most;
    let mut entries = Vec::new();
    for _ in 0..TRIES {
        entries = chosen(transcript, &order, room, why);
        if entries.iter().map(of_entry).sum::<usize>() <= at_most {
            break;
        }
        room = room / 3 * 2;
    }
    transcript.entries = entries;
}

/// The entries for which there is room, the weightiest first, and what is missing between them.
fn chosen(transcript: &Transcript, order: &[usize], mut room: usize, why: &str) -> Vec<Entry> {
    let mut chosen = BTreeSet::new();
    for index in order {
        let Some(entry) = transcript.entries.get(*index) else { continue };
        // A mark stays with what it marks.
        let mark = transcript.entries.get(index + 1).filter(|next| matches!(next, Entry::Mark { .. }));
        let cost = of_entry(entry) + mark.map_or(0, of_entry);
        if !chosen.contains(index) && cost <= room {
            room -= cost;
            chosen.insert(*index);
            chosen.extend(mark.map(|_| index + 1));
        }
    }
    let mut entries = Vec::new();
    let mut next = 0;
    for index in chosen.into_iter().chain([transcript.entries.len()]) {
        if index > next {
            let left_out = &transcript.entries[next..index];
            let parts = left_out.iter().map(|entry| left_out_before(entry).unwrap_or((1, said(entry))));
            let (lines, octets) =
                parts.fold((0, 0), |(lines, octets), (more, and)| (lines + more, octets + and));
            let (lines, octets) = (counted(lines, "line"), counted(octets, "octet"));
            let text = render::one_line(&format!("{lines}{WITH}{octets}{LEFT_OUT}: {why}"));
            entries.push(Entry::Note { session: 0, text });
        }
        entries.extend(transcript.entries.get(index).cloned());
        next = index + 1;
    }
    entries
}

/// Lines and octets of which an entry says that they were left out by an earlier shortening.
fn left_out_before(entry: &Entry) -> Option<(u64, u64)> {
    let Entry::Note { session: 0, text } = entry else { return None };
    let (lines, octets) = text.split_once(LEFT_OUT)?.0.split_once(WITH)?;
    Some((count_of(lines, "line")?, count_of(octets, "octet")?))
}

/// Octets that went over the wire, without the line end of a line.
fn said(entry: &Entry) -> u64 {
    let of_piece = |piece: &Piece| match piece {
        Piece::Octets(octets) => octets.len() as u64,
        Piece::Run { count, .. } => *count,
        Piece::Secret(length) => *length,
    };
    match entry {
        Entry::Note { .. } | Entry::Mark { .. } => 0,
        Entry::Line { text, .. } => {
            text.pieces().iter().map(of_piece).sum::<u64>() + text.rest().map_or(0, |rest| rest.octets)
        }
        Entry::Folded { octets, .. } => *octets,
    }
}

fn of_entry(entry: &Entry) -> usize {
    entry.memory().max(rendered(entry))
}

/// Octets of its line in the text form, at most.
fn rendered(entry: &Entry) -> usize {
    /// Session, side, line end, and what stands in for what is not shown as it is.
    const AROUND: usize = 32;
    /// A count, and the hash of what was cut off.
    const FOLDED: usize = 128;
    AROUND
        + match entry {
            Entry::Note { text, .. } | Entry::Mark { text, .. } => text.len(),
            Entry::Line { text, .. } => of_text(text) + text.rest().map_or(0, |_| FOLDED),
            Entry::Folded { .. } => FOLDED,
        }
}

fn of_text(text: &Text) -> usize {
    let of_octet = |octet: &u8| if matches!(octet, b' '..=b'~') && *octet != b'\\' { 1 } else { 4 };
    let of_piece = |piece: &Piece| match piece {
        Piece::Octets(octets) => octets.iter().map(of_octet).sum::<usize>(),
        Piece::Run { .. } | Piece::Secret(_) => 32,
    };
    text.pieces().iter().map(of_piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorder;

    const WHY: &str = "a run keeps 32 MiB";

    fn conversation(lines: u32) -> Transcript {
        let mut recorder = Recorder::new("check", None);
        for session in 1..=lines {
            recorder.note(session, "connect");
            recorder.received(session, b"+OK ready\r\n");
            recorder.sent(session, b"TOP 1 0\r\n");
            recorder.received(session, b"+OK\r\n");
            for number in 0..15 {
                recorder.received_content(session, format!("{number} {:\u{e4}<300}\r\n", "").as_bytes());
            }
            recorder.received_content(session, b".\r\n");
        }
        recorder.finish()
    }

    #[test]
    fn the_weight_is_no_less_than_memory_and_text() {
        let transcript = conversation(9);
        let memory: usize = transcript.entries.iter().map(Entry::memory).sum();
        assert!(transcript.weight() >= memory);
        let text: usize = transcript.entries.iter().map(|entry| entry.render().len() + 1).sum();
        assert!(transcript.weight() >= text, "{} {text}", transcript.weight());
    }

    #[test]
    fn what_is_too_much_is_cut_out_of_content_with_a_line_that_says_so() {
        let mut transcript = conversation(9);
        let whole = transcript.clone();
        let at = whole.entries.iter().position(|entry| entry.render().starts_with("[5] S| 7 ")).unwrap();
        transcript.mark(at, "here");
        let mut same = transcript.clone();
        same.shorten(same.weight(), WHY);
        assert_eq!(same, transcript);
        let before = transcript.weight();
        for at_most in [before / 2, before / 4, 20_000] {
            transcript.shorten(at_most, WHY);
            assert!(transcript.weight() <= at_most);
            assert!(transcript.weight() >= at_most / 3, "{} of {at_most}", transcript.weight());
            let text = transcript.render();
            assert_eq!(Transcript::parse(&text).as_ref(), Ok(&transcript));
            let lines: Vec<&str> = text.lines().collect();
            let mark = lines.iter().position(|line| *line == "[5] ^^ here").unwrap();
            assert!(lines[mark - 1].starts_with("[5] S| 7 ") && lines[mark + 1].starts_with("[5] S| 8 "));
            let told = transcript.entries.iter().filter_map(left_out_before);
            let left = lines.len() - 2 - transcript.entries.iter().filter_map(left_out_before).count();
            let left_out: u64 = told.map(|(lines, _)| lines).sum();
            assert_eq!(left_out as usize + left, whole.entries.len() + 1, "{text}");
            assert_eq!((&transcript.sent, &transcript.received), (&whole.sent, &whole.received));
            // What was asked stays as long as there is content to leave out.
            let asked = text.matches("C: TOP 1 0").count();
            assert!(asked == 9 || at_most == 20_000, "{text}");
        }
    }

    #[test]
    fn there_is_an_end_also_where_there_is_hardly_room() {
        for at_most in [0, 100, 1_000] {
            let mut transcript = conversation(3);
            transcript.shorten(at_most, WHY);
            assert!(transcript.entries.len() <= 6, "{}", transcript.render());
        }
    }
}

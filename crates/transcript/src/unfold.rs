//! Marking a line of content in the entries of a transcript, and showing it if it was folded away.

use crate::digest::Tally;
use crate::redact::Token;
use crate::text::{LineBuilder, Text};
use crate::transcript::{Entry, Side};

/// Lines before and after the marked one that are shown with it.
const AROUND: u64 = 3;

/// Marks line number `line`, from 0, of the last content of a session. `folded` are the octets of its last fold, if
/// they are known; if not, the fold itself is marked. Content that ended earlier is marked at its last line.
pub(crate) fn mark(entries: &mut Vec<Entry>, session: u32, line: u64, folded: Option<&[u8]>, text: &str) {
    let Some((index, before)) = place(entries, session, line) else { return };
    let (side, hash) = match &entries[index] {
        Entry::Folded { side, sha256, .. } => (*side, sha256.clone()),
        _ => return insert(entries, index, session, text),
    };
    match folded.filter(|octets| sum(octets).sha256() == hash) {
        Some(octets) => {
            let (pieces, at) = unfolded(octets, session, side, line.saturating_sub(before));
            entries.splice(index..=index, pieces);
            insert(entries, index + at, session, text);
        }
        None => insert(entries, index, session, text),
    }
}

fn insert(entries: &mut Vec<Entry>, index: usize, session: u32, text: &str) {
    entries.insert(index + 1, Entry::Mark { session, text: text.to_owned() });
}

/// The entry that has the line, and how many lines of the content come before that entry.
fn place(entries: &[Entry], session: u32, line: u64) -> Option<(usize, u64)> {
    let own = |(_, entry): &(usize, &Entry)| entry.session() == session;
    let mut content: Vec<(usize, u64)> = entries
        .iter()
        .enumerate()
        .rev()
        .filter(own)
        .skip_while(|(_, entry)| lines(entry).is_none())
        .map_while(|(index, entry)| Some((index, lines(entry)?)))
        .collect();
    content.reverse();
    let mut before = 0;
    let mut found = None;
    for (index, lines) in content {
        found = Some((index, before));
        before += lines;
        if line < before {
            break;
        }
    }
    found
}

/// How many lines of content an entry is.
fn lines(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Line { content: true, .. } => Some(1),
        Entry::Folded { lines, .. } => Some(*lines),
        _ => None,
    }
}

/// The entries that take the place of a fold, and which of them is the line.
fn unfolded(octets: &[u8], session: u32, side: Side, line: u64) -> (Vec<Entry>, usize) {
    let lines: Vec<&[u8]> = octets.split_inclusive(|octet| *octet == b'\n').collect();
    let last = lines.len().saturating_sub(1);
    let line = usize::try_from(line).unwrap_or(usize::MAX).min(last);
    let around = usize::try_from(AROUND).unwrap_or_default();
    let (from, to) = (line.saturating_sub(around), (line + around).min(last));
    let shown = lines[from..=to].iter().map(|octets| Entry::Line {
        session,
        side,
        content: true,
        text: text(octets),
    });
    let fold = |lines: &[&[u8]]| {
        let tally = sum(&lines.concat());
        (!lines.is_empty()).then(|| Entry::Folded {
            session,
            side,
            lines: lines.len() as u64,
            octets: tally.octets(),
            sha256: tally.sha256(),
        })
    };
    let head = fold(&lines[..from]);
    let at = usize::from(head.is_some()) + line - from;
    (head.into_iter().chain(shown).chain(fold(&lines[to + 1..])).collect(), at)
}

fn text(octets: &[u8]) -> Text {
    let mut line = LineBuilder::default();
    let before = octets.strip_suffix(b"\n");
    line.octets(before.unwrap_or(octets));
    line.finish(before.is_some())
}

fn sum(octets: &[u8]) -> Tally {
    let mut tally = Tally::default();
    tally.add(Token::Octets(octets));
    tally
}

#[cfg(test)]
mod tests {
    use crate::{BODY_LINES, Recorder, Transcript};

    fn body(lines: usize, secret: bool) -> Recorder {
        let mut recorder = Recorder::new("check", None);
        recorder.secret(b"line 30");
        recorder.received(1, b"+OK\r\n");
        for number in 0..lines {
            let name = if secret { "line" } else { "Line" };
            recorder.received_content(1, format!("{name} {number}\r\n").as_bytes());
            recorder.sent(2, b"NOOP\r\n");
        }
        recorder.received_content(1, b".\r\n");
        recorder.sent(1, b"NOOP\r\n");
        recorder.received(1, b"+OK\r\n");
        recorder
    }

    fn marked(mut recorder: Recorder, line: u64) -> Vec<String> {
        recorder.mark_content(1, line, "here");
        let transcript = recorder.finish();
        assert_eq!(Transcript::parse(&transcript.render()), Ok(transcript.clone()));
        let own = transcript.entries.iter().filter(|entry| entry.session() == 1);
        let lines: Vec<String> = own.map(crate::Entry::render).collect();
        let at = lines.iter().position(|line| line == "[1] ^^ here").expect("a mark");
        lines[at - 1..].iter().take(3).cloned().collect()
    }

    #[test]
    fn a_line_that_was_folded_is_shown_with_what_is_around_it() {
        let mut recorder = body(100, false);
        recorder.mark_content(1, 60, "here");
        let text: Vec<String> = recorder
            .finish()
            .entries
            .iter()
            .filter(|entry| entry.session() == 1)
            .map(crate::Entry::render)
            .skip(1 + BODY_LINES)
            .map(|line| line.split(", sha256").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            text,
            [
                "[1] S| ‹37 lines, 333 octets",
                "[1] S| Line 57",
                "[1] S| Line 58",
                "[1] S| Line 59",
                "[1] S| Line 60",
                "[1] ^^ here",
                "[1] S| Line 61",
                "[1] S| Line 62",
                "[1] S| Line 63",
                "[1] S| ‹36 lines, 324 octets",
                "[1] S| .",
                "[1] C: NOOP",
                "[1] S: +OK",
            ]
        );
    }

    #[test]
    fn lines_that_were_kept_are_marked_where_they_are() {
        assert_eq!(marked(body(5, false), 0), ["[1] S| Line 0", "[1] ^^ here", "[1] S| Line 1"]);
        assert_eq!(marked(body(5, false), 4), ["[1] S| Line 4", "[1] ^^ here", "[1] S| ."]);
        // There is no such line: what came instead is the end.
        assert_eq!(marked(body(5, false), 77), ["[1] S| .", "[1] ^^ here", "[1] C: NOOP"]);
    }

    #[test]
    fn what_was_folded_with_a_secret_in_it_stays_folded() {
        let lines = marked(body(100, true), 60);
        assert!(lines[0].starts_with("[1] S| ‹80 lines"), "{lines:?}");
    }
}

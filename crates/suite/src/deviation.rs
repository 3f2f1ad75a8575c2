//! Which line of a transcript a verdict is about.
//!
//! A check that knows it says so ([`Reply::deviates`](crate::reply::Reply)). Otherwise it is found by what the verdict
//! quotes: checks quote commands and replies between backticks. Where nothing is quoted it is what the server said
//! last. This module deliberately changes nothing but the mark: it never judges.

use transcript::{Entry, Side, Transcript};

use crate::reply::{COMMAND_SHOWN, quote};

/// What stands behind the mark.
pub(crate) const MARK: &str = "this is what the verdict is about";

/// A quotation that may stand anywhere by chance says nothing of where it is from.
const TELLING: usize = 6;

/// Marks the line that `observed` is about, unless one is marked.
pub(crate) fn mark(transcript: &mut Transcript, observed: &str) {
    if transcript.is_marked() {
        return;
    }
    if let Some(index) = place(&transcript.entries, observed) {
        transcript.mark(index, MARK);
    }
}

fn place(entries: &[Entry], observed: &str) -> Option<usize> {
    let asked = |entry: &Entry| command(entry).is_some_and(|command| observed.contains(&command));
    // The command that is quoted, and the reply that is quoted as its answer.
    for (index, entry) in entries.iter().enumerate().rev().filter(|(_, entry)| asked(entry)) {
        let answered = |reply: &str| observed.contains(&format!("{} was answered {reply}", shown(entry)));
        let answer =
            later(entries, index).find(|(_, entry)| reply(entry).is_some_and(|reply| answered(&reply)));
        if let Some((at, _)) = answer {
            return Some(at);
        }
    }
    let quoted = |entry: &Entry| {
        reply(entry).is_some_and(|reply| reply.chars().count() >= TELLING && observed.contains(&reply))
    };
    let last = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().rposition(wanted);
    if let Some(at) = last(&quoted) {
        return Some(at);
    }
    if let Some(command) = last(&asked) {
        let answer = later(entries, command).find(|(_, entry)| entry.side() != Some(Side::Client));
        return Some(answer.map_or(command, |(at, _)| at));
    }
    last(&|entry| matches!(entry, Entry::Line { side: Side::Server, content: false, .. }))
        .or(entries.len().checked_sub(1))
}

/// What came after an entry in its session.
fn later(entries: &[Entry], index: usize) -> impl Iterator<Item = (usize, &Entry)> {
    let session = entries[index].session();
    entries.iter().enumerate().skip(index + 1).filter(move |(_, entry)| entry.session() == session)
}

/// A command as verdicts quote it.
fn command(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Line { side: Side::Client, .. } => Some(shown(entry)).filter(|command| command.len() > 2),
        _ => None,
    }
}

fn shown(entry: &Entry) -> String {
    let Entry::Line { text, .. } = entry else { return String::new() };
    let command: String = text.to_string().chars().take(COMMAND_SHOWN).collect();
    format!("`{command}`")
}

/// A line of the server as verdicts quote it.
fn reply(entry: &Entry) -> Option<String> {
    let Entry::Line { side: Side::Server, text, .. } = entry else { return None };
    let octets = text.octets().unwrap_or_else(|| text.to_string().into_bytes());
    let line = octets.strip_suffix(b"\r\n").unwrap_or(&octets);
    Some(quote(line))
}

#[cfg(test)]
mod tests {
    use transcript::Recorder;

    use super::*;

    fn marked(observed: &str) -> String {
        let mut recorder = Recorder::new("check", None);
        for session in [1, 2] {
            recorder.note(session, "connect");
            recorder.received(session, b"+OK ready\r\n");
            for (command, answer) in [("NOOP", "+OK"), ("STAT", "+OK 2 300"), ("LIST 1", "+OK 1 99")] {
                recorder.sent(session, format!("{command}\r\n").as_bytes());
                recorder.received(session, format!("{answer}\r\n").as_bytes());
            }
            recorder.sent(session, b"UIDL\r\n");
            recorder.received(session, b"+OK ids\r\n");
            recorder.received_content(session, b"1 an id\r\n.\r\n");
            recorder.sent(session, b"QUI");
            recorder.note(session, "closed by server, FIN");
        }
        let mut transcript = recorder.finish();
        mark(&mut transcript, observed);
        assert_eq!(transcript.entries.iter().filter(|entry| matches!(entry, Entry::Mark { .. })).count(), 1);
        let at = transcript.entries.iter().position(|entry| matches!(entry, Entry::Mark { .. }));
        transcript.entries[at.unwrap() - 1].render()
    }

    #[test]
    fn the_line_that_the_verdict_quotes_is_marked() {
        for (observed, line) in [
            ("`NOOP` was answered `+OK`; `-ERR` was required", "[2] S: +OK"),
            ("`STAT` was answered `+OK 2 300`, LIST has `1 99`", "[2] S: +OK 2 300"),
            ("the unique-id line `1 an id` has a space", "[2] S| 1 an id"),
            ("the connection ended (FIN) instead of a reply to `LIST 1`", "[2] S: +OK 1 99"),
            ("message 3 is gone", "[2] S: +OK ids"),
        ] {
            assert_eq!(marked(observed), line, "{observed}");
        }
    }

    #[test]
    fn what_is_marked_already_stays_and_an_empty_transcript_too() {
        let mut recorder = Recorder::new("check", None);
        recorder.received_content(1, b"1 100\r\n2 200\r\n.\r\n");
        recorder.mark_content(1, 0, MARK);
        let mut transcript = recorder.finish();
        let before = transcript.clone();
        mark(&mut transcript, "`2 200` is wrong");
        assert_eq!(transcript, before);
        let mut empty = Recorder::new("check", None).finish();
        mark(&mut empty, "nothing came");
        assert!(empty.entries.is_empty());
    }
}

//! Which line of a transcript a verdict is about.
//!
//! A check that knows it says so ([`Reply::deviates`](crate::reply::Reply)). Otherwise it is found by what the verdict
//! quotes: checks quote commands and replies between backticks. Where nothing is quoted it is what came of the command
//! that it names last, or else what the server said last. This module deliberately changes nothing but the mark: it never judges.

use std::collections::VecDeque;

use transcript::{Entry, LineEnd, Side, Transcript};

use crate::reply::{COMMAND_SHOWN, quote};

/// What stands behind the mark.
pub(crate) const MARK: &str = "this is what the verdict is about";

/// How a transcript shows that a line was cut off.
const NO_LINE_END: &str = "‹no line end›";

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
    let command = last(&asked).or_else(|| last(&|entry| is_named(entry, observed)));
    // What is still there, or there under another name, stands in a listing that came later.
    let listed = |entry: &Entry| listed(entry).is_some_and(|name| observed.contains(&format!("`{name}`")));
    if let Some(at) = last(&listed).filter(|at| command.is_none_or(|command| *at > command)) {
        return Some(at);
    }
    if let Some(command) = command {
        return Some(consequence(entries, command, observed));
    }
    last(&|entry| matches!(entry, Entry::Line { side: Side::Server, content: false, .. }))
        .or(entries.len().checked_sub(1))
}

/// What came of a command: its answer, or the end of the connection in its place. One that was cut off has none, and
/// is itself what the verdict is about.
fn consequence(entries: &[Entry], command: usize, observed: &str) -> usize {
    let cut_off = matches!(&entries[command], Entry::Line { text, .. } if text.end() == LineEnd::Missing);
    if cut_off {
        return command;
    }
    let ended = |entry: &Entry| matches!(entry, Entry::Note { text, .. } if text.contains("by server"));
    let end = later(entries, command).find(|(_, entry)| ended(entry)).map(|(at, _)| at);
    if let Some(end) = end.filter(|_| observed.contains("instead of a reply")) {
        return end;
    }
    // Something that came behind the answer, and is quoted.
    let quoted = |entry: &Entry| reply(entry).is_some_and(|reply| observed.contains(&reply));
    let surplus = later(entries, command).filter(|(_, entry)| quoted(entry)).last();
    let ended_by_us = |entry: &Entry| matches!(entry, Entry::Note { text, .. } if text.contains("by client"));
    let own_end = || later(entries, command).find(|(_, entry)| ended_by_us(entry));
    surplus
        .map(|(at, _)| at)
        .or_else(|| answer(entries, command))
        .or(end)
        .or_else(|| Some(own_end()?.0))
        .unwrap_or(command)
}

/// The status line that answers a command. Several may have been sent at once: they are answered in order.
fn answer(entries: &[Entry], command: usize) -> Option<usize> {
    let session = entries[command].session();
    let mut waiting = VecDeque::new();
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.session() == session) {
        match entry {
            Entry::Line { side: Side::Client, .. } => waiting.push_back(index),
            Entry::Line { side: Side::Server, content: false, .. }
                if waiting.pop_front() == Some(command) =>
            {
                return Some(index);
            }
            _ => {}
        }
    }
    None
}

/// Whether a text names a command without quoting it: `RETR 2`, or `RETR` alone.
fn is_named(entry: &Entry, observed: &str) -> bool {
    let Entry::Line { side: Side::Client, .. } = entry else { return false };
    let line = shown(entry);
    let line = line.trim_matches('`');
    let (verb, argument) = line.split_at(line.find(' ').unwrap_or(line.len()));
    // Verbs of POP3 have three letters or four, and texts name them in capitals.
    if verb.len() < 3 || !verb.bytes().all(|octet| octet.is_ascii_uppercase()) {
        return false;
    }
    observed.match_indices(verb).any(|(at, _)| {
        let (before, behind) = (&observed[..at], &observed[at + verb.len()..]);
        let words = !before.ends_with(char::is_alphanumeric) && !behind.starts_with(char::is_alphanumeric);
        let with_number = behind
            .strip_prefix(' ')
            .is_some_and(|next| next.starts_with(|letter: char| letter.is_ascii_digit()));
        let same = behind.strip_prefix(argument).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        words && (same || !with_number)
    })
}

/// What stands behind the number in a line of a listing.
fn listed(entry: &Entry) -> Option<String> {
    let Entry::Line { side: Side::Server, content: true, text, .. } = entry else { return None };
    let line = text.to_string();
    let (number, name) = line.split_once(' ')?;
    let digits = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    (digits && !name.contains(' ') && name.len() >= TELLING).then(|| name.to_owned())
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
    let line = text.to_string();
    // That it was cut off is told in words.
    let line = line.strip_suffix(NO_LINE_END).unwrap_or(&line);
    let command: String = line.chars().take(COMMAND_SHOWN).collect();
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
            recorder.received_content(session, b"1 an id\r\n1 an-id-and-more\r\n.\r\n");
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
            ("the connection ended (FIN) instead of a reply to `LIST 1`", "[2] == closed by server, FIN"),
            ("STAT said 2 300 and LIST gave 3", "[2] S: +OK 1 99"),
            ("after LIST 1, STAT said 2", "[2] S: +OK 1 99"),
            ("LIST 2 was not what STAT said", "[2] S: +OK 2 300"),
            ("NOOP, then `QUI` without CRLF and a FIN", "[2] C: QUI‹no line end›"),
            (
                "NOOP, and what was marked is still there: message 1 (unique-id `an-id-and-more`)",
                "[2] S| 1 an-id-and-more",
            ),
            ("message 3 is gone", "[2] S: +OK ids"),
        ] {
            assert_eq!(marked(observed), line, "{observed}");
        }
    }

    #[test]
    fn commands_that_were_sent_at_once_are_answered_in_order() {
        let mut recorder = Recorder::new("check", None);
        recorder.received(1, b"+OK ready\r\n");
        recorder.sent(1, b"STAT\r\nDELE 1\r\nSTAT\r\nNOOP\r\n");
        recorder.received(1, b"+OK 8 1\r\n+OK marked\r\n+OK 8 2\r\n+OK nothing\r\n");
        let mut transcript = recorder.finish();
        mark(&mut transcript, "STAT before and after DELE in one write counts 8 and 8 messages");
        let at = transcript.entries.iter().position(|entry| matches!(entry, Entry::Mark { .. })).unwrap();
        assert_eq!(transcript.entries[at - 1].render(), "[1] S: +OK 8 2");
    }

    #[test]
    fn what_came_behind_an_answer_is_marked_and_where_none_came_the_end() {
        let place = |observed: &str, end: &str| {
            let mut recorder = Recorder::new("check", None);
            recorder.received(1, b"+OK ready\r\n");
            recorder.sent(1, b"TOP 9 0\r\n");
            recorder.received(1, b"-ERR none\r\n.\r\n");
            recorder.sent(1, b"NOOP\r\nRETR 8\r\n");
            recorder.received(1, b"+OK nothing\r\n");
            recorder.note(1, end);
            let mut transcript = recorder.finish();
            mark(&mut transcript, observed);
            let at = transcript.entries.iter().position(|entry| matches!(entry, Entry::Mark { .. })).unwrap();
            transcript.entries[at - 1].render()
        };
        assert_eq!(place("behind the reply to TOP 9 0 came `.`", "closed by client"), "[1] S: .");
        assert_eq!(place("DELE 1, then a reset in RETR 8", "reset by client"), "[1] == reset by client");
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

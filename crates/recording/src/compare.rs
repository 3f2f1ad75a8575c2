//! What a reply says otherwise than the recorded one.

/// Lines of a difference that are told; the rest is counted.
const TOLD: usize = 12;

/// A line longer than this is cut when it is told.
const LONGEST: usize = 120;

/// What differs in one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Lines that are only in the recording, and only in what was said now, as `-` and `+` lines for people.
    pub lines: Vec<String>,
    /// So many more.
    pub more: usize,
    /// Something that changes from session to session was left out of account.
    pub is_masked: bool,
}

/// What is different, and whether anything that changes from session to session was left out of account: in a greeting
/// and a continuation what stands in `<>` (RFC 1939 section 7) or in base64. Secrets must be covered alike in both.
pub fn compare(recorded: &[u8], now: &[u8]) -> (Option<Difference>, bool) {
    let (recorded, masked_before) = lines(recorded);
    let (now, masked_now) = lines(now);
    let is_masked = masked_before || masked_now;
    if recorded == now {
        return (None, is_masked);
    }
    let same = |(one, other): &(&String, &String)| one == other;
    let front = recorded.iter().zip(&now).take_while(same).count();
    let behind = |all: &[String]| all.get(front..).unwrap_or_default().to_vec();
    let (mut before, mut after) = (behind(&recorded), behind(&now));
    let back = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    before.truncate(before.len() - back);
    after.truncate(after.len() - back);
    let all = before.iter().map(|line| ('-', line)).chain(after.iter().map(|line| ('+', line)));
    let mut lines = Vec::new();
    for side in [('-', &before), ('+', &after)] {
        let room = TOLD / 2;
        lines.extend(side.1.iter().take(room).map(|line| told(side.0, line)));
    }
    let more = all.count() - lines.len();
    (Some(Difference { lines, more, is_masked }), is_masked)
}

fn told(sign: char, line: &str) -> String {
    let cut: String = line.chars().take(LONGEST).collect();
    let mark = if cut.len() < line.len() { "\u{2026}" } else { "" };
    format!("{sign} {cut}{mark}")
}

/// The lines of a reply as people can read them, the first without what changes each time.
fn lines(reply: &[u8]) -> (Vec<String>, bool) {
    let mut lines: Vec<String> = reply.split_inclusive(|octet| *octet == b'\n').map(shown).collect();
    let mut is_masked = false;
    if let Some(first) = lines.first_mut()
        && let Some(masked) = masked(first)
    {
        is_masked = true;
        *first = masked;
    }
    (lines, is_masked)
}

/// CRLF is silent, as in transcripts; everything else is visible.
fn shown(line: &[u8]) -> String {
    let (text, end) = match line {
        [text @ .., b'\r', b'\n'] => (text, ""),
        [text @ .., b'\n'] => (text, " (bare LF)"),
        text => (text, " (no line end)"),
    };
    format!("{}{end}", String::from_utf8_lossy(text).escape_debug())
}

/// A status line without the time stamp in it, a continuation without its challenge; `None` if it has none.
fn masked(line: &str) -> Option<String> {
    if let Some(challenge) = line.strip_prefix("+ ") {
        return (!challenge.is_empty()).then(|| "+ \u{2026}".to_owned());
    }
    let (before, stamp) = line.split_once('<')?;
    let (_, behind) = stamp.split_once('>')?;
    Some(format!("{before}<\u{2026}>{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_each_time_is_left_out_of_account() {
        let same = |one: &str, other: &str| compare(one.as_bytes(), other.as_bytes());
        assert_eq!(same("+OK <1.2@host> ready\r\n", "+OK <3.4@host> ready\r\n"), (None, true));
        assert_eq!(same("+ abcd\r\n", "+ efgh\r\n"), (None, true));
        assert_eq!(same("+OK 2 20\r\n", "+OK 2 20\r\n"), (None, false));
        let (difference, _) = same("+OK\r\na\r\nb\r\nc\r\n.\r\n", "+OK\r\na\r\nx\ny\r\nc\r\n.\r\n");
        assert_eq!(difference.unwrap().lines, ["- b", "+ x (bare LF)", "+ y"]);
        let many: String =
            std::iter::once("+OK\r\n".to_owned()).chain((0..100).map(|n| format!("{n}\r\n"))).collect();
        let difference = same(&many, "+OK\r\n").0.unwrap();
        assert_eq!((difference.lines.len(), difference.more), (6, 94));
    }
}

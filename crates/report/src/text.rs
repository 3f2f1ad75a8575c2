//! Text that is safe to print, wrapping and words for numbers. No layout of whole reports.

use crate::harmless::{is_hidden, without_commands};

/// Makes control characters, and those that reorder or hide text, visible; line feeds stay. What a server sent
/// must not steer the reader's terminal or CI system, or be seen in another order than it came.
pub(crate) fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push('\n'),
            '\0'..='\x1f' => safe.push(picture(character)),
            '\x7f' => safe.push('␡'),
            _ if is_hidden(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    without_commands(&safe).into_owned()
}

/// As [`visible`], on one line: line feeds become visible too.
pub(crate) fn visible_line(text: &str) -> String {
    visible(text.trim_end()).replace('\n', "␊")
}

/// Breaks lines at single spaces so that none is longer than `width` characters, if its words allow that.
/// Double spaces are kept: in quoted protocol lines they can be the very thing that is wrong.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        let mut columns = 0;
        for word in words(line) {
            let length = word.chars().count();
            if columns > 0 && columns + 1 + length > width {
                lines.push(std::mem::take(&mut current));
                columns = 0;
            }
            if columns > 0 {
                current.push(' ');
                columns += 1;
            }
            current.push_str(word);
            columns += length;
        }
        lines.push(current);
    }
    lines
}

/// Cuts to `width` characters; the last one is `…` when something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A line of a transcript, and whether it is the one that the verdict is about.
pub(crate) type ExcerptLine = transcript::ExcerptLine;

/// At most `most` lines of a transcript: the marked line with what leads to it, and how many were left out. All lines
/// stay as they are in the file when there is room for them.
pub(crate) fn excerpt(text: &str, most: usize) -> Vec<ExcerptLine> {
    if let Ok(transcript) = transcript::Transcript::parse(text) {
        return transcript.excerpt(most);
    }
    // From another version, or broken off.
    let plain = |text: String| ExcerptLine { text, marked: false };
    both_ends(text, most).into_iter().map(plain).collect()
}

/// At most `most` lines: the beginning, a note on how many were left out, and the end, which is where a check
/// usually goes wrong.
fn both_ends(text: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= most {
        return lines.into_iter().map(str::to_owned).collect();
    }
    let head = most / 4;
    let tail = most - head - 1;
    let left_out = lines.len() - head - tail;
    let mut shown: Vec<String> = lines[..head].iter().map(|line| (*line).to_owned()).collect();
    shown.push(format!("… {left_out} lines left out …"));
    shown.extend(lines[lines.len() - tail..].iter().map(|line| (*line).to_owned()));
    shown
}

/// `1 warning`, `2 warnings`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A duration with three significant digits: `850 ns`, `1.25 ms`, `12.5 s`.
pub(crate) fn nanoseconds(value: u64) -> String {
    const UNITS: [&str; 3] = ["µs", "ms", "s"];
    if value < 1000 {
        return format!("{value} ns");
    }
    let mut scaled = value as f64 / 1000.0;
    let mut unit = 0;
    // 999.5 would be rounded to 1000 of the smaller unit.
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let digits = match scaled {
        _ if scaled < 9.995 => 2,
        _ if scaled < 99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$} {}", UNITS[unit])
}

/// The picture of a C0 control character, U+2400 and on.
fn picture(character: char) -> char {
    char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}')
}

/// Splits at spaces that stand alone between two words.
fn words(line: &str) -> Vec<&str> {
    let octets = line.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    for at in 1..octets.len().saturating_sub(1) {
        if octets[at] == b' ' && octets[at - 1] != b' ' && octets[at + 1] != b' ' {
            words.push(&line[start..at]);
            start = at + 1;
        }
    }
    words.push(&line[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(visible("a\x1b[31mb\r\x07\x7f\u{9b}\t"), "a␛[31mb␍␇␡\\u{9b}␉");
        assert_eq!(visible("user\u{202e}live"), "user\\u{202e}live");
        assert_eq!(visible("\u{fffe}\u{ffff}"), "\\u{fffe}\\u{ffff}");
        assert_eq!(visible("##[error]\u{e0041}"), "# #[error]\\u{e0041}");
        assert_eq!(visible("Grüße 日本\nzwei"), "Grüße 日本\nzwei");
        assert_eq!(visible_line("one\ntwo\n"), "one␊two");
    }

    #[test]
    fn wrapping_breaks_at_single_spaces_only() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("\"+OK  2 320\" seen", 6), ["\"+OK  2", "320\"", "seen"]);
        assert_eq!(wrap("unbreakable it is", 5), ["unbreakable", "it is"]);
        assert_eq!(wrap("one\ntwo", 80), ["one", "two"]);
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("grün", 4), "grün");
        assert_eq!(cut("grüne", 4), "grü…");
    }

    #[test]
    fn an_excerpt_keeps_both_ends_and_counts_the_rest() {
        let text: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
        let shown = both_ends(&text.join("\n"), 9);
        assert_eq!(shown, ["1", "2", "… 32 lines left out …", "35", "36", "37", "38", "39", "40"]);
        assert_eq!(both_ends("1\n2\n3", 3), ["1", "2", "3"]);
    }

    #[test]
    fn of_a_transcript_the_marked_line_is_told() {
        let mut recorder = transcript::Recorder::new("check", None);
        for number in 0..40 {
            recorder.received(1, format!("+OK {number}\r\n").as_bytes());
        }
        let mut transcript = recorder.finish();
        transcript.mark(20, "here");
        let shown = excerpt(&transcript.render(), 9);
        let marked: Vec<&str> =
            shown.iter().filter(|line| line.marked).map(|line| line.text.as_str()).collect();
        assert_eq!(marked, ["[1] S: +OK 20"]);
        assert_eq!(shown.len(), 9);
        assert!(excerpt("no transcript\nat all", 9).iter().all(|line| !line.marked));
    }

    #[test]
    fn durations_have_three_digits() {
        for (value, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_600, "1.00 ms"),
            (1_250_000, "1.25 ms"),
            (12_500_000_000, "12.5 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(nanoseconds(value), text);
        }
    }
}

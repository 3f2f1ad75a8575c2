//! Text that does nothing to whoever reads it, whosever words are in it: no terminal is steered, nothing is hidden or seen
//! in another order than it stands, and no CI system takes a line for a command of its own.
//!
//! Runners read what is printed: GitHub and Azure look for `##[` and `##vso[` anywhere in a line, others for
//! `##teamcity[`, and GitHub for `::` at its beginning. A blank is put between the two marks. It can be seen, unlike a
//! character without width, which would come along unseen with whatever is copied out of a report; and it is the same in
//! every form, unlike an escape of one of them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text for people, or for a program that reads lines or markup.
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in without_tricks(text).split_inclusive('\n') {
        let words = line.trim_start();
        match words.strip_prefix("::") {
            Some(rest) => {
                let _ = write!(safe, "{}: :{}", &line[..line.len() - words.len()], without_commands(rest));
            }
            None => safe.push_str(&without_commands(line)),
        }
    }
    safe
}

/// The same for annotations of GitHub, whose lines are commands: of ours, with what others said escaped in them.
pub fn harmless_annotations(text: &str) -> String {
    without_commands(&without_tricks(text)).into_owned()
}

/// The same for JSON, which means the same afterwards.
pub fn harmless_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        // Outside of strings JSON has none of these.
        if is_trick(character) || (character == '#' && begins_command(&text[at..])) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Whether a character shows nothing, or changes how others are shown.
pub fn is_hidden(character: char) -> bool {
    transcript::is_invisible(character)
}

/// What remains in a text that was laid out: of the layout's own characters none is among them.
fn is_trick(character: char) -> bool {
    matches!(character,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn without_tricks(text: &str) -> Cow<'_, str> {
    if !text.contains(is_trick) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_trick(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Puts a blank between the two marks of a command wherever one begins.
pub(crate) fn without_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, character) in text.char_indices() {
        safe.push(character);
        if character == '#' && begins_command(&text[at..]) {
            safe.push(' ');
        }
    }
    Cow::Owned(safe)
}

/// Whether this is `##[`, `##vso[` or another of the kind.
fn begins_command(text: &str) -> bool {
    text.strip_prefix("##")
        .map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()))
        .is_some_and(|rest| rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command_of_a_runner() {
        for (text, safe) in [
            ("-ERR ##[error]no", "-ERR # #[error]no"),
            ("a ##vso[task.setvariable]b", "a # #vso[task.setvariable]b"),
            ("##teamcity[buildStatus]", "# #teamcity[buildStatus]"),
            ("###[x] ## [y] ##y", "## #[x] ## [y] ##y"),
            (
                "one\n  ::error::two\n::set-output name=a::b ::",
                "one\n  : :error::two\n: :set-output name=a::b ::",
            ),
            ("at ::1 and a::b", "at ::1 and a::b"),
        ] {
            assert_eq!(harmless(text), safe);
        }
        assert_eq!(harmless_annotations("::error::a ##[b]\n"), "::error::a # #[b]\n");
    }

    #[test]
    fn nothing_is_hidden_and_the_layout_stays() {
        assert_eq!(
            harmless("a\u{202e}b\u{9b}c \x1b[1mbold\x1b[0m\n"),
            "a\\u{202e}b\\u{9b}c \x1b[1mbold\x1b[0m\n"
        );
        assert!(is_hidden('\u{e0041}') && is_hidden('\u{3164}') && !is_hidden('ß'));
    }

    #[test]
    fn json_means_the_same_and_is_no_command() {
        let said = "##[error] ##vso[x]\u{202e}\u{e0041}\u{85}";
        let text = serde_json::to_string(&serde_json::Value::from(said)).unwrap();
        let safe = harmless_json(&text);
        assert!(!safe.contains("##") && !safe.contains(is_trick), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), serde_json::Value::from(said));
    }
}

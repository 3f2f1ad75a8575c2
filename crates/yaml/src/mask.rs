//! Lines of a file as they may be shown: never with a password.
//!
//! Values that may be one are dotted out, in the same width, so that a caret still points at its word.

use std::borrow::Cow;

use crate::kind::Excerpts;
use crate::words::nearest;

/// The lines of a text as they may be shown; none at all if nothing may.
pub(crate) fn shown(text: &str, excerpts: Excerpts) -> Vec<Cow<'_, str>> {
    match excerpts {
        Excerpts::Hidden => Vec::new(),
        Excerpts::Shown => text.lines().map(|line| mask(line, None).into()).collect(),
        Excerpts::Guarded { section, open } => {
            let lines = text.lines().zip(inside(text, section));
            lines.map(|(line, inside)| mask(line, inside.then_some(open)).into()).collect()
        }
    }
}

/// Whether each line belongs to a section (or one that is probably meant to be it), told from the text alone, since a file with a syntax error has no sections. A file in braces is one section, which may hold anything.
fn inside(text: &str, section: &str) -> impl Iterator<Item = bool> {
    let mut inside = false;
    text.lines().map(move |line| {
        if line.starts_with('{') {
            inside = true;
        } else if line
            .starts_with(|first: char| !first.is_whitespace() && !matches!(first, '#' | '-' | '}' | ']'))
        {
            let word = line.split(':').next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
            inside = nearest(word, &[section], &[]).is_some();
        }
        inside
    })
}

/// A line without what may be a password, in the same width; `open` has the keys whose values are shown in a guarded
/// section, if it is in one.
fn mask(line: &str, open: Option<&[&str]>) -> String {
    let mut shown = String::new();
    let mut rest = line;
    // What stands before the first key goes on from the line before, and may be anything.
    let mut hidden = open.is_some();
    while !rest.is_empty() {
        let end = rest.find([',', '{', '}', '[', ']']).map_or(rest.len(), |at| at + 1);
        // A password may hold a comma or a brace: a hidden value ends only where another key begins.
        let (part, after) = rest.split_at(end);
        if let Some((key, colon)) = key_of(part) {
            let lower = key.to_lowercase();
            let suspicious = ["pas", "pw", "secret", "kennwort"].iter().any(|word| lower.contains(word))
                && !lower.ends_with("_env");
            let strange = open.is_some_and(|open| !open.contains(&key));
            // A strange key with nothing behind it may be a password with a colon at its end.
            let bare = part[colon..].chars().all(|char| char.is_whitespace() || "}],".contains(char));
            push(&mut shown, &part[..colon], strange && !suspicious && bare);
            hidden = suspicious || strange;
            push(&mut shown, &part[colon..], hidden);
        } else {
            // A missing blank or key: `{user: ann, password:hunter2}`.
            hidden |= open.is_some() && shown.ends_with(',');
            push(&mut shown, part, hidden);
        }
        rest = after;
    }
    shown
}

/// The key that a piece of a line begins with, and where its value begins.
fn key_of(part: &str) -> Option<(&str, usize)> {
    let colon = part
        .find(": ")
        .map(|at| at + 1)
        .or_else(|| part.trim_end().ends_with(':').then(|| part.trim_end().len()))?;
    let key = part[..colon - 1].trim_matches([' ', '\t', '-', '"', '\'', '?']);
    let plain =
        !key.is_empty() && key.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-'));
    plain.then_some((key, colon))
}

fn push(shown: &mut String, part: &str, hidden: bool) {
    let dot = |char: char| {
        if char.is_whitespace() || matches!(char, '{' | '}' | '[' | ']' | ',') { char } else { '•' }
    };
    // Indentation and the dashes of lists tell nothing.
    let bare = part.chars().all(|char| char.is_whitespace() || "-{}[],".contains(char));
    if hidden && !bare { shown.extend(part.chars().map(dot)) } else { shown.push_str(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_accounts_may_be() {
        let inside = |text: &str| inside(text, "accounts").collect::<Vec<_>>();
        assert_eq!(
            inside("name: x\nacounts:\n  - a\n# b\nmail:\n  c: d\n"),
            [false, true, true, true, false, false]
        );
        assert_eq!(inside("{\n  name: x\n}\n"), [true, true, true]);
    }

    #[test]
    fn shown_lines_hide_what_may_be_a_password_in_the_same_width() {
        let hidden = |line: &str| mask(line, Some(&["user", "password_env"]));
        assert_eq!(hidden("  - {user: ann, pasword: hunter2}"), "  - {user: ann, pasword: •••••••}");
        assert_eq!(hidden("  - {user: ann, key: a,b, user: x}"), "  - {user: ann, key: •,•, user: x}");
        assert_eq!(hidden("  - {user: ann, password:hunter2}"), "  - {user: ann, ••••••••••••••••}");
        assert_eq!(hidden("  - {user: ann, hunter2}"), "  - {user: ann, •••••••}");
        assert_eq!(hidden("  hunter2:"), "  ••••••••");
        assert_eq!(hidden("  user: load{n:05}"), "  user: load{n:05}");
        assert_eq!(hidden("    hunter2"), "    •••••••");
        assert_eq!(hidden("    hunter:2"), "    ••••••••");
        assert_eq!(hidden("    password_env: POPLAB"), "    password_env: POPLAB");
        assert_eq!(mask("password: hunter2", None), "password: •••••••");
        assert_eq!(mask("rate: 50/s", None), "rate: 50/s");
    }
}

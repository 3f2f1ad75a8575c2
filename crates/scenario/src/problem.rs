//! What is wrong with a scenario: all of it at once, each with its place, its line and what was meant.
//!
//! A shown line never shows a password: values that may be one are dotted out, in the same width, so that the caret
//! still points at its word.

use std::fmt;

/// All that is wrong with a scenario. `Display` prints the whole list for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    path: String,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Another file than the scenario itself: the CSV of accounts, a recorded curve.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub length: usize,
    /// What is wrong and what was meant.
    pub message: String,
    /// The line, without secrets; empty when it is not shown.
    pub source: String,
}

/// A range of the scenario's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) length: usize,
}

impl Problems {
    /// In the order of the text, each place's first.
    pub(crate) fn new(path: &str, text: &str, mut found: Vec<Problem>) -> Self {
        found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let lines: Vec<(&str, bool)> = text.lines().zip(in_accounts(text)).collect();
        for problem in found.iter_mut().filter(|problem| problem.file.is_none()) {
            if let Some((line, in_accounts)) = lines.get(problem.line.saturating_sub(1)) {
                problem.source = mask(line, *in_accounts);
            }
        }
        Self { path: path.to_owned(), problems: found }
    }

    /// Each problem, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many; never 0.
    #[expect(clippy::len_without_is_empty)] // There is no empty list of problems.
    pub fn len(&self) -> usize {
        self.problems.len()
    }
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        let Place { line, column, length } = place;
        let (line, column, length) = (line.max(1), column.max(1), length.max(1));
        Self { file: None, line, column, length, message: message.into(), source: String::new() }
    }

    /// In another file, whose lines are not shown.
    pub(crate) fn elsewhere(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let place = Place { line, column, length: 1 };
        Self { file: Some(file.to_owned()), ..Self::new(place, message) }
    }
}

/// So many are shown; a file of ten thousand wrong lines is wrong in one way.
const SHOWN: usize = 50;
/// Characters of a line that are shown; of longer ones a window around the place.
const WIDTH: usize = 120;

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems.iter().take(SHOWN) {
            let path = problem.file.as_ref().unwrap_or(&self.path);
            writeln!(out, "{path}:{}:{}: {}", problem.line, problem.column, problem.message)?;
            if !problem.source.is_empty() {
                let (line, before, length) = window(problem);
                writeln!(out, "{:>5} | {line}", problem.line)?;
                writeln!(out, "      | {}{}", " ".repeat(before), "^".repeat(length))?;
            }
        }
        match self.problems.len() {
            1 => write!(out, "1 problem"),
            several if several > SHOWN => write!(out, "{several} problems; the first {SHOWN} are shown"),
            several => write!(out, "{several} problems"),
        }
    }
}

/// The part of a problem's line that is shown, the characters before its caret, and the caret's width.
fn window(problem: &Problem) -> (String, usize, usize) {
    // A tab would move the caret and an escape sequence the terminal; a space of the same width does neither.
    let plain = |char: char| if char.is_control() { ' ' } else { char };
    let line: Vec<char> = problem.source.chars().map(plain).collect();
    let at = (problem.column - 1).min(line.len());
    let start = if line.len() <= WIDTH { 0 } else { at.saturating_sub(WIDTH / 3) };
    let end = line.len().min(start + WIDTH);
    let shown: String = line[start..end].iter().collect();
    let (left, right) = (if start > 0 { "…" } else { "" }, if end < line.len() { "…" } else { "" });
    let length = problem.length.min(end.saturating_sub(at)).max(1);
    (format!("{left}{shown}{right}"), left.chars().count() + at - start, length)
}

impl std::error::Error for Problems {}

/// Whether each line belongs to the section `accounts` (or one that is probably meant to be it), told from the text
/// alone, since a file with a syntax error has no sections. A file in braces is one section, which may hold anything.
fn in_accounts(text: &str) -> impl Iterator<Item = bool> {
    let mut inside = false;
    text.lines().map(move |line| {
        if line.starts_with('{') {
            inside = true;
        } else if line
            .starts_with(|first: char| !first.is_whitespace() && !matches!(first, '#' | '-' | '}' | ']'))
        {
            let word = line.split(':').next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
            inside = nearest(word, &["accounts"]).is_some();
        }
        inside
    })
}

/// Keys whose values are no secrets, where accounts are written.
const OPEN: [&str; 8] = ["accounts", "list", "user", "csv", "pattern", "first", "count", "password_env"];

/// A line without what may be a password, in the same width.
fn mask(line: &str, in_accounts: bool) -> String {
    let mut shown = String::new();
    let mut rest = line;
    // What stands before the first key goes on from the line before, and may be anything.
    let mut hidden = in_accounts;
    while !rest.is_empty() {
        let end = rest.find([',', '{', '}', '[', ']']).map_or(rest.len(), |at| at + 1);
        // A password may hold a comma or a brace: a hidden value ends only where another key begins.
        let (part, after) = rest.split_at(end);
        match key_of(part) {
            Some((key, colon)) => {
                shown.push_str(&part[..colon]);
                let lower = key.to_lowercase();
                let suspicious = ["pas", "pw", "secret", "kennwort"].iter().any(|word| lower.contains(word))
                    && key != "password_env";
                hidden = suspicious || (in_accounts && !OPEN.contains(&key));
                push(&mut shown, &part[colon..], hidden);
            }
            None => push(&mut shown, part, hidden),
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

/// `; did you mean …?` when a known word is near, or else the known words.
pub(crate) fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// Words of other tools and everyday ones, and what they are called here.
const SYNONYMS: &[(&str, &str)] = &[
    ("cleartext", "none"),
    ("constant", "even"),
    ("delay", "latency"),
    ("delete", "download-and-delete"),
    ("duration", "for"),
    ("host", "target"),
    ("idle", "hold-idle"),
    ("number", "count"),
    ("pause", "think"),
    ("percent", "weight"),
    ("plaintext", "none"),
    ("probability", "weight"),
    ("random", "poisson"),
    ("retr", "retrieve"),
    ("server", "target"),
    ("share", "weight"),
    ("speed", "bandwidth"),
    ("ssl", "implicit"),
    ("stat", "poll"),
    ("stls", "starttls"),
    ("tls", "implicit"),
    ("top", "header-preview"),
    ("users", "sessions"),
];

/// The known word that was probably meant: one with at most a third of its letters wrong, one that begins alike, or
/// one that means the same.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let flat = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let word = flat(word);
    if word.chars().count() > 40 {
        return None;
    }
    let scored = known.iter().map(|candidate| (distance(&word, &flat(candidate)), *candidate));
    let (errors, best) = scored.min_by_key(|(errors, _)| *errors)?;
    if errors <= best.chars().count().max(word.chars().count()) / 3 {
        return Some(best);
    }
    let synonym = SYNONYMS.iter().find(|(strange, _)| *strange == word).map(|(_, usual)| *usual);
    if let Some(found) = known.iter().find(|candidate| Some(**candidate) == synonym) {
        return Some(found);
    }
    let alike = |candidate: &&&str| {
        let candidate = flat(candidate);
        (word.len() > 3 && candidate.starts_with(&word))
            || (candidate.len() > 3 && word.starts_with(&candidate))
    };
    known.iter().find(alike).copied()
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_does_not() {
        assert_eq!(nearest("weigth", &["weight", "link"]), Some("weight"));
        assert_eq!(nearest("Hold_Idle", &["hold-idle"]), Some("hold-idle"));
        assert_eq!(nearest("username", &["password", "user"]), Some("user"));
        assert_eq!(nearest("scram", &["cram-md5", "scram-sha-256"]), Some("scram-sha-256"));
        assert_eq!(nearest("ssl", &["implicit", "starttls"]), Some("implicit"));
        assert_eq!(nearest("banana", &["weight", "link"]), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_long_line_is_shown_around_its_place_and_many_problems_not_all() {
        let text = format!("name: {}x{}", "a".repeat(300), "b".repeat(300));
        let place = Place { line: 1, column: 307, length: 1 };
        let problems = Problems::new("long.yaml", &text, vec![Problem::new(place, "wrong"); 60]);
        let told = problems.to_string();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 3 * SHOWN + 1);
        assert!(lines[1].chars().count() <= WIDTH + 10);
        assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('x'), "{told}");
        assert!(told.ends_with("60 problems; the first 50 are shown"));
    }

    #[test]
    fn passwords_are_hidden_wherever_accounts_may_be() {
        let inside = |text: &str| in_accounts(text).collect::<Vec<_>>();
        assert_eq!(
            inside("name: x\nacounts:\n  - a\n# b\nmail:\n  c: d\n"),
            [false, true, true, true, false, false]
        );
        assert_eq!(inside("{\n  name: x\n}\n"), [true, true, true]);
    }

    #[test]
    fn shown_lines_hide_what_may_be_a_password_in_the_same_width() {
        let hidden = |line: &str| mask(line, true);
        assert_eq!(hidden("  - {user: ann, pasword: hunter2}"), "  - {user: ann, pasword: •••••••}");
        assert_eq!(hidden("  - {user: ann, key: a,b, user: x}"), "  - {user: ann, key: •,•, user: x}");
        assert_eq!(hidden("    hunter2"), "    •••••••");
        assert_eq!(hidden("    hunter:2"), "    ••••••••");
        assert_eq!(hidden("    password_env: POPLAB"), "    password_env: POPLAB");
        assert_eq!(mask("password: hunter2", false), "password: •••••••");
        assert_eq!(mask("rate: 50/s", false), "rate: 50/s");
    }
}

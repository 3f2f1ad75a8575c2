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
        let secret = secret_lines(text);
        for problem in found.iter_mut().filter(|problem| problem.file.is_none()) {
            let line = text.lines().nth(problem.line.saturating_sub(1)).unwrap_or_default();
            let in_accounts = secret.contains(&problem.line);
            problem.source = mask(line, in_accounts);
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
    pub(crate) fn elsewhere(file: &str, line: usize, message: impl Into<String>) -> Self {
        let place = Place { line, column: 1, length: 1 };
        Self { file: Some(file.to_owned()), ..Self::new(place, message) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            let path = problem.file.as_ref().unwrap_or(&self.path);
            writeln!(out, "{path}:{}:{}: {}", problem.line, problem.column, problem.message)?;
            if !problem.source.is_empty() {
                // Tabs would move the caret; a space keeps it.
                writeln!(out, "{:>5} | {}", problem.line, problem.source.replace('\t', " "))?;
                let width = problem.source.chars().count();
                let column = problem.column.min(width + 1);
                let length = problem.length.min((width + 1).saturating_sub(column)).max(1);
                writeln!(out, "      | {}{}", " ".repeat(column - 1), "^".repeat(length))?;
            }
        }
        match self.problems.len() {
            1 => write!(out, "1 problem"),
            several => write!(out, "{several} problems"),
        }
    }
}

impl std::error::Error for Problems {}

/// The lines of the section `accounts`, told from the text alone, since a file with a syntax error has no sections.
fn secret_lines(text: &str) -> Vec<usize> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let new_section =
            line.starts_with(|first: char| !first.is_whitespace() && !matches!(first, '#' | '-' | '}' | ']'));
        if new_section {
            inside = line.trim_start_matches(['"', '\'', '{']).starts_with("account");
        }
        if inside {
            lines.push(index + 1);
        }
    }
    lines
}

/// Keys whose values are no secrets, where accounts are written.
const OPEN: [&str; 8] = ["accounts", "list", "user", "csv", "pattern", "first", "count", "password_env"];

/// A line without what may be a password, in the same width.
fn mask(line: &str, in_accounts: bool) -> String {
    let mut shown = String::new();
    let mut rest = line;
    let mut hidden = in_accounts && !line.contains(':');
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
    if hidden { shown.extend(part.chars().map(dot)) } else { shown.push_str(part) }
}

/// `; did you mean …?` when a known word is near, or else the known words.
pub(crate) fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// The known word that a misspelt one probably is: at most a third of its letters wrong.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let flat = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let word = flat(word);
    if word.chars().count() > 40 {
        return None;
    }
    let scored = known.iter().map(|candidate| (distance(&word, &flat(candidate)), *candidate));
    let (errors, best) = scored.min_by_key(|(errors, _)| *errors)?;
    (errors <= best.chars().count().max(word.chars().count()) / 3).then_some(best)
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
        assert_eq!(nearest("banana", &["weight", "link"]), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn shown_lines_hide_what_may_be_a_password_in_the_same_width() {
        let hidden = |line: &str| mask(line, true);
        assert_eq!(hidden("  - {user: ann, pasword: hunter2}"), "  - {user: ann, pasword: •••••••}");
        assert_eq!(hidden("  - {user: ann, key: a,b, user: x}"), "  - {user: ann, key: •,•, user: x}");
        assert_eq!(hidden("    hunter2"), "    •••••••");
        assert_eq!(hidden("    password_env: POPLAB"), "    password_env: POPLAB");
        assert_eq!(mask("password: hunter2", false), "password: •••••••");
        assert_eq!(mask("rate: 50/s", false), "rate: 50/s");
    }
}

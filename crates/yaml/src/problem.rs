//! What is wrong with a file: all of it at once, each with its place, its line and what was meant.

use std::fmt;

use crate::kind::Excerpts;
use crate::mask;

/// All that is wrong with a file. `Display` prints the whole list for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    path: String,
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Another file than the one that was read: one that it names.
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

/// A range of a file's text, within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters.
    pub length: usize,
}

impl Problems {
    /// In the order of the text, each place's first.
    pub(crate) fn new(path: &str, text: &str, excerpts: Excerpts, mut found: Vec<Problem>) -> Self {
        found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let lines = mask::shown(text, excerpts);
        for problem in found.iter_mut().filter(|problem| problem.file.is_none()) {
            if let Some(line) = lines.get(problem.line.saturating_sub(1)) {
                problem.source = line.to_string();
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
            let message = harmless(&problem.message);
            writeln!(out, "{path}:{}:{}: {message}", problem.line, problem.column)?;
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

/// A message may repeat words of the file: none of them steers a terminal or begins a line.
fn harmless(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    for char in message.chars() {
        if char.is_control() { shown.extend(char.escape_default()) } else { shown.push(char) }
    }
    shown
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_its_place_and_many_problems_not_all() {
        let text = format!("name: {}x{}", "a".repeat(300), "b".repeat(300));
        let place = Place { line: 1, column: 307, length: 1 };
        let problems =
            Problems::new("long.yaml", &text, Excerpts::Shown, vec![Problem::new(place, "wrong"); 60]);
        let told = problems.to_string();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 3 * SHOWN + 1);
        assert!(lines[1].chars().count() <= WIDTH + 10);
        assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('x'), "{told}");
        assert!(told.ends_with("60 problems; the first 50 are shown"));
    }

    #[test]
    fn a_message_steers_no_terminal_and_begins_no_line() {
        let wrong = Problem::new(Place::default(), "unknown word `\u{1b}[2J\nerror: x`");
        let told = Problems::new("odd.yaml", "", Excerpts::Shown, vec![wrong]).to_string();
        assert_eq!(told, "odd.yaml:1:1: unknown word `\\u{1b}[2J\\nerror: x`\n1 problem");
    }
}

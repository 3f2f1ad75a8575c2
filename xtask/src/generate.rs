//! `cargo xtask gen`: the pages of `docs` that are made from what the program itself says.
//!
//! So far that is the table of all checks, from `poplab conformance --list` and `--explain`. Nothing is known of a check
//! here beyond the form of these two answers.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Failure;
use crate::{forward, workspace};

const USAGE: &str = "\
usage: cargo xtask gen [--check]

  writes docs/checks.md, the table of all checks, from what `poplab conformance` says

  --check   write nothing; exit code 1 if the page is not what would be written
";

/// What stands over the table of checks.
const INTRODUCTION: &str = "\
# All checks

<!-- Written by `cargo xtask gen` from what the program says; what is changed here is lost. -->

The COUNT checks of `cargo xtask conformance`, by the document that states the requirement. A *must* that is broken is a
failure, a *should* or a *practice* a warning; of a *may* the report says which way the server takes. The harm is what
users suffer where it is broken. `cargo xtask conformance --explain ID` tells the rest, and `--select ID` judges one alone.
";

const CHECKS: &str = "docs/checks.md";

/// Writes the pages, or says whether they are current.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    match words[..] {
        [] if arguments.is_empty() => write(),
        ["--check"] => check(),
        ["-h" | "--help"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Failure::usage(USAGE)),
    }
}

fn write() -> Result<ExitCode, Failure> {
    let path = workspace::root().join(CHECKS);
    let page = page(&checks(&forward::build()?)?);
    std::fs::write(&path, page).map_err(|error| Failure::file("write", &path, &error))?;
    println!("{CHECKS} is written");
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode, Failure> {
    let path = workspace::root().join(CHECKS);
    let there = std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
    if there == page(&checks(&forward::build()?)?) {
        println!("{CHECKS} is current");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{CHECKS} is not what the program says; write it anew with `cargo xtask gen`");
    Ok(ExitCode::from(1))
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: String,
    level: String,
    severity: String,
    sentence: String,
    reference: String,
}

/// What the program says of all checks, in its order.
fn checks(program: &Path) -> Result<Vec<Row>, Failure> {
    let listed = said(program, &["conformance", "--list"])?;
    listed
        .lines()
        .map(|line| {
            let mut row = row(line).ok_or_else(|| {
                Failure::environment(format!(
                    "a line of `poplab conformance --list` has another form: {line}"
                ))
            })?;
            let explained = said(program, &["conformance", "--explain", &row.id])?;
            row.reference = reference(&explained).ok_or_else(|| {
                Failure::environment(format!("`poplab conformance --explain {}` names no reference", row.id))
            })?;
            Ok(row)
        })
        .collect()
}

/// `ID  LEVEL  SEVERITY  SENTENCE`, padded with blanks.
fn row(line: &str) -> Option<Row> {
    let (id, rest) = line.split_once(' ')?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let (severity, sentence) = rest.trim_start().split_once(' ')?;
    let [id, level, severity, sentence] = [id, level, severity, sentence.trim()].map(str::to_owned);
    Some(Row { id, level, severity, sentence, reference: String::new() })
}

/// The part of the RFC, from the line `reference  RFC …`.
fn reference(explained: &str) -> Option<String> {
    let lines = explained.lines().map(str::trim_start);
    lines.filter_map(|line| line.strip_prefix("reference")).map(|rest| rest.trim().to_owned()).next()
}

fn said(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file("run", program, &error))?;
    if !output.status.success() {
        return Err(Failure::environment(format!(
            "`poplab {}` ended with {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn page(rows: &[Row]) -> String {
    let mut page = INTRODUCTION.replace("COUNT", &rows.len().to_string());
    for (index, row) in rows.iter().enumerate() {
        let document = document(&row.id);
        if index == 0 || self::document(&rows[index - 1].id) != document {
            // Writing to a string cannot fail.
            let _ = write!(
                page,
                "\n## {document}\n\n| check | section | level | harm | requirement |\n|---|---|---|---|---|\n"
            );
        }
        let section = row.reference.strip_prefix(&document).unwrap_or(&row.reference).trim();
        let cells = [section, &row.level, &row.severity, &row.sentence].map(cell);
        let _ = writeln!(page, "| `{}` | {} |", row.id, cells.join(" | "));
    }
    page
}

/// The document that a check's id begins with.
fn document(id: &str) -> String {
    match id.split('.').next() {
        Some(first) => match first.strip_prefix("rfc") {
            Some(number) => format!("RFC {number}"),
            None => "Good practice".to_owned(),
        },
        None => String::new(),
    }
}

/// Text in a cell of a table, with nothing in it that Markdown would take for its own.
fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if "|*_<>[]\\".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_is_a_row_of_the_table() {
        let mut row = row("rfc1939.list.format  must      interop    A line is \"n size\" | more.").unwrap();
        row.reference = reference("x\n\n  A line.\n\n  reference  RFC 1939 §5 LIST\n").unwrap();
        assert_eq!(
            page(&[row]).lines().last(),
            Some("| `rfc1939.list.format` | §5 LIST | must | interop | A line is \"n size\" \\| more. |")
        );
    }

    #[test]
    fn each_document_has_its_heading_once() {
        let of = |id: &str| row(&format!("{id} must interop It is so.")).unwrap();
        let page = page(&["rfc1939.a.b", "rfc1939.a.c", "practice.a.b"].map(of));
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## RFC 1939", "## Good practice"]);
    }
}

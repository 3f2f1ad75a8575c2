//! Over each check stands what it proves: the sentence of the catalogue and where it comes from. And no table of checks
//! is forgotten.

use std::collections::BTreeMap;
use std::path::Path;

use suite::Check;
use suite::catalogue::Requirement;

/// What a source says of one check.
struct Row {
    file: String,
    /// The paragraphs over its function, or over that which looks at status lines if it has one.
    over: Vec<String>,
}

/// All rows of `checks!` tables in the sources of the suite.
fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in std::fs::read_dir(sources).expect("sources").flatten().filter(|entry| entry.path().is_dir())
    {
        for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let path = format!("{}/{}", folder.file_name().display(), file.file_name().display());
            for (id, function) in table(&text) {
                let row = Row { file: path.clone(), over: paragraphs(&text, function) };
                assert!(rows.insert(id.to_owned(), row).is_none(), "{id} stands in two tables");
            }
        }
    }
    rows
}

/// The ids of a file's table with the functions that are about them alone.
fn table(text: &str) -> Vec<(&str, &str)> {
    let Some((_, behind)) = text.split_once("\nchecks! {\n") else { return Vec::new() };
    let body = behind.split_once("\n}").expect("a table ends").0;
    let row = |line: &'_ str| -> Option<(usize, usize)> { Some((line.find('"')?, line.find(" => ")?)) };
    body.lines()
        .filter_map(|line| {
            let (open, arrow) = row(line)?;
            let (id, rest) = (&line[open + 1..arrow - 1], &line[arrow + 4..]);
            let watch = rest.split_once("[watch ").and_then(|(_, watch)| watch.split(']').next());
            let run = rest.split([' ', ',']).next().expect("a function");
            Some((id, watch.unwrap_or(run)))
        })
        .collect()
}

/// The paragraphs of the comment over a function, without the marks of the comment and of Markdown.
fn paragraphs(text: &str, function: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("async ");
        let behind =
            |line: &'_ str, end: &str| line.strip_prefix(function).is_some_and(|rest| rest.starts_with(end));
        // A function, or a row of `refuses!`.
        line.strip_prefix("fn ").is_some_and(|name| behind(name, "(")) || behind(line, " in ")
    };
    let at = lines.iter().position(|line| begins(line)).unwrap_or_else(|| panic!("no function {function}"));
    let comment = lines[..at].iter().rev().map_while(|line| line.trim_start().strip_prefix("///"));
    let comment: Vec<&str> = comment.collect();
    let mut paragraphs = vec![String::new()];
    for line in comment.into_iter().rev().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                last.push_str(if last.is_empty() { "" } else { " " });
                last.push_str(&line.replace('\\', ""));
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs
}

fn expected(requirement: &Requirement) -> String {
    let reference = requirement.reference.trim_end_matches("; no RFC asks for it");
    let reference = reference.replace("good practice", "Good practice");
    format!("{reference}: {}", requirement.sentence)
}

#[test]
fn over_each_check_stands_the_sentence_of_the_catalogue() {
    let rows = rows();
    for check in suite::all() {
        let Some(row) = rows.get(check.id) else { panic!("{} stands in no table", check.id) };
        let expected = expected(check.requirement());
        assert_eq!(row.over.first(), Some(&expected), "{} in {}", check.id, row.file);
    }
}

#[test]
fn no_table_is_forgotten() {
    let ids: Vec<String> = suite::all().iter().map(|check: &Check| check.id.to_owned()).collect();
    assert_eq!(rows().into_keys().collect::<Vec<_>>(), ids);
}

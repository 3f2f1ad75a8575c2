//! How sources are written: module docs, sizes, names, nothing unfinished, no panic within reach of the wire.

use super::lexer::Source;
use super::{Finding, Tree};

/// Lines above which a file wants a reason.
const LONG: usize = 600;

/// Files that may be longer, each with its reason. A table may be long; anything else should rather be split.
const LONG_FILES: &[(&str, &str)] = &[];

/// Crates whose code is fed by a peer: it may not panic.
const FED_BY_PEERS: &[&str] = &["proto", "net", "fake", "sasl"];

/// Words for work that is not done, in halves so that searches for them do not find this table.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Macros for work that is not done.
const PLACEHOLDERS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Tests all Rust sources, and the names of all files.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in tree.sources() {
        module_docs(source, findings);
        size(source, LONG_FILES, findings);
        words(source, findings);
        tokens(source, findings);
    }
    for path in tree.paths() {
        file_name(path, findings);
    }
    // A tree of a few files is no checkout, and has nothing to excuse.
    for (path, _) in LONG_FILES.iter().filter(|_| tree.text("Cargo.toml").is_some()) {
        if !tree.sources().any(|source| source.path == *path && lines(source) > LONG) {
            findings.push(Finding::new(
                "xtask/src/tidy/manner.rs",
                1,
                format!("LONG_FILES excuses {path}, which is not long any more; remove the entry"),
            ));
        }
    }
}

fn module_docs(source: &Source, findings: &mut Vec<Finding>) {
    let first = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#!"));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(Finding::new(
            &source.path,
            1,
            "the file does not begin with module docs; write `//!` with what it is for and what it deliberately \
             does not do",
        ));
    }
}

fn size(source: &Source, excused: &[(&str, &str)], findings: &mut Vec<Finding>) {
    let lines = lines(source);
    if lines > LONG && !excused.iter().any(|(path, _)| *path == source.path) {
        findings.push(Finding::new(
            &source.path,
            LONG + 1,
            format!(
                "the file has {lines} lines, over {LONG}; split it, or give the reason in LONG_FILES of \
             xtask/src/tidy/manner.rs"
            ),
        ));
    }
}

fn lines(source: &Source) -> usize {
    source.text.lines().count()
}

fn words(source: &Source, findings: &mut Vec<Finding>) {
    for comment in &source.comments {
        // What stands in backticks is quoted: a format may have such a word.
        let spoken = comment.text.split('`').step_by(2).collect::<String>();
        for word in spoken.split(|character: char| !character.is_alphanumeric()) {
            if UNFINISHED.contains(&word) {
                findings.push(Finding::new(
                    &source.path,
                    comment.line,
                    format!("{word} in a comment; do it, or open an issue and describe the code as it is"),
                ));
            }
        }
        text_copy(&source.path, comment.line, &comment.text, findings);
    }
}

fn tokens(source: &Source, findings: &mut Vec<Finding>) {
    let owner =
        source.path.strip_prefix("crates/").and_then(|path| path.split('/').next()).unwrap_or_default();
    for (index, token) in source.tokens.iter().enumerate() {
        let mut found = |what: String| findings.push(Finding::new(&source.path, token.line, what));
        let next = source.token(index + 1);
        match token.text.as_str() {
            "fn" if next.starts_with("get_") => {
                found(format!("`{next}` begins with get_; name it after what it gives, `{}`", &next[4..]));
            }
            "mod" if is_grab_bag(next) => {
                found(format!(
                    "a module called `{next}` holds anything; name it after the one thing it holds"
                ));
            }
            "#" if source.matches(index, &["#", "[", "ignore"]) => {
                found("a test that is switched off proves nothing; mend it or remove it".to_owned());
            }
            "." if FED_BY_PEERS.contains(&owner)
                && !source.is_test(index)
                && source.matches(index, &[".", "unwrap", "("]) =>
            {
                found(format!("unwrap() in `{owner}`, which peers feed; return an error or a deviation"));
            }
            word if next == "!" && PLACEHOLDERS.contains(&word) && source.token(index + 2) != "=" => {
                found(format!("{word}! is for the workbench; finish the code"));
            }
            literal if literal.contains('"') => text_copy(&source.path, token.line, literal, findings),
            _ => {}
        }
    }
}

fn file_name(path: &str, findings: &mut Vec<Finding>) {
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.strip_suffix(".rs").is_some_and(is_grab_bag) {
        findings.push(Finding::new(
            path,
            1,
            "the name says nothing; name the file after the one thing it holds",
        ));
    }
    if is_text_copy(name) {
        findings.push(Finding::new(path, 1, "a copy of an RFC; cite it by number and section instead"));
    }
}

/// Finds mentions of a copy of an RFC, `rfc1939` with `.txt`: a reader has the RFC, not somebody's folder.
fn text_copy(path: &str, line: usize, text: &str, findings: &mut Vec<Finding>) {
    for word in text.split(|character: char| !character.is_alphanumeric() && character != '.') {
        if is_text_copy(word.trim_end_matches('.')) {
            findings.push(Finding::new(
                path,
                line,
                format!(
                    "{word} is somebody's copy of an RFC; cite it by number and section, `RFC 1939 section 5`"
                ),
            ));
        }
    }
}

fn is_text_copy(name: &str) -> bool {
    name.to_ascii_lowercase()
        .strip_prefix("rfc")
        .and_then(|rest| rest.strip_suffix(".txt"))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn is_grab_bag(name: &str) -> bool {
    matches!(name, "util" | "utils" | "helper" | "helpers" | "misc" | "common")
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    const DOCS: &str = "//! Docs.\n";

    fn of(path: &str, text: &str) -> Vec<String> {
        findings(check, &[(path, &format!("{DOCS}{text}"))])
    }

    fn one(path: &str, text: &str, expected: &str) {
        let found = of(path, text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}:2: ")), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }

    #[test]
    fn a_file_without_docs_is_found() {
        let found = findings(check, &[("crates/a/src/lib.rs", "// Plain comment.\nfn a() {}\n")]);
        assert!(found[0].contains("does not begin with module docs"), "{found:?}");
        assert_eq!(findings(check, &[("a.rs", "#![allow(x)]\n\n//! Docs.\n")]), Vec::<String>::new());
    }

    #[test]
    fn a_long_file_is_found_unless_it_has_a_reason() {
        let source = Source::new("crates/a/src/lib.rs".to_owned(), "//\n".repeat(LONG + 1));
        let mut found = Vec::new();
        size(&source, &[], &mut found);
        assert_eq!(found.len(), 1);
        size(&source, &[("crates/a/src/lib.rs", "a table")], &mut found);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn unfinished_work_is_found() {
        one("crates/a/src/lib.rs", concat!("// TO", "DO: later"), "in a comment");
        assert_eq!(
            of("crates/a/src/lib.rs", concat!("// Writes `# TO", "DO` as TAP has it.")),
            Vec::<String>::new()
        );
        one("crates/a/src/lib.rs", concat!("fn a() { to", "do!() }"), "workbench");
        one("crates/a/src/lib.rs", concat!("#[ign", "ore = \"slow\"] fn a() {}"), "switched off");
        assert_eq!(
            of("crates/a/src/lib.rs", concat!("const A: &str = \"FIX", "ME\";")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        one("crates/a/src/lib.rs", "fn get_size() {}", "`size`");
        one("crates/a/src/lib.rs", "mod utils;", "holds anything");
        assert!(of("crates/a/src/util.rs", "")[0].contains("says nothing"));
    }

    #[test]
    fn unwrap_within_reach_of_a_peer_is_found() {
        one("crates/net/src/lib.rs", "fn a() { b.unwrap() }", "which peers feed");
        assert_eq!(of("crates/net/src/lib.rs", "#[cfg(test)] mod tests { fn a() { b.unwrap() } }").len(), 0);
        assert_eq!(of("crates/net/src/lib.rs", "fn a() { b.unwrap_or(c) }").len(), 0);
        assert_eq!(of("crates/net/tests/it.rs", "fn a() { b.unwrap() }").len(), 0);
        assert_eq!(of("crates/poplab/src/main.rs", "fn a() { b.unwrap() }").len(), 0);
    }

    #[test]
    fn copies_of_rfcs_are_found() {
        one("crates/a/src/lib.rs", concat!("// See rfc1939", ".txt."), "cite it by number");
        let path = concat!("fixtures/RFC1939", ".txt");
        assert!(findings(check, &[(path, "")])[0].contains("a copy of an RFC"));
    }
}

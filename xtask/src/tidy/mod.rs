//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md as tests of the sources.
//!
//! Each rule is a function from a [`Tree`] (paths and texts) to findings, so that a unit test can show it firing on
//! a tree of two files. The rules read tokens, not types: they keep honest people from slipping, and are no proof
//! against someone who wants to hide a call.

mod architecture;
mod correct;
mod guards;
mod layers;
mod lexer;
mod manifests;
mod manner;
mod names;
mod packaging;
mod paths;
mod tree;

use std::fmt;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::workspace;
use tree::Tree;

/// Tests the checkout; exit code 1 if a rule is broken.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let tree = Tree::read(&workspace::root())?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files keep the invariants", tree.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} findings; ARCHITECTURE.md gives the reason of each rule", findings.len());
    Ok(ExitCode::from(1))
}

/// All findings in a tree, ordered by file and line.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in [
        layers::check,
        names::check,
        guards::check,
        correct::check,
        manner::check,
        manifests::check,
        packaging::check,
        architecture::check,
    ] {
        rule(tree, &mut findings);
    }
    findings.sort();
    findings.dedup();
    findings
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what to do about it.
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

#[cfg(test)]
mod testing {
    //! The one helper of the rules' tests: a rule, a small tree, the findings as text.

    use super::{Finding, Tree};

    pub(super) fn findings(rule: fn(&Tree, &mut Vec<Finding>), files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        let mut findings = Vec::new();
        rule(&tree, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_keeps_the_invariants() {
        let tree = Tree::read(&workspace::root()).expect("the checkout is readable");
        let findings: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn findings_are_clickable_and_sorted() {
        let tree =
            Tree::of(&[("crates/b/src/lib.rs", "fn b() {}\n"), ("crates/a/src/lib.rs", "\nfn get_a() {}\n")]);
        let text: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        let first =
            text.iter().position(|line| line.starts_with("crates/a/src/lib.rs:2: ")).expect("a finding in a");
        let last =
            text.iter().position(|line| line.starts_with("crates/b/src/lib.rs:1: ")).expect("a finding in b");
        assert!(first < last);
    }
}

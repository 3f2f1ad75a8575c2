//! Manifests: a reader for the few lines of TOML that matter here, and the rule that each dependency has a reason.

use super::{Finding, Tree};

/// One line `name = …` or `name.key = …` of a table of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) name: &'a str,
    /// What stands after the name.
    value: &'a str,
    /// Counted from 1.
    pub(super) line: usize,
}

/// The dependencies a crate is built with, for whichever platform; not those of its tests.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    entries(manifest, |table| table == "dependencies" || table.ends_with(".dependencies"))
}

/// Dependencies of the workspace need a reason; the crates only refer to them.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    const ROOT: &str = "Cargo.toml";
    if let Some(manifest) = tree.text(ROOT) {
        let lines: Vec<&str> = manifest.lines().collect();
        for dependency in entries(manifest, |table| table == "workspace.dependencies") {
            if !has_reason(&lines, dependency.line) {
                findings.push(Finding::new(ROOT, dependency.line, format!(
                    "`{}` has no reason; write above its group what it is for, in one sentence of a comment",
                    dependency.name
                )));
            }
        }
    }
    for (path, manifest) in tree.texts() {
        if !path.starts_with("crates/") || !path.ends_with("/Cargo.toml") {
            continue;
        }
        for dependency in entries(manifest, |table| table.ends_with("dependencies")) {
            if !dependency.value.contains("workspace") {
                findings.push(Finding::new(path, dependency.line, format!(
                    "`{}` names its own version; put it into [workspace.dependencies] with its reason, and write \
                     `{0}.workspace = true` here",
                    dependency.name
                )));
            }
        }
    }
}

/// Whether the unbroken group of lines above `line` begins with a comment.
fn has_reason(lines: &[&str], line: usize) -> bool {
    let above = lines[..line - 1].iter().rev().map(|text| text.trim());
    let mut group = above.take_while(|text| !text.is_empty() && !text.starts_with('['));
    group.any(|text| text.starts_with('#'))
}

fn entries(manifest: &str, wanted: impl Fn(&str) -> bool) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, text) in manifest.lines().enumerate() {
        let text = text.trim();
        if let Some(table) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = wanted(table);
            // `[dependencies.NAME]` is a dependency on its own.
            if let Some((outer, name)) = table.rsplit_once('.')
                && wanted(outer)
                && outer != "workspace"
            {
                found.push(Dependency { name, value: "workspace", line: index + 1 });
            }
        } else if inside && !text.starts_with('#') {
            let end = text.find(['.', '=', ' ']).unwrap_or(text.len());
            if end > 0 {
                found.push(Dependency { name: &text[..end], value: &text[end..], line: index + 1 });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn tables_of_all_platforms_are_read_and_those_of_tests_are_not() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nproto.workspace = true\nmail = { workspace = true }\n\
                        [dev-dependencies]\ninsta.workspace = true\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n\
                        [dependencies.rustls]\nworkspace = true\n";
        let names: Vec<(&str, usize)> =
            dependencies(manifest).iter().map(|dependency| (dependency.name, dependency.line)).collect();
        assert_eq!(names, [("proto", 4), ("mail", 5), ("libc", 9), ("rustls", 10)]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest = "[workspace.dependencies]\n# Why a and b.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n";
        assert_eq!(
            findings(check, &[("Cargo.toml", manifest)]),
            [
                "Cargo.toml:6: `c` has no reason; write above its group what it is for, in one sentence of a comment"
            ]
        );
    }

    #[test]
    fn a_crate_with_a_version_of_its_own_is_found() {
        let manifest = "[dev-dependencies]\na.workspace = true\nb = \"1\"\n";
        let found = findings(check, &[("crates/x/Cargo.toml", manifest)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/x/Cargo.toml:3: `b` names its own version"));
    }
}

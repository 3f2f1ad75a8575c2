//! A crate builds from its own files: what it takes in when it is compiled lies in its folder, or is linked there.

use super::{Finding, Tree};

/// Tests the sources of the crates; their tests are not built by who depends on them.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in tree.sources() {
        let Some((_, inside)) = source.path.strip_prefix("crates/").and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        if !inside.starts_with("src/") {
            continue;
        }
        let depth = inside.matches('/').count();
        for (index, line) in source.text.lines().enumerate() {
            for taken in ["include_str!(\"", "include_bytes!(\""] {
                let Some((_, path)) = line.split_once(taken) else { continue };
                let path = path.split('"').next().unwrap_or_default();
                if path.matches("../").count() > depth {
                    findings.push(Finding::new(
                        &source.path,
                        index + 1,
                        format!(
                            "`{path}` is outside the crate, whose package would not have it; link the file into the \
                             crate's folder"
                        ),
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn what_is_compiled_in_lies_in_the_crate() {
        let right = "const A: &str = include_str!(\"../../table.yaml\");";
        assert_eq!(findings(check, &[("crates/suite/src/a/b.rs", right)]), Vec::<String>::new());
        let wrong = "const A: &str = include_str!(\"../../../table.yaml\");";
        let found =
            findings(check, &[("crates/suite/src/a/b.rs", wrong), ("crates/suite/tests/b.rs", wrong)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("outside the crate"), "{found:?}");
    }
}

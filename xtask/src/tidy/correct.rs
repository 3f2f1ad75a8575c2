//! The correct server of the fake is right and nothing else: no word in it is about being wrong, or about being otherwise.

use super::{Finding, Tree};

/// Where the correct server is.
const SERVER: &str = "crates/fake/src/server/";

/// Words of what stands between it and the wire. In any case, and also within other words.
const WORDS: &[&str] = &["defect", "twist", "fault", "policy", "persona", "broken", "mutant"];

/// Tests every line, comments included.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in tree.sources().filter(|source| source.path.starts_with(SERVER)) {
        for (index, line) in source.text.lines().enumerate() {
            let lower = line.to_ascii_lowercase().replace("default", "");
            if let Some(word) = WORDS.iter().find(|word| lower.contains(**word)) {
                findings.push(Finding::new(
                    &source.path,
                    index + 1,
                    format!(
                        "the correct server says `{word}`; what makes it another server belongs to \
                     crates/fake/src/defects, policy.rs or twist, and acts through a hook of `Twist`"
                    ),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn the_correct_server_names_nothing_that_is_wrong() {
        let right = "//! What is right.\nfn stat(&self) -> Reply { Default::default() }";
        assert_eq!(findings(check, &[("crates/fake/src/server/stat.rs", right)]), Vec::<String>::new());
        let wrong = "fn stat(&self) {\n    if self.is_broken() {}\n    // a policy\n}";
        let found = findings(check, &[("crates/fake/src/server/stat.rs", wrong)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("crates/fake/src/server/stat.rs:2: the correct server says `broken`"),
            "{found:?}"
        );
        assert_eq!(findings(check, &[("crates/fake/src/policy.rs", wrong)]), Vec::<String>::new());
    }
}

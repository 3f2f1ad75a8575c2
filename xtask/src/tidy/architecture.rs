//! ARCHITECTURE.md against the checkout: the map names every crate, every invariant names its proof.

use super::{Finding, Tree};

const PAGE: &str = "ARCHITECTURE.md";

/// Tests the page, if there is one to test.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(page) = tree.text(PAGE) else {
        if !tree.crates().is_empty() && tree.text("Cargo.toml").is_some() {
            findings.push(Finding::new(PAGE, 1, "the map of the code is missing; write it"));
        }
        return;
    };
    for name in tree.crates() {
        if !page.contains(&format!("### `{name}`")) {
            findings.push(Finding::new(PAGE, 1, format!(
                "the code map does not know `{name}`; say what it does and what it deliberately does not do"
            )));
        }
    }
    for (line, number, text) in invariants(page) {
        if !text.contains("*Proof:") {
            findings.push(Finding::new(
                PAGE,
                line,
                format!("invariant {number} does not say what proves it; end it with `*Proof: …*`"),
            ));
        }
    }
    let numbers: Vec<usize> = invariants(page).iter().map(|(_, number, _)| *number).collect();
    if numbers != (1..=numbers.len()).collect::<Vec<_>>() {
        findings.push(Finding::new(PAGE, 1, "the invariants are not numbered from 1 without gaps"));
    }
}

/// Line, number and text of each numbered paragraph under the heading "Invariants".
fn invariants(page: &str) -> Vec<(usize, usize, String)> {
    let mut found: Vec<(usize, usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("## ") {
            inside = line.starts_with("## Invariants");
            continue;
        }
        if !inside {
            continue;
        }
        let number = line.split_once(". ").and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number {
            found.push((index + 1, number, line.to_owned()));
        } else if let Some((_, _, text)) = found.last_mut() {
            text.push(' ');
            text.push_str(line.trim());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn a_crate_missing_on_the_map_is_found() {
        let page = "## Code map\n### `a`\n";
        let found =
            findings(check, &[(PAGE, page), ("crates/a/Cargo.toml", ""), ("crates/b/Cargo.toml", "")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("does not know `b`"));
    }

    #[test]
    fn an_invariant_without_proof_or_number_is_found() {
        let page = "## Invariants\n1. One,\n   and more. *Proof: tidy.*\n3. Three.\n## Next\n9. Not one.\n";
        let found = findings(check, &[(PAGE, page)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("ARCHITECTURE.md:4: invariant 3 does not say what proves it"));
        assert!(found[1].contains("without gaps"));
    }
}

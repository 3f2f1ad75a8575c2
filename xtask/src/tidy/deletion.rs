//! Mail safety: in the suite, octets reach a socket only behind the guard that keeps back a DELE.

use super::lexer::Source;
use super::{Finding, Tree};

/// The call that asks whether octets may leave.
const GUARD: &[&str] = &["deletion", "::", "guard", "("];

/// Every write in the suite must stand behind the guard, in the same function.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in tree.sources().filter(|source| source.path.starts_with("crates/suite/src/")) {
        for index in 0..source.tokens.len() {
            let writes = source.matches(index, &[".", "write_all", "("]) && !source.is_test(index);
            if writes && !is_guarded(source, index) {
                findings.push(Finding::new(
                    &source.path,
                    source.tokens[index].line,
                    "octets are written without `deletion::guard(…)?` before them in the same function, so a DELE \
                     could reach somebody's mail; send through the session",
                ));
            }
        }
    }
}

/// Whether the guard is called between the beginning of the function and the token at `index`.
fn is_guarded(source: &Source, index: usize) -> bool {
    let function = (0..index).rev().find(|at| source.token(*at) == "fn").unwrap_or_default();
    (function..index).any(|at| source.matches(at, GUARD))
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    #[test]
    fn a_write_past_the_guard_is_found() {
        let path = "crates/suite/src/session.rs";
        let guarded = "async fn a() { deletion::guard(x)?; stream.write_all(x).await }";
        assert_eq!(findings(check, &[(path, guarded)]), Vec::<String>::new());
        let past = format!("{guarded}\nasync fn b() {{ stream.write_all(x).await }}");
        let found = findings(check, &[(path, &past)]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/suite/src/session.rs:2: octets are written without"),
            "{found:?}"
        );
    }

    #[test]
    fn the_guard_must_come_first() {
        let late = "fn a() { stream.write_all(x); deletion::guard(x)?; }";
        assert_eq!(findings(check, &[("crates/suite/src/session.rs", late)]).len(), 1);
    }
}

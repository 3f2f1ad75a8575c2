//! Safety of mail and passwords: in the suite, octets reach a socket only behind the guards that keep back a DELE, and a
//! password where it could be read on the way.

use super::lexer::Source;
use super::{Finding, Tree};

/// The calls that ask whether octets may leave, and what could happen without each.
const GUARDS: [(&[&str], &str); 2] = [
    (
        &["deletion", "::", "guard", "("],
        "octets are written without `deletion::guard(…)?` before them in the same function, so a DELE could reach \
         somebody's mail; send through the session",
    ),
    (
        &["credentials", ".", "guard", "("],
        "octets are written without `credentials.guard(…)?` before them in the same function, so a password could be \
         read on the way; send through the session",
    ),
];

/// Every write in the suite must stand behind the guards, in the same function.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in tree.sources().filter(|source| source.path.starts_with("crates/suite/src/")) {
        for index in 0..source.tokens.len() {
            if !source.matches(index, &[".", "write_all", "("]) || source.is_test(index) {
                continue;
            }
            for (_, what) in GUARDS.iter().filter(|(guard, _)| !is_behind(source, index, guard)) {
                findings.push(Finding::new(&source.path, source.tokens[index].line, *what));
            }
        }
    }
}

/// Whether the guard is called between the beginning of the function and the token at `index`.
fn is_behind(source: &Source, index: usize, guard: &[&str]) -> bool {
    let function = (0..index).rev().find(|at| source.token(*at) == "fn").unwrap_or_default();
    (function..index).any(|at| source.matches(at, guard))
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    const PATH: &str = "crates/suite/src/session.rs";

    #[test]
    fn a_write_past_a_guard_is_found() {
        let guarded =
            "async fn a() { self.credentials.guard(x)?; deletion::guard(x)?; stream.write_all(x).await }";
        assert_eq!(findings(check, &[(PATH, guarded)]), Vec::<String>::new());
        let past = format!("{guarded}\nasync fn b() {{ deletion::guard(x)?; stream.write_all(x).await }}");
        let found = findings(check, &[(PATH, &past)]);
        assert_eq!(found.len(), 1);
        let begins = "crates/suite/src/session.rs:2: octets are written without `credentials.guard";
        assert!(found[0].starts_with(begins), "{found:?}");
        let past = format!("{guarded}\nasync fn b() {{ stream.write_all(x).await }}");
        assert_eq!(findings(check, &[(PATH, &past)]).len(), 2);
    }

    #[test]
    fn the_guards_must_come_first() {
        let late = "fn a() { stream.write_all(x); credentials.guard(x)?; deletion::guard(x)?; }";
        assert_eq!(findings(check, &[(PATH, late)]).len(), 2);
    }
}

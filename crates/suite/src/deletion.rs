//! Mail safety: the one place that decides whether a line may leave the tool.
//!
//! A DELE goes out only in a session whose account has the role `disposable`, when the user allowed deletion, and
//! after *every* message in that maildrop was seen to carry poplab's marker. The last condition is stricter than
//! looking at the message to be deleted: a server that renumbers, or is off by one, deletes another one.

/// What a session may do to the maildrop it is logged in to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Permission {
    /// Look, never touch.
    #[default]
    None,
    /// All mail here is poplab's own and may be deleted.
    AllMarked,
}

/// Whether octets may be sent: refuses DELE without permission once the session has named an account, and RETR
/// where the server announces that retrieving deletes (EXPIRE 0).
///
/// # Errors
/// The reason, for the verdict "skipped".
pub(crate) fn guard(
    octets: &[u8],
    identified: bool,
    permission: &Permission,
    retrieval_deletes: bool,
) -> Result<(), String> {
    if *permission == Permission::AllMarked || !identified {
        return Ok(());
    }
    if commands(octets).any(|line| begins(line, b"DELE")) {
        return Err(
            "DELE is sent only in a `disposable` account, with --allow-delete, when all its mail is poplab's"
                .to_owned(),
        );
    }
    if retrieval_deletes && commands(octets).any(|line| begins(line, b"RETR")) {
        return Err(
            "the server announces EXPIRE 0: what is retrieved may be deleted, so nothing is retrieved here"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether these octets carry credentials, so that the session may be in somebody's maildrop afterwards.
pub(crate) fn names_someone(octets: &[u8]) -> bool {
    commands(octets).any(|line| [&b"PASS"[..], b"APOP", b"AUTH"].iter().any(|verb| begins(line, verb)))
}

fn commands(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split(|octet| matches!(octet, b'\n' | b'\r'))
}

/// Generous on purpose: blanks before the keyword and a longer word count too, since a lax server may obey them.
fn begins(line: &[u8], verb: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.len() >= verb.len() && line[..verb.len()].eq_ignore_ascii_case(verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dele_needs_permission_wherever_it_hides() {
        for octets in [
            &b"DELE 1\r\n"[..],
            b"dele 1\r\n",
            b"STAT\r\nDeLe 1\r\n",
            b" DELE 1\r\n",
            b"NOOP\nDELE 1\n",
            b"DELETE 1",
        ] {
            assert!(guard(octets, true, &Permission::None, false).is_err(), "{octets:?}");
            assert!(guard(octets, true, &Permission::AllMarked, false).is_ok());
        }
        assert!(guard(b"STAT\r\nUSER dele\r\n", true, &Permission::None, false).is_ok());
    }

    #[test]
    fn before_any_credentials_there_is_no_maildrop_to_harm() {
        assert!(guard(b"DELE 1\r\n", false, &Permission::None, false).is_ok());
        assert!(names_someone(b"USER a\r\npass b\r\nDELE 1\r\n"));
    }

    #[test]
    fn expire_zero_makes_retrieving_a_deletion() {
        assert!(guard(b"RETR 1\r\n", true, &Permission::None, true).is_err());
        assert!(guard(b"TOP 1 0\r\n", true, &Permission::None, true).is_ok());
    }
}

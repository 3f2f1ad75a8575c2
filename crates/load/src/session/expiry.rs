//! Whether the server deletes what is retrieved from it (EXPIRE 0, RFC 2449 section 6.7), asked within a session.
//!
//! The answer may differ from user to user, and be given after the login alone (`EXPIRE 7 USER`). Where the run's first
//! look could not settle it for all of them, each session asks before its first RETR, unless mail may be deleted anyway.
//! That CAPA is poplab's own question and not the user's: it is no step, waits for no think time, and has no figure.

use proto::Shape;

use crate::Retrieval;
use crate::recorder::Step;

use super::Session;
use super::desk::Asked;
use super::failure::Failure;

/// Most octets of a line that is looked at; what is longer is not the one that is looked for.
const LINE: usize = 512;

/// What the capabilities say of mail that was retrieved, the least welcome last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expiry {
    /// Nothing, or that it is kept for ever.
    Never,
    /// It is kept for a time, or as long as this user is told.
    Later,
    /// It is deleted.
    AtOnce,
}

impl Session {
    /// Whether it has to be asked what becomes of mail that is retrieved.
    ///
    /// # Errors
    /// It is known to be deleted, which nobody has allowed.
    pub(super) fn asks_before_retrieval(&self) -> Result<bool, Failure> {
        let assignment = &self.desk.context.assignment;
        match (assignment.allow_delete, assignment.retrieval) {
            (true, _) | (_, Retrieval::Keeps) => Ok(false),
            (_, Retrieval::Deletes) => Err(deleted()),
            (_, Retrieval::Ask) => Ok(true),
        }
    }

    /// That what is retrieved stays in the maildrop.
    pub(super) async fn may_retrieve(&mut self) -> Result<(), Failure> {
        if self.expiry().await? == Expiry::AtOnce { Err(deleted()) } else { Ok(()) }
    }

    /// Asks once when what is retrieved expires. A server without CAPA announces nothing.
    pub(crate) async fn expiry(&mut self) -> Result<Expiry, Failure> {
        if let Some(expiry) = self.desk.expiry {
            return Ok(expiry);
        }
        match self.question(Step::CAPA, Asked::Expiry, Shape::Multi, b"CAPA\r\n").await {
            Err(failure) if !failure.is_refusal() => Err(failure),
            _ => Ok(self.desk.expiry.unwrap_or(Expiry::Never)),
        }
    }
}

fn deleted() -> Failure {
    let seen = "the server announces EXPIRE 0: what is retrieved may be deleted, so nothing is retrieved";
    Failure::new("no-permission", Step::RETR_FIRST, seen)
}

/// What the lines say that end in this piece of the capabilities. `line` has the beginning of one that was cut.
pub(super) fn announced(line: &mut Vec<u8>, content: &[u8]) -> Expiry {
    let mut found = Expiry::Never;
    for piece in content.split_inclusive(|octet| *octet == b'\n') {
        let room = LINE.saturating_sub(line.len());
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.ends_with(b"\n") {
            found = found.max(of_line(line));
            line.clear();
        }
    }
    found
}

fn of_line(line: &[u8]) -> Expiry {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if !words.next().is_some_and(|tag| tag.eq_ignore_ascii_case(b"EXPIRE")) {
        return Expiry::Never;
    }
    match (words.next(), words.next()) {
        (Some(days), _) if days.iter().all(|digit| *digit == b'0') => Expiry::AtOnce,
        (Some(never), None) if never.eq_ignore_ascii_case(b"NEVER") => Expiry::Never,
        _ => Expiry::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, piece: usize) -> Expiry {
        let mut line = Vec::new();
        text.as_bytes().chunks(piece).map(|piece| announced(&mut line, piece)).max().unwrap()
    }

    #[test]
    fn only_a_line_of_its_own_says_when_mail_expires() {
        for piece in [1, 3, 1000] {
            for (text, expiry) in [
                ("TOP\r\nEXPIRE 0\r\nUIDL\r\n", Expiry::AtOnce),
                ("expire 0 USER\r\n", Expiry::AtOnce),
                // Whoever writes it so means it.
                ("EXPIRE 00\r\n", Expiry::AtOnce),
                ("EXPIRE 7 USER\r\n", Expiry::Later),
                ("EXPIRE NEVER USER\r\n", Expiry::Later),
                ("EXPIRE\r\n", Expiry::Later),
                ("EXPIRE NEVER\r\n", Expiry::Never),
                ("X EXPIRE 0\r\n", Expiry::Never),
                ("EXPIRED 0\r\n", Expiry::Never),
            ] {
                assert_eq!(found(text, piece), expiry, "{text}");
            }
        }
        let long = format!("{}\r\nEXPIRE 0\r\n", "x".repeat(10_000));
        assert_eq!(found(&long, 700), Expiry::AtOnce);
    }
}

//! Whether a line with credentials may leave: passwords go over TLS, to a loopback address, or where the user insisted
//! (`--tls none`), and nowhere else.
//!
//! Any password counts, a wrong or made-up one too, and so does what is derived from one: the digest of APOP, and what
//! AUTH is given with the command or in answer to a challenge. A name alone is no secret; that it is not given either
//! where a login would follow is [`Lab::connect_for_login`](crate::lab::Lab::connect_for_login)'s matter. This module is
//! pure: [`crate::wire`] asks it before every write.

use proto::Verb;

use crate::site::Permissions;

/// Why nothing is sent, for the verdict "skipped".
pub(crate) const NOT_IN_CLEARTEXT: &str =
    "no password is sent in cleartext to another host; give --tls none to insist";

/// What is known of one connection.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// Cleartext harms nobody here, or the user insisted.
    in_cleartext: bool,
    /// What is sent next answers a challenge.
    challenged: bool,
}

impl Credentials {
    /// Those of a new connection.
    pub(crate) fn new(permissions: &Permissions) -> Self {
        let in_cleartext = permissions.loopback || permissions.cleartext_password;
        Self { in_cleartext, challenged: false }
    }

    /// Whether they may go over the connection as it is now.
    pub(crate) fn may_go(&self, is_protected: bool) -> bool {
        is_protected || self.in_cleartext
    }

    /// The server challenged the client, or answered otherwise.
    pub(crate) fn answered(&mut self, challenge: bool) {
        self.challenged = challenge;
    }

    /// What is sent next is meant as the answer to a challenge, whether the server gave one or not.
    pub(crate) fn responds(&mut self) {
        self.challenged = true;
    }

    /// Whether these lines may be sent, the last of which may be unfinished; `is_known` tells octets in which a secret of
    /// the run stands, however it got there.
    ///
    /// # Errors
    /// The reason, for the verdict "skipped".
    pub(crate) fn guard(
        &mut self,
        lines: &[u8],
        is_protected: bool,
        is_known: impl FnOnce(&[u8]) -> bool,
    ) -> Result<(), String> {
        let mut challenged = self.challenged;
        let (mut carries, mut says_more) = (false, false);
        for line in lines.split(|octet| matches!(octet, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
            carries |= if challenged { answers(line) } else { authenticates(line) };
            // A keyword alone says nothing, and somebody's password may be much like one.
            says_more |= !line.is_empty() && Verb::parse(line).is_none();
            // What is cancelled is over (RFC 5034 section 4).
            challenged &= line != b"*";
        }
        if !self.may_go(is_protected) && (carries || (says_more && is_known(lines))) {
            return Err(NOT_IN_CLEARTEXT.to_owned());
        }
        self.challenged = challenged;
        Ok(())
    }
}

/// Whether a line within an exchange says anything: `*` cancels it, and `=` and an empty line answer with nothing.
fn answers(line: &[u8]) -> bool {
    !matches!(line, b"" | b"*" | b"=")
}

/// Whether a command carries credentials. Generous on purpose, as [`crate::deletion::guard`] is: a longer word counts too.
fn authenticates(line: &[u8]) -> bool {
    let arguments = |verb: &[u8]| {
        let (word, rest) = line.split_at_checked(verb.len())?;
        let is_it = word.eq_ignore_ascii_case(verb);
        is_it.then(|| rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()))
    };
    // The name, or the mechanism, comes first and is no secret.
    let second = |verb: &[u8]| arguments(verb).and_then(|mut words| words.nth(1));
    arguments(b"PASS").is_some_and(|mut words| words.next().is_some())
        || second(b"APOP").is_some()
        || second(b"RPOP").is_some()
        || second(b"AUTH").is_some_and(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER_HOST: Credentials = Credentials { in_cleartext: false, challenged: false };

    fn passes(mut credentials: Credentials, lines: &[u8]) -> bool {
        credentials.guard(lines, false, |_| false).is_ok()
    }

    #[test]
    fn credentials_are_known_wherever_they_hide() {
        for lines in [
            &b"PASS secret\r\n"[..],
            b"pass secret\r\n",
            b" PASS secret",
            b"PASSsecret\r\n",
            b"USER ann\r\nPASS secret\r\n",
            b"NOOP\nPaSs secret\n",
            b"NOOP\rPASS secret\r",
            b"APOP ann 0123456789abcdef0123456789abcdef\r\n",
            b"AUTH PLAIN AGFubgBzZWNyZXQ=\r\n",
            b"auth  plain\tAGFubgBzZWNyZXQ=\r\n",
            b"AUTH PLAIN ***\r\n",
            b"RPOP ann secret\r\n",
        ] {
            let shown = String::from_utf8_lossy(lines);
            assert!(!passes(OTHER_HOST, lines), "{shown}");
            assert!(passes(Credentials { in_cleartext: true, challenged: false }, lines), "{shown}");
            assert!(Credentials::default().guard(lines, true, |_| true).is_ok(), "{shown}");
        }
        for lines in [
            &b"CAPA\r\nSTLS\r\n"[..],
            b"USER aaaa\r\n",
            b"PASS\r\n",
            b"PASS \r\n",
            b"APOP ann\r\n",
            b"AUTH\r\n",
            b"AUTH CRAM-MD5\r\n",
            b"AUTH EXTERNAL =\r\n",
            b"NOOP PASS\r\n",
        ] {
            assert!(passes(OTHER_HOST, lines), "{}", String::from_utf8_lossy(lines));
        }
    }

    #[test]
    fn an_answer_to_a_challenge_is_known_until_the_exchange_is_over() {
        let challenged = || Credentials { challenged: true, ..OTHER_HOST };
        for (lines, pass) in [
            (&b"AGFubgBzZWNyZXQ=\r\n"[..], false),
            (b"CAPA\r\n", false),
            (b"*\r\n", true),
            (b"=\r\n", true),
            (b"\r\n", true),
            (b"*\r\nCAPA\r\n", true),
            (b"*\r\nPASS secret\r\n", false),
        ] {
            assert_eq!(passes(challenged(), lines), pass, "{}", String::from_utf8_lossy(lines));
        }
        let mut credentials = challenged();
        assert!(credentials.guard(b"*\r\n", false, |_| false).is_ok());
        assert!(passes(credentials, b"CAPA\r\n"), "the exchange is cancelled");
        let mut credentials = challenged();
        credentials.answered(false);
        assert!(passes(credentials, b"CAPA\r\n"), "the exchange is over");
    }

    #[test]
    fn a_known_secret_is_kept_back_whatever_it_stands_in() {
        let mut credentials = OTHER_HOST;
        assert!(
            credentials.guard(b"XTND secret\r\n", false, |lines| lines.ends_with(b"secret\r\n")).is_err()
        );
        assert!(credentials.guard(b"XTND secret\r\n", true, |_| true).is_ok());
        // The password `CAPA1` is much like the keyword, and nothing could be looked at.
        assert!(credentials.guard(b"CAPA\r\nSTLS\r\n", false, |_| true).is_ok());
        assert!(credentials.guard(b"CAPA 1\r\n", false, |_| true).is_err());
    }
}

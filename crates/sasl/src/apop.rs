//! APOP (RFC 1939 section 7): the digest of the greeting's timestamp and the shared secret.
//! No state and no machine: APOP is one command, so functions suffice.

use md5::{Digest, Md5};

use crate::hexadecimal;

/// The digest a client sends: MD5 over the timestamp (with its angle brackets) followed by the password, as
/// 32 lower-case hexadecimal digits.
pub fn digest(timestamp: &str, password: &str) -> String {
    let hash = Md5::new().chain_update(timestamp).chain_update(password).finalize();
    hexadecimal::lower(&hash)
}

/// Whether a client's digest is right. Upper-case digits are refused: RFC 1939 says lower-case.
pub fn verify(timestamp: &str, password: &str, sent: impl AsRef<[u8]>) -> bool {
    sent.as_ref() == digest(timestamp, password).as_bytes()
}

/// The timestamp of a greeting, with its angle brackets: the first text that [`is_timestamp`]. `None` means
/// that the server does not offer APOP.
pub fn timestamp(greeting: &[u8]) -> Option<&str> {
    let mut rest = greeting;
    while let Some(open) = rest.iter().position(|&octet| octet == b'<') {
        rest = rest.get(open..)?;
        if let Some(close) = rest.iter().position(|&octet| octet == b'>')
            && let Some(text) = rest.get(..=close)
            && is_timestamp(text)
        {
            return std::str::from_utf8(text).ok();
        }
        rest = rest.get(1..)?;
    }
    None
}

/// Whether a text has the form of a timestamp, that is of a plain RFC 822 `msg-id`: `<local@domain>`,
/// printable ASCII without blanks or further brackets or `@`. CRAM-MD5 challenges have the same form (RFC
/// 2195 section 2). Quoted local parts, which no server sends, are not taken for timestamps: a client that
/// accepted loose forms would help an attacker who looks for MD5 collisions.
pub fn is_timestamp(text: &[u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")) else { return false };
    let plain = |part: &[u8]| {
        !part.is_empty()
            && part.iter().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>' | b'@'))
    };
    let mut parts = inner.splitn(2, |&octet| octet == b'@');
    parts.next().is_some_and(plain) && parts.next().is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::{digest, is_timestamp, timestamp, verify};

    /// The example of RFC 1939 section 7.
    #[test]
    fn the_example_of_the_rfc() {
        let greeting = b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>";
        let timestamp = timestamp(greeting).unwrap();
        assert_eq!(timestamp, "<1896.697170952@dbc.mtview.ca.us>");
        assert_eq!(digest(timestamp, "tanstaaf"), "c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn verifies_only_the_whole_lower_case_digest() {
        let right = "c4c9334bac560ecc979e58001b3e22fb";
        let accepts = |sent: &str| verify("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf", sent);
        assert!(accepts(right));
        assert!(!accepts(&right.to_ascii_uppercase()));
        assert!(!accepts(&right[..31]));
        assert!(!accepts(&format!("{right}0")));
        assert!(!accepts(""));
    }

    #[test]
    fn finds_the_first_text_of_the_right_form() {
        assert_eq!(timestamp(b"+OK <ready> <1.2@host> <3.4@host>"), Some("<1.2@host>"));
        assert_eq!(timestamp(b"+OK <<1.2@host>"), Some("<1.2@host>"));
        assert_eq!(timestamp(b"+OK 1 < 2 <1.2@host>"), Some("<1.2@host>"));
        for none in
            [&b"+OK ready"[..], b"+OK <1.2host>", b"+OK <1.2@host", b"+OK <a b@host>", b"+OK <\xff@host>"]
        {
            assert_eq!(timestamp(none), None);
        }
    }

    #[test]
    fn a_timestamp_has_one_at_sign_and_two_parts() {
        assert!(is_timestamp(b"<a@b>"));
        for not in [&b""[..], b"<", b">", b"<>", b"<@>", b"<a@>", b"<@b>", b"<a@b@c>", b"a@b", b"<a@b\r>"] {
            assert!(!is_timestamp(not), "{}", not.escape_ascii());
        }
    }
}

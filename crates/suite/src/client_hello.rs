//! The first record of TLS, made by hand, and the first record that answers it.
//!
//! The TLS library of poplab offers nothing that is old or weak (RFC 8996, RFC 9325), so whether a server takes it is asked
//! this way. No handshake is ever completed: what a server chooses stands in its first answer. This module is pure.

/// Two octets as they stand in records and hellos: 3.0 is SSL 3, 3.1 is TLS 1.0, 3.2 TLS 1.1, 3.3 TLS 1.2.
pub(crate) type Version = [u8; 2];

pub(crate) const SSL_3: Version = [3, 0];
pub(crate) const TLS_1_0: Version = [3, 1];
pub(crate) const TLS_1_1: Version = [3, 2];
pub(crate) const TLS_1_2: Version = [3, 3];

/// Octets of the client's random.
const RANDOM: usize = 32;
/// Kinds of records (RFC 5246 section 6.2.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// Kinds of handshake messages (RFC 5246 section 7.4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What a client offers.
pub(crate) struct ClientHello<'a> {
    /// The highest version it speaks.
    pub(crate) version: Version,
    /// The cipher suites, best first.
    pub(crate) suites: &'a [u16],
    /// The name in the extension for server names; no such extension without it.
    pub(crate) server_name: Option<&'a str>,
    /// What its random is made from.
    pub(crate) seed: &'a str,
}

impl ClientHello<'_> {
    /// The record, and nothing behind it.
    pub(crate) fn record(&self) -> Vec<u8> {
        let mut body = self.version.to_vec();
        body.extend(self.random());
        // No session to resume.
        body.push(0);
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        body.extend(long(&suites));
        // No compression alone.
        body.extend([1, 0]);
        // SSL 3 has no extensions.
        if self.version != SSL_3 {
            body.extend(long(&self.extensions()));
        }
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(long(&body));
        // Older servers want to see a record version that they know.
        let mut record = vec![HANDSHAKE];
        record.extend(self.version.min(TLS_1_0));
        record.extend(long(&message));
        record
    }

    fn random(&self) -> Vec<u8> {
        self.seed.bytes().cycle().take(RANDOM).collect()
    }

    fn extensions(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut add = |kind: u16, body: &[u8]| {
            extensions.extend(kind.to_be_bytes());
            extensions.extend(long(body));
        };
        if let Some(name) = self.server_name {
            // One name of the kind host name (RFC 6066 section 3).
            let entry = [&[0][..], &long(name.as_bytes())].concat();
            add(0, &long(&entry));
        }
        // P-256, P-384, P-521, X25519; points uncompressed.
        add(10, &long(&[0, 23, 0, 24, 0, 25, 0, 29]));
        add(11, &[1, 0]);
        if self.version == TLS_1_2 {
            // RSA and ECDSA, with SHA-256, SHA-384, SHA-512 and SHA-1.
            add(13, &long(&[4, 1, 4, 3, 5, 1, 5, 3, 6, 1, 6, 3, 2, 1, 2, 3]));
        }
        extensions
    }
}

/// The first message of a client of SSL 2, which knows nothing newer.
pub(crate) fn of_ssl_2() -> Vec<u8> {
    // RC4, RC2, DES and 3DES, each with MD5.
    let suites = [[1, 0, 128], [2, 0, 128], [3, 0, 128], [4, 0, 128], [6, 0, 64], [7, 0, 192]].concat();
    let challenge = [b'p'; 16];
    let mut message = vec![CLIENT_HELLO, 0, 2];
    for length in [suites.len(), 0, challenge.len()] {
        message.extend(two(length));
    }
    message.extend(suites);
    message.extend(challenge);
    // A header of two octets has its highest bit set.
    let [high, low] = two(message.len());
    [vec![high | 0x80, low], message].concat()
}

/// What answers a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server goes on with this version and this suite.
    Chosen(Version, u16),
    /// A server of SSL 2 goes on.
    ChosenSsl2,
    /// It refuses, with this alert.
    Alert(u8),
    /// It is not TLS, or no more than a part of a record.
    Other,
}

/// Reads the first record of a server.
pub(crate) fn answer(octets: &[u8]) -> Answer {
    match octets {
        [ALERT, 3, _, 0, 2, _level, alert, ..] => Answer::Alert(*alert),
        [HANDSHAKE, 3, _, _, _, SERVER_HELLO, _, _, _, high, low, rest @ ..] => {
            let session = rest.get(RANDOM).copied().map(usize::from);
            let suite = session.and_then(|length| rest.get(RANDOM + 1 + length..)?.first_chunk::<2>());
            suite.map_or(Answer::Other, |suite| Answer::Chosen([*high, *low], u16::from_be_bytes(*suite)))
        }
        // A header of two octets, SERVER-HELLO, whether a session is resumed, a kind of certificate, the version 2.
        [first, _, 4, 0 | 1, _, 0, 2, ..] if first & 0x80 != 0 => Answer::ChosenSsl2,
        _ => Answer::Other,
    }
}

/// Whether octets are records of TLS that hold more than an alert in the clear.
pub(crate) fn is_opaque(octets: &[u8]) -> bool {
    matches!(octets, [20..=23, 3, ..]) && !matches!(octets, [ALERT, 3, _, 0, 2, ..])
}

/// Octets behind their length in two octets.
fn long(octets: &[u8]) -> Vec<u8> {
    [&two(octets.len())[..], octets].concat()
}

/// A length that none of these messages exceeds.
fn two(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: ClientHello<'_> =
        ClientHello { version: TLS_1_1, suites: &[0x002f, 0x0035], server_name: Some("a.test"), seed: "ab" };

    #[test]
    fn lengths_add_up() {
        let record = HELLO.record();
        assert_eq!(record[..5], [22, 3, 1, 0, u8::try_from(record.len() - 5).unwrap()]);
        assert_eq!(record[5..9], [1, 0, 0, u8::try_from(record.len() - 9).unwrap()]);
        assert_eq!(record[9..14], [3, 2, b'a', b'b', b'a']);
        assert_eq!(record[43..52], [0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]);
        let extensions = &record[54..];
        assert_eq!(usize::from(record[53]), extensions.len());
        assert_eq!(extensions[..9], [0, 0, 0, 11, 0, 9, 0, 0, 6]);
        assert!(extensions.windows(6).any(|six| six == b"a.test"));
    }

    #[test]
    fn ssl_has_no_extensions_and_its_own_header() {
        let record = ClientHello { version: SSL_3, ..HELLO }.record();
        assert_eq!(record.len(), 52);
        assert_eq!(record[1..3], SSL_3);
        let two = of_ssl_2();
        assert_eq!((two[0], usize::from(two[1])), (0x80, two.len() - 2));
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(answer(&[21, 3, 1, 0, 2, 2, 70]), Answer::Alert(70));
        let mut hello = vec![22, 3, 1, 0, 60, 2, 0, 0, 56, 3, 1];
        hello.extend([7; 32]);
        hello.extend([2, 9, 9, 0xc0, 0x13, 0]);
        assert_eq!(answer(&hello), Answer::Chosen(TLS_1_0, 0xc013));
        assert_eq!(answer(&hello[..45]), Answer::Other);
        assert_eq!(answer(&[0x84, 0x11, 4, 0, 1, 0, 2, 3]), Answer::ChosenSsl2);
        assert!(is_opaque(&hello) && is_opaque(&[23, 3, 3, 0, 19]) && is_opaque(&[21, 3, 3, 0, 26]));
        assert!(!is_opaque(&[21, 3, 3, 0, 2, 1, 0]) && !is_opaque(b"+OK"));
        for other in [&b""[..], b"+OK ready\r\n", b"-ERR TLS wanted\r\n", &[21, 3, 3]] {
            assert_eq!(answer(other), Answer::Other);
        }
    }
}

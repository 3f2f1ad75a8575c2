//! What takes the place of chance: timestamps and challenges follow from the seed, the connection and a count.

use crate::reply::decimal;

/// The source of a session's timestamp and challenges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonces {
    seed: u64,
    /// What tells the greeting's timestamp from that of other connections.
    pub(crate) greeting: u64,
    /// What tells challenges from those of other connections.
    pub(crate) challenges: u64,
    /// How many challenges there were.
    pub(crate) count: u32,
}

impl Nonces {
    /// Those of a connection.
    pub(super) fn new(seed: u64, connection: u64) -> Nonces {
        Nonces { seed, greeting: connection, challenges: connection, count: 0 }
    }

    /// Appends the timestamp of the greeting (RFC 1939 section 7, APOP).
    pub(crate) fn timestamp(&self, host: &str, out: &mut Vec<u8>) {
        let key = self.key("greeting", self.greeting, 0);
        enclose(&key, self.greeting, host, out);
    }

    /// The next challenge, in the form of a timestamp (RFC 2195).
    pub(crate) fn challenge(&mut self, host: &str) -> String {
        self.count += 1;
        let mut out = Vec::new();
        enclose(&self.key("challenge", self.challenges, self.count), self.challenges, host, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// The next nonce of letters and digits (RFC 5802).
    pub(crate) fn nonce(&mut self) -> String {
        self.count += 1;
        self.key("scram", self.challenges, self.count)
    }

    fn key(&self, purpose: &str, connection: u64, count: u32) -> String {
        let mut text = Vec::with_capacity(96);
        text.extend_from_slice(b"poplab fake ");
        decimal(self.seed, &mut text);
        text.push(b' ');
        decimal(connection, &mut text);
        text.push(b' ');
        text.extend_from_slice(purpose.as_bytes());
        text.push(b' ');
        decimal(count.into(), &mut text);
        let mut digest = mail::digest(&text);
        digest.truncate(16);
        digest
    }
}

fn enclose(key: &str, connection: u64, host: &str, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(key.as_bytes());
    out.push(b'.');
    decimal(connection, out);
    out.push(b'@');
    out.extend_from_slice(host.as_bytes());
    out.push(b'>');
}

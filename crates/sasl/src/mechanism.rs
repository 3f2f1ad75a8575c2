//! The names of the mechanisms. What a mechanism says is in the module of its name.

use std::fmt;

/// A SASL mechanism this crate speaks on both sides.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// RFC 4616: name and password in the clear, one message.
    Plain,
    /// Never standardised, widely spoken: name and password in the clear, each when asked.
    Login,
    /// RFC 2195: a keyed MD5 of the server's challenge.
    CramMd5,
    /// RFC 5802: mutual proof of a salted password.
    ScramSha1,
    /// The same with the hash of RFC 7677.
    ScramSha256,
}

impl Mechanism {
    /// All mechanisms, the plainest first.
    pub const ALL: [Mechanism; 5] = [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
    ];
    /// The variants of SCRAM, the better one first.
    pub const SCRAM: [Mechanism; 2] = [Mechanism::ScramSha256, Mechanism::ScramSha1];

    /// The registered name, as it stands in the SASL capability.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
        }
    }

    /// The mechanism of that name in any case (RFC 5034 section 5), or `None`.
    pub fn parse(name: impl AsRef<[u8]>) -> Option<Mechanism> {
        let name = name.as_ref();
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether the server speaks first, so that an initial response with AUTH must be refused (RFC 5034
    /// section 4).
    pub const fn server_first(self) -> bool {
        matches!(self, Mechanism::Login | Mechanism::CramMd5)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Mechanism;

    #[test]
    fn it_is_written_as_it_is_announced() {
        for mechanism in Mechanism::ALL {
            assert_eq!(mechanism.to_string(), mechanism.name());
        }
    }

    #[test]
    fn every_name_parses_in_any_case_and_nothing_else_does() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
            assert_eq!(Mechanism::parse(mechanism.name().to_ascii_lowercase()), Some(mechanism));
        }
        for name in ["", "PLAI", "PLAINS", " PLAIN", "SCRAM-SHA", "SCRAM-SHA-256-PLUS"] {
            assert_eq!(Mechanism::parse(name), None, "{name}");
        }
    }
}

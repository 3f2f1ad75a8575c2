//! Unique-ids as UIDL gives them (RFC 1939 section 7).
//!
//! A value that is legal by construction. It deliberately cannot hold an illegal id: who wants to misbehave
//! writes octets.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::content::hexadecimal;

/// A unique-id: 1 to 70 characters between 0x21 and 0x7E.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId(String);

impl UniqueId {
    /// Longest unique-id in octets.
    pub const LONGEST: usize = 70;

    /// Takes the text if RFC 1939 section 7 allows it.
    ///
    /// # Errors
    /// [`UniqueIdError`] if it is empty, too long, or has an octet outside 0x21..=0x7E.
    pub fn new(text: impl Into<String>) -> Result<UniqueId, UniqueIdError> {
        let text = text.into();
        if text.is_empty() {
            return Err(UniqueIdError::Empty);
        }
        if text.len() > UniqueId::LONGEST {
            return Err(UniqueIdError::TooLong { octets: text.len() });
        }
        match text.bytes().enumerate().find(|(_, octet)| !(0x21..=0x7e).contains(octet)) {
            Some((offset, octet)) => Err(UniqueIdError::Octet { octet, offset }),
            None => Ok(UniqueId(text)),
        }
    }

    /// The unique-id of a message: 32 hexadecimal characters that follow from all arguments and nothing else.
    ///
    /// `ordinal` counts the deliveries to the account, so that identical messages have different ids and an id
    /// never comes back.
    pub fn of(seed: u64, account: &str, ordinal: u64, octets: &[u8]) -> UniqueId {
        let mut hash = Sha256::new();
        hash.update(b"poplab unique-id 1\0");
        hash.update(seed.to_be_bytes());
        // With the length before it, no account name can run into what follows.
        hash.update((account.len() as u64).to_be_bytes());
        hash.update(account.as_bytes());
        hash.update(ordinal.to_be_bytes());
        hash.update(octets);
        UniqueId(hexadecimal(&hash.finalize()[..16]))
    }

    /// 32 hexadecimal characters of these numbers.
    pub(crate) fn of_words(words: [u64; 2]) -> UniqueId {
        UniqueId(hexadecimal(words.map(u64::to_be_bytes).as_flattened()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Why a text is no unique-id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UniqueIdError {
    /// No characters at all.
    #[error("a unique-id has at least one character")]
    Empty,
    /// More than 70 octets.
    #[error("a unique-id has at most 70 characters, this has {octets}")]
    TooLong {
        /// How many octets it has.
        octets: usize,
    },
    /// An octet outside 0x21..=0x7E.
    #[error("octet 0x{octet:02x} at offset {offset} is not allowed in a unique-id (0x21 to 0x7e are)")]
    Octet {
        /// The first such octet.
        octet: u8,
        /// Where it stands, from 0.
        offset: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_rfc() {
        assert_eq!(UniqueId::new(""), Err(UniqueIdError::Empty));
        assert!(UniqueId::new("x".repeat(70)).is_ok());
        assert_eq!(UniqueId::new("x".repeat(71)), Err(UniqueIdError::TooLong { octets: 71 }));
        assert!(UniqueId::new("!~").is_ok());
        assert_eq!(UniqueId::new("a b"), Err(UniqueIdError::Octet { octet: 0x20, offset: 1 }));
        assert_eq!(UniqueId::new("a\u{7f}"), Err(UniqueIdError::Octet { octet: 0x7f, offset: 1 }));
        assert_eq!(UniqueId::new("é"), Err(UniqueIdError::Octet { octet: 0xc3, offset: 0 }));
    }

    #[test]
    fn follows_from_every_argument() {
        let id = UniqueId::of(1, "alice", 1, b"x");
        assert_eq!(id.as_str().len(), 32);
        assert_eq!(UniqueId::new(id.as_str()), Ok(id.clone()));
        assert_eq!(id, UniqueId::of(1, "alice", 1, b"x"));
        for other in [
            UniqueId::of(2, "alice", 1, b"x"),
            UniqueId::of(1, "bob", 1, b"x"),
            UniqueId::of(1, "alice", 2, b"x"),
            UniqueId::of(1, "alice", 1, b"y"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn does_not_change_between_versions() {
        // Clients that leave mail on the server would download everything again.
        assert_eq!(UniqueId::of(42, "alice", 1, b"message\r\n").as_str(), "558a77a0bc9157ae892a42a82dc4aaae");
    }
}

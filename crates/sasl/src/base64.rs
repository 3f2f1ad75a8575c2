//! Strict base64 (RFC 4648 section 4), as RFC 5034 section 4 demands it of both sides.
//!
//! There is exactly one text for each sequence of octets; everything else is refused, never repaired: foreign
//! octets (blanks and line ends too), padding that is missing, misplaced or surplus, and bits left over that
//! are not zero.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};

/// Why a text is not canonical base64.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// An octet outside the alphabet, or a pad character before the end.
    #[error("octet {octet:#04x} at offset {offset} cannot stand there in base64")]
    ForeignOctet {
        /// Where, counted from 0.
        offset: usize,
        /// What.
        octet: u8,
    },
    /// The text ends within a group of four, or its padding is not what its length demands.
    #[error("the base64 text is incomplete or wrongly padded")]
    Length,
    /// The unused bits of the last character are not zero.
    #[error("the base64 text has bits left over that are not zero")]
    TrailingBits,
}

/// The canonical text of these octets, with padding and without line ends.
pub fn encode(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

/// The octets of a canonical text. An empty text gives no octets.
///
/// # Errors
/// The text is anything but what [`encode`] gives for some octets.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|error| match error {
        DecodeError::InvalidByte(offset, octet) => Base64Error::ForeignOctet { offset, octet },
        DecodeError::InvalidLastSymbol { .. } => Base64Error::TrailingBits,
        _ => Base64Error::Length,
    })
}

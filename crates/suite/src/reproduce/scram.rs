//! The last message of a client in SCRAM-SHA-256 (RFC 5802 section 3), told by how it is made: its proof follows from a
//! password and from all that was said before it.
//!
//! Also told are the alterations that the suite makes: another nonce, and a proof with one bit changed.

use sasl::base64;
use sasl::scram::{self, MAXIMUM_ITERATIONS, Sha256};

use super::secrets::{Account, password_of};
use super::words::python_octets;

/// An expression of Python for the message, whose value are octets; `said` is what the client had said before, and
/// `challenge` what the server had said last.
pub(super) fn made(
    session: u32,
    said: &[u8],
    challenge: &[u8],
    message: &[u8],
    accounts: &[Account],
) -> Option<String> {
    let sent = scram::parse_client_final(message).ok()?;
    let asked = scram::parse_server_first(challenge).ok()?;
    if asked.iterations > MAXIMUM_ITERATIONS {
        return None;
    }
    let bare = first_bare(said)?;
    let own = bare.split(',').find_map(|part| part.strip_prefix("r="))?;
    let nonce = match sent.nonce {
        nonce if nonce == asked.nonce => "whole",
        nonce if nonce == own => "own",
        nonce if nonce == other_end(asked.nonce) => "other end",
        _ => return None,
    };
    let at = sent.without_proof.find(",r=")? + 3;
    let (before, after) = (&sent.without_proof[..at], &sent.without_proof[at + sent.nonce.len()..]);
    let signed = scram::auth_message(&bare, asked.text, sent.without_proof);
    accounts.iter().find_map(|Account { user, password }| {
        let salted = scram::salted_password::<Sha256>(password, &asked.salt, asked.iterations);
        let mut right = scram::proof::<Sha256>(&salted, &signed);
        let proof = if right == sent.proof {
            "right"
        } else {
            *right.first_mut()? ^= 1;
            (right == sent.proof).then_some("one bit changed")?
        };
        let parts = [bare.as_str(), before, after].map(|part| python_octets(part.as_bytes()));
        Some(format!(
            "b64(scram({session}, {}, {}, \"{nonce}\", \"{proof}\"))",
            password_of(user),
            parts.join(", ")
        ))
    })
}

/// The client's first message without its GS2 header, as it was said last.
fn first_bare(said: &[u8]) -> Option<String> {
    let words = said.rsplit(|octet| matches!(octet, b' ' | b'\r' | b'\n'));
    let mut messages = words.filter_map(|word| String::from_utf8(base64::decode(word).ok()?).ok());
    let message = messages.find(|message| message.contains(",r="))?;
    message.splitn(3, ',').nth(2).map(str::to_owned)
}

/// A nonce of which the last character is changed.
fn other_end(nonce: &str) -> String {
    let mut other = nonce.to_owned();
    let last = other.pop();
    other.push(if last == Some('0') { '1' } else { '0' });
    other
}

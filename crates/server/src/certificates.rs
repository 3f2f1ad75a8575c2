//! The certificates of a fake server, those that fault scripts ask for among them.

use std::sync::OnceLock;

use net::{Authority, Identity, SERVER_NAMES, TlsError, Validity};
use script::Certificate;

/// The server's own identity, and behind it those that faults may ask for, in the order of
/// [`Certificate::ALL`]: for [`net::Server::start_with`]. A client trusts the authority of the first.
///
/// They are made once in a process, so that a thousand servers start quickly, and one authority is enough to trust all of
/// them.
///
/// # Errors
/// The system has no randomness to give.
pub fn identities() -> Result<&'static [Identity], TlsError> {
    static MADE: OnceLock<Vec<Identity>> = OnceLock::new();
    if let Some(identities) = MADE.get() {
        return Ok(identities);
    }
    let made = made()?;
    Ok(MADE.get_or_init(|| made))
}

fn made() -> Result<Vec<Identity>, TlsError> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let mut identities = vec![authority.issue(SERVER_NAMES, Validity::Current)?];
    for certificate in Certificate::ALL {
        identities.push(match certificate {
            Certificate::Expired => authority.issue(SERVER_NAMES, Validity::Expired)?,
            Certificate::NotYetValid => authority.issue(SERVER_NAMES, Validity::NotYet)?,
            Certificate::WrongHost => authority.issue(&["elsewhere.example"], Validity::Current)?,
            Certificate::Untrusted => stranger.issue(SERVER_NAMES, Validity::Current)?,
            Certificate::SelfSigned => Identity::self_signed(SERVER_NAMES)?,
        });
    }
    Ok(identities)
}

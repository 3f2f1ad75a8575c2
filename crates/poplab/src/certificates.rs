//! The certificates of a fake server, those that fault scripts ask for among them.

use net::{Authority, Identity, SERVER_NAMES, TlsError, Validity};
use script::Certificate;

/// The server's own identity, and behind it those that faults may ask for, in the order of
/// [`Certificate::ALL`]: for [`FakeServer::start_with`](crate::FakeServer::start_with). A client trusts the authority of
/// the first.
///
/// # Errors
/// The system has no randomness to give.
pub fn identities() -> Result<Vec<Identity>, TlsError> {
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

//! Which message of a maildrop is which fixture.
//!
//! Looks at heads; retrieves only tiny messages, and at most a bounded number. Deliberately judges nothing: a
//! fixture that is not recognised is one that checks do without.

use std::collections::BTreeMap;
use std::rc::Rc;

use mail::Marker;

use crate::accounts::Account;
use crate::lab::Lab;
use crate::outcome::Mishap;
use crate::session::Session;
use crate::site::Site;

/// Octets of the largest message that is retrieved to see whether it is a fixture without a header for the marker.
const INDEX_RETRIEVES_AT_MOST: u64 = 512;
/// Messages looked at for fixtures. Poplab seeds fewer; a maildrop with more is somebody's, and is not read through.
const INDEX_AT_MOST: usize = 200;

/// Which fixture is which message. A server that loses its way in one message is asked for the next on a new
/// connection, so that one bad message does not hide the others.
pub(super) async fn index(
    lab: &Lab,
    site: &Site,
    account: &Rc<Account>,
    session: Session,
) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut session = Some(session);
    let corpus = site.corpus(site.seed);
    let listing = match session.as_mut() {
        Some(session) => match session.command("LIST").await {
            Ok(reply) => reply.scan_listing().unwrap_or_default(),
            Err(_) => return found,
        },
        None => return found,
    };
    for (number, size) in listing.into_iter().take(INDEX_AT_MOST) {
        if session.is_none() {
            session = lab.login_to(account).await.ok();
        }
        let Some(current) = session.as_mut() else { return found };
        match identify(current, site, number, size, &corpus).await {
            Ok(Some(name)) => {
                found.entry(name).or_insert(number);
            }
            Ok(None) => {}
            Err(_) => session = None,
        }
    }
    found
}

async fn identify(
    session: &mut Session,
    site: &Site,
    number: u64,
    octets: u64,
    corpus: &[mail::Fixture],
) -> Result<Option<String>, Mishap> {
    if site.survey.has_top {
        let head = session.command(format!("TOP {number} 0")).await?;
        if let Some(marker) = Marker::parse(head.octets()) {
            return Ok((marker.seed == site.seed).then_some(marker.fixture));
        }
    }
    if octets > INDEX_RETRIEVES_AT_MOST && site.survey.has_top || site.survey.expire_zero() {
        return Ok(None);
    }
    let whole = session.command(format!("RETR {number}")).await?;
    if !whole.is_ok() {
        return Ok(None);
    }
    if let Some(marker) = Marker::parse(whole.octets()) {
        return Ok((marker.seed == site.seed).then_some(marker.fixture));
    }
    Ok(mail::identify(whole.octets(), corpus).map(|fixture| fixture.name.to_owned()))
}

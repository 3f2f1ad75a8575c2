//! Connections that were lost now and then, put to the proof: made one at a time, each ended in good order before the
//! next, so that no limit on connections explains what becomes of them. RFC 1939 section 4 has a server greet upon
//! connection; that now and then it does not is a fault once it recurs here.

use std::rc::Rc;

use crate::journal::Leavings;
use crate::lab::Lab;
use crate::outcome::Mishap;
use crate::reproduce::Reproduction;
use crate::site::Site;

/// The requirement that is broken.
pub(super) const ID: &str = "rfc1939.greeting.unprompted";
/// Connections that are tried at most.
const AT_MOST: u32 = 60;
/// One may be chance.
const RECURS: u32 = 2;

/// What was seen, if it recurred, and the conversation.
pub(super) async fn knock(site: &Rc<Site>) -> Option<(String, Leavings, Option<Reproduction>)> {
    let (made, lost) = (site.crowd.made(), site.crowd.lost());
    // Three times as many as it takes on average to lose one.
    let most = (made / lost.max(1)).saturating_mul(3).clamp(RECURS * 3, AT_MOST);
    let lab = Lab::new(Rc::clone(site), ID, None);
    let (mut tried, mut unanswered) = (0, 0);
    while lost > 0 && tried < most && unanswered < RECURS {
        tried += 1;
        let Ok(mut session) = lab.connect_raw().await else { return None };
        match session.welcome(&site.survey).await {
            Ok(_) => drop(session.quit().await),
            Err(Mishap::Closed { .. }) => unanswered += 1,
            Err(_) => return None,
        }
    }
    let seen = format!(
        "of {tried} connections made one at a time, {unanswered} were closed without a greeting; before that it happened \
         {lost} times in a run of {made} connections, and the next one was greeted at once"
    );
    let conversation = lab.journal().reproduction(site);
    (unanswered >= RECURS).then(|| (seen, lab.journal().close(), conversation))
}

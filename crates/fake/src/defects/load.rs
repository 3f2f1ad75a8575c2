//! What only load sees, which is the only one to look at the content of mail that was seeded for it.

use proto::Verb;

use super::Defect;
use super::hooks::after;

pub(super) const ROWS: &[Defect] = &[Defect {
    id: "load.retr-corrupt",
    summary: "in every third RETR of mail seeded for load, one letter of the body is another",
    proves: &[],
    hooks: after(|circumstance, asked, reply| {
        // Not always the same of a session, since many sessions retrieve only one or two.
        let turn = circumstance.session.number + u64::from(circumstance.past.count(Verb::Retr)) + 1;
        if asked.is(Verb::Retr) && turn.is_multiple_of(3) {
            reply.map_message(|octets| corrupted(octets).unwrap_or_else(|| octets.to_vec()));
        }
    }),
}];

/// A message of load with one letter of the body in the other case; `None` if it is another message.
fn corrupted(octets: &[u8]) -> Option<Vec<u8>> {
    let start = octets.len() - mail::body(octets).len();
    memchr::memmem::find(octets.get(..start)?, b"\r\nX-Poplab-Load:")?;
    let mut copy = octets.to_vec();
    // Not where a line or its dots begin: it is the content that is wrong, not the framing.
    let middle = start + (octets.len() - start) / 2;
    let letter = copy.get_mut(middle..)?.iter_mut().find(|octet| octet.is_ascii_lowercase())?;
    letter.make_ascii_uppercase();
    Some(copy)
}

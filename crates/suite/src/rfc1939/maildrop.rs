//! What a maildrop of marked mail holds, before and after: the yardstick of all checks on removal (RFC 1939
//! sections 5 and 6).
//!
//! A message is known by poplab's marker, that is by its content; its unique-id is what it is called by. Numbers
//! move when mail is removed, and a server may give unique-ids that move too, so neither proves that a message is
//! gone. This module deliberately does not delete: who may is [`crate::lab`]'s matter.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mail::Marker;

use crate::accounts::Account;
use crate::deletion::Message;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive, skipped};
use crate::reply::{Reply, quote};
use crate::session::Session;

/// One marked message of a listing.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Its message number in that session.
    pub(crate) number: u64,
    /// Its unique-id, where the server has UIDL.
    pub(crate) unique_id: Option<Vec<u8>>,
    marker: Marker,
}

/// The marked mail of a maildrop, as one session sees it.
#[derive(Debug)]
pub(crate) struct Maildrop {
    /// The messages, by number.
    pub(crate) messages: Vec<Held>,
    /// The first message without a marker, if there is one.
    foreign: Option<u64>,
}

/// What of an earlier listing is missing from a later one.
pub(crate) struct Missing<'a> {
    /// Messages that had been marked as deleted.
    pub(crate) marked: Vec<&'a Held>,
    /// Messages that had not.
    pub(crate) unmarked: Vec<&'a Held>,
}

impl Held {
    /// What tells it apart, whatever it is called.
    pub(super) fn marker(&self) -> &Marker {
        &self.marker
    }

    /// The message for people: number, unique-id, name of the fixture.
    pub(crate) fn told(&self) -> String {
        match &self.unique_id {
            Some(id) => {
                format!("message {} (unique-id {}, `{}`)", self.number, quote(id), self.marker.fixture)
            }
            None => format!("message {} (`{}`)", self.number, self.marker.fixture),
        }
    }
}

impl Maildrop {
    /// What was there before anything was marked: as the session of `lab.deletable` saw it, or else by a look.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if a message has no marker, [`Stop::Inconclusive`] if it cannot be looked at.
    pub(crate) async fn before_marks(session: &mut Session, lab: &Lab) -> Result<Self, Stop> {
        if let Some(sighting) = session.sighting() {
            let held = |(number, message): (&u64, &Message)| Held {
                number: *number,
                unique_id: message.unique_id.clone(),
                marker: message.marker.clone(),
            };
            return Ok(Self { messages: sighting.messages().iter().map(held).collect(), foreign: None });
        }
        let maildrop = Self::look(session, lab).await?;
        match maildrop.foreign {
            Some(number) => {
                skipped(format!("message {number} does not carry poplab's marker; nothing is deleted"))
            }
            None => Ok(maildrop),
        }
    }

    /// Looks at LIST, UIDL and the head of every message that either of them lists.
    ///
    /// Both listings count, so that a line missing from one of them is not taken for a lost message; their form is
    /// judged elsewhere. Mail without a marker is passed over.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if a listed message cannot be looked at.
    pub(crate) async fn look(session: &mut Session, lab: &Lab) -> Result<Self, Stop> {
        let mut numbers = numbers(&session.assume_ok("LIST").await?)?;
        let mut unique_ids = BTreeMap::new();
        if lab.survey().has_uidl {
            // A refusal is UIDL's own affair: here unique-ids are only names.
            let reply = session.command("UIDL").await?;
            reply.whole()?;
            unique_ids.extend(reply.lines().into_iter().filter_map(|line| {
                proto::listing::unique_id(line).0.map(|(number, id)| (number, id.to_vec()))
            }));
            numbers.extend(unique_ids.keys().copied());
        }
        let (mut messages, mut foreign) = (Vec::new(), None);
        for number in numbers {
            let head = head(session, lab, number).await?;
            match Marker::parse(head.octets()) {
                Some(marker) => messages.push(Held { number, unique_id: unique_ids.remove(&number), marker }),
                None => foreign = foreign.or(Some(number)),
            }
        }
        Ok(Self { messages, foreign })
    }

    /// Looks in a new session, which ends without QUIT.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if the login fails, for example because the maildrop stays locked.
    pub(crate) async fn look_again(lab: &Lab, account: &Rc<Account>) -> Result<Self, Stop> {
        let mut session = lab.login_to(account).await?;
        Self::look(&mut session, lab).await
    }

    /// The message with this marker.
    pub(super) fn find(&self, marker: &Marker) -> Option<&Held> {
        self.messages.iter().find(|held| held.marker == *marker)
    }

    /// Whether all the mail that was looked at is poplab's, as far as heads tell.
    pub(super) fn is_own(&self) -> bool {
        self.foreign.is_none()
    }

    /// The highest message number; 0 without messages.
    pub(crate) fn last(&self) -> u64 {
        self.messages.iter().map(|held| held.number).max().unwrap_or_default()
    }

    /// What this listing has and the later one has not; `marked` are the numbers that DELE was answered for.
    ///
    /// Mail that was seeded twice is in the maildrop in two copies that only the number tells apart. If one of them
    /// is missing and one was marked, it is the marked one.
    pub(crate) fn missing<'a>(&'a self, later: &Self, marked: &[u64]) -> Missing<'a> {
        let mut left: Vec<&Marker> = later.messages.iter().map(|held| &held.marker).collect();
        let mut gone = |held: &&Held| match left.iter().position(|marker| **marker == held.marker) {
            Some(at) => {
                left.swap_remove(at);
                false
            }
            None => true,
        };
        let (marked, unmarked): (Vec<&Held>, Vec<&Held>) =
            self.messages.iter().partition(|held| marked.contains(&held.number));
        let unmarked = unmarked.into_iter().filter(&mut gone).collect();
        let marked = marked.into_iter().filter(&mut gone).collect();
        Missing { marked, unmarked }
    }

    /// Passes if the later listing has all messages of this one, marked or not.
    ///
    /// # Errors
    /// [`Stop::Fail`] naming each message that is gone and whether it had been marked.
    pub(crate) fn require_whole(&self, later: &Self, marked: &[u64], what: &str) -> Outcome {
        let missing = self.missing(later, marked);
        let mut losses: Vec<String> =
            missing.unmarked.iter().map(|held| format!("{}, which was not marked", held.told())).collect();
        losses.extend(missing.marked.iter().map(|held| format!("{}, which was marked", held.told())));
        if losses.is_empty() {
            return Ok(());
        }
        let (before, after) = (self.messages.len(), later.messages.len());
        fail(format!("{what}, and of {before} messages {after} are left; gone: {}", losses.join("; ")))
    }

    /// Passes if no message is gone that was not marked.
    ///
    /// # Errors
    /// [`Stop::Fail`] naming each that is; [`Stop::Inconclusive`] where the server announces that it removes old
    /// mail by itself.
    pub(crate) fn require_unmarked_kept(
        &self,
        later: &Self,
        marked: &[u64],
        lab: &Lab,
        what: &str,
    ) -> Outcome {
        let missing = self.missing(later, marked);
        if missing.unmarked.is_empty() {
            return Ok(());
        }
        let gone: Vec<String> = missing.unmarked.iter().map(|held| held.told()).collect();
        let seen = format!("{what}, and unmarked mail is gone: {}", gone.join("; "));
        match retention(lab) {
            Some(days) => inconclusive(format!("{seen}; but the server announces EXPIRE {days}")),
            None => fail(seen),
        }
    }

    /// Passes if all marked messages are gone.
    ///
    /// # Errors
    /// [`Stop::Fail`] naming each that is still there.
    pub(crate) fn require_marked_gone(&self, later: &Self, marked: &[u64], what: &str) -> Outcome {
        let gone: BTreeSet<u64> = self.missing(later, marked).marked.iter().map(|held| held.number).collect();
        let still: Vec<String> = self
            .messages
            .iter()
            .filter(|held| marked.contains(&held.number) && !gone.contains(&held.number))
            .map(Held::told)
            .collect();
        if still.is_empty() {
            return Ok(());
        }
        fail(format!("{what}, and what was marked is still there: {}", still.join("; ")))
    }

    /// The messages of both listings in pairs, by content; copies are left out.
    pub(crate) fn pairs<'a>(&'a self, later: &'a Self) -> Vec<(&'a Held, &'a Held)> {
        let alone = |among: &Self, marker: &Marker| {
            among.messages.iter().filter(|held| held.marker == *marker).count() == 1
        };
        self.messages
            .iter()
            .filter(|held| alone(self, &held.marker) && alone(later, &held.marker))
            .filter_map(|held| {
                later.messages.iter().find(|other| other.marker == held.marker).map(|other| (held, other))
            })
            .collect()
    }
}

/// The message numbers of a listing, whatever else is in its lines.
///
/// # Errors
/// [`Stop::Inconclusive`] if it is too long to be kept whole.
pub(crate) fn numbers(reply: &Reply) -> Result<BTreeSet<u64>, Stop> {
    reply.whole()?;
    let first = |line: &[u8]| {
        let word = line.split(|octet| *octet == b' ').find(|word| !word.is_empty());
        word.and_then(proto::number)
    };
    Ok(reply.lines().into_iter().filter_map(first).collect())
}

/// The highest message number that LIST gives; 0 for an empty maildrop.
///
/// # Errors
/// [`Stop::Inconclusive`] if LIST is refused.
pub(crate) async fn highest(session: &mut Session) -> Result<u64, Stop> {
    Ok(numbers(&session.assume_ok("LIST").await?)?.last().copied().unwrap_or_default())
}

/// The head of a message, or the whole of it where there is no TOP.
///
/// # Errors
/// [`Stop::Inconclusive`] if it is refused.
async fn head(session: &mut Session, lab: &Lab, number: u64) -> Result<Reply, Stop> {
    if lab.survey().has_top {
        session.assume_ok(format!("TOP {number} 0")).await
    } else {
        session.assume_ok(format!("RETR {number}")).await
    }
}

/// The days of an announced retention policy. EXPIRE 0 is none: it concerns what was retrieved (RFC 2449 section
/// 6.7).
fn retention(lab: &Lab) -> Option<&str> {
    let survey = lab.survey();
    let expire = survey.session_capability("EXPIRE").or_else(|| survey.capability("EXPIRE"))?;
    let days = expire.parameters.first()?;
    days.parse::<u32>().is_ok_and(|days| days > 0).then_some(days.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildrop(names: &[(&str, &str)]) -> Maildrop {
        let held = |(index, (name, id)): (usize, &(&str, &str))| Held {
            number: index as u64 + 1,
            unique_id: Some(id.as_bytes().to_vec()),
            marker: Marker::new(*name, 1, b""),
        };
        Maildrop { messages: names.iter().enumerate().map(held).collect(), foreign: None }
    }

    fn said(outcome: Outcome) -> String {
        match outcome {
            Err(Stop::Fail(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_marked_message_and_another_are_told_apart_and_named() {
        let before = maildrop(&[("a", "id-a"), ("b", "id-b"), ("c", "id-c")]);
        let later = maildrop(&[("b", "id-b"), ("c", "id-c")]);
        assert_eq!(
            said(before.require_whole(&later, &[1], "DELE 1 and no QUIT")),
            "DELE 1 and no QUIT, and of 3 messages 2 are left; gone: message 1 (unique-id `id-a`, `a`), which was marked"
        );
        let later = maildrop(&[("a", "id-a"), ("c", "id-c")]);
        assert!(
            said(before.require_whole(&later, &[1], "x"))
                .ends_with("(unique-id `id-b`, `b`), which was not marked")
        );
        assert!(
            said(before.require_marked_gone(&later, &[1], "x"))
                .ends_with("message 1 (unique-id `id-a`, `a`)")
        );
    }

    #[test]
    fn unique_ids_that_are_positions_lose_no_message() {
        let before = maildrop(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let later = maildrop(&[("b", "1"), ("c", "2")]);
        assert!(before.missing(&later, &[1]).unmarked.is_empty());
        assert_eq!(before.require_marked_gone(&later, &[1], "x"), Ok(()));
        let (b, moved) = before.pairs(&later)[0];
        assert_eq!((b.unique_id.as_deref(), moved.unique_id.as_deref()), (Some(&b"2"[..]), Some(&b"1"[..])));
    }

    #[test]
    fn of_two_copies_the_marked_one_is_the_missing_one() {
        let before = maildrop(&[("a", "1"), ("a", "2")]);
        let later = maildrop(&[("a", "2")]);
        let missing = before.missing(&later, &[1]);
        assert_eq!(missing.marked.len(), 1);
        assert!(missing.unmarked.is_empty());
        assert!(before.pairs(&later).is_empty());
    }
}

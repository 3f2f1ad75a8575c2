//! Where poplab's own messages are: which number a fixture has in the session at hand.
//!
//! Numbers are a session's own (RFC 1939 section 5): what the first look has seen is a guess, which the head of the message
//! confirms or not. Deliberately judges no more than that another message came than the one that was asked for.

use std::collections::BTreeMap;

use mail::{Fixture, Marker, Role};

use super::Lab;
use crate::accounts::Account;
use crate::outcome::{Judged, Mishap, Stop, fail, inconclusive, skipped};
use crate::reply::Reply;
use crate::session::Session;

/// Heads looked at for a message that is not where it was. Poplab seeds fewer; a maildrop with more is somebody's, and is
/// not read through.
const HEADS_AT_MOST: usize = 200;

/// A logged-in session and the number of the fixture it was opened for.
pub struct Placed {
    /// The session.
    pub session: Session,
    /// The message number of the (first) fixture.
    pub number: u64,
    /// The fixture as poplab made it.
    pub fixture: Fixture,
}

impl Lab {
    /// A session in a maildrop that holds this fixture.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if no maildrop holds it.
    pub async fn fixture(&self, name: &str) -> Result<Placed, Stop> {
        let absent = |user: &str| {
            format!("the fixture `{name}` is not in the maildrop of `{user}`; `poplab seed` puts it there")
        };
        let account = self.account(Role::Fixtures).await?;
        if !self.survey().fixtures.contains_key(&account.user) {
            return inconclusive(format!(
                "the first look could not look through the maildrop of `{}` for fixtures",
                account.user
            ));
        }
        if self.number_of(&account, name).is_none() {
            return skipped(absent(&account.user));
        }
        let mut session = self.login(Role::Fixtures).await?;
        // Not always the same: a maildrop that stays busy is left for another.
        let account = session.account()?;
        let Some(surveyed) = self.number_of(&account, name) else { return skipped(absent(&account.user)) };
        let fixture = self.made(name)?;
        let number = match self.bears(&mut session, surveyed, name).await? {
            Some(false) => self.present_number(&mut session, &fixture).await?,
            _ => Some(surveyed),
        };
        match number {
            Some(number) => Ok(Placed { session, number, fixture }),
            None => inconclusive(format!(
                "the fixture `{name}` was in the maildrop of `{}` before, and is not there any more",
                account.user
            )),
        }
    }

    /// The number of a fixture in an account's maildrop, as surveyed. Another session may number its messages otherwise:
    /// see `Lab::numbers`.
    pub fn number_of(&self, account: &Account, name: &str) -> Option<u64> {
        self.survey().fixtures.get(&account.user)?.get(name).copied()
    }

    /// The numbers that poplab's messages have in this session, by name: as surveyed, if the heads of some of them are where
    /// they were, or else by the heads of all.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if they cannot be looked at.
    pub(crate) async fn numbers(&self, session: &mut Session) -> Result<BTreeMap<String, u64>, Stop> {
        let account = session.account()?;
        let Some(surveyed) = self.survey().fixtures.get(&account.user).cloned() else {
            return Ok(BTreeMap::new());
        };
        let by_number: BTreeMap<u64, &String> =
            surveyed.iter().map(|(name, number)| (*number, name)).collect();
        let ends = [by_number.first_key_value(), by_number.last_key_value()];
        for (number, name) in ends.into_iter().flatten() {
            if self.bears(session, *number, name).await? == Some(false) {
                return self.by_heads(session).await;
            }
        }
        Ok(surveyed)
    }

    /// The ordinary messages of poplab's in this session: numbers and names.
    ///
    /// # Errors
    /// Those of [`Lab::numbers`].
    pub(crate) async fn ordinary(&self, session: &mut Session) -> Result<Vec<(u64, String)>, Stop> {
        let numbers = self.numbers(session).await?.into_iter();
        let ordinary = numbers.filter(|(name, _)| !name.starts_with("fx."));
        let mut ordinary: Vec<(u64, String)> = ordinary.map(|(name, number)| (number, name)).collect();
        ordinary.sort_unstable();
        Ok(ordinary)
    }

    /// Whether the head of a message bears this name; `None` if it bears none, or cannot be looked at alone.
    async fn bears(&self, session: &mut Session, number: u64, name: &str) -> Result<Option<bool>, Stop> {
        if !self.survey().has_top {
            return Ok(None);
        }
        let head = session.command(format!("TOP {number} 0")).await?;
        let marker = Marker::parse(head.octets()).filter(|_| head.is_ok());
        Ok(marker.map(|marker| marker.fixture == name))
    }

    /// The first message of each name, by the heads of all messages.
    async fn by_heads(&self, session: &mut Session) -> Result<BTreeMap<String, u64>, Stop> {
        let mut found = BTreeMap::new();
        for (number, _) in session.assume_ok("LIST").await?.scan_listing()?.into_iter().take(HEADS_AT_MOST) {
            if let Some(marker) = self.marker(session, number).await? {
                found.entry(marker.fixture).or_insert(number);
            }
        }
        Ok(found)
    }

    /// What the head of a message says that it is.
    async fn marker(&self, session: &mut Session, number: u64) -> Result<Option<Marker>, Stop> {
        let head = if self.survey().has_top { format!("TOP {number} 0") } else { format!("RETR {number}") };
        let head = session.command(head).await?;
        let marker = Marker::parse(head.octets()).filter(|_| head.is_ok());
        Ok(marker.filter(|marker| marker.seed == self.site.seed))
    }

    /// RETR of a fixture, be it refused. Where another message came, since others have come or gone in the meantime, it is
    /// looked for and fetched by its present number, which is told too.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it is not there any more; [`Stop::Fail`] if the head of a message is that of the fixture
    /// and its RETR brings another one, or none with an end: that is what wrong dots lead to.
    pub(crate) async fn retrieved(
        &self,
        session: &mut Session,
        number: u64,
        fixture: &Fixture,
    ) -> Result<(u64, Reply), Stop> {
        let reply = whole(session.command(format!("RETR {number}")).await)?;
        let Some(now) = self.moved(session, number, fixture, &reply).await? else {
            return Ok((number, reply));
        };
        let reply = whole(session.command(format!("RETR {now}")).await)?;
        match another(&reply, fixture) {
            None => Ok((now, reply)),
            Some(came) => fail(format!(
                "the head of message {now} is that of `{}`, and RETR {now} gave `{came}`",
                fixture.name
            )),
        }
    }

    /// Where a fixture is now, if another message came in its place. A reply without a marker may be the fixture, damaged,
    /// unless that is found elsewhere.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if another message came and the fixture is not there any more.
    pub(crate) async fn moved(
        &self,
        session: &mut Session,
        number: u64,
        fixture: &Fixture,
        reply: &Reply,
    ) -> Result<Option<u64>, Stop> {
        if !reply.is_ok() || !fixture.marked {
            return Ok(None);
        }
        match Marker::parse(reply.octets()) {
            Some(marker) if marker.fixture == fixture.name => Ok(None),
            Some(marker) => match self.present_number(session, fixture).await? {
                Some(now) => Ok(Some(now)),
                None => inconclusive(format!(
                    "`{}` gave `{}`; `{}`, which was there before, is not in the maildrop any more",
                    reply.command, marker.fixture, fixture.name
                )),
            },
            None => {
                let now = self.present_number(session, fixture).await.ok().flatten();
                Ok(now.filter(|now| *now != number))
            }
        }
    }

    /// The number that a fixture has in this session, by the heads of all messages.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if they cannot be looked at.
    pub(crate) async fn present_number(
        &self,
        session: &mut Session,
        fixture: &Fixture,
    ) -> Result<Option<u64>, Stop> {
        for (number, _) in session.assume_ok("LIST").await?.scan_listing()?.into_iter().take(HEADS_AT_MOST) {
            if self.marker(session, number).await?.is_some_and(|marker| marker.fixture == fixture.name) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The fixture as poplab made it.
    ///
    /// # Errors
    /// [`Stop::Skipped`] for an unknown name.
    pub fn made(&self, name: &str) -> Result<Fixture, Stop> {
        let seed = self.site.seed;
        if name == "fx.large" {
            return Ok(mail::large(seed));
        }
        match self.site.corpus(seed).iter().find(|fixture| fixture.name == name) {
            Some(fixture) => Ok(fixture.clone()),
            None => skipped(format!("the corpus has no fixture `{name}`")),
        }
    }
}

/// The reply to a retrieval. One without end is a failure.
fn whole(reply: Result<Reply, Mishap>) -> Result<Reply, Stop> {
    match reply {
        endless @ Err(Mishap::Unterminated { .. }) => endless.judged(),
        reply => Ok(reply?),
    }
}

/// The name that the message that came bears, if that is not this fixture's. One without a marker may be the fixture,
/// damaged.
fn another(reply: &Reply, fixture: &Fixture) -> Option<String> {
    let marker = Marker::parse(reply.octets()).filter(|_| reply.is_ok() && fixture.marked)?;
    (marker.fixture != fixture.name).then_some(marker.fixture)
}

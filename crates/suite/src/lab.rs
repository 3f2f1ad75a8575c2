//! What a check is given: connections, logins, fixtures, and mail that may be deleted.
//!
//! Every method that leads up to the point of a check ends in [`Stop::Inconclusive`] or [`Stop::Skipped`] when it
//! cannot; a lab never judges. Accounts lent to a check come back when the lab is dropped.

mod connections;
mod deletable;
mod logins;
mod operations;

pub(crate) use connections::line_in_clear;
pub(crate) use operations::ON_ITS_WAY;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mail::{Fixture, Marker, Role};
use tokio::time::Instant;

use crate::accounts::Account;
use crate::journal::Journal;
use crate::outcome::{Judged, Mishap, Stop, fail, inconclusive, skipped};
use crate::pool::Lent;
use crate::reply::Reply;
use crate::session::{Farewells, Session, farewell};
use crate::site::{Site, Survey};

/// No more time than this is spent on doing the same again.
const REPEATING: Duration = Duration::from_secs(20);

/// The surroundings of one check at one entrance.
pub struct Lab {
    site: Rc<Site>,
    name: String,
    journal: Journal,
    lent: RefCell<Vec<Lent>>,
    /// Sessions it let go that have to be ended all the same.
    farewells: Farewells,
    /// Users whose accounts it has had.
    users: RefCell<Vec<String>>,
    /// Users whose accounts it shall have only if there are no others.
    avoided: Vec<String>,
    source: Option<u8>,
    dials: Cell<u8>,
    nonces: Cell<u32>,
    /// The time spent waiting for accounts that others had, and for commands of the user's.
    waited: Cell<Duration>,
    waiting: Cell<Option<Instant>>,
    /// It had something done beside POP3.
    operated: Cell<bool>,
}

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
    /// A lab for the check of this name. With a `source` every connection comes from a loopback address of its own
    /// in 127.(100 + source): servers slow an address down after a failed login, and should slow down nobody else.
    pub fn new(site: Rc<Site>, name: &str, source: Option<u8>) -> Self {
        let journal = Journal::new(&format!("check {name}"), site.seed, site.pool.secrets());
        Self {
            site,
            name: name.to_owned(),
            journal,
            lent: RefCell::default(),
            farewells: Farewells::default(),
            users: RefCell::default(),
            avoided: Vec::new(),
            source,
            dials: Cell::new(0),
            nonces: Cell::new(0),
            waited: Cell::new(Duration::ZERO),
            waiting: Cell::new(None),
            operated: Cell::new(false),
        }
    }

    /// The same, with other accounts than those of these users if there are any.
    pub(crate) fn avoiding(site: Rc<Site>, name: &str, source: Option<u8>, users: &[String]) -> Self {
        Self { avoided: users.to_vec(), ..Self::new(site, name, source) }
    }

    /// Whose accounts it has had.
    pub(crate) fn users(&self) -> Vec<String> {
        self.users.borrow().clone()
    }

    /// Ends with QUIT, and without asking what comes of it, the sessions that were let go where a lock outlives its
    /// connection: the next check would find the maildrop busy.
    pub(crate) async fn farewell(&self) {
        let farewells = self.farewells.take();
        for wire in farewells {
            farewell::say(wire, self.site.patience).await;
        }
    }

    /// How long it has waited for accounts that others had.
    pub(crate) fn waited(&self) -> Duration {
        self.waited.get() + self.waiting.get().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// A lab that goes on in another's journal, with what has become known of the entrance since.
    pub(crate) fn continuing(site: Rc<Site>, lab: &Lab) -> Self {
        Self {
            journal: lab.journal.clone(),
            farewells: Rc::clone(&lab.farewells),
            ..Self::new(site, &lab.name, lab.source)
        }
    }

    /// The entrance and what is known of it.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// What the survey found.
    pub fn survey(&self) -> &Survey {
        &self.site.survey
    }

    /// The journal of this check.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A nonce that follows from the seed, the check and how many were asked for.
    pub fn nonce(&self) -> String {
        let count = self.nonces.replace(self.nonces.get() + 1);
        mail::digest(format!("{}/{}/{count}", self.site.seed, self.name).as_bytes())[..24].to_owned()
    }

    /// How often something is repeated that takes so many answers each time: at a slow server only as often as fits into some
    /// seconds.
    pub(crate) fn as_often(&self, often: usize, answers: u32) -> usize {
        let each = self.survey().round_trip.as_nanos() * u128::from(answers);
        let fits = REPEATING.as_nanos().checked_div(each).and_then(|times| usize::try_from(times).ok());
        fits.map_or(often, |times| times.clamp(1, often.max(1)))
    }

    /// A session in a maildrop of role `fixtures` that holds at least this many messages; any mail will do.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if the maildrop holds fewer.
    pub async fn mail(&self, at_least: u64) -> Result<Session, Stop> {
        let mut session = self.login(Role::Fixtures).await?;
        let count = match session.assume_ok("STAT").await?.totals() {
            Ok((count, _)) => count,
            // That is `rfc1939.stat.format`'s to judge, which needs such a session itself.
            Err(_) => session.assume_ok("LIST").await?.scan_listing()?.len() as u64,
        };
        if count < at_least {
            return skipped(format!("the maildrop holds {count} messages, {at_least} are needed"));
        }
        Ok(session)
    }

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
        let session = self.login(Role::Fixtures).await?;
        // Not always the same: a maildrop that stays busy is left for another.
        let account = session.account()?;
        let Some(number) = self.number_of(&account, name) else { return skipped(absent(&account.user)) };
        let fixture = self.made(name)?;
        Ok(Placed { session, number, fixture })
    }

    /// The number of a fixture in an account's maildrop, as surveyed.
    pub fn number_of(&self, account: &Account, name: &str) -> Option<u64> {
        self.survey().fixtures.get(&account.user)?.get(name).copied()
    }

    /// The ordinary messages of poplab's in an account's maildrop, as surveyed: numbers and names.
    pub(crate) fn ordinary(&self, account: &Account) -> Vec<(u64, String)> {
        let known = self.survey().fixtures.get(&account.user).into_iter().flatten();
        let ordinary = known.filter(|(name, _)| !name.starts_with("fx."));
        let mut ordinary: Vec<(u64, String)> =
            ordinary.map(|(name, number)| (*number, name.clone())).collect();
        ordinary.sort_unstable();
        ordinary
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
        for (number, _) in session.assume_ok("LIST").await?.scan_listing()? {
            let head =
                if self.survey().has_top { format!("TOP {number} 0") } else { format!("RETR {number}") };
            let head = session.command(head).await?;
            if head.is_ok()
                && Marker::parse(head.octets()).is_some_and(|marker| marker.fixture == fixture.name)
            {
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

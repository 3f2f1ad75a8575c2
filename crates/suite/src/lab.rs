//! What a check is given: connections, logins, fixtures, and mail that may be deleted.
//!
//! Every method that leads up to the point of a check ends in [`Stop::Inconclusive`] or [`Stop::Skipped`] when it
//! cannot; a lab never judges. Accounts lent to a check come back when the lab is dropped.

mod connections;
mod deletable;
mod fixtures;
mod logins;
mod operations;

pub(crate) use connections::line_in_clear;
pub use fixtures::Placed;
pub(crate) use operations::ON_ITS_WAY;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

use crate::deletion::RefusedArguments;
use crate::journal::Journal;
use crate::outcome::{Stop, skipped};
use crate::pool::Lent;
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
    /// By what no message of a maildrop could be retrieved.
    refused: RefusedArguments,
    /// It had something done beside POP3.
    operated: Cell<bool>,
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
            refused: RefusedArguments::default(),
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
}

//! What all sessions of one worker share. One thread, so `Rc` and cells; nothing is borrowed across an await.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail::load::Verifier;
use net::{Alarm, Dialer, TlsTarget};
use scenario::{Accounts, Behaviour, Mode, Scenario, Secret, Versions, Weighted};
use tokio::time::Instant;
use transcript::Secrets;

use crate::budget::Demand;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::session::{ENTRY, Listed, Memory, Room, Trail};
use crate::{Assignment, Behaviours};

use super::Agenda;

/// How many sessions that stay until the plan's end leave in a second.
const LEAVING_PER_S: f64 = 5_000.0;

/// What the listings of all sessions of a worker may hold at least, octets, whatever the scenario expects.
pub(crate) const ROOM: usize = 48 * 1024 * 1024;

/// Most listings and verifiers that wait to be used again.
const KEPT: usize = 64;

/// The worker as its sessions see it.
pub(crate) struct Context {
    pub(crate) assignment: Assignment,
    pub(crate) plan: Plan,
    pub(crate) custom: Behaviours,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) trail: RefCell<Trail>,
    /// What the users of leave-on-server behaviours remember, by user and device.
    pub(crate) memories: RefCell<HashMap<(u64, u32), Memory>>,
    /// What the sessions' listings and the users' memories may hold together.
    pub(crate) room: Room,
    /// How many messages each maildrop has at least, where they were seeded and nobody deletes any.
    pub(crate) seeded: Option<u64>,
    /// How long it takes until all who stay until the plan's end have left.
    pub(crate) leaving: Duration,
    /// What is open now has had its time: the plan's and the one that is given after it.
    pub(crate) overdue: Cell<bool>,
    /// The plan's end, nanoseconds since its start.
    pub(crate) end_ns: u64,
    /// The waits that are nearly over; `None` on a virtual clock, where every wait ends at its moment.
    pub(crate) agenda: Option<Agenda>,
    /// Made when the first session is to be shown: most runs show few of their sessions, and many accounts make many.
    secrets: OnceCell<Secrets>,
    start: Instant,
    dialer: Dialer,
    /// What to ask for in handshakes; an error if no certificate can bear the server's name.
    name: Result<TlsTarget, String>,
    /// The dialers of users that resume, each with a memory for one TLS session.
    resuming: RefCell<HashMap<u64, Dialer>>,
    next_source: Cell<usize>,
    buffer: Cell<Vec<u8>>,
    #[expect(clippy::vec_box, reason = "boxed in the sessions, most of which have none")]
    listings: RefCell<Vec<Box<Listed>>>,
    #[expect(clippy::vec_box, reason = "boxed in the sessions, most of which have none")]
    verifiers: RefCell<Vec<Box<Verifier>>>,
}

impl Context {
    pub(crate) fn new(
        assignment: Assignment,
        dialer: Dialer,
        alarm: Option<Alarm>,
        custom: Behaviours,
        start: Instant,
    ) -> Context {
        let scenario = &assignment.scenario;
        let versions = match scenario.tls.versions {
            Versions::Any => net::Versions::Any,
            Versions::Tls12 => net::Versions::Only12,
            Versions::Tls13 => net::Versions::Only13,
        };
        Context {
            plan: Plan::new(scenario, assignment.seed),
            recorder: RefCell::new(Recorder::new(scenario.behaviours.len(), scenario.samples.bad_per_kind)),
            trail: RefCell::new(Trail::new()),
            room: Room::of(expected_room(&assignment).max(ROOM)),
            seeded: seeded(scenario),
            overdue: Cell::new(false),
            leaving: leaving(scenario),
            end_ns: nanoseconds(scenario.duration()),
            name: TlsTarget::new(&assignment.server_name, versions).map_err(|error| error.to_string()),
            assignment,
            custom,
            memories: RefCell::default(),
            agenda: alarm.map(|alarm| Agenda::new(alarm, start)),
            secrets: OnceCell::new(),
            start,
            dialer,
            resuming: RefCell::default(),
            next_source: Cell::new(0),
            buffer: Cell::default(),
            listings: RefCell::default(),
            verifiers: RefCell::default(),
        }
    }

    /// The passwords of all accounts, which nothing that leaves the worker may show.
    pub(crate) fn secrets(&self) -> &Secrets {
        self.secrets.get_or_init(|| {
            let secrets = Secrets::new();
            match &self.scenario().accounts {
                Accounts::List(list) => {
                    secrets.add_names(list.iter().map(|account| &account.user));
                    secrets.add_all(list.iter().map(|account| account.password.reveal()));
                }
                Accounts::Pattern { password, .. } => secrets.add_all(password.iter().map(Secret::reveal)),
            }
            secrets
        })
    }

    /// Nanoseconds since the start of the plan; 0 before it.
    pub(crate) fn clock(&self) -> u64 {
        nanoseconds(Instant::now().saturating_duration_since(self.start))
    }

    /// The moment so many nanoseconds after the start of the plan.
    pub(crate) fn moment(&self, at_ns: u64) -> Instant {
        self.start + Duration::from_nanos(at_ns)
    }

    pub(crate) fn scenario(&self) -> &Scenario {
        &self.assignment.scenario
    }

    /// The behaviour of this index, with what belongs to it.
    pub(crate) fn weighted(&self, behaviour: u16) -> &Weighted {
        &self.scenario().behaviours[usize::from(behaviour)]
    }

    /// Whether users of this behaviour may delete; those of the user's own may.
    pub(crate) fn deletes(&self, behaviour: u16) -> bool {
        deletes(&self.weighted(behaviour).behaviour)
    }

    /// How a user connects.
    pub(crate) fn mode(&self, user: u64) -> Mode {
        self.plan.mode(self.scenario(), user, !self.assignment.targets.implicit.is_empty())
    }

    /// Where a user connects to; `None` if the assignment has no such entrance.
    pub(crate) fn target(&self, user: u64, mode: Mode) -> Option<SocketAddr> {
        let targets = &self.assignment.targets;
        let list = if mode == Mode::Implicit { &targets.implicit } else { &targets.clear };
        let place = user.checked_rem(list.len() as u64)?;
        list.get(usize::try_from(place).ok()?).copied()
    }

    /// The next address to connect from, if the assignment has any.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        let sources: &[IpAddr] = &self.assignment.sources;
        let place = self.next_source.get();
        let source = *sources.get(place)?;
        self.next_source.set((place + 1) % sources.len());
        Some(SocketAddr::new(source, 0))
    }

    /// What a handshake asks for.
    pub(crate) fn tls_target(&self) -> Result<TlsTarget, String> {
        self.name.clone()
    }

    /// The dialer of a user.
    pub(crate) fn dialer(&self, user: u64) -> Dialer {
        if self.plan.resumes(self.scenario(), user) {
            self.resuming.borrow_mut().entry(user).or_insert_with(|| self.dialer.resuming_one()).clone()
        } else {
            self.dialer.clone()
        }
    }

    /// The buffer for a command line, empty. To be given back; a second one at the same time is allocated.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.buffer.take()
    }

    pub(crate) fn return_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffer.set(buffer);
    }

    pub(crate) fn listing(&self) -> Box<Listed> {
        let listing: Box<Listed> = self.listings.borrow_mut().pop().unwrap_or_default();
        self.room.adjust(0, listing.memory());
        listing
    }

    pub(crate) fn return_listing(&self, mut listing: Box<Listed>) {
        self.room.adjust(listing.memory(), 0);
        let mut waiting = self.listings.borrow_mut();
        if waiting.len() < KEPT && listing.clear() {
            waiting.push(listing);
        }
    }

    pub(crate) fn verifier(&self) -> Box<Verifier> {
        self.verifiers.borrow_mut().pop().unwrap_or_else(|| Box::new(Verifier::new()))
    }

    pub(crate) fn return_verifier(&self, verifier: Box<Verifier>) {
        let mut waiting = self.verifiers.borrow_mut();
        if waiting.len() < KEPT {
            waiting.push(verifier);
        }
    }
}

/// At a pace that two cores can go, and within half of the time that is given after the plan's end.
fn leaving(scenario: &Scenario) -> Duration {
    let at_most = scenario.timeouts.session.unwrap_or(scenario.timeouts.reply) / 2;
    Duration::from_secs_f64(scenario.planned_sessions() as f64 / LEAVING_PER_S).min(at_most)
}

/// Twice what listings and memories need if the maildrops hold what the scenario says.
fn expected_room(assignment: &Assignment) -> usize {
    let scenario = &assignment.scenario;
    let messages = scenario.mail.as_ref().map_or(0, |mail| u64::from(mail.messages));
    let workers = u64::from(assignment.workers.max(1));
    let sessions = Demand::of(scenario, &assignment.targets).worst_sessions.div_ceil(workers);
    let users = scenario.accounts_count().min(scenario.planned_sessions()).div_ceil(workers);
    let listed = messages.saturating_mul(sessions).saturating_mul(ENTRY as u64);
    let remembered = messages.saturating_mul(users).saturating_mul(8);
    usize::try_from(listed.saturating_add(remembered).saturating_mul(2)).unwrap_or(usize::MAX)
}

fn deletes(behaviour: &Behaviour) -> bool {
    matches!(behaviour, Behaviour::DownloadAndDelete | Behaviour::Custom(_))
}

/// Behaviours of the user's own may delete.
fn seeded(scenario: &Scenario) -> Option<u64> {
    let mail = scenario.mail.as_ref()?;
    let kept =
        !scenario.behaviours.iter().any(|weighted| weighted.weight > 0.0 && deletes(&weighted.behaviour));
    kept.then_some(mail.messages.into())
}

/// Whole nanoseconds, as many as fit: five hundred years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! The plan: which user begins which session when, and what the user is like. A pure function of scenario and seed.
//!
//! Nothing here depends on timing or on the number of workers: a worker walks through the whole stream of arrivals
//! and keeps its own. Nothing is stored by user either: permutations are computed ([`Permutation`]), so that a
//! million accounts cost nothing.
//!
//! Open loop: users take turns in a seeded order; a user's n-th turn is the visit n. Closed loop: each of the N
//! slots owns the users whose place in that order is `slot` modulo N, and begins one session after the other.

mod arrivals;
mod permutation;

use chance::Chance;
use scenario::{Mode, Scenario};

pub use arrivals::{Arrival, Stream};
pub use permutation::Permutation;

/// Which use a seeded order has; part of its seed, so that the orders have nothing to do with each other.
const TURNS: u64 = 1;
const BEHAVIOURS: u64 = 2;
const MODES: u64 = 3;
const RESUMPTION: u64 = 4;
pub(crate) const GAPS: u64 = 5;
const GOOD: u64 = 6;
const SESSION: u64 = 7;
const REMEMBERED: u64 = 8;

/// What a scenario's users do and when. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    users: u64,
    turns: Permutation,
    behaviours: Permutation,
    modes: Permutation,
    resumption: Permutation,
    /// Numbers of the arrivals whose sessions are recorded as good samples, ascending.
    good: Vec<u64>,
    /// Slots of a closed loop; `None` in an open one.
    slots: Option<u64>,
}

impl Plan {
    /// The plan of a scenario with this seed.
    pub fn new(scenario: &Scenario, seed: u64) -> Plan {
        let users = scenario.accounts_count().max(1);
        let order = |purpose| Permutation::new(users, seed, purpose);
        let planned = scenario.planned_sessions();
        let mut chance = Chance::of(&[seed, GOOD]);
        let mut good: Vec<u64> = (0..scenario.samples.good).map(|_| chance.below(planned.max(1))).collect();
        good.sort_unstable();
        good.dedup();
        let slots = match scenario.arrivals {
            scenario::Arrivals::Closed { sessions, .. } => Some(sessions.min(users)),
            scenario::Arrivals::Open { .. } => None,
        };
        Plan {
            seed,
            users,
            turns: order(TURNS),
            behaviours: order(BEHAVIOURS),
            modes: order(MODES),
            resumption: order(RESUMPTION),
            good,
            slots,
        }
    }

    /// How many users there are.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// The arrivals of an open loop in the order of their times, those of all workers; none in a closed loop.
    pub fn arrivals<'a>(&self, scenario: &'a Scenario) -> Stream<'a> {
        Stream::new(&scenario.arrivals, self.users, self.turns, self.seed)
    }

    /// Which worker a user belongs to.
    pub fn worker(&self, user: u64, workers: u32) -> u32 {
        let number = match self.slots {
            Some(slots) => self.turns.place(user) % slots,
            None => user,
        };
        (number % u64::from(workers.max(1))) as u32
    }

    /// How many sessions a closed loop has at once: no more than users, since an account has one session at a time.
    /// `None` in an open loop.
    pub fn slots(&self) -> Option<u64> {
        self.slots
    }

    /// The `n`-th session of a slot: user and visit.
    pub fn turn(&self, slot: u64, n: u64) -> (u64, u32) {
        let slots = self.slots.unwrap_or(1).max(1);
        let own = (self.users - 1 - slot.min(self.users - 1)) / slots + 1;
        (self.turns.at(slot + n % own * slots), (n / own) as u32)
    }

    /// The user of a worker whose turn comes last: whoever tries an account before the run tries this one, so that a server
    /// that wants time between two logins has it.
    pub fn last_user(&self, worker: u32, workers: u32) -> u64 {
        let mut users = (0..self.users).rev().map(|place| self.turns.at(place));
        users.find(|user| self.worker(*user, workers) == worker).unwrap_or(0)
    }

    /// What a user does, as an index into the scenario's behaviours. The shares are exact to one user.
    pub fn behaviour(&self, scenario: &Scenario, user: u64) -> usize {
        scenario.behaviour_at(self.share(&self.behaviours, user))
    }

    /// How a user connects. `implicit` says whether there is an entrance with implicit TLS, for `auto`.
    pub fn mode(&self, scenario: &Scenario, user: u64, implicit: bool) -> Mode {
        let auto = if implicit { Mode::Implicit } else { Mode::Starttls };
        scenario.tls.mode.at(self.share(&self.modes, user)).unwrap_or(auto)
    }

    /// Whether a user's TLS sessions resume the one before.
    pub fn resumes(&self, scenario: &Scenario, user: u64) -> bool {
        self.share(&self.resumption, user) < scenario.tls.resumed
    }

    /// Whether the session of this arrival is recorded, to be a sample if all goes well.
    pub fn is_sample(&self, arrival: u64) -> bool {
        self.good.binary_search(&arrival).is_ok()
    }

    /// The numbers drawn within one session: think times, the nonce.
    pub fn chance(&self, user: u64, visit: u32) -> Chance {
        Chance::of(&[self.seed, SESSION, user, u64::from(visit)])
    }

    /// The numbers that decide which messages a user has fetched before the run.
    pub(crate) fn remembered(&self, user: u64) -> Chance {
        Chance::of(&[self.seed, REMEMBERED, user])
    }

    fn share(&self, order: &Permutation, user: u64) -> f64 {
        (order.at(user) as f64 + 0.5) / self.users as f64
    }
}

//! The validated model: what a scenario means, after every word of it was found right.

mod accounts;
mod arrivals;
mod behaviour;
mod threshold;
mod tls;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use accounts::{Accounts, Credentials, Secret, SeededMail};
pub(crate) use accounts::{is_sendable, number_place};
pub use arrivals::{Arrivals, Process, Stage};
pub use behaviour::{Behaviour, Hold, Link, Mechanism, Weighted};
pub use threshold::{Comparison, Limit, Quantile, Subject, Threshold};
pub use tls::{Mode, Modes, Tls, Verify, Versions};

/// One load scenario, complete and valid.
///
/// It serialises for the pipe to the workers, with the passwords in it; it does not belong into a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Short name, for tables and folders.
    pub name: String,
    /// What question it answers, in a sentence or two; may be empty.
    pub description: String,
    /// The seed of everything drawn: arrivals, users, think times, mail.
    pub seed: u64,
    /// `host` or `host:port`; without one the command line's, or the embedded fake server.
    pub target: Option<String>,
    /// The second entrance of the same server, for a mix of TLS modes: `host:port` of the cleartext port.
    pub also: Option<String>,
    /// Who logs in.
    pub accounts: Accounts,
    /// The mail in the maildrops, if poplab seeded it: then content and owner are checked too.
    pub mail: Option<SeededMail>,
    /// When sessions begin.
    pub arrivals: Arrivals,
    /// What users do. Every account has one behaviour for the whole run, drawn by weight.
    pub behaviours: Vec<Weighted>,
    /// How connections are secured.
    pub tls: Tls,
    /// When to give up on the server.
    pub timeouts: Timeouts,
    /// What must hold for the run to succeed.
    pub thresholds: Vec<Threshold>,
    /// How many transcripts are kept.
    pub samples: Samples,
    /// Whether a threshold that can no longer hold ends the run.
    pub stop_early: bool,
}

/// When to give up on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// For the TCP connection and, apart from that, for each TLS handshake.
    pub connect: Duration,
    /// For each reply, counted anew whenever some of it arrives.
    pub reply: Duration,
    /// For a whole session; `None`: as long as it takes.
    pub session: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), reply: Duration::from_secs(30), session: None }
    }
}

/// How many transcripts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Of sessions in which all went well.
    pub good: u32,
    /// Of failed sessions, for each kind of error.
    pub bad_per_kind: u32,
}

impl Default for Samples {
    fn default() -> Self {
        Self { good: 3, bad_per_kind: 3 }
    }
}

impl Scenario {
    /// How many sessions the plan has: for a Poisson process the expected number, which it is also cut or filled to.
    pub fn planned_sessions(&self) -> u64 {
        self.arrivals.planned_sessions()
    }

    /// How long the plan lasts, from its first instant to the last moment at which a session may begin; sessions that
    /// are held "until the end" are held until then.
    pub fn duration(&self) -> Duration {
        self.arrivals.duration()
    }

    /// How many accounts there are.
    pub fn accounts_count(&self) -> u64 {
        self.accounts.count()
    }

    /// The index of the behaviour of a user whose draw is `share` (0 to 1, drawn uniformly once for each user): the one
    /// whose part of the sum of weights it falls into.
    pub fn behaviour_at(&self, share: f64) -> usize {
        pick(self.behaviours.iter().map(|weighted| weighted.weight), share)
    }
}

/// The index that `share` (0 to 1) falls to when the weights are laid end to end.
fn pick(weights: impl Iterator<Item = f64> + Clone, share: f64) -> usize {
    let mut left = share * weights.clone().sum::<f64>();
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        if weight <= 0.0 {
            continue;
        }
        if left < weight {
            return index;
        }
        left -= weight;
        last = index;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_fall_to_behaviours_by_weight() {
        let weights = [50.0, 0.0, 30.0, 20.0, 0.0];
        let picked = |share: f64| pick(weights.into_iter(), share);
        assert_eq!([0.0, 0.49, 0.5, 0.79, 0.8, 0.999, 1.0].map(picked), [0, 0, 2, 2, 3, 3, 3]);
    }

    #[test]
    fn draws_fall_to_ways_into_tls_by_weight() {
        let mix = Modes::Mix(vec![(8.0, Mode::Implicit), (2.0, Mode::Starttls)]);
        assert_eq!([0.1, 0.9].map(|share| mix.at(share)), [Some(Mode::Implicit), Some(Mode::Starttls)]);
        assert_eq!(Modes::Auto.at(0.5), None);
    }
}

//! A scenario made in Rust: the same model as the YAML form gives, for tests and for programs with behaviours of
//! their own ([`Behaviour::Custom`]).
//!
//! ```
//! use std::time::Duration;
//! use scenario::{Behaviour, builder};
//!
//! let scenario = builder::scenario("two kinds of users")
//!     .account_pattern("load{n:05}", 1, 500)
//!     .open(50.0, Duration::from_secs(30))
//!     .behaviour(80.0, Behaviour::Poll)
//!     .behaviour(20.0, Behaviour::LeaveOnServer { remember: 0.9 })
//!     .threshold("login p99 < 250ms")
//!     .build()
//!     .unwrap();
//! assert_eq!(scenario.planned_sessions(), 1500);
//! ```

use std::fmt;
use std::time::Duration;

use chance::Distribution;

use crate::model::{
    Accounts, Arrivals, Behaviour, Credentials, Link, Mechanism, Process, Samples, Scenario, Secret,
    SeededMail, Stage, Threshold, Timeouts, Tls, Weighted,
};

/// Begins a scenario of this name: no accounts, no arrivals, no behaviours yet; all else by default.
pub fn scenario(name: impl Into<String>) -> Builder {
    Builder {
        scenario: Scenario {
            name: name.into(),
            description: String::new(),
            seed: 1,
            target: None,
            also: None,
            accounts: Accounts::List(Vec::new()),
            mail: None,
            arrivals: Arrivals::Open { process: Process::Poisson, stages: Vec::new(), most: None },
            behaviours: Vec::new(),
            tls: Tls::default(),
            timeouts: Timeouts::default(),
            thresholds: Vec::new(),
            samples: Samples::default(),
            stop_early: false,
        },
        think: Distribution::Fixed(0.0),
        link: Link::default(),
        login: Mechanism::default(),
        wrong: Vec::new(),
    }
}

/// A scenario in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    scenario: Scenario,
    think: Distribution,
    link: Link,
    login: Mechanism,
    wrong: Vec<String>,
}

/// All that is wrong with a built scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete(pub Vec<String>);

impl fmt::Display for Incomplete {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the scenario cannot be run: {}", self.0.join("; "))
    }
}

impl std::error::Error for Incomplete {}

impl Builder {
    /// What question the scenario answers.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.scenario.description = text.into();
        self
    }

    /// The seed of everything drawn; 1 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.scenario.seed = seed;
        self
    }

    /// `host` or `host:port`.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.scenario.target = Some(target.into());
        self
    }

    /// Accounts by a pattern with `{n}` or `{n:05}`, with the embedded fake server's passwords.
    pub fn account_pattern(mut self, user: impl Into<String>, first: u64, count: u64) -> Self {
        self.scenario.accounts = Accounts::Pattern { user: user.into(), first, count, password: None };
        self
    }

    /// The password of all accounts of the pattern.
    pub fn password(mut self, shared: impl Into<String>) -> Self {
        match &mut self.scenario.accounts {
            Accounts::Pattern { password, .. } => *password = Some(Secret::new(shared)),
            Accounts::List(_) => self.wrong.push("`password` belongs after `account_pattern`".to_owned()),
        }
        self
    }

    /// One more account by name.
    pub fn account(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        let account = Credentials { user: user.into(), password: Secret::new(password) };
        match &mut self.scenario.accounts {
            Accounts::List(list) => list.push(account),
            pattern @ Accounts::Pattern { .. } => *pattern = Accounts::List(vec![account]),
        }
        self
    }

    /// The mail that was seeded into each maildrop; sizes in octets.
    pub fn mail(mut self, messages: u32, sizes: Distribution) -> Self {
        self.scenario.mail = Some(SeededMail { messages, sizes });
        self
    }

    /// Open loop at a constant rate, after what was said before.
    pub fn open(self, per_s: f64, lasting: Duration) -> Self {
        self.ramp(per_s, per_s, lasting)
    }

    /// Open loop with a rate that rises or falls, after what was said before.
    pub fn ramp(mut self, from_per_s: f64, to_per_s: f64, lasting: Duration) -> Self {
        let stage = Stage { from_per_s, to_per_s, lasting };
        match &mut self.scenario.arrivals {
            Arrivals::Open { stages, .. } => stages.push(stage),
            closed @ Arrivals::Closed { .. } => {
                *closed = Arrivals::Open { process: Process::Poisson, stages: vec![stage], most: None };
            }
        }
        self
    }

    /// How sessions are spread at a given rate; Poisson if not said.
    pub fn process(mut self, wanted: Process) -> Self {
        match &mut self.scenario.arrivals {
            Arrivals::Open { process, .. } => *process = wanted,
            Arrivals::Closed { .. } => self.wrong.push("a closed loop has no process".to_owned()),
        }
        self
    }

    /// No more sessions than this.
    pub fn most(mut self, sessions: u64) -> Self {
        self.scenario.arrivals.set_sessions(sessions);
        self
    }

    /// Closed loop: this many sessions at once, each beginning anew when done.
    pub fn closed(mut self, sessions: u64, lasting: Duration) -> Self {
        self.scenario.arrivals = Arrivals::Closed { sessions, lasting };
        self
    }

    /// The think time, in seconds, of behaviours named after this.
    pub fn think(mut self, seconds: Distribution) -> Self {
        self.think = seconds;
        self
    }

    /// The link of behaviours named after this.
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// The login of behaviours named after this.
    pub fn login(mut self, mechanism: Mechanism) -> Self {
        self.login = mechanism;
        self
    }

    /// One more behaviour with its weight, and the think time, link and login said before it.
    pub fn behaviour(mut self, weight: f64, behaviour: Behaviour) -> Self {
        let (think, link, login) = (self.think.clone(), self.link, self.login);
        self.scenario.behaviours.push(Weighted { weight, behaviour, think, link, login });
        self
    }

    /// How connections are secured.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.scenario.tls = tls;
        self
    }

    /// When to give up on the server.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.scenario.timeouts = timeouts;
        self
    }

    /// How many transcripts are kept.
    pub fn samples(mut self, samples: Samples) -> Self {
        self.scenario.samples = samples;
        self
    }

    /// What must hold, such as `login p99 < 250ms`; steps of custom behaviours may be named.
    pub fn threshold(mut self, text: &str) -> Self {
        match Threshold::parse_any_step(text) {
            Ok(threshold) => self.scenario.thresholds.push(threshold),
            Err(error) => self.wrong.push(format!("threshold `{text}`: {error}")),
        }
        self
    }

    /// Ends the run as soon as a threshold can no longer hold.
    pub fn stop_early(mut self) -> Self {
        self.scenario.stop_early = true;
        self
    }

    /// The finished scenario.
    ///
    /// # Errors
    /// All that is missing or out of range, at once.
    pub fn build(self) -> Result<Scenario, Incomplete> {
        let mut wrong = self.wrong;
        wrong.extend(crate::check::faults(&self.scenario));
        if wrong.is_empty() { Ok(self.scenario) } else { Err(Incomplete(wrong)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_makes_what_the_yaml_form_makes() {
        let text = r#"
name: same
seed: 3
accounts: {pattern: "load{n}", first: 0, count: 5, password: hunter2}
mail: {messages: 2, sizes: 1kB}
arrivals: {stages: [{from: 0/s, to: 5/s, for: 2s}, {rate: 5/s, for: 2s}], process: even, sessions: 9}
think: 1s
behaviours:
  - {behaviour: poll, weight: 2}
  - {behaviour: retrieve, most: 3, weight: 1, link: {latency: 1ms}}
thresholds: [login p99 < 1s]
stop_early: true
"#;
        let read = crate::parse(text, "same.yaml", &|_| None, &|_| Err(String::new()));
        let mut read = read.unwrap_or_else(|problems| panic!("{problems}"));
        read.thresholds[0].place = None;
        let built = scenario("same")
            .seed(3)
            .account_pattern("load{n}", 0, 5)
            .password("hunter2")
            .mail(2, Distribution::Fixed(1000.0))
            .ramp(0.0, 5.0, Duration::from_secs(2))
            .open(5.0, Duration::from_secs(2))
            .process(Process::Even)
            .most(9)
            .think(Distribution::Fixed(1.0))
            .behaviour(2.0, Behaviour::Poll)
            .link(Link { bandwidth: None, latency: Duration::from_millis(1) })
            .behaviour(1.0, Behaviour::Retrieve { most: 3 })
            .threshold("login p99 < 1s")
            .stop_early()
            .build();
        assert_eq!(built, Ok(read));
    }

    #[test]
    fn all_that_is_missing_or_out_of_range_is_told_at_once() {
        let incomplete = scenario("empty").threshold("inbox p99 < soon").build().unwrap_err();
        insta::assert_snapshot!(incomplete);
        let wrong = scenario("wrong")
            .account_pattern("load", 1, 0)
            .open(f64::NAN, Duration::ZERO)
            .think(Distribution::Uniform { low: 5.0, high: 1.0 })
            .link(Link { bandwidth: Some(0), latency: Duration::ZERO })
            .behaviour(-1.0, Behaviour::Devices { count: 0 })
            .behaviour(1.0, Behaviour::LeaveOnServer { remember: 2.0 })
            .tls(Tls { resumed: 1.5, ..Tls::default() })
            .mail(1, Distribution::Histogram(vec![(5.0, 1.0), (1.0, 1.0)]))
            .build()
            .unwrap_err();
        insta::assert_snapshot!(wrong);
    }
}

//! What a scenario will need, estimated from its plan before anything is started.
//!
//! An estimate: how long the server takes is what the run is to find out. So there are two figures, one for a server
//! that answers promptly and one for a server that stands still until the time-outs, and the budget says which is which.

use std::net::IpAddr;
use std::time::Duration;

use scenario::{Behaviour, Hold, Mode, Modes, Scenario, Weighted};

use super::authorisation::is_loopback;
use crate::Targets;
use crate::figures::whole;

/// What a server that is well takes for a whole session, think times and links apart.
const SERVER: Duration = Duration::from_millis(500);

/// Messages of a maildrop about which the scenario says nothing.
const MESSAGES: f64 = 20.0;

/// Octets of such a message.
const MESSAGE_OCTETS: f64 = 13_000.0;

/// What the client's processor needs: for a session without its commands, for a command, for a full TLS handshake.
/// Measured on one core of 2025 and doubled, since estimates of this kind are always too low.
const SESSION_CPU_S: f64 = 60e-6;
const COMMAND_CPU_S: f64 = 15e-6;
const HANDSHAKE_CPU_S: f64 = 400e-6;

/// What a run needs of the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Sessions open at once when the server answers promptly.
    pub peak_sessions: u64,
    /// Sessions open at once when the server stands still at the worst moment, until the time-outs help.
    pub worst_sessions: u64,
    /// The highest rate asked for, sessions per second; 0 in a closed loop.
    pub peak_rate_per_s: f64,
    /// The part of the sessions that use TLS, 0 to 1.
    pub tls: f64,
    /// Cores' worth of processor time at the highest rate.
    pub processors: f64,
    /// Accounts that take part; each has one session at a time.
    pub accounts: u64,
    /// Sessions that the rate would hold at once if there were enough accounts.
    pub wanted_sessions: u64,
    /// Where the server is.
    pub targets: Vec<Target>,
}

/// One entrance of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

impl Demand {
    /// What a scenario needs against these targets.
    pub fn of(scenario: &Scenario, targets: &Targets) -> Self {
        let tls = tls_share(&scenario.tls.mode);
        let accounts = scenario.accounts_count();
        let (planned, rate) = (scenario.planned_sessions(), scenario.arrivals.peak_per_s().unwrap_or(0.0));
        let weights: f64 = scenario.behaviours.iter().map(|weighted| weighted.weight).sum();
        let each = |held: &dyn Fn(&Weighted) -> f64| -> f64 {
            if scenario.arrivals.peak_per_s().is_none() {
                return planned as f64;
            }
            let sessions = scenario.behaviours.iter().map(|weighted| {
                let share = if weights > 0.0 { weighted.weight / weights } else { 0.0 };
                share * (rate * held(weighted)).min(planned as f64)
            });
            sessions.sum()
        };
        let prompt = |weighted: &Weighted| held_s(scenario, weighted);
        let wait = (scenario.timeouts.reply + scenario.timeouts.connect).as_secs_f64();
        let wanted = whole(each(&prompt).ceil()).max(1);
        let worst = whole(each(&|weighted| held_s(scenario, weighted) + wait).ceil()).max(1);
        let commands: f64 = scenario
            .behaviours
            .iter()
            .map(|weighted| weighted.weight / weights.max(f64::MIN_POSITIVE) * commands(scenario, weighted))
            .sum();
        let per_session = SESSION_CPU_S + COMMAND_CPU_S * commands + HANDSHAKE_CPU_S * tls;
        // A closed loop goes as fast as it can.
        let processors = if rate > 0.0 { rate * per_session } else { f64::INFINITY };
        let targets = targets.implicit.iter().chain(&targets.clear);
        Self {
            peak_sessions: wanted.min(accounts).min(planned),
            worst_sessions: worst.min(accounts).min(planned),
            peak_rate_per_s: rate,
            tls,
            processors,
            accounts,
            wanted_sessions: wanted,
            targets: targets.map(|target| Target { address: target.ip(), port: target.port() }).collect(),
        }
    }

    /// Whether the server is on this machine, so that both ends of each session are.
    pub fn is_here(&self) -> bool {
        !self.targets.is_empty() && self.targets.iter().all(|target| is_loopback(target.address))
    }
}

fn tls_share(modes: &Modes) -> f64 {
    let Modes::Mix(mix) = modes else { return 1.0 };
    let sum = |wanted: &dyn Fn(Mode) -> bool| -> f64 {
        mix.iter().filter(|(_, mode)| wanted(*mode)).map(|(weight, _)| *weight).sum()
    };
    let all = sum(&|_| true);
    if all > 0.0 { sum(&|mode| mode != Mode::None) / all } else { 0.0 }
}

/// How long a session of this behaviour is open, seconds.
fn held_s(scenario: &Scenario, weighted: &Weighted) -> f64 {
    let think = weighted.think.mean() * commands(scenario, weighted);
    let latency = weighted.link.latency.as_secs_f64() * (commands(scenario, weighted) + 4.0);
    let line =
        weighted.link.bandwidth.map_or(0.0, |bandwidth| octets(scenario, weighted) / bandwidth.max(1) as f64);
    let hold = match &weighted.behaviour {
        Behaviour::HoldIdle { lasting: Hold::For(duration), .. } => duration.as_secs_f64(),
        Behaviour::HoldIdle { lasting: Hold::UntilEnd, .. } => scenario.duration().as_secs_f64(),
        _ => think,
    };
    SERVER.as_secs_f64() + hold + latency + line
}

/// Commands after the login, QUIT among them.
fn commands(scenario: &Scenario, weighted: &Weighted) -> f64 {
    let messages = messages(scenario);
    match &weighted.behaviour {
        Behaviour::Poll | Behaviour::GiveUpMidRetr { .. } => 2.0,
        Behaviour::WrongPassword => 1.0,
        Behaviour::DownloadAndDelete => 2.0 + 2.0 * messages,
        Behaviour::LeaveOnServer { remember } => 2.0 + messages * (1.0 - remember),
        Behaviour::Devices { count } => 2.0 + messages / f64::from((*count).max(1)),
        Behaviour::HeaderPreview { most, .. } | Behaviour::Retrieve { most } => {
            2.0 + messages.min(f64::from(*most))
        }
        Behaviour::HoldIdle { noop_every, lasting } => {
            let held = match lasting {
                Hold::For(duration) => *duration,
                Hold::UntilEnd => scenario.duration(),
            };
            1.0 + held.as_secs_f64() / noop_every.as_secs_f64().max(0.001)
        }
        Behaviour::Custom(_) => 4.0,
    }
}

/// Octets that come over the line.
fn octets(scenario: &Scenario, weighted: &Weighted) -> f64 {
    let size = scenario.mail.as_ref().map_or(MESSAGE_OCTETS, |mail| mail.sizes.mean());
    match &weighted.behaviour {
        Behaviour::DownloadAndDelete => messages(scenario) * size,
        Behaviour::LeaveOnServer { .. } | Behaviour::Devices { .. } | Behaviour::Retrieve { .. } => {
            commands(scenario, weighted) * size
        }
        Behaviour::HeaderPreview { lines, most } => {
            messages(scenario).min(f64::from(*most)) * (500.0 + 75.0 * f64::from(*lines))
        }
        Behaviour::GiveUpMidRetr { after_octets } => *after_octets as f64,
        Behaviour::Poll | Behaviour::HoldIdle { .. } | Behaviour::WrongPassword | Behaviour::Custom(_) => {
            500.0
        }
    }
}

fn messages(scenario: &Scenario) -> f64 {
    scenario.mail.as_ref().map_or(MESSAGES, |mail| f64::from(mail.messages))
}

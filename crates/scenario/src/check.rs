//! What a scenario must keep, however it was made: in range, nothing missing, nothing that contradicts itself.

use std::time::Duration;

use chance::Distribution;

use crate::model::{Accounts, Arrivals, Behaviour, Hold, Modes, Scenario, Weighted, number_place};

/// The most accounts of a pattern, and the most sessions of a plan, that are taken for meant.
pub(crate) const MOST: u64 = 1_000_000_000;

/// Everything that is wrong, as sentences.
pub(crate) fn faults(scenario: &Scenario) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    accounts(&scenario.accounts, &mut faults);
    arrivals(scenario, &mut faults);
    behaviours(&scenario.behaviours, &mut faults);
    surroundings(scenario, &mut faults);
    faults.0
}

/// What was found wrong.
struct Faults(Vec<String>);

impl Faults {
    fn must(&mut self, holds: bool, sentence: &str) {
        // Several behaviours may lack the same; once is enough.
        if !holds && !self.0.iter().any(|told| told == sentence) {
            self.0.push(sentence.to_owned());
        }
    }
}

fn accounts(accounts: &Accounts, faults: &mut Faults) {
    faults.must(
        accounts.are_sendable(),
        "a name or a password of its accounts has a line end or a NUL in it: what follows would be a command to the \
         server",
    );
    match accounts {
        Accounts::List(list) => faults.must(!list.is_empty(), "it has no accounts"),
        Accounts::Pattern { user, first, count, .. } => {
            faults.must(
                number_place(user).is_some(),
                "the accounts' pattern needs exactly one `{n}` or `{n:05}`",
            );
            faults.must(*count > 0, "the accounts' pattern has a count of 0");
            faults.must(
                *count <= MOST && first.checked_add(*count).is_some(),
                "the accounts' pattern has too many accounts",
            );
        }
    }
}

fn arrivals(scenario: &Scenario, faults: &mut Faults) {
    match &scenario.arrivals {
        Arrivals::Open { stages, most, .. } => {
            let sound = |rate: f64| rate.is_finite() && rate >= 0.0;
            faults.must(!stages.is_empty(), "it has no arrivals");
            faults.must(
                stages.iter().all(|stage| sound(stage.from_per_s) && sound(stage.to_per_s)),
                "a rate of its arrivals is negative or not a number",
            );
            faults.must(
                stages.iter().all(|stage| !stage.lasting.is_zero()),
                "a stage of its arrivals lasts no time",
            );
            let planned = scenario.planned_sessions();
            faults.must(planned > 0 || stages.is_empty(), "its arrivals plan no session");
            faults.must(planned <= MOST, "its arrivals plan more than a thousand million sessions");
            faults.must(*most != Some(0), "it is capped at 0 sessions");
        }
        Arrivals::Closed { sessions, lasting } => {
            faults.must(*sessions > 0, "its closed loop has no sessions");
            faults.must(!lasting.is_zero(), "its closed loop lasts no time");
        }
    }
}

fn behaviours(behaviours: &[Weighted], faults: &mut Faults) {
    faults.must(!behaviours.is_empty(), "it has no behaviours");
    let weights = || behaviours.iter().map(|weighted| weighted.weight);
    faults.must(
        weights().all(|weight| weight.is_finite() && weight >= 0.0),
        "a weight is negative or not a number",
    );
    faults.must(
        behaviours.is_empty() || weights().any(|weight| weight > 0.0),
        "all its behaviours have weight 0",
    );
    for weighted in behaviours {
        faults.must(sound(&weighted.think), "a think time is negative or not a number");
        faults.must(weighted.link.bandwidth != Some(0), "a link has no bandwidth at all");
        match &weighted.behaviour {
            Behaviour::LeaveOnServer { remember } => {
                faults.must(
                    (0.0..=1.0).contains(remember),
                    "`remember` of leave-on-server is a part from 0 to 1",
                );
            }
            Behaviour::Devices { count } => faults.must(*count > 0, "devices has a count of 0"),
            Behaviour::HoldIdle { noop_every, lasting } => {
                faults.must(!noop_every.is_zero(), "hold-idle has no time between its NOOPs");
                faults.must(*lasting != Hold::For(Duration::ZERO), "hold-idle holds for no time");
            }
            _ => {}
        }
    }
}

/// Mail, TLS and timeouts.
fn surroundings(scenario: &Scenario, faults: &mut Faults) {
    if let Some(mail) = &scenario.mail {
        faults.must(sound(&mail.sizes), "the sizes of its mail are negative or not numbers");
    }
    faults.must((0.0..=1.0).contains(&scenario.tls.resumed), "the resumed share is a part from 0 to 1");
    if let Modes::Mix(mix) = &scenario.tls.mode {
        let weights = || mix.iter().map(|(weight, _)| *weight);
        faults.must(
            weights().all(|weight| weight.is_finite() && weight >= 0.0)
                && weights().any(|weight| weight > 0.0),
            "its TLS mix has no weight",
        );
    }
    let timeouts = &scenario.timeouts;
    faults.must(!timeouts.connect.is_zero() && !timeouts.reply.is_zero(), "a timeout is 0");
}

/// Whether a distribution gives numbers from 0 up, and no endless ones.
pub(crate) fn sound(distribution: &Distribution) -> bool {
    let fine = |number: f64| number.is_finite() && number >= 0.0;
    match distribution {
        Distribution::Fixed(value) => fine(*value),
        Distribution::Uniform { low, high } => fine(*low) && fine(*high) && low <= high,
        Distribution::Exponential { mean } => fine(*mean),
        Distribution::LogNormal { median, sigma } => fine(*median) && *median > 0.0 && fine(*sigma),
        Distribution::Histogram(buckets) => {
            let bounds = buckets.iter().map(|(bound, _)| *bound);
            buckets.iter().all(|(bound, weight)| fine(*bound) && fine(*weight))
                && bounds.is_sorted()
                && buckets.iter().any(|(_, weight)| *weight > 0.0)
        }
    }
}

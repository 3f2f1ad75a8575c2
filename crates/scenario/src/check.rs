//! What a scenario must keep, however it was made: in range, nothing missing, nothing that contradicts itself.

use chance::Distribution;

use crate::model::{Accounts, Arrivals, Behaviour, Hold, Modes, Scenario, number_place};

/// The most accounts of a pattern, and the most sessions of a plan, that are taken for meant.
pub(crate) const MOST: u64 = 1_000_000_000;

/// Everything that is wrong, as sentences.
pub(crate) fn faults(scenario: &Scenario) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, sentence: &str| {
        // Several behaviours may lack the same; once is enough.
        if !holds && !wrong.iter().any(|told| told == sentence) {
            wrong.push(sentence.to_owned());
        }
    };
    must(
        scenario.accounts.are_sendable(),
        "a name or a password of its accounts has a line end or a NUL in it: what follows would be a command to the \
         server",
    );
    match &scenario.accounts {
        Accounts::List(list) => must(!list.is_empty(), "it has no accounts"),
        Accounts::Pattern { user, first, count, .. } => {
            must(number_place(user).is_some(), "the accounts' pattern needs exactly one `{n}` or `{n:05}`");
            must(*count > 0, "the accounts' pattern has a count of 0");
            must(
                *count <= MOST && first.checked_add(*count).is_some(),
                "the accounts' pattern has too many accounts",
            );
        }
    }
    match &scenario.arrivals {
        Arrivals::Open { stages, most, .. } => {
            let sound = |rate: f64| rate.is_finite() && rate >= 0.0;
            must(!stages.is_empty(), "it has no arrivals");
            must(
                stages.iter().all(|stage| sound(stage.from_per_s) && sound(stage.to_per_s)),
                "a rate of its arrivals is negative or not a number",
            );
            must(
                stages.iter().all(|stage| !stage.lasting.is_zero()),
                "a stage of its arrivals lasts no time",
            );
            let planned = scenario.planned_sessions();
            must(planned > 0 || stages.is_empty(), "its arrivals plan no session");
            must(planned <= MOST, "its arrivals plan more than a thousand million sessions");
            must(*most != Some(0), "it is capped at 0 sessions");
        }
        Arrivals::Closed { sessions, lasting } => {
            must(*sessions > 0, "its closed loop has no sessions");
            must(!lasting.is_zero(), "its closed loop lasts no time");
        }
    }
    must(!scenario.behaviours.is_empty(), "it has no behaviours");
    let weights = || scenario.behaviours.iter().map(|weighted| weighted.weight);
    must(weights().all(|weight| weight.is_finite() && weight >= 0.0), "a weight is negative or not a number");
    must(
        scenario.behaviours.is_empty() || weights().any(|weight| weight > 0.0),
        "all its behaviours have weight 0",
    );
    for weighted in &scenario.behaviours {
        must(sound(&weighted.think), "a think time is negative or not a number");
        must(weighted.link.bandwidth != Some(0), "a link has no bandwidth at all");
        match &weighted.behaviour {
            Behaviour::LeaveOnServer { remember } => {
                must((0.0..=1.0).contains(remember), "`remember` of leave-on-server is a part from 0 to 1");
            }
            Behaviour::Devices { count } => must(*count > 0, "devices has a count of 0"),
            Behaviour::HoldIdle { noop_every, lasting } => {
                must(!noop_every.is_zero(), "hold-idle has no time between its NOOPs");
                must(*lasting != Hold::For(std::time::Duration::ZERO), "hold-idle holds for no time");
            }
            _ => {}
        }
    }
    if let Some(mail) = &scenario.mail {
        must(sound(&mail.sizes), "the sizes of its mail are negative or not numbers");
    }
    must((0.0..=1.0).contains(&scenario.tls.resumed), "the resumed share is a part from 0 to 1");
    if let Modes::Mix(mix) = &scenario.tls.mode {
        let weights = || mix.iter().map(|(weight, _)| *weight);
        must(
            weights().all(|weight| weight.is_finite() && weight >= 0.0)
                && weights().any(|weight| weight > 0.0),
            "its TLS mix has no weight",
        );
    }
    must(!scenario.timeouts.connect.is_zero() && !scenario.timeouts.reply.is_zero(), "a timeout is 0");
    wrong
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

//! A first look at a server before it is loaded: whether it is there, how it greets, what TLS settles, what it offers.
//! One survey of each entrance, without a login: a server that is not there is found out before thousands of sessions
//! are.

use std::time::Duration;

use net::{Dialer, Endpoint};
use record::Entrance;
use scenario::{Mode, Modes, Scenario, Verify};
use suite::site::Survey;
use suite::{Permissions, Pool, Security};

use super::arguments::Arguments;
use super::plan::{self, Plan};
use super::target::{self, Entrances};
use crate::entrance;
use crate::exit::Failure;
use crate::terminal::visible;

/// A server that takes longer for a greeting cannot be loaded to any purpose.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen.
pub(super) struct Seen {
    /// The entrances.
    pub(super) entrances: Vec<Entrance>,
    /// Whether the server deletes what is retrieved (EXPIRE 0, RFC 2449 section 6.7).
    pub(super) retrieval_deletes: bool,
}

/// Looks at each entrance.
///
/// # Errors
/// An entrance is not there, or is not what the run needs; the message says what to do.
pub(super) async fn look(entrances: &Entrances, plan: &Plan) -> anyhow::Result<Seen> {
    let mut seen = Seen { entrances: Vec::new(), retrieval_deletes: false };
    let upgraded = match &plan.scenario.tls.mode {
        Modes::Mix(mix) => mix.iter().any(|(weight, mode)| *weight > 0.0 && *mode == Mode::Starttls),
        Modes::Auto => true,
    };
    let clear = if upgraded { Security::Starttls } else { Security::Clear };
    let each = entrances.implicit.iter().map(|endpoint| (endpoint, Security::Implicit));
    for (endpoint, security) in each.chain(entrances.clear.iter().map(|endpoint| (endpoint, clear))) {
        let (surveyed, _) =
            suite::survey(survey(endpoint, Some(security), plan.dialer()?, &plan.scenario)).await;
        let site = surveyed.map_err(|error| Failure::not_carried_out(visible(&error.to_string())))?;
        seen.retrieval_deletes |= retrieval_deletes(&site.survey);
        let label = entrance::label(Some(site.entrance.security), endpoint, &seen.entrances);
        seen.entrances.push(entrance::described(&site, &label));
    }
    Ok(seen)
}

/// Finds out whether a port speaks TLS from the first octet, where neither its number nor anybody says so.
///
/// # Errors
/// The target may not be dialled, or is not there.
pub(super) async fn discover(arguments: &Arguments, scenario: &mut Scenario) -> anyhow::Result<()> {
    let Some((target, also)) = target::named(arguments, scenario)? else { return Ok(()) };
    if also.is_some() || scenario.tls.mode != Modes::Auto || target::is_usual(&target) {
        return Ok(());
    }
    target::dialled(&target, arguments.authorized.as_deref())?;
    let insecure = arguments.insecure || scenario.tls.verify == Verify::Never;
    let dialer = plan::dialer(insecure, plan::authorities(arguments)?.as_deref())?;
    let (surveyed, _) = suite::survey(survey(&target, None, dialer, scenario)).await;
    let site = surveyed.map_err(|error| Failure::not_carried_out(visible(&error.to_string())))?;
    // Without STLS the port stays one that must have it: no password goes in the clear unasked.
    let mode = if site.entrance.security == Security::Implicit { Mode::Implicit } else { Mode::Starttls };
    scenario.tls.mode = Modes::Mix(vec![(1.0, mode)]);
    Ok(())
}

fn survey(
    endpoint: &Endpoint,
    security: Option<Security>,
    dialer: Dialer,
    scenario: &Scenario,
) -> suite::Plan {
    suite::Plan {
        endpoint: endpoint.clone(),
        security,
        dialer,
        pool: Pool::new(Vec::new()),
        // Nobody logs in.
        permissions: Permissions { allow_delete: false, cleartext_password: false, loopback: false },
        seed: scenario.seed,
        wait: Some(scenario.timeouts.connect.min(PATIENCE)),
    }
}

fn retrieval_deletes(survey: &Survey) -> bool {
    survey.capabilities.iter().flatten().any(|capability| {
        let at_once = capability.parameters.first().is_some_and(|days| days == "0");
        capability.tag.eq_ignore_ascii_case("EXPIRE") && at_once
    })
}

//! A first look at a server before it is loaded: whether it is there, how it greets, what TLS settles, what it offers.
//! One survey of each entrance, and one login: a server that is not there, or refuses the password, is found out before
//! thousands of sessions are.

use std::time::Duration;

use load::{Assignment, Retrieval, TrialError};
use net::{Dialer, Endpoint};
use record::Entrance;
use scenario::{Mode, Modes, Scenario, Verify};
use suite::site::Survey;
use suite::{MailShown, Permissions, Pool, Security, Site};

use super::arguments::Arguments;
use super::plan::{self, Plan};
use super::target::{self, Entrances};
use crate::entrance;
use crate::exit::Failure;
use crate::secrets;
use crate::terminal::{self, visible};

/// A server that takes longer for a greeting cannot be loaded to any purpose.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen.
pub(super) struct Seen {
    /// The entrances.
    pub(super) entrances: Vec<Entrance>,
    /// What becomes of mail that is retrieved (EXPIRE, RFC 2449 section 6.7).
    pub(super) retrieval: Retrieval,
}

/// Looks at each entrance.
///
/// # Errors
/// An entrance is not there, or is not what the run needs; the message says what to do.
pub(super) async fn look(entrances: &Entrances, plan: &Plan) -> anyhow::Result<Seen> {
    let mut seen = Seen { entrances: Vec::new(), retrieval: Retrieval::Keeps };
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
        fit_for_load(&site)?;
        seen.retrieval = match announced(&site.survey) {
            Retrieval::Keeps => seen.retrieval,
            // Asked again after the login, since it may differ from user to user, or mail is kept from nobody.
            found => found,
        };
        let label = entrance::label(Some(site.entrance.security), endpoint, &seen.entrances);
        seen.entrances.push(Entrance { label: label.clone(), ..entrance::described(&site) });
    }
    Ok(seen)
}

/// A session of load has no way around a server that is wrong in its first lines; `poplab conformance` has.
fn fit_for_load(site: &Site) -> anyhow::Result<()> {
    let Some(observation) = site.survey.observations.first() else { return Ok(()) };
    let endpoint = &site.entrance.endpoint;
    Err(Failure::not_carried_out(visible(&format!(
        "{endpoint}: {} ({}); `poplab conformance --target {endpoint}` judges it",
        observation.seen, observation.id
    ))))
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
        pool: Pool::among(Vec::new(), secrets::of_the_run()),
        // Nobody logs in.
        permissions: Permissions {
            allow_delete: false,
            costs: suite::Costs::USUAL,
            mail_shown: MailShown::None,
            cleartext_password: false,
            loopback: false,
        },
        seed: scenario.seed,
        wait: Some(scenario.timeouts.connect.min(PATIENCE)),
        until: None,
        operations: None,
    }
}

/// What is announced before the login (RFC 2449 section 6.7).
fn announced(survey: &Survey) -> Retrieval {
    let mut expires = survey
        .capabilities
        .iter()
        .flatten()
        .filter(|capability| capability.tag.eq_ignore_ascii_case("EXPIRE"))
        .map(|capability| capability.parameters.iter().map(String::as_str).collect::<Vec<_>>());
    match expires.next().as_deref() {
        None | Some(["NEVER"]) => Retrieval::Keeps,
        Some(["0", ..]) => Retrieval::Deletes,
        Some(_) => Retrieval::Ask,
    }
}

/// Logs in once, before the run, and adds what that shows to what was announced before it. A refusal ends the run here:
/// every session would be refused.
///
/// # Errors
/// The server refuses the account.
pub(super) async fn log_in(assignment: Assignment, announced: Retrieval) -> anyhow::Result<Retrieval> {
    let dialer = load::dialer(&assignment).map_err(|error| Failure::input(error.to_string()))?;
    match load::try_login(assignment, dialer).await {
        Ok(found) => Ok(match (announced, found) {
            (Retrieval::Deletes, _) | (_, Retrieval::Deletes) => Retrieval::Deletes,
            (Retrieval::Keeps, Retrieval::Keeps) => Retrieval::Keeps,
            _ => Retrieval::Ask,
        }),
        Err(refused @ TrialError::Refused { .. }) => Err(Failure::not_carried_out(visible(&format!(
            "{refused}; nothing was loaded, since every session would be refused: check the name, the password and how \
             the scenario logs in"
        )))),
        Err(failed) => {
            terminal::tell(&visible(&format!("note: {failed}; the run begins all the same")));
            Ok(if announced == Retrieval::Deletes { announced } else { Retrieval::Ask })
        }
    }
}

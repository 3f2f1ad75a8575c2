//! The first look at an entrance: is it POP3 at all, how is it protected, what does it offer, do the accounts work.
//!
//! Where there is nothing to judge, because nothing listens or another protocol does, that is told in words with the
//! remedy. A server that is wrong in one respect is another matter: what was wrong is kept as an
//! [`Observation`](crate::site::Observation), for the check that is about it, and the look goes on as far as it can.
//! Nothing is judged here.

mod accounts;
mod error;
mod fixtures;
mod look;

use std::rc::Rc;
use std::time::Duration;

use net::{DialError, Dialer, Endpoint, TlsOptions, Versions};
use tokio::time::{Instant, sleep_until, timeout};

pub use error::SurveyError;

use crate::journal::Leavings;
use crate::lab::Lab;
use crate::operator::Operations;
use crate::pool::Pool;
use crate::reply::{Reply, quote};
use crate::session::Patience;
use crate::site::{Capability, Entrance, Permissions, Security, Site, Survey};

/// How long a greeting may take before the first look gives up.
const GREETING_PATIENCE: Duration = Duration::from_secs(30);
/// Silence that makes sure that nothing comes, before the round trip is known.
const QUIET: Duration = Duration::from_secs(1);
/// Silence after which the other protection is tried when the user did not say which it is.
const DETECTION_PATIENCE: Duration = Duration::from_secs(2);

/// What a survey is made with.
pub struct Plan {
    /// Where.
    pub endpoint: Endpoint,
    /// How, or `None` to find out.
    pub security: Option<Security>,
    /// Connections.
    pub dialer: Dialer,
    /// Accounts.
    pub pool: Pool,
    /// What may be done.
    pub permissions: Permissions,
    /// The seed.
    pub seed: u64,
    /// A fixed wait instead of one derived from the round trip.
    pub wait: Option<Duration>,
    /// When the run has to end.
    pub until: Option<Instant>,
    /// What can be done to the server beside POP3, if the user said how.
    pub operations: Option<Rc<Operations>>,
}

/// Surveys an entrance. The leavings hold the survey's own transcript, whether it succeeded or not.
pub async fn survey(plan: Plan) -> (Result<Rc<Site>, SurveyError>, Option<Leavings>) {
    survey_until(plan, std::future::pending()).await
}

/// The same, broken off when the other future ends or the plan's time does.
pub async fn survey_until(
    plan: Plan,
    stop: impl Future<Output = ()>,
) -> (Result<Rc<Site>, SurveyError>, Option<Leavings>) {
    let until = plan.until;
    let over = async {
        match until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(stop, over);
    let endpoint = plan.endpoint.clone();
    let security = tokio::select! {
        biased;
        detected = protection(&plan) => detected,
        () = &mut stop => Err(SurveyError::Stopped),
        () = &mut over => Err(SurveyError::TimeOver { endpoint: endpoint.clone() }),
    };
    let security = match security {
        Ok(security) => security,
        Err(error) => return (Err(error), None),
    };
    let (wait, fixed) = (plan.wait, plan.security.is_some());
    let mut site = Site {
        entrance: Entrance { endpoint: plan.endpoint, security },
        dialer: plan.dialer,
        pool: plan.pool,
        permissions: plan.permissions,
        survey: Survey::default(),
        patience: Patience { answer: wait.unwrap_or(GREETING_PATIENCE), quiet: QUIET },
        seed: plan.seed,
        until,
        crowd: Rc::default(),
        silences: Rc::default(),
        last_round: Rc::default(),
        refused_mechanisms: Rc::default(),
        operations: plan.operations,
        corpora: std::cell::RefCell::default(),
    };
    let lab = Lab::new(Rc::new(site.clone()), "survey", None);
    let result = tokio::select! {
        biased;
        result = whole(&lab, &mut site, wait, fixed) => result,
        () = &mut stop => Err(SurveyError::Stopped),
        () = &mut over => Err(SurveyError::TimeOver { endpoint }),
    };
    // Servers echo what they refuse, passwords too. The journal knows the secrets only until it is closed.
    let clean = |text: String| lab.journal().redact(&text);
    for observation in &mut site.survey.observations {
        observation.seen = clean(std::mem::take(&mut observation.seen));
    }
    let result = result.map_err(|error| error.redacted(&clean)).map(|()| Rc::new(site));
    (result, Some(lab.journal().close()))
}

/// The look at the entrance, and then the look at what its accounts hold.
async fn whole(
    lab: &Lab,
    site: &mut Site,
    wait: Option<Duration>,
    fixed_security: bool,
) -> Result<(), SurveyError> {
    look::look(lab, wait, fixed_security, site).await?;
    accounts::accounts(lab, site).await
}

/// The waits that follow from a round trip, unless the user said how long to wait for an answer.
fn patience(round_trip: Duration, wait: Option<Duration>) -> Patience {
    let answer =
        wait.unwrap_or_else(|| (round_trip * 100).clamp(Duration::from_secs(10), Duration::from_mins(1)));
    let quiet = (round_trip * 20).clamp(Duration::from_millis(300), Duration::from_secs(3));
    Patience { answer, quiet }
}

/// How the entrance is protected, as the user said or as can be found out: does it speak at once (cleartext), or wait
/// for TLS?
async fn protection(plan: &Plan) -> Result<Security, SurveyError> {
    if let Some(security) = plan.security {
        return Ok(security);
    }
    match plan.endpoint.port {
        995 => return Ok(Security::Implicit),
        110 => return Ok(Security::Starttls),
        _ => {}
    }
    let wait = plan.wait.unwrap_or(GREETING_PATIENCE);
    let connecting = timeout(wait, plan.dialer.connect(&plan.endpoint, None));
    let mut stream = connecting.await.map_err(|_| silent(&plan.endpoint, wait, ""))??;
    let mut first = [0; 1];
    if timeout(DETECTION_PATIENCE.min(wait), stream.read(&mut first)).await.is_ok() {
        return Ok(Security::Starttls);
    }
    let options = TlsOptions { server_name: Some(plan.endpoint.host.clone()), versions: Versions::Any };
    let tls =
        async { plan.dialer.start_tls(plan.dialer.connect(&plan.endpoint, None).await?, &options).await };
    match timeout(wait, tls).await {
        Ok(Ok(_) | Err(DialError::Certificate { .. })) => Ok(Security::Implicit),
        _ => Ok(Security::Starttls),
    }
}

fn silent(endpoint: &Endpoint, waited: Duration, hint: &str) -> SurveyError {
    SurveyError::Silent { endpoint: endpoint.clone(), seconds: waited.as_secs(), hint: hint.to_owned() }
}

/// The capabilities of a CAPA reply; `None` if it was refused.
pub fn listed(reply: &Reply) -> Option<Vec<Capability>> {
    let content = reply.content.as_ref()?;
    Some(
        crate::reply::lines(content)
            .into_iter()
            .map(|line| {
                let capability = proto::Capability::parse(line).0;
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                Capability {
                    tag: text(capability.tag).to_ascii_uppercase(),
                    parameters: capability.parameters.iter().map(|parameter| text(parameter)).collect(),
                }
            })
            .collect(),
    )
}

/// A greeting for people.
pub fn shown(greeting: &[u8]) -> String {
    quote(greeting).trim_matches('`').to_owned()
}

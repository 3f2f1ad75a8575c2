//! The first look at an entrance: is it POP3 at all, how is it protected, what does it offer, do the accounts work.
//!
//! Each account is asked for at most one login. What stands in the way is told in words with the remedy; nothing
//! is judged here.

mod error;
mod fixtures;

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use net::{DialError, Dialer, Endpoint, TlsOptions, Versions};
use sasl::Mechanism;
use tokio::time::{Instant, timeout};

pub use error::SurveyError;

use crate::accounts::{Account, Pool};
use crate::journal::Leavings;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{Mishap, Stop};
use crate::reply::{Reply, quote};
use crate::session::{Patience, Session};
use crate::site::{Capability, Entrance, Permissions, Security, Site, Survey};

/// How long a greeting may take before the first look gives up.
const GREETING_PATIENCE: Duration = Duration::from_secs(30);
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
}

/// Surveys an entrance. The leavings hold the survey's own transcript, whether it succeeded or not.
pub async fn survey(plan: Plan) -> (Result<Rc<Site>, SurveyError>, Option<Leavings>) {
    let security = match plan.security {
        Some(security) => security,
        None => match detect(&plan).await {
            Ok(security) => security,
            Err(error) => return (Err(error), None),
        },
    };
    let wait = plan.wait.unwrap_or(GREETING_PATIENCE);
    let mut site = Site {
        entrance: Entrance { endpoint: plan.endpoint.clone(), security },
        dialer: plan.dialer,
        pool: plan.pool,
        permissions: plan.permissions,
        survey: Survey::default(),
        patience: Patience { answer: wait, quiet: Duration::from_secs(1) },
        seed: plan.seed,
        corpora: std::cell::RefCell::default(),
    };
    let fixed_security = plan.security.is_some();
    let lab = Lab::new(Rc::new(site.clone()), "survey", None);
    let leavings = |lab: &Lab| Some(lab.journal().close());
    match look(&lab, fixed_security, &mut site).await {
        Ok(()) => {}
        Err(error) => return (Err(redacted(error, &lab)), leavings(&lab)),
    }
    let answer = plan.wait.unwrap_or_else(|| {
        (site.survey.round_trip * 100).clamp(Duration::from_secs(10), Duration::from_mins(1))
    });
    let quiet = (site.survey.round_trip * 20).clamp(Duration::from_millis(300), Duration::from_secs(3));
    site.patience = Patience { answer, quiet };
    // The lab is given the site as far as it is known, so that logins can use it.
    let accounts_lab = Lab::continuing(Rc::new(site.clone()), &lab);
    let result = accounts(&accounts_lab, &mut site).await.map_err(|error| redacted(error, &accounts_lab));
    (result.map(|()| Rc::new(site)), leavings(&accounts_lab))
}

/// Servers echo what they refuse, passwords too. The journal knows the secrets only until it is closed.
fn redacted(error: SurveyError, lab: &Lab) -> SurveyError {
    error.redacted(&|text| lab.journal().redact(&text))
}

/// Finds out whether the port speaks at once (cleartext) or waits for TLS.
async fn detect(plan: &Plan) -> Result<Security, SurveyError> {
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

async fn look(lab: &Lab, fixed_security: bool, site: &mut Site) -> Result<(), SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    let mut session = open(lab, site).await?;
    let greeting = match session.greeting().await {
        Ok(reply) => reply,
        Err(mishap) => {
            if let Some(seen) = session.unfinished().filter(|_| matches!(mishap, Mishap::TimedOut { .. })) {
                let reason = format!(
                    "it began with {seen} and did not end the line in {} s; lines of POP3 end with CRLF",
                    site.patience.answer.as_secs()
                );
                return Err(SurveyError::Broken { endpoint, reason });
            }
            return Err(no_greeting(lab, &endpoint, site, &mishap).await);
        }
    };
    recognise(&endpoint, &greeting)?;
    site.survey.greeting.clone_from(&greeting.line);
    let (first, round_trip) = capabilities(&mut session, &endpoint).await?;
    site.survey.round_trip = round_trip;
    site.survey.first_capabilities.clone_from(&first);
    site.survey.capabilities = first;
    if site.entrance.security == Security::Starttls {
        upgrade(&mut session, lab, fixed_security, site).await?;
    }
    site.survey.tls = session.tls().cloned();
    Ok(())
}

async fn open(lab: &Lab, site: &Site) -> Result<Session, SurveyError> {
    // Not through `Lab::connect_raw`: here the typed error matters.
    let endpoint = &site.entrance.endpoint;
    let wait = site.patience.answer;
    let connecting = timeout(wait, site.dialer.connect(endpoint, None)).await;
    let mut stream =
        connecting.map_err(|_| silent(endpoint, wait, "The connection itself was not accepted."))??;
    if site.entrance.security == Security::Implicit {
        let handshake = timeout(wait, site.dialer.start_tls(stream, &lab.tls_options())).await;
        let handshake =
            handshake.map_err(|_| silent(endpoint, wait, "It did not answer a TLS ClientHello."))?;
        stream = handshake.map_err(|error| SurveyError::Tls { endpoint: endpoint.clone(), error })?;
    }
    Ok(lab.adopt(stream))
}

async fn no_greeting(lab: &Lab, endpoint: &Endpoint, site: &Site, mishap: &Mishap) -> SurveyError {
    match mishap {
        Mishap::NoReply { then, .. } => match protocol(then.trim_matches('`').as_bytes()) {
            Some(protocol) => {
                SurveyError::OtherProtocol { endpoint: endpoint.clone(), protocol, began: then.clone() }
            }
            None => silent(endpoint, site.patience.answer, &format!("After a NOOP it said {then}.")),
        },
        Mishap::Endless { .. } => SurveyError::Broken {
            endpoint: endpoint.clone(),
            reason: "the greeting is a line without end; poplab stopped reading after 8192 octets".to_owned(),
        },
        other => {
            if speaks_tls(lab, site).await {
                return SurveyError::SpeaksTls { endpoint: endpoint.clone() };
            }
            match other {
                Mishap::Closed { how, .. } => SurveyError::Broken {
                    endpoint: endpoint.clone(),
                    reason: format!("the connection was closed ({how}) before a greeting"),
                },
                _ => silent(endpoint, site.patience.answer, "Is it a POP3 server?"),
            }
        }
    }
}

/// Whether a port that gave no greeting answers a TLS handshake instead, trusted or not.
async fn speaks_tls(lab: &Lab, site: &Site) -> bool {
    if site.entrance.security == Security::Implicit {
        return false;
    }
    let Ok(stream) = lab.dial().await else { return false };
    let handshake = timeout(site.patience.answer, site.dialer.start_tls(stream, &lab.tls_options())).await;
    matches!(handshake, Ok(Ok(_) | Err(DialError::Certificate { .. })))
}

fn silent(endpoint: &Endpoint, waited: Duration, hint: &str) -> SurveyError {
    SurveyError::Silent { endpoint: endpoint.clone(), seconds: waited.as_secs(), hint: hint.to_owned() }
}

fn recognise(endpoint: &Endpoint, greeting: &Reply) -> Result<(), SurveyError> {
    if greeting.is_ok() {
        return Ok(());
    }
    if greeting.is_err() {
        return Err(SurveyError::Refuses { endpoint: endpoint.clone(), greeting: greeting.quoted() });
    }
    let protocol = protocol(&greeting.line);
    // A status line in other letters is a POP3 server that errs; the checks say so.
    if protocol.is_none() && greeting.line.to_ascii_uppercase().starts_with(b"+OK") {
        return Ok(());
    }
    Err(SurveyError::OtherProtocol {
        endpoint: endpoint.clone(),
        protocol: protocol.unwrap_or("something else"),
        began: greeting.quoted(),
    })
}

fn protocol(line: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &'static str); 7] = [
        (b"220 ", "SMTP (or FTP)"),
        (b"220-", "SMTP (or FTP)"),
        (b"554 ", "SMTP"),
        (b"* OK", "IMAP"),
        (b"* PREAUTH", "IMAP"),
        (b"HTTP/", "HTTP"),
        (b"SSH-", "SSH"),
    ];
    known.iter().find(|(prefix, _)| line.starts_with(prefix)).map(|(_, name)| *name)
}

async fn capabilities(
    session: &mut Session,
    endpoint: &Endpoint,
) -> Result<(Option<Vec<Capability>>, Duration), SurveyError> {
    let asked = Instant::now();
    let reply = session.command("CAPA").await.map_err(|mishap| broken(endpoint, &mishap))?;
    Ok((listed(&reply), asked.elapsed()))
}

fn broken(endpoint: &Endpoint, mishap: &Mishap) -> SurveyError {
    SurveyError::Broken { endpoint: endpoint.clone(), reason: mishap.to_string() }
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

async fn upgrade(session: &mut Session, lab: &Lab, fixed: bool, site: &mut Site) -> Result<(), SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    let reply = session.command("STLS").await.map_err(|mishap| broken(&endpoint, &mishap))?;
    if !reply.is_ok() {
        // Found out by ourselves and harmless here: judge it in cleartext. Asked for, or not harmless: say so.
        if !fixed && site.permissions.loopback {
            site.entrance.security = Security::Clear;
            return Ok(());
        }
        return Err(SurveyError::NoStls { endpoint, seen: reply.seen() });
    }
    session
        .start_tls(&site.dialer, &lab.tls_options())
        .await
        .map_err(|stop| SurveyError::Broken { endpoint: endpoint.clone(), reason: said(stop) })?;
    site.survey.capabilities = capabilities(session, &endpoint).await?.0;
    Ok(())
}

fn said(stop: Stop) -> String {
    match stop {
        Stop::Fail(text)
        | Stop::Warn(text)
        | Stop::Info(text)
        | Stop::Inconclusive(text)
        | Stop::Skipped(text) => text,
    }
}

/// Logs in once to each `fixtures` account (or to the first account there is) and looks at what it holds.
async fn accounts(lab: &Lab, site: &mut Site) -> Result<(), SurveyError> {
    // At a second entrance some may have been refused at the first one.
    let all: Vec<Rc<Account>> = site.pool.accounts().filter(|account| !account.is_retired()).collect();
    let mut chosen: Vec<Rc<Account>> =
        all.iter().filter(|account| account.role == Role::Fixtures).cloned().collect();
    if chosen.is_empty() {
        chosen.extend(all.first().cloned());
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let method = usual_method(&site.survey);
    for (index, account) in chosen.iter().enumerate() {
        let endpoint = site.entrance.endpoint.clone();
        let (mut session, reply) = lab
            .login_by(account, method)
            .await
            .map_err(|stop| SurveyError::Broken { endpoint: endpoint.clone(), reason: said(stop) })?;
        if !reply.is_ok() {
            let reply = reply.quoted();
            return Err(SurveyError::Login { endpoint, user: account.user.clone(), method, reply });
        }
        if index == 0 {
            site.survey.method = Some(method);
            site.survey.session_capabilities = capabilities(&mut session, &endpoint).await?.0;
            let asked = session.command("UIDL 1").await;
            let listed = session.command("UIDL").await;
            site.survey.has_uidl =
                asked.is_ok_and(|reply| reply.is_ok()) || listed.is_ok_and(|reply| reply.is_ok());
            site.survey.has_top = session.command("TOP 1 0").await.is_ok_and(|reply| reply.is_ok())
                || site.survey.announces("TOP");
        }
        if account.role == Role::Fixtures {
            let found = fixtures::index(lab, site, account, session).await;
            site.survey.fixtures.insert(account.user.clone(), found);
        }
    }
    Ok(())
}

fn usual_method(survey: &Survey) -> Method {
    let plain = survey.mechanisms().iter().any(|name| name == "PLAIN");
    if survey.capabilities.is_none() || survey.announces("USER") {
        Method::UserPass
    } else if plain {
        Method::Sasl(Mechanism::Plain)
    } else if survey.timestamp().is_some() {
        Method::Apop
    } else {
        Method::UserPass
    }
}

/// A greeting for people.
pub fn shown(greeting: &[u8]) -> String {
    quote(greeting).trim_matches('`').to_owned()
}

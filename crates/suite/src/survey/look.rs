//! The first conversation with an entrance: greeting, capabilities, STLS. Whatever is wrong in it is kept as an
//! observation, and the conversation begun again without that, as long as there is anything left to say.

use std::rc::Rc;
use std::time::Duration;

use net::{DialError, Endpoint};
use tokio::time::{Instant, timeout};

use super::{SurveyError, listed, patience, silent};
use crate::lab::{Lab, line_in_clear};
use crate::outcome::Mishap;
use crate::reply::Reply;
use crate::session::{Negotiation, Session};
use crate::site::{Observation, Security, Site};

/// A greeting that has not come by then is asked for with a NOOP, where the user has not said how long to wait.
const UNPROMPTED: Duration = Duration::from_secs(30);
/// A second line of the greeting comes within this time, or with the first.
const SURPLUS: Duration = Duration::from_millis(300);
/// More lines than this are no greeting any more.
const SURPLUS_AT_MOST: usize = 20;
/// Connections that are tried before an entrance counts as one that closes them unanswered.
const TRIES: u32 = 3;

/// Looks at the entrance; what is found stands in the site.
pub(super) async fn look(
    lab: &Lab,
    wait: Option<Duration>,
    fixed_security: bool,
    site: &mut Site,
) -> Result<(), SurveyError> {
    let mut session = greeted(lab, site).await?;
    match session.command("CAPA").await {
        Ok(reply) => {
            // Its content may take longer for reasons of its own.
            site.survey.round_trip = reply.after;
            site.survey.first_capabilities = listed(&reply);
        }
        Err(mishap) => {
            observe(site, "rfc2449.capa.format", &mishap.to_string());
            session = again(lab, site).await?;
        }
    }
    site.patience = patience(site.survey.round_trip, wait);
    session.be_patient(site.patience);
    site.survey.capabilities.clone_from(&site.survey.first_capabilities);
    if site.entrance.security == Security::Starttls {
        upgrade(session, lab, fixed_security, site).await?;
    } else {
        site.survey.tls = session.tls().cloned();
    }
    Ok(())
}

fn observe(site: &mut Site, id: &'static str, seen: &str) {
    site.survey.observations.push(Observation { id, seen: seen.to_owned() });
}

/// Another connection like the first, with what is known by now.
async fn again(lab: &Lab, site: &Site) -> Result<Session, SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    let lab = Lab::continuing(Rc::new(site.clone()), lab);
    let greeted = lab.greeted().await;
    let (session, _) = greeted.map_err(|stop| SurveyError::Broken { endpoint, reason: stop.told() })?;
    Ok(session)
}

/// A session whose greeting, however many lines it has, is read.
async fn greeted(lab: &Lab, site: &mut Site) -> Result<Session, SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    let mut tries = 0;
    let (mut session, greeting) = loop {
        let (mut session, took) = match open(lab, site).await {
            Err(SurveyError::Tls { error: DialError::NotTls { first }, .. })
                if !site.survey.greets_in_clear && greets_in_clear(lab, site, &first).await =>
            {
                open(lab, site).await?
            }
            opened => opened?,
        };
        site.survey.round_trip = took;
        tries += 1;
        let began = Instant::now();
        match session.greeting_within(UNPROMPTED).await {
            Ok(reply) => break (session, reply),
            // One that is lost by chance is no reason to give up; one that ends at our probe is not lost by chance.
            Err(Mishap::Closed { .. }) if tries < TRIES && began.elapsed() < unprompted_within(site) => {}
            Err(mishap) => {
                unprompted(lab, site, &mut session, mishap).await?;
                return again(lab, site).await;
            }
        }
    };
    if tries > 1 {
        site.crowd.lose();
    }
    session.is_served();
    if let Err(error) = recognise(&endpoint, &greeting) {
        if !speaks_pop3(&mut session, &error).await {
            return Err(error);
        }
        observe(site, "rfc1939.greeting.positive", &format!("the greeting was {}", greeting.quoted()));
        site.survey.greets_oddly = true;
        site.survey.greeting.clone_from(&greeting.line);
        return again(lab, site).await;
    }
    site.survey.greeting.clone_from(&greeting.line);
    let mut surplus = Vec::new();
    while let Some(line) = session.surplus(SURPLUS).await.filter(|_| surplus.len() < SURPLUS_AT_MOST) {
        surplus.push(line);
    }
    if let Some(first) = surplus.first() {
        site.survey.surplus_lines = surplus.len();
        let seen = format!("after the greeting {}, before any command, {first} came", greeting.quoted());
        observe(site, "rfc1939.greeting.one-line", &seen);
    }
    Ok(session)
}

/// Whether a server with the greeting of another protocol, or of none, answers a command as POP3 has it.
async fn speaks_pop3(session: &mut Session, error: &SurveyError) -> bool {
    matches!(error, SurveyError::OtherProtocol { .. })
        && session.command("CAPA").await.is_ok_and(|reply| reply.is_ok() || reply.is_err())
}

/// Whether a TLS port that says a line in the clear goes on with the handshake behind it. That it is a cleartext port is
/// likelier.
async fn greets_in_clear(lab: &Lab, site: &mut Site, first: &[u8]) -> bool {
    let wait = site.patience.answer;
    let Ok(mut stream) = lab.dial().await else { return false };
    let Some(line) = line_in_clear(&mut stream, wait).await else { return false };
    let handshake = timeout(wait, site.dialer.start_tls(stream, &lab.tls_options())).await;
    let greets = first.starts_with(b"+OK") && matches!(handshake, Ok(Ok(_)));
    if greets {
        site.survey.greets_in_clear = true;
        let seen = format!("{} came in plaintext, and then a TLS handshake", lab.journal().quote(&line));
        observe(site, "rfc8314.implicit.first-octet", &seen);
    }
    greets
}

/// How long a greeting is waited for without a word from us.
fn unprompted_within(site: &Site) -> Duration {
    site.patience.answer.min(UNPROMPTED)
}

async fn open(lab: &Lab, site: &Site) -> Result<(Session, Duration), SurveyError> {
    // Not through `Lab::connect_raw`: here the typed error matters.
    let endpoint = &site.entrance.endpoint;
    let wait = site.patience.answer;
    let began = Instant::now();
    let connecting = timeout(wait, site.dialer.connect(endpoint, None)).await;
    let mut stream =
        connecting.map_err(|_| silent(endpoint, wait, "The connection itself was not accepted."))??;
    let took = began.elapsed();
    if site.entrance.security == Security::Implicit {
        if site.survey.greets_in_clear {
            line_in_clear(&mut stream, wait).await;
        }
        let handshake = timeout(wait, site.dialer.start_tls(stream, &lab.tls_options())).await;
        let handshake =
            handshake.map_err(|_| silent(endpoint, wait, "It did not answer a TLS ClientHello."))?;
        stream = handshake.map_err(|error| SurveyError::Tls { endpoint: endpoint.clone(), error })?;
    }
    Ok((lab.adopt(stream), took))
}

/// No greeting came. A POP3 server that waits for its client is one that errs; everything else is none to judge.
async fn unprompted(
    lab: &Lab,
    site: &mut Site,
    session: &mut Session,
    mishap: Mishap,
) -> Result<(), SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    if let Some(seen) = session.unfinished().filter(|_| matches!(mishap, Mishap::TimedOut { .. })) {
        let reason = format!(
            "it began with {seen} and did not end the line in {} s; lines of POP3 end with CRLF",
            unprompted_within(site).as_secs()
        );
        return Err(SurveyError::Broken { endpoint, reason });
    }
    if matches!(mishap, Mishap::TimedOut { .. }) && session.has_heard() && waits(lab, site).await? {
        return Ok(());
    }
    let Mishap::NoReply { then, .. } = &mishap else {
        return Err(no_greeting(lab, &endpoint, site, &mishap).await);
    };
    let said = then.trim_matches('`').as_bytes();
    if !said.starts_with(b"+OK") && !said.starts_with(b"-ERR") {
        return Err(no_greeting(lab, &endpoint, site, &mishap).await);
    }
    let waited = unprompted_within(site);
    if session.surplus(SURPLUS).await.is_some() {
        // The greeting and then the answer: it is slow, and will be waited for.
        return Ok(());
    }
    site.survey.is_unprompted = false;
    let seen = format!(
        "nothing came for {} s; a NOOP brought {then}: the server waits for the client",
        waited.as_secs()
    );
    observe(site, "rfc1939.greeting.unprompted", &seen);
    Ok(())
}

/// Two lines came at our NOOP, and none before: a greeting that is given to who speaks, or one that was slow. On another
/// connection it is waited for longer than it took.
async fn waits(lab: &Lab, site: &mut Site) -> Result<bool, SurveyError> {
    let (mut session, _) = open(lab, site).await?;
    let silence = unprompted_within(site) * 3 / 2;
    if session.surplus(silence).await.is_some() || session.has_ended() {
        return Ok(false);
    }
    if session.send("NOOP").await.is_err() {
        return Ok(false);
    }
    let (Ok(greeting), Ok(answer)) = (session.greeting().await, session.reply().await) else {
        return Ok(false);
    };
    if !greeting.is_ok() {
        return Ok(false);
    }
    site.survey.is_unprompted = false;
    site.survey.greets_when_spoken_to = true;
    site.survey.greeting.clone_from(&greeting.line);
    let seen = format!(
        "nothing came for {} s; a NOOP brought {} and then {}: the server waits for the client",
        silence.as_secs(),
        greeting.quoted(),
        answer.quoted()
    );
    observe(site, "rfc1939.greeting.unprompted", &seen);
    Ok(true)
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

/// STLS, where the entrance is one that upgrades. Where it announces STLS and does not do it, the rest is looked at in
/// cleartext.
async fn upgrade(mut session: Session, lab: &Lab, fixed: bool, site: &mut Site) -> Result<(), SurveyError> {
    let endpoint = site.entrance.endpoint.clone();
    let announced = site.survey.announces_stls();
    let broken = match session.command("STLS").await {
        Ok(reply) if reply.is_ok() => {
            match session.negotiate(&site.dialer, &lab.tls_options()).await {
                Ok(()) => {
                    site.survey.tls = session.tls().cloned();
                    return inside(session, lab, site).await;
                }
                // Whom to trust is the user's to say.
                Err(Negotiation::Failed(error @ DialError::Certificate { .. })) => {
                    return Err(SurveyError::Tls { endpoint, error });
                }
                Err(other) => other.to_string(),
            }
        }
        Ok(reply) if !announced => {
            // Found out by ourselves and harmless here: judge it in cleartext. Asked for, or not harmless: say so.
            if fixed || !site.permissions.loopback {
                return Err(SurveyError::NoStls { endpoint, seen: reply.seen() });
            }
            site.entrance.security = Security::Clear;
            return Ok(());
        }
        Ok(reply) => format!("STLS is announced, but {}", reply.seen()),
        Err(mishap) => mishap.to_string(),
    };
    observe(site, "rfc2595.stls.works", &broken);
    site.survey.stls_broken = Some(broken);
    site.entrance.security = Security::Clear;
    Ok(())
}

/// The capabilities inside TLS may be others.
async fn inside(mut session: Session, lab: &Lab, site: &mut Site) -> Result<(), SurveyError> {
    match session.command("CAPA").await {
        Ok(reply) => site.survey.capabilities = listed(&reply),
        Err(mishap) => {
            site.survey.capabilities = None;
            observe(site, "rfc2449.capa.format", &format!("inside TLS: {mishap}"));
            drop(again(lab, site).await?);
        }
    }
    Ok(())
}

//! The first logins: which way to log in works, what the server offers afterwards, and which message of which maildrop
//! is which fixture.
//!
//! A password goes to each account once; another way to log in is tried only where the first one was refused before the
//! password was given.

use std::rc::Rc;

use mail::Role;
use sasl::Mechanism;
use tokio::time::{Instant, timeout};

use super::{SurveyError, fixtures, listed};
use crate::accounts::Account;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::Stop;
use crate::refusal::{blames_credentials, is_busy};
use crate::reply::Reply;
use crate::session::Session;
use crate::site::{Observation, Site, Survey};

/// Of the time that is left, this part may be spent on looking through one maildrop.
const SHARE_FOR_A_MAILDROP: u32 = 5;

/// How a first login ended that did not succeed.
enum Missed {
    /// The password was refused.
    Password(Method, Reply),
    /// It came to no answer about the password.
    Way(Stop),
}

/// Logs in once to each `fixtures` account (or to the first account there is) and looks at what it holds. One that is
/// refused is left alone, and the others are tried.
pub(super) async fn accounts(lab: &Lab, site: &mut Site) -> Result<(), SurveyError> {
    // At a second entrance some may have been refused at the first one.
    let all: Vec<Rc<Account>> = site.pool.accounts().filter(|account| !account.is_retired()).collect();
    let mut chosen: Vec<Rc<Account>> =
        all.iter().filter(|account| account.role == Role::Fixtures).cloned().collect();
    if chosen.is_empty() {
        chosen.extend(all.first().cloned());
    }
    let (mut refused, mut missed) = (None, None);
    for account in &chosen {
        let first = site.survey.method.is_none();
        match enter(lab, site, account).await {
            Ok(session) => look_into(lab, site, account, session, first).await,
            Err(Missed::Password(method, reply)) => {
                account.retire();
                let told =
                    format!("the login of `{}` by {method} was refused: {}", account.user, reply.quoted());
                site.survey.notices.push(told);
                refused = refused.or(Some((account.user.clone(), method, reply.quoted())));
            }
            Err(Missed::Way(stop)) => missed = missed.or(Some(stop)),
        }
    }
    if site.survey.method.is_some() {
        return Ok(());
    }
    match (refused, missed) {
        (Some((user, method, reply)), None) => {
            Err(SurveyError::Login { endpoint: site.entrance.endpoint.clone(), user, method, reply })
        }
        (_, missed) => {
            site.survey.no_login = missed;
            Ok(())
        }
    }
}

/// The first login of an account: by the way that is known to work, or by each in turn until one does.
async fn enter(lab: &Lab, site: &mut Site, account: &Rc<Account>) -> Result<Session, Missed> {
    let known = site.survey.method;
    let ways = known.map_or_else(|| ways(&site.survey), |method| vec![method]);
    let (mut missed, mut refusals) = (None, Vec::new());
    for method in ways {
        // The lab is given the site as far as it is known.
        let now = Lab::continuing(Rc::new(site.clone()), lab);
        match now.login_by(account, method).await {
            Ok((session, reply)) if reply.is_ok() => {
                site.survey.method = Some(method);
                observe_refusals(site, method, session.tls().is_some(), refusals);
                return Ok(session);
            }
            Ok((_, reply)) if known.is_none() && is_way_refused(&now, account, method, &reply).await => {
                missed = missed.or(Some(Stop::Inconclusive(reply.seen())));
                refusals.push((method, reply));
            }
            Ok((_, reply)) if is_busy(&reply) => {
                account.stick();
                return Err(Missed::Way(Stop::Inconclusive(format!(
                    "the maildrop stays busy: {}",
                    reply.seen()
                ))));
            }
            Ok((mut session, reply)) => {
                // What is refused and then answered once more is no matter of the password.
                return Err(match session.surplus(site.patience.quiet).await {
                    // A refusal more may be a farewell.
                    Some(more) if more.starts_with("`+OK") => {
                        Missed::Way(answered_twice(site, &reply, &more))
                    }
                    _ => Missed::Password(method, reply),
                });
            }
            Err(stop @ Stop::Skipped(_)) => return Err(Missed::Way(stop)),
            Err(stop) => missed = missed.or(Some(stop)),
        }
    }
    Err(Missed::Way(missed.unwrap_or_else(|| Stop::Inconclusive("no way to log in is offered".to_owned()))))
}

/// A login got two answers, so which of them is meant cannot be told; what was seen is kept for its check.
fn answered_twice(site: &mut Site, reply: &Reply, more: &str) -> Stop {
    let seen = format!("{}, and then {more} came although nothing was asked", reply.seen());
    site.survey.observations.push(Observation { id: "rfc1939.frame.one-reply", seen: seen.clone() });
    Stop::Inconclusive(seen)
}

/// Whether a way to log in was refused as such, and not the password: before it was given, or without a look at it.
async fn is_way_refused(lab: &Lab, account: &Account, method: Method, reply: &Reply) -> bool {
    match method {
        Method::UserPass => reply.command.starts_with("USER"),
        Method::Apop => false,
        Method::Sasl(mechanism) => {
            if blames_credentials(reply) {
                return false;
            }
            // Without credentials: a mechanism that works begins an exchange.
            let Ok(mut session) = lab.connect().await else { return false };
            let bare = session.command(format!("AUTH {}", mechanism.name())).await;
            let refused = bare.is_ok_and(|bare| bare.is_err());
            if refused {
                account.forgive(method);
            }
            refused
        }
    }
}

/// Ways to log in that are announced and refuse everybody. In cleartext a policy may be behind it, unless another way
/// that shows the password was taken there.
fn observe_refusals(site: &mut Site, taken: Method, protected: bool, refusals: Vec<(Method, Reply)>) {
    let shown = matches!(taken, Method::UserPass | Method::Sasl(Mechanism::Plain | Mechanism::Login));
    for (method, reply) in refusals {
        let announced = match method {
            Method::UserPass => site.survey.announces("USER"),
            Method::Apop => false,
            Method::Sasl(mechanism) => site.survey.mechanisms().iter().any(|name| name == mechanism.name()),
        };
        if announced && (shown || protected) {
            site.survey.user_refused |= method == Method::UserPass;
            let seen = format!("{method} is announced, but {}; {taken} works", reply.seen());
            site.survey.observations.push(Observation { id: "rfc2449.capa.truthful", seen });
        }
    }
}

/// What may work, the likeliest first.
fn ways(survey: &Survey) -> Vec<Method> {
    let announced = survey.mechanisms();
    let offers = |mechanism: &Mechanism| announced.iter().any(|name| name == mechanism.name());
    let user = survey.capabilities.is_none() || survey.announces("USER");
    let mut ways = Vec::new();
    if user {
        ways.push(Method::UserPass);
    }
    if offers(&Mechanism::Plain) {
        ways.push(Method::Sasl(Mechanism::Plain));
    }
    let others = Mechanism::ALL.iter().filter(|known| **known != Mechanism::Plain && offers(known));
    ways.extend(others.map(|known| Method::Sasl(*known)));
    if survey.timestamp().is_some() {
        ways.push(Method::Apop);
    }
    if !user {
        ways.push(Method::UserPass);
    }
    ways
}

/// What the session offers, if it is the first one, and where the fixtures are.
async fn look_into(lab: &Lab, site: &mut Site, account: &Rc<Account>, mut session: Session, first: bool) {
    if first {
        offers(site, session).await;
        let lab = Lab::continuing(Rc::new(site.clone()), lab);
        match lab.login_to(account).await {
            Ok(again) => session = again,
            Err(stop) => {
                // Nobody else is in that maildrop: what keeps it busy is the session that has just been let go.
                if account.is_stuck() {
                    site.survey.lock_outlives = true;
                    let (id, when) =
                        ("practice.lock.released-on-loss", "a connection was closed without QUIT");
                    stays_busy(site, account, id, when, stop, "end with QUIT where they marked nothing");
                }
                return;
            }
        }
    }
    if account.role == Role::Fixtures {
        let lab = Lab::continuing(Rc::new(site.clone()), lab);
        // One that is not looked through in time is left out, so that there is time to judge.
        let looking = fixtures::index(&lab, site, account, session);
        let found = match site.until {
            Some(until) => {
                let share = until.saturating_duration_since(Instant::now()) / SHARE_FOR_A_MAILDROP;
                timeout(share, looking).await.ok()
            }
            None => Some(looking.await),
        };
        site.survey.fixtures.extend(found.map(|found| (account.user.clone(), found)));
        lab.farewell().await;
    } else {
        drop(session);
    }
    // A server that wants some time between two logins refuses the next one for a good reason.
    if first && !site.survey.announces("LOGIN-DELAY") {
        leaves(lab, site, account).await;
    }
}

/// Whether QUIT gives the maildrop back. Where it does not, checks that end with QUIT come last.
async fn leaves(lab: &Lab, site: &mut Site, account: &Rc<Account>) {
    let lab = Lab::continuing(Rc::new(site.clone()), lab);
    let Ok(session) = lab.login_to(account).await else { return };
    if session.quit().await.is_err() {
        return;
    }
    let Err(stop) = lab.login_to(account).await else { return };
    if account.is_stuck() {
        site.survey.quit_keeps_lock = true;
        let (id, when) = ("rfc1939.quit.lock-released", "QUIT was answered +OK");
        stays_busy(site, account, id, when, stop, "end without QUIT where that is possible");
    }
}

/// A lock was kept: what was seen, and what sessions do about it.
fn stays_busy(site: &mut Site, account: &Account, id: &'static str, when: &str, stop: Stop, so: &str) {
    let seen = format!("the maildrop of `{}` stayed busy after {when}: {}", account.user, stop.told());
    site.survey.notices.push(format!("{seen}; from now on sessions {so}"));
    site.survey.observations.push(Observation { id, seen });
}

/// What is announced and what works after login. The session is let go without QUIT, as many are.
async fn offers(site: &mut Site, mut session: Session) {
    match session.command("CAPA").await {
        Ok(reply) => site.survey.session_capabilities = listed(&reply),
        Err(mishap) => {
            let seen = format!("after login: {mishap}");
            site.survey.observations.push(Observation { id: "rfc2449.capa.both-states", seen });
            return;
        }
    }
    let asked = session.command("UIDL 1").await;
    let listed = session.command("UIDL").await;
    site.survey.has_uidl = asked.is_ok_and(|reply| reply.is_ok()) || listed.is_ok_and(|reply| reply.is_ok());
    site.survey.has_top =
        session.command("TOP 1 0").await.is_ok_and(|reply| reply.is_ok()) || site.survey.announces("TOP");
}

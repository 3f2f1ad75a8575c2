//! Checks of the SASL mechanisms, one file each, and the small steps that these and the checks of AUTH share.
//!
//! Base64 of credentials is made known to the journal here, so that no check can forget it. Nothing here judges
//! more than its name says.

pub(crate) mod anonymous;
pub(crate) mod cram_md5;
pub(crate) mod external;
pub(crate) mod oauth;
pub(crate) mod plain;
pub(crate) mod scram;
pub(crate) mod scram_bound;
pub(crate) mod scram_setup;

use std::rc::Rc;

use mail::Role;
use sasl::{Mechanism, base64};

use crate::accounts::Account;
use crate::check::sections;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, skipped};
use crate::refusal::is_busy;
use crate::reply::Reply;
use crate::session::{NextAnswer, Session};

sections! { anonymous, cram_md5, external, oauth, plain, scram, scram_setup }

/// Octets of a command line, CRLF included (RFC 5034 section 4, RFC 2449 section 4).
pub(crate) const COMMAND_AT_MOST: usize = 255;

/// The base64 of credentials, which from now on appears nowhere.
pub(crate) fn encoded(lab: &Lab, octets: impl AsRef<[u8]>) -> String {
    let text = base64::encode(octets);
    lab.journal().secret(text.as_bytes());
    text
}

/// The base64 of an answer to a challenge, which from now on appears nowhere, in no other conversation either.
pub(crate) fn answer(lab: &Lab, octets: impl AsRef<[u8]>) -> String {
    login::known(lab.journal(), octets.as_ref())
}

/// The base64 of an account's PLAIN message.
pub(crate) fn credentials(lab: &Lab, account: &Account) -> String {
    let text = base64::encode(sasl::plain::message("", &account.user, account.password()));
    lab.journal().secret(text.as_bytes());
    text
}

/// Goes on where a mechanism is announced on the channel that logins use.
pub(crate) fn needs(lab: &Lab, mechanism: Mechanism) -> Outcome {
    if lab.survey().mechanisms().iter().any(|name| name == mechanism.name()) {
        return Ok(());
    }
    skipped(format!("the server does not announce {mechanism}"))
}

/// The plainest announced mechanism that poplab speaks.
pub(crate) fn plainest(lab: &Lab) -> Result<Mechanism, Stop> {
    let announced = lab.survey().mechanisms();
    match Mechanism::ALL.into_iter().find(|known| announced.iter().any(|name| name == known.name())) {
        Some(mechanism) => Ok(mechanism),
        None => skipped("the server announces no SASL mechanism that poplab speaks"),
    }
}

/// A connection on which AUTH without an initial response was answered with a challenge.
pub(crate) async fn challenged(lab: &Lab, mechanism: Mechanism) -> Result<(Session, Reply), Stop> {
    let mut session = lab.connect_for_login().await?;
    let reply = session.command(format!("AUTH {mechanism}")).await?;
    if reply.continuation {
        return Ok((session, reply));
    }
    inconclusive(format!("{}, so the exchange could not go on", reply.seen()))
}

/// Gives one response to the first challenge of a mechanism; the reply is what the check is about.
pub(crate) async fn answered(
    lab: &Lab,
    mechanism: Mechanism,
    response: impl AsRef<[u8]>,
) -> Result<(Session, Reply), Stop> {
    let (mut session, _) = challenged(lab, mechanism).await?;
    let reply = session.respond(response).await.judged()?;
    Ok((session, reply))
}

/// PLAIN with the right credentials as initial response, on a channel that has seen no other command.
pub(crate) async fn plain_at_once(lab: &Lab, account: &Rc<Account>) -> Result<(Session, Reply), Stop> {
    let line = format!("AUTH PLAIN {}", credentials(lab, account));
    if line.len() + 2 > COMMAND_AT_MOST {
        return skipped("the credentials are too long for one command line");
    }
    unhurried(lab, account, Mechanism::Plain, async |session| session.command(&line).await.judged()).await
}

/// PLAIN with the right credentials on a line of their own.
pub(crate) async fn plain_in_two_steps(lab: &Lab, account: &Rc<Account>) -> Result<(Session, Reply), Stop> {
    let encoded = credentials(lab, account);
    unhurried(lab, account, Mechanism::Plain, async |session| {
        let reply = session.command("AUTH PLAIN").await?;
        if !reply.continuation {
            return inconclusive(format!("{}, so the exchange could not go on", reply.seen()));
        }
        session.respond(&encoded).await.judged()
    })
    .await
}

/// PLAIN with the right credentials and this authorization identity, tried again while the maildrop is busy. For
/// disposable accounts: a server may count a refusal as a wrong password.
pub(crate) async fn authorized(
    lab: &Lab,
    account: &Rc<Account>,
    identity: &str,
) -> Result<(Session, Reply), Stop> {
    let encoded = encoded(lab, sasl::plain::message(identity, &account.user, account.password()));
    lab.unhurried(account, async |session, _greeting| {
        let line = format!("AUTH PLAIN {encoded}");
        if line.len() + 2 <= COMMAND_AT_MOST {
            let reply = session.command(line).await.judged()?;
            // A server that ignores initial responses is judged by rfc5034.auth.initial-response.
            return if reply.continuation { session.respond(&encoded).await.judged() } else { Ok(reply) };
        }
        let reply = session.command("AUTH PLAIN").await?;
        if reply.continuation { session.respond(&encoded).await.judged() } else { Ok(reply) }
    })
    .await
}

/// A login with the right password by an exchange of this mechanism, tried again while the maildrop is busy. Where the
/// password was refused before it is not given.
pub(crate) async fn unhurried(
    lab: &Lab,
    account: &Rc<Account>,
    mechanism: Mechanism,
    exchange: impl AsyncFn(&mut Session) -> Result<Reply, Stop>,
) -> Result<(Session, Reply), Stop> {
    let method = Method::Sasl(mechanism);
    account.may_try(method).or_else(inconclusive)?;
    let watched = async |session: &mut Session, _greeting: &Reply| {
        let before = session.refusals();
        let mut answer = exchange(session).await;
        match &mut answer {
            Ok(reply) => login::remember(account, method, Ok(reply)),
            Err(_) if session.refusals() > before => account.refused(method),
            Err(_) if session.has_ended() => account.unanswered(method),
            Err(_) => {}
        }
        answer
    };
    let (session, reply) = lab.unhurried(account, watched).await?;
    if is_busy(&reply) {
        return inconclusive(format!("the maildrop of `{}` stays busy: {}", account.user, reply.quoted()));
    }
    Ok((session, reply))
}

/// The disposable account, or `None` where there is no such role: wrong credentials are then made up.
pub(crate) async fn disposable(lab: &Lab) -> Result<Option<Rc<Account>>, Stop> {
    match lab.account(Role::Disposable).await {
        Ok(account) => Ok(Some(account)),
        Err(Stop::Skipped(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Requires that the next command gets its own reply: one surplus line before would take its place.
///
/// # Errors
/// [`Stop::Fail`] if an answer is too many, or CAPA is refused that works elsewhere; an orderly end is `Ok(false)`, and the
/// caller's to judge.
pub(crate) async fn in_step(session: &mut Session, after: &str) -> Result<bool, Stop> {
    match session.next_answer().await {
        // A line of the list is a tag: what looks like a status line is the answer to CAPA, and the one before was too many.
        Ok(NextAnswer::List(octets)) if !begins_like_status(&octets) => Ok(true),
        Ok(NextAnswer::List(_) | NextAnswer::Other) => {
            fail(format!("{after}; then CAPA got two answers, so one was to the line before"))
        }
        // Who has had enough of bad commands says so and goes.
        Ok(NextAnswer::Refused) if session.knows_capa() && !session.has_ended() => {
            fail(format!("{after}; then CAPA was refused, which works on other connections"))
        }
        Ok(NextAnswer::Refused) => Ok(!session.has_ended()),
        Err(Mishap::Closed { .. }) => Ok(false),
        Err(mishap) => Err(mishap.into()),
    }
}

/// Whether octets begin as a status line does.
pub(crate) fn begins_like_status(octets: &[u8]) -> bool {
    octets.starts_with(b"+OK") || octets.starts_with(b"-ERR")
}

/// Requires that the connection is in step, if it is still there: behind a refusal a server may close it (RFC 1939 section
/// 4).
pub(crate) async fn require_usable(session: &mut Session, after: &str) -> Outcome {
    if in_step(session, after).await? || session.ended_behind_refusal() {
        return Ok(());
    }
    fail(format!("{after}; then the connection ended, but it should have stayed usable"))
}

/// Requires TRANSACTION. A server that is broken in STAT alone is judged elsewhere.
pub(crate) async fn require_transaction(session: &mut Session, after: &str) -> Outcome {
    let stat = session.command("STAT").await.judged()?;
    if stat.is_ok() || session.command("NOOP").await.judged()?.is_ok() {
        return Ok(());
    }
    fail(format!("after {after}, {} and NOOP was refused too; TRANSACTION was required", stat.seen()))
}

//! RFC 1939 section 4: the exclusive-access lock.
//!
//! Whether two sessions may be in one maildrop is left to the server (A2); judged is what it does to them.

use std::rc::Rc;
use std::time::Duration;

use mail::{Marker, Role};
use proto::Deviation;
use tokio::time::{Instant, sleep};

use super::maildrop::{Maildrop, numbers};
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require};
use crate::refusal::{is_busy, is_delayed, is_momentary, speaks_of_lock};
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc1939.lock.effect" => effect,
    "rfc1939.lock.refusal" => refusal,
    "rfc1939.lock.after-auth-only" => after_auth_only [wrong_password],
    "practice.lock.released-on-loss" => released_on_loss [may_leave_lock],
}

/// A server may take this long to notice that a client is gone.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at whether it has.
const BETWEEN_LOGINS: Duration = Duration::from_millis(500);

/// RFC 1939 §4: While a session is in TRANSACTION its messages are not changed or removed by others (the
/// purpose of the exclusive lock).
///
/// The catalogue's A and B change places: the session that removes has to be the one that saw all markers.
async fn effect(lab: &Lab) -> Outcome {
    let mut remover = lab.deletable(2).await?;
    let account = remover.account()?;
    let (mut reader, reply) = login_once(lab, &account).await?;
    if !reply?.is_ok() {
        // One session at a time: nobody can take away what another looks at.
        return Ok(());
    }
    let whole = reader.assume_ok("RETR 1").await?;
    let before = Maildrop::before_marks(&mut reader, lab).await?;
    let listed: Vec<u64> = before.messages.iter().map(|held| held.number).collect();
    let Some(first) = before.messages.first().filter(|held| held.number == 1) else {
        return inconclusive("message 1 is not there");
    };
    remover.assume_ok("DELE 1").await?;
    remover.quit().await?;

    let what = format!("two sessions were admitted and one of them removed {}", first.told());
    match reader.command("RETR 1").await {
        // The body alone: a server may keep a note of the first retrieval in the header.
        Ok(reply) if reply.is_ok() => require(
            Marker::parse(reply.octets()) == Marker::parse(whole.octets())
                && mail::body(reply.octets()) == mail::body(whole.octets()),
            || format!("{what}; then RETR 1 in the other gave another message or other content"),
        )?,
        // A moment's trouble says nothing of the lock.
        Ok(reply) if is_momentary(&reply) => return inconclusive(format!("{what}; then {}", reply.seen())),
        Ok(reply) => return fail(format!("{what}; then in the other {}", reply.seen())),
        Err(mishap @ Mishap::Closed { .. }) => return fail(format!("{what}; then {mishap}")),
        Err(mishap) => return Err(mishap.into()),
    }
    let now = numbers(&reader.assume_ok("LIST").await?)?;
    let shifted = listed.iter().find(|number| !now.contains(number));
    require(shifted.is_none(), || {
        format!(
            "{what}; RETR 1 in the other still works, but of its {} messages LIST now gives {}",
            listed.len(),
            now.len()
        )
    })
}

/// RFC 1939 §4: If the lock cannot be had, the final authentication step is answered -ERR and the session
/// stays in AUTHORIZATION.
async fn refusal(lab: &Lab) -> Outcome {
    let mut first = lab.login(Role::Fixtures).await?;
    let account = first.account()?;
    first.assume_ok("STAT").await?;
    let (mut second, reply) = login_once(lab, &account).await?;
    // A server may make the second one wait for the first (inconclusive, as a time-out is), but not say nothing.
    let reply = reply.judged()?;
    // What was not read as one of the two words is neither an admission nor a refusal; the word is judged elsewhere.
    assume(!reply.deviations.contains(Deviation::StatusWord) && (reply.is_ok() || reply.is_err()), || {
        format!("a second login was answered {}, which is neither `+OK` nor `-ERR`", reply.quoted())
    })?;
    let stat = second.command("STAT").await;
    let outcome = match (reply.is_ok(), stat) {
        (true, stat) => {
            let stat = stat.judged()?;
            require(stat.is_ok(), || {
                format!("a second login was answered {}, but then {}", reply.quoted(), stat.seen())
            })
        }
        // RFC 1939 section 4: after a refusal the server may close.
        (false, Err(Mishap::Closed { .. })) => Ok(()),
        (false, Err(mishap)) => Err(mishap.judged()),
        (false, Ok(stat)) => require(stat.is_err(), || {
            format!("a second login was refused with {}, but then {}", reply.quoted(), stat.seen())
        }),
    };
    drop(first);
    outcome
}

/// RFC 1939 §4: The lock is taken only after successful authentication: USER alone or a wrong password blocks
/// nobody.
async fn after_auth_only(lab: &Lab) -> Outcome {
    lab.user_works()?;
    // A wrong password is given, so this is for an account kept for that.
    let account = lab.account(Role::Disposable).await?;
    let mut named = lab.connect_for_login().await?;
    named.assume_ok(format!("USER {}", account.user)).await?;
    admitted(lab, &account, named, "while another connection has said USER").await?;

    let mut wrong = lab.connect_for_login().await?;
    wrong.assume_ok(format!("USER {}", account.user)).await?;
    let reply = wrong.command(format!("PASS wrong-{}", &lab.nonce()[..8])).await?;
    assume(reply.is_err(), || format!("a wrong password was answered {}", reply.quoted()))?;
    admitted(lab, &account, wrong, "while another connection has given a wrong password").await
}

/// RFC 1939 §4, §6: After an abrupt disconnect the lock is gone within a short time.
///
/// Whoever lost the network reads mail again at once.
async fn released_on_loss(lab: &Lab) -> Outcome {
    let sound = lab.site().pool.has_sound(Role::Fixtures) || !lab.site().pool.has_sound(Role::Second);
    let session = lab.login(if sound { Role::Fixtures } else { Role::Second }).await?;
    let account = session.account()?;
    session.reset();
    let lost = Instant::now();
    loop {
        let (session, reply) = login_once(lab, &account).await?;
        let reply = reply?;
        let passed = lost.elapsed();
        if reply.is_ok() {
            drop(session);
            return require(passed <= RELEASED_WITHIN, || {
                format!(
                    "after a connection that was reset the maildrop stayed busy for {} s; {} s at most are good practice",
                    passed.as_secs(),
                    RELEASED_WITHIN.as_secs()
                )
            });
        }
        assume(is_busy(&reply) && !is_delayed(&reply), || {
            format!("the login after a connection that was reset was answered {}", reply.quoted())
        })?;
        if passed >= lab.site().patience.answer {
            return fail(format!(
                "{} s after a connection was reset the maildrop is still busy: {}",
                passed.as_secs(),
                reply.quoted()
            ));
        }
        drop(session);
        sleep(BETWEEN_LOGINS).await;
    }
}

/// One login must succeed while the other connection is there: nobody is logged in on it.
async fn admitted(lab: &Lab, account: &Rc<Account>, other: Session, meanwhile: &str) -> Outcome {
    let began = Instant::now();
    let (session, reply) = loop {
        let (mut session, reply) = login_once(lab, account).await?;
        let reply = reply?;
        if reply.is_ok() {
            // So that it is a session like any other.
            session.assume_ok("LIST").await?;
            session.quit().await?;
            return Ok(());
        }
        // What a session before this one left locked is free after a while, with the other connection still there.
        if !is_busy(&reply) || began.elapsed() >= RELEASED_WITHIN {
            break (session, reply);
        }
        drop(session);
        sleep(BETWEEN_LOGINS).await;
    };
    let seen = format!("{meanwhile}, the login was refused: {}", reply.quoted());
    // Anything else may be throttling, which is right after a wrong password.
    assume(speaks_of_lock(&reply), || seen.clone())?;
    // If the other connection is what locks, the lock goes with it.
    drop((session, other));
    match lab.login_to(account).await {
        Ok(_) => fail(seen),
        Err(stop) => inconclusive(format!("{seen}; when the other connection had ended, {}", stop.told())),
    }
}

/// One login by the usual method, without asking a busy maildrop again; the reply to its last step is the caller's
/// to judge.
///
/// # Errors
/// [`Stop::Inconclusive`] if it does not get that far, [`Stop::Skipped`] if no password may be sent here.
pub(super) async fn login_once(
    lab: &Lab,
    account: &Rc<Account>,
) -> Result<(Session, Result<Reply, Mishap>), Stop> {
    lab.login_once(account).await
}

//! RFC 1939 section 4: whether the lock keeps the messages of a session as they are, by whatever way that logged in and
//! whatever it has said since.
//!
//! A server that lets nobody in beside a session has kept its messages. Only where somebody is let in that session looks at
//! every message, removes the first one, and the other is asked for it.

use std::rc::Rc;

use mail::Marker;

use super::maildrop::{Maildrop, numbers};
use super::s4_lock::{by, login_once};
use super::s4_states::announced;
use crate::accounts::Account;
use crate::check::checks;
use crate::deletion::NO_SUCH;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{Mishap, Outcome, Stop, fail, inconclusive, require, skipped};
use crate::refusal::is_momentary;
use crate::session::Session;

checks! {
    "rfc1939.lock.effect" => effect,
}

/// Ways to log in with SASL that are tried: the code behind AUTH is mostly the same for all.
const MECHANISMS: usize = 2;

/// RFC 1939 §4: While a session is in TRANSACTION its messages are not changed or removed by others (the
/// purpose of the exclusive lock).
///
/// The catalogue's A and B change places: the session that removes has to be the one that saw all markers.
async fn effect(lab: &Lab) -> Outcome {
    // With mail that may be removed.
    let session = lab.deletable(2).await?;
    let account = session.account()?;
    session.close().await;
    let Some(usual) = lab.survey().method else { return skipped("no way to log in is known") };
    let Some(mut reader) = by(lab, &account, usual).await? else {
        return inconclusive(format!("the maildrop of `{}` was not to be had again", account.user));
    };
    if undisturbed(lab, &account, &mut reader, "").await? == Beside::LetIn {
        // Without a lock there is nothing that another way of logging in could fail to take.
        return Ok(());
    }
    for said in ["RSET", &format!("LIST {NO_SUCH}")] {
        reader.command(said).await?;
        // Who ends a session behind a refusal gives up its lock.
        if reader.has_ended() {
            break;
        }
        undisturbed(lab, &account, &mut reader, &format!(", which said {said},")).await?;
    }
    reader.close().await;
    for way in other_ways(lab, usual) {
        let Some(mut reader) = by(lab, &account, way).await? else { continue };
        undisturbed(lab, &account, &mut reader, &format!(" by {way}")).await?;
        reader.close().await;
    }
    Ok(())
}

/// Every kind of login but the usual one.
fn other_ways(lab: &Lab, usual: Method) -> Vec<Method> {
    let (sasl, others): (Vec<Method>, Vec<Method>) = announced(lab)
        .into_iter()
        .filter(|way| *way != usual)
        .partition(|way| matches!(way, Method::Sasl(_)));
    others.into_iter().chain(sasl.into_iter().take(MECHANISMS)).collect()
}

/// What came of a login beside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    LetIn,
    Refused,
}

/// Whether somebody who is let in beside this session can take nothing away from it.
async fn undisturbed(
    lab: &Lab,
    account: &Rc<Account>,
    reader: &mut Session,
    told: &str,
) -> Result<Beside, Stop> {
    let (remover, reply) = login_once(lab, account).await?;
    if !reply?.is_ok() {
        // One session at a time: nobody can take away what another looks at.
        return Ok(Beside::Refused);
    }
    let admitted = format!("a second session was let in beside a first{told}");
    let whole = match reader.command("RETR 1").await {
        Ok(reply) if reply.is_ok() => reply,
        // Its lock went with it.
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(Beside::Refused),
        Ok(reply) if is_momentary(&reply) => {
            return inconclusive(format!("{admitted}; then in the first {}", reply.seen()));
        }
        Ok(reply) => return fail(format!("{admitted}; then in the first {}", reply.seen())),
        Err(mishap @ Mishap::Closed { .. }) => return fail(format!("{admitted}; then {mishap}")),
        Err(mishap) => return Err(mishap.into()),
    };
    let listed = numbers(&reader.assume_ok("LIST").await?)?;
    let mut remover = lab.permitted(remover, 2).await?;
    let before = Maildrop::before_marks(&mut remover, lab).await?;
    let Some(first) = before.messages.iter().find(|held| held.number == 1) else {
        return inconclusive("message 1 is not there");
    };
    if Marker::parse(whole.octets()).as_ref() != Some(first.marker()) {
        return inconclusive("message 1 of two sessions is not the same, so there is nothing to take away");
    }
    remover.assume_ok("DELE 1").await?;
    remover.quit().await?;
    let what = format!("{admitted} and removed {}", first.told());
    match reader.command("RETR 1").await {
        // The body alone: a server may keep a note of the first retrieval in the header.
        Ok(reply) if reply.is_ok() => require(
            Marker::parse(reply.octets()) == Marker::parse(whole.octets())
                && mail::body(reply.octets()) == mail::body(whole.octets()),
            || format!("{what}; then RETR 1 in the first gave another message or other content"),
        )?,
        // A moment's trouble says nothing of the lock.
        Ok(reply) if is_momentary(&reply) => return inconclusive(format!("{what}; then {}", reply.seen())),
        Ok(reply) => return fail(format!("{what}; then in the first {}", reply.seen())),
        Err(mishap @ Mishap::Closed { .. }) => return fail(format!("{what}; then {mishap}")),
        Err(mishap) => return Err(mishap.into()),
    }
    let now = numbers(&reader.assume_ok("LIST").await?)?;
    require(listed.is_subset(&now), || {
        format!(
            "{what}; RETR 1 in the first still works, but of its {} messages LIST now gives {}",
            listed.len(),
            now.len()
        )
    })?;
    Ok(Beside::LetIn)
}

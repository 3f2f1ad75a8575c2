//! RFC 1939 sections 7 and 13: right digests in the wrong place, and what the timestamp gives away.
//!
//! Digests are given to accounts with role `disposable` alone, since a server may count them as failures. Each check
//! first sees the right digest accepted: without that its refusal says nothing.

use std::rc::Rc;

use mail::Role;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{
    Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn,
};
use crate::refusal::assume_not_put_off;
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc1939.apop.optional" => optional,
    "rfc1939.apop.timestamp-entropy" => entropy,
    "rfc1939.apop.replay" => replay [wrong_password],
    "rfc1939.apop.upper-hex" => upper_case [wrong_password],
    "rfc1939.apop.or-pass" => or_pass [wrong_password],
    "practice.apop.no-timestamp" => no_timestamp [wrong_password],
}

/// Greetings from which it is told what in a timestamp follows a counter or a clock.
const GREETINGS: usize = 20;

/// RFC 1939 §7: APOP is optional and announced by a timestamp in the greeting.
async fn optional(lab: &Lab) -> Outcome {
    let (_session, greeting) = lab.greeted().await?;
    if sasl::apop::timestamp(&greeting.line).is_some() {
        return Ok(());
    }
    info(format!("the greeting {} has no timestamp: there is no APOP", greeting.quoted()))
}

/// Good practice: The timestamp should not be predictable in full (replay by a fake server).
///
/// A fake server that knows the next timestamp has a client compute the digest for it beforehand.
async fn entropy(lab: &Lab) -> Outcome {
    let mut timestamps = Vec::new();
    for _ in 0..GREETINGS {
        let (_session, greeting) = lab.greeted().await?;
        match sasl::apop::timestamp(&greeting.line) {
            Some(timestamp) => timestamps.push(timestamp.to_owned()),
            None => return inconclusive(format!("the greeting {} has no timestamp", greeting.quoted())),
        }
    }
    if is_foreseeable(&timestamps) && is_counter(&timestamps) {
        return warn(format!(
            "the timestamp is a counter and nothing else, as in {} and {}: all to come are known now",
            timestamps[0],
            timestamps[GREETINGS - 1]
        ));
    }
    if is_foreseeable(&timestamps) {
        return info(format!(
            "all parts of the timestamp stay or count upwards, as in {} and {}: the next one can be foreseen",
            timestamps[0],
            timestamps[GREETINGS - 1]
        ));
    }
    Ok(())
}

/// Smaller numbers are no clock, in seconds or otherwise.
const CLOCK_AT_LEAST: u64 = 100_000_000;

/// Whether all that changes in the timestamps is a small number that always goes up, so that no clock is in them.
fn is_counter(timestamps: &[String]) -> bool {
    let rows: Vec<Vec<&str>> = timestamps
        .iter()
        .map(|timestamp| timestamp.split(|letter: char| !letter.is_ascii_alphanumeric()).collect())
        .collect();
    let counts = |at: usize| {
        let numbers: Option<Vec<u64>> = rows.iter().map(|row| row.get(at)?.parse().ok()).collect();
        numbers.is_some_and(|all| {
            all.windows(2).all(|pair| pair[0] < pair[1]) && all.iter().all(|number| *number < CLOCK_AT_LEAST)
        })
    };
    // A clock of seconds stays for one; with a process id beside it, it is the example of RFC 1939 section 7.
    let is_clock = |part: &str| part.parse::<u64>().is_ok_and(|number| number >= CLOCK_AT_LEAST);
    let stays = |at: usize| rows.iter().all(|row| row.get(at) == rows[0].get(at)) && !is_clock(rows[0][at]);
    (0..rows[0].len()).all(|at| stays(at) || counts(at))
}

/// Whether each part of the timestamps, in the order in which they came, stays the same or never goes down.
fn is_foreseeable(timestamps: &[String]) -> bool {
    let parts = |timestamp: &str| -> Vec<String> {
        timestamp.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    let rows: Vec<Vec<String>> = timestamps.iter().map(|timestamp| parts(timestamp)).collect();
    let width = rows.iter().map(Vec::len).max().unwrap_or_default();
    if rows.iter().any(|row| row.len() != width) {
        return false;
    }
    // Of equal length letters and digits order as numbers do, in whatever base.
    let key = |row: &Vec<String>, at: usize| (row[at].len(), row[at].to_ascii_lowercase());
    (0..width).all(|at| rows.windows(2).all(|pair| key(&pair[0], at) <= key(&pair[1], at)))
}

/// A session before login with its timestamp, and the account whose digest was accepted a moment ago.
pub(super) async fn with_secret(lab: &Lab) -> Result<Rc<Account>, Stop> {
    let account = lab.account(Role::Disposable).await?;
    let (_session, reply) = lab.login_by(&account, Method::Apop).await?;
    assume_not_put_off(&reply)?;
    assume(reply.is_ok(), || {
        format!("the right digest was answered {}, so wrong ones would say nothing", reply.quoted())
    })?;
    Ok(account)
}

pub(super) async fn greeted(lab: &Lab) -> Result<(Session, String), Stop> {
    let (session, greeting) = lab.opened_for_login().await?;
    match sasl::apop::timestamp(&greeting.line) {
        Some(timestamp) => Ok((session, timestamp.to_owned())),
        None => inconclusive(format!("the greeting {} has no timestamp", greeting.quoted())),
    }
}

/// The reply to a digest that is no secret's business to anybody else.
pub(super) async fn apop(session: &mut Session, account: &Account, digest: &str) -> Result<Reply, Mishap> {
    session.journal().answer(digest.as_bytes());
    session.command(format!("APOP {} {digest}", account.user)).await
}

/// RFC 1939 §7 APOP, §13: A digest from one connection is useless on another.
async fn replay(lab: &Lab) -> Outcome {
    let account = with_secret(lab).await?;
    tokio::time::sleep(account.linger()).await;
    let (old, overheard) = greeted(lab).await?;
    let digest = sasl::apop::digest(&overheard, account.password());
    // While the connection of the timestamp is there, and when it is gone.
    let (mut meanwhile, fresh) = greeted(lab).await?;
    assume(fresh != overheard, || format!("two greetings had the timestamp {fresh}"))?;
    refused(&mut meanwhile, &account, &digest, "while that connection is open").await?;
    drop((old, meanwhile));
    let (mut afterwards, fresh) = greeted(lab).await?;
    assume(fresh != overheard, || format!("two greetings had the timestamp {fresh}"))?;
    refused(&mut afterwards, &account, &digest, "when that connection had ended").await
}

async fn refused(session: &mut Session, account: &Account, digest: &str, when: &str) -> Outcome {
    let reply = match apop(session, account, digest).await {
        Err(Mishap::Closed { .. }) => return Ok(()),
        reply => reply.judged()?,
    };
    require(reply.is_err(), || {
        format!(
            "{when}, a digest that belongs to the timestamp of another connection was answered {}",
            reply.quoted()
        )
    })
}

/// RFC 1939 §7 APOP: Clients send lower-case hex; whether a server accepts upper case is open.
async fn upper_case(lab: &Lab) -> Outcome {
    let account = with_secret(lab).await?;
    tokio::time::sleep(account.linger()).await;
    let (mut session, timestamp) = greeted(lab).await?;
    let digest = sasl::apop::digest(&timestamp, account.password());
    session.journal().answer(digest.as_bytes());
    let reply = apop(&mut session, &account, &digest.to_ascii_uppercase()).await.judged()?;
    if reply.is_ok() {
        return info("a digest in upper case is accepted too");
    }
    require(reply.is_err(), || format!("a digest in upper case was answered {}", reply.quoted()))
}

/// RFC 1939 §13: One mailbox should not be reachable by both APOP and USER/PASS.
///
/// The reason is that PASS shows the password on the network, which it does not inside TLS, nor on this machine: there it is
/// told and no more.
async fn or_pass(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = with_secret(lab).await?;
    let (session, reply) = lab.login_by(&account, Method::UserPass).await?;
    if !reply.is_ok() {
        return Ok(());
    }
    let seen = format!("`{}` can log in both by APOP and by USER and PASS", account.user);
    let unseen = session.tls().is_some() || lab.site().permissions.loopback;
    if unseen { info(seen) } else { warn(format!("{seen}, which shows the password in cleartext")) }
}

/// RFC 1939 §7 APOP: A server without a timestamp in its greeting refuses APOP.
async fn no_timestamp(lab: &Lab) -> Outcome {
    let (mut session, greeting) = lab.opened_for_login().await?;
    if let Some(timestamp) = sasl::apop::timestamp(&greeting.line) {
        return skipped(format!("the greeting has the timestamp {timestamp}"));
    }
    let reply = session.command("APOP poplab-nobody 0123456789abcdef0123456789abcdef").await.judged()?;
    require(reply.is_err(), || format!("the greeting has no timestamp, and {}", reply.seen()))?;
    // A digest over nothing at all would be as good as a password.
    let Ok(account) = lab.account(Role::Disposable).await else { return Ok(()) };
    let (mut session, _) = lab.opened_for_login().await?;
    let digest = sasl::apop::digest("", account.password());
    let reply = apop(&mut session, &account, &digest).await.judged()?;
    if reply.is_ok() {
        return fail("the greeting has no timestamp, and APOP with a digest of the password alone logged in");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_clocks_are_foreseen_and_chance_is_not() {
        let made = |part: &dyn Fn(usize) -> String| -> Vec<String> {
            (0..GREETINGS).map(|at| format!("<{}.{}@host>", 1_000 + at, part(at))).collect()
        };
        assert!(is_foreseeable(&made(&|at| (1_700_000_000 + at / 3).to_string())));
        assert!(is_foreseeable(&made(&|at| format!("{:x}", 0xfff0 + at))));
        assert!(is_counter(&made(&|_| "pop".to_owned())));
        assert!(!is_counter(&made(&|at| (1_700_000_000 + at / 3).to_string())));
        assert!(!is_counter(&made(&|_| "1700000000".to_owned())));
        assert!(!is_foreseeable(&made(&|at| mail::digest(at.to_string().as_bytes())[..8].to_owned())));
    }
}

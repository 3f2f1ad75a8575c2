//! RFC 1939 section 7: APOP, its timestamp and what is refused.
//!
//! Digests, the right one too, are given to accounts with role `disposable` only. Those that are made from a password are
//! kept out of all that is shown.

use std::collections::HashSet;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

use super::s7_apop_digests::{apop, greeted, with_secret};
use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped};
use crate::refusal::{assume_not_put_off, says_unknown};
use crate::reply::{Reply, quote};
use crate::timestamp::{bracketed, meant_timestamps};
use crate::together::together;
use sasl::apop::digest as digest_of;

checks! {
    "rfc1939.apop.timestamp-syntax" => timestamp_syntax,
    "rfc1939.apop.timestamp-unique" => timestamp_unique,
    "rfc1939.apop.login" => digest [wrong_password],
    "rfc1939.apop.bad" => bad [wrong_passwords],
    "rfc1939.apop.syntax" => syntax [wrong_password],
}

/// So long greetings are asked for one after the other.
const IN_TURN_AT_MOST: Duration = Duration::from_mins(1);

/// RFC 1939 §7 APOP: The timestamp has the form of an RFC 822 msg-id: angle brackets, local part, "@",
/// domain.
async fn timestamp_syntax(lab: &Lab) -> Outcome {
    let (_session, greeting) = lab.greeted().await?;
    match meant_timestamps(&greeting.line)[..] {
        [] => unlike_a_timestamp(lab, &greeting).await,
        [timestamp] => require(sasl::apop::is_timestamp(timestamp), || {
            format!("the greeting has {}, which is not of the form <local@domain>", quote(timestamp))
        }),
        ref several => fail(format!("the greeting has {} timestamps: {}", several.len(), greeting.quoted())),
    }
}

/// What stands in angle brackets and has no at sign may be a product's name. Where it is another text each time, and APOP is
/// known, it is meant as a timestamp.
async fn unlike_a_timestamp(lab: &Lab, greeting: &Reply) -> Outcome {
    let none = || skipped(format!("no timestamp in the greeting {}", greeting.quoted()));
    let [text] = bracketed(&greeting.line)[..] else { return none() };
    let (_session, another) = lab.greeted().await?;
    let texts = bracketed(&another.line);
    if texts.is_empty() || texts.contains(&text) {
        return none();
    }
    let unknown = lab.connect().await?.command("XYZZY").await?;
    let mut session = lab.connect_for_login().await?;
    let reply = session.command("APOP poplab-nobody 0123456789abcdef0123456789abcdef").await?;
    if says_unknown(&reply) || reply.line == unknown.line {
        return none();
    }
    fail(format!(
        "the greeting has {}, another text each time, and APOP is known ({}); a timestamp has the form <local@domain>",
        quote(text),
        reply.seen()
    ))
}

/// RFC 1939 §7 APOP: Every greeting carries a different timestamp.
async fn timestamp_unique(lab: &Lab) -> Outcome {
    // Fewer on servers that other people use too.
    let (in_turn, at_once) = if lab.site().permissions.loopback { (150, 50) } else { (25, 10) };
    let (mut seen, began) = (HashSet::new(), Instant::now());
    for _ in 0..in_turn {
        // A server that takes its time for each greeting is not kept for minutes.
        if began.elapsed() > IN_TURN_AT_MOST {
            break;
        }
        // One that is lost without a greeting is another requirement's matter.
        let (_session, greeting) = lab.greeted().await?;
        note(&mut seen, timestamp_of(&greeting)?)?;
    }
    let mut missing = 0_u32;
    for result in together((0..at_once).map(|_| timestamp(lab))).await {
        match result {
            Ok(timestamp) => note(&mut seen, timestamp)?,
            // The server may limit how many connections one address has.
            Err(_) => missing += 1,
        }
    }
    assume(missing < at_once, || "no connection was greeted when several were made at once".to_owned())
}

async fn timestamp(lab: &Lab) -> Result<String, Stop> {
    let mut session = lab.connect_raw().await?;
    timestamp_of(&session.greeting().await?.assume_ok()?)
}

fn timestamp_of(greeting: &Reply) -> Result<String, Stop> {
    match sasl::apop::timestamp(&greeting.line) {
        Some(timestamp) => Ok(timestamp.to_owned()),
        None => inconclusive(format!("the greeting {} has no timestamp", greeting.quoted())),
    }
}

fn note(seen: &mut HashSet<String>, timestamp: String) -> Outcome {
    let greetings = seen.len() + 1;
    require(!seen.contains(&timestamp), || {
        format!("greeting {greetings} has the timestamp {timestamp}, which an earlier one had too")
    })?;
    seen.insert(timestamp);
    Ok(())
}

/// RFC 1939 §7 APOP: The MD5 of timestamp (with brackets) and secret in lower-case hex opens the maildrop.
///
/// The timestamp announces APOP, so there must be an APOP. A server can have secrets for some accounts alone, and no client
/// can see for which; so judged is an account whose password is known to be right.
async fn digest(lab: &Lab) -> Outcome {
    if lab.survey().timestamp().is_none() {
        return inconclusive("what stands in angle brackets in the greeting is not a timestamp");
    }
    let account = lab.account(Role::Disposable).await?;
    let unknown = lab.connect().await?.command("XYZZY").await?;
    let (mut session, reply) = lab.login_by(&account, Method::Apop).await?;
    if reply.is_ok() {
        session.require_ok("STAT").await?;
        return Ok(());
    }
    drop(session);
    let is_unknown = reply.line == unknown.line;
    if !is_unknown {
        assume_not_put_off(&reply)?;
    }
    let Some(usual) = lab.survey().method.filter(|method| *method != Method::Apop) else {
        return inconclusive(format!(
            "{}, and there is no other way to see if the password is right",
            reply.seen()
        ));
    };
    let (_session, other) = lab.login_by(&account, usual).await?;
    assume(other.is_ok(), || format!("the password of `{}` is refused by {usual} too", account.user))?;
    let seen = format!(
        "the greeting announces APOP by its timestamp, but the right digest for `{}` was answered {}",
        account.user,
        reply.quoted()
    );
    if is_unknown {
        return fail(format!("{seen}, as an unknown command is"));
    }
    fail(format!("{seen}; {usual} takes the same password"))
}

/// RFC 1939 §7 APOP: A wrong digest gets -ERR and the session stays in AUTHORIZATION.
async fn bad(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    session.require_err(format!("APOP {} 0123456789abcdef0123456789abcdef", account.user)).await?;
    match session.command("STAT").await {
        // RFC 1939 section 4: after a refusal the server may close.
        Err(Mishap::Closed { .. }) => {}
        reply => {
            let reply = reply.judged()?;
            require(reply.is_err(), || {
                format!("after APOP with a wrong digest was refused, {}; `-ERR` was required", reply.seen())
            })?;
        }
    }
    nearly_right(lab).await
}

/// A digest from a timestamp and a secret, not quite as it should be.
type Made = fn(&str, &str) -> String;

/// The digest with the digit at this place changed.
fn changed(digest: &str, place: usize) -> String {
    let other = |letter: char| if letter == '0' { '1' } else { '0' };
    digest.chars().enumerate().map(|(at, letter)| if at == place { other(letter) } else { letter }).collect()
}

/// The right digest with a letter changed, cut, lengthened, or made without the brackets. Where the right one is refused
/// these say nothing.
async fn nearly_right(lab: &Lab) -> Outcome {
    let Ok(account) = with_secret(lab).await else { return Ok(()) };
    tokio::time::sleep(account.linger()).await;
    let ways: [(&str, Made); 6] = [
        ("with its last digit changed", |timestamp, secret| changed(&digest_of(timestamp, secret), 31)),
        ("with its first digit changed", |timestamp, secret| changed(&digest_of(timestamp, secret), 0)),
        ("with a digit in the middle changed", |timestamp, secret| {
            changed(&digest_of(timestamp, secret), 16)
        }),
        ("without its last digit", |timestamp, secret| digest_of(timestamp, secret)[..31].to_owned()),
        ("with one digit more", |timestamp, secret| digest_of(timestamp, secret) + "0"),
        ("of the timestamp without its angle brackets", |timestamp, secret| {
            digest_of(timestamp.trim_matches(['<', '>']), secret)
        }),
    ];
    for (what, made) in ways {
        let (mut session, timestamp) = greeted(lab).await?;
        let digest = made(&timestamp, account.password());
        let reply = apop(&mut session, &account, &digest).await.judged()?;
        require(reply.is_err(), || format!("the digest {what} was answered {}", reply.quoted()))?;
    }
    Ok(())
}

/// RFC 1939 §3, §7 APOP: Missing, short, over-long or non-hex digests are refused.
async fn syntax(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let user = &account.user;
    let arguments = [
        String::new(),
        format!(" {user}"),
        format!(" {user} abc"),
        format!(" {user} {}", "0123456789abcdef".repeat(4)),
        format!(" {user} {}", "z".repeat(32)),
    ];
    for argument in arguments {
        // On a connection of its own: after a refusal the server may close.
        let mut session = lab.connect_for_login().await?;
        session.require_err(format!("APOP{argument}")).await?;
    }
    part_of_right(lab).await
}

/// What is made of a right digest.
type Part = fn(&str) -> String;

/// Parts of the right digest and the right one with something behind it: as good as the right one to who compares as much as
/// came, or as much as a digest has. Where the right one is refused these say nothing.
async fn part_of_right(lab: &Lab) -> Outcome {
    let Ok(account) = with_secret(lab).await else { return Ok(()) };
    tokio::time::sleep(account.linger()).await;
    let ways: [(&str, Part); 4] = [
        ("of which one digit was sent", |right| right[..1].to_owned()),
        ("of which half was sent", |right| right[..16].to_owned()),
        ("with one digit more", |right| format!("{right}0")),
        ("twice, without a space between", |right| right.repeat(2)),
    ];
    for (what, made) in ways {
        let (mut session, timestamp) = greeted(lab).await?;
        let right = digest_of(&timestamp, account.password());
        session.journal().answer(right.as_bytes());
        let reply = apop(&mut session, &account, &made(&right)).await.judged()?;
        require(reply.is_err(), || {
            format!("the right digest {what} was answered {}; `-ERR` was required", reply.quoted())
        })?;
    }
    Ok(())
}

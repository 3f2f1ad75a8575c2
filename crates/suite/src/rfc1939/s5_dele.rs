//! RFC 1939 section 5: DELE, NOOP and RSET.
//!
//! Marks are taken back by RSET before a check ends; only `dele.all` removes mail.

use mail::Role;

use super::deliveries::addressee;
use super::maildrop::{Maildrop, highest, numbers};
use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::deletion::NO_SUCH;
use crate::early;
use crate::enduring::{Enduring, take_back};
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, require, warn};
use crate::refusal::says_read_only;
use crate::session::Session;

/// So many messages have numbers of three digits.
const MANY: u64 = 102;

checks! {
    "rfc1939.dele.ok" => ok,
    "rfc1939.dele.hides" => hides,
    "rfc1939.dele.twice" => twice,
    "rfc1939.dele.no-such" => no_such,
    "rfc1939.dele.all" => all,
    "rfc1939.noop.ok" => noop_ok,
    "rfc1939.rset.unmarks" => rset_unmarks,
    "rfc1939.rset.idempotent" => rset_idempotent,
    "rfc1939.rset.keeps-numbers" => rset_keeps_numbers,
}

/// RFC 1939 §5 DELE: DELE of an existing message marks it and is answered +OK.
async fn ok(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let reply = session.command("DELE 1").await.judged()?;
    session.command("RSET").await?;
    if says_read_only(&reply) {
        return inconclusive(format!("{}: the maildrop is read-only", reply.seen()));
    }
    reply.require_ok()?;
    drop(session);
    match among_many(lab).await {
        // What there is without so much mail has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Numbers of one, two and three digits: those that were given are marked, and no others.
async fn among_many(lab: &Lab) -> Outcome {
    let mut session = lab.deletable_among(MANY).await?;
    let before = numbers(&session.assume_ok("LIST").await?)?;
    let marked = [9, 10, 11, 99, 100, 101];
    let at_once = early::is_promised(lab);
    if at_once {
        let batch = marked.iter().flat_map(|number| format!("DELE {number}\r\n").into_bytes());
        session.batch(&batch.collect::<Vec<u8>>()).await?;
    }
    for number in marked {
        let reply =
            if at_once { session.reply().await } else { session.command(format!("DELE {number}")).await };
        let reply = reply.judged()?;
        require(reply.is_ok(), || format!("of {} messages, DELE {number}: {}", before.len(), reply.seen()))?;
    }
    let after = numbers(&session.assume_ok("LIST").await?)?;
    session.command("RSET").await?;
    let gone: Vec<u64> = before.difference(&after).copied().collect();
    require(gone == marked, || format!("messages {marked:?} were marked, and LIST lacks {gone:?}"))
}

/// RFC 1939 §5 DELE: Any later use of the number of a marked message is an error: LIST n, RETR n, TOP n, UIDL
/// n.
async fn hides(lab: &Lab) -> Outcome {
    let mut session = Enduring::begin(async || {
        let mut session = lab.deletable(1).await?;
        session.assume_ok("DELE 1").await?;
        Ok(session)
    })
    .await?;
    let mut commands = vec!["LIST 1", "RETR 1"];
    commands.extend(lab.survey().has_top.then_some("TOP 1 0"));
    commands.extend(lab.survey().has_uidl.then_some("UIDL 1"));
    let mut obeyed = Vec::new();
    for command in commands {
        let reply = session.command(command).await?;
        if !reply.is_err() {
            obeyed.push(reply.seen());
        }
    }
    session.command("RSET").await?;
    require(obeyed.is_empty(), || {
        format!("message 1 was marked as deleted, yet {}; `-ERR` was required", obeyed.join(", "))
    })
}

/// RFC 1939 §5 DELE: DELE of an already marked message is refused.
async fn twice(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    session.assume_ok("DELE 1").await?;
    let reply = session.command("DELE 1").await.judged()?;
    take_back(&mut session).await?;
    require(reply.is_err(), || format!("the second {}; `-ERR` was required", reply.seen()))
}

/// RFC 1939 §5 DELE: DELE of a number that does not exist is refused and marks nothing.
async fn no_such(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(0).await?;
    let last = highest(&mut session).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    // Not the number after the last, which is a message to a server that hides one or is off by one.
    let mut session = Enduring::with(session, async || lab.deletable(0).await);
    let reply = session.command(&format!("DELE {NO_SUCH}")).await?;
    let session = session.session();
    let after = match session.command("STAT").await {
        // What was refused, and then ended with the connection, has marked nothing.
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        after => after?.assume_ok()?.totals()?,
    };
    session.command("RSET").await?;
    require(reply.is_err(), || format!("the last message is {last}, yet {}", reply.seen()))?;
    require(before == after, || {
        format!(
            "{}, but STAT said {} {} before and {} {} after it",
            reply.seen(),
            before.0,
            before.1,
            after.0,
            after.1
        )
    })
}

/// RFC 1939 §5: Every message can be marked; the session then looks empty and QUIT empties the maildrop.
///
/// Uses up a maildrop of disposable mail.
async fn all(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let marked: Vec<u64> = before.messages.iter().map(|held| held.number).collect();
    for number in &marked {
        session.require_ok(format!("DELE {number}")).await?;
    }
    let stat = session.require_ok("STAT").await?;
    require(stat.totals()? == (0, 0), || format!("all messages are marked, yet {}", stat.seen()))?;
    require_empty(&mut session, "LIST").await?;
    if lab.survey().has_uidl {
        require_empty(&mut session, "UIDL").await?;
    }
    session.command("QUIT").await?.require_ok()?;
    // The lock is free when the connection has ended.
    session.until_closed().await;
    drop(session);

    let mut session = lab.login_to(&account).await?;
    let reply = session.require_ok("STAT").await?;
    let (count, octets) = reply.totals()?;
    if count == 0 {
        return require(octets == 0, || format!("{} in an emptied maildrop", reply.seen()));
    }
    let later = Maildrop::look(&mut session, lab).await?;
    let what = format!("all {} messages were marked and QUIT was answered +OK", marked.len());
    before.require_marked_gone(&later, &marked, &what)?;
    inconclusive(format!("{}: other mail has arrived in the meantime", reply.seen()))
}

async fn require_empty(session: &mut Session, command: &str) -> Outcome {
    let reply = session.require_ok(command).await?;
    let lines = reply.lines().len();
    require(lines == 0, || format!("all messages are marked, yet {command} lists {lines}"))
}

/// RFC 1939 §5 NOOP: NOOP is answered +OK and changes nothing.
async fn noop_ok(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    session.assume_ok("DELE 1").await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    let reply = session.command("NOOP").await.required()?;
    let after = session.assume_ok("STAT").await?.totals()?;
    session.command("RSET").await?;
    reply.require_ok()?;
    require(before == after, || {
        format!(
            "with message 1 marked, STAT said {} {} before NOOP and {} {} after it",
            before.0, before.1, after.0, after.1
        )
    })
}

/// RFC 1939 §5 RSET: RSET takes back all deletion marks of the session.
async fn rset_unmarks(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let totals = session.assume_ok("STAT").await?.totals()?;
    session.assume_ok("DELE 1").await?;
    session.assume_ok("DELE 2").await?;
    session.require_ok("RSET").await?;
    // It is judged by what the session has afterwards, so it must still be one.
    let after = session.require_ok("STAT").await?.totals()?;
    require(totals == after, || {
        format!(
            "DELE 1, DELE 2, RSET: STAT said {} {} before and {} {} after",
            totals.0, totals.1, after.0, after.1
        )
    })?;
    // Where the server announces EXPIRE 0, QUIT would rightly remove what was retrieved.
    if !lab.survey().expire_zero() {
        let retrieved = session.command("RETR 1").await?;
        require(retrieved.is_ok(), || format!("after DELE 1, DELE 2, RSET {}", retrieved.seen()))?;
    }
    session.quit().await?;
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_whole(&later, &[1, 2], "DELE 1, DELE 2, RSET, QUIT")
}

/// RFC 1939 §5 RSET: RSET without any mark is also +OK.
async fn rset_idempotent(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    session.require_ok("RSET").await?;
    session.require_ok("RSET").await?;
    Ok(())
}

/// RFC 1939 §4, §5 RSET: RSET does not renumber or reload the maildrop.
async fn rset_keeps_numbers(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let command = if lab.survey().has_uidl { "UIDL" } else { "LIST" };
    let before = owned(session.assume_ok(command).await?.lines());
    assume(!before.is_empty(), || format!("{command} lists nothing"))?;
    session.assume_ok("DELE 1").await?;
    session.assume_ok("RSET").await?;
    let reply = session.assume_ok(command).await?;
    let after = owned(reply.lines());
    drop(session);
    // In any order (A24), as long as number and message stay together.
    same_lines(command, &before, &after, "DELE 1 and RSET")?;
    with_new_mail(lab, command).await
}

fn same_lines(command: &str, before: &[Vec<u8>], after: &[Vec<u8>], what: &str) -> Outcome {
    let moved = before.iter().find(|line| !after.contains(line));
    match moved {
        Some(line) => fail(format!(
            "{command} had the line {} before {what}, but not after them",
            crate::reply::quote(line)
        )),
        None if after.len() > before.len() => warn(format!(
            "RSET reloaded the maildrop: {command} had {} lines before {what} and {} after",
            before.len(),
            after.len()
        )),
        None => Ok(()),
    }
}

/// The same where mail has come during the session, if somebody can deliver any.
async fn with_new_mail(lab: &Lab, command: &str) -> Outcome {
    if !lab.can(Hook::Deliver) {
        return Ok(());
    }
    let (account, _) = addressee(lab, 1).await?;
    let mut session = lab.login_to(&account).await?;
    let before = owned(session.assume_ok(command).await?.lines());
    lab.deliver_new(&account, 700).await?;
    session.assume_ok("RSET").await?;
    let after = owned(session.assume_ok(command).await?.lines());
    session.quit().await?;
    same_lines(command, &before, &after, "a delivery and RSET")
}

fn owned(lines: Vec<&[u8]>) -> Vec<Vec<u8>> {
    lines.into_iter().map(<[u8]>::to_vec).collect()
}

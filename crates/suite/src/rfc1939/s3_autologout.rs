//! RFC 1939 section 3: the inactivity timer, which a server may have.
//!
//! A server that closes after seconds is seen in seconds; one whose timer is right needs ten, and these are for
//! `--slow`. No server has to have a timer, so none is accused of having none.

use std::time::Duration;

use mail::Role;

use super::maildrop::Maildrop;
use crate::check::checks;
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, info, require, warn};
use crate::reply::quote;
use crate::session::Session;

checks! {
    "rfc1939.autologout.min" => ten_minutes [waits],
    "rfc1939.autologout.reset" => reset [slow],
    "rfc1939.autologout.no-update" => no_update [slow],
    "rfc1939.autologout.silent" => silent [slow],
    "rfc1939.autologout.auth" => before_login [slow],
    "practice.autologout.during-transfer" => during_transfer [slow],
}

/// A little less than the ten minutes that a timer has at least.
const NEARLY_TEN_MINUTES: Duration = Duration::from_secs(590);
/// A little more than that.
const OVER_TEN_MINUTES: Duration = Duration::from_secs(610);
/// Who did not ask for slow checks waits for so long: what closes earlier has no timer of minutes.
const AT_LEAST: Duration = Duration::from_secs(6);
/// Longer than this no end is waited for.
const UNTIL_CLOSED: Duration = Duration::from_mins(25);
/// Gaps that together are longer than the timer, each well below it.
const GAP: Duration = Duration::from_secs(400);
/// How fast the slow reader reads: a piece of at most 64 KiB in this time.
const BETWEEN_PIECES: Duration = Duration::from_secs(5);
/// And for how long: more than ten minutes.
const SLOW_READING: Duration = Duration::from_mins(12);

/// RFC 1939 §3: If there is an inactivity timer it is at least ten minutes.
///
/// Without `--slow` only a server is found out that closes after seconds.
async fn ten_minutes(lab: &Lab) -> Outcome {
    let length = if lab.site().permissions.costs.slow { NEARLY_TEN_MINUTES } else { AT_LEAST };
    let mut session = lab.login(Role::Fixtures).await?;
    session.assume_ok("STAT").await?;
    stays(&mut session, length, "after STAT").await?;
    answered(&mut session, "STAT", length).await
}

/// The session must still be there after so long.
async fn stays(session: &mut Session, length: Duration, when: &str) -> Outcome {
    let idled = session.idle(length).await;
    let Some(how) = idled.ended else { return Ok(()) };
    let last = if idled.said.is_empty() { String::new() } else { format!(" with {}", quote(&idled.said)) };
    fail(format!(
        "{when} nothing was said for {} s, and the server ended the connection ({how}){last}; ten minutes at least are required",
        idled.after.as_secs()
    ))
}

async fn answered(session: &mut Session, command: &str, length: Duration) -> Outcome {
    match session.command(command).await {
        Ok(reply) => require(reply.is_ok() || reply.is_err(), || {
            format!("after {} s without a word {}", length.as_secs(), reply.seen())
        }),
        Err(Mishap::Closed { how, .. }) => fail(format!(
            "after {} s without a word the connection ended ({how}) at {command}",
            length.as_secs()
        )),
        Err(mishap) => Err(mishap.into()),
    }
}

/// RFC 1939 §3: Any command restarts the timer.
///
/// An unknown command is a command too.
async fn reset(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    session.assume_ok("NOOP").await?;
    for (last, next) in [("login", "NOOP"), ("NOOP", "STAT"), ("STAT", "XYZZY"), ("XYZZY", "NOOP")] {
        stays(&mut session, GAP, &format!("behind {last}, which restarted the timer,")).await?;
        answered(&mut session, next, GAP).await?;
    }
    Ok(())
}

/// An idle session until its end; `None` where there is none in time.
async fn until_closed(session: &mut Session) -> Option<crate::session::Idled> {
    let idled = session.idle(UNTIL_CLOSED).await;
    idled.ended.is_some().then_some(idled)
}

fn no_timer<T>() -> Result<T, Stop> {
    info(format!("no idle session was ended within {} minutes", UNTIL_CLOSED.as_secs() / 60))
}

/// RFC 1939 §3, §6: When the timer fires the session does not enter UPDATE: nothing is removed.
async fn no_update(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("DELE 2").await?;
    session.settle().await?;
    let idled = until_closed(&mut session).await;
    drop(session);
    let Some(idled) = idled else { return no_timer() };
    let what =
        format!("DELE 2, then nothing until the server ended the session after {} s", idled.after.as_secs());
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_whole(&later, &[2], &what)
}

/// RFC 1939 §3: On time-out the server closes without sending a response.
async fn silent(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    session.assume_ok("STAT").await?;
    let Some(idled) = until_closed(&mut session).await else { return no_timer() };
    if idled.said.is_empty() {
        return Ok(());
    }
    warn(format!(
        "after {} s without a word {} came before the end, which a client may take for the reply to its next command",
        idled.after.as_secs(),
        quote(&idled.said)
    ))
}

/// RFC 1939 §3: Before login, servers close much sooner for security; by the letter ten minutes apply there
/// too.
async fn before_login(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let idled = session.idle(OVER_TEN_MINUTES).await;
    match idled.ended {
        // Ten minutes by the letter, much less by every server.
        Some(how) => info(format!(
            "before login the server ends the connection after {} s ({how})",
            idled.after.as_secs()
        )),
        None => info("before login the server did not end the connection within ten minutes"),
    }
}

/// Good practice: A client that reads a large message slowly but steadily is not logged out for inactivity.
async fn during_transfer(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.large").await?;
    session.send(format!("RETR {number}")).await?;
    let (mut octets, began) = (Vec::new(), tokio::time::Instant::now());
    loop {
        match session.some_content(1).await {
            Ok(piece) if piece.is_empty() => break,
            Ok(piece) => octets.extend_from_slice(&piece),
            Err(mishap @ Mishap::Closed { .. }) => {
                return fail(format!(
                    "a message was read slowly and steadily; after {} s and {} of {} octets {mishap}",
                    began.elapsed().as_secs(),
                    octets.len(),
                    fixture.octets.len()
                ));
            }
            Err(mishap) => return Err(mishap.into()),
        }
        if octets.len() > 2 * fixture.octets.len() {
            return inconclusive(format!("{} octets came, far more than fx.large has", octets.len()));
        }
        if began.elapsed() < SLOW_READING {
            tokio::time::sleep(BETWEEN_PIECES).await;
        }
    }
    require(mail::body(&octets) == mail::body(&fixture.octets), || {
        format!("read slowly, fx.large came with {} octets; it has {}", octets.len(), fixture.octets.len())
    })?;
    session.command("NOOP").await.judged()?;
    Ok(())
}

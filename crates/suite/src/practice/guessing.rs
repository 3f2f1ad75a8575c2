//! Guessing passwords: whether that gets harder, and for whom.
//!
//! Many wrong passwords are given to one account, so that an address may be banned or the account locked: only with
//! `--stress`. Servers often spare this machine, so on loopback what is seen is told and not held against them.

use std::time::Duration;

use mail::Role;
use tokio::time::{Instant, sleep};

use super::warn_beyond_loopback;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, assume, inconclusive, warn};
use crate::refusal::is_momentary;
use crate::session::Session;

checks! {
    "practice.sec.bruteforce" => slowed_down [wrong_password] [stress],
    "practice.sec.no-lockout-of-owner" => owner_gets_in [wrong_password] [stress],
}

/// Wrong passwords on one connection.
const GUESSES: usize = 20;
/// Connections on which more of them are given.
const CONNECTIONS: usize = 5;
/// A refusal that takes longer is slowed down on purpose.
const SLOWED: Duration = Duration::from_millis(500);

/// An owner is not locked out for so long.
const LOCKED_OUT: Duration = Duration::from_secs(45);
/// Between two looks at whether the owner still is.
const BETWEEN_LOGINS: Duration = Duration::from_secs(15);

/// What became of guesses.
enum Guessed {
    /// They were slowed down, or broken off: how.
    Hindered(String),
    /// They were all refused at once, the slowest after this time.
    Unhindered(Duration),
}

/// Good practice: Repeated failures are slowed down or the connection is closed.
async fn slowed_down(lab: &Lab) -> Outcome {
    let mut slowest = Duration::ZERO;
    for connection in 0..=CONNECTIONS {
        let guesses = if connection == 0 { GUESSES } else { GUESSES / CONNECTIONS };
        let mut session = match lab.connect_for_login().await {
            Ok(session) => session,
            // After failures to be turned away is what is wanted.
            Err(Stop::Inconclusive(_)) if connection > 0 => return Ok(()),
            Err(stop) => return Err(stop),
        };
        match guess(lab, &mut session, guesses).await? {
            Guessed::Hindered(_) => return Ok(()),
            Guessed::Unhindered(took) => slowest = slowest.max(took),
        }
    }
    let seen = format!(
        "{} wrong passwords for one account, {GUESSES} of them on one connection, were each refused within {} ms, and no \
         connection was closed",
        GUESSES * 2,
        slowest.as_millis()
    );
    warn_beyond_loopback(lab, seen)
}

/// Gives wrong passwords as long as they are refused at once.
async fn guess(lab: &Lab, session: &mut Session, guesses: usize) -> Result<Guessed, Stop> {
    let account = lab.account(Role::Disposable).await?;
    let mut slowest = Duration::ZERO;
    for number in 1..=guesses {
        let wrong = lab.nonce();
        lab.journal().secret(wrong.as_bytes());
        let began = Instant::now();
        for command in [format!("USER {}", account.user), format!("PASS {wrong}")] {
            match session.command(&command).await {
                Ok(reply) if reply.is_ok() && command.starts_with("USER") => {}
                Ok(reply) if is_momentary(&reply) => {
                    return Ok(Guessed::Hindered(format!(
                        "failure {number} was answered {}",
                        reply.quoted()
                    )));
                }
                Ok(reply) => assume(reply.is_err(), || format!("a wrong password: {}", reply.seen()))?,
                Err(Mishap::Closed { .. }) => {
                    return Ok(Guessed::Hindered(format!("the connection was closed at failure {number}")));
                }
                Err(mishap) => return Err(mishap.into()),
            }
        }
        let took = began.elapsed();
        if took >= SLOWED {
            return Ok(Guessed::Hindered(format!("failure {number} took {} ms", took.as_millis())));
        }
        slowest = slowest.max(took);
    }
    Ok(Guessed::Unhindered(slowest))
}

/// Good practice: Failures from one address do not lock the owner out for long.
///
/// On loopback the owner comes from another address.
async fn owner_gets_in(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    let hindered = match guess(lab, &mut session, GUESSES).await? {
        Guessed::Hindered(how) => how,
        Guessed::Unhindered(_) => "nothing was slowed down".to_owned(),
    };
    drop(session);
    let Some(method) = lab.survey().method else { return inconclusive("no way to log in is known") };
    let began = Instant::now();
    let mut first = None;
    loop {
        let (_, reply) = lab.login_by(&account, method).await?;
        if reply.is_ok() {
            break;
        }
        let seen =
            format!("after wrong passwords ({hindered}) the right one was answered {}", reply.quoted());
        if began.elapsed() >= LOCKED_OUT {
            return warn(format!("{seen}, for longer than {} s", LOCKED_OUT.as_secs()));
        }
        first.get_or_insert(seen);
        sleep(BETWEEN_LOGINS).await;
    }
    match first {
        Some(seen) => Err(Stop::Info(format!("{seen}, for less than {} s", LOCKED_OUT.as_secs()))),
        None => Ok(()),
    }
}

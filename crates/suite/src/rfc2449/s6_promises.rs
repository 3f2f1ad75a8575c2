//! RFC 2449 sections 6.5 and 6.7: whether LOGIN-DELAY and EXPIRE do what they announce.

use std::time::Duration;

use mail::Role;
use proto::number;
use tokio::time::Instant;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, assume, fail, inconclusive, info, require, skipped};
use crate::refusal::{blames_credentials, is_delayed};
use crate::rfc1939::maildrop::Maildrop;
use crate::rfc1939::s4_lock::login_once;

checks! {
    "rfc2449.login-delay.enforced" => enforced [waits],
    "rfc2449.expire.zero" => zero,
    "rfc2449.expire.announced" => announced,
}

/// Longer delays are not waited for, unless somebody asked for slow checks.
const WAITED_FOR: Duration = Duration::from_secs(20);
/// And these never.
const WAITED_FOR_AT_MOST: Duration = Duration::from_mins(20);
/// A clock of whole seconds may be so much ahead.
const SECOND: Duration = Duration::from_secs(1);

/// The seconds that LOGIN-DELAY announces for this user.
fn delay(lab: &Lab) -> Option<u64> {
    let survey = lab.survey();
    let line = survey.session_capability("LOGIN-DELAY").or_else(|| survey.capability("LOGIN-DELAY"))?;
    number(line.parameters.first()?.as_bytes())
}

/// RFC 2449 §6.5: An announced delay is enforced; the clock starts at the +OK of the previous
/// authentication.
async fn enforced(lab: &Lab) -> Outcome {
    let Some(seconds) = delay(lab) else { return inconclusive("LOGIN-DELAY has no number") };
    let wait = Duration::from_secs(seconds);
    if seconds == 0 {
        return skipped("LOGIN-DELAY 0 announces no delay");
    }
    let at_most = if lab.site().permissions.costs.slow { WAITED_FOR_AT_MOST } else { WAITED_FOR };
    if wait > at_most {
        return skipped(format!(
            "LOGIN-DELAY {seconds} is longer than is waited for ({} s; --slow waits longer)",
            at_most.as_secs()
        ));
    }
    let session = lab.login(Role::Fixtures).await?;
    let (account, began) = (session.account()?, Instant::now());
    session.quit().await?;
    let (session, reply) = login_once(lab, &account).await?;
    let reply = reply?;
    let passed = began.elapsed();
    drop(session);
    if reply.is_ok() {
        // What was slow itself may have taken the delay.
        return require(passed + SECOND >= wait, || {
            format!(
                "LOGIN-DELAY {seconds} is announced; {} ms after a login the next one was accepted",
                passed.as_millis()
            )
        });
    }
    require(!blames_credentials(&reply), || {
        format!("a login within the delay was answered {}", reply.quoted())
    })?;
    tokio::time::sleep(wait + SECOND).await;
    let (_session, reply) = login_once(lab, &account).await?;
    let reply = reply?;
    require(reply.is_ok() || !is_delayed(&reply), || {
        format!("{seconds} s and more after the last login, the next one was answered {}", reply.quoted())
    })?;
    assume(reply.is_ok(), || format!("after the delay the login was answered {}", reply.quoted()))
}

/// RFC 2449 §6.7: With EXPIRE 0 the server may treat messages retrieved with RETR as marked when UPDATE is
/// entered.
///
/// Under EXPIRE 0 a RETR is as good as a DELE, so this is for mail that may be deleted.
async fn zero(lab: &Lab) -> Outcome {
    if !lab.survey().expire_zero() {
        return skipped("EXPIRE 0 is not announced");
    }
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("RETR 2").await?;
    session.quit().await?;
    let later = Maildrop::look_again(lab, &account).await?;
    let missing = before.missing(&later, &[2]);
    if let Some(held) = missing.unmarked.first() {
        return fail(format!("message 2 alone was retrieved before QUIT, and {} is gone", held.told()));
    }
    if missing.marked.is_empty() {
        return info("EXPIRE 0 is announced; what was retrieved is still there after QUIT");
    }
    Ok(())
}

/// RFC 2449 §6.7: Sites with automatic deletion announce EXPIRE; sites that keep mail for ever announce
/// EXPIRE NEVER.
///
/// In a maildrop whose mail nobody has retrieved yet, if there is one.
async fn announced(lab: &Lab) -> Outcome {
    let mut session = lab.deletable_unopened(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    for held in &before.messages {
        session.assume_ok(format!("RETR {}", held.number)).await?;
    }
    session.quit().await?;
    let survey = lab.survey();
    let line = survey.session_capability("EXPIRE").or_else(|| survey.capability("EXPIRE"));
    for _ in 0..2 {
        let later = Maildrop::look_again(lab, &account).await?;
        let lost = before.missing(&later, &[]).unmarked;
        let Some(first) = lost.first() else { continue };
        let seen = format!(
            "all {} messages were retrieved before QUIT, none was marked, and {} are gone: {}",
            before.messages.len(),
            lost.len(),
            first.told()
        );
        return match line.and_then(|line| line.parameters.first()).map(String::as_str) {
            None => fail(format!("{seen}; EXPIRE is not announced")),
            Some("NEVER") => fail(format!("{seen}, in spite of EXPIRE NEVER")),
            Some(days) => Err(Stop::Info(format!("{seen}, as EXPIRE {days} allows"))),
        };
    }
    if line.is_none() {
        return info("nothing was deleted, and EXPIRE NEVER is not announced");
    }
    Ok(())
}

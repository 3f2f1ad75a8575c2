//! RFC 1939 section 7: USER and PASS.
//!
//! Wrong passwords are given to accounts with role `disposable` only, each on a connection of its own and no more
//! of them than the catalogue asks for.

use mail::Role;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Outcome, assume, fail, inconclusive, require};
use crate::refusal::{is_busy, says_busy};

checks! {
    "rfc1939.user.login" => user_login,
    "rfc1939.user.err-then-new-auth" => user_err_then_new_auth [wrong_password],
    "rfc1939.pass.wrong" => pass_wrong [wrong_password],
    "rfc1939.pass.case" => pass_case [wrong_password],
    "rfc1939.pass.empty" => pass_empty [wrong_password],
}

/// RFC 1939 §7 USER, PASS: A correct USER then PASS opens the maildrop with +OK.
async fn user_login(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, reply) = lab.login_by(&account, Method::UserPass).await?;
    if reply.is_ok() {
        session.require_ok("STAT").await?;
        return Ok(());
    }
    // The survey has logged in by these credentials, so they are good.
    let seen = format!("{} with good credentials", reply.seen());
    if is_busy(&reply) || session.tls().is_none() {
        return inconclusive(format!("{seen}, perhaps for a lock or by policy"));
    }
    fail(format!("{seen}; USER is announced"))
}

/// RFC 1939 §7 USER: After -ERR to USER another authentication command is possible.
async fn user_err_then_new_auth(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let method = if lab.survey().announces("USER") { Some(Method::UserPass) } else { lab.survey().method };
    let Some(method) = method else { return inconclusive("no way to log in is known") };
    if method == Method::UserPass {
        lab.user_works()?;
    }
    let (mut session, greeting) = lab.opened_for_login().await?;
    let name = format!("no-such-user-{}", &lab.nonce()[..8]);
    let unknown = session.command(format!("USER {name}")).await?;
    // Nobody else has this account; a lock of our own that lingers would be refused as a spoilt connection is.
    tokio::time::sleep(account.linger()).await;
    let timestamp = sasl::apop::timestamp(&greeting.line);
    let reply = login::attempt(&mut session, method, &account, timestamp, &lab.nonce()).await?;
    if reply.is_ok() {
        return Ok(());
    }
    let seen = format!("{}, and the login by {method} after it {}", unknown.seen(), reply.quoted());
    // A second USER after a positive one may be refused (A15); a lock or a delay is another matter too.
    if !unknown.is_err() || says_busy(&reply) {
        return inconclusive(seen);
    }
    drop(session);
    let (_, elsewhere) = lab.login_by(&account, method).await?;
    assume(elsewhere.is_ok(), || format!("{seen}; on a new connection it was {}", elsewhere.quoted()))?;
    fail(seen)
}

/// RFC 1939 §7 PASS: A wrong password gets -ERR.
async fn pass_wrong(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let longer = format!("{}x", account.password());
    require_refused(lab, &account, &format!(" {longer}"), "the password and one character more").await?;
    let mut shorter = account.password().to_owned();
    shorter.pop();
    if shorter.is_empty() {
        return Ok(());
    }
    require_refused(lab, &account, &format!(" {shorter}"), "the password without its last character").await
}

/// RFC 1939 §3, §7: Only keywords are case-insensitive; the password is compared as sent.
async fn pass_case(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let swapped = login::swapped(account.password());
    assume(swapped != account.password(), || "the password has no letters".to_owned())?;
    require_refused(lab, &account, &format!(" {swapped}"), "the password in swapped case").await
}

/// RFC 1939 §7 PASS: PASS without argument is invalid; an empty password does not log in.
async fn pass_empty(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    require_refused(lab, &account, "", "no argument").await?;
    require_refused(lab, &account, " ", "a space and nothing else").await
}

/// USER and a PASS that must be refused, on a fresh connection. The words never quote what was sent.
async fn require_refused(lab: &Lab, account: &Account, argument: &str, words: &str) -> Outcome {
    let secret = argument.trim_start_matches(' ');
    if !secret.is_empty() {
        lab.journal().secret(secret.as_bytes());
    }
    lab.user_works()?;
    let mut session = lab.connect_for_login().await?;
    session.assume_ok(format!("USER {}", account.user)).await?;
    let reply = session.command(format!("PASS{argument}")).await.judged()?;
    require(reply.is_err(), || {
        format!("PASS with {words} was answered {}; `-ERR` was required", reply.quoted())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_swapped_both_ways() {
        assert_eq!(login::swapped("aB1-é"), "Ab1-é");
    }
}

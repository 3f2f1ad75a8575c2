//! RFC 1939 section 7: USER and PASS.
//!
//! Wrong passwords are given to accounts with role `disposable` only, each on a connection of its own and no more
//! of them than the catalogue asks for.

use std::rc::Rc;

use mail::Role;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{
    Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn,
};
use crate::refusal::{assume_not_put_off, is_busy, says_busy, says_unknown};
use crate::reply::Reply;
use crate::site::Security;

checks! {
    "rfc1939.user.login" => user_login,
    "rfc1939.user.err-then-new-auth" => user_err_then_new_auth [wrong_password],
    "rfc1939.pass.wrong" => pass_wrong [wrong_passwords],
    "rfc1939.pass.case" => pass_case [wrong_password],
    "rfc1939.pass.empty" => pass_empty [wrong_password],
    "rfc1939.pass.spaces" => spaces [wrong_password],
    "practice.pass.edge-spaces" => edge_spaces [wrong_password],
    "rfc1939.user.optional" => optional,
    "rfc1939.user.unknown-may-ok" => unknown_may_ok,
    "rfc1939.user.policy-err" => policy_err,
    "rfc6186.user.email-or-local" => email_or_local [wrong_password],
}

/// RFC 1939 §7 USER, PASS: A correct USER then PASS opens the maildrop with +OK.
async fn user_login(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, reply) = lab.login_by(&account, Method::UserPass).await?;
    if reply.is_ok() {
        session.require_ok("STAT").await?;
        session.close().await;
        return beside_another_name(lab, &account).await;
    }
    // The survey has logged in by these credentials, so they are good.
    let seen = format!("{} with good credentials", reply.seen());
    if is_busy(&reply) || session.tls().is_none() {
        return inconclusive(format!("{seen}, perhaps for a lock or by policy"));
    }
    fail(format!("{seen}; USER is announced"))
}

/// The same while somebody else gives a name: it is the connection's own.
async fn beside_another_name(lab: &Lab, account: &Rc<Account>) -> Outcome {
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    session.assume_ok(format!("USER {}", account.user)).await?;
    // Who serves one connection at a time cannot mix up two.
    let Ok(mut other) = lab.connect_for_login().await else { return Ok(()) };
    // Nobody's name, so that no account is locked for a password that is taken for its own.
    let name = format!("poplab-{}", &lab.nonce()[..8]);
    if other.command(format!("USER {name}")).await.is_err() {
        return Ok(());
    }
    let mut reply = session.command(format!("PASS {}", account.password())).await;
    if reply.as_ref().is_ok_and(Reply::is_ok) {
        login::remember(account, Method::UserPass, reply.as_mut());
        session.require_ok("STAT").await?;
        return Ok(());
    }
    let reply = reply?;
    let seen = format!(
        "USER {} was accepted, another connection said USER {name}, and the right password was answered {}",
        account.user,
        reply.quoted()
    );
    if is_busy(&reply) {
        return inconclusive(seen);
    }
    drop((session, other));
    let (_, alone) = lab.login_by(account, Method::UserPass).await?;
    assume(alone.is_ok(), || format!("{seen}; then alone it was answered {}", alone.quoted()))?;
    fail(format!("{seen}; alone it is accepted"))
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
    // A second USER after a positive one may be refused (A15): where no name is refused, nothing comes after that.
    if unknown.is_ok() {
        return skipped(format!("the server refuses no name: {seen}"));
    }
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
    let two_words = format!("{} poplab", account.password());
    require_refused(lab, &account, &format!(" {two_words}"), "the password and a second word").await?;
    let sign = format!("{}-!", account.password());
    require_refused(lab, &account, &format!(" {sign}"), "the password and two signs more").await?;
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

/// A disposable account whose password has spaces in these places, which works with all of them.
async fn with_spaces(lab: &Lab, what: &str, has: impl Fn(&str) -> bool) -> Result<Rc<Account>, Stop> {
    lab.user_works()?;
    // There may be one alone, and others may have it at the moment.
    let fit = |account: &Rc<Account>| {
        account.role == Role::Disposable && !account.is_retired() && has(account.password())
    };
    let Some(found) = lab.site().pool.accounts().find(fit) else {
        return skipped(format!("needs an account with role `disposable` whose password has {what}"));
    };
    let account = lab.account_of(&found.user, Role::Disposable).await?;
    let (_session, reply) = match lab.login_by(&account, Method::UserPass).await {
        Err(stop @ Stop::Inconclusive(_)) => {
            hangs_up(lab, &account, what).await?;
            return Err(stop);
        }
        login => login?,
    };
    assume_not_put_off(&reply)?;
    if !reply.is_ok() {
        // Without a control by another method it may be the accounts file that is wrong.
        return info(format!(
            "the password of `{}`, which has {what}, was answered {}: such users cannot log in",
            account.user,
            reply.quoted()
        ));
    }
    Ok(account)
}

/// Each command has an answer (RFC 1939 section 3): a password with spaces may be refused, and is not to end the connection
/// unanswered where another wrong one is answered. Once may be chance.
async fn hangs_up(lab: &Lab, account: &Account, what: &str) -> Outcome {
    for (spaced, ends) in [(false, false), (true, true), (true, true)] {
        let password = if spaced { account.password().to_owned() } else { lab.nonce() };
        lab.journal().secret(password.as_bytes());
        let mut session = lab.connect_for_login().await?;
        session.assume_ok(format!("USER {}", account.user)).await?;
        match session.command(format!("PASS {password}")).await {
            Err(Mishap::Closed { refused: false, .. }) if ends => {}
            Ok(_) if !ends => {}
            _ => return Ok(()),
        }
    }
    warn(format!(
        "the password of `{}`, which has {what}, ends the connection without an answer, twice; another one is answered",
        account.user
    ))
}

/// RFC 1939 §7 PASS: Everything after "PASS " may be taken as the password, spaces included.
async fn spaces(lab: &Lab) -> Outcome {
    let within = |password: &str| password.trim_matches(' ').contains(' ');
    let account = with_spaces(lab, "spaces in it", within).await?;
    let words: Vec<&str> = account.password().split(' ').filter(|word| !word.is_empty()).collect();
    let first = account.password().trim_start_matches(' ').split(' ').next().unwrap_or_default();
    require_refused(lab, &account, &format!(" {first}"), "the first word of the password alone").await?;
    let single = words.join(" ");
    if single != account.password().trim_matches(' ') {
        require_refused(lab, &account, &format!(" {single}"), "one space where the password has several")
            .await?;
    }
    Ok(())
}

/// RFC 1939 §7 PASS: Leading and trailing spaces of a password are preserved.
async fn edge_spaces(lab: &Lab) -> Outcome {
    let at_edge = |password: &str| password.trim_matches(' ') != password;
    let account = with_spaces(lab, "spaces before or behind it", at_edge).await?;
    let password = account.password();
    for (cut, what) in [
        (password.trim_start_matches(' '), "the password without its leading spaces"),
        (password.trim_end_matches(' '), "the password without its trailing spaces"),
    ] {
        if cut != password {
            require_refused(lab, &account, &format!(" {cut}"), what).await?;
        }
    }
    require_refused(lab, &account, &format!(" {password} "), "the password and one space more").await
}

/// RFC 1939 Appendix A: USER/PASS need not be offered.
async fn optional(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command(format!("USER {}", nobody(lab))).await.judged()?;
    let announced = lab.survey().announces("USER");
    if reply.is_ok() || (announced && !says_unknown(&reply)) {
        return Ok(());
    }
    let announced = if announced { "announced" } else { "not announced" };
    info(format!("{}; USER is {announced}", reply.seen()))
}

/// A name that nobody has.
fn nobody(lab: &Lab) -> String {
    format!("no-such-user-{}", &lab.nonce()[..8])
}

/// RFC 1939 §7 USER: A server may answer +OK to USER for a mailbox that does not exist.
async fn unknown_may_ok(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command(format!("USER {}", nobody(lab))).await.judged()?;
    if reply.is_ok() {
        return Ok(());
    }
    info(format!("{}: who asks may learn which names there are (practice.sec.user-enum)", reply.seen()))
}

/// RFC 1939 §7 USER: A server may refuse USER for an existing mailbox that is not allowed to use cleartext
/// passwords.
async fn policy_err(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a port where a name can be given in cleartext");
    }
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, _) = lab.greeted_for_login().await?;
    let reply = session.command(format!("USER {}", account.user)).await.judged()?;
    if reply.is_ok() {
        return Ok(());
    }
    info(format!("in cleartext {}", reply.seen()))
}

/// RFC 6186 §5: Servers should accept the full e-mail address, or the local part, as user name.
///
/// Which of the two is meant depends on the site, and whether it publishes SRV records cannot be seen here: where one of
/// them alone works, that is told and no more.
async fn email_or_local(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let host = &lab.site().entrance.endpoint.host;
    let other = match account.user.split_once('@') {
        Some((local, _)) => local.to_owned(),
        None if host.parse::<std::net::IpAddr>().is_ok() => {
            return skipped(format!(
                "the domain that belongs to `{}` is not known: the server was given by address",
                account.user
            ));
        }
        None => format!("{}@{host}", account.user),
    };
    let (_, reply) = lab.login_by(&account, Method::UserPass).await?;
    reply.assume_ok()?;
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    let user = session.command(format!("USER {other}")).await?;
    let reply = if user.is_ok() {
        match session.command(format!("PASS {}", account.password())).await {
            Err(Mishap::Closed { .. }) => {
                return info(format!("`{}` can log in, `{other}` cannot", account.user));
            }
            reply => reply?,
        }
    } else {
        user
    };
    if reply.is_ok() {
        return Ok(());
    }
    info(format!("`{}` can log in, and `{other}` was answered {}", account.user, reply.quoted()))
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

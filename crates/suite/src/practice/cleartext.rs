//! Passwords without TLS: what a cleartext port offers, and at which step it says no.
//!
//! On loopback nobody listens in, and servers are often set up so that they take passwords from there: what they do then
//! is told and held against nobody.

use mail::Role;

use super::{nobody_like, warn_beyond_loopback};
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Outcome, Stop, assume, inconclusive, require, skipped, warn};
use crate::refusal::{is_momentary, says_unknown};
use crate::session::Session;
use crate::site::Security;

checks! {
    "practice.sec.plaintext-offered" => offered,
    "practice.sec.plaintext-after-user" => refused_at_pass [wrong_password],
}

/// RFC 2595 §2.3; RFC 5034 §4; RFC 8314 §4.1: On a non-loopback cleartext port the server does not offer password
/// logins (USER, SASL PLAIN/LOGIN) without TLS.
async fn offered(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a cleartext port");
    }
    let mut offers = Vec::new();
    let mut session = lab.connect_clear().await?;
    let list = session.command("CAPA").await?;
    for line in list.lines() {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split(' ');
        match words.next() {
            Some("USER") => offers.push("CAPA has `USER`".to_owned()),
            Some("SASL") => {
                offers.extend(
                    words.filter(|word| is_plain(word)).map(|word| format!("CAPA has `SASL {word}`")),
                );
            }
            _ => {}
        }
    }
    // A name that nobody has: who is asked for his password is told by it.
    let user = session.command(format!("USER {}", nobody_like(lab, ""))).await?;
    if user.is_ok() {
        offers.push(user.seen());
    }
    drop(session);
    for mechanism in ["PLAIN", "LOGIN"] {
        let mut session = lab.connect_clear().await?;
        let reply = session.command(format!("AUTH {mechanism}")).await?;
        if reply.continuation {
            offers.push(reply.seen());
            session.respond("*").await?;
        }
    }
    if offers.is_empty() {
        return Ok(());
    }
    let seen = format!("without TLS passwords are asked for: {}", offers.join("; "));
    warn_beyond_loopback(lab, seen)
}

fn is_plain(mechanism: &str) -> bool {
    matches!(mechanism, "PLAIN" | "LOGIN")
}

/// RFC 2595 §2.3: A server that requires TLS says so at USER, before the client sends the password.
///
/// That it requires TLS is told by its lists, or else by a right password that is good inside TLS alone.
async fn refused_at_pass(lab: &Lab) -> Outcome {
    let (survey, user) = (lab.survey(), format!("USER {}", nobody_like(lab, "")));
    let in_list = |list: &Option<Vec<crate::site::Capability>>| {
        list.iter().flatten().any(|capability| capability.tag.eq_ignore_ascii_case("USER"))
    };
    let mut session = lab.connect_clear().await?;
    let reply = session.command(&user).await?;
    if survey.first_capabilities.is_some()
        && !in_list(&survey.first_capabilities)
        && in_list(&survey.capabilities)
    {
        return require(reply.is_err(), || {
            format!(
                "USER is announced inside TLS alone, but in cleartext {}: a client gives its password now",
                reply.seen()
            )
        });
    }
    if reply.is_err() {
        return Ok(());
    }
    drop(session);
    right_password(lab).await
}

async fn right_password(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    account.may_try(Method::UserPass).or_else(inconclusive)?;
    let (mut session, _) = lab.greeted_for_login().await?;
    let user = session.command(format!("USER {}", account.user)).await?;
    if !user.is_ok() {
        return Ok(());
    }
    let mut answer = session.command(format!("PASS {}", account.password())).await;
    login::remember(&account, Method::UserPass, answer.as_mut());
    let reply = answer?;
    if reply.is_ok() {
        leave(session, &account).await;
        return Err(Stop::Info("passwords are taken in cleartext, so TLS is not required here".to_owned()));
    }
    assume(!is_momentary(&reply) && !says_unknown(&reply), || {
        format!("the login was put off: {}", reply.quoted())
    })?;
    drop(session);
    let (_, inside) = lab.login_by(&account, Method::UserPass).await?;
    assume(inside.is_ok(), || format!("inside TLS too, {}", inside.quoted()))?;
    warn(format!(
        "in cleartext {}, and the right password was then answered {}; inside TLS it is good. It has crossed the network",
        user.seen(),
        reply.quoted()
    ))
}

/// The maildrop is open now, and is left in good order.
async fn leave(mut session: Session, account: &std::rc::Rc<crate::accounts::Account>) {
    session.belongs_to(std::rc::Rc::clone(account));
    if session.command("QUIT").await.is_ok() {
        session.until_closed().await;
    }
}

//! RFC 2595 section 2.3: cleartext passwords, as far as this server in its present configuration shows it.

use std::rc::Rc;

use mail::Role;
use sasl::base64;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::mechanisms::{credentials, encoded};
use crate::outcome::{Outcome, Stop, assume, fail, skipped};
use crate::refusal::is_busy;
use crate::reply::Reply;
use crate::session::Session;
use crate::site::Capability;

checks! {
    "rfc2595.cleartext.configurable" => configurable [wrong_password],
    "rfc5034.plain.no-cleartext-config" => not_permitted [wrong_password],
}

/// The ways in which a password can be given as it is.
const WAYS: [&str; 3] = ["USER", "PLAIN", "LOGIN"];

/// RFC 2595 §2.3: A server with STLS can be configured to refuse all cleartext password logins without TLS.
///
/// Whether it can be is not to be seen; but that a server which refuses one of them refuses all of them is.
async fn configurable(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let (mut refused, mut taken, mut in_spite) = (None, None, None);
    for way in WAYS {
        let (_session, reply) = attempt(lab, &account, way).await?;
        if reply.is_ok() {
            taken = Some(format!("{way} (answered {})", reply.quoted()));
            // To announce it inside TLS alone is to say that it is refused without.
            if is_hidden(lab, way) {
                in_spite.clone_from(&taken);
            }
        } else {
            assume(!is_busy(&reply), || format!("in cleartext, {}", reply.seen()))?;
            // What a server does not have at all says nothing about cleartext.
            let inside = match way {
                "USER" => lab.user_works().is_ok(),
                _ => lab.survey().mechanisms().iter().any(|name| name == way),
            };
            if inside {
                refused = Some(format!("{way} ({})", reply.seen()));
            }
        }
    }
    if let Some(taken) = in_spite {
        return fail(format!(
            "without TLS, {taken} logs in, which CAPA announces inside TLS alone: what is hidden is not refused"
        ));
    }
    match (refused, taken) {
        (Some(refused), Some(taken)) => {
            fail(format!("without TLS, {refused} is refused, and the same password is taken by {taken}"))
        }
        (None, Some(_)) => {
            skipped("cleartext logins are allowed here; whether that can be configured is not to be seen")
        }
        _ => Ok(()),
    }
}

/// Whether a way is in the list inside TLS and not in the one before it.
fn is_hidden(lab: &Lab, way: &str) -> bool {
    let survey = lab.survey();
    if way == "USER" {
        let has =
            |list: &Option<Vec<Capability>>| list.iter().flatten().any(|capability| capability.tag == way);
        return survey.first_capabilities.is_some()
            && !has(&survey.first_capabilities)
            && has(&survey.capabilities);
    }
    let has = |list: Vec<String>| list.iter().any(|name| name == way);
    survey.first_capabilities.is_some() && !has(survey.first_mechanisms()) && has(survey.mechanisms())
}

/// RFC 5034 §4: A configuration exists in which no cleartext-password mechanism is announced or accepted before
/// STLS.
///
/// Where none is announced, none may be accepted.
async fn not_permitted(lab: &Lab) -> Outcome {
    let announced = lab.survey().first_mechanisms();
    let hidden: Vec<&str> =
        WAYS[1..].iter().copied().filter(|way| announced.iter().all(|name| name != way)).collect();
    if hidden.len() < 2 {
        return skipped(
            "cleartext mechanisms are announced here; whether that can be configured is not to be seen",
        );
    }
    let account = lab.account(Role::Disposable).await?;
    for way in hidden {
        let (_session, reply) = attempt(lab, &account, way).await?;
        if reply.is_ok() {
            return fail(format!("without TLS, {way} is not announced, and logs in: {}", reply.quoted()));
        }
    }
    Ok(())
}

/// A login in cleartext; the session is there until its reply was looked at.
async fn attempt(lab: &Lab, account: &Rc<Account>, way: &str) -> Result<(Session, Reply), Stop> {
    let (mut session, _) = lab.greeted_for_login().await?;
    let reply = if way == "USER" {
        let named = session.command(format!("USER {}", account.user)).await?;
        if named.is_ok() { session.command(format!("PASS {}", account.password())).await? } else { named }
    } else {
        exchange(lab, &mut session, account, way).await?
    };
    if reply.is_ok() {
        session.belongs_to(Rc::clone(account));
    }
    Ok((session, reply))
}

async fn exchange(lab: &Lab, session: &mut Session, account: &Account, way: &str) -> Result<Reply, Stop> {
    let mut reply = session.command(format!("AUTH {way}")).await?;
    let responses = if way == "PLAIN" {
        vec![credentials(lab, account)]
    } else {
        vec![base64::encode(&account.user), encoded(lab, account.password())]
    };
    for response in responses {
        if reply.continuation {
            reply = session.respond(response).await?;
        }
    }
    if reply.continuation { Ok(session.respond("*").await?) } else { Ok(reply) }
}

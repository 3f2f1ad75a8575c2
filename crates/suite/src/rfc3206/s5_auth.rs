//! RFC 3206 sections 5 and 6: AUTH, and the promise of AUTH-RESP-CODE.

use mail::Role;
use proto::{ResponseCode, Status, Verb};
use sasl::Mechanism;

use super::s4_sys::provoke;
use crate::accounts::Account;
use crate::check::checks;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::login;
use crate::mechanisms::{encoded, needs};
use crate::outcome::{Outcome, Stop, assume, require, warn};
use crate::refusal::{is_momentary, says_unknown};
use crate::reply::Reply;
use crate::rfc2449::s8_response_codes::misplaced;
use crate::runner::told;
use crate::session::Session;
use crate::survey::listed;

checks! {
    "rfc3206.auth.always" => always [wrong_password],
    "rfc3206.auth.only-credentials" => only_credentials [wrong_password],
    "rfc3206.auth.commands" => provoke [watch commands],
    "rfc3206.auth.not-on-user" => not_on_user [wrong_password],
    "rfc3206.auth.announced" => fail_to_log_in [wrong_password] [watch announced],
    "practice.resp.auth-needs-resp-codes" => needs_resp_codes,
}

/// RFC 3206 §5, §6: With AUTH-RESP-CODE announced, every failure caused by the credentials carries AUTH.
async fn always(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let wrong = format!("not-{}", account.password());
    lab.journal().secret(wrong.as_bytes());
    let mut judged = 0;

    for (name, password, what) in [
        (account.user.clone(), wrong.as_str(), "a wrong password"),
        (format!("nobody-{}", lab.nonce()), "nothing-at-all", "an unknown name"),
    ] {
        let mut session = lab.connect_for_login().await?;
        let user = session.command(format!("USER {name}")).await?;
        if user.is_ok() {
            let pass = session.command(format!("PASS {password}")).await?;
            judged += required(&pass, &format!("PASS with {what}"))?;
        }
    }
    if needs(lab, Mechanism::Plain).is_ok() {
        let message = encoded(lab, sasl::plain::message("", &account.user, &wrong));
        let mut session = lab.connect_for_login().await?;
        let mut reply = session.command(format!("AUTH PLAIN {message}")).await?;
        if reply.continuation {
            reply = session.respond(message).await?;
        }
        judged += required(&reply, "AUTH PLAIN with a wrong password")?;
    }
    if lab.survey().timestamp().is_some() {
        let reply = wrong_digest(lab, &account).await?;
        // Whether a server has the APOP that its greeting announces is judged by rfc1939.apop.login.
        let unknown = lab.connect().await?.command("XYZZY").await?;
        if reply.line != unknown.line {
            judged += required(&reply, "APOP with a wrong digest")?;
        }
    }
    assume(judged > 0, || "no command took credentials, so none was refused for them".to_owned())
}

/// A digest of nothing: one made from a password, even a wrong one, would let the right one be guessed on the way.
async fn wrong_digest(lab: &Lab, account: &Account) -> Result<Reply, Stop> {
    let mut session = lab.connect_for_login().await?;
    Ok(session.command(format!("APOP {} 0123456789abcdef0123456789abcdef", account.user)).await?)
}

/// 1 if the reply was judged, 0 if it is not about the credentials.
fn required(reply: &Reply, what: &str) -> Result<u32, Stop> {
    if !reply.is_err() || is_momentary(reply) || says_unknown(reply) {
        return Ok(0);
    }
    require(reply.has_code("AUTH"), || {
        format!("{what} was answered {}; AUTH-RESP-CODE promises `-ERR [AUTH]`", reply.quoted())
    })?;
    Ok(1)
}

/// RFC 3206 §5: AUTH is not used for failures that are not about the credentials (lock, time-out, syntax,
/// unknown mechanism).
async fn only_credentials(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let holder = lab.login_to(&account).await?;
    // APOP needs the timestamp of its own greeting, which is not at hand here.
    let method = match lab.survey().method {
        Some(method) if method != login::Method::Apop => method,
        _ => login::Method::UserPass,
    };
    let mut other = lab.connect_for_login().await?;
    let busy = login::attempt(&mut other, method, &account, None, &lab.nonce()).await?;
    let same = lab.survey().method == Some(method);
    require(!same || !busy.has_code("AUTH"), || {
        format!("the right credentials for a maildrop that is in use were answered {}", busy.quoted())
    })?;
    drop((holder, other));

    let mut session = lab.connect_for_login().await?;
    let unknown = session.command("AUTH NO-SUCH-MECH").await?;
    let mut odd = unknown.has_code("AUTH").then(|| unknown.seen());
    drop(session);
    if needs(lab, Mechanism::Plain).is_ok() {
        let mut session = lab.connect_for_login().await?;
        let malformed = session.command("AUTH PLAIN ***").await?;
        odd = odd.or_else(|| malformed.has_code("AUTH").then(|| malformed.seen()));
    }
    match odd {
        Some(seen) => warn(format!("{seen}, although no credentials were given")),
        None => Ok(()),
    }
}

/// RFC 3206 §5: AUTH should not answer USER.
///
/// Names that nobody has, and some that are too long for any, up to what fits into a line of 255 octets.
async fn not_on_user(lab: &Lab) -> Outcome {
    let long = [65, 129, 200, 248].map(|length| "n".repeat(length));
    for name in [format!("nobody-{}", &lab.nonce()[..8])].into_iter().chain(long) {
        let mut session = lab.connect_for_login().await?;
        let reply = session.command(format!("USER {name}")).await?;
        require(!reply.has_code("AUTH"), || {
            format!("{}: who asks learns which names there are", reply.seen())
        })?;
    }
    Ok(())
}

/// A login with a wrong password.
async fn fail_to_log_in(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    if session.command(format!("USER {}", account.user)).await?.is_ok() {
        session.command(format!("PASS not-{}", lab.nonce())).await?;
        return Ok(());
    }
    wrong_digest(lab, &account).await?;
    Ok(())
}

/// RFC 3206 §5: A server that sends AUTH supports CAPA and announces AUTH-RESP-CODE.
fn announced(seen: &Seen, lab: &Lab) -> Option<String> {
    if seen.continuation || lab.survey().announces("AUTH-RESP-CODE") {
        return None;
    }
    let code = ResponseCode::parse(Status::parse(&seen.line).0.text).0?;
    code.is("AUTH").then(|| format!("{}; AUTH-RESP-CODE is not announced", told(seen)))
}

/// RFC 3206 §5; RFC 2449 §8: AUTH-RESP-CODE is accompanied by RESP-CODES.
async fn needs_resp_codes(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    both_or_none(&mut session, "before login").await?;
    drop(session);
    if lab.survey().method.is_none() {
        return Ok(());
    }
    both_or_none(&mut lab.login(Role::Fixtures).await?, "after login").await
}

async fn both_or_none(session: &mut Session, when: &str) -> Outcome {
    let list = listed(&session.assume_ok("CAPA").await?).unwrap_or_default();
    let has = |tag: &str| list.iter().any(|capability| capability.tag == tag);
    require(!has("AUTH-RESP-CODE") || has("RESP-CODES"), || {
        format!("{when} AUTH-RESP-CODE is announced, RESP-CODES is not")
    })
}

/// RFC 3206 §5: AUTH occurs only on -ERR to authentication commands.
fn commands(seen: &Seen, _lab: &Lab) -> Option<String> {
    misplaced(seen, "AUTH", &[Verb::User, Verb::Pass, Verb::Apop, Verb::Auth])
}

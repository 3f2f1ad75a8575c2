//! RFC 2595 section 4: STLS.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::login;
use crate::mechanisms::require_transaction;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require};
use crate::refuses::refuses;
use crate::session::Session;
use crate::survey::listed;

checks! {
    "rfc2595.stls.needs-capa" => needs_capa,
    "rfc2595.stls.works" => works,
    "rfc2595.stls.no-second-greeting" => no_second_greeting,
    "rfc2595.stls.state" => state,
    "rfc2595.stls.not-in-trans" => not_in_transaction,
    "practice.stls.injection" => injection,
}

refuses! {
    /// RFC 2595 §4: The session stays in AUTHORIZATION after the handshake, even with a client certificate.
    state in Authorization: "STAT";
}

/// RFC 2595 §4: A server with STLS implements CAPA and announces STLS.
async fn needs_capa(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    let reply = session.command("CAPA").await?;
    let list = listed(&reply);
    let announced = list.iter().flatten().any(|capability| capability.tag == "STLS");
    let stls = session.command("STLS").await?;
    match (stls.is_ok(), announced) {
        (true, false) if list.is_none() => {
            fail(format!("STLS works, but {}; a list was required", reply.seen()))
        }
        (true, false) => fail("STLS works, but CAPA does not list it"),
        (false, true) => inconclusive(format!("STLS is announced, but {}", stls.seen())),
        _ => Ok(()),
    }
}

/// RFC 2595 §4: After the +OK line the TLS handshake starts with the very next octet; the session then goes
/// on inside TLS.
async fn works(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.require_ok("STLS").await?;
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await?;
    let reply = session.command("CAPA").await.judged()?;
    let known = lab.survey().first_capabilities.is_some();
    require(reply.is_ok() || !known, || format!("CAPA works in cleartext; inside TLS, {}", reply.seen()))
}

/// RFC 2595 §4: After the handshake the server sends nothing until the client speaks: there is no new
/// greeting.
async fn no_second_greeting(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.require_silence().await?;
    let reply = session.command("NOOPX").await?;
    require(reply.is_err(), || {
        format!(
            "the first command inside TLS, an unknown one, was answered {}; is that a greeting?",
            reply.quoted()
        )
    })
}

/// RFC 2595 §4: STLS after login is refused.
async fn not_in_transaction(lab: &Lab) -> Outcome {
    let mut session = logged_in(lab).await?;
    session.require_err("STLS").await?;
    require_transaction(&mut session, "the refusal of STLS").await
}

/// A session in TRANSACTION: in cleartext if this server and the user's permissions have it so, since inside TLS
/// STLS is refused for another reason.
async fn logged_in(lab: &Lab) -> Result<Session, Stop> {
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, greeting) = lab.greeted().await?;
    if let Some(method) = lab.survey().method.filter(|_| session.may_log_in().is_ok()) {
        let timestamp = sasl::apop::timestamp(&greeting.line);
        let reply = login::attempt(&mut session, method, &account, timestamp, &lab.nonce()).await?;
        if reply.is_ok() {
            return Ok(session);
        }
    }
    drop(session);
    lab.login_to(&account).await
}

/// Good practice (CERT VU#555316; the study NO STARTTLS of 2021): Plaintext that arrives behind STLS before
/// the handshake is thrown away (or breaks the connection); it is never executed inside TLS.
async fn injection(lab: &Lab) -> Outcome {
    // To tell the answer to a line of ours from that of CAPA, CAPA must have one.
    let mut session = lab.connect().await?;
    session.assume_ok("CAPA").await?;
    for (smuggled, what) in [
        (&b"STLS\r\nNOOPINJECTED\r\n"[..], "a whole line behind STLS in the same write"),
        (b"STLS\r\nNOOPX", "a piece of a line behind STLS in the same write"),
    ] {
        let Some(mut session) = upgraded_with(lab, smuggled).await? else { continue };
        match session.command("CAPA").await {
            Ok(reply) if reply.is_ok() => {}
            Ok(reply) => {
                return fail(format!(
                    "{what}: the first command inside TLS, CAPA, was answered {}, as if the cleartext belonged to it",
                    reply.quoted()
                ));
            }
            // To break the connection off is right too.
            Err(Mishap::Closed { .. }) => continue,
            Err(mishap) => return Err(mishap.into()),
        }
        match session.require_silence().await {
            Err(Stop::Fail(seen)) => {
                return fail(format!("{what}: behind the answer to CAPA inside TLS, {seen}"));
            }
            other => other?,
        }
    }
    Ok(())
}

/// A session after a handshake before which these octets were sent; `None` if the server would not have it.
async fn upgraded_with(lab: &Lab, octets: &[u8]) -> Result<Option<Session>, Stop> {
    let mut session = lab.connect_clear().await?;
    session.batch(octets).await?;
    match session.reply().await {
        Ok(reply) => assume(reply.is_ok(), || format!("{}, so there was no handshake", reply.seen()))?,
        Err(Mishap::Closed { .. }) => return Ok(None),
        Err(mishap) => return Err(mishap.into()),
    }
    match session.start_tls(&lab.site().dialer, &lab.tls_options()).await {
        Ok(()) => Ok(Some(session)),
        // Executed or refused in cleartext, it is not executed inside TLS.
        Err(Stop::Fail(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

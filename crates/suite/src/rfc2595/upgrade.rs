//! The upgrade by STLS from the side of an attacker: what is smuggled in front of it, kept from before it, or comes of a
//! handshake that fails.

use mail::Role;

use crate::check::checks;
use crate::client_hello::{ClientHello, TLS_1_2};
use crate::lab::Lab;
use crate::mechanisms::{begins_like_status, in_step};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped};
use crate::refusal::is_busy;
use crate::reply::quote;
use crate::session::{Heard, Session};

checks! {
    "practice.stls.injection" => injection,
    "practice.stls.fixation" => fixation [wrong_password],
    "practice.stls.during-auth" => during_authentication [wrong_password],
    "practice.stls.failed-handshake" => failed_handshake,
    "practice.stls.truncation" => truncation,
}

/// RFC 2595 §4: Plaintext that arrives behind STLS before
/// the handshake is thrown away (or breaks the connection); it is never executed inside TLS.
async fn injection(lab: &Lab) -> Outcome {
    // To tell the answer to a line of ours from that of CAPA, CAPA must have one.
    let mut session = lab.connect().await?;
    session.assume_ok("CAPA").await?;
    for (first, second, what) in [
        (&b"STLS\r\nNOOPINJECTED\r\n"[..], &b""[..], "a whole line behind STLS in the same write"),
        (b"STLS\r\nNOOPX", b"", "a piece of a line behind STLS in the same write"),
        (b"STLS\r\n", b"NOOPINJECTED\r\n", "a whole line in a second write just behind STLS"),
        (b"STLS\r\nUSER poplab-injected\r\n", b"", "USER behind STLS in the same write"),
    ] {
        let Some(mut session) = upgraded_with(lab, first, second).await? else { continue };
        match session.command("CAPA").await {
            // The answer to USER agrees too, and what comes behind it looks like the list.
            Ok(reply) if reply.is_ok() && begins_like_status(reply.octets()) => {
                return fail(format!(
                    "{what}: the first command inside TLS, CAPA, got two answers; the first is {}",
                    reply.quoted()
                ));
            }
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
async fn upgraded_with(lab: &Lab, first: &[u8], second: &[u8]) -> Result<Option<Session>, Stop> {
    let mut session = lab.connect_clear().await?;
    session.batch(first).await?;
    if !second.is_empty() {
        session.batch(second).await?;
    }
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

/// Good practice (the study NO STARTTLS of 2021): Knowledge from the plaintext phase is dropped: a USER given
/// before STLS does not count after it.
async fn fixation(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.connect_clear().await?;
    // A name alone is no secret. That it is refused here does not mean that it is not kept.
    let named = session.command(format!("USER {}", account.user)).await?;
    let reply = match session.command("STLS").await {
        Err(Mishap::Closed { .. }) if named.is_err() => return Ok(()),
        reply => reply?,
    };
    if !reply.is_ok() {
        return Ok(());
    }
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await.map_err(Stop::only_assumed)?;
    let reply = session.command(format!("PASS {}", account.password())).await.judged()?;
    if reply.is_ok() {
        session.belongs_to(account);
        return fail(format!(
            "inside TLS, PASS without USER was answered {}: the name given in cleartext before STLS was kept",
            reply.quoted()
        ));
    }
    // A maildrop that is in use has been found by name and password.
    assume(!is_busy(&reply), || format!("inside TLS, PASS without USER was answered {}", reply.quoted()))
}

/// Good practice: STLS in the middle of a SASL exchange is taken as a client response and fails it.
async fn during_authentication(lab: &Lab) -> Outcome {
    let announced = lab.survey().first_mechanisms();
    let fit = ["PLAIN", "CRAM-MD5", "SCRAM-SHA-256"];
    let Some(mechanism) = fit.into_iter().find(|name| announced.iter().any(|other| other == name)) else {
        return skipped("the server announces no mechanism in cleartext that one response could fail");
    };
    let (mut session, _) = lab.greeted_for_login().await?;
    let challenge = session.command(format!("AUTH {mechanism}")).await?;
    if !challenge.continuation {
        return inconclusive(format!("{}, so the exchange could not go on", challenge.seen()));
    }
    let reply = session.respond("STLS").await.judged()?;
    require(reply.is_err(), || {
        format!("within AUTH {mechanism}, STLS was answered {}; `-ERR` was required", reply.quoted())
    })?;
    // Behind a failed login a server may close.
    in_step(&mut session, &format!("within AUTH {mechanism}, STLS was refused")).await?;
    Ok(())
}

/// RFC 2595 §4: After a failed handshake the server closes; it does not carry on in plaintext and it survives.
async fn failed_handshake(lab: &Lab) -> Outcome {
    // That others are served is known before anything is broken.
    let mut bystander = Some(lab.connect().await?);
    let seed = lab.nonce();
    // No server has them: they are not assigned.
    let strange = ClientHello { version: TLS_1_2, suites: &[0x7a7a, 0x8a8a], server_name: None, seed: &seed };
    let hello = strange.record();
    let half = &hello[..hello.len() / 2];
    for (octets, what) in [
        (&b"CAPA\r\n"[..], "a command in cleartext"),
        (b"GET / HTTP/1.0\r\n\r\n", "a request of HTTP"),
        (&hello, "a ClientHello without any suite that there is"),
        (&[&[22, 3, 1, 0, 64][..], &[0xff; 64]].concat(), "a record of TLS filled with 0xff"),
        (&[0; 64], "64 octets of zero"),
        (half, "half a ClientHello"),
    ] {
        let mut session = lab.before_handshake().await?;
        session.fragment(octets).await?;
        // Of half a record the other half is awaited.
        let wait = if octets == half { session.patience().quiet } else { session.patience().answer };
        let heard = session.hear(wait).await;
        not_in_cleartext(&heard, what)?;
        // Who failed may say what he likes, and a careless server goes on.
        if heard.ended.is_none() && session.batch(b"CAPA\r\n").await.is_ok() {
            let heard = session.hear(session.patience().quiet).await;
            not_in_cleartext(&heard, &format!("{what}, and then CAPA in cleartext"))?;
        }
        drop(session);
        let after = format!("instead of a handshake {what} came");
        match lab.require_alive(&after).await {
            // There was room for two before: it is not the bystander's place that is wanting.
            Err(Stop::Skipped(_)) if bystander.take().is_some() => lab.require_alive(&after).await?,
            alive => alive?,
        }
    }
    let Some(bystander) = &mut bystander else { return Ok(()) };
    // A server may have had enough of one that says nothing.
    match bystander.command("CAPA").await {
        Ok(_) | Err(Mishap::TimedOut { .. }) => Ok(()),
        Err(mishap) => inconclusive(format!("a connection that was open all the time: {mishap}")),
    }
}

/// A status line is nothing that TLS knows; to say `-ERR` and close does no harm.
fn not_in_cleartext(heard: &Heard, what: &str) -> Outcome {
    let farewell = heard.octets.starts_with(b"-ERR") && heard.ended.is_some();
    require(!heard.has_status() || farewell, || {
        format!(
            "after STLS, instead of a handshake, {what}: the server went on in cleartext with {}",
            quote(&heard.octets)
        )
    })
}

/// RFC 2595 §2.2: When TLS is shut down by the client the server does not continue in plaintext.
async fn truncation(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.assume_ok("STLS").await?;
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await.map_err(Stop::only_assumed)?;
    session.assume_ok("CAPA").await?;
    session.leave_tls().await?;
    if session.batch(b"CAPA\r\n").await.is_err() {
        return Ok(());
    }
    let heard = session.hear(session.patience().quiet * 3).await;
    require(!heard.has_status(), || {
        format!("after close_notify, CAPA in cleartext was answered {}", quote(&heard.octets))
    })
}

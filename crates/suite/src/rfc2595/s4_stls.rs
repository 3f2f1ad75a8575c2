//! RFC 2595 section 4: STLS.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::login;
use crate::mechanisms::{in_step, require_transaction};
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, info, require, skipped};
use crate::refuses::refuses;
use crate::reply::Reply;
use crate::session::Session;
use crate::survey::listed;

checks! {
    "rfc2595.stls.needs-capa" => needs_capa,
    "rfc2595.stls.works" => works,
    "rfc2595.stls.no-second-greeting" => no_second_greeting,
    "rfc2595.stls.state" => state,
    "rfc2595.stls.not-in-trans" => not_in_transaction,
    "rfc2595.stls.not-twice" => not_twice,
    "rfc2595.stls.implicit" => under_implicit_tls,
    "rfc2595.stls.args" => arguments,
    "rfc2595.caps-may-change" => capabilities_may_change,
    "rfc8314.stls.not-if-broken" => not_if_broken,
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
    if session.require_silence().await.is_ok() && session.ended_behind_refusal() {
        return Ok(());
    }
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

/// RFC 2595 §4: Under TLS, STLS is refused and no longer announced.
async fn not_twice(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.assume_ok("STLS").await?;
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await.map_err(Stop::only_assumed)?;
    no_more(lab, session, "after STLS").await
}

/// RFC 2595 §4; RFC 8314 §3: On the implicit-TLS port STLS is neither announced nor accepted.
async fn under_implicit_tls(lab: &Lab) -> Outcome {
    no_more(lab, lab.connect().await?, "on the port with TLS from the first octet").await
}

/// Under TLS, STLS is neither listed nor accepted.
async fn no_more(lab: &Lab, mut session: Session, place: &str) -> Outcome {
    let list = match lab.survey().first_capabilities {
        Some(_) => listed(&session.command("CAPA").await?),
        None => None,
    };
    let reply = session.command("STLS").await.judged()?;
    require(reply.is_err(), || format!("{place}, {}; TLS was active already", reply.seen()))?;
    require(!list.iter().flatten().any(|capability| capability.tag == "STLS"), || {
        format!("{place}, CAPA lists STLS, which is not permitted there any more")
    })?;
    // Behind a refusal a server may close.
    in_step(&mut session, "under TLS, STLS was refused").await?;
    Ok(())
}

/// RFC 2595 §4: STLS takes no argument.
async fn arguments(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.require_err("STLS now").await?;
    match session.command("CAPA").await {
        Ok(_) => {}
        // Behind a refusal a server may close.
        Err(Mishap::Closed { .. }) => return Ok(()),
        Err(mishap) => return Err(mishap.judged()),
    }
    session.assume_ok("STLS").await?;
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await
}

/// RFC 2595 §4: Capabilities may differ before and after STLS.
async fn capabilities_may_change(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    let before = tags(&session.assume_ok("CAPA").await?);
    session.assume_ok("STLS").await?;
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await.map_err(Stop::only_assumed)?;
    let after = tags(&session.require_ok("CAPA").await?);
    let differing = |these: &[String], those: &[String]| {
        these.iter().filter(|tag| !those.contains(tag)).cloned().collect::<Vec<_>>().join(", ")
    };
    let (gone, come) = (differing(&before, &after), differing(&after, &before));
    if gone.is_empty() && come.is_empty() {
        return Ok(());
    }
    let part = |what: &str, tags: String| (!tags.is_empty()).then(|| format!("{what} inside TLS: {tags}"));
    let parts: Vec<String> = [part("only", come), part("no longer", gone)].into_iter().flatten().collect();
    info(parts.join("; "))
}

/// The lines of a list but for STLS, which has to go.
fn tags(reply: &Reply) -> Vec<String> {
    let list = listed(reply).unwrap_or_default();
    let lines = list.into_iter().filter(|capability| capability.tag != "STLS");
    lines.map(|line| [vec![line.tag], line.parameters].concat().join(" ")).collect()
}

/// RFC 8314 §4: STLS is not announced if it would fail (no certificate).
async fn not_if_broken(lab: &Lab) -> Outcome {
    // Not the first one alone: a certificate that is there for one connection is there for all.
    for _ in 0..2 {
        let mut session = lab.connect_clear().await?;
        let list = listed(&session.assume_ok("CAPA").await?);
        if !list.iter().flatten().any(|capability| capability.tag == "STLS") {
            return skipped("STLS is not announced");
        }
        let reply = session.command("STLS").await.judged()?;
        require(reply.is_ok(), || format!("STLS is announced, but {}", reply.seen()))?;
        session.start_tls(&lab.site().dialer, &lab.tls_options()).await?;
    }
    Ok(())
}

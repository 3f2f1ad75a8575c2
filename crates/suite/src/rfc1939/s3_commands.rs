//! RFC 1939 section 3, RFC 2449 section 4: the grammar of commands, message numbers, and how long lines may be.
//!
//! `rfc2449.cmd.len-by-capability` has no check: no registered capability asks for longer commands.

use mail::Role;

use crate::check::checks;
use crate::enduring::{self, Enduring, goes_on};
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, require, warn};
use crate::refusal::{says_line_too_long, says_too_long};
use crate::refuses::refuses;
use crate::session::Session;

checks! {
    "rfc1939.cmd.unrecognized" => unrecognized,
    "rfc1939.cmd.unimplemented" => unimplemented,
    "rfc1939.cmd.no-prefix-match" => no_prefix_match,
    "rfc1939.cmd.extra-args" => surplus_arguments,
    "rfc1939.cmd.too-many-args" => too_many_arguments,
    "rfc1939.cmd.missing-arg" => missing_argument,
    "rfc1939.cmd.arg-40" => argument_of_40,
    "rfc2449.cmd.len-255" => line_of_255,
    "rfc1939.cmd.minimal-set" => minimal_set,
}

refuses! {
    /// RFC 1939 §3: Keywords must match whole: abbreviations and longer words are not commands.
    no_prefix_match in Transaction: "STA", "STATQX", "QUITX", "NO", "RETRX 1";
}

/// RFC 1939 §3: An unknown command gets a negative reply, in every state.
async fn unrecognized(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.require_err("XYZZY").await?;
    goes_on(&mut session, "XYZZY", "CAPA").await?;
    let mut closed = session.ended_behind_refusal().then_some("before login");
    let mut session = lab.login(Role::Fixtures).await?;
    session.require_err("XYZZY").await?;
    goes_on(&mut session, "XYZZY", "STAT").await?;
    closed = closed.or(session.ended_behind_refusal().then_some("after login"));
    match closed {
        None => Ok(()),
        // Of all the checks that say something bad this one tells it.
        Some(when) => Err(Stop::Info(format!(
            "{when} the connection ends behind the refusal of XYZZY; no RFC says that it has to stay"
        ))),
    }
}

/// RFC 1939 §3: An optional command the server does not implement is answered with -ERR, just like an unknown
/// one.
async fn unimplemented(lab: &Lab) -> Outcome {
    let mut session = enduring::with_mail(lab).await?;
    // The multi-line ones are read to their dot line, so a missing one is found here.
    for command in ["TOP 1 0", "UIDL", "UTF8", "LANG"] {
        let reply = session.command(command).await?;
        require(reply.is_ok() || reply.is_err(), || reply.seen())?;
    }
    let last = session.command("LAST").await?;
    // RFC 1460 section 3: the highest message number accessed. What has no number is an extension of the server's own.
    let word = last.text().split(|octet| *octet == b' ').next().unwrap_or_default();
    let of_its_own = last.is_ok() && proto::number(word).is_none();
    if !last.is_ok() {
        last.clone().require_err()?;
    }
    // No extension has a name that was made up just now.
    let made_up = format!("X{}", lab.nonce()[..12].to_ascii_uppercase());
    session.command(&made_up).await?.require_err()?;
    let submission = session.command("XTND XMIT").await?;
    if !submission.is_ok() {
        submission.require_err()?;
        return if of_its_own {
            Err(Stop::Info(format!("{}, which is no message number", last.seen())))
        } else {
            Ok(())
        };
    }
    // RFC 1082's XMIT now takes a message and stays silent. The connection is dropped before its dot line.
    match session.session().command("NOOP").await {
        Ok(next) => {
            fail(format!("{}, but a NOOP behind it was obeyed: {}", submission.seen(), next.quoted()))
        }
        Err(_) if of_its_own => Err(Stop::Info(format!("{}, which is no message number", last.seen()))),
        Err(_) => Ok(()),
    }
}

/// RFC 1939 §5: Commands without arguments (STAT, NOOP, RSET, QUIT, CAPA, STLS, UTF8) do not take any;
/// surplus words make the line invalid.
async fn surplus_arguments(lab: &Lab) -> Outcome {
    let mut session = Enduring::begin(async || lab.login(Role::Fixtures).await).await?;
    let mut tolerated = Vec::new();
    for command in ["CAPA x", "STAT foo", "NOOP foo", "RSET 1"] {
        let reply = session.command(command).await?;
        if reply.is_ok() {
            tolerated.push(reply.seen());
        } else {
            reply.require_err()?;
        }
    }
    if tolerated.is_empty() { Ok(()) } else { warn(tolerated.join("; ")) }
}

/// RFC 1939 §5, §7: RETR, DELE, LIST, UIDL take one number, TOP two; more words are invalid.
async fn too_many_arguments(lab: &Lab) -> Outcome {
    let (mut session, may_delete) = perhaps_deletable(lab).await?;
    let mut tolerated = Vec::new();
    for command in ["LIST 1 2", "DELE 1 2", "RETR 1 2", "TOP 1 0 0"] {
        if command == "DELE 1 2" && !may_delete {
            continue;
        }
        let reply = session.command(command).await?;
        if reply.is_ok() {
            tolerated.push(reply.seen());
        } else {
            reply.require_err()?;
        }
    }
    let _ = session.session().command("RSET").await;
    if tolerated.is_empty() { Ok(()) } else { warn(tolerated.join("; ")) }
}

/// RFC 1939 §5, §7: A command whose required argument is missing is syntactically invalid and gets -ERR.
async fn missing_argument(lab: &Lab) -> Outcome {
    for command in ["USER", "PASS", "APOP x"] {
        let mut session = lab.connect().await?;
        session.require_err(command).await?;
        goes_on(&mut session, command, "CAPA").await?;
    }
    let (mut session, may_delete) = perhaps_deletable(lab).await?;
    session.require_refusals(&["RETR", "TOP", "TOP 1"]).await?;
    if may_delete {
        session.require_refusals(&["DELE"]).await?;
    }
    Ok(())
}

/// RFC 1939 §3: Arguments of up to 40 characters are accepted.
async fn argument_of_40(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command(format!("USER {}", "a".repeat(40))).await.judged()?;
    require(!says_too_long(&reply), || {
        format!("{}; names of 40 characters are to be accepted", reply.seen())
    })?;
    one_reply(&mut session, "USER with a name of 40 characters").await?;
    goes_on(&mut session, "USER with a name of 40 characters", "CAPA").await
}

/// RFC 2449 §4: A server with CAPA accepts command lines of up to 255 octets including CRLF.
async fn line_of_255(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let long = session.command(format!("USER {}", "a".repeat(248))).await.judged()?;
    one_reply(&mut session, "a USER line of 255 octets").await?;
    goes_on(&mut session, "a USER line of 255 octets", "CAPA").await?;
    if long.is_ok() {
        return Ok(());
    }
    // A name that does not exist either; if it fares better, the length alone makes the difference.
    let short = lab.connect().await?.command("USER poplab-nobody").await?;
    if !short.is_ok() {
        return Ok(());
    }
    let seen = format!("a USER line of 255 octets was answered {}, {}", long.quoted(), short.seen());
    if says_line_too_long(&long) {
        return warn(format!("{seen}: the length seems to be the reason"));
    }
    // Names may be limited where lines are not.
    Err(Stop::Info(format!("{seen}, perhaps for the length of the name")))
}

/// A line that was cut is answered twice.
async fn one_reply(session: &mut Session, command: &str) -> Outcome {
    session.require_silence().await.map_err(|stop| match stop {
        Stop::Fail(seen) => Stop::Fail(format!("behind the reply to {command}: {seen}")),
        other => other,
    })
}

/// RFC 1939 §5, §7, §9: STAT, LIST, RETR, DELE, NOOP, RSET and QUIT are implemented.
async fn minimal_set(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    for command in ["STAT", "LIST", "RETR 1", "DELE 1", "RSET", "NOOP", "QUIT"] {
        match session.command(command).await {
            // How a reply is framed is for other checks.
            Err(mishap @ (Mishap::Unterminated { .. } | Mishap::Endless { .. })) => return Err(mishap.into()),
            reply => reply.required()?.require_ok()?,
        };
    }
    Ok(())
}

/// A session that may send DELE, if there is one; else one that has mail. Whether it may is told.
async fn perhaps_deletable(
    lab: &Lab,
) -> Result<(Enduring<impl AsyncFn() -> Result<Session, Stop>>, bool), Stop> {
    let (session, may_delete) = match lab.deletable(1).await {
        Ok(session) => (session, true),
        Err(Stop::Skipped(_)) => (lab.mail(1).await?, false),
        Err(stop) => return Err(stop),
    };
    let open = async move || if may_delete { lab.deletable(1).await } else { lab.mail(1).await };
    Ok((Enduring::with(session, open), may_delete))
}

//! Commands that POP3 had once, and what old clients depend on: RFC 1082, 1225, 1460 and 1957.

use mail::Role;

use super::nobody_like;
use crate::check::checks;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, require};
use crate::reply::Reply;
use crate::runner::told;

checks! {
    "rfc1460.last" => last,
    "rfc1225.rpop" => rpop [wrong_password],
    "rfc1082.xtnd" => xtnd,
    "rfc1957.space" => some_replies [watch space],
    "rfc1957.top-uidl" => top_and_uidl,
}

/// RFC 1460; RFC 1725: LAST was removed in RFC 1725; it may be missing (-ERR) or work as in RFC 1460.
async fn last(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let stat = session.assume_ok("STAT").await?;
    let (count, _) = stat.totals()?;
    let reply = session.command("LAST").await.judged()?;
    let next = match session.command("STAT").await {
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        next => next.judged()?,
    };
    require(next.line == stat.line, || {
        format!("behind the reply to LAST, {}, came {}", reply.quoted(), next.quoted())
    })?;
    if reply.is_err() {
        return Ok(());
    }
    let word = reply.text().split(|octet| *octet == b' ').next().unwrap_or_default();
    let number = proto::number(word).filter(|number| *number <= count);
    require(reply.is_ok() && number.is_some(), || format!("{}; there are {count} messages", reply.seen()))?;
    Err(Stop::Info(format!("LAST works still: {}", reply.seen())))
}

/// RFC 1225: RPOP is gone since RFC 1460; it must not let anyone in.
///
/// The name is that of an account for testing: nobody else's maildrop is to be opened, should it work.
async fn rpop(lab: &Lab) -> Outcome {
    let user = match lab.account(Role::Disposable).await {
        Ok(account) => account.user.clone(),
        Err(Stop::Skipped(_)) => nobody_like(lab, ""),
        Err(stop) => return Err(stop),
    };
    for named in [true, false] {
        let mut session = lab.connect_for_login().await?;
        if named {
            session.command(format!("USER {user}")).await?;
        }
        let reply = match session.command(format!("RPOP {user}")).await {
            Err(Mishap::Closed { .. }) => continue,
            reply => reply.judged()?,
        };
        let stat = session.command("STAT").await;
        let inside = stat.as_ref().is_ok_and(Reply::is_ok);
        if inside || reply.is_ok() {
            let then = stat.map_or_else(|mishap| mishap.to_string(), |stat| stat.seen());
            return fail(format!(
                "without a password, and not from a privileged port, {}; then {then}",
                reply.seen()
            ));
        }
    }
    Ok(())
}

/// RFC 1082: XTND (XMIT, XLST, bulletin boards) is historic; -ERR is normal.
///
/// Nothing is sent: a connection on which XMIT is accepted ends before a line of the message.
async fn xtnd(lab: &Lab) -> Outcome {
    let mut works = Vec::new();
    for command in ["XTND XLST Subject", "XTND XMIT", "XTND BBOARDS"] {
        let mut session = lab.login(Role::Fixtures).await?;
        match session.command(command).await {
            Ok(reply) if reply.is_ok() => works.push(reply.seen()),
            Ok(reply) => {
                reply.require_err()?;
            }
            Err(Mishap::Closed { .. }) => {}
            Err(mishap) => return Err(mishap.judged()),
        }
    }
    if works.is_empty() { Ok(()) } else { Err(Stop::Info(works.join("; "))) }
}

/// Some status lines of each kind.
async fn some_replies(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    for command in ["CAPA", "XYZZY"] {
        if session.command(command).await.is_err() {
            break;
        }
    }
    if lab.survey().method.is_some() {
        let mut session = lab.login(Role::Fixtures).await?;
        for command in ["NOOP", "RSET", "LIST", "XYZZY", "QUIT"] {
            if session.command(command).await.is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// RFC 1957: Servers do well to send a space (and text) after +OK and -ERR, since some old clients expect it.
fn space(seen: &Seen, _: &Lab) -> Option<String> {
    let bare = seen.line == b"+OK" || seen.line == b"-ERR";
    bare.then(|| format!("{}; some old clients expect a space there", told(seen)))
}

/// RFC 1957: TOP and UIDL should be there: popular clients depend on them.
async fn top_and_uidl(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let mut missing = Vec::new();
    for command in ["TOP 1 0", "UIDL"] {
        let reply = session.command(command).await?;
        if !reply.is_ok() {
            missing.push(reply.seen());
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Stop::Info(missing.join("; "))) }
}

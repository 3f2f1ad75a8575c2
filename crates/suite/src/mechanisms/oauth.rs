//! RFC 7628, OAUTHBEARER, and XOAUTH2, which came before it: logins with a token. Where tokens come from is the user's
//! matter; an account has one in the accounts file or has none.

use std::rc::Rc;

use mail::Role;
use sasl::base64;
use sasl::oauth::{Kind, message, message_with};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{COMMAND_AT_MOST, disposable, encoded};
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn};
use crate::refusal::{assume_not_put_off, says_unknown};
use crate::reply::{Reply, quote};
use crate::session::Session;
use crate::site::Security;

checks! {
    "rfc7628.oauth.tls" => only_under_tls [wrong_password],
    "rfc7628.oauth.error" => error_result [wrong_password],
    "rfc7628.oauth.unknown-keys" => unknown_keys [wrong_password],
    "rfc7628.oauth.host-port" => host_and_port [wrong_password],
    "rfc7628.oauth.lone-separator" => lone_separator [wrong_password],
    "practice.xoauth2" => both_forms [wrong_password],
}

/// What answers an error result (RFC 7628 section 3.2.3).
const SEPARATOR: &str = "\u{1}";
/// Nobody's token.
const WRONG: &str = "poplab-made-this-token-up";

/// RFC 7628 §3: OAUTHBEARER is used only under TLS.
async fn only_under_tls(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a cleartext port");
    }
    let listed = lab.survey().first_mechanisms().iter().any(|name| name == "OAUTHBEARER");
    require(!listed, || "without TLS, OAUTHBEARER is announced".to_owned())?;
    let (mut session, _) = lab.greeted_for_login().await?;
    let reply = session.command("AUTH OAUTHBEARER").await.judged()?;
    require(reply.is_err(), || {
        format!("without TLS, {}; a token would go in cleartext, so `-ERR` was required", reply.seen())
    })
}

/// RFC 7628 §3.2.2, §3.2.3: A bad token yields a challenge with a JSON object (status), and after the client's
/// dummy response the -ERR.
async fn error_result(lab: &Lab) -> Outcome {
    let account = disposable(lab).await?;
    let user = account.as_ref().map_or("poplab-nobody", |account| &account.user);
    let (host, port) = (&lab.site().entrance.endpoint.host, lab.site().entrance.endpoint.port.to_string());
    let bad = message_with(Kind::OAuthBearer, user, WRONG, &[("host", host), ("port", &port)]);
    for at_once in [false, true] {
        let (mut session, reply) = said(lab, Kind::OAuthBearer, &bad, at_once).await?;
        if reply.is_err() {
            assume(!says_unknown(&reply), || reply.seen())?;
            require(!reply.text().contains(&b'{'), || {
                format!("a bad token was answered {}; the reason belongs into a challenge", reply.quoted())
            })?;
            return warn(format!(
                "a bad token was answered {} at once, without a reason in JSON",
                reply.quoted()
            ));
        }
        require(reply.continuation, || format!("a bad token was answered {}", reply.quoted()))?;
        tells_why(&reply)?;
        let reply = session.respond(base64::encode(SEPARATOR)).await.judged()?;
        require(reply.is_err(), || {
            format!(
                "after the reason, the client's dummy response was answered {}; `-ERR` was required",
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

/// The reason that a challenge gives: an object of JSON with a status.
fn tells_why(reply: &Reply) -> Outcome {
    let octets = base64::decode(reply.text()).or_else(|error| fail(format!("{}: {error}", reply.seen())))?;
    let text = String::from_utf8_lossy(&octets).trim().to_owned();
    let braced = text.starts_with('{') && text.ends_with('}');
    // YAML is read here, of which JSON is a part.
    let Some(Reason { status }) = serde_saphyr::from_str(&text).ok().filter(|_| braced) else {
        return fail(format!(
            "the reason for refusing a token is {}, which is not an object of JSON",
            quote(&octets)
        ));
    };
    require(status.is_some(), || {
        format!("the reason for refusing a token is {}, without a status", quote(&octets))
    })
}

/// What must be in a reason.
#[derive(Deserialize)]
struct Reason {
    status: Option<IgnoredAny>,
}

/// RFC 7628 §3.1: Unknown key/value pairs are ignored.
async fn unknown_keys(lab: &Lab) -> Outcome {
    let (account, token) = holder(lab).await?;
    right(lab, &account, &message(Kind::OAuthBearer, &account.user, &token)).await?;
    for pairs in [&[("foo", "bar")][..], &[("xpoplab", ""), ("scope", "a b,c")]] {
        let extended = message_with(Kind::OAuthBearer, &account.user, &token, pairs);
        let (_session, reply) = attempt(lab, &account, Kind::OAuthBearer, &extended, true).await?;
        assume_not_put_off(&reply)?;
        require(reply.is_ok(), || {
            format!(
                "the right token with the unknown key `{}` was answered {}; `+OK` was required",
                pairs[0].0,
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

/// RFC 7628 §3.2: host and port given by the client must match what the server knows.
async fn host_and_port(lab: &Lab) -> Outcome {
    let (account, token) = holder(lab).await?;
    let (host, port) = (&lab.site().entrance.endpoint.host, lab.site().entrance.endpoint.port.to_string());
    let pairs = [("host", host.as_str()), ("port", &port)];
    right(lab, &account, &message_with(Kind::OAuthBearer, &account.user, &token, &pairs)).await?;
    let foreign = [("host", "wrong.example"), ("port", "1")];
    let foreign = message_with(Kind::OAuthBearer, &account.user, &token, &foreign);
    let (_session, reply) = attempt(lab, &account, Kind::OAuthBearer, &foreign, true).await?;
    if !reply.is_ok() {
        return Ok(());
    }
    // What it must match is what the server knows, and few know the name by which they are reached.
    info("a token that is said to be for `wrong.example`, port 1, is taken")
}

/// RFC 7628 §3.1: A first message of a single ^A may simply fail.
async fn lone_separator(lab: &Lab) -> Outcome {
    for at_once in [true, false] {
        let (mut session, mut reply) = said(lab, Kind::OAuthBearer, SEPARATOR.as_bytes(), at_once).await?;
        if reply.continuation {
            reply = session.respond(base64::encode(SEPARATOR)).await.judged()?;
        }
        require(reply.is_err(), || format!("a message of one separator was answered {}", reply.quoted()))?;
        drop(session);
        lab.require_alive("a message of one separator came by AUTH OAUTHBEARER").await?;
    }
    Ok(())
}

/// Good practice (the documentation of Google and of Microsoft): XOAUTH2 (not an RFC) works both with and without
/// initial response, and answers a bad token with a JSON challenge or -ERR.
async fn both_forms(lab: &Lab) -> Outcome {
    let nobody = disposable(lab).await?;
    let user = nobody.as_ref().map_or("poplab-nobody", |account| &account.user);
    for at_once in [true, false] {
        let (mut session, reply) =
            said(lab, Kind::XOAuth2, &message(Kind::XOAuth2, user, WRONG), at_once).await?;
        if reply.continuation {
            let why = base64::decode(reply.text()).unwrap_or_default();
            // A server that does not take an initial response asks for it.
            let last = if why.is_empty() { "*" } else { "" };
            if last.is_empty() {
                tells_why(&reply)?;
            }
            let reply = session.respond(last).await.judged()?;
            require(reply.is_err(), || format!("after the reason, {}; `-ERR` was required", reply.seen()))?;
        } else {
            require(reply.is_err(), || format!("a bad token was answered {}", reply.quoted()))?;
        }
    }
    let (account, token) = holder(lab).await?;
    let good = message(Kind::XOAuth2, &account.user, &token);
    let (session, twice) = attempt(lab, &account, Kind::XOAuth2, &good, false).await?;
    drop(session);
    let (_session, once) = attempt(lab, &account, Kind::XOAuth2, &good, true).await?;
    match (once.is_ok(), twice.is_ok()) {
        (true, true) => Ok(()),
        (false, true) => {
            info(format!("only with a line of its own: as initial response the token got {}", once.quoted()))
        }
        (true, false) => {
            fail(format!("only as initial response: on a line of its own the token got {}", twice.quoted()))
        }
        (false, false) => {
            inconclusive(format!("the token of `{}` is refused: {}", account.user, once.quoted()))
        }
    }
}

/// An account with a token.
async fn holder(lab: &Lab) -> Result<(Rc<Account>, String), Stop> {
    for role in [Role::Disposable, Role::Fixtures, Role::Second] {
        let has = lab.site().pool.accounts().any(|account| account.role == role && account.token().is_some());
        if !has {
            continue;
        }
        let account = lab.account(role).await?;
        if let Some(token) = account.token().map(str::to_owned) {
            return Ok((account, token));
        }
    }
    skipped("needs an account with a `token` in the accounts file")
}

/// The control: without the point of the check the token is good.
async fn right(lab: &Lab, account: &Rc<Account>, message: &[u8]) -> Outcome {
    let (session, reply) = attempt(lab, account, Kind::OAuthBearer, message, true).await?;
    assume(reply.is_ok(), || format!("the token of `{}` is refused: {}", account.user, reply.quoted()))?;
    session.make_room().await?;
    Ok(())
}

/// A login by token, tried again while the maildrop is busy. A reason for refusing is answered and left aside.
async fn attempt(
    lab: &Lab,
    account: &Rc<Account>,
    kind: Kind,
    message: &[u8],
    at_once: bool,
) -> Result<(Session, Reply), Stop> {
    lab.unhurried(account, async |session, _greeting| {
        let mut reply = say(lab, session, kind, message, at_once).await?;
        if reply.continuation {
            reply = session.respond(base64::encode(SEPARATOR)).await?;
        }
        Ok(reply)
    })
    .await
}

/// One message on a connection of its own, and what it is answered.
async fn said(lab: &Lab, kind: Kind, message: &[u8], at_once: bool) -> Result<(Session, Reply), Stop> {
    let mut session = lab.connect_for_login().await?;
    let reply = say(lab, &mut session, kind, message, at_once).await?;
    Ok((session, reply))
}

async fn say(
    lab: &Lab,
    session: &mut Session,
    kind: Kind,
    message: &[u8],
    at_once: bool,
) -> Result<Reply, Stop> {
    let encoded = encoded(lab, message);
    let line = format!("AUTH {} {encoded}", kind.name());
    if at_once && line.len() + 2 <= COMMAND_AT_MOST {
        return session.command(line).await.judged();
    }
    let reply = session.command(format!("AUTH {}", kind.name())).await?;
    if !reply.continuation {
        return Ok(reply);
    }
    session.respond(encoded).await.judged()
}

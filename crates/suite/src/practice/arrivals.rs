//! How a client arrives: connections are accepted, and whoever speaks too early is not misunderstood.

use net::DialError;
use tokio::time::timeout;

use crate::check::checks;
use crate::early;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, fail, inconclusive, require};
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc1939.conn.tcp" => accepted,
    "practice.conn.early-data" => early_data,
}

/// A connection or two may be refused by chance, or by a limit.
const TRIES: u32 = 3;

/// RFC 1939 §3: The service is reached over TCP; 110 is the registered cleartext port, 995 the implicit-TLS
/// port (RFC 8314).
async fn accepted(lab: &Lab) -> Outcome {
    let site = lab.site();
    for tried in 1..=TRIES {
        let dialled = timeout(site.patience.answer, site.dialer.connect(&site.entrance.endpoint, None)).await;
        match dialled {
            Ok(Ok(stream)) => {
                stream.close().await;
                return Ok(());
            }
            Ok(Err(DialError::Refused { .. })) if tried < TRIES => {
                tokio::time::sleep(site.patience.quiet).await;
            }
            Ok(Err(error @ DialError::Refused { .. })) => {
                return fail(format!("{TRIES} connections, one after the other: {error}"));
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return inconclusive("the connection was not accepted in time"),
        }
    }
    Ok(())
}

/// Good practice: Client bytes that arrive before the greeting is sent are not lost or reordered (or the
/// connection is refused cleanly).
async fn early_data(lab: &Lab) -> Outcome {
    if !lab.survey().is_unprompted {
        return inconclusive("the server greets only who has spoken (rfc1939.greeting.unprompted)");
    }
    let mut session = lab.connect_raw().await?;
    session.batch(b"CAPA\r\nXYZZY\r\nQUIT\r\n").await?;
    let greeting = match session.welcome(lab.survey()).await {
        Ok(greeting) if greeting.is_ok() => greeting,
        // Who speaks before the greeting is often no client at all.
        Ok(greeting) => {
            return Err(Stop::Info(format!("who speaks before the greeting gets {}", greeting.quoted())));
        }
        Err(Mishap::Closed { how, .. }) => {
            return Err(Stop::Info(format!("who speaks before the greeting is turned away ({how})")));
        }
        Err(mishap) => return Err(mishap.judged()),
    };
    let what = format!("`CAPA`, `XYZZY` and `QUIT` were sent before the greeting {}", greeting.quoted());
    early::only_if_promised(lab, in_order(lab, session, &what).await)
}

/// Requires the replies to the three commands, and nothing behind them.
async fn in_order(lab: &Lab, mut session: Session, what: &str) -> Outcome {
    let mut replies = Vec::new();
    for command in ["CAPA", "XYZZY", "QUIT"] {
        match session.reply().await {
            Ok(reply) => replies.push(reply),
            // It may close behind a refusal; what was answered so far is in order, or not.
            Err(mishap) if mishap.is_end_behind_refusal() => break,
            Err(mishap) => {
                return Err(match mishap.judged() {
                    Stop::Fail(seen) => Stop::Fail(format!("{what}; at {command} {seen}")),
                    other => other,
                });
            }
        }
    }
    let has_capa = lab.survey().first_capabilities.is_some();
    let expected = [has_capa, false, true];
    let answers = |reply: &Reply, is_ok: bool| if is_ok { reply.is_ok() } else { reply.is_err() };
    let in_order = replies.iter().zip(expected).all(|(reply, is_ok)| answers(reply, is_ok));
    require(in_order, || {
        let seen: Vec<String> = replies.iter().map(Reply::quoted).collect();
        format!("{what} and answered {}", seen.join(", "))
    })?;
    let closing = session.until_closed().await;
    require(closing.extra.is_empty(), || {
        format!("{what}; behind the reply to QUIT came {}", quote(&closing.extra))
    })
}

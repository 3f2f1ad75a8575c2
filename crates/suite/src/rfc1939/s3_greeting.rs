//! RFC 1939 sections 3 and 4, RFC 2449 section 4: the greeting.

use std::time::Duration;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require};
use crate::reply::Reply;

checks! {
    "rfc1939.greeting.unprompted" => unprompted,
    "rfc1939.greeting.positive" => positive,
    "rfc1939.greeting.one-line" => one_line,
    "rfc2449.greeting.length" => length,
}

/// Servers delay the greeting on purpose, or look addresses up first; less than this is no silence.
const GENEROUS: Duration = Duration::from_secs(30);
/// Most octets of the greeting, CRLF included (RFC 2449 section 4).
const LENGTH_AT_MOST: usize = 512;

/// RFC 1939 §3, §4: After the TCP connection is up the server speaks first, without waiting for client input.
async fn unprompted(lab: &Lab) -> Outcome {
    let mut session = lab.connect_raw().await?;
    match session.greeting().await {
        Ok(_) => Ok(()),
        Err(Mishap::Closed { how, .. }) => {
            inconclusive(format!("service refused: the connection ended ({how}) before a greeting"))
        }
        // It spoke, but only behind the probe. That may be chance with a server that is slow to greet.
        Err(Mishap::NoReply { then, .. }) if session.patience().answer < GENEROUS => late(lab, &then).await,
        // Two lines: the greeting, and then the answer.
        Err(Mishap::TimedOut { probe: Some(_), .. }) if session.has_heard() => late(lab, "two lines").await,
        Err(mishap) => Err(mishap.judged()),
    }
}

/// Once more on another connection, without a word from the client for longer than the greeting took on the first.
async fn late(lab: &Lab, then: &str) -> Outcome {
    let mut session = lab.connect_raw().await?;
    let mut waited = Duration::ZERO;
    let generous = GENEROUS.max(session.patience().answer * 2);
    while waited < generous {
        if let Err(Stop::Fail(came)) = session.require_silence().await {
            return inconclusive(format!("the greeting is slow; on a second connection {came}"));
        }
        waited += session.patience().quiet;
    }
    fail(format!(
        "nothing came for {} s on one connection; on another a NOOP brought {then}: the server waits for the client",
        generous.as_secs()
    ))
}

/// RFC 1939 §4, Appendix A: The greeting is a positive response: it starts with +OK.
async fn positive(lab: &Lab) -> Outcome {
    let first = greeting(lab).await?;
    if begins_well(&first.line) {
        return Ok(());
    }
    // One odd line may be an accident of a proxy; only what comes again is held against the server.
    let second = greeting(lab).await?;
    if begins_well(&second.line) {
        return inconclusive(format!(
            "one connection was greeted {}, the next {}",
            first.quoted(),
            second.quoted()
        ));
    }
    fail(format!(
        "two connections were greeted {} and {}; `+OK` and then a space or the end of the line was required",
        first.quoted(),
        second.quoted()
    ))
}

fn begins_well(line: &[u8]) -> bool {
    line == b"+OK" || line.starts_with(b"+OK ")
}

/// A greeting that does not refuse service.
async fn greeting(lab: &Lab) -> Result<Reply, Stop> {
    let reply = lab.connect_raw().await?.greeting().await?;
    assume(!reply.is_err(), || format!("service refused: the greeting was {}", reply.quoted()))?;
    Ok(reply)
}

/// RFC 1939 §4: The greeting is exactly one line.
async fn one_line(lab: &Lab) -> Outcome {
    // Not through `Lab::connect`, which has learned of this server's further lines.
    let mut session = lab.connect_raw().await?;
    session.greeting().await?.assume_ok()?;
    session
        .require_silence()
        .await
        .map_err(|stop| worded(stop, "behind the greeting, before any command"))?;
    // Unknown on purpose: a second line is not taken for its reply so easily as for the one to QUIT.
    let reply = session.command("NOOPX").await?;
    session.require_silence().await.map_err(|stop| {
        worded(stop, &format!("behind the one reply due to NOOPX, which seemed to be {}", reply.quoted()))
    })
}

fn worded(stop: Stop, place: &str) -> Stop {
    match stop {
        Stop::Fail(seen) => Stop::Fail(format!("{place}: {seen}")),
        other => other,
    }
}

/// RFC 2449 §3, §4: The greeting, CRLF included, is at most 512 octets.
async fn length(lab: &Lab) -> Outcome {
    match lab.connect_raw().await?.greeting().await {
        Ok(reply) => {
            let octets = reply.line.len() + 2;
            require(octets <= LENGTH_AT_MOST, || {
                format!("the greeting has {octets} octets, {LENGTH_AT_MOST} are allowed: {}", reply.quoted())
            })
        }
        endless @ Err(Mishap::Endless { .. }) => endless.judged().map(drop),
        Err(mishap) => Err(mishap.into()),
    }
}

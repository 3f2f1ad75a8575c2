//! What no standard tells a server to keep, and users expect of it: 8-bit text, long lines, NUL, bare CR and LF, size.
//!
//! Judged by the octets of the fixtures. What ordinary delivery may have altered already is told from what the server
//! did to it where the reply itself shows it: by the marker's own lines, and by whether the next reply comes.

use mail::Fixture;
use proto::Deviation;

use crate::check::checks;
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped};
use crate::refusal::excuses_message;
use crate::reply::{Reply, lines, quote};
use crate::rfc1939::s5_fidelity::counted;
use crate::rfc1939::s5_retr::{difference, own_reply, point_out_difference};
use crate::session::Session;

checks! {
    "practice.retr.8bit" => eight_bit,
    "practice.retr.long-line" => long_line,
    "practice.retr.nul" => nul,
    "practice.retr.bare-cr" => bare_cr,
    "practice.retr.bare-lf-dot" => bare_lf_dot,
    "practice.retr.large" => large,
}

/// A fixture as it came, and as poplab made it. What comes behind it must be the next reply.
async fn fetched(lab: &Lab, name: &str) -> Result<(Reply, Fixture), Stop> {
    let (_, _, reply, fixture) = fetched_in(lab, name).await?;
    Ok((reply, fixture))
}

/// The same with the session in which it came, and its number there.
async fn fetched_in(lab: &Lab, name: &str) -> Result<(Session, u64, Reply, Fixture), Stop> {
    let Placed { mut session, number, fixture } = lab.fixture(name).await?;
    let reply = match session.command(format!("RETR {number}")).await {
        // Content that ends early or never is what these are about.
        Err(mishap @ (Mishap::Unterminated { .. } | Mishap::Endless { .. })) => {
            return fail(format!("{name}: {mishap}"));
        }
        Err(mishap @ Mishap::Closed { .. }) => return Err(mishap.judged()),
        reply => reply?,
    };
    if !reply.is_ok() {
        let seen =
            format!("RETR {number} ({name}) was answered {}, though the message is listed", reply.quoted());
        return if excuses_message(&reply) { inconclusive(seen) } else { fail(seen) };
    }
    own_reply(&mut session, &format!("RETR {number} ({name})")).await?;
    Ok((session, number, reply, fixture))
}

/// RFC 1939 §11: 8-bit octets in message bodies pass unchanged.
async fn eight_bit(lab: &Lab) -> Outcome {
    let mut judged = 0;
    for name in ["fx.8bit", "fx.8bit-latin1"] {
        let (reply, fixture) = match fetched(lab, name).await {
            Err(Stop::Skipped(_)) => continue,
            other => other?,
        };
        judged += 1;
        let wire = mail::wire(&fixture.octets);
        let expected = mail::body(&wire);
        let Some(wrong) = difference(expected, &reply) else { continue };
        // A line end more, or a line that is gone, is not about the eighth bit.
        let altered = lines(expected)
            .into_iter()
            .filter(|line| !line.is_ascii())
            .find(|line| !lines(mail::body(reply.octets())).contains(line));
        if altered.is_some() {
            return fail(format!("{name}: {wrong}"));
        }
    }
    if judged == 0 {
        return skipped(
            "neither fx.8bit nor fx.8bit-latin1 is in the maildrop; `poplab seed` puts them there",
        );
    }
    Ok(())
}

/// RFC 5322 §2.1.1: Lines longer than 998 octets are neither split nor cut.
///
/// What was split when the message was delivered cannot be told from what the server splits, but for its size: LIST tells
/// how much is stored.
async fn long_line(lab: &Lab) -> Outcome {
    let (mut session, number, reply, fixture) = fetched_in(lab, "fx.longline").await?;
    let wire = mail::wire(&fixture.octets);
    let (expected, came) = (mail::body(&wire), mail::body(reply.octets()));
    let longest = |octets: &[u8]| lines(octets).iter().map(|line| line.len()).max().unwrap_or_default();
    let missing =
        lines(expected).into_iter().filter(|line| line.len() > 998).find(|line| !lines(came).contains(line));
    let Some(line) = missing else { return Ok(()) };
    let seen = format!(
        "the line of {} octets in fx.longline did not come as it was; the longest that came has {}",
        line.len(),
        longest(came)
    );
    // Letters alone, so that only breaks or cuts can have changed it. Delivery breaks lines too, and loses nothing.
    let letters =
        |octets: &[u8]| -> Vec<u8> { octets.iter().copied().filter(u8::is_ascii_alphanumeric).collect() };
    if letters(expected) == letters(came) {
        if let Some(proof) = counted(&mut session, &reply, number, &wire).await? {
            point_out_difference(&reply, expected);
            return fail(format!("{seen}: it was broken; {proof}"));
        }
        return inconclusive(format!("{seen}: it was broken, perhaps when it was delivered"));
    }
    point_out_difference(&reply, expected);
    fail(format!("{seen}: of {} octets {} came", expected.len(), came.len()))
}

/// Good practice: A NUL octet in a message does not end the transfer or the line.
async fn nul(lab: &Lab) -> Outcome {
    let (reply, fixture) = fetched(lab, "fx.nul").await?;
    let wire = mail::wire(&fixture.octets);
    let (expected, came) = (mail::body(&wire), mail::body(reply.octets()));
    if expected == came {
        return Ok(());
    }
    // NUL is not allowed in mail: gone or replaced is right, as long as the rest is there, in as many lines.
    let text = |octets: &[u8]| -> Vec<Vec<u8>> {
        lines(octets)
            .into_iter()
            .map(|line| {
                line.iter().copied().filter(|octet| octet.is_ascii_graphic() || *octet == b' ').collect()
            })
            .collect()
    };
    let (wanted, found) = (text(expected), text(came));
    let Some(lost) = wanted.iter().find(|line| !found.contains(line)) else {
        return inconclusive("the NULs of fx.nul were removed or replaced, perhaps when it was delivered");
    };
    point_out_difference(&reply, expected);
    fail(format!(
        "fx.nul: {} lines came, it has {}; without its NUL the line {} is not among them",
        found.len(),
        wanted.len(),
        quote(lost)
    ))
}

/// Good practice: A bare CR in content does not confuse framing.
async fn bare_cr(lab: &Lab) -> Outcome {
    let (reply, _) = fetched(lab, "fx.barecr").await?;
    let came = mail::body(reply.octets());
    require(came.windows(9).any(|octets| octets == b"last line"), || {
        format!("the last line of fx.barecr did not come: the body ends with {}", reply.quote(tail(came)))
    })
}

/// RFC 1939 §3: Content with a bare LF followed by a dot line cannot end the response in the eyes of a
/// client that accepts bare LF.
///
/// A client that takes LF for a line end would see the end of the reply where the message has LF, a dot and a line end.
async fn bare_lf_dot(lab: &Lab) -> Outcome {
    let (reply, _) = match fetched(lab, "fx.barelfdot").await {
        // To whom LF is a line end anywhere a dot behind it is one too.
        Err(Stop::Fail(seen)) if ends_lines_with_line_feeds(lab) => {
            return inconclusive(format!(
                "{seen}, and all lines of the server end with LF (rfc1939.frame.crlf)"
            ));
        }
        fetched => fetched?,
    };
    let came = mail::body(reply.octets());
    require(came.windows(9).any(|octets| octets == b"last line"), || {
        format!("the last line of fx.barelfdot did not come: the body ends with {}", reply.quote(tail(came)))
    })?;
    // The content is read with CRLF as the line end: behind a bare LF a dot stands as it was sent.
    let ends = |rest: &[u8]| rest.starts_with(b"\n.\n") || rest.starts_with(b"\n.\r\n");
    let Some(at) = (1..came.len()).find(|at| came[at - 1] != b'\r' && ends(&came[*at..])) else {
        return Ok(());
    };
    // To the RFC that is content, as it was stored: lines end with CRLF, and only their dots are stuffed.
    info(format!(
        "fx.barelfdot came with {} on the wire, which ends the reply for a client that takes LF for a line end",
        quote(&came[at..came.len().min(at + 4)])
    ))
}

/// Whether status lines have come that end with LF alone.
fn ends_lines_with_line_feeds(lab: &Lab) -> bool {
    lab.journal().seen().iter().any(|seen| seen.deviations.contains(Deviation::BareLf))
}

fn tail(octets: &[u8]) -> &[u8] {
    &octets[octets.len().saturating_sub(40)..]
}

/// Good practice: A message of 100 MB is transferred whole and does not need memory in proportion.
///
/// With fx.large, which has 10 MiB: ten times as much would make every run longer. Memory cannot be seen from outside.
async fn large(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.large").await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let listed = listing.into_iter().find(|(listed, _)| *listed == number).map(|(_, size)| size);
    let reply = session.command(format!("RETR {number}")).await.judged()?;
    assume(reply.is_ok() || !excuses_message(&reply), || reply.seen())?;
    let reply = reply.require_ok()?;
    let expected = mail::body(&fixture.octets);
    if let Some(wrong) = difference(expected, &reply) {
        return fail(format!("fx.large, {} octets: {wrong}", fixture.octets.len()));
    }
    own_reply(&mut session, "RETR of fx.large").await?;
    let octets = reply.octets().len() as u64;
    require(listed.is_none_or(|listed| listed == octets), || {
        format!("LIST gives fx.large {} octets, RETR brings {octets}", listed.unwrap_or_default())
    })
}

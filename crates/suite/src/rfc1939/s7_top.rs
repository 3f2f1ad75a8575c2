//! RFC 1939 section 7: TOP.

use mail::{Fixture, Marker, Role};
use proto::Deviation;

use super::maildrop::highest;
use super::s5_list::spread;
use super::s5_retr::{dots, own_reply};
use crate::check::checks;
use crate::difference::{Differences, Kind};
use crate::enduring::{self, take_back};
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, info, require, skipped};
use crate::reply::{Reply, lines};
use crate::session::Session;

checks! {
    "rfc1939.top.structure" => structure,
    "rfc1939.top.zero" => zero,
    "rfc1939.top.exact-count" => exact_count,
    "rfc1939.top.more-than-all" => more_than_all,
    "rfc1939.top.dot-stuffing" => dot_stuffing,
    "rfc1939.top.args" => args,
    "rfc1939.top.no-such" => no_such,
    "rfc1939.top.optional" => optional,
    "rfc1939.top.headeronly" => header_only,
}

/// Header fields that some servers make up to tell what was done with a message; they may come with RETR alone.
const MADE_UP: &[&str] = &["status:", "x-status:", "x-uidl:", "x-keywords:"];

/// RFC 1939 §7 TOP: A positive reply holds all headers, the empty separator line and the requested number of
/// body lines, dot-stuffed, then the dot line.
async fn structure(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let whole = retrieved(&mut session, 1).await?;
    same_beginning(&mut session, 1, &whole).await?;
    // The fixtures have whims that are judged elsewhere.
    let ordinary = lab.ordinary(&mut session).await?;
    let mut chosen: Vec<u64> = spread(&ordinary).into_iter().map(|(number, _)| *number).collect();
    // Which message has a number of three digits was seen by TOP alone. What it is RETR tells.
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let hundreds = listing.iter().filter(|(number, size)| *number > 99 && *size <= SMALL);
    chosen.extend(hundreds.map(|(number, _)| *number).take(HUNDREDS));
    // Fields in several lines are fields like any other.
    chosen.extend(lab.numbers(&mut session).await?.get("fx.folded"));
    for number in chosen.into_iter().filter(|number| *number > 1) {
        let whole = retrieved(&mut session, number).await?;
        let whim = Marker::parse(whole.octets())
            .is_none_or(|marker| marker.fixture.starts_with("fx.") && marker.fixture != "fx.folded");
        if !whim {
            same_beginning(&mut session, number, &whole).await?;
        }
    }
    Ok(())
}

/// Messages with numbers of three digits, of this many octets at most.
const HUNDREDS: usize = 3;
const SMALL: u64 = 4_096;

/// TOP must give the header, the separator and the first lines of what RETR gives.
async fn same_beginning(session: &mut Session, number: u64, whole: &Reply) -> Outcome {
    let reply = session.require_ok(format!("TOP {number} 3")).await?;
    // A message without one has no separator to send (A11).
    if has_separator(whole.octets()) {
        require_separator(&reply)?;
    }
    require_same_header(&reply, whole)?;
    let (sent, body) = (lines(mail::body(reply.octets())), lines(mail::body(whole.octets())));
    let expected = &body[..body.len().min(3)];
    require(sent.len() == expected.len(), || {
        format!("TOP {number} 3 gave {} body lines, {} were required", sent.len(), expected.len())
    })?;
    match sent.iter().zip(expected).position(|(sent, expected)| sent != expected) {
        None => Ok(()),
        Some(at) => fail(format!(
            "line {} of the body is {} in TOP {number} 3 and {} in RETR {number}",
            at + 1,
            reply.quote(sent[at]),
            whole.quote(expected[at])
        )),
    }
}

/// RFC 1939 §7 TOP: With a count of 0 only headers and the separator line are sent.
async fn zero(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("TOP 1 0").await?;
    let extra = lines(mail::body(reply.octets())).len();
    require(extra == 0, || format!("TOP 1 0 gave {extra} lines behind the header and its separator"))?;
    if require_separator(&reply).is_err() {
        // A message without a separator has none to send (A11).
        let whole = retrieved(&mut session, 1).await?;
        assume(has_separator(whole.octets()), || "message 1 has no separator line".to_owned())?;
        require_separator(&reply)?;
    }
    Ok(())
}

/// RFC 1939 §7 TOP: Exactly n body lines are sent, counted after line-end conversion and before stuffing.
///
/// Empty lines and lines of dots are lines; and a count has more than eight bits.
async fn exact_count(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let numbers = lab.numbers(&mut session).await?;
    let mut found = false;
    for (name, counts) in COUNTS {
        let Some(number) = numbers.get(*name).copied() else { continue };
        found = true;
        for count in *counts {
            let (_, reply) = topped(lab, &mut session, number, &lab.made(name)?, *count).await?;
            let body = mail::body(reply.octets());
            let sent = lines(body).len();
            require(sent == *count, || {
                format!("TOP {number} {count} ({name}) gave {sent} body lines: {}", reply.quote(body))
            })?;
        }
    }
    if found { Ok(()) } else { skipped("none of fx.dots, fx.blanklines and fx.lines is in the maildrop") }
}

/// Fixtures with lines of all kinds, none of which has fewer lines than it is asked for.
const COUNTS: &[(&str, &[usize])] = &[
    ("fx.dots", &[1, 2, 7, 8]),
    ("fx.blanklines", &[1, 2, 3, 4, 5, 6, 9, 11]),
    ("fx.lines", &[10, 255, 256, 257]),
];

/// RFC 1939 §7 TOP: If n exceeds the body, the whole message is sent.
///
/// Also of a message that is longer than what a server reads at once, and with counts around those of eight and sixteen bits.
async fn more_than_all(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    all_of(lab, &mut session, 1, &["999999"]).await?;
    let number = lab.numbers(&mut session).await?.get("fx.lines").copied();
    match number {
        Some(number) => all_of(lab, &mut session, number, &["1001", "1024", "65536", "999999"]).await,
        None => Ok(()),
    }
}

/// What is asked for has no more lines than this.
const FEW_LINES: usize = 1_001;

/// TOP with each of these counts must give what RETR gives.
async fn all_of(lab: &Lab, session: &mut Session, number: u64, counts: &[&str]) -> Outcome {
    let mut whole = None;
    for count in counts {
        let reply = session.command(format!("TOP {number} {count}")).await.judged()?;
        if reply.is_err() && lab.survey().expire_zero() {
            // RFC 1939 section 8: a site that lets mail be fetched once may limit TOP.
            return inconclusive(format!("{}, perhaps by the policy of EXPIRE 0", reply.seen()));
        }
        let reply = reply.require_ok()?;
        if whole.is_none() {
            whole = Some(retrieved(session, number).await?);
        }
        let Some(whole) = &whole else { continue };
        let (sent, expected) = (mail::body(reply.octets()), mail::body(whole.octets()));
        // A number may have come to stand for another message since the first look.
        if lines(expected).len() > FEW_LINES {
            return Ok(());
        }
        require_same_header(&reply, whole)?;
        require(sent == expected, || {
            format!(
                "TOP {number} {count} gave {} octets of body in {} lines, RETR {number} {} in {}",
                sent.len(),
                lines(sent).len(),
                expected.len(),
                lines(expected).len()
            )
        })?;
    }
    Ok(())
}

/// RFC 1939 §3, §7: Byte-stuffing applies to TOP exactly as to RETR.
async fn dot_stuffing(lab: &Lab) -> Outcome {
    let placed = lab.fixture("fx.dots").await?;
    let mut session = placed.session;
    let (number, mut top) = topped(lab, &mut session, placed.number, &placed.fixture, 99).await?;
    let stat = session.command("STAT").await.judged()?;
    require(stat.is_ok(), || {
        format!(
            "behind TOP {number} 99 (fx.dots) STAT was answered {}: the listing ended too early",
            stat.quoted()
        )
    })?;
    let retr = session.assume_ok(format!("RETR {number}")).await?;
    // Lines of both are quoted.
    top.private |= retr.private;
    let fixture = mail::wire(&placed.fixture.octets);
    same_body(&top, mail::body(retr.octets()), &format!("RETR {number}"))
        // Both may be wrong in the same way.
        .and_then(|()| same_body(&top, mail::body(&fixture), "fx.dots as it was made"))?;
    dotted_field(lab, &mut session).await
}

/// A line of the header that begins with a dot is stuffed as well.
async fn dotted_field(lab: &Lab, session: &mut Session) -> Outcome {
    let Some(number) = lab.numbers(session).await?.get("fx.dotfirst").copied() else { return Ok(()) };
    let retr = session.command(format!("RETR {number}")).await?;
    let top = session.require_ok(format!("TOP {number} 0")).await?;
    let dotted = |reply: &Reply| {
        header(reply.octets())
            .into_iter()
            .filter(|line| line.starts_with(b"."))
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    // Without such a line nothing can be wrong with it.
    if !retr.is_ok() || dotted(&retr).is_empty() {
        return Ok(());
    }
    require(dotted(&top) == dotted(&retr), || {
        format!(
            "RETR {number} has the header line {}, and TOP {number} 0 has {}",
            retr.quote(&dotted(&retr)[0]),
            top.quote(header(top.octets()).first().copied().unwrap_or_default())
        )
    })
}

/// The dots must be the same; what else may differ is not about stuffing.
fn same_body(top: &Reply, expected: &[u8], of: &str) -> Outcome {
    let differences = Differences::between(expected, mail::body(top.octets()));
    if let Some(wrong) = dots(&differences, top) {
        return fail(format!("`{}` and {of}: {wrong}", top.command));
    }
    let unclear = [Kind::CutOff, Kind::Missing, Kind::Altered];
    assume(!differences.any_of(&unclear), || {
        format!("`{}` and {of}: {}, so not all of the dots can be judged", top.command, differences.told(top))
    })
}

/// TOP of a fixture, and its number: where another message came it is looked for.
async fn topped(
    lab: &Lab,
    session: &mut Session,
    number: u64,
    fixture: &Fixture,
    count: usize,
) -> Result<(u64, Reply), Stop> {
    let reply = session.require_ok(format!("TOP {number} {count}")).await?;
    match lab.moved(session, number, fixture, &reply).await? {
        None => Ok((number, reply)),
        Some(now) => Ok((now, session.require_ok(format!("TOP {now} {count}")).await?)),
    }
}

/// RFC 1939 §7 TOP: Both arguments are required and the count is non-negative.
async fn args(lab: &Lab) -> Outcome {
    let mut session = enduring::with_mail(lab).await?;
    for command in ["TOP 1", "TOP", "TOP 1 -1", "TOP 1 x", "TOP x 1"] {
        session.command(command).await?.require_err()?;
    }
    session.command("STAT").await?.require_ok()?;
    Ok(())
}

/// RFC 1939 §7 TOP: TOP of a missing or marked message is refused.
async fn no_such(lab: &Lab) -> Outcome {
    let mut session = lab.mail(0).await?;
    let last = highest(&mut session).await?;
    let reply = session.command(format!("TOP {} 0", last + 1)).await.judged()?;
    require(reply.is_err(), || format!("the last message is {last}, yet {}", reply.seen()))?;
    drop(session);
    // The other half sends DELE: without permission the check ends as skipped here.
    let mut session = lab.deletable(1).await?;
    session.assume_ok("DELE 1").await?;
    let reply = session.command("TOP 1 0").await.judged()?;
    take_back(&mut session).await?;
    require(reply.is_err(), || format!("message 1 was marked as deleted, yet {}", reply.seen()))
}

/// RFC 1939 §7: TOP is optional; the RFC strongly encourages it and RFC 1957 notes clients that need it.
///
/// Where it is announced and does not work, that is the announcement's fault (rfc2449.capa.truthful).
async fn optional(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.command("TOP 1 0").await.judged()?;
    if reply.is_ok() {
        return Ok(());
    }
    let announced = if lab.survey().announces("TOP") { "announced" } else { "not announced" };
    info(format!("{}; TOP is {announced}", reply.seen()))
}

/// RFC 1939 §7 TOP: For a message without body the separator line may or may not appear.
async fn header_only(lab: &Lab) -> Outcome {
    let Placed { mut session, number, .. } = lab.fixture("fx.headeronly").await?;
    for count in [0, 5] {
        let reply = session.command(format!("TOP {number} {count}")).await.judged()?;
        own_reply(&mut session, &format!("TOP {number} {count} (fx.headeronly)")).await?;
        if !reply.is_ok() {
            return info(format!("{} (fx.headeronly)", reply.seen()));
        }
    }
    Ok(())
}

/// The whole message, to compare with.
///
/// # Errors
/// [`Stop::Inconclusive`] if RETR fails, or if its line ends are wrong: that is judged by `rfc1939.retr.line-ends`.
async fn retrieved(session: &mut Session, number: u64) -> Result<Reply, Stop> {
    let whole = session.assume_ok(format!("RETR {number}")).await?;
    // Where all lines of the server end so, they are kept as lines.
    let bare = whole.deviations.contains(Deviation::ContentBareLf);
    if bare && !whole.deviations.contains(Deviation::BareLf) {
        return inconclusive(format!("RETR {number} gave bare LFs, so there is nothing to compare with"));
    }
    Ok(whole)
}

fn has_separator(message: &[u8]) -> bool {
    message.starts_with(b"\r\n") || message.windows(4).any(|octets| octets == b"\r\n\r\n")
}

fn require_separator(reply: &Reply) -> Outcome {
    require(has_separator(reply.octets()), || {
        format!("`{}` gave no empty line behind the header", reply.command)
    })
}

/// The lines before the separator, without those a server makes up.
fn header(message: &[u8]) -> Vec<&[u8]> {
    let made_up = |line: &[u8]| {
        MADE_UP.iter().any(|name| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    lines(message).into_iter().take_while(|line| !line.is_empty()).filter(|line| !made_up(line)).collect()
}

fn require_same_header(top: &Reply, whole: &Reply) -> Outcome {
    let (sent, expected) = (header(top.octets()), header(whole.octets()));
    let missing = expected.iter().find(|line| !sent.contains(line));
    match missing {
        Some(line) => fail(format!(
            "`{}` gave {} header lines and RETR {}: {} is missing",
            top.command,
            sent.len(),
            expected.len(),
            whole.quote(line)
        )),
        None => require(sent.len() == expected.len(), || {
            format!("`{}` gave {} header lines and RETR {}", top.command, sent.len(), expected.len())
        }),
    }
}

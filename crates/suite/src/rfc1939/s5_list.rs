//! RFC 1939 sections 5 and 11: LIST, and whether the sizes it gives are true.
//!
//! Sizes are taken from the whole listing; that `LIST n` says the same is a requirement of its own.

use std::collections::BTreeSet;

use mail::{Marker, Role};
use proto::Deviation;

use super::maildrop::numbers;
use crate::check::checks;
use crate::lab::{Lab, Placed};
use crate::outcome::{
    Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn,
};
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc1939.list.format" => format,
    "rfc1939.list.no-extra" => nothing_more,
    "rfc1939.list.complete" => complete,
    "rfc1939.list.excludes-deleted" => excludes_deleted,
    "rfc1939.list.empty" => empty,
    "rfc1939.list.arg" => argument,
    "rfc1939.list.arg-agrees" => argument_agrees,
    "rfc1939.list.no-such" => no_such,
    "rfc1939.list.order" => order,
    "rfc1939.size.exact" => exact,
    "rfc1939.size.crlf" => counts_crlf,
    "rfc1939.size.dots" => counts_no_stuffing,
}

/// Most messages whose size is compared with what RETR brings: the first ones, and the last, whose numbers may have three
/// digits.
const MESSAGES_AT_MOST: (usize, usize) = (60, 10);
/// Larger messages are somebody's own.
const SIZE_AT_MOST: u64 = 12 * 1024 * 1024;

/// RFC 1939 §5 LIST: Without argument: +OK, then one line per message with number, one space, size, then the
/// dot line.
async fn format(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("LIST").await?;
    for (place, line) in reply.lines().into_iter().enumerate() {
        if let Some(deviation) = proto::listing::scan(line).1.iter().next() {
            reply.deviates(place);
            return fail(format!("LIST gave the line {}: {deviation}", quote(line)));
        }
    }
    Ok(())
}

/// RFC 1939 §5 LIST: Nothing should follow the size in a scan listing.
async fn nothing_more(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let listing = session.assume_ok("LIST").await?;
    let alone = session.assume_ok("LIST 1").await?;
    // Lines of another form are `rfc1939.list.format`'s and `rfc1939.list.arg`'s.
    let more = |line: &&[u8]| {
        proto::listing::scan(line).0.is_some() && line.split(|octet| *octet == b' ').nth(2).is_some()
    };
    match listing.lines().into_iter().chain([alone.text()]).find(more) {
        Some(line) => warn(format!("more than number and size: {}", quote(line))),
        None => Ok(()),
    }
}

/// RFC 1939 §5 LIST: Every message not marked deleted is listed exactly once.
async fn complete(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("LIST").await?;
    let mut numbers = BTreeSet::new();
    for (place, (number, _)) in reply.scan_listing()?.into_iter().enumerate() {
        if !numbers.insert(number) {
            reply.deviates(place);
            return fail(format!("LIST gave message {number} twice"));
        }
    }
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    if let Some(missing) = (1..=count).find(|number| !numbers.contains(number)) {
        // STAT may count wrong, so the message itself is asked for.
        let reply = session.command(format!("LIST {missing}")).await?;
        assume(reply.is_ok(), || format!("STAT counts {count} messages, LIST has no number {missing}"))?;
        return fail(format!("message {missing} is missing from LIST, although {}", reply.seen()));
    }
    drop(session);
    match complete_beside_marks(lab).await {
        // What there is without the permission to mark has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Messages behind one that is marked, and before it, are listed as ever.
async fn complete_beside_marks(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(3).await?;
    let before = numbers(&session.assume_ok("LIST").await?)?;
    session.assume_ok("DELE 2").await?;
    let reply = session.command("LIST").await.judged()?.require_ok()?;
    session.command("RSET").await?;
    let after = numbers(&reply)?;
    let lost = before.iter().find(|number| **number != 2 && !after.contains(*number));
    match lost {
        Some(number) => fail(format!("message 2 was marked as deleted, and LIST lacks message {number} too")),
        None => Ok(()),
    }
}

/// RFC 1939 §5 LIST: Messages marked deleted are left out of the listing.
async fn excludes_deleted(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(4).await?;
    let before = session.assume_ok("LIST").await?.scan_listing()?;
    // Looked at after each: where the first is not left out, no second one is sent.
    let mut marked = Vec::new();
    for number in [1, 3] {
        session.assume_ok(format!("DELE {number}")).await?;
        marked.push(number);
        let listing = session.require_ok("LIST").await?.scan_listing()?;
        let what = marked.iter().map(|number| format!("DELE {number}")).collect::<Vec<_>>().join(" and ");
        if let Some((number, size)) = listing.iter().find(|(number, _)| marked.contains(number)) {
            return fail(format!("after {what}, LIST still gave `{number} {size}`"));
        }
        let lost = before.iter().find(|listed| !marked.contains(&listed.0) && !listing.contains(listed));
        if let Some((number, size)) = lost {
            return fail(format!("after {what}, LIST lacks `{number} {size}` too"));
        }
    }
    session.command("RSET").await?;
    Ok(())
}

/// RFC 1939 §5 LIST: An empty maildrop (or one with everything marked) gives a positive, empty multi-line
/// reply.
async fn empty(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Empty).await?;
    let reply = session.require_ok("LIST").await?;
    require(reply.octets().is_empty(), || {
        format!("LIST of an empty maildrop gave {} lines: {}", reply.lines().len(), quote(reply.octets()))
    })
}

/// RFC 1939 §5 LIST: With an argument the reply is a single line: +OK, number, size.
async fn argument(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("LIST 1").await?;
    let (numbers, deviations) = proto::listing::scan(reply.text());
    if let Some(deviation) = deviations.iter().next() {
        return fail(format!("{}; `+OK 1` and the size were required: {deviation}", reply.seen()));
    }
    require(numbers.is_some_and(|(number, _)| number == 1), || {
        format!("{}; message number 1 was required", reply.seen())
    })?;
    session.require_silence().await
}

/// RFC 1939 §5 LIST: LIST n reports the same size as the line for n in LIST.
async fn argument_agrees(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    for (number, size) in spread(&listing) {
        let reply = session.assume_ok(format!("LIST {number}")).await?;
        let Some(alone) = size_of(&reply, *number) else {
            return inconclusive(format!("{}, which does not give a number and a size", reply.seen()));
        };
        require(alone == *size, || {
            format!("LIST gives message {number} {size} octets, LIST {number} gives it {alone}")
        })?;
    }
    Ok(())
}

/// Some of a listing: the first and the last, and between them such as have one, two and three digits, where a slip does
/// not hit right by chance.
pub(crate) fn spread<T>(listing: &[T]) -> Vec<&T> {
    let places = [0, 1, 4, 8, 9, 10, 19, 20, 29, 98, 99, 100, 101];
    let last = listing.len().saturating_sub(1);
    let middle = places.into_iter().filter(|place| *place < last);
    middle.chain([last]).filter_map(|place| listing.get(place)).collect()
}

/// RFC 1939 §5 LIST: LIST with a number that does not exist is refused.
async fn no_such(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let last = listing.iter().map(|(number, _)| *number).max().unwrap_or_default();
    session.require_err(format!("LIST {}", last + 1)).await?;
    Ok(())
}

/// RFC 1939 §5 LIST: Lines come in ascending number order.
async fn order(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    for command in ["LIST", "UIDL"] {
        if command == "UIDL" && !lab.survey().has_uidl {
            continue;
        }
        let reply = session.require_ok(command).await?;
        reply.whole()?;
        let first = |line: &[u8]| line.split(|octet| *octet == b' ').next().and_then(proto::number);
        let listed: Vec<u64> = reply.lines().into_iter().filter_map(first).collect();
        let behind = |(one, next): &(&u64, &u64)| one >= next;
        if let Some((one, next)) = listed.iter().zip(listed.iter().skip(1)).find(behind) {
            return info(format!("{command} has message {next} behind message {one}"));
        }
    }
    Ok(())
}

/// RFC 1939 §5 LIST, §11: The listed size is the exact number of octets of the message as transferred, after
/// removing dot-stuffing and without the terminator, counting every line end as two octets.
async fn exact(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let utf8 = lab.survey().announces("UTF8");
    let mut session = lab.login_to(&account).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let mut tolerable = Vec::new();
    let mut compared = 0;
    let (first, last) = (MESSAGES_AT_MOST.0, listing.len().saturating_sub(MESSAGES_AT_MOST.1));
    let chosen = listing.into_iter().enumerate().filter(|(at, _)| *at < first || *at >= last);
    for (number, size) in chosen.map(|(_, listed)| listed).filter(|(_, size)| *size <= SIZE_AT_MOST) {
        let Some(reply) = retrieved(&mut session, number).await? else { continue };
        // A surrogate may have another size (RFC 6856 section 2.1).
        if utf8 && Marker::parse(reply.octets()).is_some_and(|marker| marker.fixture == "fx.utf8hdr") {
            continue;
        }
        compared += 1;
        // Where lines end is then open to question, and so is which dots were stuffed.
        let unclear = [Deviation::ContentBareLf, Deviation::ContentBareCr];
        let unclear = unclear.iter().any(|deviation| reply.deviations.contains(*deviation));
        match judge_size(lab, &account.user, number, size, reply.octets()) {
            Err(Stop::Warn(seen)) => tolerable.push(seen),
            Err(_) if unclear => {}
            outcome => outcome?,
        }
    }
    if !tolerable.is_empty() {
        return warn(tolerable.join("; "));
    }
    if compared == 0 {
        return skipped("the maildrop holds no message that could be retrieved");
    }
    Ok(())
}

/// A message, or `None` if the server refuses to send it. A reply without end has no size that could agree.
async fn retrieved(session: &mut Session, number: u64) -> Result<Option<Reply>, Stop> {
    match session.command(format!("RETR {number}")).await {
        endless @ Err(Mishap::Unterminated { .. }) => endless.judged().map(Some),
        Err(mishap) => Err(mishap.into()),
        Ok(reply) => Ok(reply.is_ok().then_some(reply)),
    }
}

/// Compares a listed size with the octets of a message as received, un-stuffed and without the dot line.
///
/// Two octets more than listed are tolerable where the stored message has no line end at its end: whether the CRLF
/// that is then added counts is nowhere said.
pub(super) fn judge_size(lab: &Lab, user: &str, number: u64, listed: u64, received: &[u8]) -> Outcome {
    let octets = received.len() as u64;
    if octets == listed {
        return Ok(());
    }
    let fixtures = lab.survey().fixtures.get(user);
    // The message says itself which one it is; numbers may have been given anew since the survey.
    let marked = Marker::parse(received).map(|marker| marker.fixture);
    let known =
        fixtures.into_iter().flatten().find(|(_, known)| **known == number).map(|(name, _)| name.as_str());
    let name = marked.as_deref().or(known);
    let called = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let seen = format!("LIST gives message {number}{called} {listed} octets, RETR brings {octets}");
    // Of mail that is not poplab's the stored form is unknown.
    let ended = name.and_then(|name| lab.made(name).ok()).is_some_and(|made| made.octets.ends_with(b"\r\n"));
    if octets == listed + 2 && !ended { warn(seen) } else { fail(seen) }
}

/// RFC 1939 §11: A server that stores lines with a one-octet line end counts two octets per line in sizes.
async fn counts_crlf(lab: &Lab) -> Outcome {
    let (listed, reply) = listed_and_retrieved(lab, "fx.lines").await?;
    let (octets, lines) = (reply.octets().len() as u64, reply.lines().len() as u64);
    let missing = octets.saturating_sub(listed);
    if missing.abs_diff(lines) <= lines / 10 {
        return fail(format!(
            "LIST gives fx.lines {listed} octets, RETR brings {octets}: {missing} fewer, for {lines} lines"
        ));
    }
    // Another difference is not about line ends; `rfc1939.size.exact` judges it.
    assume(octets == listed, || {
        format!("LIST gives fx.lines {listed} octets, RETR brings {octets} in {lines} lines")
    })
}

/// RFC 1939 §11: Stuffed dots are not counted in sizes.
async fn counts_no_stuffing(lab: &Lab) -> Outcome {
    let (listed, reply) = listed_and_retrieved(lab, "fx.dots").await?;
    let octets = reply.octets().len() as u64;
    let dotted = reply.lines().iter().filter(|line| line.starts_with(b".")).count();
    require(octets == listed, || {
        format!(
            "LIST gives fx.dots {listed} octets, RETR brings {octets} after un-stuffing, {dotted} lines begin with a dot"
        )
    })
}

async fn listed_and_retrieved(lab: &Lab, name: &str) -> Result<(u64, Reply), Stop> {
    let Placed { mut session, number, fixture } = lab.fixture(name).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let (number, reply) = lab.retrieved(&mut session, number, &fixture).await?;
    let Some((_, listed)) = listing.into_iter().find(|(listed, _)| *listed == number) else {
        return inconclusive(format!("{name} is message {number}, which LIST does not give"));
    };
    Ok((listed, reply.assume_ok()?))
}

/// The size in the reply to `LIST n`, if it has the right form and is about this message.
pub(super) fn size_of(reply: &Reply, number: u64) -> Option<u64> {
    proto::listing::scan(reply.text()).0.filter(|(of, _)| *of == number).map(|(_, size)| size)
}

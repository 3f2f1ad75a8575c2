//! RFC 1939 sections 3, 5 and 11: RETR, dot-stuffing, and whether the mail arrives as it was put in.
//!
//! Bodies are compared, not whole messages: delivery adds header fields, and rightly so. A fixture that ordinary
//! delivery may have altered is held against the server only where the wire itself proves it wrong.

use mail::{Fixture, Marker, Role};
use proto::{Deviation, Indicator};

use super::s5_list::judge_size;
use crate::check::checks;
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped, warn};
use crate::refusal::excuses_message;
use crate::reply::{Reply, lines, quote};
use crate::session::Session;

checks! {
    "rfc1939.retr.multiline" => multiline,
    "rfc1939.retr.dot-stuffing" => dot_stuffing,
    "rfc1939.retr.lone-dot" => lone_dot,
    "rfc1939.retr.dot-edges" => dot_edges,
    "rfc1939.retr.dot-at-buffer" => dot_at_buffer,
    "rfc1939.retr.fidelity" => fidelity,
    "rfc1939.retr.line-ends" => line_ends,
    "rfc1939.retr.repeatable" => repeatable,
    "rfc1939.retr.no-such" => no_such,
    "rfc1939.retr.no-implicit-delete" => no_implicit_delete,
    "rfc1939.retr.no-final-newline" => no_final_newline,
    "rfc1939.retr.no-extra-newline" => no_extra_newline,
    "rfc1939.retr.odd-messages" => odd_messages,
}

/// Messages that the survey did not recognise are looked at up to this size, and up to so many.
const STRANGERS: (u64, usize) = (4_096, 20);

/// RFC 1939 §5 RETR: A positive reply is the status line, the whole message, the dot line.
async fn multiline(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    session.require_ok("RETR 1").await?;
    own_reply(&mut session, "RETR 1").await
}

/// RFC 1939 §3, §5 RETR: Every line that begins with a dot is sent with one more dot in front.
async fn dot_stuffing(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.dots").await?;
    same_body(&retrieved(&mut session, number).await?, number, &fixture)
}

/// RFC 1939 §3: A content line consisting of a single dot does not end the response.
async fn lone_dot(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.lonedot").await?;
    same_body(&retrieved(&mut session, number).await?, number, &fixture)?;
    own_reply(&mut session, "RETR of fx.lonedot").await
}

/// RFC 1939 §3: Stuffing also applies to the first line of the message, to header lines and to the last line.
async fn dot_edges(lab: &Lab) -> Outcome {
    same_bodies(lab, &["fx.dotlast", "fx.dotfirst", "fx.dotlast-nonl"]).await
}

/// RFC 1939 §3: Stuffing does not depend on where the server's I/O buffers end.
async fn dot_at_buffer(lab: &Lab) -> Outcome {
    same_bodies(lab, &["fx.boundary-4096", "fx.boundary-8192", "fx.boundary-16384", "fx.boundary-65536"])
        .await
}

/// RFC 1939 §5 RETR, §11: The message sent is the message that was delivered, apart from line-end conversion.
///
/// All marked fixtures but fx.large, which `rfc1939.multi.chunking` compares, and what else poplab's maildrop lists.
async fn fidelity(lab: &Lab) -> Outcome {
    let compared = compared(lab).await;
    if matches!(compared, Err(Stop::Fail(_))) {
        return compared;
    }
    all_come(lab).await?;
    compared
}

async fn compared(lab: &Lab) -> Outcome {
    let corpus = lab.site().corpus(lab.site().seed);
    let mut names: Vec<&str> = corpus.iter().filter(|made| made.marked).map(|made| made.name).collect();
    // The twins have one name.
    names.dedup();
    same_bodies(lab, &names).await
}

/// A message that cannot be had cannot be recognised either; but where the others are poplab's, so was this one.
async fn all_come(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let known: Vec<u64> =
        lab.survey().fixtures.get(&account.user).into_iter().flatten().map(|(_, number)| *number).collect();
    let mut session = lab.login_to(&account).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    if known.len() * 2 < listing.len() {
        return Ok(());
    }
    let strangers = listing.into_iter().map(|(number, _)| number).filter(|number| !known.contains(number));
    for number in strangers.take(STRANGERS.1) {
        let has_top = lab.survey().has_top;
        if has_top && session.command(format!("TOP {number} 0")).await?.is_ok() {
            continue;
        }
        let reply = session.command(format!("RETR {number}")).await?;
        require(!reply.is_err() || excuses_message(&reply), || {
            format!("message {number} of `{}` is listed, and {}", account.user, reply.seen())
        })?;
    }
    Ok(())
}

/// Compares each of these fixtures that is in place. What is doubtful is told only if nothing is wrong for sure.
async fn same_bodies(lab: &Lab, names: &[&str]) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let placed: Vec<(&str, u64)> =
        names.iter().filter_map(|name| Some((*name, lab.number_of(&account, name)?))).collect();
    if placed.is_empty() {
        return skipped(format!(
            "none of {} is in the maildrop of `{}`; `poplab seed` puts them there",
            names.join(", "),
            account.user
        ));
    }
    let mut session = lab.login_to(&account).await?;
    let mut doubt = Ok(());
    for (name, number) in placed {
        let reply = match session.command(format!("RETR {number}")).await {
            Err(Mishap::Closed { how, .. }) => {
                session = lab.login_to(&account).await?;
                let cut = format!("the connection ended ({how}) in RETR {number} ({name})");
                again(&mut session, number, &cut).await?
            }
            Err(endless @ Mishap::Unterminated { .. }) => return Err(endless.judged()),
            reply => reply?,
        };
        match same_body(&reply, number, &lab.made(name)?) {
            Err(Stop::Inconclusive(why)) if doubt.is_ok() => doubt = inconclusive(why),
            Ok(()) | Err(Stop::Inconclusive(_)) => {}
            outcome => return outcome,
        }
    }
    doubt
}

/// One end of a connection may be chance. A message that ends it each time does not come.
async fn again(session: &mut Session, number: u64, cut: &str) -> Result<Reply, Stop> {
    match session.command(format!("RETR {number}")).await {
        Err(Mishap::Closed { how, .. }) => fail(format!("{cut}, and on another connection too ({how})")),
        reply => Ok(reply?),
    }
}

/// The reply to RETR, be it a refusal. One without end is a failure: that is what wrong dots lead to.
async fn retrieved(session: &mut Session, number: u64) -> Result<Reply, Stop> {
    match session.command(format!("RETR {number}")).await {
        endless @ Err(Mishap::Unterminated { .. }) => endless.judged(),
        reply => Ok(reply?),
    }
}

/// Compares a fixture with what came: the body, and the header fields that poplab gave it.
fn same_body(reply: &Reply, number: u64, fixture: &Fixture) -> Outcome {
    let name = fixture.name;
    if !reply.is_ok() {
        // A surrogate or a refusal is right where the client did not ask for UTF-8 (RFC 6856 section 4).
        let why =
            format!("RETR {number} ({name}) was answered {}, though the message is listed", reply.quoted());
        return match name {
            "fx.utf8hdr" => Ok(()),
            _ if !reply.is_err() || excuses_message(reply) => inconclusive(why),
            _ => fail(why),
        };
    }
    let wire = mail::wire(&fixture.octets);
    let wrong = difference(mail::body(&wire), reply);
    let wrong = wrong.or_else(|| lost_field(&wire, reply.octets()));
    let unstuffed = reply.deviations.contains(Deviation::ContentUnstuffed);
    match wrong {
        Some(wrong) if unstuffed => {
            point_out(reply, mail::body(&wire));
            fail(format!("RETR {number} ({name}): {wrong}; {}", Deviation::ContentUnstuffed))
        }
        None if unstuffed => fail(format!("RETR {number} ({name}): {}", Deviation::ContentUnstuffed)),
        Some(wrong) if !fixture.fragile && mail::body(reply.octets()) != mail::body(&wire) => {
            point_out(reply, mail::body(&wire));
            fail(format!("RETR {number} ({name}): {wrong}"))
        }
        // Judged where it is the point; here it would only hide the other fixtures.
        Some(_) if practice(name) => Ok(()),
        Some(wrong) => inconclusive(format!("{name} differs, which its delivery may have caused: {wrong}")),
        None => Ok(()),
    }
}

/// Fixtures that have checks of their own under `practice`, and that no standard tells a server to keep.
fn practice(name: &str) -> bool {
    matches!(name, "fx.nul" | "fx.barecr" | "fx.barelfdot" | "fx.binary" | "fx.longline" | "fx.utf8hdr")
}

/// How the body that was received differs from the one expected, in words; `None` if it does not.
pub(super) fn difference(expected: &[u8], reply: &Reply) -> Option<String> {
    let received = mail::body(reply.octets());
    if expected == received {
        return None;
    }
    let (wanted, came) = (lines(expected), lines(received));
    let counts = format!("{} lines came, the fixture has {}", came.len(), wanted.len());
    let at = first_difference(&wanted, &came);
    let shown =
        |lines: &[&[u8]]| lines.get(at).map_or_else(|| "missing".to_owned(), |line| reply.quote(line));
    Some(format!("{counts}; body line {} is {} instead of {}", at + 1, shown(&came), shown(&wanted)))
}

/// Marks the first line of the body that is not as expected, in the reply that its session received last.
pub(super) fn point_out(reply: &Reply, expected: &[u8]) {
    let octets = reply.octets();
    let body = mail::body(octets);
    let came = lines(body);
    let at = first_difference(&lines(expected), &came);
    let before: usize = came.iter().take(at).map(|line| line.len() + 2).sum();
    // Lines of the transcript end with any line feed, those of the body with CRLF.
    let end = (octets.len() - body.len() + before).min(octets.len());
    reply.deviates(octets[..end].split(|octet| *octet == b'\n').count() - 1);
}

/// The index of the first line that differs, or that one side alone has.
fn first_difference(wanted: &[&[u8]], came: &[&[u8]]) -> usize {
    let at = wanted.iter().zip(came).position(|(wanted, came)| wanted != came);
    at.unwrap_or_else(|| wanted.len().min(came.len()))
}

/// The first header line of the fixture that is not in the header that came, in words.
fn lost_field(fixture: &[u8], received: &[u8]) -> Option<String> {
    let header = |message: &[u8]| {
        let lines = lines(message).into_iter().take_while(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let came = header(received);
    let lost = header(fixture).into_iter().find(|line| !came.contains(line))?;
    Some(format!("the header line {} did not come", quote(&lost)))
}

/// Something that must have a reply of its own: if other octets stand before it, they belong to the reply before.
async fn own_reply(session: &mut Session, before: &str) -> Outcome {
    let reply = session.command("NOOP").await?;
    require(reply.indicator != Indicator::Unknown, || {
        format!("behind the reply to {before} came {} where the reply to NOOP was expected", reply.quoted())
    })?;
    reply.assume_ok()?;
    Ok(())
}

/// RFC 1939 §3, §11: Message lines are sent with CRLF whatever the storage format.
async fn line_ends(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.assume_ok("RETR 1").await?;
    if !reply.deviations.contains(Deviation::ContentBareLf) {
        return Ok(());
    }
    // Lines of such a server are kept as lines, whatever they ended with.
    if reply.deviations.contains(Deviation::BareLf) {
        return fail("the lines of RETR 1 end with LF alone, as the server's status lines do");
    }
    let (bare, all) = bare_line_feeds(reply.octets());
    let mut lines = reply.octets().split_inclusive(|octet| *octet == b'\n');
    if let Some(place) = lines.position(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n")) {
        reply.deviates(place);
    }
    let seen = format!("in RETR 1, {bare} of {all} LF have no CR before them");
    // Of mail that is not poplab's, some bare LF may be content; all of them cannot.
    let ours = Marker::parse(reply.octets()).is_some_and(|marker| !practice(&marker.fixture));
    if ours || bare == all {
        fail(seen)
    } else {
        inconclusive(format!("{seen}; it may have been stored that way"))
    }
}

fn bare_line_feeds(octets: &[u8]) -> (usize, usize) {
    let at = |index: usize| octets[index] == b'\n';
    let bare = |index: &usize| *index == 0 || octets[index - 1] != b'\r';
    let all: Vec<usize> = (0..octets.len()).filter(|index| at(*index)).collect();
    (all.iter().filter(|index| bare(index)).count(), all.len())
}

/// RFC 1939 §5: RETR can be repeated and gives the same octets.
async fn repeatable(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let first = session.assume_ok("RETR 1").await?;
    let mut second = session.require_ok("RETR 1").await?;
    // Lines of both are quoted.
    second.private |= first.private;
    match difference(mail::body(first.octets()), &second) {
        Some(wrong) => {
            point_out(&second, mail::body(first.octets()));
            fail(format!("RETR 1 was sent twice; compared with the first time, {wrong}"))
        }
        None => Ok(()),
    }
}

/// RFC 1939 §5 RETR: RETR of a number that does not exist is refused.
async fn no_such(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    session.require_err(format!("RETR {}", count + 1)).await?;
    own_reply(&mut session, "a RETR that was refused").await
}

/// RFC 1939 §5, §8: Retrieving a message does not delete it at QUIT, unless the site runs (and by RFC 2449
/// announces) a download-and-delete policy.
///
/// With an ordinary message of poplab's: on a server that deletes what was read, it is the one that is lost.
async fn no_implicit_delete(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let known = lab.survey().fixtures.get(&account.user);
    let Some(number) = known
        .into_iter()
        .flatten()
        .filter(|(name, _)| !name.starts_with("fx."))
        .map(|(_, number)| *number)
        .min()
    else {
        return skipped(format!(
            "no ordinary message of poplab's is in the maildrop of `{}`; others are not put at risk",
            account.user
        ));
    };
    let mut session = lab.login_to(&account).await?;
    let before = inventory(lab, &mut session).await?;
    session.assume_ok(format!("RETR {number}")).await?;
    session.quit().await?;

    let mut session = lab.login_to(&account).await?;
    let after = inventory(lab, &mut session).await?;
    let Some((_, id)) = before.iter().find(|(of, _)| *of == number) else {
        return inconclusive(format!("message {number} was not listed before it was retrieved"));
    };
    if after.iter().any(|(_, other)| other == id) {
        return Ok(());
    }
    // With as many messages as before, the names have changed rather than the mail gone.
    assume(after.len() < before.len(), || {
        format!("{} is no longer listed, but there are as many messages as before", quote(id))
    })?;
    fail(format!(
        "message {number} ({}) was retrieved before QUIT and is gone in the next session, without EXPIRE 0",
        quote(id)
    ))
}

/// Numbers and something to know the messages by: unique-ids, or else sizes.
async fn inventory(lab: &Lab, session: &mut Session) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    if lab.survey().has_uidl {
        return session.assume_ok("UIDL").await?.unique_ids();
    }
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    Ok(listing.into_iter().map(|(number, size)| (number, size.to_string().into_bytes())).collect())
}

/// RFC 1939 §3: If the stored message does not end with a line end, the server still ends the last line with
/// CRLF before the dot line.
async fn no_final_newline(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.nonl").await?;
    let reply = session.command(format!("RETR {number}")).await.judged()?.assume_ok()?;
    let wire = mail::wire(&fixture.octets);
    let last = |octets: &[u8]| lines(octets).last().map(|line| line.to_vec()).unwrap_or_default();
    let (expected, came) = (last(&wire), last(reply.octets()));
    if came != expected {
        let glued = came.strip_suffix(b".").is_some_and(|line| line == expected);
        let seen = format!("the last line of RETR {number} (fx.nonl) is {}", reply.quote(&came));
        return if glued {
            fail(seen)
        } else {
            inconclusive(format!("{seen}; delivery may have altered it"))
        };
    }
    own_reply(&mut session, "RETR of fx.nonl").await
}

/// RFC 1939 §3, §5: If the stored message ends with a line end, no extra empty line is added before the dot
/// line.
async fn no_extra_newline(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.lines").await?;
    let reply = session.assume_ok(format!("RETR {number}")).await?;
    let (expected, came) = (mail::body(&fixture.octets), mail::body(reply.octets()));
    if came.strip_suffix(b"\r\n") == Some(expected) {
        return warn(format!("RETR {number} (fx.lines) brought one empty line more than was stored"));
    }
    assume(came == expected, || "the body of fx.lines differs in another way".to_owned())
}

/// RFC 1939 §3, §5: Header-only, body-less, header-less and empty messages are framed correctly.
async fn odd_messages(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let odd = ["fx.headeronly", "fx.emptybody", "fx.nohdr", "fx.empty"];
    let odd: Vec<u64> = odd.iter().filter_map(|name| lab.number_of(&account, name)).collect();
    // A damaged message without a header is not recognised any more, so those are looked at too.
    let known = lab.survey().fixtures.get(&account.user);
    let known: Vec<u64> = known.into_iter().flatten().map(|(_, number)| *number).collect();
    let strangers = listing.iter().filter(|(number, size)| !known.contains(number) && *size <= STRANGERS.0);
    let strangers: Vec<u64> = strangers.map(|(number, _)| *number).take(STRANGERS.1).collect();

    let (mut judged, mut tolerable) = (0, Vec::new());
    for (number, size) in listing {
        if !odd.contains(&number) && !strangers.contains(&number) {
            continue;
        }
        let reply = session.command(format!("RETR {number}")).await.judged()?;
        own_reply(&mut session, &format!("RETR {number}")).await?;
        // Refusing such a message is right too.
        if !reply.is_ok() || (strangers.contains(&number) && !headerless(&reply)) {
            continue;
        }
        judged += 1;
        match judge_size(lab, &account.user, number, size, reply.octets()) {
            Err(Stop::Warn(seen)) => tolerable.push(seen),
            outcome => outcome?,
        }
    }
    if !tolerable.is_empty() {
        return warn(tolerable.join("; "));
    }
    if judged == 0 {
        return skipped("no message without header, without body or without either is in the maildrop");
    }
    Ok(())
}

/// Whether a message begins with something else than a header field.
fn headerless(reply: &Reply) -> bool {
    let first = reply.lines().first().map(|line| line.to_vec()).unwrap_or_default();
    let name = first.split(|octet| *octet == b':').next().unwrap_or_default();
    name.len() == first.len() || name.is_empty() || !name.iter().all(u8::is_ascii_graphic)
}

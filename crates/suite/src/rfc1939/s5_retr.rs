//! RFC 1939 sections 3, 5 and 11: RETR, dot-stuffing, and whether the mail arrives as it was put in.
//!
//! Bodies are compared, not whole messages: delivery adds header fields, and rightly so. A fixture that ordinary
//! delivery may have altered is held against the server only where the wire itself proves it wrong.

use mail::{Fixture, Marker, Role};
use proto::{Deviation, Indicator};

use super::s5_list::{judge_size, size_of};
use crate::check::checks;
use crate::difference::{BETWEEN_MESSAGES, Differences, Kind};
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, require, skipped, warn};
use crate::refusal::excuses_message;
use crate::reply::{Reply, lines, quote};
use crate::session::Session;

checks! {
    "rfc1939.retr.multiline" => multiline,
    "rfc1939.retr.dot-stuffing" => dot_stuffing,
    "rfc1939.retr.lone-dot" => lone_dot,
    "rfc1939.retr.dot-edges" => dot_edges,
    "rfc1939.retr.dot-at-buffer" => dot_at_buffer,
    "rfc1939.retr.line-ends" => line_ends,
    "rfc1939.retr.repeatable" => repeatable,
    "rfc1939.retr.no-such" => no_such,
    "rfc1939.retr.no-implicit-delete" => no_implicit_delete,
    "rfc1939.retr.no-final-newline" => no_final_newline,
    "rfc1939.retr.no-extra-newline" => no_extra_newline,
    "rfc1939.retr.odd-messages" => odd_messages,
}

/// One alignment at the ends of some buffers, then all of them at all, and then dots that begin no line.
const AT_BUFFERS: [&str; 10] = [
    "fx.boundary-4096",
    "fx.boundary-8192",
    "fx.boundary-16384",
    "fx.boundary-65536",
    "fx.dense-0",
    "fx.dense-1",
    "fx.dense-2",
    "fx.dense-3",
    "fx.dense-4",
    "fx.innerdots",
];
/// Between them each has a line end at every place of a line where a buffer may end.
const DENSE: [&str; 5] = ["fx.dense-0", "fx.dense-1", "fx.dense-2", "fx.dense-3", "fx.dense-4"];
/// Messages that the survey did not recognise are looked at up to this size, and up to so many.
pub(super) const STRANGERS: (u64, usize) = (4_096, 20);

/// RFC 1939 §5 RETR: A positive reply is the status line, the whole message, the dot line.
async fn multiline(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let mut asked = "RETR 1";
    let mut reply = session.command(asked).await.judged()?;
    if excuses_message(&reply) {
        // One message may need UTF8.
        asked = "RETR 2";
        reply = session.command(asked).await.judged()?;
        assume(!excuses_message(&reply), || reply.seen())?;
    }
    reply.require_ok()?;
    own_reply(&mut session, asked).await
}

/// RFC 1939 §3, §5 RETR: Every line that begins with a dot is sent with one more dot in front.
async fn dot_stuffing(lab: &Lab) -> Outcome {
    each(lab, &["fx.dots", "fx.lonedots"], dotted).await
}

/// RFC 1939 §3: A content line consisting of a single dot does not end the response.
async fn lone_dot(lab: &Lab) -> Outcome {
    let Placed { mut session, number, fixture } = lab.fixture("fx.lonedot").await?;
    let (number, reply) = lab.retrieved(&mut session, number, &fixture).await?;
    same_dots(&reply, number, &fixture)?;
    own_reply(&mut session, "RETR of fx.lonedot").await
}

/// RFC 1939 §3: Stuffing also applies to the first line of the message, to header lines and to the last line.
async fn dot_edges(lab: &Lab) -> Outcome {
    each(lab, &["fx.dotlast", "fx.dotfirst", "fx.dotlast-nonl"], dotted).await
}

/// RFC 1939 §3: Stuffing does not depend on where the server's I/O buffers end.
async fn dot_at_buffer(lab: &Lab) -> Outcome {
    let outcome = each(lab, &AT_BUFFERS, dotted).await;
    // Delivery may have broken these lines: then what came of them says nothing.
    let within = each(lab, &["fx.longdots"], dotted).await;
    match (&outcome, &within) {
        (Ok(()) | Err(Stop::Inconclusive(_) | Stop::Skipped(_)), Err(Stop::Fail(_))) => within,
        _ => outcome,
    }
}

/// Compares each of these fixtures that is in place. What is doubtful is told only if nothing is wrong for sure.
pub(super) async fn each(
    lab: &Lab,
    names: &[&str],
    compare: impl AsyncFn(&mut Session, &Reply, u64, &Fixture) -> Outcome,
) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let numbers = lab.numbers(&mut session).await?;
    let placed: Vec<(&str, u64)> =
        names.iter().filter_map(|name| Some((*name, *numbers.get(*name)?))).collect();
    if placed.is_empty() {
        return skipped(format!(
            "none of {} is in the maildrop of `{}`; `poplab seed` puts them there",
            names.join(", "),
            account.user
        ));
    }
    let mut doubt = Ok(());
    for (name, number) in placed {
        let fixture = lab.made(name)?;
        let mut outcome = lab.retrieved(&mut session, number, &fixture).await;
        if session.has_ended() && outcome.as_ref().is_err_and(|stop| matches!(stop, Stop::Inconclusive(_))) {
            // One end of a connection may be chance. A message that ends it each time does not come.
            session = lab.login_to(&account).await?;
            outcome = match (lab.retrieved(&mut session, number, &fixture).await, outcome) {
                (Err(Stop::Inconclusive(again)), Err(first)) if session.has_ended() => {
                    return fail(format!("{name}: {}, and on another connection too: {again}", first.told()));
                }
                (outcome, _) => outcome,
            };
        }
        let compared = match outcome {
            Ok((number, reply)) => compare(&mut session, &reply, number, &fixture).await,
            Err(stop) => Err(stop),
        };
        match compared {
            Err(Stop::Inconclusive(why)) if doubt.is_ok() => doubt = inconclusive(why),
            Ok(()) | Err(Stop::Inconclusive(_) | Stop::Skipped(_)) => {}
            outcome => return outcome,
        }
        // Octets that end the reply too early for some leave the rest of the message where the next reply is awaited.
        if practice(name) && own_reply(&mut session, name).await.is_err() {
            session = lab.login_to(&account).await?;
        }
    }
    doubt
}

async fn dotted(_: &mut Session, reply: &Reply, number: u64, fixture: &Fixture) -> Outcome {
    same_dots(reply, number, fixture)
}

/// Whether the dots of a fixture came as they are in it. What else differs is `rfc1939.retr.fidelity`'s.
fn same_dots(reply: &Reply, number: u64, fixture: &Fixture) -> Outcome {
    let name = fixture.name;
    arrived(reply, number, fixture)?;
    let wire = mail::wire(&fixture.octets);
    let differences = Differences::between(mail::body(&wire), mail::body(reply.octets()));
    if reply.deviations.contains(Deviation::ContentUnstuffed) {
        return unstuffed(reply, number, name, &differences);
    }
    if let Some(wrong) = dots(&differences, reply) {
        return fail(format!("RETR {number} ({name}): {wrong}"));
    }
    if let Some(line) = lost_field(&wire, reply.octets()) {
        // The first line may begin with a dot.
        return inconclusive(format!("{name} differs, which its delivery may have caused: {line}"));
    }
    assume(differences.none() || !differences.any_of(&[Kind::CutOff, Kind::Missing, Kind::Altered]), || {
        format!("RETR {number} ({name}): {}, so not all of its dots can be judged", differences.told(reply))
    })
}

/// What is wrong with dots, in words; the line is pointed out.
pub(super) fn dots(differences: &Differences<'_>, reply: &Reply) -> Option<String> {
    let others: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Dots).collect();
    differences.any_of(&[Kind::Dots]).then(|| {
        point_out(reply, differences.first_but(&others));
        differences.told(reply)
    })
}

/// Lines that are sent with a dot that should have been doubled: seen on the wire, whatever the message was.
pub(super) fn unstuffed(reply: &Reply, number: u64, name: &str, differences: &Differences<'_>) -> Outcome {
    let what = Deviation::ContentUnstuffed;
    if differences.none() {
        return fail(format!("RETR {number} ({name}): {what}"));
    }
    point_out(reply, differences.first_but(BETWEEN_MESSAGES));
    fail(format!("RETR {number} ({name}): {}; {what}", differences.told(reply)))
}

/// Goes on with a message that was sent.
pub(super) fn arrived(reply: &Reply, number: u64, fixture: &Fixture) -> Outcome {
    if reply.is_ok() {
        return Ok(());
    }
    // A surrogate or a refusal is right where the client did not ask for UTF-8 (RFC 6856 section 4).
    let why = format!(
        "RETR {number} ({}) was answered {}, though the message is listed",
        fixture.name,
        reply.quoted()
    );
    match fixture.name {
        "fx.utf8hdr" => skipped("a message with UTF-8 in its header may be refused without UTF8"),
        _ if !reply.is_err() || excuses_message(reply) => inconclusive(why),
        _ => fail(why),
    }
}

/// Fixtures that have checks of their own, mostly under `practice`, and that no standard tells a server to keep.
pub(super) fn practice(name: &str) -> bool {
    matches!(
        name,
        "fx.nul" | "fx.barecr" | "fx.barelfdot" | "fx.binary" | "fx.longline" | "fx.longdots" | "fx.utf8hdr"
    )
}

/// How the body that was received differs from the one expected, in words; `None` if it does not, but for what may stand
/// between messages. The first line that differs is pointed out.
pub(crate) fn difference(expected: &[u8], reply: &Reply) -> Option<String> {
    let differences = Differences::between(expected, mail::body(reply.octets()));
    differences.matter().then(|| {
        point_out(reply, differences.first_but(BETWEEN_MESSAGES));
        differences.told(reply)
    })
}

/// Marks the first line of the body that is not as expected, but for what may stand between messages.
pub(crate) fn point_out_difference(reply: &Reply, expected: &[u8]) {
    let differences = Differences::between(expected, mail::body(reply.octets()));
    point_out(reply, differences.first_but(BETWEEN_MESSAGES));
}

/// Marks this line of the body, in the reply that its session received last.
pub(super) fn point_out(reply: &Reply, at: usize) {
    let octets = reply.octets();
    let body = mail::body(octets);
    let before: usize = lines(body).iter().take(at).map(|line| line.len() + 2).sum();
    // Lines of the transcript end with any line feed, those of the body with CRLF.
    let end = (octets.len() - body.len() + before).min(octets.len());
    reply.deviates(octets[..end].split(|octet| *octet == b'\n').count() - 1);
}

/// The first header line of the fixture that is not in the header that came, in words.
pub(super) fn lost_field(fixture: &[u8], received: &[u8]) -> Option<String> {
    let header = |message: &[u8]| {
        let lines = lines(message).into_iter().take_while(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let came = header(received);
    let lost = header(fixture).into_iter().find(|line| !came.contains(line))?;
    Some(format!("the header line {} did not come", quote(&lost)))
}

/// Something that must have a reply of its own: if other octets stand before it, they belong to the reply before.
pub(crate) async fn own_reply(session: &mut Session, before: &str) -> Outcome {
    let reply = match session.command("STAT").await {
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        reply => reply?,
    };
    require(reply.indicator != Indicator::Unknown, || {
        format!("behind the reply to {before} came {} where the reply to STAT was expected", reply.quoted())
    })?;
    reply.assume_ok()?;
    Ok(())
}

/// RFC 1939 §3, §11: Message lines are sent with CRLF whatever the storage format.
async fn line_ends(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.assume_ok("RETR 1").await?;
    if !reply.deviations.contains(Deviation::ContentBareLf) {
        drop(session);
        return match each(lab, &DENSE, ended).await {
            Err(Stop::Skipped(_)) => Ok(()),
            outcome => outcome,
        };
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

/// Where a buffer ends between them, CR and LF belong together all the same.
async fn ended(_: &mut Session, reply: &Reply, number: u64, fixture: &Fixture) -> Outcome {
    arrived(reply, number, fixture)?;
    require(!reply.deviations.contains(Deviation::ContentBareLf), || {
        let (bare, all) = bare_line_feeds(reply.octets());
        format!("in RETR {number} ({}), {bare} of {all} LF have no CR before them", fixture.name)
    })?;
    let (wire, octets) = (mail::wire(&fixture.octets), reply.octets());
    require(!reply.deviations.contains(Deviation::ContentBareCr), || {
        format!(
            "RETR {number} ({}) has CR without LF, and {} octets instead of {}",
            fixture.name,
            octets.len(),
            wire.len()
        )
    })
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
    let differences = Differences::between(mail::body(first.octets()), mail::body(second.octets()));
    if differences.none() {
        return Ok(());
    }
    point_out(&second, differences.first_but(&[]));
    fail(format!("RETR 1 was sent twice; compared with the first time, {}", differences.told(&second)))
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
    let mut session = lab.login_to(&account).await?;
    let Some((number, _)) = lab.ordinary(&mut session).await?.into_iter().next() else {
        return skipped(format!(
            "no ordinary message of poplab's is in the maildrop of `{}`; others are not put at risk",
            account.user
        ));
    };
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
    let (number, reply) = lab.retrieved(&mut session, number, &fixture).await?;
    let reply = reply.assume_ok()?;
    let wire = mail::wire(&fixture.octets);
    // Behind the last line an mbox may have an empty one.
    let last = |octets: &[u8]| {
        lines(octets).iter().rfind(|line| !line.is_empty()).map(|line| line.to_vec()).unwrap_or_default()
    };
    let (expected, came) = (last(&wire), last(reply.octets()));
    if came != expected {
        let glued = came.strip_suffix(b".").is_some_and(|line| line == expected);
        let seen = format!("the last line of RETR {number} (fx.nonl) is {}", reply.quote(&came));
        if glued {
            return fail(seen);
        }
        // What is counted is kept.
        let listed = size_of(&session.command(format!("LIST {number}")).await?, number).unwrap_or_default();
        let missing = listed.saturating_sub(reply.octets().len() as u64);
        return if missing >= expected.len() as u64 {
            fail(format!("{seen}; LIST gives it {listed} octets, {missing} more than came"))
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
    let (number, reply) = lab.retrieved(&mut session, number, &fixture).await?;
    let reply = reply.assume_ok()?;
    let (wire, octets) = (mail::wire(&fixture.octets), reply.octets());
    let differences = Differences::between(mail::body(&wire), mail::body(octets));
    if differences.none() {
        return Ok(());
    }
    assume(differences.only(BETWEEN_MESSAGES), || "the body of fx.lines differs in another way".to_owned())?;
    let seen = format!("RETR {number} (fx.lines): {}", differences.told(&reply));
    // If it is kept like this, the listed size has it, and the message of the maildrop is the one that comes (section 11).
    let listed = size_of(&session.command(format!("LIST {number}")).await?, number);
    if listed == Some(octets.len() as u64) {
        return Err(Stop::Info(format!(
            "{seen}; LIST counts it, so it is kept with the message, as in an mbox"
        )));
    }
    warn(format!("{seen}; LIST gives {listed:?} octets, {} came", octets.len()))
}

/// RFC 1939 §3, §5: Header-only, body-less, header-less and empty messages are framed correctly.
async fn odd_messages(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let numbers = lab.numbers(&mut session).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let odd = ["fx.headeronly", "fx.emptybody", "fx.nohdr", "fx.nohdr-2", "fx.empty"];
    let odd: Vec<u64> = odd.iter().filter_map(|name| numbers.get(*name).copied()).collect();
    // A damaged message without a header is not recognised any more, so those are looked at too.
    let known: Vec<u64> = numbers.into_values().collect();
    let strangers = listing.iter().filter(|(number, size)| !known.contains(number) && *size <= STRANGERS.0);
    let strangers: Vec<u64> = strangers.map(|(number, _)| *number).take(STRANGERS.1).collect();

    let (mut judged, mut tolerable) = (0, Vec::new());
    for (number, size) in listing {
        if !odd.contains(&number) && !strangers.contains(&number) {
            continue;
        }
        let reply = session.command(format!("RETR {number}")).await.judged()?;
        own_reply(&mut session, &format!("RETR {number}")).await?;
        // What has no octets is none of the strangers that may be refused for whatever is in them.
        require(!reply.is_err() || (size > 0 && !odd.contains(&number)) || excuses_odd(&reply), || {
            format!("message {number} of {size} octets is listed, and {}", reply.seen())
        })?;
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

/// Whether the refusal of such a message says that it is for good, or for the moment.
fn excuses_odd(reply: &Reply) -> bool {
    excuses_message(reply) || reply.has_code("SYS/PERM")
}

/// Whether a message begins with something else than a header field.
fn headerless(reply: &Reply) -> bool {
    let first = reply.lines().first().map(|line| line.to_vec()).unwrap_or_default();
    let name = first.split(|octet| *octet == b':').next().unwrap_or_default();
    name.len() == first.len() || name.is_empty() || !name.iter().all(u8::is_ascii_graphic)
}

//! RFC 1939 sections 5 and 11: whether the message that comes is the one that was put in, and the one that was asked for.
//!
//! What ordinary delivery may have altered is held against the server only where the server itself shows that it has the
//! message otherwise: by the size in LIST, or by TOP.

use mail::{Fixture, Marker, Role};
use proto::Deviation;

use super::s5_list::{size_of, spread};
use super::s5_retr::{STRANGERS, arrived, each, lost_field, point_out, practice, unstuffed};
use crate::check::checks;
use crate::difference::{BETWEEN_MESSAGES, Differences};
use crate::enduring::Enduring;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive, require};
use crate::refusal::excuses_message;
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc1939.retr.fidelity" => fidelity,
}

/// Messages that are read once more when TOP has shown their beginning.
const TOPPED: usize = 3;
/// So many lines as no fixture has.
const ALL_LINES: u32 = 100_000;

/// RFC 1939 §5 RETR, §11: The message sent is the message that was delivered, apart from line-end conversion.
///
/// All marked fixtures, the largest too, and what else poplab's maildrop lists.
async fn fidelity(lab: &Lab) -> Outcome {
    let compared = compared(lab).await;
    if matches!(compared, Err(Stop::Fail(_))) {
        return compared;
    }
    ordinary_ones(lab).await?;
    all_come(lab).await?;
    compared
}

async fn compared(lab: &Lab) -> Outcome {
    let corpus = lab.site().corpus(lab.site().seed);
    let mut names: Vec<&str> = corpus.iter().filter(|made| made.marked).map(|made| made.name).collect();
    // The twins have one name.
    names.dedup();
    names.push("fx.large");
    let has_top = lab.survey().has_top;
    each(lab, &names, async |session, reply, number, fixture| {
        same_message(session, reply, number, fixture, has_top).await
    })
    .await
}

/// Ordinary messages of poplab's, with numbers of one, two and three digits: the one that was asked for must come.
async fn ordinary_ones(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let ordinary = lab.ordinary(&mut session).await?;
    let hundreds = ordinary.iter().filter(|(number, _)| *number > 99);
    for (place, (number, name)) in spread(&ordinary).into_iter().chain(hundreds).enumerate() {
        let reply = session.command(format!("RETR {number}")).await?;
        require(!reply.is_err() || excuses_message(&reply), || {
            format!("message {number} of `{}` is listed, and {}", account.user, reply.seen())
        })?;
        // What was altered on its way into the maildrop still has its header.
        let came = Marker::parse(reply.octets()).map(|marker| marker.fixture);
        require(came.as_ref().is_none_or(|came| came == name), || {
            format!("RETR {number} brought `{}`; that number was `{name}`", came.clone().unwrap_or_default())
        })?;
        if place < TOPPED && lab.survey().has_top && reply.is_ok() {
            same_behind_top(&mut session, *number, &reply).await?;
        }
    }
    Ok(())
}

/// A message of which TOP has just shown the beginning comes from its beginning.
async fn same_behind_top(session: &mut Session, number: u64, before: &Reply) -> Outcome {
    session.assume_ok(format!("TOP {number} 1")).await?;
    let mut again = session.assume_ok(format!("RETR {number}")).await?;
    // Lines of both are quoted.
    again.private |= before.private;
    let differences = Differences::between(mail::body(before.octets()), mail::body(again.octets()));
    if differences.none() {
        return Ok(());
    }
    point_out(&again, differences.first_but(&[]));
    fail(format!(
        "RETR {number} behind TOP {number} 1: compared with RETR {number} before it, {}",
        differences.told(&again)
    ))
}

/// A message that cannot be had cannot be recognised either; but where the others are poplab's, so was this one.
async fn all_come(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let known: Vec<u64> = lab.numbers(&mut session).await?.into_values().collect();
    let mut session = Enduring::with(session, async || lab.login_to(&account).await);
    let listing = session.command("LIST").await?.assume_ok()?.scan_listing()?;
    if known.len() * 2 < listing.len() {
        return Ok(());
    }
    let strangers = listing.into_iter().map(|(number, _)| number).filter(|number| !known.contains(number));
    for number in strangers.take(STRANGERS.1) {
        let has_top = lab.survey().has_top;
        if has_top && session.command(&format!("TOP {number} 0")).await?.is_ok() {
            continue;
        }
        let reply = session.command(&format!("RETR {number}")).await?;
        require(!reply.is_err() || excuses_message(&reply), || {
            format!("message {number} of `{}` is listed, and {}", account.user, reply.seen())
        })?;
    }
    Ok(())
}

/// Compares a fixture with what came: the body, and the header fields that poplab gave it.
async fn same_message(
    session: &mut Session,
    reply: &Reply,
    number: u64,
    fixture: &Fixture,
    has_top: bool,
) -> Outcome {
    let name = fixture.name;
    arrived(reply, number, fixture)?;
    let wire = mail::wire(&fixture.octets);
    let differences = Differences::between(mail::body(&wire), mail::body(reply.octets()));
    if reply.deviations.contains(Deviation::ContentUnstuffed) {
        return unstuffed(reply, number, name, &differences);
    }
    // What an mbox puts between messages is no part of this one, and no loss: `rfc1939.retr.no-extra-newline` tells of it.
    let body = differences.matter().then(|| differences.told(reply));
    let field = lost_field(&wire, reply.octets());
    if body.is_some() && !fixture.fragile {
        point_out(reply, differences.first_but(BETWEEN_MESSAGES));
        return fail(format!("RETR {number} ({name}): {}", body.unwrap_or_default()));
    }
    // Judged where it is the point; here it would only hide the other fixtures.
    let Some(wrong) = body.or(field).filter(|_| !practice(name)) else { return Ok(()) };
    match kept_otherwise(session, reply, number, &wire, has_top).await? {
        Some(proof) => {
            point_out(reply, differences.first_but(BETWEEN_MESSAGES));
            fail(format!("RETR {number} ({name}): {wrong}; {proof}"))
        }
        None => inconclusive(format!("{name} differs, which its delivery may have caused: {wrong}")),
    }
}

/// What shows that the server has the message as it was made, though it sent another one; in words.
async fn kept_otherwise(
    session: &mut Session,
    reply: &Reply,
    number: u64,
    made: &[u8],
    has_top: bool,
) -> Result<Option<String>, Stop> {
    if let Some(proof) = counted(session, reply, number, made).await? {
        return Ok(Some(proof));
    }
    if !has_top {
        return Ok(None);
    }
    let top = session.command(format!("TOP {number} {ALL_LINES}")).await?;
    let whole = |octets: &[u8]| mail::body(octets) == mail::body(made) && lost_field(made, octets).is_none();
    Ok((top.is_ok() && whole(top.octets())).then(|| format!("TOP {number} {ALL_LINES} gave all of it")))
}

/// Whether LIST counts the message as it was made, and not as it came; in words. Fields that came and were not made are
/// those of its delivery.
///
/// # Errors
/// [`Stop::Inconclusive`] if LIST is not answered.
pub(crate) async fn counted(
    session: &mut Session,
    reply: &Reply,
    number: u64,
    made: &[u8],
) -> Result<Option<String>, Stop> {
    let listed = size_of(&session.command(format!("LIST {number}")).await?, number);
    let came = reply.octets();
    let of_body = difference(mail::body(made), mail::body(came));
    let of_fields = fields(made).into_iter().map(|field| {
        let name = field.split(|octet| *octet == b':').next().unwrap_or_default();
        let same = fields(came).into_iter().find(|other| *other == field);
        let other =
            fields(came).into_iter().find(|other| other.split(|octet| *octet == b':').next() == Some(name));
        difference(field, same.or(other).unwrap_or(field))
    });
    let missing = of_body + of_fields.sum::<i64>();
    let as_made = difference(came, &[]) + missing;
    let otherwise = missing != 0 && listed == u64::try_from(as_made).ok();
    Ok(otherwise.then(|| format!("LIST gives it {as_made} octets, as it was made, and {} came", came.len())))
}

/// How much longer the one is than the other.
fn difference(one: &[u8], other: &[u8]) -> i64 {
    let octets = |text: &[u8]| i64::try_from(text.len()).unwrap_or(i64::MAX / 4);
    octets(one) - octets(other)
}

/// The fields of a header, each with all its lines.
fn fields(message: &[u8]) -> Vec<&[u8]> {
    let header = &message[..message.len() - mail::body(message).len()];
    let (mut fields, mut start, mut at) = (Vec::new(), 0, 0);
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if at > start && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            fields.push(&header[start..at]);
            start = at;
        }
        at += line.len();
    }
    if header.len() > start {
        fields.push(&header[start..]);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn a_field_has_all_its_lines() {
        let message = b"A: one\r\n two\r\nB: three\r\n\r\nC: four\r\n";
        assert_eq!(fields(message), [&b"A: one\r\n two\r\n"[..], b"B: three\r\n", b"\r\n"]);
    }
}

//! Looking without touching: TOP leaves no trace, counts may be huge, and a large maildrop is opened in time.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

use crate::check::checks;
use crate::difference::{Differences, EMPTY_LINES};
use crate::enduring;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, fail, inconclusive, require, skipped};
use crate::reply::{lines, quote};
use crate::rfc1939::maildrop::numbers;

checks! {
    "practice.top.huge-count" => huge_count,
    "practice.top.peek" => peek,
    "practice.size.cheap" => cheap,
    "practice.stat.large" => large_totals,
}

/// Counts around the largest numbers that servers calculate with.
const HUGE: &[&str] = &[
    "32768",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
];
/// So many messages make a large maildrop, and in this time it must be listed.
const LARGE: (u64, Duration) = (10_000, Duration::from_mins(1));
/// From here on totals do not fit into 31 bits.
const BEYOND_31_BITS: u64 = 1 << 31;

/// RFC 1939 §7 TOP: Very large counts are treated as "all" or refused, never wrapped.
async fn huge_count(lab: &Lab) -> Outcome {
    let mut session = enduring::with_mail(lab).await?;
    let whole = session.session().assume_ok("RETR 1").await?;
    let expected = mail::body(whole.octets()).to_vec();
    for count in HUGE {
        let reply = session.command(&format!("TOP 1 {count}")).await?;
        if !reply.is_ok() {
            require(reply.is_err(), || format!("{}; the message or `-ERR` was required", reply.seen()))?;
            continue;
        }
        let came = mail::body(reply.octets());
        let differences = Differences::between(&expected, came);
        // That TOP puts an empty line between header and body is another bug (rfc1939.top.structure), whatever the count.
        require(differences.none() || differences.only(EMPTY_LINES), || {
            format!(
                "TOP 1 {count} gave {} of the {} lines of the body",
                lines(came).len(),
                lines(&expected).len()
            )
        })?;
    }
    Ok(())
}

/// Good practice: TOP has no lasting effect: no deletion, no change of unique-id, no download mark for an
/// EXPIRE 0 policy.
///
/// In a maildrop that nothing of this run has read yet, if there is one: what changes at the first look has changed
/// elsewhere.
async fn peek(lab: &Lab) -> Outcome {
    let role = [Role::Disposable, Role::Second].into_iter().find(|role| lab.site().pool.has_mail(*role));
    let mut session = lab.login_like(role.unwrap_or(Role::Fixtures), |account| !account.was_opened()).await?;
    let account = session.account()?;
    let listed = numbers(&session.assume_ok("LIST").await?)?;
    let before = named(lab, &mut session).await?;
    if listed.is_empty() {
        return skipped(format!("the maildrop of `{}` is empty", account.user));
    }
    for number in &listed {
        session.assume_ok(format!("TOP {number} 0")).await?;
        session.assume_ok(format!("TOP {number} 2")).await?;
    }
    let same = named(lab, &mut session).await?;
    require(before == same, || "TOP of each message changed the listing within the session".to_owned())?;
    session.quit().await?;
    let mut session = lab.login_to(&account).await?;
    // Under which number it is now says nothing.
    let after: Vec<_> = named(lab, &mut session).await?.into_values().collect();
    let what = format!("TOP of each of {} messages and QUIT", listed.len());
    let lost = before.iter().find(|(_, message)| !after.contains(message));
    match lost {
        Some((number, message)) => fail(format!(
            "{what}: message {number} ({}) is not in the next session's listing",
            match message {
                Ok(id) => format!("unique-id {}", quote(id)),
                Err(size) => format!("{size} octets"),
            }
        )),
        None if after.len() > before.len() => {
            inconclusive(format!("{what}: mail has arrived in the meantime"))
        }
        None => Ok(()),
    }
}

/// The unique-id of each message by number, or else its size: an mbox may note in the header that a message is not new any
/// more.
async fn named(
    lab: &Lab,
    session: &mut crate::session::Session,
) -> Result<BTreeMap<u64, Result<Vec<u8>, u64>>, Stop> {
    let mut ids = BTreeMap::new();
    if lab.survey().has_uidl {
        ids.extend(session.assume_ok("UIDL").await?.unique_ids()?);
    }
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    Ok(sizes.into_iter().map(|(number, size)| (number, ids.remove(&number).ok_or(size))).collect())
}

/// Good practice: Opening a large maildrop and LIST do not take time proportional to reading all message
/// bodies on every login.
async fn cheap(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let account = session.account()?;
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    if count < LARGE.0 {
        return skipped(format!(
            "the maildrop of `{}` holds {count} messages; {} make it large",
            account.user, LARGE.0
        ));
    }
    session.quit().await?;
    let began = Instant::now();
    let mut session = lab.login_to(&account).await?;
    session.command("STAT").await.judged()?.require_ok()?;
    session.command("LIST").await.judged()?.require_ok()?;
    let took = began.elapsed();
    require(took < LARGE.1, || {
        format!("login, STAT and LIST of {count} messages took {} s, the second time too", took.as_secs())
    })
}

/// Good practice: Totals beyond 2^31 and 2^32 octets are printed correctly.
async fn large_totals(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let listing = session.assume_ok("LIST").await?;
    listing.whole()?;
    let sum = listing.scan_listing()?.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
    if sum < BEYOND_31_BITS {
        return skipped(format!("the maildrop holds {sum} octets; {BEYOND_31_BITS} are needed"));
    }
    let reply = session.require_ok("STAT").await?;
    let octets = proto::listing::stat(reply.text()).0.map(|(_, octets)| octets);
    require(octets == Some(sum), || format!("{}; the sizes in LIST add up to {sum}", reply.seen()))
}

//! RFC 1939 section 5: STAT.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive, require};
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc1939.stat.format" => format,
    "rfc1939.stat.no-extra" => nothing_more,
    "rfc1939.stat.empty" => empty,
    "rfc1939.stat.excludes-deleted" => excludes_deleted,
    "rfc1939.stat.after-rset" => after_rset,
    "rfc1939.stat.matches-list" => matches_list,
    "rfc1939.stat.size-is-sum" => size_is_sum,
}

/// RFC 1939 §5 STAT: The reply is +OK, one space, the message count, one space, the total size in octets.
async fn format(lab: &Lab) -> Outcome {
    // Not by what asks for STAT itself to see whether there is mail.
    let mut session = lab.login(Role::Fixtures).await?;
    let reply = session.require_ok("STAT").await?;
    let (numbers, deviations) = proto::listing::stat(reply.text());
    if numbers.is_none() {
        return fail(format!("{}; two numbers separated by one space were required", reply.seen()));
    }
    match deviations.iter().next() {
        Some(deviation) => fail(format!("{}: {deviation}", reply.seen())),
        None => Ok(()),
    }
}

/// RFC 1939 §5 STAT: Nothing should follow the size; the RFC strongly discourages it.
async fn nothing_more(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let reply = session.assume_ok("STAT").await?;
    reply.totals()?;
    // Spaces before the size are `rfc1939.stat.format`'s.
    let words = reply.text().split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    require(words.count() == 2 && !reply.text().ends_with(b" "), || {
        format!("{}, with more behind the size", reply.seen())
    })
}

/// RFC 1939 §5 STAT: An empty maildrop is reported as zero messages and zero octets.
async fn empty(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Empty).await?;
    let reply = session.require_ok("STAT").await?;
    let totals = proto::listing::stat(reply.text()).0;
    require(totals == Some((0, 0)), || format!("{} for an empty maildrop; `0 0` was required", reply.seen()))
}

/// RFC 1939 §5 STAT: Messages marked deleted count in neither total.
async fn excludes_deleted(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(4).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    let (mut marked, mut octets) = (0, 0);
    for number in [1, 3] {
        let listed = session.assume_ok(format!("LIST {number}")).await?;
        let Some(size) = size_of_first(&listed) else {
            return inconclusive(format!("{}: no size", listed.seen()));
        };
        session.assume_ok(format!("DELE {number}")).await?;
        marked += 1;
        octets += size;
        let after = session.require_ok("STAT").await?.totals()?;
        require(after == (before.0 - marked, before.1.saturating_sub(octets)), || {
            format!(
                "STAT said {} {} before and {} {} after {marked} of the messages, of {octets} octets, was marked",
                before.0, before.1, after.0, after.1
            )
        })?;
    }
    session.command("RSET").await?;
    Ok(())
}

/// RFC 1939 §5 STAT, RSET: After RSET the totals are as at the start.
///
/// More than once: what an RSET has put back must not be put back by the next one.
async fn after_rset(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    for time in 1..=ROUNDS {
        session.assume_ok("DELE 1").await?;
        session.assume_ok("RSET").await?;
        let after = session.require_ok("STAT").await?.totals()?;
        require(before == after, || {
            format!(
                "STAT said {} {} before DELE and {} {} after RSET, DELE 1 and RSET said {time} times",
                before.0, before.1, after.0, after.1
            )
        })?;
    }
    Ok(())
}

/// So often messages are marked and the marks taken back.
const ROUNDS: u32 = 2;

/// RFC 1939 §5: STAT's count equals the number of scan listings.
async fn matches_list(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    counts_as_listed(&mut session, "").await?;
    drop(session);
    match with_marks(lab).await {
        // What there is without the permission to mark has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

/// The same while messages are marked, when a mark was refused, and when all were taken back.
async fn with_marks(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(3).await?;
    session.assume_ok("DELE 2").await?;
    counts_as_listed(&mut session, "after DELE 2 ").await?;
    session.command("DELE 2").await?;
    if let Err(stop) = counts_as_listed(&mut session, "after two DELE 2 ").await {
        // Behind a refusal it may have ended.
        return if session.has_ended() { Ok(()) } else { Err(stop) };
    }
    session.assume_ok("RSET").await?;
    counts_as_listed(&mut session, "after two DELE 2 and RSET ").await
}

async fn counts_as_listed(session: &mut Session, when: &str) -> Outcome {
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    let listing = session.assume_ok("LIST").await?;
    listing.whole()?;
    let listed = listing.lines().len() as u64;
    require(count == listed, || format!("{when}STAT counts {count} messages, LIST lists {listed}"))
}

/// RFC 1939 §5, §11: STAT's size equals the sum of the LIST sizes.
async fn size_is_sum(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let stat = session.require_ok("STAT").await?;
    let (_, octets) = stat.totals()?;
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    let sum: u64 = sizes.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
    require(octets == sum, || {
        format!("{}, and the sizes of the {} messages in LIST add up to {sum}", stat.seen(), sizes.len())
    })
}

fn size_of_first(reply: &Reply) -> Option<u64> {
    proto::listing::scan(reply.text()).0.map(|(_, size)| size)
}

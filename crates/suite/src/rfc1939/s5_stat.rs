//! RFC 1939 section 5: STAT.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, fail, inconclusive, require};
use crate::reply::Reply;

checks! {
    "rfc1939.stat.format" => format,
    "rfc1939.stat.no-extra" => nothing_more,
    "rfc1939.stat.empty" => empty,
    "rfc1939.stat.excludes-deleted" => excludes_deleted,
    "rfc1939.stat.after-rset" => after_rset,
    "rfc1939.stat.matches-list" => matches_list,
}

/// RFC 1939 §5 STAT: The reply is +OK, one space, the message count, one space, the total size in octets.
async fn format(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
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
    require(reply.totals()? == (0, 0), || format!("{} for an empty maildrop", reply.seen()))
}

/// RFC 1939 §5 STAT: Messages marked deleted count in neither total.
async fn excludes_deleted(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    let listed = session.assume_ok("LIST 1").await?;
    let Some(size) = size_of_first(&listed) else {
        return inconclusive(format!("{}: no size", listed.seen()));
    };
    session.assume_ok("DELE 1").await?;
    let reply = session.require_ok("STAT").await?;
    let after = reply.totals()?;
    session.command("RSET").await?;
    require(after == (before.0 - 1, before.1.saturating_sub(size)), || {
        format!(
            "STAT said {} {} before and {} {} after DELE 1 of a message of {size} octets",
            before.0, before.1, after.0, after.1
        )
    })
}

/// RFC 1939 §5 STAT, RSET: After RSET the totals are as at the start.
async fn after_rset(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    session.assume_ok("DELE 1").await?;
    session.assume_ok("RSET").await?;
    let after = session.require_ok("STAT").await?.totals()?;
    require(before == after, || {
        format!("STAT said {} {} before DELE and {} {} after RSET", before.0, before.1, after.0, after.1)
    })
}

/// RFC 1939 §5: STAT's count equals the number of scan listings.
async fn matches_list(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    let listing = session.assume_ok("LIST").await?;
    listing.whole()?;
    let listed = listing.lines().len() as u64;
    require(count == listed, || format!("STAT counts {count} messages, LIST lists {listed}"))
}

fn size_of_first(reply: &Reply) -> Option<u64> {
    proto::listing::scan(reply.text()).0.map(|(_, size)| size)
}

//! Maildrops of many messages, and messages of many lines.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::accounts::Account;
use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::difference::{Differences, EMPTY_LINES};
use crate::lab::{Lab, ON_ITS_WAY, Placed};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, require, skipped};
use crate::rfc1939::deliveries::addressee;
use crate::session::Session;

checks! {
    "practice.robust.big-maildrop" => many_messages,
    "practice.robust.big-line-count" => many_lines,
}

/// Message numbers of five digits.
const MANY: u64 = 10_000;
/// Messages that are delivered where no maildrop holds so many, for numbers of four digits, and their octets.
const DELIVERED: (usize, usize) = (1_040, 480);
/// Between two looks at whether they have arrived.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// More lines than any message has.
const LINES: u64 = 999_999;
/// TOP has no reason to take so many times as long as RETR of the same message.
const SLOWER: u32 = 20;
/// What takes less is no trouble to anybody.
const NOTICEABLE: Duration = Duration::from_secs(3);

/// Good practice: 10 000 or more messages: LIST and UIDL complete, numbers above 9999 work, DELE of all works.
///
/// Nothing is deleted here: it may be somebody's mail. Where no maildrop holds so many, somebody can deliver and bring back
/// what was there before, and the load was asked for, some more than a thousand have to do.
async fn many_messages(lab: &Lab) -> Outcome {
    match lab.mail(MANY).await {
        Ok(mut session) => complete(lab, &mut session, &[9_999, 10_000]).await,
        Err(Stop::Skipped(why)) if !can_deliver_many(lab) => skipped(why),
        Err(Stop::Skipped(_)) => delivered(lab).await,
        Err(stop) => Err(stop),
    }
}

fn can_deliver_many(lab: &Lab) -> bool {
    lab.site().permissions.costs.stress && lab.can(Hook::Deliver) && lab.can(Hook::Restore)
}

/// Fills a disposable maildrop, and brings back what was in it.
async fn delivered(lab: &Lab) -> Outcome {
    let (account, _) = addressee(lab, 1).await?;
    lab.save(&account).await?;
    let outcome = filled(lab, &account).await;
    lab.restore(&account).await?;
    outcome
}

async fn filled(lab: &Lab, account: &Rc<Account>) -> Outcome {
    lab.deliver_many(account, DELIVERED.0, DELIVERED.1).await?;
    let began = Instant::now();
    let mut session = loop {
        let mut session = lab.login_to(account).await?;
        let (count, _) = session.assume_ok("STAT").await?.totals()?;
        if count >= DELIVERED.0 as u64 {
            break session;
        }
        assume(began.elapsed() < ON_ITS_WAY, || {
            format!("{} messages were delivered, and STAT counts {count}", DELIVERED.0)
        })?;
        session.quit().await?;
        sleep(BETWEEN_LOOKS).await;
    };
    complete(lab, &mut session, &[999, 1_000, 1_001]).await
}

/// Whether all of a large maildrop is listed, and can be named by numbers around these.
async fn complete(lab: &Lab, session: &mut Session, around: &[u64]) -> Outcome {
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    let mut listed = session.command("LIST").await.judged()?.assume_ok()?.scan_listing()?;
    require(listed.len() as u64 == count, || {
        format!("STAT counts {count} messages, LIST has {}", listed.len())
    })?;
    // Any order will do (A24).
    listed.sort_unstable();
    let gap = (1..).zip(&listed).find(|(expected, (number, _))| expected != number);
    if let Some((expected, (number, _))) = gap {
        return fail(format!("of {count} messages LIST gives {number} where {expected} was expected"));
    }
    if lab.survey().has_uidl {
        let mut ids = session.command("UIDL").await.judged()?.assume_ok()?.unique_ids()?;
        require(ids.len() as u64 == count, || {
            format!("STAT counts {count} messages, UIDL has {}", ids.len())
        })?;
        ids.sort_unstable();
        let last = session.command(format!("UIDL {count}")).await.judged()?.assume_ok()?;
        let shown = proto::listing::unique_id(last.text()).0.map(|(number, id)| (number, id.to_vec()));
        require(shown.as_ref() == ids.last(), || {
            format!("{}, and UIDL gives another line for it", last.seen())
        })?;
    }
    for number in around.iter().copied().chain([count]) {
        let reply = session.command(format!("LIST {number}")).await.judged()?;
        let size = proto::listing::scan(reply.text()).0;
        let expected = listed.iter().find(|(listed, _)| *listed == number).copied();
        require(reply.is_ok() && size == expected, || {
            format!("{}, and LIST gives {expected:?}", reply.seen())
        })?;
        let message = session.command(format!("RETR {number}")).await.judged()?;
        require(message.is_ok(), || format!("of {count} messages, {}", message.seen()))?;
    }
    Ok(())
}

/// Good practice: A message of a million short lines is handled by RETR and TOP.
///
/// The largest fixture has more than a hundred thousand; that is enough for time that grows with their square.
async fn many_lines(lab: &Lab) -> Outcome {
    let Placed { mut session, number, .. } = lab.fixture("fx.large").await?;
    let began = Instant::now();
    let whole = session.command(format!("RETR {number}")).await.judged()?.assume_ok()?;
    let retrieved = began.elapsed();
    let began = Instant::now();
    let top = session.command(format!("TOP {number} {LINES}")).await.judged()?;
    let topped = began.elapsed();
    if !top.is_ok() && !lab.survey().has_top {
        return skipped("the server has no TOP");
    }
    let top = top.require_ok()?;
    let differences = Differences::between(mail::body(whole.octets()), mail::body(top.octets()));
    // That TOP puts an empty line between header and body is another bug (rfc1939.top.structure), whatever the message.
    require(differences.none() || differences.only(EMPTY_LINES), || {
        format!(
            "RETR {number} brings a body of {} octets, TOP {number} {LINES} one of {}",
            mail::body(whole.octets()).len(),
            mail::body(top.octets()).len()
        )
    })?;
    require(topped < NOTICEABLE || topped < retrieved * SLOWER, || {
        format!(
            "RETR {number} took {} ms, TOP {number} {LINES} took {} ms",
            retrieved.as_millis(),
            topped.as_millis()
        )
    })
}

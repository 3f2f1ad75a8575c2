//! RFC 1939 sections 4 to 8: mail that arrives while and after a session is there. It is delivered by the user's hook, to
//! disposable accounts in which no other mail than poplab's was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use mail::{Marker, Role};
use tokio::time::{Instant, sleep};

use super::maildrop::{Held, Maildrop};
use crate::accounts::Account;
use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::lab::{Lab, ON_ITS_WAY};
use crate::outcome::{Outcome, Stop, assume, fail, inconclusive, require, skipped, warn};
use crate::reply::quote;
use crate::session::Session;

checks! {
    "rfc1939.state.snapshot" => snapshot,
    "rfc1939.state.order-stable" => order_stable,
    "practice.update.delivery-race" => delivery_race,
    "rfc1939.uidl.no-reuse" => no_reuse,
    "practice.lock.delivery" => while_locked [waits],
    "practice.multi.readded" => readded,
}

/// Between two looks at whether mail has arrived.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// How long a session stays while mail is delivered.
const HELD: Duration = Duration::from_secs(4);
/// Messages that are delivered while QUIT removes others.
const IN_THE_RACE: usize = 12;
/// Messages that take the place of removed ones.
const SUCCESSORS_AT_MOST: usize = 8;

/// A disposable account that mail may be delivered to, with at least so many messages, and what is in it. It is filled if
/// it holds fewer.
pub(crate) async fn addressee(lab: &Lab, at_least: usize) -> Result<(Rc<Account>, Maildrop), Stop> {
    let mut session = lab.login(Role::Disposable).await?;
    let account = session.account()?;
    let held = Maildrop::look(&mut session, lab).await?;
    if !held.is_own() {
        return skipped(format!(
            "the maildrop of `{}` holds mail without poplab's marker; nothing is delivered there",
            account.user
        ));
    }
    account.holds_own_mail();
    let _ = session.quit().await;
    let lacking = at_least.saturating_sub(held.messages.len());
    if lacking == 0 {
        return Ok((account, held));
    }
    let mut sent = Vec::new();
    for index in 0..lacking {
        sent.push(lab.deliver_new(&account, 700 + 300 * index).await?);
    }
    let held = once_arrived(lab, &account, &sent).await?;
    let missing = sent.iter().filter(|marker| held.find(marker).is_none()).count();
    assume(missing == 0, || {
        format!(
            "{missing} of {} delivered messages did not arrive within {} s",
            sent.len(),
            ON_ITS_WAY.as_secs()
        )
    })?;
    Ok((account, held))
}

/// Looks in new sessions until all of these are there, for as long as mail may be on its way. What was seen last.
pub(super) async fn once_arrived(
    lab: &Lab,
    account: &Rc<Account>,
    sent: &[Marker],
) -> Result<Maildrop, Stop> {
    let deadline = Instant::now() + ON_ITS_WAY;
    loop {
        let mut session = lab.login_to(account).await?;
        let seen = Maildrop::look(&mut session, lab).await?;
        let _ = session.quit().await;
        let whole = sent.iter().all(|marker| seen.find(marker).is_some());
        if whole || Instant::now() >= deadline {
            return Ok(seen);
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Those of these messages that are not there, by name.
pub(super) fn lacking<'a>(seen: &Maildrop, sent: &'a [Marker]) -> Vec<&'a str> {
    let absent = sent.iter().filter(|marker| seen.find(marker).is_none());
    absent.map(|marker| marker.fixture.as_str()).collect()
}

/// Passes if all of this is there. Whether it is lost or only late is told by one more message, which is delivered while
/// nobody is logged in: it must not overtake them by much.
///
/// # Errors
/// [`Stop::Fail`] naming what is lost; [`Stop::Inconclusive`] if the other message does not arrive either.
async fn require_arrival(
    lab: &Lab,
    account: &Rc<Account>,
    sent: &[Marker],
    what: &str,
) -> Result<Maildrop, Stop> {
    let seen = once_arrived(lab, account, sent).await?;
    if lacking(&seen, sent).is_empty() {
        return Ok(seen);
    }
    let later = [lab.deliver_new(account, 800).await?];
    let seen = once_arrived(lab, account, &later).await?;
    let lost = lacking(&seen, sent);
    if lost.is_empty() {
        return Ok(seen);
    }
    assume(lacking(&seen, &later).is_empty(), || {
        format!("what is delivered does not arrive within {} s here, whenever that is", ON_ITS_WAY.as_secs())
    })?;
    fail(format!(
        "{what}, and of {} messages these are not in the maildrop, though one that was delivered after them is: {}",
        sent.len(),
        lost.join(", ")
    ))
}

/// The lines of LIST as numbers and sizes.
async fn sizes(session: &mut Session) -> Result<BTreeMap<u64, u64>, Stop> {
    Ok(session.assume_ok("LIST").await?.scan_listing()?.into_iter().collect())
}

/// RFC 1939 §4, §8: Mail arriving during a session does not disturb existing numbers, and new messages are
/// normally not visible until the next session.
async fn snapshot(lab: &Lab) -> Outcome {
    let (account, _) = addressee(lab, 2).await?;
    let mut session = lab.login_to(&account).await?;
    // Numbers are those of a session, and between two of them mail may come and go.
    let held = Maildrop::look(&mut session, lab).await?;
    let before = sizes(&mut session).await?;
    let sent = [lab.deliver_new(&account, 900).await?, lab.deliver_new(&account, 650).await?];
    // No command has a server look for new mail.
    session.assume_ok("NOOP").await?;
    let stat = session.assume_ok("STAT").await?;
    let after = sizes(&mut session).await?;
    let last = before.keys().copied().max().unwrap_or_default();
    let disturbed: Vec<String> = before
        .iter()
        .filter(|(number, size)| after.get(*number) != Some(*size))
        .map(|(number, size)| match after.get(number) {
            Some(now) => format!("message {number} had {size} octets and now has {now}"),
            None => format!("message {number} is not listed any more"),
        })
        .collect();
    require(disturbed.is_empty(), || {
        format!("mail was delivered during the session, and then {}", disturbed.join("; "))
    })?;
    for message in &held.messages {
        let number = message.number;
        let reply = session.command(format!("RETR {number}")).await?;
        // A refusal is another matter: what counts is that no other message is behind the number.
        if !reply.is_ok() {
            continue;
        }
        require(Marker::parse(reply.octets()).as_ref() == Some(message.marker()), || {
            format!(
                "mail was delivered during the session, and then RETR {number} gave another message than {}",
                message.told()
            )
        })?;
    }
    let _ = session.quit().await;
    let later = require_arrival(lab, &account, &sent, "it was delivered during a session").await?;
    held.require_unmarked_kept(&later, &[], lab, "mail was delivered during a session that deleted nothing")?;
    let shown: Vec<u64> = after.keys().copied().filter(|number| *number > last).collect();
    if let Some(first) = shown.first() {
        return warn(format!(
            "mail was delivered during the session and is in its LIST as message {first}; RFC 1939 section 8 knows no \
             polling of an open session"
        ));
    }
    let counted = stat.totals().ok().map_or(before.len() as u64, |(count, _)| count);
    if counted > before.len() as u64 {
        return warn(format!(
            "mail was delivered during the session: {}, while LIST has {} messages",
            stat.seen(),
            after.len()
        ));
    }
    Ok(())
}

/// RFC 1939 §4: Across sessions older messages keep their relative order and new mail is appended at the end.
async fn order_stable(lab: &Lab) -> Outcome {
    let (account, before) = addressee(lab, 3).await?;
    let mut sent = Vec::new();
    for octets in [2_000, 600, 1_200] {
        sent.push(lab.deliver_new(&account, octets).await?);
    }
    let after = once_arrived(lab, &account, &sent).await?;
    let absent = lacking(&after, &sent);
    assume(absent.is_empty(), || format!("what was delivered did not arrive: {}", absent.join(", ")))?;
    let pairs = before.pairs(&after);
    if let Some(two) = pairs.windows(2).find(|two| two[0].1.number > two[1].1.number) {
        return fail(format!(
            "{} came before {}, and in a later session they are messages {} and {}",
            two[0].0.told(),
            two[1].0.told(),
            two[0].1.number,
            two[1].1.number
        ));
    }
    let Some(last) = pairs.iter().map(|(_, later)| later.number).max() else {
        return inconclusive("no message of before could be told apart");
    };
    let early = sent.iter().filter_map(|marker| after.find(marker)).find(|held| held.number < last);
    require(early.is_none(), || {
        format!(
            "new mail stands before old: {}, while an older message is number {last}",
            early.map(Held::told).unwrap_or_default()
        )
    })
}

/// RFC 1939 §6: Mail delivered between login and QUIT survives the removal (the mbox rewrite race).
async fn delivery_race(lab: &Lab) -> Outcome {
    addressee(lab, 3).await?;
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let marked: Vec<u64> = before.messages.iter().map(|held| held.number).collect();
    for number in &marked {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    session.settle().await?;
    let mut sent = vec![lab.deliver_new(&account, 700).await?];
    let delivering = async {
        let mut sent = Vec::new();
        for index in 0..IN_THE_RACE {
            sent.push(lab.deliver_new(&account, 600 + 90 * index).await?);
        }
        Ok::<_, Stop>(sent)
    };
    let (more, reply) = tokio::join!(delivering, session.command("QUIT"));
    session.until_closed().await;
    drop(session);
    sent.extend(more?);
    let what = format!("they were delivered while {} others were marked and QUIT removed them", marked.len());
    require_arrival(lab, &account, &sent, &what).await?;
    // A refusal is no verdict on what was delivered, but then nothing was removed meanwhile.
    reply?.assume_ok()?;
    Ok(())
}

/// The unique-ids of a maildrop, by message.
fn unique_ids(maildrop: &Maildrop) -> BTreeSet<Vec<u8>> {
    maildrop.messages.iter().filter_map(|held| held.unique_id.clone()).collect()
}

/// RFC 1939 §7 UIDL: An id is not given to another message later.
///
/// The new messages are as many and as long as the old ones, so that ids made of numbers and sizes come back.
async fn no_reuse(lab: &Lab) -> Outcome {
    addressee(lab, 3).await?;
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let sizes = sizes(&mut session).await?;
    for held in &before.messages {
        session.assume_ok(format!("DELE {}", held.number)).await?;
    }
    session.quit().await?;
    let mut sent = Vec::new();
    for size in sizes.values().take(SUCCESSORS_AT_MOST) {
        sent.push(lab.deliver_new(&account, usize::try_from(*size).unwrap_or(1_000)).await?);
    }
    let after = once_arrived(lab, &account, &sent).await?;
    let lost = lacking(&after, &sent);
    assume(lost.is_empty(), || format!("what was delivered did not arrive: {}", lost.join(", ")))?;
    let left: Vec<String> = before.pairs(&after).iter().map(|(_, still)| still.told()).collect();
    assume(left.is_empty(), || format!("not all old messages were removed: {}", left.join(", ")))?;
    let old = unique_ids(&before);
    assume(!old.is_empty() && !unique_ids(&after).is_empty(), || "UIDL gave no unique-ids".to_owned())?;
    let again: Vec<String> = after
        .messages
        .iter()
        .filter(|held| held.unique_id.as_ref().is_some_and(|id| old.contains(id)))
        .map(Held::told)
        .collect();
    require(again.is_empty(), || {
        format!(
            "{} messages were removed and others delivered, and ids of removed messages came back: {}",
            before.messages.len(),
            again.join("; ")
        )
    })
}

/// Good practice: Incoming mail is not lost or bounced while a POP3 session holds the maildrop.
async fn while_locked(lab: &Lab) -> Outcome {
    let (account, _) = addressee(lab, 1).await?;
    let mut session = lab.login_to(&account).await?;
    session.assume_ok("STAT").await?;
    let message = lab.new_message(1_000)?;
    let holding = async {
        sleep(HELD).await;
        let ended = session.quit().await;
        drop(ended);
    };
    // A delivery agent may wait for the lock, and is right to.
    let (delivered, ()) = tokio::join!(lab.deliver(&account, &message), holding);
    let marker = match delivered {
        Ok(marker) => marker,
        Err(Stop::Inconclusive(why)) => {
            lab.deliver_new(&account, 700).await?;
            return fail(format!(
                "delivery fails while a session holds the maildrop, and not after it: {why}"
            ));
        }
        Err(stop) => return Err(stop),
    };
    let what = format!("it was delivered while a session held the maildrop for {} s", HELD.as_secs());
    require_arrival(lab, &account, &[marker], &what).await?;
    Ok(())
}

/// RFC 1939 §7 UIDL: A message deleted and delivered again (same content) may be told apart or not; it must be
/// downloadable.
async fn readded(lab: &Lab) -> Outcome {
    let (account, _) = addressee(lab, 1).await?;
    let message = lab.new_message(1_500)?;
    let marker = lab.deliver(&account, &message).await?;
    let first = once_arrived(lab, &account, std::slice::from_ref(&marker)).await?;
    assume(first.find(&marker).is_some(), || format!("`{}` did not arrive", marker.fixture))?;
    let mut session = lab.deletable(1).await?;
    let held = Maildrop::before_marks(&mut session, lab).await?;
    let Some(before) = held.find(&marker).cloned() else {
        return inconclusive(format!("`{}` is not there any more", marker.fixture));
    };
    session.assume_ok(format!("DELE {}", before.number)).await?;
    session.quit().await?;
    let gone = Maildrop::look_again(lab, &account).await?;
    assume(gone.find(&marker).is_none(), || format!("{} was not removed", before.told()))?;

    lab.deliver(&account, &message).await?;
    let what = "a message was removed and the same one delivered again";
    require_arrival(lab, &account, std::slice::from_ref(&marker), what).await?;
    let mut session = lab.login_to(&account).await?;
    let again = Maildrop::look(&mut session, lab).await?;
    let Some(now) = again.find(&marker) else { return inconclusive("it is not there any more") };
    let reply = session.command(format!("RETR {}", now.number)).await?.require_ok()?;
    require(Marker::parse(reply.octets()).as_ref() == Some(&marker), || {
        format!("{what}; RETR {} then gave another message", now.number)
    })?;
    match (&before.unique_id, &now.unique_id) {
        (Some(id), Some(same)) if id == same => Err(Stop::Info(format!(
            "{what}, and its unique-id is {} again: a client that remembers it will not fetch it",
            quote(id)
        ))),
        _ => Ok(()),
    }
}

/// Fills a maildrop for a check that removes mail, where that can be done.
pub(super) async fn filled(lab: &Lab, at_least: usize) -> Outcome {
    if lab.can(Hook::Deliver) {
        addressee(lab, at_least).await?;
    }
    Ok(())
}

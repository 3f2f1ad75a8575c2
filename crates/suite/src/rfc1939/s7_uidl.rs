//! RFC 1939 section 7: UIDL.
//!
//! Whether an id persists is judged between sessions that do as little as possible, since a server may save its ids
//! in any of them; that the same messages stand behind the numbers is seen from LIST in sessions of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mail::Role;
use proto::Deviation;

use super::maildrop::{Maildrop, highest, numbers};
use super::s5_list::spread;
use crate::accounts::Account;
use crate::check::checks;
use crate::enduring::take_back;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, info, require};
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc1939.uidl.format" => format,
    "rfc1939.uidl.alphabet" => alphabet,
    "rfc1939.uidl.arg" => arg,
    "rfc1939.uidl.arg-agrees" => arg_agrees,
    "rfc1939.uidl.no-such" => no_such,
    "rfc1939.uidl.excludes-deleted" => excludes_deleted,
    "rfc1939.uidl.complete" => complete,
    "rfc1939.uidl.unique" => unique,
    "rfc1939.uidl.persistent" => persistent,
    "rfc1939.uidl.persistent-no-update" => persistent_no_update,
    "rfc1939.uidl.independent-of-position" => independent_of_position,
    "rfc1939.uidl.independent-of-access" => independent_of_access,
    "rfc1939.uidl.stable-in-session" => stable_in_session,
    "rfc1939.uidl.optional" => optional,
}

/// Groups of messages with one id that are fetched to see whether they are alike.
const GROUPS_FETCHED: usize = 12;

type Ids = Vec<(u64, Vec<u8>)>;

/// RFC 1939 §7 UIDL: Each line is number, one space, unique-id and nothing else.
async fn format(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("UIDL").await?;
    for (place, line) in reply.lines().into_iter().enumerate() {
        let (_, deviations) = proto::listing::unique_id(line);
        if let Some(deviation) = deviations.iter().next() {
            reply.deviates(place);
            return fail(format!("UIDL has the line {}: {deviation}", quote(line)));
        }
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: A unique-id has 1 to 70 characters from 0x21 to 0x7E.
async fn alphabet(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("UIDL").await?;
    let unwanted = [Deviation::UniqueIdEmpty, Deviation::UniqueIdTooLong, Deviation::UniqueIdAlphabet];
    for (place, line) in reply.lines().into_iter().enumerate() {
        let (_, deviations) = proto::listing::unique_id(line);
        if let Some(deviation) = unwanted.into_iter().find(|unwanted| deviations.contains(*unwanted)) {
            reply.deviates(place);
            return fail(format!("UIDL has the line {}: {deviation}", quote(line)));
        }
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: With an argument the reply is one line: +OK, number, unique-id.
async fn arg(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let reply = session.require_ok("UIDL 1").await?;
    let (found, deviations) = proto::listing::unique_id(reply.text());
    if let Some(deviation) = deviations.iter().next() {
        return fail(format!("{}: {deviation}", reply.seen()));
    }
    require(found.is_some_and(|(number, _)| number == 1), || {
        format!("{}; `+OK 1 ` and the unique-id were required", reply.seen())
    })
}

/// RFC 1939 §7 UIDL: UIDL n gives the same id as the listing.
///
/// Also while another message is marked, which must not move the others up.
async fn arg_agrees(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let listed = session.assume_ok("UIDL").await?.unique_ids()?;
    assume(!listed.is_empty(), || "UIDL lists nothing".to_owned())?;
    one_by_one(&mut session, &listed).await?;
    drop(session);
    match beside_a_mark(lab).await {
        // What there is without the permission to mark has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

async fn beside_a_mark(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(3).await?;
    let mut listed = ids(&mut session).await?;
    session.assume_ok("DELE 1").await?;
    listed.retain(|(number, _)| *number != 1);
    let outcome = one_by_one(&mut session, &listed).await;
    session.command("RSET").await?;
    outcome
}

/// `UIDL n` of some of these.
async fn one_by_one(session: &mut Session, listed: &Ids) -> Outcome {
    for (number, id) in spread(listed) {
        let reply = session.require_ok(format!("UIDL {number}")).await?;
        // What else is in it, and another number, are `rfc1939.uidl.arg`'s.
        let Some((of, alone)) = proto::listing::unique_id(reply.text()).0.filter(|(of, _)| of == number)
        else {
            return inconclusive(format!(
                "{}, which does not give message {number} and a unique-id",
                reply.seen()
            ));
        };
        require(alone == id.as_slice(), || {
            format!("UIDL {of} gives {}, the listing has message {number} with {}", quote(alone), quote(id))
        })?;
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: UIDL of a missing or marked message is refused.
async fn no_such(lab: &Lab) -> Outcome {
    let mut session = lab.mail(0).await?;
    let last = highest(&mut session).await?;
    let reply = session.command(format!("UIDL {}", last + 1)).await.judged()?;
    require(reply.is_err(), || format!("the last message is {last}, yet {}", reply.seen()))?;
    drop(session);
    // The other half sends DELE: without permission the check ends as skipped here.
    let mut session = lab.deletable(1).await?;
    session.assume_ok("DELE 1").await?;
    let reply = session.command("UIDL 1").await.judged()?;
    take_back(&mut session).await?;
    require(reply.is_err(), || format!("message 1 was marked as deleted, yet {}", reply.seen()))
}

/// RFC 1939 §7 UIDL: Marked messages are left out of the listing.
async fn excludes_deleted(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(4).await?;
    let before = numbers(&session.assume_ok("UIDL").await?)?;
    let mut marked = Vec::new();
    // Looked at after each: where the first is not left out, no second one is sent.
    for number in [1, 3] {
        session.assume_ok(format!("DELE {number}")).await?;
        marked.push(number);
        let reply = session.command("UIDL").await.judged()?.require_ok()?;
        let listed = numbers(&reply)?;
        if let Some(lost) = before.iter().find(|number| !marked.contains(*number) && !listed.contains(number))
        {
            return fail(format!(
                "messages {marked:?} were marked as deleted, and UIDL lacks message {lost} too"
            ));
        }
        let Some(still) = marked.iter().rev().find(|number| listed.contains(number)) else { continue };
        let is_that = |line: &&[u8]| proto::listing::unique_id(line).0.is_some_and(|(of, _)| of == *still);
        if let Some(place) = reply.lines().iter().position(is_that) {
            reply.deviates(place);
        }
        return fail(format!(
            "message {still} was marked as deleted, yet UIDL lists it ({} lines)",
            reply.lines().len()
        ));
    }
    session.command("RSET").await?;
    Ok(())
}

/// RFC 1939 §7 UIDL: Every unmarked message has exactly one line, with the same numbers as LIST; an empty
/// maildrop gives an empty positive listing.
async fn complete(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    same_numbers(&mut session, "").await?;
    drop(session);
    match complete_beside_mark(lab).await {
        // What there is without the permission to mark has been judged.
        Ok(()) | Err(Stop::Skipped(_)) => {}
        outcome => return outcome,
    }
    // What there is without an empty maildrop has been judged, too.
    if !lab.site().pool.has(Role::Empty) {
        return Ok(());
    }
    let mut session = lab.login(Role::Empty).await?;
    let reply = session.command("UIDL").await.judged()?;
    require(reply.is_ok(), || format!("in an empty maildrop {}", reply.seen()))?;
    assume(reply.lines().is_empty(), || "the maildrop that should be empty holds mail".to_owned())
}

/// Messages behind one that is marked, and before it, have their lines as ever.
async fn complete_beside_mark(lab: &Lab) -> Outcome {
    // As it is opened: where mail was removed before, what is left of a listing that was kept shows now.
    same_numbers(&mut lab.login(Role::Disposable).await?, "in a maildrop where mail may have been removed ")
        .await?;
    let mut session = lab.deletable(3).await?;
    session.assume_ok("DELE 2").await?;
    let outcome = same_numbers(&mut session, "after DELE 2 ").await;
    session.command("RSET").await?;
    outcome?;
    same_numbers(&mut session, "after DELE 2 and RSET ").await
}

/// LIST and UIDL must give the same messages, each once.
async fn same_numbers(session: &mut Session, when: &str) -> Outcome {
    let listed = numbers(&session.assume_ok("LIST").await?)?;
    let reply = session.require_ok("UIDL").await?;
    let identified = numbers(&reply)?;
    if let Some(number) = listed.difference(&identified).next() {
        return fail(format!("{when}LIST has message {number}, UIDL does not"));
    }
    if let Some(number) = identified.difference(&listed).next() {
        return fail(format!("{when}UIDL has message {number}, LIST does not"));
    }
    require(reply.lines().len() == identified.len(), || {
        format!("{when}UIDL has {} lines for {} messages", reply.lines().len(), identified.len())
    })
}

/// RFC 1939 §7 UIDL: Different messages have different unique-ids.
async fn unique(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let mut holders: BTreeMap<Vec<u8>, BTreeSet<u64>> = BTreeMap::new();
    for (number, id) in session.require_ok("UIDL").await?.unique_ids()? {
        holders.entry(id).or_default().insert(number);
    }
    let mut alike = Vec::new();
    for (id, numbers) in holders.iter().filter(|(_, numbers)| numbers.len() > 1).take(GROUPS_FETCHED) {
        let pair: Vec<u64> = numbers.iter().copied().take(2).collect();
        let first = session.assume_ok(format!("RETR {}", pair[0])).await?;
        let second = session.assume_ok(format!("RETR {}", pair[1])).await?;
        // A12: only messages that are alike in every octet may share an id, as hashes do.
        let seen = format!("messages {} and {} have the unique-id {}", pair[0], pair[1], quote(id));
        require(first.octets() == second.octets(), || format!("{seen} and are different messages"))?;
        alike.push(seen);
    }
    if alike.is_empty() {
        Ok(())
    } else {
        // RFC 1939 section 7 speaks of ids that are a hash of the message.
        Err(Stop::Info(format!("{}; they are the same in every octet", alike.join(", "))))
    }
}

/// RFC 1939 §7 UIDL: A message keeps its unique-id in later sessions.
async fn persistent(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let sizes = sizes(lab, &account).await?;
    let mut session = lab.login_to(&account).await?;
    let before = ids(&mut session).await?;
    session.quit().await?;
    let mut session = lab.login_to(&account).await?;
    let after = ids(&mut session).await?;
    require_kept_later(&sizes, &before, &mut session, &after, "a session of UIDL and QUIT").await
}

/// RFC 1939 §7 UIDL: Ids also persist when a session ended without UPDATE.
///
/// Without new mail in the middle, which would need a way to deliver it: seen here are servers that forget their ids
/// when a session breaks, not those that forget only the ids they gave out for the first time in it.
async fn persistent_no_update(lab: &Lab) -> Outcome {
    lab.loss_frees_maildrop()?;
    // Rather where no session has ended yet: what one has saved is saved.
    let role = if lab.site().pool.has_mail(Role::Disposable) { Role::Disposable } else { Role::Fixtures };
    let account = lab.account_like(role, |account| !account.was_opened()).await?;
    let sizes = sizes(lab, &account).await?;
    let mut session = lab.login_to(&account).await?;
    let before = ids(&mut session).await?;
    session.reset();
    let mut session = lab.login_to(&account).await?;
    let after = ids(&mut session).await?;
    assume(!before.is_empty(), || "UIDL lists nothing".to_owned())?;
    require_kept_later(&sizes, &before, &mut session, &after, "a session of UIDL that ended in a reset").await
}

/// RFC 1939 §7 UIDL: Removing other messages does not change an id.
async fn independent_of_position(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("DELE 1").await?;
    session.quit().await?;
    let later = Maildrop::look_again(lab, &account).await?;
    let pairs = before.pairs(&later);
    assume(!pairs.is_empty(), || "none of the earlier messages is left".to_owned())?;
    for (held, now) in pairs {
        if let (Some(old), Some(new)) = (&held.unique_id, &now.unique_id) {
            require(old == new, || {
                format!("{} has the unique-id {} after message 1 was removed", held.told(), quote(new))
            })?;
        }
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: Reading a message does not change its id.
async fn independent_of_access(lab: &Lab) -> Outcome {
    let mut session = lab.mail(2).await?;
    let account = session.account()?;
    let sizes = session.assume_ok("LIST").await?;
    let before = ids(&mut session).await?;
    session.assume_ok("RETR 1").await?;
    if lab.survey().has_top {
        session.assume_ok("TOP 2 0").await?;
    }
    session.quit().await?;
    let mut session = lab.login_to(&account).await?;
    let after = ids(&mut session).await?;
    require_kept_later(&sizes, &before, &mut session, &after, "RETR 1, TOP 2 0 and QUIT").await?;
    drop(session);
    first_access(lab).await
}

/// The same at the very first access, in a maildrop that nobody of this run has been in: other mail has been read before.
/// Only what a look at its head shows to be poplab's is retrieved.
async fn first_access(lab: &Lab) -> Outcome {
    if !lab.survey().has_top || !lab.site().pool.has_mail(Role::Disposable) {
        return Ok(());
    }
    let accounts: Vec<_> =
        lab.site().pool.accounts().filter(|account| account.role == Role::Disposable).collect();
    let unopened: Vec<&str> = accounts
        .iter()
        .filter(|account| !account.was_opened())
        .map(|account| account.user.as_str())
        .collect();
    if unopened.is_empty() {
        return Ok(());
    }
    let mut session =
        lab.login_like(Role::Disposable, |account| unopened.contains(&account.user.as_str())).await?;
    let account = session.account()?;
    if !unopened.contains(&account.user.as_str()) {
        return Ok(());
    }
    let sizes = session.assume_ok("LIST").await?;
    let before = ids(&mut session).await?;
    for (number, _) in &before {
        let head = session.assume_ok(format!("TOP {number} 0")).await?;
        if mail::Marker::parse(head.octets()).is_none() {
            return Ok(());
        }
        session.assume_ok(format!("RETR {number}")).await?;
    }
    session.quit().await?;
    let mut session = lab.login_to(&account).await?;
    let after = ids(&mut session).await?;
    require_kept_later(&sizes, &before, &mut session, &after, "the first RETR of each message and QUIT").await
}

/// RFC 1939 §7 UIDL: Within a session ids do not change, whatever commands are issued.
async fn stable_in_session(lab: &Lab) -> Outcome {
    // Where nothing need be looked at beforehand: what changes at the first reading has changed by then.
    let mut session = lab.mail(2).await?;
    let before = ids(&mut session).await?;
    session.assume_ok("NOOP").await?;
    if lab.survey().has_top {
        session.assume_ok("TOP 2 1").await?;
    }
    if !lab.survey().expire_zero() {
        session.assume_ok("RETR 1").await?;
    }
    let after = session.require_ok("UIDL").await?.unique_ids()?;
    require_kept(&before, &after, "NOOP, TOP 2 1 and RETR 1 in one session")?;
    drop(session);
    let mut session = lab.deletable(3).await?;
    let before = ids(&mut session).await?;
    session.assume_ok("DELE 2").await?;
    let after = session.require_ok("UIDL").await?.unique_ids()?;
    let unmarked: Ids = before.iter().filter(|(number, _)| *number != 2).cloned().collect();
    require_kept(&unmarked, &after, "DELE 2 in one session")?;
    session.assume_ok("RETR 1").await?;
    session.assume_ok("RSET").await?;
    let after = session.require_ok("UIDL").await?.unique_ids()?;
    require_kept(&before, &after, "DELE 2, RETR 1 and RSET in one session")
}

/// RFC 1939 §7: UIDL is optional, though leave-on-server clients depend on it (RFC 1957).
///
/// Where it is announced and does not work, that is the announcement's fault (rfc2449.capa.truthful).
async fn optional(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let reply = session.command("UIDL").await.judged()?;
    if reply.is_ok() {
        return Ok(());
    }
    let announced = if lab.survey().announces("UIDL") { "announced" } else { "not announced" };
    info(format!("{}; UIDL is {announced}", reply.seen()))
}

async fn ids(session: &mut Session) -> Result<Ids, Stop> {
    session.assume_ok("UIDL").await?.unique_ids()
}

/// LIST in a session of its own, which does not see a unique-id.
async fn sizes(lab: &Lab, account: &Rc<Account>) -> Result<Reply, Stop> {
    let mut session = lab.login_to(account).await?;
    session.assume_ok("LIST").await
}

/// The same between two sessions. Where the second numbers the same messages otherwise, every id must be there still.
async fn require_kept_later(
    sizes: &Reply,
    before: &Ids,
    session: &mut Session,
    after: &Ids,
    what: &str,
) -> Outcome {
    // An mbox may note in the header that a message was seen, which makes it larger: who keeps the ids keeps them.
    if require_kept(before, after, what).is_ok() {
        return Ok(());
    }
    let listing = session.assume_ok("LIST").await?;
    // More mail at the end does not matter.
    if listing.octets().starts_with(sizes.octets()) {
        return require_kept(before, after, what);
    }
    assume(sorted_sizes(sizes)? == sorted_sizes(&listing)?, || {
        "LIST has changed between the sessions, so the unique-ids cannot be compared".to_owned()
    })?;
    match before.iter().find(|(_, id)| !after.iter().any(|(_, other)| other == id)) {
        None => Ok(()),
        Some((_, id)) => fail(format!(
            "after {what} the numbers stand for other messages, and {} is not listed any more",
            quote(id)
        )),
    }
}

fn sorted_sizes(listing: &Reply) -> Result<Vec<u64>, Stop> {
    let mut sizes: Vec<u64> = listing.scan_listing()?.into_iter().map(|(_, size)| size).collect();
    sizes.sort_unstable();
    Ok(sizes)
}

/// Every message that was listed must have the id it had. A line that is missing is judged by
/// `rfc1939.uidl.complete`, and by the checks on removal.
fn require_kept(before: &Ids, after: &Ids, what: &str) -> Outcome {
    let now: BTreeMap<u64, &Vec<u8>> = after.iter().map(|(number, id)| (*number, id)).collect();
    let changed: Vec<String> = before
        .iter()
        .filter_map(|(number, id)| now.get(number).filter(|new| **new != id).map(|new| (number, id, new)))
        .map(|(number, id, new)| format!("message {number} had {} and now has {}", quote(id), quote(new)))
        .collect();
    let missing = before.iter().find(|(number, _)| !now.contains_key(number));
    match (changed.first(), missing) {
        (Some(first), _) => {
            fail(format!("{} of {} unique-ids changed after {what}: {first}", changed.len(), before.len()))
        }
        (None, Some((number, _))) => {
            inconclusive(format!("after {what} UIDL has no line for message {number}"))
        }
        (None, None) => Ok(()),
    }
}

//! Practice of mail programs: a copy is left on the server, mail is downloaded and deleted, and several devices use one
//! account, over many sessions.
//!
//! Only mail of poplab's is retrieved or removed: a server that removes what was read must not cost anybody a message.
//! New mail in between needs a way to deliver it, and is not judged here.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use mail::{Marker, Role};

use crate::accounts::Account;
use crate::check::checks;
use crate::deletion::Message;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped};
use crate::refusal::{is_delayed, says_busy};
use crate::reply::{Reply, quote};
use crate::rfc1939::maildrop::{Maildrop, numbers};
use crate::rfc1939::s4_lock::login_once;
use crate::rfc1939::s4_states::announced;
use crate::session::Session;
use crate::site::Security;

checks! {
    "practice.multi.leave" => leave,
    "practice.multi.download-delete" => download_delete,
    "practice.multi.partial-cycle" => partial_cycle,
    "practice.multi.poll-rate" => poll_rate [slow],
    "practice.uidl.two-devices" => two_devices,
    "practice.uidl.any-entrance" => any_entrance [wrong_password],
}

/// Sessions of a mail program that leaves a copy on the server.
const SESSIONS: u32 = 5;
/// Messages that it fetches again in each.
const FETCHED: usize = 3;
/// How often a mail program polls, and how many times it is watched.
const POLLS: (u32, Duration) = (10, Duration::from_mins(1));

/// A message by what it is called, and its body.
type Copies = BTreeMap<Vec<u8>, Vec<u8>>;

/// RFC 1939 §8: Messages left on the server are offered again, with the same id and content, any number of
/// times.
///
/// In each session another message is the first that is fetched, as on devices that were last used at other times.
async fn leave(lab: &Lab) -> Outcome {
    let (account, fetched) = own_mail(lab).await?;
    let mut known: Option<Vec<(u64, Vec<u8>)>> = None;
    let mut copies = Copies::new();
    for time in 1..=SESSIONS {
        let mut session = lab.login_to(&account).await?;
        let now = names(lab, &mut session).await?;
        if let Some(before) = &known {
            same_names(lab, before, &now, time)?;
        }
        let shift = time as usize % fetched.len();
        for number in fetched[shift..].iter().chain(&fetched[..shift]) {
            let Some((_, name)) = now.iter().find(|(listed, _)| listed == number) else { continue };
            let reply = session.command(format!("RETR {number}")).await.judged()?;
            same_copy(&mut copies, *number, name, &reply, time)?;
        }
        known = Some(now);
        session.quit().await?;
    }
    let mut session = lab.login_to(&account).await?;
    let now = names(lab, &mut session).await?;
    same_names(lab, &known.unwrap_or_default(), &now, SESSIONS + 1)
}

/// An account with mail of poplab's that nobody needs fresh, and the numbers of some messages there.
async fn own_mail(lab: &Lab) -> Result<(Rc<Account>, Vec<u64>), Stop> {
    if lab.site().pool.has_sound(Role::Second) {
        let account = lab.account(Role::Second).await?;
        let mut session = lab.login_to(&account).await?;
        let listed: Vec<u64> = numbers(&session.assume_ok("LIST").await?)?.into_iter().collect();
        if !listed.is_empty() {
            return Ok((account, listed.into_iter().take(FETCHED).collect()));
        }
    }
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let ordinary = lab.ordinary(&mut session).await?;
    let fetched: Vec<u64> = ordinary.into_iter().map(|(number, _)| number).take(FETCHED).collect();
    if fetched.is_empty() {
        return skipped(format!(
            "no ordinary message of poplab's is in the maildrop of `{}`; others are not put at risk",
            account.user
        ));
    }
    Ok((account, fetched))
}

/// What the messages of a session are called: unique-ids, or else sizes.
async fn names(lab: &Lab, session: &mut Session) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    if lab.survey().has_uidl {
        return session.assume_ok("UIDL").await?.unique_ids();
    }
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    Ok(listing.into_iter().map(|(number, size)| (number, size.to_string().into_bytes())).collect())
}

/// What was left on the server is offered again, under the name it had.
fn same_names(lab: &Lab, before: &[(u64, Vec<u8>)], now: &[(u64, Vec<u8>)], time: u32) -> Outcome {
    let offered: BTreeSet<&[u8]> = now.iter().map(|(_, name)| name.as_slice()).collect();
    let Some((number, name)) = before.iter().find(|(_, name)| !offered.contains(name.as_slice())) else {
        return Ok(());
    };
    let seen = format!(
        "message {number} ({}) was left on the server; of {} messages {} are offered in session {time}, it not among them",
        quote(name),
        before.len(),
        now.len()
    );
    match lab.survey().capability("EXPIRE").or_else(|| lab.survey().session_capability("EXPIRE")) {
        Some(expire) if expire.parameters.first().is_some_and(|days| days != "NEVER") => {
            inconclusive(format!("{seen}; but the server announces EXPIRE {}", expire.parameters.join(" ")))
        }
        _ => fail(seen),
    }
}

fn same_copy(copies: &mut Copies, number: u64, name: &[u8], reply: &Reply, time: u32) -> Outcome {
    require(reply.is_ok(), || format!("in session {time} {}; the message is listed", reply.seen()))?;
    let body = mail::body(reply.octets()).to_vec();
    let first = copies.entry(name.to_vec()).or_insert_with(|| body.clone());
    require(*first == body, || {
        format!(
            "message {number} ({}) had a body of {} octets when it was first fetched, and in session {time} one of {} that is not the same",
            quote(name),
            first.len(),
            body.len()
        )
    })
}

/// RFC 1939 §1: The plain download-and-delete cycle ends with an empty maildrop and each message received
/// once.
///
/// Uses up a maildrop of disposable mail. It is looked at from two later sessions: a server may answer first and remove
/// later, or forget later what it removed.
async fn download_delete(lab: &Lab) -> Outcome {
    let Some(left) = emptied(lab, lab.deletable(2).await?).await? else { return Ok(()) };
    // Mail may have arrived at the very moment; that it does so each time a maildrop is emptied is no chance.
    let Some(again) = emptied(lab, lab.deletable_beside(&left.account, 2).await?).await? else {
        return inconclusive(format!("{}: other mail has arrived in the meantime", left.seen));
    };
    fail(format!(
        "the maildrop of `{}` was emptied, and then {}; that of `{}` too, and then {}",
        left.account.user, left.seen, again.account.user, again.seen
    ))
}

/// What was in a maildrop that had just been emptied.
struct Left {
    account: Rc<Account>,
    seen: String,
}

/// Goes through the cycle; what is in the maildrop then.
async fn emptied(lab: &Lab, mut session: Session) -> Result<Option<Left>, Stop> {
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let listed = numbers(&session.require_ok("LIST").await?)?;
    let mut received = BTreeSet::new();
    for number in &listed {
        let reply = session.require_ok(format!("RETR {number}")).await?;
        let Some(marker) = own(&reply) else {
            return fail(format!("message {number} did not come as it was when it was looked at"));
        };
        require(received.insert(marker.fixture.clone()), || {
            format!("RETR {number} brought `{}`, which another number had brought already", marker.fixture)
        })?;
        session.require_ok(format!("DELE {number}")).await?;
    }
    require(received.len() == before.messages.len(), || {
        format!("of {} messages {} were received", before.messages.len(), received.len())
    })?;
    session.command("QUIT").await?.require_ok()?;
    session.until_closed().await;
    drop(session);
    for time in ["the next session", "the session after that"] {
        let later = Maildrop::look_again(lab, &account).await?;
        let all: Vec<u64> = listed.iter().copied().collect();
        let what =
            format!("all {} messages were retrieved, marked, and QUIT answered +OK; in {time}", all.len());
        before.require_marked_gone(&later, &all, &what)?;
    }
    let reply = lab.login_to(&account).await?.require_ok("STAT").await?;
    Ok((reply.totals()? != (0, 0)).then(|| Left { account, seen: reply.seen() }))
}

/// The marker of a message that is whole, but for line ends that a server adds.
fn own(reply: &Reply) -> Option<Marker> {
    let octets = reply.octets();
    Message::own(octets, octets.len() as u64, None).ok().map(|message| message.marker)
}

/// Good practice: A cycle cut in the middle loses nothing: the next session offers every message again.
async fn partial_cycle(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let last = before.last();
    session.assume_ok("RETR 1").await?;
    session.assume_ok("DELE 1").await?;
    session.settle().await?;
    // The largest is the last; the network breaks in the middle of it.
    session.send(format!("RETR {last}")).await?;
    session.some_content(1).await?;
    session.reset();
    let what = format!("RETR 1, DELE 1, and a reset in the middle of RETR {last}");
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_whole(&later, &[1], &what)?;
    // Not only listed: the program fetches all of it again, and then the cycle is gone through.
    let mut session = lab.login_to(&account).await?;
    let mut received = BTreeSet::new();
    for number in numbers(&session.assume_ok("LIST").await?)? {
        let reply = session.command(format!("RETR {number}")).await.judged()?;
        let whole = own(&reply);
        require(reply.is_ok() && whole.is_some(), || {
            format!(
                "after {what}, {} ({} octets), which is not the whole message",
                reply.seen(),
                reply.octets().len()
            )
        })?;
        received.extend(whole.map(|marker| marker.fixture));
    }
    require(received.len() >= before.messages.len(), || {
        format!("after {what} {} of {} messages could be fetched", received.len(), before.messages.len())
    })
}

/// Good practice: Two clients of one account see the same ids; what one deletes is missing for the other
/// next time, and everything else keeps its id.
///
/// The first device has not fetched what the second one deletes. By the unique-ids it notes, it must later find every
/// other message, and no other under an id it knows.
async fn two_devices(lab: &Lab) -> Outcome {
    let session = lab.deletable(4).await?;
    let account = session.account()?;
    session.quit().await?;

    let mut first = lab.login_to(&account).await?;
    let before = Maildrop::look(&mut first, lab).await?;
    first.quit().await?;

    let mut second = lab.deletable_in(&account, 4).await?;
    let ids = second.assume_ok("UIDL").await?.unique_ids()?;
    same_ids(&before, &ids, "while another device had listed them before")?;
    let number_now = |number: u64| {
        let held = before.messages.iter().find(|held| held.number == number)?.unique_id.as_ref()?;
        ids.iter().find(|(_, id)| id == held).map(|(now, _)| *now)
    };
    // Neither the first nor the last, where a slip may hit right by chance.
    let (one, other) = (2, before.last() - 1);
    for number in [one, other] {
        let Some(now) = number_now(number) else {
            return inconclusive(format!(
                "message {number} of one session has no unique-id to find it by in another"
            ));
        };
        second.assume_ok(format!("DELE {now}")).await?;
    }
    second.quit().await?;

    let what = format!("another device deleted messages {one} and {other}");
    let mut first = lab.login_to(&account).await?;
    let later = Maildrop::look(&mut first, lab).await?;
    before.require_unmarked_kept(&later, &[one, other], lab, &what)?;
    before.require_marked_gone(&later, &[one, other], &what)?;
    for (held, now) in before.pairs(&later) {
        require(held.unique_id == now.unique_id, || {
            let id = now.unique_id.as_deref().map_or_else(|| "none".to_owned(), quote);
            format!("{what}; {} now has the unique-id {id}", held.told())
        })?;
    }
    let gone: Vec<&[u8]> = before
        .messages
        .iter()
        .filter(|held| [one, other].contains(&held.number))
        .filter_map(|held| held.unique_id.as_deref())
        .collect();
    let again =
        later.messages.iter().find(|held| held.unique_id.as_deref().is_some_and(|id| gone.contains(&id)));
    match again {
        Some(held) => fail(format!("{what}; {} has the unique-id of one of them", held.told())),
        None => Ok(()),
    }
}

/// Another session may number the messages otherwise; what they are called must be the same.
fn same_ids(before: &Maildrop, ids: &[(u64, Vec<u8>)], when: &str) -> Outcome {
    for held in &before.messages {
        let is_listed = ids.iter().any(|(_, id)| Some(id) == held.unique_id.as_ref());
        require(is_listed, || {
            let now = ids.iter().find(|(number, _)| *number == held.number);
            let now = now.map_or_else(|| "none".to_owned(), |(_, id)| quote(id));
            format!("{when}: the unique-id of {} is not listed any more; that number has {now}", held.told())
        })?;
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: Ids do not depend on port, TLS, authentication method or the node behind a load
/// balancer.
///
/// By every way to log in that is announced, and, where a run judges two entrances, between these.
async fn any_entrance(lab: &Lab) -> Outcome {
    let role = if lab.site().pool.has_sound(Role::Second) { Role::Second } else { Role::Fixtures };
    let account = lab.account(role).await?;
    let label = lab.site().label();
    let mut first = account.ids_elsewhere(&label);
    for method in announced(lab) {
        let (mut session, reply) = match lab.login_by(&account, method).await {
            Ok(logged_in) => logged_in,
            // Once one way has refused the password, it is not given by another.
            Err(Stop::Inconclusive(_)) if first.is_some() => break,
            Err(stop) => return Err(stop),
        };
        if !reply.is_ok() {
            continue;
        }
        let ids = by_size(&mut session).await?;
        session.quit().await?;
        let way = format!("by {method} at the entrance {label}");
        let Some((other_way, others)) = &first else {
            first = Some((way, ids));
            continue;
        };
        // Other mail may have come or gone between two entrances.
        if others.len() != ids.len() {
            return inconclusive(format!(
                "{} messages were listed {other_way}, {} {way}",
                others.len(),
                ids.len()
            ));
        }
        if let Some((size, id)) = ids.iter().find(|listed| !others.contains(listed)) {
            let other = others.iter().find(|other| other.0 == *size && !ids.contains(other));
            return fail(format!(
                "a message of {size} octets has the unique-id {} {way}, and {} {other_way}",
                quote(id),
                other.map_or_else(|| "none".to_owned(), |(_, id)| quote(id))
            ));
        }
    }
    let Some((way, ids)) = first else { return inconclusive("no announced way to log in worked") };
    let in_clear = in_clear(lab, &account).await?;
    account.remember_ids(&label, way.clone(), ids.clone());
    let odd = in_clear.iter().flatten().find(|listed| !ids.contains(listed));
    match odd {
        // Other mail may have come or gone.
        Some(_) if in_clear.iter().flatten().count() != ids.len() => {
            inconclusive(format!("other messages were listed without TLS than {way}"))
        }
        Some((size, id)) => {
            let other = ids.iter().find(|(other, _)| other == size);
            fail(format!(
                "a message of {size} octets has the unique-id {} without TLS at the entrance {label}, and {} {way}",
                quote(id),
                other.map_or_else(|| "none".to_owned(), |(_, id)| quote(id))
            ))
        }
        None => Ok(()),
    }
}

/// The unique-ids that a session without TLS sees, where there is TLS, a password may be sent without it, and is taken.
async fn in_clear(lab: &Lab, account: &Account) -> Result<Option<Vec<(u64, Vec<u8>)>>, Stop> {
    if lab.site().entrance.security != Security::Starttls {
        return Ok(None);
    }
    let mut session = match lab.greeted_for_login().await {
        Ok((session, _)) => session,
        Err(Stop::Skipped(_)) => return Ok(None),
        Err(stop) => return Err(stop),
    };
    // By hand: that a password is not taken here says nothing about the password.
    for line in [format!("USER {}", account.user), format!("PASS {}", account.password())] {
        match session.command(line).await {
            Ok(reply) if reply.is_ok() => {}
            Ok(_) | Err(Mishap::Closed { .. }) => return Ok(None),
            Err(mishap) if mishap.is_ours() => return Ok(None),
            Err(mishap) => return Err(mishap.into()),
        }
    }
    Ok(Some(by_size(&mut session).await?))
}

/// Each unique-id with the size of its message: by its number it may be another message in each session, and by its size it
/// is known again, or near enough.
async fn by_size(session: &mut Session) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    let sizes: BTreeMap<u64, u64> = session.assume_ok("LIST").await?.scan_listing()?.into_iter().collect();
    let ids = session.assume_ok("UIDL").await?.unique_ids()?;
    let (listed, named) = (sizes.len(), ids.len());
    assume(listed == named, || format!("LIST has {listed} messages, UIDL {named}"))?;
    Ok(ids.into_iter().filter_map(|(number, id)| Some((*sizes.get(&number)?, id))).collect())
}

/// RFC 2449 §6.5: Polling every minute is served, or LOGIN-DELAY is announced.
async fn poll_rate(lab: &Lab) -> Outcome {
    let delay = lab.survey().announces("LOGIN-DELAY");
    let session = lab.login(Role::Fixtures).await?;
    let account = session.account()?;
    session.quit().await?;
    let (times, pause) = POLLS;
    for time in 1..=times {
        tokio::time::sleep(pause).await;
        let (mut session, reply) = match login_once(lab, &account).await? {
            (session, Ok(reply)) => (session, reply),
            (_, Err(Mishap::TimedOut { command, .. })) => {
                return inconclusive(format!("poll {time}: `{command}` was not answered in time"));
            }
            (_, Err(mishap)) => return Err(mishap.judged()),
        };
        if !reply.is_ok() {
            let seen = format!(
                "poll {time} of {times}, one every {} s, was refused: {}",
                pause.as_secs(),
                reply.quoted()
            );
            assume(!delay, || format!("{seen}; LOGIN-DELAY is announced"))?;
            if is_delayed(&reply) {
                return info(format!("{seen}; LOGIN-DELAY is not announced"));
            }
            assume(!says_busy(&reply), || seen.clone())?;
            return fail(format!("{seen}; LOGIN-DELAY is not announced"));
        }
        session.assume_ok("STAT").await?;
        session.quit().await?;
    }
    Ok(())
}

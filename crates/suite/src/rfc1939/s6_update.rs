//! RFC 1939 section 6: QUIT and the UPDATE state, where mail is lost if a server errs.
//!
//! Every check here on removal compares the whole maildrop before and after ([`Maildrop`]) and names what is gone.
//! Marks are set only in sessions of `lab.deletable`, each of which looks at every message again.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

use super::maildrop::Maildrop;
use super::s4_lock::login_once;
use super::s6_crowd as crowd;
use crate::accounts::Account;
use crate::check::checks;
use crate::deletion::NO_SUCH;
use crate::lab::Lab;
use crate::login;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, warn};
use crate::refusal::speaks_of_lock;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc1939.quit.auth" => quit_auth,
    "rfc1939.quit.auth-no-update" => quit_auth_no_update,
    "rfc1939.quit.trans" => quit_trans,
    "rfc1939.quit.removes-marked" => quit_removes_marked,
    "rfc1939.quit.keeps-unmarked" => quit_keeps_unmarked,
    "rfc1939.quit.reply-after-removal" => quit_reply_after_removal,
    "rfc1939.quit.lock-released" => quit_lock_released,
    "rfc1939.quit.reply-delivered" => quit_reply_delivered,
    "rfc1939.quit.ignores-rest" => quit_ignores_rest,
    "rfc1939.quit.needs-crlf" => quit_needs_crlf,
    "rfc1939.update.no-quit-fin" => no_quit_fin,
    "rfc1939.update.no-quit-rst" => no_quit_rst,
    "rfc1939.update.no-quit-halfclose" => no_quit_halfclose,
    "rfc1939.update.no-quit-tls" => no_quit_tls,
    "rfc1939.update.no-quit-midretr" => no_quit_midretr,
    "rfc1939.update.quit-then-reset" => quit_then_reset,
    "practice.update.marks-pipelined" => marks_pipelined,
}

/// Repetitions are fewer on servers that other people use too.
const REPETITIONS_ELSEWHERE: u32 = 25;
/// A slow server is not asked more often than this, unless that takes less time than the other.
const REPETITIONS_AT_LEAST: u32 = 5;
/// No more time than this is spent on repetitions.
const REPEATED_AT_MOST: Duration = Duration::from_secs(15);
/// More than the socket buffers of both sides together, so that a server is stuck in the middle of sending it.
const MORE_THAN_BUFFERS: u64 = 12 * 1024 * 1024;

/// RFC 1939 §4 QUIT: QUIT before login is answered +OK and the session ends.
async fn quit_auth(lab: &Lab) -> Outcome {
    // In cleartext also where logins go through STLS: leaving needs no protection.
    let mut session = lab.connect_clear().await?;
    session.require_ok("QUIT").await?;
    require_closed(&mut session).await
}

/// RFC 1939 §6 QUIT: QUIT in TRANSACTION is answered and the server closes the connection.
async fn quit_trans(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    session.require_ok("QUIT").await?;
    require_closed(&mut session).await
}

async fn require_closed(session: &mut Session) -> Outcome {
    let closing = session.until_closed().await;
    require(closing.how.is_some(), || {
        format!(
            "the connection was still open {} s after the reply to QUIT",
            session.patience().answer.as_secs()
        )
    })
}

/// A session with message 1 marked, the maildrop before, and whose it is.
pub(super) struct Marked {
    pub(super) session: Session,
    pub(super) before: Maildrop,
    pub(super) account: Rc<Account>,
}

impl Marked {
    /// In a disposable maildrop.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`], and if message 1 cannot be marked.
    pub(super) async fn first(lab: &Lab) -> Result<Self, Stop> {
        let mut session = lab.deletable(1).await?;
        let account = session.account()?;
        let before = Maildrop::before_marks(&mut session, lab).await?;
        session.assume_ok("DELE 1").await?;
        // What ends the session now must not remove anything, but it might.
        session.settle().await?;
        Ok(Self { session, before, account })
    }
}

/// Whatever ended the session, it was not QUIT: all mail must be there in the next one, and in the one after that, though
/// the next one ends with QUIT: a server that keeps marks would carry them out then.
async fn nothing_removed(lab: &Lab, before: &Maildrop, account: &Rc<Account>, what: &str) -> Outcome {
    let later = Maildrop::look_again(lab, account).await?;
    before.require_whole(&later, &[1], what)?;
    let mut next = lab.login_to(account).await?;
    next.assume_ok("STAT").await?;
    match next.quit().await {
        // Where QUIT leaves the lock behind, it is not said yet.
        Err(_) if lab.survey().quit_keeps_lock => return Ok(()),
        ended => ended?,
    };
    let later = Maildrop::look_again(lab, account).await?;
    before.require_whole(
        &later,
        &[1],
        &format!("{what}; the next session marked nothing and ended with QUIT"),
    )
}

/// RFC 1939 §6: QUIT from AUTHORIZATION never removes mail, not even marks left by an earlier broken session.
async fn quit_auth_no_update(lab: &Lab) -> Outcome {
    let Marked { session, before, account } = Marked::first(lab).await?;
    session.reset();
    let mut session = lab.connect_clear().await?;
    let reply = session.command("QUIT").await?;
    session.until_closed().await;
    drop(session);
    nothing_removed(lab, &before, &account, "DELE 1, a reset, then QUIT on a new connection without login")
        .await?;
    reply.assume_ok()?;
    // Who has said a name is nobody yet.
    let Marked { session, before, account } = Marked::first(lab).await?;
    session.reset();
    let mut session = lab.connect_for_login().await?;
    session.command(format!("USER {}", account.user)).await?;
    session.command("QUIT").await?;
    session.until_closed().await;
    drop(session);
    nothing_removed(lab, &before, &account, "DELE 1, a reset, then USER and QUIT on a new connection").await
}

/// RFC 1939 §6 QUIT: On QUIT all marked messages are removed.
async fn quit_removes_marked(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(4).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    // Two in a row and the ends, not in order: who removes by places that move removes others.
    let last = before.last();
    let marked = [last, 1, 2];
    for number in marked {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    // Where a second session is let in, it reads what is to go: a store may know the message under another name then.
    touched(lab, &account, last).await?;
    session.quit().await?;
    let what = format!("DELE {last}, DELE 1, DELE 2 and QUIT were answered +OK");
    // What was removed stays so.
    for _ in 0..2 {
        let later = Maildrop::look_again(lab, &account).await?;
        before.require_unmarked_kept(&later, &marked, lab, &what)?;
        before.require_marked_gone(&later, &marked, &what)?;
    }
    crowd::removes_what_was_not_retrieved(lab, &account).await?;
    match crowd::removes_marked(lab).await {
        // What there is without so much mail has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Another session reads a message, if it is let in meanwhile.
async fn touched(lab: &Lab, account: &Rc<Account>, number: u64) -> Outcome {
    let (mut other, reply) = login_once(lab, account).await?;
    if !reply.is_ok_and(|reply| reply.is_ok()) || lab.survey().expire_zero() {
        return Ok(());
    }
    other.command(format!("RETR {number}")).await?;
    other.close().await;
    Ok(())
}

/// RFC 1939 §6 QUIT: On QUIT no unmarked message is ever removed.
async fn quit_keeps_unmarked(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(6).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let marked = [4, 2, before.last()];
    for number in marked {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    // Whatever comes of QUIT, other mail must not be removed.
    let reply = session.command("QUIT").await;
    session.until_closed().await;
    drop(session);
    let later = Maildrop::look_again(lab, &account).await?;
    let what = format!("DELE 4, DELE 2, DELE {}, QUIT", marked[2]);
    before.require_unmarked_kept(&later, &marked, lab, &what)?;
    reply?.assume_ok()?;
    match crowd::keeps_unmarked(lab).await {
        // What there is without so much mail has been judged.
        Err(Stop::Skipped(_)) => Ok(()),
        outcome => outcome,
    }
}

/// RFC 1939 §6 QUIT: The reply to QUIT states the result of the removal, so the removal comes first.
async fn quit_reply_after_removal(lab: &Lab) -> Outcome {
    let Marked { session, before, account } = Marked::first(lab).await?;
    // After -ERR the message may stay; this next login waits for the end of the connection, not for the reply.
    let closing = session.quit().await?;
    assume(closing.how.is_some(), || "the connection stayed open after the reply to QUIT".to_owned())?;
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_marked_gone(&later, &[1], "DELE 1 and QUIT were answered +OK and the connection ended")?;
    // And this one for nothing but the reply: its connection is there already.
    for _ in 0..RACES {
        let Marked { mut session, before, account } = Marked::first(lab).await?;
        let (mut next, greeting) = lab.opened_for_login().await?;
        session.assume_ok("QUIT").await?;
        let timestamp = sasl::apop::timestamp(&greeting.line);
        let Some(method) = lab.survey().method else { return inconclusive("no way to log in is known") };
        let reply = login::attempt(&mut next, method, &account, timestamp, &lab.nonce()).await?;
        if reply.is_ok() {
            next.belongs_to(Rc::clone(&account));
            let later = Maildrop::look(&mut next, lab).await?;
            before.require_marked_gone(
                &later,
                &[1],
                "DELE 1 and QUIT were answered +OK, and the next login came at once",
            )?;
        }
        session.until_closed().await;
    }
    Ok(())
}

/// How often a login races with the end of a session.
const RACES: u32 = 2;

/// RFC 1939 §6 QUIT: The maildrop lock is released before the connection closes.
async fn quit_lock_released(lab: &Lab) -> Outcome {
    released_by_removal(lab).await?;
    // The first login may have to wait for what came before this check; the others for nothing.
    let session = lab.login(Role::Fixtures).await?;
    let account = session.account()?;
    leave(session).await?;
    let (logins, began) = (repetitions(lab, 50), Instant::now());
    for login in 2..=logins {
        if is_enough(login, began) {
            break;
        }
        let (session, reply) = login_once(lab, &account).await?;
        let reply = reply?;
        if reply.is_ok() {
            leave(session).await?;
            continue;
        }
        return refused_at_once(
            lab,
            &reply,
            &format!("login {login} of {logins}, right after the end of the session before,"),
        );
    }
    Ok(())
}

/// A login right after a session was refused: for a lock, or for another reason.
fn refused_at_once(lab: &Lab, reply: &Reply, which: &str) -> Outcome {
    let seen = format!("{which} was refused: {}", reply.quoted());
    let survey = lab.survey();
    let delay = survey.session_capability("LOGIN-DELAY").or_else(|| survey.capability("LOGIN-DELAY"));
    let seconds = delay.and_then(|delay| delay.parameters.first()).filter(|seconds| seconds.as_str() != "0");
    match seconds {
        // In words of its own a server may mean that.
        Some(seconds) if reply.code().is_none() => {
            inconclusive(format!("{seen}; the server announces LOGIN-DELAY {seconds}"))
        }
        _ if speaks_of_lock(reply) => fail(seen),
        _ => inconclusive(seen),
    }
}

/// The same behind a QUIT that removes something.
async fn released_by_removal(lab: &Lab) -> Outcome {
    let Marked { session, account, .. } = match Marked::first(lab).await {
        Ok(marked) => marked,
        // What there is without the permission to mark is judged all the same.
        Err(Stop::Skipped(_)) => return Ok(()),
        Err(stop) => return Err(stop),
    };
    leave(session).await?;
    let (_, reply) = login_once(lab, &account).await?;
    let reply = reply?;
    if reply.is_ok() {
        return Ok(());
    }
    refused_at_once(lab, &reply, "a login right after DELE 1 and QUIT")
}

async fn leave(session: Session) -> Outcome {
    let closing = session.quit().await?;
    assume(closing.how.is_some(), || "the connection stayed open after the reply to QUIT".to_owned())
}

/// RFC 1939 §3, §6: The reply to QUIT reaches the client before the close (no reset that destroys it).
async fn quit_reply_delivered(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let pipelining = lab.survey().announces("PIPELINING");
    let (times, began) = (repetitions(lab, 100), Instant::now());
    for time in 1..=times {
        if is_enough(time, began) {
            break;
        }
        let mut session = lab.login_to(&account).await?;
        let listed = if pipelining {
            session.batch(b"LIST\r\nQUIT\r\n").await?;
            session.reply().await
        } else {
            session.command("LIST").await
        };
        match listed {
            Ok(_) => {}
            // LIST alone has worked here before, so it is the close that cut it short, and QUIT's reply with it.
            Err(Mishap::Closed { how, .. }) if pipelining && time > 1 => {
                return fail(format!(
                    "LIST and QUIT in one write, try {time} of {times}: the connection ended ({how}) before the replies"
                ));
            }
            Err(mishap) => return Err(mishap.into()),
        }
        let reply = if pipelining { session.reply().await } else { session.command("QUIT").await };
        if let Err(mishap) = reply {
            return Err(match mishap.judged() {
                Stop::Fail(seen) => Stop::Fail(format!("try {time} of {times}: {seen}")),
                other => other,
            });
        }
        let closing = session.until_closed().await;
        assume(closing.how.is_some(), || {
            "the connection stayed open after the reply to QUIT, which no close can have cut short".to_owned()
        })?;
    }
    Ok(())
}

/// Whether what has been repeated says enough, since the server takes its time for each.
fn is_enough(times: u32, began: Instant) -> bool {
    times > REPETITIONS_AT_LEAST && began.elapsed() > REPEATED_AT_MOST
}

fn repetitions(lab: &Lab, at_home: u32) -> u32 {
    if lab.site().permissions.loopback { at_home } else { at_home.min(REPETITIONS_ELSEWHERE) }
}

/// RFC 1939 §6: Commands after QUIT on the same connection are not executed.
async fn quit_ignores_rest(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.batch(b"QUIT\r\nDELE 1\r\nQUIT\r\n").await?;
    // A close with commands unread may destroy the reply; that is judged by rfc1939.quit.reply-delivered.
    let reply = session.reply().await;
    let closing = session.until_closed().await;
    drop(session);
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_whole(&later, &[], "QUIT, DELE 1 and QUIT were sent in one write")?;
    require(closing.extra.is_empty(), || {
        format!("commands behind QUIT in one write were answered: {}", quote(&closing.extra))
    })?;
    match reply {
        Ok(_) | Err(Mishap::Closed { .. }) => Ok(()),
        Err(mishap) => Err(mishap.into()),
    }
}

/// RFC 1939 §6: If the client sends QUIT and disappears before reading the reply, removal is legitimate:
/// the QUIT was issued.
async fn quit_then_reset(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(4).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let marked = [2, before.last() - 1];
    for number in marked {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    session.send("QUIT").await?;
    session.reset();
    let what = format!("DELE {} and {}, QUIT, and a reset before its reply", marked[0], marked[1]);
    // The server may still be at it: no lock keeps others from looking, where there is none.
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_unmarked_kept(&later, &marked, lab, &what)?;
    let again = Maildrop::look_again(lab, &account).await?;
    before.require_unmarked_kept(&again, &marked, lab, &what)
}

/// RFC 1939 §6: Marks from pipelined DELEs are all honoured by a QUIT in the same batch.
///
/// QUIT follows when the marks have been looked at: in one batch with them poplab sends none, whatever the server is.
async fn marks_pipelined(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(5).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let marked = [2, 3, before.last()];
    let batch: Vec<u8> = marked.iter().flat_map(|number| format!("DELE {number}\r\n").into_bytes()).collect();
    session.batch(&batch).await?;
    for number in marked {
        let reply = session.reply().await.judged()?;
        require(reply.is_ok(), || format!("three DELE in one write; DELE {number}: {}", reply.seen()))?;
    }
    session.quit().await?;
    let later = Maildrop::look_again(lab, &account).await?;
    let what = format!(
        "DELE {}, {} and {} in one write and QUIT were answered +OK",
        marked[0], marked[1], marked[2]
    );
    before.require_unmarked_kept(&later, &marked, lab, &what)?;
    before.require_marked_gone(&later, &marked, &what)
}

/// RFC 1939 §3, §6: A QUIT that is cut off before its CRLF is not a QUIT: the session did not enter UPDATE.
async fn quit_needs_crlf(lab: &Lab) -> Outcome {
    for cut in ["QUIT", "QUI"] {
        let Marked { mut session, before, account } = Marked::first(lab).await?;
        session.fragment(cut.as_bytes()).await?;
        // Our FIN; reading on until the server's tells us that it has seen the end of our octets.
        session.shutdown_write().await;
        session.until_closed().await;
        drop(session);
        let what = format!("DELE 1, then `{cut}` without CRLF and a FIN");
        nothing_removed(lab, &before, &account, &what).await?;
    }
    Ok(())
}

/// RFC 1939 §6: A session that ends without QUIT removes nothing: orderly close.
async fn no_quit_fin(lab: &Lab) -> Outcome {
    let Marked { session, before, account } = Marked::first(lab).await?;
    session.close().await;
    nothing_removed(lab, &before, &account, "DELE 1, then the connection was closed without QUIT").await?;
    right_behind_dele(lab).await?;
    behind_refusals(lab).await
}

/// The same where DELE was the last thing that was said.
async fn right_behind_dele(lab: &Lab) -> Outcome {
    let Marked { mut session, before, account } = Marked::first(lab).await?;
    // That it marks the message that was looked at has just been seen.
    session.assume_ok("RSET").await?;
    session.assume_ok("DELE 1").await?;
    session.close().await;
    let what = "DELE 1, and right behind its reply the connection was closed without QUIT";
    nothing_removed(lab, &before, &account, what).await
}

/// The same where the server had enough of what it had to refuse.
async fn behind_refusals(lab: &Lab) -> Outcome {
    let Marked { mut session, before, account } = Marked::first(lab).await?;
    let mut refused = 0;
    while refused < REFUSALS {
        match session.command(format!("LIST {NO_SUCH}")).await {
            Ok(reply) if reply.is_err() => refused += 1,
            Ok(_) | Err(Mishap::Closed { .. }) => break,
            Err(mishap) => return Err(mishap.into()),
        }
    }
    session.close().await;
    let what = format!("DELE 1, {refused} commands that were refused, and an end without QUIT");
    nothing_removed(lab, &before, &account, &what).await
}

/// So many refusals end a session at most servers that end one for that.
const REFUSALS: u32 = 25;

/// RFC 1939 §6: The same after a connection reset.
async fn no_quit_rst(lab: &Lab) -> Outcome {
    let Marked { session, before, account } = Marked::first(lab).await?;
    session.reset();
    nothing_removed(lab, &before, &account, "DELE 1, then the connection was reset").await
}

/// RFC 1939 §6: The same when the client only shuts down its sending side.
async fn no_quit_halfclose(lab: &Lab) -> Outcome {
    let Marked { mut session, before, account } = Marked::first(lab).await?;
    session.shutdown_write().await;
    let closing = session.until_closed().await;
    let waited = session.patience().answer.as_secs();
    drop(session);
    nothing_removed(lab, &before, &account, "DELE 1, then the client shut down its sending side").await?;
    if closing.how.is_none() {
        // For ever is more than can be waited for.
        return warn(format!(
            "the server had not closed {waited} s after the client shut down its sending side"
        ));
    }
    Ok(())
}

/// RFC 1939 §6: The same when a TLS session ends with close\_notify, or with a bare TCP close.
async fn no_quit_tls(lab: &Lab) -> Outcome {
    let Marked { session, before, account } = Marked::first(lab).await?;
    session.close().await;
    nothing_removed(lab, &before, &account, "DELE 1, then TLS was ended by close_notify").await?;

    let Marked { session, before, account } = Marked::first(lab).await?;
    session.abandon();
    nothing_removed(lab, &before, &account, "DELE 1, then TCP was closed under TLS without close_notify")
        .await
}

/// RFC 1939 §6, §8: The same when the connection breaks in the middle of a RETR, also on sites with a
/// download-and-delete policy.
///
/// No disposable message is as large as the socket buffers, so the largest is asked for again and again in one
/// write: the server is in the middle of one of these replies when the connection breaks.
async fn no_quit_midretr(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    let Some((number, size)) =
        sizes.into_iter().filter(|(number, _)| *number != 1).max_by_key(|(_, size)| *size)
    else {
        return inconclusive("LIST gives no second message");
    };
    session.assume_ok("DELE 1").await?;
    let times = usize::try_from((MORE_THAN_BUFFERS / size.max(1)).clamp(1, 5_000)).unwrap_or(1);
    session.batch(format!("RETR {number}\r\n").repeat(times).as_bytes()).await?;
    let read = session.some_content(10_000).await?.len();
    session.reset();
    let what = format!("DELE 1, then a reset after {read} octets of what {times} × RETR {number} would send");
    nothing_removed(lab, &before, &account, &what).await
}

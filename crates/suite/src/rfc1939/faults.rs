//! RFC 1939 sections 4 to 6 where the store does not work: the user's hooks take it away and put it back.
//!
//! Whether the fault was one to the server is seen by what became of the mail: a server that could do everything all the
//! same is not judged.

use std::rc::Rc;

use mail::Role;
use net::Ending;
use tokio::time::{Instant, sleep};

use super::deliveries::filled;
use super::maildrop::Maildrop;
use super::s4_lock::{BETWEEN_LOGINS, RELEASED_WITHIN};
use crate::accounts::Account;
use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::deletion::Message;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped, warn};
use crate::refusal::speaks_of_lock;
use crate::reply::Reply;

checks! {
    "rfc1939.retr.err-any-reason" => unreadable_message [alone],
    "rfc1939.quit.failure-is-err" => failure_is_err [alone],
    "rfc1939.quit.partial" => partial [alone],
    "rfc1939.quit.closes-after-err" => closes_after_err [alone],
    "rfc1939.lock.released-on-refusal" => released_on_refusal [alone],
}

/// RFC 1939 §5 RETR: If the message cannot be read the server answers -ERR instead of starting a positive reply.
async fn unreadable_message(lab: &Lab) -> Outcome {
    filled(lab, 3).await?;
    let account = lab.account(Role::Disposable).await?;
    // Looked at in a session of its own: what was read once may be in memory still.
    let before = Maildrop::look_again(lab, &account).await?;
    let mut session = lab.login_to(&account).await?;
    session.assume_ok("STAT").await?;
    lab.take_store(&account, Hook::Unreadable).await?;
    let mut replies = Vec::new();
    for held in &before.messages {
        let reply = session.command(format!("RETR {}", held.number)).await;
        let over = reply.is_err();
        replies.push((held, reply));
        if over {
            break;
        }
    }
    lab.mend_store(&account).await?;
    drop(session);
    let mut refused = 0;
    for (held, reply) in replies {
        match reply {
            Ok(reply) if reply.is_ok() => match Message::own(reply.octets(), 0, None) {
                Ok(whole) if whole.marker == *held.marker() => {}
                _ => {
                    return fail(format!(
                        "the store was made unreadable, and `RETR {}` was answered {} with {} octets and the end of a \
                         message: a client takes that for the mail and deletes it",
                        held.number,
                        reply.quoted(),
                        reply.octets().len()
                    ));
                }
            },
            Ok(_) => refused += 1,
            // No client takes what has no end for a message.
            Err(mishap @ Mishap::Closed { .. }) if refused == 0 => {
                return inconclusive(format!("the store was made unreadable, and {mishap}"));
            }
            Err(Mishap::Closed { .. }) => {}
            Err(mishap) => return Err(mishap.into()),
        }
    }
    assume(refused > 0, || "the hook `fault.unreadable` did not keep the server from its mail".to_owned())
}

/// A session that ended with QUIT while what was marked could not be removed.
struct FailedQuit {
    account: Rc<Account>,
    before: Maildrop,
    marked: Vec<u64>,
    reply: Result<Reply, Mishap>,
    closed: Option<Ending>,
}

impl FailedQuit {
    async fn happen(lab: &Lab) -> Result<Self, Stop> {
        filled(lab, 4).await?;
        let mut session = lab.deletable(3).await?;
        let account = session.account()?;
        let before = Maildrop::before_marks(&mut session, lab).await?;
        let marked = vec![1, before.last()];
        for number in &marked {
            session.assume_ok(format!("DELE {number}")).await?;
        }
        session.settle().await?;
        lab.take_store(&account, Hook::ReadOnly).await?;
        let reply = session.command("QUIT").await;
        let closed = match &reply {
            Ok(_) => session.until_closed().await.how,
            Err(_) => None,
        };
        drop(session);
        lab.mend_store(&account).await?;
        Ok(Self { account, before, marked, reply, closed })
    }

    /// The maildrop afterwards, and whether anything that was marked is in it still.
    async fn look(&self, lab: &Lab) -> Result<(Maildrop, bool), Stop> {
        let later = Maildrop::look_again(lab, &self.account).await?;
        let gone = self.before.missing(&later, &self.marked).marked.len();
        Ok((later, gone < self.marked.len()))
    }

    fn told(&self) -> String {
        let said = match &self.reply {
            Ok(reply) => reply.seen(),
            Err(mishap) => mishap.to_string(),
        };
        format!("{} messages were marked, the mailbox was made read-only, and {said}", self.marked.len())
    }
}

/// Without a failure there is nothing to judge. A server may note what is to be removed where it can still write.
fn needs_a_failure(failed: bool) -> Outcome {
    if failed {
        return Ok(());
    }
    skipped(
        "the mailbox was made read-only by `fault.read_only`, and what was marked was removed all the same",
    )
}

/// RFC 1939 §6 QUIT: If marked messages could not be removed, QUIT answers -ERR.
async fn failure_is_err(lab: &Lab) -> Outcome {
    let quit = FailedQuit::happen(lab).await?;
    let (_, failed) = quit.look(lab).await?;
    needs_a_failure(failed)?;
    match &quit.reply {
        Ok(reply) => require(reply.is_err(), || format!("{}; what was marked is still there", quit.told())),
        Err(Mishap::Closed { .. }) => warn(quit.told()),
        Err(mishap) => Err(mishap.clone().into()),
    }
}

/// RFC 1939 §6 QUIT: After a failed removal some, none or all marked messages may be gone.
async fn partial(lab: &Lab) -> Outcome {
    let quit = FailedQuit::happen(lab).await?;
    let (later, failed) = quit.look(lab).await?;
    quit.before.require_unmarked_kept(&later, &quit.marked, lab, &quit.told())?;
    needs_a_failure(failed)
}

/// RFC 1939 §6 QUIT: Also after a failed removal the server gives up the lock and closes the connection.
async fn closes_after_err(lab: &Lab) -> Outcome {
    let quit = FailedQuit::happen(lab).await?;
    let (session, login) = lab.login_once(&quit.account).await?;
    drop(session);
    let reply = quit.reply.as_ref().map_err(Mishap::clone)?;
    require(quit.closed.is_some(), || {
        let waited = lab.site().patience.answer.as_secs();
        format!("{}, and the connection was still open {waited} s later", quit.told())
    })?;
    let login = login?;
    if login.is_ok() && reply.is_err() {
        return Ok(());
    }
    if login.is_ok() {
        // What it said of the removal is judged elsewhere; here it counts that nothing was removed.
        let (_, failed) = quit.look(lab).await?;
        return needs_a_failure(failed);
    }
    let seen =
        format!("{}; the connection ended, and the next login was refused: {}", quit.told(), login.quoted());
    if speaks_of_lock(&login) { fail(seen) } else { inconclusive(seen) }
}

/// RFC 1939 §4: If the server took the lock but then refuses the login, it releases the lock first.
///
/// The refused connection stays open, so that its end releases nothing.
async fn released_on_refusal(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    refused_for_the_lock(lab, &account).await?;
    lab.login_to(&account).await?.quit().await?;
    lab.take_store(&account, Hook::Unreadable).await?;
    let (refused, reply) = lab.login_once(&account).await?;
    lab.mend_store(&account).await?;
    let reply = reply?;
    if reply.is_ok() {
        return skipped(format!(
            "the store was made unreadable, and a login was answered {} all the same: the maildrop is opened later",
            reply.quoted()
        ));
    }
    let (again, second) = lab.login_once(&account).await?;
    let second = second?;
    drop((refused, again));
    if second.is_ok() {
        return Ok(());
    }
    let seen = format!(
        "the store was made unreadable, a login was answered {}, the store was put back, and the next login was answered {}",
        reply.quoted(),
        second.quoted()
    );
    if speaks_of_lock(&second) { fail(seen) } else { inconclusive(seen) }
}

/// Who was refused since somebody else was there holds nothing when that one has left.
async fn refused_for_the_lock(lab: &Lab, account: &Rc<Account>) -> Outcome {
    let first = lab.login_to(account).await?;
    let (refused, reply) = lab.login_once(account).await?;
    let reply = reply?;
    if !speaks_of_lock(&reply) {
        return Ok(());
    }
    first.quit().await?;
    let began = Instant::now();
    // What the session before left locked is free after a while, with the other connection still there.
    let last = loop {
        let (session, last) = lab.login_once(account).await?;
        let last = last?;
        if last.is_ok() {
            session.quit().await?;
            return Ok(());
        }
        if !speaks_of_lock(&last) || began.elapsed() >= RELEASED_WITHIN {
            break last;
        }
        drop(session);
        sleep(BETWEEN_LOGINS).await;
    };
    let seen = format!(
        "a login was refused while another session was open ({}); that one ended with QUIT, and {} s later a third login was \
         answered {}, while the connection of the second was still there",
        reply.quoted(),
        began.elapsed().as_secs(),
        last.quoted()
    );
    assume(speaks_of_lock(&last), || seen.clone())?;
    // If it is that connection that holds the lock, the lock goes with it.
    refused.close().await;
    match lab.login_to(account).await {
        Ok(_) => fail(seen),
        Err(stop) => inconclusive(format!("{seen}; when it had ended, {}", stop.told())),
    }
}

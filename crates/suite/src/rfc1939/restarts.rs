//! RFC 1939 sections 6 and 7 over restarts of the server: what was removed stays removed, what was not is there, and ids are
//! the same. The user's hooks restart it, kill it, and bring a mailbox back from its backup.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::sleep;

use super::deliveries::{addressee, filled};
use super::maildrop::{Held, Maildrop};
use super::s6_update::Marked;
use crate::accounts::Account;
use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::deletion::Message;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, assume, fail, require, warn};
use crate::refusal::speaks_of_lock;
use crate::reply::quote;

checks! {
    "rfc1939.update.no-quit-restart" => no_quit_restart [alone] [waits],
    "rfc1939.quit.durable" => durable [alone] [waits],
    "practice.update.crash" => crash [alone] [waits],
    "practice.uidl.restart" => same_ids_after_restart [alone] [waits],
    "practice.multi.restore" => restored,
}

/// How long QUIT is on its way when the server is killed; the hook itself takes some time, too.
const INTO_UPDATE: [Duration; 3] = [Duration::ZERO, Duration::from_millis(8), Duration::from_millis(40)];
/// Messages of which half are being removed then.
const AT_A_CRASH: usize = 16;

/// A way to end the server and have it back.
#[derive(Clone, Copy)]
enum Way {
    Restart,
    Kill,
}

impl Way {
    /// Those that the user has given hooks for; a restart at least.
    fn all(lab: &Lab) -> Vec<Self> {
        if lab.can(Hook::Kill) { vec![Self::Restart, Self::Kill] } else { vec![Self::Restart] }
    }

    async fn take(self, lab: &Lab) -> Outcome {
        if matches!(self, Self::Kill) {
            lab.kill().await?;
        }
        lab.restart().await
    }

    fn told(self) -> &'static str {
        match self {
            Self::Restart => "the server was restarted",
            Self::Kill => "the server was killed and started again",
        }
    }
}

/// What is in a maildrop once the server is back.
async fn afterwards(lab: &Lab, account: &Rc<Account>, what: &str) -> Result<Maildrop, Stop> {
    let stop = match Maildrop::look_again(lab, account).await {
        Err(stop @ Stop::Inconclusive(_)) => stop,
        seen => return seen,
    };
    let (_, reply) = lab.login_once(account).await?;
    match reply {
        Ok(reply) if reply.is_err() && speaks_of_lock(&reply) => warn(format!(
            "{what}, and {} s later the maildrop is locked still: {}",
            lab.site().patience.answer.as_secs(),
            reply.quoted()
        )),
        _ => Err(stop),
    }
}

/// RFC 1939 §6: The same when the server is stopped or killed during the session.
async fn no_quit_restart(lab: &Lab) -> Outcome {
    for way in Way::all(lab) {
        filled(lab, 2).await?;
        let Marked { session, before, account } = Marked::first(lab).await?;
        way.take(lab).await?;
        drop(session);
        let what = format!("DELE 1, then {} without a QUIT", way.told());
        let later = afterwards(lab, &account, &what).await?;
        before.require_whole(&later, &[1], &what)?;
    }
    Ok(())
}

/// RFC 1939 §6 QUIT: What QUIT has removed stays removed when the server ends right after its `+OK`.
async fn durable(lab: &Lab) -> Outcome {
    for way in Way::all(lab) {
        filled(lab, 4).await?;
        let mut session = lab.deletable(3).await?;
        let account = session.account()?;
        let before = Maildrop::before_marks(&mut session, lab).await?;
        let marked = [2, before.last()];
        for number in marked {
            session.assume_ok(format!("DELE {number}")).await?;
        }
        session.assume_ok("QUIT").await?;
        way.take(lab).await?;
        drop(session);
        let what = format!("DELE 2, DELE {} and QUIT were answered +OK, then {}", marked[1], way.told());
        let later = afterwards(lab, &account, &what).await?;
        before.require_unmarked_kept(&later, &marked, lab, &what)?;
        before.require_marked_gone(&later, &marked, &what)?;
    }
    Ok(())
}

/// RFC 1939 §6: A crash during UPDATE leaves a maildrop in which only marked messages may be missing, no message
/// is damaged and unique-ids are kept.
async fn crash(lab: &Lab) -> Outcome {
    for delay in INTO_UPDATE {
        filled(lab, AT_A_CRASH).await?;
        let mut session = lab.deletable(4).await?;
        let account = session.account()?;
        let before = Maildrop::before_marks(&mut session, lab).await?;
        let marked: Vec<u64> =
            before.messages.iter().map(|held| held.number).filter(|number| number % 2 == 1).collect();
        for number in &marked {
            session.assume_ok(format!("DELE {number}")).await?;
        }
        session.settle().await?;
        session.send("QUIT").await?;
        sleep(delay).await;
        lab.kill().await?;
        drop(session);
        lab.restart().await?;
        let what = format!(
            "{} of {} messages were marked, QUIT was sent and the server killed {} ms later",
            marked.len(),
            before.messages.len(),
            delay.as_millis()
        );
        let later = afterwards(lab, &account, &what).await?;
        before.require_unmarked_kept(&later, &marked, lab, &what)?;
        require_same_ids(&before, &later, &what)?;
        require_undamaged(lab, &account, &what).await?;
    }
    Ok(())
}

/// Passes if every message is one that poplab made, and whole.
async fn require_undamaged(lab: &Lab, account: &Rc<Account>, what: &str) -> Outcome {
    let mut session = lab.login_to(account).await?;
    // Numbers are those of a session, and between two of them mail may come and go.
    let later = Maildrop::look(&mut session, lab).await?;
    assume(later.is_own(), || format!("{what}; then there is a message without poplab's marker"))?;
    for held in &later.messages {
        let reply = session.command(format!("RETR {}", held.number)).await?;
        let whole = match Message::own(reply.octets(), 0, None) {
            _ if !reply.is_ok() => Err(format!("is refused: {}", reply.quoted())),
            Ok(message) if message.marker == *held.marker() => Ok(()),
            Ok(_) => Err("is another one by RETR than by TOP".to_owned()),
            Err(how) => Err(how),
        };
        if let Err(how) = whole {
            return fail(format!("{what}; then {} {how}", held.told()));
        }
    }
    Ok(())
}

/// Passes if every message that is in both listings has the id it had.
fn require_same_ids(before: &Maildrop, later: &Maildrop, what: &str) -> Outcome {
    let renamed: Vec<String> = before
        .pairs(later)
        .into_iter()
        .filter(|(held, now)| held.unique_id != now.unique_id)
        .map(|(held, now)| {
            let id = |held: &Held| held.unique_id.as_ref().map_or_else(|| "none".to_owned(), |id| quote(id));
            format!("`{}` was {} and is {}", held.marker().fixture, id(held), id(now))
        })
        .collect();
    require(renamed.is_empty(), || format!("{what}, and unique-ids are others: {}", renamed.join("; ")))
}

/// RFC 1939 §7 UIDL: Ids survive a server restart (for a server that claims persistent storage).
///
/// Also those of mail that has come since the server began to run.
async fn same_ids_after_restart(lab: &Lab) -> Outcome {
    for way in Way::all(lab) {
        let role = if lab.can(Hook::Deliver) { Role::Disposable } else { Role::Fixtures };
        let account = lab.account(role).await?;
        if role == Role::Disposable {
            addressee(lab, 3).await?;
            lab.deliver_new(&account, 900).await?;
        }
        let mut session = lab.login_to(&account).await?;
        let before = Maildrop::look(&mut session, lab).await?;
        session.quit().await?;
        way.take(lab).await?;
        let later = afterwards(lab, &account, way.told()).await?;
        assume(!before.pairs(&later).is_empty(), || "no message of before could be told apart".to_owned())?;
        require_same_ids(&before, &later, way.told())?;
    }
    Ok(())
}

/// RFC 1939 §7 UIDL: After backup and restore or migration of the store, ids are the same.
async fn restored(lab: &Lab) -> Outcome {
    filled(lab, 4).await?;
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.quit().await?;
    lab.save(&account).await?;
    let mut session = lab.deletable(3).await?;
    for number in [2, before.last()] {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    session.quit().await?;
    lab.restore(&account).await?;
    let what = "two messages were removed and the mailbox was brought back from a backup";
    let later = afterwards(lab, &account, what).await?;
    let missing = before.missing(&later, &[]).unmarked.len();
    assume(missing == 0, || {
        format!("{what}, and {missing} of {} messages are missing", before.messages.len())
    })?;
    require_same_ids(&before, &later, what)
}

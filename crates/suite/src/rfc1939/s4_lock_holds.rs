//! RFC 1939 section 4: what others try leaves a lock where it is, and of two who come at the same time one has it.

use std::rc::Rc;

use mail::Role;
use tokio::time::sleep;

use super::s4_lock::{clean, login_once, same_admission};
use crate::accounts::Account;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, assume, fail};
use crate::refusal::speaks_of_lock;
use crate::reply::Reply;
use crate::session::Session;

/// So many times two log in at once.
const RACES: u32 = 3;

/// A wrong password that somebody else gives does not free the lock of who is in.
pub(super) async fn through_a_wrong_password(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let holder = lab.login_to(&account).await?;
    let (second, reply) = login_once(lab, &account).await?;
    let before = clean(second, reply).await?;
    if before.let_in {
        // There is no lock that could be freed; what that does to mail is judged by `rfc1939.lock.effect`.
        return Ok(());
    }
    let mut wrong = lab.connect_for_login().await?;
    wrong.assume_ok(format!("USER {}", account.user)).await?;
    let refused = wrong.command(format!("PASS wrong-{}", &lab.nonce()[..8])).await?;
    assume(refused.is_err(), || format!("a wrong password was answered {}", refused.quoted()))?;
    wrong.close().await;
    let (third, reply) = login_once(lab, &account).await?;
    let after = clean(third, reply).await?;
    drop(holder);
    same_admission(&before, &after, "a second login", "one after somebody else had given a wrong password")
}

/// Two connections have said USER and give the right password at the same time. Where a second login is refused one of them
/// must be.
pub(super) async fn against_a_race(lab: &Lab, account: &Rc<Account>) -> Outcome {
    if lab.user_works().is_err() {
        return Ok(());
    }
    for _ in 0..RACES {
        sleep(account.linger()).await;
        let (Some(mut one), Some(mut other)) = (named(lab, account).await?, named(lab, account).await?)
        else {
            return Ok(());
        };
        let line = format!("PASS {}", account.password());
        one.send(&line).await?;
        other.send(&line).await?;
        let (first, second) = (one.reply().await?, other.reply().await?);
        for (session, reply) in [(&mut one, &first), (&mut other, &second)] {
            if reply.is_ok() {
                session.belongs_to(Rc::clone(account));
            }
        }
        let both = first.is_ok() && second.is_ok();
        one.close().await;
        other.close().await;
        if both {
            return fail(
                "two connections gave the right password at the same time, and both were answered `+OK`; one after the \
                 other the second is refused for the lock",
            );
        }
        if ![&first, &second].into_iter().all(|reply: &Reply| reply.is_ok() || speaks_of_lock(reply)) {
            return Ok(());
        }
    }
    Ok(())
}

/// A connection that has said who it is; nothing where there can be no second one.
async fn named(lab: &Lab, account: &Account) -> Result<Option<Session>, Stop> {
    let Ok(mut session) = lab.connect_for_login().await else { return Ok(None) };
    let reply = session.command(format!("USER {}", account.user)).await?;
    Ok(reply.is_ok().then_some(session))
}

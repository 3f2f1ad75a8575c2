//! RFC 1939 section 4: the exclusive-access lock.
//!
//! Whether two sessions may be in one maildrop is left to the server (A2); judged is what it does to them.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use proto::Deviation;
use tokio::time::{Instant, sleep};

use super::s4_lock_holds as holds;
use super::s4_states::announced;
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped};
use crate::refusal::{is_busy, is_delayed, speaks_of_lock};
use crate::reply::Reply;
use crate::session::Session;
use crate::together::together;

checks! {
    "rfc1939.lock.refusal" => refusal [wrong_password],
    "rfc1939.lock.after-auth-only" => after_auth_only [wrong_password],
    "practice.lock.released-on-loss" => released_on_loss [may_leave_lock],
    "practice.lock.many-logins" => many_logins [stress],
}

/// A server may take this long to notice that a client is gone.
pub(super) const RELEASED_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at whether it has.
pub(super) const BETWEEN_LOGINS: Duration = Duration::from_millis(500);

/// RFC 1939 §4: If the lock cannot be had, the final authentication step is answered -ERR and the session
/// stays in AUTHORIZATION.
///
/// Once more while the first has said RSET, and by every way to log in: a lock that some of them do not take is none.
async fn refusal(lab: &Lab) -> Outcome {
    let mut first = lab.login(Role::Fixtures).await?;
    let account = first.account()?;
    first.assume_ok("STAT").await?;
    let (second, reply) = login_once(lab, &account).await?;
    let admitted = clean(second, reply).await?;
    first.assume_ok("RSET").await?;
    let (second, reply) = login_once(lab, &account).await?;
    let again = clean(second, reply).await?;
    same_admission(&admitted, &again, "a second login", "one after the first session had said RSET")?;
    drop(first);
    let Some(usual) = lab.survey().method else { return skipped("no way to log in is known") };
    // First which ways are open to this account at all.
    let mut ways = Vec::new();
    for method in announced(lab) {
        ways.extend(by(lab, &account, method).await?.map(|_| method));
    }
    for holder in ways.iter().copied() {
        let Some(first) = by(lab, &account, holder).await? else { continue };
        let seconds = if holder == usual { ways.clone() } else { vec![usual] };
        for method in seconds {
            let (second, reply) = by_once(lab, &account, method).await?;
            let other = clean(second, Ok(reply)).await?;
            let what = format!("one by {method} while a session by {holder} was open");
            same_admission(&admitted, &other, "a second login", &what)?;
        }
        first.close().await;
    }
    if admitted.locked { holds::against_a_race(lab, &account).await } else { Ok(()) }
}

/// Whether a second login was let in, and how that was said; what then comes must agree with it.
pub(super) async fn clean(mut second: Session, reply: Result<Reply, Mishap>) -> Result<Admission, Stop> {
    // A server may make the second one wait for the first (inconclusive, as a time-out is), but not say nothing.
    let reply = reply.judged()?;
    // What was not read as one of the two words is neither an admission nor a refusal; the word is judged elsewhere.
    assume(!reply.deviations.contains(Deviation::StatusWord) && (reply.is_ok() || reply.is_err()), || {
        format!("a second login was answered {}, which is neither `+OK` nor `-ERR`", reply.quoted())
    })?;
    match (reply.is_ok(), second.command("STAT").await) {
        (true, stat) => {
            let stat = stat.judged()?;
            require(stat.is_ok(), || {
                format!("a second login was answered {}, but then {}", reply.quoted(), stat.seen())
            })?;
        }
        // RFC 1939 section 4: after a refusal the server may close.
        (false, Err(Mishap::Closed { .. })) => {}
        (false, Err(mishap)) => return Err(mishap.judged()),
        (false, Ok(stat)) => require(stat.is_err(), || {
            format!("a second login was refused with {}, but then {}", reply.quoted(), stat.seen())
        })?,
    }
    Ok(Admission { let_in: reply.is_ok(), locked: speaks_of_lock(&reply), shown: reply.quoted() })
}

/// What came of a second login.
pub(super) struct Admission {
    pub(super) let_in: bool,
    /// The refusal says that it is the lock.
    locked: bool,
    shown: String,
}

/// One is refused for the lock, and the other let in.
pub(super) fn same_admission(
    one: &Admission,
    other: &Admission,
    called: &str,
    other_called: &str,
) -> Outcome {
    let differ = (one.locked && other.let_in) || (one.let_in && other.locked);
    require(!differ, || {
        format!(
            "the lock is not for all: {called} was answered {}, {other_called} {}",
            one.shown, other.shown
        )
    })
}

/// A session by this way to log in; nothing if the way is not open to this account.
pub(super) async fn by(lab: &Lab, account: &Rc<Account>, method: Method) -> Result<Option<Session>, Stop> {
    match lab.login_by(account, method).await {
        Ok((session, reply)) => Ok(reply.is_ok().then_some(session)),
        // Kept back, since another way refused the password.
        Err(Stop::Inconclusive(_)) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// The same, asked once, whatever comes of it.
async fn by_once(lab: &Lab, account: &Rc<Account>, method: Method) -> Result<(Session, Reply), Stop> {
    let (mut session, greeting) = lab.opened_for_login().await?;
    let timestamp = sasl::apop::timestamp(&greeting.line);
    let reply = login::attempt(&mut session, method, account, timestamp, &lab.nonce()).await?;
    if reply.is_ok() {
        session.belongs_to(Rc::clone(account));
    }
    Ok((session, reply))
}

/// RFC 1939 §4: The lock is taken only after successful authentication: USER alone or a wrong password blocks
/// nobody.
async fn after_auth_only(lab: &Lab) -> Outcome {
    lab.user_works()?;
    // A wrong password is given, so this is for an account kept for that.
    let account = lab.account(Role::Disposable).await?;
    let mut named = lab.connect_for_login().await?;
    named.assume_ok(format!("USER {}", account.user)).await?;
    admitted(lab, &account, named, "while another connection has said USER").await?;

    let mut wrong = lab.connect_for_login().await?;
    wrong.assume_ok(format!("USER {}", account.user)).await?;
    let reply = wrong.command(format!("PASS wrong-{}", &lab.nonce()[..8])).await?;
    assume(reply.is_err(), || format!("a wrong password was answered {}", reply.quoted()))?;
    admitted(lab, &account, wrong, "while another connection has given a wrong password").await?;
    holds::through_a_wrong_password(lab).await
}

/// RFC 1939 §4, §6: After an abrupt disconnect the lock is gone within a short time.
///
/// Whoever lost the network reads mail again at once.
async fn released_on_loss(lab: &Lab) -> Outcome {
    let sound = lab.site().pool.has_sound(Role::Fixtures) || !lab.site().pool.has_sound(Role::Second);
    let role = if sound { Role::Fixtures } else { Role::Second };
    for moment in Moment::ALL {
        let mut session = lab.login(role).await?;
        let account = session.account()?;
        match moment.comes(lab, &account, &mut session).await {
            // Nothing is retrieved where that deletes.
            Err(Mishap::Guarded(_)) => continue,
            came => came?,
        }
        session.reset();
        is_free_again(lab, &account, moment.told()).await?;
    }
    Ok(())
}

/// When a connection is lost.
#[derive(Clone, Copy)]
enum Moment {
    AfterLogin,
    AfterRetr,
    InRetr,
}

impl Moment {
    const ALL: [Self; 3] = [Self::AfterLogin, Self::AfterRetr, Self::InRetr];

    fn told(self) -> &'static str {
        match self {
            Self::AfterLogin => "after a connection that was reset",
            Self::AfterRetr => "after a connection that was reset behind the reply to RETR",
            Self::InRetr => "after a connection that was reset in the middle of RETR",
        }
    }

    async fn comes(self, lab: &Lab, account: &Account, session: &mut Session) -> Result<(), Mishap> {
        match self {
            Self::AfterLogin => {}
            Self::AfterRetr => drop(session.command("RETR 1").await?),
            Self::InRetr => {
                let number = lab.number_of(account, "fx.large").unwrap_or(1);
                session.send(format!("RETR {number}")).await?;
                session.some_content(1).await?;
            }
        }
        Ok(())
    }
}

/// Whether the maildrop of a connection that was just lost can be opened again soon.
async fn is_free_again(lab: &Lab, account: &Rc<Account>, after: &str) -> Outcome {
    let lost = Instant::now();
    loop {
        let (session, reply) = login_once(lab, account).await?;
        let reply = reply?;
        let passed = lost.elapsed();
        if reply.is_ok() {
            drop(session);
            return require(passed <= RELEASED_WITHIN, || {
                format!(
                    "{after} the maildrop stayed busy for {} s; {} s at most are good practice",
                    passed.as_secs(),
                    RELEASED_WITHIN.as_secs()
                )
            });
        }
        assume(is_busy(&reply) && !is_delayed(&reply), || {
            format!("the login {after} was answered {}", reply.quoted())
        })?;
        if passed >= lab.site().patience.answer {
            return fail(format!(
                "{} s {after} the maildrop is still busy: {}",
                passed.as_secs(),
                reply.quoted()
            ));
        }
        drop(session);
        sleep(BETWEEN_LOGINS).await;
    }
}

/// So many logins at once, so many times; fewer on servers that other people use too.
const AT_ONCE: (u32, u32) = (20, 10);
const AT_ONCE_ELSEWHERE: (u32, u32) = (4, 3);

/// Good practice: Two logins started in the same instant lead to one winner and one clean refusal, or to
/// two clean sessions; never to two refusals for ever.
async fn many_logins(lab: &Lab) -> Outcome {
    let survey = lab.survey();
    if survey.lock_outlives || survey.quit_keeps_lock {
        return inconclusive("a lock outlives its session here, which other checks are about");
    }
    let account = lab.account(Role::Fixtures).await?;
    let (logins, rounds) = if lab.site().permissions.loopback { AT_ONCE } else { AT_ONCE_ELSEWHERE };
    for round in 1..=rounds {
        let all = together((0..logins).map(|_| login_once(lab, &account))).await;
        let (mut winners, mut refusals) = (Vec::new(), Vec::new());
        for result in all {
            match result {
                Ok((session, Ok(reply))) if reply.is_ok() => winners.push(session),
                Ok((_, Ok(reply))) => refusals.push(reply.quoted()),
                // The server may limit how many connections one address has.
                Ok((_, Err(_))) | Err(_) => {}
            }
        }
        let admitted = winners.len();
        // Each of those that were let in must be of use.
        for session in &mut winners {
            let reply = session.command("STAT").await.judged()?;
            require(reply.is_ok(), || format!("{logins} logins at once, round {round}: {}", reply.seen()))?;
        }
        drop(winners);
        // One after all of them must succeed, or the lock is nobody's.
        match lab.login_to(&account).await {
            Ok(session) => drop(session.quit().await?),
            Err(stop) => {
                return fail(format!("after {logins} logins at once, round {round}: {}", stop.told()));
            }
        }
        assume(admitted > 0 || !refusals.is_empty(), || {
            format!("of {logins} connections at once none came to an answer")
        })?;
        require(admitted > 0, || {
            format!("of {logins} logins at once in round {round} none was let in: {}", refusals[0])
        })?;
    }
    Ok(())
}

/// One login must succeed while the other connection is there: nobody is logged in on it.
async fn admitted(lab: &Lab, account: &Rc<Account>, other: Session, meanwhile: &str) -> Outcome {
    let began = Instant::now();
    let (session, reply) = loop {
        let (mut session, reply) = login_once(lab, account).await?;
        let reply = reply?;
        if reply.is_ok() {
            // So that it is a session like any other.
            session.assume_ok("LIST").await?;
            session.quit().await?;
            return Ok(());
        }
        // What a session before this one left locked is free after a while, with the other connection still there.
        if !is_busy(&reply) || began.elapsed() >= RELEASED_WITHIN {
            break (session, reply);
        }
        drop(session);
        sleep(BETWEEN_LOGINS).await;
    };
    let seen = format!("{meanwhile}, the login was refused: {}", reply.quoted());
    // Anything else may be throttling, which is right after a wrong password.
    assume(speaks_of_lock(&reply), || seen.clone())?;
    // If the other connection is what locks, the lock goes with it.
    drop((session, other));
    match lab.login_to(account).await {
        Ok(_) => fail(seen),
        Err(stop) => inconclusive(format!("{seen}; when the other connection had ended, {}", stop.told())),
    }
}

/// One login by the usual method, without asking a busy maildrop again; the reply to its last step is the caller's
/// to judge.
///
/// # Errors
/// [`Stop::Inconclusive`] if it does not get that far, [`Stop::Skipped`] if no password may be sent here.
pub(crate) async fn login_once(
    lab: &Lab,
    account: &Rc<Account>,
) -> Result<(Session, Result<Reply, Mishap>), Stop> {
    lab.login_once(account).await
}

//! Clients that go, or stand still, where nobody expects it: half-closed connections, resets, a client that does not read,
//! and a TLS session that is taken up again.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::{Instant, timeout};

use super::odd_lines::require_alive;
use crate::accounts::Account;
use crate::check::checks;
use crate::early;
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped, warn};
use crate::session::Session;
use crate::site::Security;

checks! {
    "practice.robust.half-close" => half_close,
    "practice.robust.reset" => resets,
    "practice.robust.no-read" => reads_nothing,
    "practice.sec.tls-resumption" => resumption,
}

/// How often each kind of reset is tried on this machine: whoever forgets something at each one has forgotten it more than
/// a hundred times.
const RESETS: usize = 52;
/// The same on servers that other people use too.
const RESETS_ELSEWHERE: usize = 8;
/// At a server that takes its time for each there are fewer, since no more than this is spent on them.
const RESETTING: Duration = Duration::from_secs(15);
/// More than the socket buffers of both sides together.
const MORE_THAN_BUFFERS: usize = 3;
/// The beginning of a `ClientHello`: a handshake record of TLS 1.2 that goes on.
const HANDSHAKE_BEGINS: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00];

/// Good practice: After the client shuts down sending, the replies to what it sent still arrive.
///
/// Under TLS 1.2 an end of sending is the end of both directions (RFC 5246 section 7.2.1), so there it is only told.
async fn half_close(lab: &Lab) -> Outcome {
    // Without PIPELINING nobody promises to keep more than one.
    let several = early::is_promised(lab);
    if lab.site().entrance.security != Security::Implicit {
        let commands: &[&str] = if several { &["CAPA", "XYZZY", "XYZZY"] } else { &["XYZZY"] };
        let mut session = lab.connect_clear().await?;
        if let Some(seen) = unanswered(&mut session, commands).await? {
            return warn(format!(
                "{} and then the end of sending, in cleartext: {seen}",
                commands.join(", ")
            ));
        }
        require_ended(&mut session).await?;
    }
    lab.loss_frees_maildrop()?;
    let commands: &[&str] = if several { &["STAT", "RETR 1"] } else { &["RETR 1"] };
    let mut session = lab.mail(1).await?;
    let under_tls = session.tls().is_some();
    let said = format!("{} and then the end of sending", commands.join(", "));
    match unanswered(&mut session, commands).await? {
        Some(seen) if under_tls => Err(Stop::Info(format!("{said}, inside TLS: {seen}"))),
        Some(seen) => warn(format!("{said}: {seen}")),
        None => require_ended(&mut session).await,
    }
}

/// What is missing of the replies to commands that are sent in one write, with the end of sending behind them.
async fn unanswered(session: &mut Session, commands: &[&str]) -> Result<Option<String>, Stop> {
    let octets: Vec<u8> = commands.iter().flat_map(|command| format!("{command}\r\n").into_bytes()).collect();
    session.batch(&octets).await?;
    session.shutdown_write().await;
    for number in 1..=commands.len() {
        match session.reply().await {
            Ok(_) => {}
            // It was refused what it said, and the server had enough of it.
            Err(mishap) if mishap.is_end_behind_refusal() => return Ok(None),
            Err(mishap @ Mishap::Closed { .. }) => return Ok(Some(format!("at reply {number} {mishap}"))),
            Err(mishap) => return Err(mishap.into()),
        }
    }
    Ok(None)
}

async fn require_ended(session: &mut Session) -> Outcome {
    let closing = session.until_closed().await;
    match closing.how {
        Some(_) => Ok(()),
        None => warn(format!(
            "the replies came, but {} s after the end of sending the connection was still open",
            session.patience().answer.as_secs()
        )),
    }
}

/// Good practice: Resets at any point leave the service intact.
///
/// How soon a lock is gone after one is `practice.lock.released-on-loss`'s matter.
async fn resets(lab: &Lab) -> Outcome {
    lab.loss_frees_maildrop()?;
    let account = lab.account(Role::Fixtures).await?;
    let large = lab.number_of(&account, "fx.large").unwrap_or(1);
    let mut done = 0;
    let each = if lab.site().permissions.loopback { RESETS } else { RESETS_ELSEWHERE };
    let began = Instant::now();
    for turn in 0..each * 5 {
        // Each kind at least once.
        if turn >= 5 && began.elapsed() > RESETTING {
            break;
        }
        let at = match turn % 5 {
            0 => in_greeting(lab).await,
            1 => after_user(lab, &account).await,
            2 => in_handshake(lab).await,
            3 => in_retr(lab, &account, large).await,
            _ => before_reply_to_quit(lab, &account).await,
        };
        match at {
            Ok(()) => done += 1,
            // The server may have had enough of resets for a while; that it is there is judged below.
            Err(Stop::Inconclusive(_)) if done > 0 => break,
            Err(stop) => return Err(stop),
        }
    }
    let what = format!("{done} connections that were reset");
    require_alive(lab, &what).await?;
    let mut session = lab.connect().await?;
    let reply = session.command("XYZZY").await.judged()?;
    require(reply.is_err(), || format!("after {what} {}", reply.seen()))?;
    let Some(method) = lab.survey().method else { return skipped("no way to log in is known") };
    let (mut session, reply) = lab.login_by(&account, method).await?;
    require(reply.is_ok(), || format!("after {what} the maildrop cannot be opened: {}", reply.quoted()))?;
    session.command("STAT").await.judged()?;
    Ok(())
}

async fn in_greeting(lab: &Lab) -> Outcome {
    lab.dial().await?.reset();
    Ok(())
}

async fn after_user(lab: &Lab, account: &Account) -> Outcome {
    let mut session = lab.connect_for_login().await?;
    session.send(format!("USER {}", account.user)).await?;
    session.reset();
    Ok(())
}

/// In the TLS handshake, where there is one: with the first octets of it under way.
async fn in_handshake(lab: &Lab) -> Outcome {
    let mut session = match lab.site().entrance.security {
        Security::Clear => return in_greeting(lab).await,
        Security::Implicit => lab.adopt(lab.dial().await?),
        Security::Starttls => {
            let mut session = lab.connect_clear().await?;
            session.assume_ok("STLS").await?;
            session
        }
    };
    session.fragment(HANDSHAKE_BEGINS).await?;
    session.reset();
    Ok(())
}

async fn in_retr(lab: &Lab, account: &Rc<Account>, large: u64) -> Outcome {
    let mut session = lab.login_to(account).await?;
    session.send(format!("RETR {large}")).await?;
    session.some_content(1).await?;
    session.reset();
    Ok(())
}

async fn before_reply_to_quit(lab: &Lab, account: &Rc<Account>) -> Outcome {
    let mut session = lab.login_to(account).await?;
    session.send("QUIT").await?;
    session.reset();
    Ok(())
}

/// Good practice: A client that stops reading blocks only itself and is dropped in the end.
///
/// The end may be half an hour away, and is not waited for.
async fn reads_nothing(lab: &Lab) -> Outcome {
    lab.loss_frees_maildrop()?;
    let other = other_account(lab).await?;
    let Placed { session: mut stuck, number, .. } = lab.fixture("fx.large").await?;
    stuck.batch(format!("RETR {number}\r\n").repeat(MORE_THAN_BUFFERS).as_bytes()).await?;
    let patience = lab.site().patience.answer;
    let served = timeout(patience, async {
        let mut session = lab.login_to(&other).await?;
        session.command("STAT").await.judged()?;
        session.command("LIST").await.judged()
    })
    .await;
    drop(stuck);
    let why = match served {
        Ok(Ok(_)) => return Ok(()),
        // Fewer connections at a time than this needs are no fault.
        Ok(Err(skipped @ Stop::Skipped(_))) => return Err(skipped),
        Ok(Err(stop)) => stop.told(),
        Err(_) => format!("nothing came for {} s", patience.as_secs()),
    };
    // Others of this run may have had the places that a server has.
    let crowd = &lab.site().crowd;
    if !crowd.is_one_check() {
        // So it is repeated with fewer beside it.
        crowd.turn_away();
        return inconclusive(format!("while another client did not read its message, {why}"));
    }
    // It is the stuck client's doing if it is over with it.
    lab.login_to(&other).await?.assume_ok("STAT").await?;
    fail(format!(
        "while another client did not read its message, {why}; when that one had gone, all was well"
    ))
}

/// An account of another user.
async fn other_account(lab: &Lab) -> Result<Rc<Account>, Stop> {
    for role in [Role::Second, Role::Empty, Role::Disposable] {
        match lab.account(role).await {
            Err(Stop::Skipped(_)) => {}
            account => return account,
        }
    }
    skipped("needs an account of another user")
}

/// Good practice: A resumed TLS session carries no authentication: it starts in AUTHORIZATION.
async fn resumption(lab: &Lab) -> Outcome {
    let dialer = lab.site().dialer.resuming();
    let (first, second) = (lab.account(Role::Fixtures).await?, lab.account(Role::Second).await?);
    let Some(method) = lab.survey().method else { return skipped("no way to log in is known") };
    let mut session = resumable(lab, &dialer).await?;
    let greeting = session.welcome(lab.survey()).await?.assume_ok()?;
    let timestamp = sasl::apop::timestamp(&greeting.line);
    let reply = crate::login::attempt(&mut session, method, &first, timestamp, &lab.nonce()).await?;
    assume(reply.is_ok(), || format!("the login was refused: {}", reply.quoted()))?;
    session.belongs_to(Rc::clone(&first));
    let totals = session.assume_ok("STAT").await?.totals()?;
    session.quit().await?;

    let mut session = resumable(lab, &dialer).await?;
    let greeting = session.welcome(lab.survey()).await?.assume_ok()?;
    if !session.tls().is_some_and(|facts| facts.resumed) {
        return Err(Stop::Info("the server resumes no TLS session".to_owned()));
    }
    for command in ["STAT", "LIST", "UIDL"] {
        let reply = session.command(command).await.judged()?;
        require(reply.is_err(), || format!("in a resumed TLS session, without a login, {}", reply.seen()))?;
    }
    // Whoever logs in in it is the one who does.
    let timestamp = sasl::apop::timestamp(&greeting.line);
    let reply = match crate::login::attempt(&mut session, method, &second, timestamp, &lab.nonce()).await {
        Ok(reply) if reply.is_ok() => session.command("STAT").await?,
        // Three refusals may be enough for a server.
        Ok(_) | Err(Mishap::Closed { .. }) => return Ok(()),
        Err(mishap) => return inconclusive(mishap.to_string()),
    };
    session.belongs_to(Rc::clone(&second));
    let now = reply.totals()?;
    drop(session);
    let usual = lab.login_to(&second).await?.assume_ok("STAT").await?.totals()?;
    require(now == usual, || {
        format!(
            "in a TLS session resumed after `{}` ({} messages), `{}` logged in and STAT counts {}; otherwise it counts {}",
            first.user, totals.0, second.user, now.0, usual.0
        )
    })
}

/// A connection whose TLS session is remembered, or taken up again.
async fn resumable(lab: &Lab, dialer: &net::Dialer) -> Result<Session, Stop> {
    let stream = lab.dial().await?;
    match timeout(lab.site().patience.answer, dialer.start_tls(stream, &lab.tls_options())).await {
        Ok(stream) => Ok(lab.adopt(stream?)),
        Err(_) => inconclusive("the TLS handshake did not end in time"),
    }
}

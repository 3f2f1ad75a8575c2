//! RFC 2449 section 6.6: PIPELINING.

use mail::{Marker, Role};

use crate::check::checks;
use crate::difference::Differences;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, assume, fail, inconclusive, require};
use crate::refusal::assume_not_put_off;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc2449.pipe.in-order" => in_order,
    "rfc2449.pipe.login" => login,
    "rfc2449.pipe.failed-login" => failed_login [wrong_password],
    "rfc2449.pipe.during-retr" => during_retr,
    "rfc2449.pipe.split" => split,
}

/// RFC 2449 §6.6: Commands sent without waiting are processed one after the other and answered in order.
async fn in_order(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let mut singly = Vec::new();
    for command in ["STAT", "LIST", "RETR 1"] {
        singly.push(session.assume_ok(command).await?);
    }
    // Only where NOOP is answered alone is its answer missed behind the others.
    session.assume_ok("NOOP").await?;
    let commands = ["STAT", "LIST", "RETR 1", "DELE 1", "STAT", "RSET", "NOOP"];
    session.batch(&batch(&commands)).await.judged()?;
    let replies = replies(&mut session, commands.len()).await?;
    for reply in &replies {
        require(reply.is_ok(), || format!("sent in one write, {}", reply.seen()))?;
    }
    for (alone, piped) in singly.iter().zip(&replies) {
        require(alone.line == piped.line && alone.content == piped.content, || {
            format!(
                "sent singly, {}; sent in one write, {} (content of {} and {} octets)",
                alone.seen(),
                piped.seen(),
                alone.octets().len(),
                piped.octets().len()
            )
        })?;
    }
    let (before, marked) = (replies[0].totals()?, replies[4].totals()?);
    require(marked.0 + 1 == before.0, || {
        format!("STAT before and after DELE in one write counts {} and {} messages", before.0, marked.0)
    })
}

/// RFC 2449 §6.6: USER and PASS can be sent in one batch, also with TRANSACTION commands behind them.
async fn login(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Fixtures).await?;
    account.may_try(Method::UserPass).or_else(inconclusive)?;
    let octets =
        batch(&[&format!("USER {}", account.user), &format!("PASS {}", account.password()), "STAT", "QUIT"]);
    let (mut session, opened) = lab
        .unhurried(&account, async |session, _greeting| {
            session.batch(&octets).await.judged()?;
            let user = session.reply().await.judged()?;
            let mut answer = if user.is_ok() { session.reply().await } else { Ok(user) };
            login::remember(&account, Method::UserPass, answer.as_mut());
            answer.judged()
        })
        .await?;
    // Other checks had this maildrop just before: that it is not free yet, or not so soon, is not the batch's fault.
    assume_not_put_off(&opened)?;
    let mut answers = vec![opened];
    if answers[0].is_ok() {
        answers.extend(replies(&mut session, 2).await?);
    }
    for reply in answers {
        require(reply.is_ok(), || format!("in a batch of USER, PASS, STAT and QUIT, {}", reply.seen()))?;
    }
    Ok(())
}

/// RFC 2449 §6.6: In a batch with a failed login the rest is still processed in AUTHORIZATION.
async fn failed_login(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    let wrong = format!("not-{}", account.password());
    lab.journal().secret(wrong.as_bytes());
    let user = format!("USER {}", account.user);
    session.batch(&batch(&[&user, &format!("PASS {wrong}"), "STAT", "RETR 1", "QUIT"])).await.judged()?;
    let user = session.reply().await?;
    if user.is_ok() {
        session.reply().await.judged()?.require_err()?;
    }
    for command in ["STAT", "RETR 1"] {
        match session.reply().await {
            Ok(reply) => {
                require(reply.is_err(), || format!("after a failed login in the batch, {}", reply.seen()))?;
            }
            // Closing after a failed login is allowed.
            Err(Mishap::Closed { .. }) => return Ok(()),
            Err(mishap) => return fail(format!("{command} in the batch: {mishap}")),
        }
    }
    match session.reply().await {
        Ok(_) | Err(Mishap::Closed { .. }) => Ok(()),
        Err(mishap) => Err(mishap.judged()),
    }
}

/// RFC 2449 §6.6: Commands may be sent while a long response is still being received.
async fn during_retr(lab: &Lab) -> Outcome {
    let mut placed = lab.fixture("fx.large").await?;
    let session = &mut placed.session;
    session.send(format!("RETR {}", placed.number)).await?;
    session.batch(&batch(&["NOOP", "LIST 1", "NOOP"])).await.judged()?;
    let large = session.reply().await.judged()?.assume_ok()?;
    let expected = mail::wire(&placed.fixture.octets);
    let marker = Marker::parse(large.octets());
    assume(marker.is_some_and(|marker| marker.fixture == placed.fixture.name), || {
        format!("RETR {} gave another message: mail has come or gone", placed.number)
    })?;
    require(!Differences::between(mail::body(&expected), mail::body(large.octets())).matter(), || {
        format!(
            "the large message came with a body of {} octets, it has {}",
            mail::body(large.octets()).len(),
            mail::body(&expected).len()
        )
    })?;
    for _ in 0..3 {
        let reply = session.reply().await.judged()?;
        require(reply.is_ok(), || format!("sent while a message was being received, {}", reply.seen()))?;
    }
    Ok(())
}

/// RFC 2449 §6.6: A batch may be cut anywhere into TCP segments.
async fn split(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let whole = session.assume_ok("LIST 1").await?;
    let to_noop = |number: usize, noop: &Reply| {
        require(noop.is_ok() && noop.line != whole.line, || {
            format!("reply {number} to NOOP was {}", noop.quoted())
        })
    };
    // The first one alone: only where that is answered are the others missed.
    to_noop(0, &session.command("NOOP").await?)?;
    let mut octets = Vec::new();
    for _ in 0..100 {
        octets.extend_from_slice(b"NOOP\r\nLIST 1\r\n");
    }
    // Cuts that follow from the seed: 1 to 40 octets each.
    let cuts = lab.nonce();
    let mut rest = &octets[..];
    for letter in cuts.bytes().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((usize::from(letter) % 40 + 1).min(rest.len()));
        session.pieces(piece).await.judged()?;
        rest = behind;
    }
    for number in 1..=100 {
        to_noop(number, &session.reply().await.judged()?)?;
        let list = session.reply().await.judged()?;
        require(list.line == whole.line, || {
            format!("LIST 1 gave {} alone and {} in a batch", whole.quoted(), quote(&list.line))
        })?;
    }
    Ok(())
}

fn batch(commands: &[&str]) -> Vec<u8> {
    commands.iter().flat_map(|command| format!("{command}\r\n").into_bytes()).collect()
}

async fn replies(session: &mut Session, count: usize) -> Result<Vec<Reply>, crate::outcome::Stop> {
    let mut replies = Vec::with_capacity(count);
    for _ in 0..count {
        replies.push(session.reply().await.judged()?);
    }
    Ok(replies)
}

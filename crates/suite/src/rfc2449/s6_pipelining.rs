//! RFC 2449 section 6.6: PIPELINING.

use mail::{Marker, Role};

use crate::check::checks;
use crate::difference::Differences;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, assume, fail, inconclusive, info, require, skipped};
use crate::refusal::assume_not_put_off;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc2449.pipe.in-order" => in_order,
    "rfc2449.pipe.login" => login,
    "rfc2449.pipe.failed-login" => failed_login [wrong_password],
    "rfc2449.pipe.during-retr" => during_retr,
    "rfc2449.pipe.split" => split,
    "rfc2449.pipe.deep" => deep,
    "practice.pipe.unannounced" => unannounced,
    "practice.pipe.quit-flush" => quit_flush,
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
        require(alone.is_like(piped), || {
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
    // Each of those that are there in any maildrop and mark nothing.
    let behind = ["NOOP", "STAT", "LIST 1", "NOOP", "RSET", "NOOP", "STAT"];
    session.batch(&batch(&behind)).await.judged()?;
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
    let mut totals = Vec::new();
    for command in behind {
        let reply = session.reply().await.judged()?;
        require(reply.is_ok(), || format!("sent while a message was being received, {}", reply.seen()))?;
        if command == "STAT" {
            totals.push(reply);
        }
    }
    // An answer that is missing moves the others up.
    require(totals.iter().all(|stat| stat.line == totals[0].line), || {
        format!(
            "sent while a message was being received, one STAT was answered {}, the other {}",
            totals[0].quoted(),
            totals[totals.len() - 1].quoted()
        )
    })
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
    at_each_place(&mut session, &whole).await?;
    let mut octets = Vec::new();
    let times = lab.as_often(100, 2);
    for _ in 0..times {
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
    for number in 1..=times {
        to_noop(number, &session.reply().await.judged()?)?;
        let list = session.reply().await.judged()?;
        require(list.line == whole.line, || {
            format!("LIST 1 gave {} alone and {} in a batch", whole.quoted(), quote(&list.line))
        })?;
    }
    Ok(())
}

/// A whole command and the beginning of the next in one segment, and the rest of that when the first was answered: so it is
/// a segment of its own, wherever the cut is.
async fn at_each_place(session: &mut Session, whole: &Reply) -> Outcome {
    let second = b"LIST 1\r\n";
    for cut in 1..second.len() {
        let (beginning, rest) = second.split_at(cut);
        session.pieces(&[&b"NOOP\r\n"[..], beginning].concat()).await.judged()?;
        let noop = session.reply().await.judged()?;
        require(noop.is_ok(), || {
            format!("NOOP, with the beginning of LIST 1 behind it, was answered {}", noop.quoted())
        })?;
        session.pieces(rest).await.judged()?;
        let list = session.reply().await.judged()?;
        require(list.line == whole.line, || {
            format!(
                "LIST 1 was answered {} alone, and {} with its first {cut} octets in one segment with a NOOP",
                whole.quoted(),
                quote(&list.line)
            )
        })?;
    }
    Ok(())
}

/// Octets of commands that are sent at once, as in a window of the network.
const WINDOW: usize = 1_024;
/// How often a handful of commands is sent before all replies are read.
const DEPTH: usize = 40;
/// Windows that may be under way at a time: the client reads, and does not wait for what it has not sent.
const WINDOWS_AT_ONCE: usize = 4;

/// RFC 2449 §6.6: A deep batch is answered without deadlock as long as the client reads.
///
/// In windows of 1,024 octets that end anywhere in a command, while the replies are being read.
async fn deep(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let mut handful = vec!["STAT", "LIST 2", "LIST 1", "NOOP", "RETR 2", "LIST 2", "STAT"];
    if lab.survey().has_uidl {
        handful.extend(["UIDL 1", "UIDL 2", "NOOP", "UIDL 1", "LIST 1", "UIDL 2"]);
    }
    let mut singly = Vec::new();
    for command in &handful {
        singly.push(session.assume_ok(command).await?);
    }
    let octets = batch(&handful).repeat(lab.as_often(DEPTH, u32::try_from(handful.len()).unwrap_or(1)));
    let (mut answered, mut sent) = (0, 0);
    for (index, window) in octets.chunks(WINDOW).enumerate() {
        session.pieces(window).await.judged()?;
        sent += window.split(|octet| *octet == b'\n').count() - 1;
        // What is behind the last windows is not read yet.
        let may_wait = WINDOWS_AT_ONCE * WINDOW / 6;
        while sent - answered > may_wait || (index + 1) * WINDOW >= octets.len() && answered < sent {
            let alone = &singly[answered % handful.len()];
            let reply = match session.reply().await {
                Err(Mishap::Closed { how, .. }) => {
                    return fail(format!(
                        "of {sent} commands sent in windows of {WINDOW} octets, {answered} were answered, then the connection ended ({how})"
                    ));
                }
                reply => reply.judged()?,
            };
            answered += 1;
            require(reply.is_like(alone), || {
                format!(
                    "command {answered} in windows of {WINDOW} octets, {}; sent alone it was answered {} ({} and {} octets of content)",
                    reply.seen(),
                    alone.quoted(),
                    reply.octets().len(),
                    alone.octets().len()
                )
            })?;
        }
    }
    Ok(())
}

/// Good practice: A server without PIPELINING still does not lose or mix up commands that arrive together.
async fn unannounced(lab: &Lab) -> Outcome {
    if lab.survey().announces("PIPELINING") {
        return skipped("PIPELINING is announced, which the other checks of this area are about");
    }
    let mut session = lab.login(Role::Fixtures).await?;
    let noop = session.assume_ok("NOOP").await?;
    let stat = session.assume_ok("STAT").await?;
    assume(noop.line != stat.line, || "STAT and NOOP have the same answer".to_owned())?;
    session.batch(b"NOOP\r\nSTAT\r\nNOOP\r\n").await?;
    for (number, expected) in [&noop, &stat, &noop].into_iter().enumerate() {
        match session.reply().await {
            Ok(reply) if reply.line == expected.line => {}
            Ok(reply) => {
                let other = reply.line == stat.line || reply.line == noop.line;
                let seen = format!(
                    "of NOOP, STAT and NOOP in one write, reply {} was {}; {} was expected",
                    number + 1,
                    reply.quoted(),
                    expected.quoted()
                );
                return if other { fail(seen) } else { inconclusive(seen) };
            }
            // What it does not announce it need not bear.
            Err(mishap) => return info(format!("commands in one write are not all answered: {mishap}")),
        }
    }
    Ok(())
}

/// RFC 2449 §6.6: All replies of a batch ending in QUIT are delivered before the close.
///
/// With the largest messages that are quickly sent, so that much is still on its way when QUIT is read.
async fn quit_flush(lab: &Lab) -> Outcome {
    if lab.survey().expire_zero() {
        return skipped("the server announces EXPIRE 0: each QUIT would remove what was retrieved");
    }
    let session = lab.deletable(2).await?;
    let account = session.account()?;
    session.quit().await?;
    for time in 1..=FLUSHES {
        let mut session = lab.deletable_in(&account, 2).await?;
        // In each session anew: between two of them mail may come and go.
        let sizes = session.assume_ok("LIST").await?.scan_listing()?;
        let Some((number, _)) = sizes.iter().max_by_key(|(_, size)| *size) else {
            return inconclusive("LIST gives no message");
        };
        let retr = format!("RETR {number}");
        let whole = session.assume_ok(&retr).await?;
        let mut commands = vec!["LIST"];
        commands.extend(std::iter::repeat_n(retr.as_str(), 8));
        commands.push("QUIT");
        session.batch(&batch(&commands)).await.judged()?;
        for command in &commands {
            let reply = match session.reply().await {
                Err(Mishap::Closed { how, .. }) => {
                    return fail(format!(
                        "a batch that ends in QUIT, try {time} of {FLUSHES}: the connection ended ({how}) in the reply to {command}"
                    ));
                }
                reply => reply.judged()?,
            };
            require(reply.is_ok(), || format!("in a batch that ends in QUIT, {}", reply.seen()))?;
            // A header may tell that the message was retrieved.
            require(*command != retr || mail::body(reply.octets()) == mail::body(whole.octets()), || {
                format!(
                    "in a batch that ends in QUIT, {command} brought {} of {} octets",
                    reply.octets().len(),
                    whole.octets().len()
                )
            })?;
        }
        session.until_closed().await;
    }
    Ok(())
}

/// How often a batch that ends in QUIT is sent: whether the end overtakes the replies is a matter of chance.
const FLUSHES: u32 = 3;

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

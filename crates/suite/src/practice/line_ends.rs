//! What ends a command line: CR and LF apart, one without the other, and lines that come in pieces or too early.

use std::time::Duration;

use mail::Role;
use tokio::time::sleep;

use super::nobody_like;
use super::odd_lines::OddLines;
use crate::check::checks;
use crate::early;
use crate::enduring::Enduring;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped};
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "practice.frame.lf-only-command" => line_feed_alone,
    "practice.frame.cr-only" => carriage_return_alone,
    "practice.robust.one-octet" => octet_by_octet,
    "practice.robust.split-crlf" => line_end_in_two,
    "practice.robust.coalesced" => line_and_a_half,
}

/// Between two pieces of a line, so that they are two segments.
const BETWEEN_PIECES: Duration = Duration::from_millis(200);
/// The same for octets, of which there are many.
const BETWEEN_OCTETS: Duration = Duration::from_millis(2);
/// More answers than two to two lines are not counted.
const ANSWERS_AT_MOST: usize = 4;

/// What comes of a command that ends with LF alone, and the same with CRLF behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineFeed {
    /// One answer to both.
    EndsNothing,
    /// Each has the same answer.
    EndsLine,
    /// Each has an answer, and the first is a refusal.
    IsRefused,
    /// Two refusals, which may be either.
    EndsLineOrIsRefused,
    /// More answers than lines.
    AnsweredOften,
    /// The connection ended.
    HangsUp,
    /// Nothing came at all.
    Silence,
}

impl LineFeed {
    fn told(self) -> &'static str {
        match self {
            Self::EndsNothing => "one answer",
            Self::EndsLine => "two answers alike",
            Self::IsRefused => "a refusal and an answer",
            Self::EndsLineOrIsRefused => "two refusals",
            Self::AnsweredOften => "more than two answers",
            Self::HangsUp => "an end of the connection",
            Self::Silence => "no answer",
        }
    }

    /// Whether the two may be of a server that does the same with the same octets.
    fn agrees_with(self, other: Self) -> bool {
        let either = |one: Self, other: Self| {
            one == Self::EndsLineOrIsRefused && matches!(other, Self::EndsLine | Self::IsRefused)
        };
        self == other || either(self, other) || either(other, self)
    }

    /// Whether what stood behind the first line may have been thrown away with it.
    fn may_be_lost(self) -> bool {
        matches!(self, Self::EndsNothing | Self::HangsUp)
    }
}

/// Good practice: A command ended by a bare LF is handled predictably: either as a complete line or by waiting
/// for CRLF, and identically in every state.
///
/// Sent apart and in one write: a server that looks for CRLF at the end of what it has read takes the two differently. To
/// whom LF ends a line, what stands behind it came early, and without PIPELINING it may be thrown away.
async fn line_feed_alone(lab: &Lab) -> Outcome {
    let seen = line_feeds(lab, lab.site().patience.quiet).await?;
    if is_predictable(lab, seen) && !seen.contains(&LineFeed::Silence) {
        return Ok(());
    }
    // Refusals may be slow on purpose: once more, with patience.
    let seen = line_feeds(lab, lab.site().patience.answer / 2).await?;
    let told = seen.map(LineFeed::told);
    let words = format!(
        "to a command that ends with LF alone, and the same with CRLF behind it, came: before login {}, and in one write \
         {}; after login {}, and in one write {}",
        told[0], told[1], told[2], told[3]
    );
    if seen.contains(&LineFeed::Silence) {
        return inconclusive(words);
    }
    require(is_predictable(lab, seen), || words)
}

/// Whether all four are the same, apart and together, before a login and after it.
fn is_predictable(lab: &Lab, [before, before_together, after, after_together]: [LineFeed; 4]) -> bool {
    let mut counted = vec![before, after];
    let together = [before_together, after_together];
    counted.extend(together.into_iter().filter(|one| early::is_promised(lab) || !one.may_be_lost()));
    counted.iter().all(|one| {
        !matches!(one, LineFeed::HangsUp | LineFeed::AnsweredOften)
            && counted.iter().all(|other| one.agrees_with(*other))
    })
}

async fn line_feeds(lab: &Lab, wait: Duration) -> Result<[LineFeed; 4], Stop> {
    Ok([
        line_feed(lab, false, false, wait).await?,
        line_feed(lab, false, true, wait).await?,
        line_feed(lab, true, false, wait).await?,
        line_feed(lab, true, true, wait).await?,
    ])
}

async fn line_feed(lab: &Lab, after_login: bool, together: bool, wait: Duration) -> Result<LineFeed, Stop> {
    let (mut session, command) = if after_login {
        (lab.login(Role::Fixtures).await?, "STAT".to_owned())
    } else {
        (lab.connect().await?, format!("USER {}", nobody_like(lab, "")))
    };
    let whole = format!("{command}\r\n");
    let mut answers: Vec<String> = Vec::new();
    if together {
        session.fragment(format!("{command}\n{whole}").as_bytes()).await?;
    } else {
        session.fragment(format!("{command}\n").as_bytes()).await?;
        answers.extend(session.surplus(wait).await);
        if session.has_ended() || session.fragment(whole.as_bytes()).await.is_err() {
            return Ok(LineFeed::HangsUp);
        }
    }
    if answers.is_empty() {
        let patience = session.patience().answer;
        answers.extend(session.surplus(patience).await);
    }
    while answers.len() < ANSWERS_AT_MOST {
        let Some(answer) = session.surplus(wait).await else { break };
        answers.push(answer);
    }
    let refused = |answer: &String| answer.starts_with("`-");
    Ok(match &answers[..] {
        [] if session.has_ended() => LineFeed::HangsUp,
        [] => LineFeed::Silence,
        [_] => LineFeed::EndsNothing,
        [first, second] => match (refused(first), refused(second)) {
            // That the second is refused may be for the first: some take no name behind another one.
            (false, _) => LineFeed::EndsLine,
            (true, false) => LineFeed::IsRefused,
            (true, true) => LineFeed::EndsLineOrIsRefused,
        },
        _ => LineFeed::AnsweredOften,
    })
}

/// Good practice: A bare CR inside a command line is not taken as the end of the line.
async fn carriage_return_alone(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.batch(b"XYZZY\rQUIT\r\n").await?;
    quit_behind_cr(session, "XYZZY").await?;
    let mut lines = match OddLines::after_login(lab).await {
        Ok(lines) => lines,
        Err(Stop::Skipped(_)) => return Ok(()),
        Err(stop) => return Err(stop),
    };
    // Two answers to one line are told by who says it.
    lines.say(b"NOOP\rNOOP\r\n", "`NOOP` CR `NOOP` CRLF").await?;
    lines.say(b"NOOPX\rNOOP\r\n", "`NOOPX` CR `NOOP` CRLF").await?;
    drop(lines);
    let mut session = lab.login(Role::Fixtures).await?;
    session.batch(b"NOOP\rQUIT\r\n").await?;
    quit_behind_cr(session, "NOOP").await
}

/// Requires that a QUIT behind a CR is not carried out.
async fn quit_behind_cr(mut session: Session, command: &str) -> Outcome {
    let what = format!("`{command}` CR `QUIT` CRLF");
    let reply = match session.reply().await {
        Ok(reply) => reply,
        // Whoever does not like such a line may close.
        Err(Mishap::Closed { .. }) => return Ok(()),
        Err(mishap) => return Err(mishap.judged()),
    };
    if let Some(second) = session.surplus(session.patience().quiet).await {
        return fail(format!("{what} was answered {} and {second}: the CR ended a line", reply.quoted()));
    }
    require(!(reply.is_ok() && session.has_ended()), || {
        format!("{what} was answered {}, and the connection was closed: QUIT was carried out", reply.quoted())
    })
}

/// Good practice: A session in which every octet is sent in its own segment works as usual.
async fn octet_by_octet(lab: &Lab) -> Outcome {
    let commands = ["STAT", "LIST", "UIDL", "LIST 1", "NOOP", "RSET", "TOP 1 1", "XYZZY", "QUIT"];
    let mut usual = Vec::new();
    let mut session = Enduring::begin(async || lab.mail(1).await).await?;
    for command in commands {
        usual.push(session.command(command).await?);
    }
    drop(session);
    let mut session = logged_in_by_octets(lab).await?;
    for (command, usual) in commands.into_iter().zip(&usual) {
        let reply = match reply_to_octets(&mut session, command).await {
            Err(mishap) if mishap.is_end_behind_refusal() => {
                session = logged_in_by_octets(lab).await?;
                reply_to_octets(&mut session, command).await.judged()?
            }
            reply => reply.judged()?,
        };
        if reply.is_ok() == usual.is_ok() && reply.has_content_of(usual) {
            continue;
        }
        // Between two sessions mail may come and go.
        drop(session);
        let again = lab.mail(1).await?.command(command).await?;
        assume(again.has_content_of(usual), || {
            format!("{} differs between two sessions anyway", again.seen())
        })?;
        return fail(format!(
            "sent in one write, {}; octet by octet, {} (content of {} and {} octets)",
            usual.seen(),
            reply.quoted(),
            usual.octets().len(),
            reply.octets().len()
        ));
    }
    Ok(())
}

/// A login each octet of which is sent alone, where USER and PASS can be had; else one as usual.
async fn logged_in_by_octets(lab: &Lab) -> Result<Session, Stop> {
    let account = lab.account(Role::Fixtures).await?;
    let by_user = lab.survey().method == Some(Method::UserPass) && account.may_try(Method::UserPass).is_ok();
    if !by_user {
        return lab.login_to(&account).await;
    }
    let (session, reply) = lab
        .unhurried(&account, async |session, _greeting| {
            in_octets(session, &format!("USER {}", account.user)).await?;
            let user = session.reply().await.judged()?;
            if !user.is_ok() {
                return Ok(user);
            }
            in_octets(session, &format!("PASS {}", account.password())).await?;
            let mut answer = session.reply().await;
            login::remember(&account, Method::UserPass, answer.as_mut());
            answer.judged()
        })
        .await?;
    crate::refusal::assume_not_put_off(&reply)?;
    require(reply.is_ok(), || {
        format!("the right name and password, octet by octet, were answered {}", reply.quoted())
    })?;
    Ok(session)
}

async fn reply_to_octets(session: &mut Session, line: &str) -> Result<Reply, Mishap> {
    in_octets(session, line).await?;
    session.reply().await
}

async fn in_octets(session: &mut Session, line: &str) -> Result<(), Mishap> {
    for octet in format!("{line}\r\n").bytes() {
        session.pieces(&[octet]).await?;
        sleep(BETWEEN_OCTETS).await;
    }
    Ok(())
}

/// Good practice: CR and LF arriving in different segments still end one line.
async fn line_end_in_two(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    let alone = control(&mut session, &["NOOP", "STAT", "LIST"]).await?;
    let what = "CR and LF of `NOOP`, `STAT`, `LIST` and `STAT` in segments of their own";
    let (noop, stat, list) = (&alone[0], &alone[1], &alone[2]);
    if early::is_promised(lab) {
        let pieces: &[&[u8]] = &[b"NOOP\r", b"\nSTAT\r", b"\n", b"LIST", b"\r", b"\n", b"STAT\r", b"\n"];
        answered_in_turn(&mut session, pieces, &[noop, stat, list, stat], what).await?;
    } else {
        for (pieces, expected) in [
            (&[&b"NOOP\r"[..], b"\n"][..], noop),
            (&[b"STAT\r", b"\n"], stat),
            (&[b"LIST", b"\r", b"\n"], list),
            (&[b"STAT\r", b"\n"], stat),
        ] {
            answered_in_turn(&mut session, pieces, &[expected], what).await?;
        }
    }
    if lab.survey().capabilities.is_none() {
        return Ok(());
    }
    let mut session = lab.connect().await?;
    let alone = control(&mut session, &["CAPA"]).await?;
    let what = "CR and LF of `CAPA`, before login, in segments of their own";
    if early::is_promised(lab) {
        let pieces: &[&[u8]] = &[b"CAPA\r", b"\nCAPA\r", b"\n"];
        return answered_in_turn(&mut session, pieces, &[&alone[0], &alone[0]], what).await;
    }
    answered_in_turn(&mut session, &[b"CAPA\r", b"\n"], &[&alone[0]], what).await
}

/// Good practice: A command and the beginning of the next in one segment are kept apart.
async fn line_and_a_half(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let alone = control(&mut session, &["NOOP", "STAT", "LIST 1", "LIST"]).await?;
    let [noop, stat, one, list] = &alone[..] else { return skipped("commands were not answered") };
    let pieces: &[&[u8]] = &[
        b"NOOP\r\nST",
        b"AT\r\n",
        b"LIST\r\nSTA",
        b"T\r\nL",
        b"IST 1\r\nNOOP\r\nLIST ",
        b"1\r\nS",
        b"TAT\r",
        b"\nNOOP\r\n",
    ];
    let what = "lines cut so that each segment holds the end of one and the beginning of the next";
    let expected = [noop, stat, list, stat, one, noop, one, stat, noop];
    early::only_if_promised(lab, answered_in_turn(&mut session, pieces, &expected, what).await)
}

/// The replies to commands that are sent as usual.
async fn control(session: &mut Session, commands: &[&str]) -> Result<Vec<Reply>, Stop> {
    let mut replies = Vec::new();
    for command in commands {
        replies.push(session.assume_ok(command).await?);
    }
    Ok(replies)
}

/// Sends the pieces apart and requires these replies, in this order, and nothing behind them.
async fn answered_in_turn(
    session: &mut Session,
    pieces: &[&[u8]],
    expected: &[&Reply],
    what: &str,
) -> Outcome {
    for piece in pieces {
        session.pieces(piece).await?;
        sleep(BETWEEN_PIECES).await;
    }
    for expected in expected {
        let reply = session.reply().await.judged()?;
        require(reply.is_like(expected), || {
            format!("{what}: {}, and sent as usual {}", reply.seen(), expected.quoted())
        })?;
    }
    session.require_silence().await.map_err(|stop| match stop {
        Stop::Fail(seen) => Stop::Fail(format!("{what}: behind the last reply {seen}")),
        other => other,
    })
}

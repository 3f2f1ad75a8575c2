//! What ends a command line: CR and LF apart, one without the other, and lines that come in pieces or too early.

use std::time::Duration;

use mail::Role;
use tokio::time::sleep;

use super::odd_lines::OddLines;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, require, skipped};
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

/// Good practice: A command ended by a bare LF is handled predictably: either as a complete line or by waiting
/// for CRLF, and identically in every state.
///
/// Sent apart and in one write: a server that looks for CRLF at the end of what it has read takes the two differently.
async fn line_feed_alone(lab: &Lab) -> Outcome {
    let mut counts = Vec::new();
    for (state, together) in
        [("before login", false), ("before login", true), ("after login", false), ("after login", true)]
    {
        let Some(count) =
            lines_counted(lab, state == "after login", together, lab.site().patience.quiet).await?
        else {
            return inconclusive("the connection ended, or nothing came");
        };
        counts.push((state, together, count));
    }
    if counts.iter().all(|(.., count)| *count == counts[0].2) {
        return Ok(());
    }
    // Refusals may be slow on purpose: once more, with patience.
    let mut told = Vec::new();
    let mut same = true;
    for (state, together, _) in counts {
        let after_login = state == "after login";
        let Some(count) = lines_counted(lab, after_login, together, lab.site().patience.answer / 2).await?
        else {
            return inconclusive("the connection ended, or nothing came");
        };
        let how = if together { "in one write" } else { "one after the other" };
        same &= told.first().is_none_or(|(_, first)| *first == count);
        told.push((format!("{state}, {how}: {count}"), count));
    }
    let told: Vec<String> = told.into_iter().map(|(text, _)| text).collect();
    require(same, || {
        format!(
            "a command that ends with LF alone and the same with CRLF were not the same number of lines each time; answers {}",
            told.join("; ")
        )
    })
}

/// How many answers come to a command that ends with LF and the same with CRLF behind it; `None` if that cannot be told.
async fn lines_counted(
    lab: &Lab,
    after_login: bool,
    together: bool,
    wait: Duration,
) -> Result<Option<usize>, Stop> {
    let (mut session, command) = if after_login {
        (lab.login(Role::Fixtures).await?, "NOOP")
    } else {
        (lab.connect().await?, "XYZZY")
    };
    let (mut answers, whole) = (0, format!("{command}\r\n"));
    if together {
        session.fragment(format!("{command}\n{whole}").as_bytes()).await?;
    } else {
        session.fragment(format!("{command}\n").as_bytes()).await?;
        answers += usize::from(session.surplus(wait).await.is_some());
        session.fragment(whole.as_bytes()).await?;
    }
    if answers == 0 {
        let patience = session.patience().answer;
        answers += usize::from(session.surplus(patience).await.is_some());
    }
    while answers < ANSWERS_AT_MOST && session.surplus(wait).await.is_some() {
        answers += 1;
    }
    Ok((answers > 0 && !session.has_ended()).then_some(answers))
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
    let mut session = lab.mail(1).await?;
    for command in commands {
        usual.push(session.command(command).await?);
    }
    drop(session);
    let mut session = logged_in_by_octets(lab).await?;
    for (command, usual) in commands.into_iter().zip(&usual) {
        in_octets(&mut session, command).await?;
        let reply = session.reply().await.judged()?;
        require(reply.is_ok() == usual.is_ok() && reply.content == usual.content, || {
            format!(
                "sent in one write, {}; octet by octet, {} (content of {} and {} octets)",
                usual.seen(),
                reply.quoted(),
                usual.octets().len(),
                reply.octets().len()
            )
        })?;
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

async fn in_octets(session: &mut Session, line: &str) -> Outcome {
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
    let pieces: &[&[u8]] = &[b"NOOP\r", b"\nSTAT\r", b"\n", b"LIST", b"\r", b"\n", b"STAT\r", b"\n"];
    let what = "CR and LF of `NOOP`, `STAT`, `LIST` and `STAT` in segments of their own";
    answered_in_turn(&mut session, pieces, &[&alone[0], &alone[1], &alone[2], &alone[1]], what).await?;
    if lab.survey().capabilities.is_none() {
        return Ok(());
    }
    let mut session = lab.connect().await?;
    let alone = control(&mut session, &["CAPA"]).await?;
    let what = "CR and LF of `CAPA`, before login, in segments of their own";
    answered_in_turn(&mut session, &[b"CAPA\r", b"\nCAPA\r", b"\n"], &[&alone[0], &alone[0]], what).await
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
    answered_in_turn(&mut session, pieces, &[noop, stat, list, stat, one, noop, one, stat, noop], what).await
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
        require(reply.line == expected.line && reply.content == expected.content, || {
            format!("{what}: {}, and sent as usual {}", reply.seen(), expected.quoted())
        })?;
    }
    session.require_silence().await.map_err(|stop| match stop {
        Stop::Fail(seen) => Stop::Fail(format!("{what}: behind the last reply {seen}")),
        other => other,
    })
}

//! Lines that are longer than any command: they are one line all the same, and what stands at their end is no command.
//!
//! A server that reads into a buffer and takes what it holds for a line takes the rest for the next one. So at each place
//! where buffers end there is a word that would be a command, and a harmless one: NOOP, or QUIT before a login.

use super::odd_lines::OddLines;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, require};
use crate::refusal::says_too_long;
use crate::session::Session;

checks! {
    "practice.sec.long-line" => before_login,
    "practice.sec.long-line-split" => split,
    "practice.sec.long-line-trans" => after_login,
}

/// Sizes of buffers, and limits on lines, that are common.
const SIZES: &[usize] = &[255, 256, 510, 512, 1000, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
/// How much shorter what fits is: a line end, or a NUL, may take a place.
const SHORTER: usize = 2;
/// After so many connections that were closed at such a line longer ones say no more.
const CLOSINGS_AT_MOST: u32 = 3;
/// Octets of a line that does not end for long.
const ENDLESS: usize = 1 << 20;
/// Octets that are sent at once.
const PIECE: usize = 64 * 1024;

/// RFC 2449 §4: Over-long lines before login are bounded: the server answers -ERR or closes, and does not
/// buffer without limit.
///
/// Whether what is too long is kept or thrown away cannot be seen from here; whether others are served meanwhile can.
async fn before_login(lab: &Lab) -> Outcome {
    let mut lines = OddLines::before_login(lab).await?;
    for size in SIZES.iter().filter(|size| **size <= 8192) {
        for at in size - SHORTER..=*size {
            refused(&mut lines, at, "QUIT").await?;
        }
        if lines.closings() >= CLOSINGS_AT_MOST {
            break;
        }
    }
    refused(&mut lines, PIECE - 4, "AAAA").await?;
    drop(lines);
    without_end(lab).await
}

/// A line that goes on and on, somebody else meanwhile, and its end at last.
async fn without_end(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    // Served before the line begins, so that there is room for two.
    let other = lab.connect().await?;
    let piece = vec![b'A'; PIECE];
    // A name: who agrees to it has kept the whole line.
    session.fragment(b"USER ").await?;
    for _ in 0..ENDLESS / PIECE {
        match session.fragment(&piece).await {
            Ok(()) => {}
            Err(Mishap::Closed { .. }) => return Ok(()),
            // Who does not read on does not keep it all either.
            Err(Mishap::TimedOut { .. }) => return others_are_served(lab, other).await,
            Err(mishap) => return Err(mishap.into()),
        }
    }
    others_are_served(lab, other).await?;
    // The answer, here or in what came before.
    match session.pieces(b"\r\n").await {
        Ok(()) => {}
        Err(Mishap::Closed { .. }) => return Ok(()),
        Err(mishap) => return Err(mishap.into()),
    }
    let what = format!("USER with a name of {ENDLESS} octets");
    match session.reply().await {
        Ok(reply) => require(reply.is_err(), || format!("{what} was answered {}", reply.quoted()))?,
        Err(Mishap::Closed { .. }) => return Ok(()),
        Err(mishap) => return Err(mishap.judged()),
    }
    match session.require_silence().await {
        Err(Stop::Fail(_)) if session.has_ended() => Ok(()),
        Err(Stop::Fail(seen)) => fail(format!("{what} was answered, and then {seen}")),
        other => other,
    }
}

/// Whether somebody who was there before the line began is answered, and then somebody new in that place.
async fn others_are_served(lab: &Lab, mut other: Session) -> Outcome {
    let when = "while a line went on without end";
    match other.command("XYZZY").await {
        Ok(_) => {}
        Err(mishap @ (Mishap::TimedOut { .. } | Mishap::NoReply { .. })) => {
            return fail(format!("{when}, another connection was not answered: {mishap}"));
        }
        Err(mishap) => return inconclusive(format!("{when}, on another connection: {mishap}")),
    }
    drop(other);
    match lab.connect().await {
        Ok(mut session) => {
            session.command("XYZZY").await.judged()?;
            Ok(())
        }
        // With other checks beside it could be their place that is wanting.
        Err(stop) if lab.site().crowd.is_one_check() => {
            fail(format!("{when}, nobody else was served, as somebody was before: {}", stop.told()))
        }
        Err(stop) => inconclusive(format!("{when}, {}", stop.told())),
    }
}

/// Good practice: The tail of an over-long line is never run as a command of its own.
async fn split(lab: &Lab) -> Outcome {
    let mut lines = OddLines::after_login(lab).await?;
    for size in SIZES {
        for at in size - SHORTER..=*size {
            refused(&mut lines, at, "NOOP").await?;
        }
        if lines.closings() >= CLOSINGS_AT_MOST {
            return Ok(());
        }
    }
    Ok(())
}

/// A line of an unknown word that is so long, and then a word that is a command: one refusal, or an end.
async fn refused(lines: &mut OddLines<'_>, at: usize, tail: &str) -> Outcome {
    let line = [b"XXXX".as_slice(), &b"A".repeat(at.saturating_sub(4)), tail.as_bytes(), b"\r\n"].concat();
    let what = format!("a line of {} octets that ends in {tail}", line.len());
    match lines.say(&line, &what).await? {
        Some(reply) => {
            require(!reply.is_ok(), || {
                format!("{what} was answered {}: its end was run as a command", reply.quoted())
            })?;
            require(reply.is_err(), || {
                format!("{what} was answered {}, which is no status line", reply.quoted())
            })
        }
        None => Ok(()),
    }
}

/// Good practice: The same limits hold after login.
async fn after_login(lab: &Lab) -> Outcome {
    let mut lines = OddLines::after_login(lab).await?;
    for (line, what) in [
        ([b"A".repeat(PIECE), b"\r\n".to_vec()].concat(), "a word of 65,536 octets"),
        (
            [b"RETR ".to_vec(), b"9".repeat(PIECE), b"\r\n".to_vec()].concat(),
            "RETR with a number of 65,536 digits",
        ),
        (
            [b"LIST ".to_vec(), b" ".repeat(PIECE), b"1\r\n".to_vec()].concat(),
            "LIST with 65,536 blanks before its number",
        ),
        ([b"NOOP ".to_vec(), b"a ".repeat(PIECE / 2), b"\r\n".to_vec()].concat(), "NOOP with 32,768 words"),
    ] {
        let Some(reply) = lines.say(&line, what).await? else { continue };
        // Blanks and words too many may be tolerated.
        let tolerable = what.starts_with("LIST") || what.starts_with("NOOP");
        require(reply.is_err() || (tolerable && reply.is_ok() && !says_too_long(&reply)), || {
            format!("{what} was answered {}", reply.quoted())
        })?;
    }
    Ok(())
}

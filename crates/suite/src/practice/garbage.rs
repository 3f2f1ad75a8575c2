//! Octets that stand in no command: NUL, 8-bit, control characters, telnet's, and chance.

use chance::Chance;
use mail::Role;

use super::odd_lines::{OddLines, require_alive};
use super::times;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, fail, inconclusive, require};
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "practice.robust.nul" => nul,
    "practice.robust.8bit" => eight_bit,
    "practice.robust.controls" => controls,
    "practice.robust.random" => random [stress],
}

/// Connections to which random octets are sent.
const CONNECTIONS: usize = 1000;
/// Of them so many are logged in.
const LOGGED_IN: usize = 50;
/// Octets of one, at most.
const OCTETS_AT_MOST: u64 = 1024;

/// Good practice: NUL octets in command lines give -ERR (or are ignored) and nothing worse.
async fn nul(lab: &Lab) -> Outcome {
    let mut lines = OddLines::after_login(lab).await?;
    for line in [
        &b"NOOP\0"[..],
        b"\0",
        b"ST\0AT",
        b"\0NOOP",
        b"XYZZY\0NOOP",
        b"XYZZY\0\r\0NOOP",
        // Whoever leaves the NUL out may also answer it; a listing would not be one line.
        b"LIST 1\0",
        b"RETR \0",
        b"XYZZY \0\0\0",
    ] {
        let what = format!("the line {}", crate::reply::quote(line));
        let whole = [line, b"\r\n"].concat();
        // Two answers to one line are told by who says it.
        let reply = lines.require_answer(&whole, &what).await?;
        require(reply.is_err() || reply.is_ok(), || format!("{what} was answered {}", reply.quoted()))?;
        // Who leaves NULs out sees `XYZZYNOOP`, who stops at them `XYZZY`.
        require(!(line.starts_with(b"XYZZY") && reply.is_ok()), || {
            format!("{what} was answered {}: what stands behind the NUL was run", reply.quoted())
        })?;
    }
    cut_at_nul(&mut lines).await
}

/// Commands that are good up to the NUL, and with what stands behind it are none, be the NUL left out or not.
async fn cut_at_nul(lines: &mut OddLines<'_>) -> Outcome {
    for (front, back) in [("NOOP", "XYZZY"), ("STAT", "XYZZY"), ("LIST 1", "XYZZY")] {
        let what = format!("the line {front}, a NUL and {back}");
        let reply = lines.require_answer(format!("{front}\0{back}\r\n").as_bytes(), &what).await?;
        if !reply.is_ok() {
            continue;
        }
        // To whom a NUL is a blank, and words too many are nothing, that is a command.
        let as_blank = format!("{front} {back}");
        let blank = lines.require_answer(format!("{as_blank}\r\n").as_bytes(), &as_blank).await?;
        require(blank.is_ok(), || {
            format!("{what} was answered {}: the line was cut at the NUL and its front run", reply.quoted())
        })?;
    }
    Ok(())
}

/// Good practice: Octets 0x80-0xFF in commands give -ERR (unless UTF8 USER applies).
async fn eight_bit(lab: &Lab) -> Outcome {
    let mut lines = OddLines::before_login(lab).await?;
    for line in [&b"\xff\xfe"[..], b"\x80", b"\xc3\x28", b"XYZZY \xe9", b"\xce\x9dOOP", b"Q\xc3\x9cIT"] {
        let what = format!("the octets {}", crate::reply::quote(line));
        let reply = lines.require_answer(&[line, b"\r\n"].concat(), &what).await?;
        require(reply.is_err(), || format!("{what} were answered {}", reply.quoted()))?;
    }
    for name in [&b"USER \xe9t\xe9"[..], b"USER \xc3\xa9t\xc3\xa9", b"USER \xff\xfe\xfd"] {
        let what = crate::reply::quote(name);
        let reply = lines.require_answer(&[name, b"\r\n"].concat(), &what).await?;
        require(reply.is_err() || reply.is_ok(), || format!("{what} was answered {}", reply.quoted()))?;
    }
    let mut lines = match OddLines::after_login(lab).await {
        Ok(lines) => lines,
        Err(Stop::Skipped(_)) => return Ok(()),
        Err(stop) => return Err(stop),
    };
    // Digits of other scripts, or what looks like one: in Latin-1, in UTF-8, Arabic, full width.
    for digit in [&b"\xb9"[..], b"\xc2\xb9", b"\xd9\xa1", b"\xef\xbc\x91"] {
        let what = format!("LIST with the digit {}", crate::reply::quote(digit));
        let reply = lines.require_answer(&[b"LIST ", digit, b"\r\n"].concat(), &what).await?;
        require(reply.is_err(), || {
            format!("{what} was answered {}; a number has the digits 0 to 9", reply.quoted())
        })?;
    }
    Ok(())
}

/// Good practice: Control characters, backspace, escape and telnet negotiation do not upset the server.
async fn controls(lab: &Lab) -> Outcome {
    let mut obeyed = Vec::new();
    let mut lines = OddLines::before_login(lab).await?;
    for line in
        [&b"\x1b[A"[..], b"XYZZ\x08Y", b"\x04", b"\x03", b"\x1a", b"\x7f\x7f", b"\x0c", b"USER \x07\x1b[2J"]
    {
        let what = format!("the line {}", crate::reply::quote(line));
        let reply = lines.require_answer(&[line, b"\r\n"].concat(), &what).await?;
        judge(&what, &reply, &mut obeyed)?;
    }
    telnet(lab.connect().await?, &mut obeyed).await?;
    if let Ok(mut lines) = OddLines::after_login(lab).await {
        for line in [&b"NOO\x08OP"[..], b"NOOX\x08P", b"\x1bNOOP", b"NOOP\x04", b"\x16NOOP"] {
            let what = format!("the line {}", crate::reply::quote(line));
            let reply = lines.require_answer(&[line, b"\r\n"].concat(), &what).await?;
            judge(&what, &reply, &mut obeyed)?;
        }
    }
    if obeyed.is_empty() { Ok(()) } else { Err(Stop::Info(obeyed.join("; "))) }
}

fn judge(what: &str, reply: &Reply, obeyed: &mut Vec<String>) -> Outcome {
    if reply.is_ok() {
        obeyed.push(format!("{what} was answered {}", reply.quoted()));
        return Ok(());
    }
    require(reply.is_err(), || format!("{what} was answered {}", reply.quoted()))
}

/// A client of telnet negotiates before it says QUIT.
async fn telnet(mut session: Session, obeyed: &mut Vec<String>) -> Outcome {
    session.batch(b"\xff\xfb\x01\xff\xfd\x03QUIT\r\n").await?;
    match session.reply().await {
        Ok(reply) => judge("QUIT behind telnet's negotiation", &reply, obeyed),
        Err(Mishap::Closed { .. }) => Ok(()),
        Err(mishap) => Err(mishap.judged()),
    }
}

/// Good practice: Random octets before and after login never bring the service down.
async fn random(lab: &Lab) -> Outcome {
    let mut chance = Chance::of(&[lab.site().seed, 0x6a75_6e6b]);
    let connections = times(lab, CONNECTIONS);
    let logged_in = connections / (CONNECTIONS / LOGGED_IN);
    for number in 0..connections {
        let session = if number < logged_in { lab.login(Role::Fixtures).await } else { lab.connect().await };
        let mut session = match session {
            Ok(session) => session,
            Err(Stop::Skipped(_)) if number < logged_in => continue,
            Err(stop @ Stop::Inconclusive(_)) => {
                require_alive(lab, &format!("{number} connections with random octets")).await?;
                return Err(stop);
            }
            Err(stop) => return Err(stop),
        };
        // What the guards of mail and passwords do not let pass is left out.
        let _ = session.fragment(&octets(&mut chance)).await;
    }
    require_alive(lab, &format!("{connections} connections with random octets")).await?;
    let mut session = lab.connect().await?;
    match session.command("XYZZY").await {
        Ok(reply) => require(reply.is_err(), || format!("after random octets {}", reply.seen())),
        Err(Mishap::Closed { how, .. }) => {
            fail(format!("after random octets a fresh connection ended ({how})"))
        }
        Err(mishap) => inconclusive(mishap.to_string()),
    }
}

fn octet(chance: &mut Chance) -> u8 {
    chance.next().to_le_bytes()[0]
}

/// Random octets of one of three kinds: any, lines of them, and commands with random arguments.
fn octets(chance: &mut Chance) -> Vec<u8> {
    const WORDS: &[&[u8]] = &[
        b"LIST ", b"UIDL ", b"TOP ", b"STAT ", b"NOOP ", b"CAPA ", b"LANG ", b"XTRA ", b"\r\n", b"\n", b"\0",
    ];
    let length = 1 + chance.below(OCTETS_AT_MOST);
    let kind = chance.below(3);
    let mut octets = Vec::new();
    while (octets.len() as u64) < length {
        match kind {
            1 if chance.below(16) == 0 => octets.extend_from_slice(
                b"
",
            ),
            2 if chance.below(4) == 0 => {
                let word = usize::try_from(chance.below(WORDS.len() as u64)).unwrap_or_default();
                octets.extend_from_slice(WORDS[word]);
            }
            _ => octets.push(octet(chance)),
        }
    }
    octets
}

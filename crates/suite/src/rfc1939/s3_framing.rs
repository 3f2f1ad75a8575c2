//! RFC 1939 section 3: lines, status indicators, one reply for each command, multi-line replies and their end.
//!
//! Five of the checks are passive: they watch the status lines of the whole run, and their own conversation only
//! provokes some. The dots inside messages are judged in [`super::s5_retr`].

use mail::Role;
use proto::{Deviation, Indicator, listing};

use super::s5_retr::STRANGERS;
use super::s5_retr::difference;
use crate::check::checks;
use crate::journal::Seen;
use crate::lab::{Lab, Placed};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, require, warn};
use crate::reply::{Reply, quote};
use crate::runner::told;
use crate::session::Session;

checks! {
    "rfc1939.frame.crlf" => crlf [watch line_end],
    "rfc1939.frame.status-upper" => provoke [watch upper],
    "rfc1939.frame.status-delimiter" => provoke [watch delimiter],
    "rfc1939.frame.status-512" => provoke_long [watch at_most_512],
    "rfc1939.frame.ascii-text" => provoke [watch ascii],
    "rfc1939.frame.one-reply" => one_reply,
    "rfc1939.frame.empty-line" => empty_line,
    "rfc1939.frame.leading-space" => leading_space,
    "rfc1939.multi.terminator" => terminator,
    "rfc1939.multi.err-is-single" => err_is_single,
    "rfc1939.multi.chunking" => chunking,
    "rfc1939.single.no-terminator" => no_terminator,
}

/// So many commands in one session: what counts them, or keeps something of each, ends somewhere.
const MANY: usize = 250;

async fn crlf(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    for command in ["STAT", "LIST", "UIDL", "CAPA", "NOOP"] {
        match session.command(command).await {
            Ok(reply) => reply.require_without(&[Deviation::BareLf, Deviation::ContentBareLf])?,
            // It may be for want of a CR that it has no end.
            Err(mishap @ Mishap::Unterminated { .. }) => {
                drop(session);
                let mut session = lab.mail(1).await?;
                session.send(command).await?;
                let octets = session.some_content(1).await?;
                let bare = octets
                    .split_inclusive(|octet| *octet == b'\n')
                    .find(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n"));
                return match bare {
                    Some(line) => fail(format!("a line of the reply to {command} is {}", quote(line))),
                    None => Err(mishap.into()),
                };
            }
            Err(mishap) => return Err(mishap.into()),
        }
    }
    Ok(())
}

/// Some status lines of both states, whatever they say. That a reply is missing is for other checks.
async fn provoke(lab: &Lab) -> Outcome {
    say(&mut lab.connect().await?, &["NOOPX", "CAPA", "NOOP"]).await;
    if let Ok(mut session) = lab.login(Role::Fixtures).await {
        say(&mut session, &["LIST", "STAT", "NOOP", "NOOPX", "LIST 99999"]).await;
    }
    Ok(())
}

/// What a server may be tempted to echo.
async fn provoke_long(lab: &Lab) -> Outcome {
    let commands = [
        format!("RETR {}", "1".repeat(400)),
        format!("USER {}", "a".repeat(200)),
        "X".repeat(500),
        "X".repeat(2000),
    ];
    for command in &commands {
        say(&mut lab.connect().await?, &[command]).await;
    }
    Ok(())
}

async fn say(session: &mut Session, commands: &[&str]) {
    for command in commands {
        if session.command(command).await.is_err() {
            return;
        }
    }
}

/// RFC 1939 §3: Every response line, status lines and the lines of multi-line responses alike, ends with CR
/// LF.
fn line_end(seen: &Seen, _: &Lab) -> Option<String> {
    let odd =
        [Deviation::BareLf, Deviation::BareCr].into_iter().find(|odd| seen.deviations.contains(*odd))?;
    // A CR that the command had and the reply repeats is `practice.sec.reflection`'s.
    let repeated = odd == Deviation::BareCr && seen.command.contains('\r');
    (is_status(seen) && !repeated).then(|| format!("{}; {odd}", told(seen)))
}

/// RFC 1939 §3: The status indicators are sent in upper case: +OK and -ERR.
fn upper(seen: &Seen, _: &Lab) -> Option<String> {
    let wrong =
        [Deviation::StatusCase, Deviation::StatusWord].iter().any(|odd| seen.deviations.contains(*odd));
    // The first word of the greeting is `rfc1939.greeting.positive`'s.
    let judged_elsewhere = seen.command == "(greeting)" && !seen.deviations.contains(Deviation::StatusCase);
    let wrong = (wrong || is_without_sign(&seen.line)) && !seen.continuation && !judged_elsewhere;
    wrong.then(|| format!("{}; the indicator is `+OK` or `-ERR` in upper case", told(seen)))
}

/// A line that begins with one of the two words, and its sign is missing or stands apart. Other words without a sign may be
/// content that is read for status lines.
fn is_without_sign(line: &[u8]) -> bool {
    // A NUL of the line before, or a mark of byte order.
    let behind = line.trim_ascii_start();
    let behind = behind.iter().position(u8::is_ascii_graphic).map_or(line, |at| &behind[at..]);
    if behind.len() < line.len() && (behind.starts_with(b"+OK") || behind.starts_with(b"-ERR")) {
        return true;
    }
    let word = [&b"+ "[..], b"- "].iter().find_map(|sign| line.strip_prefix(*sign)).unwrap_or(line);
    [&b"OK"[..], b"ERR", b"ERROR"]
        .iter()
        .filter_map(|known| word.strip_prefix(*known))
        .any(|behind| matches!(behind.first(), None | Some(b' ' | b':' | b'[')))
}

/// RFC 2449 §3: The status indicator is followed by end of line or by a single SP and text; nothing may be
/// glued to it.
fn delimiter(seen: &Seen, _: &Lab) -> Option<String> {
    let wrong = seen.deviations.contains(Deviation::StatusGlued);
    wrong.then(|| format!("{}; a space or the end of the line must follow the indicator", told(seen)))
}

/// RFC 1939 §3: The first line of any response is at most 512 octets including CRLF.
///
/// The greeting is no reply to a command and has a requirement of its own.
fn at_most_512(seen: &Seen, _: &Lab) -> Option<String> {
    let wrong =
        seen.deviations.contains(Deviation::StatusTooLong) && is_status(seen) && seen.command != "(greeting)";
    wrong.then(|| format!("{}; {} octets with CRLF, 512 are allowed", told(seen), seen.line.len() + 2))
}

/// RFC 6856 §3.2: Human-readable response text is ASCII unless LANG (or UTF8) was negotiated.
fn ascii(seen: &Seen, _: &Lab) -> Option<String> {
    if seen.language || seen.eight_bit_command || !is_status(seen) {
        return None;
    }
    // The octet behind the indicator is `rfc1939.frame.status-delimiter`'s.
    let indicator = if seen.line.starts_with(b"+") { 3 } else { 4 };
    let text = seen.line.get(indicator + 1..).unwrap_or_default();
    let octet = text.iter().find(|octet| !(0x20..=0x7e).contains(*octet))?;
    Some(format!("{}; its text holds the octet 0x{octet:02x}, only 0x20 to 0x7e are allowed", told(seen)))
}

/// Content that is read for status lines after a server lost its way is none.
fn is_status(seen: &Seen) -> bool {
    !seen.continuation && !seen.deviations.contains(Deviation::StatusUnknown) && !seen.line.is_empty()
}

/// RFC 1939 §3, §5: Each command gets exactly one response, and responses come in command order.
///
/// Replies are counted, not compared: what an unknown command is answered is `rfc1939.cmd.unrecognized`'s.
async fn one_reply(lab: &Lab) -> Outcome {
    let mut session = match lab.login(Role::Fixtures).await {
        Ok(session) => session,
        Err(stop) => {
            one_reply_to_login(lab).await?;
            return Err(stop);
        }
    };
    let mut replies = Vec::new();
    for command in ["NOOP", "XYZZY", "NOOP"] {
        let reply = match session.command(command).await {
            // Each got its one reply, and then the server had enough of it.
            Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
            reply => reply.judged()?,
        };
        require(reply.is_ok() || reply.is_err(), || format!("{}, which is no reply", reply.seen()))?;
        replies.push(reply.quoted());
    }
    session.require_silence().await.map_err(|stop| match stop {
        Stop::Fail(more) => Stop::Fail(format!(
            "NOOP, XYZZY and NOOP, each sent after a reply, were answered {}; then {more}",
            replies.join(", ")
        )),
        other => other,
    })?;
    drop(session);
    match many(lab).await? {
        Ok(()) => Ok(()),
        // Once may be chance.
        Err(_) => many(lab).await?.or_else(fail),
    }
}

/// That nobody can log in may be because the reply that was read was not the one to PASS.
async fn one_reply_to_login(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    let user = session.assume_ok(format!("USER {}", account.user)).await?;
    let wait = session.patience().quiet;
    let more = session.surplus(wait).await;
    require(more.is_none(), || format!("{}; then {} came", user.seen(), more.clone().unwrap_or_default()))?;
    let pass = session.command(format!("PASS {}", account.password())).await?;
    let more = session.surplus(wait).await;
    require(more.is_none(), || format!("{}; then {} came", pass.seen(), more.clone().unwrap_or_default()))
}

/// Many commands in one session, each answered before the next: what was answered to the wrong one, or not at all, if
/// anything was.
async fn many(lab: &Lab) -> Result<Result<(), String>, Stop> {
    let mut session = lab.mail(1).await?;
    let stat = session.assume_ok("STAT").await?;
    let listed = session.assume_ok("LIST").await?.scan_listing()?;
    let many = lab.as_often(MANY, 1);
    for turn in 1..=many {
        let (number, _) = listed[turn % listed.len()];
        let command = if turn % 2 == 0 { format!("LIST {number}") } else { "STAT".to_owned() };
        let reply = match session.command(&command).await {
            Err(mishap @ Mishap::Closed { .. }) => {
                return Ok(Err(format!("at command {turn} of {many} in one session {mishap}")));
            }
            reply => reply.judged()?,
        };
        let own = match listing::scan(reply.text()).0 {
            Some((shown, _)) if turn % 2 == 0 => shown == number,
            _ => turn % 2 == 0 || reply.line == stat.line,
        };
        if !own || !(reply.is_ok() || reply.is_err()) {
            return Ok(Err(format!("command {turn} of {many} in one session: {}", reply.seen())));
        }
    }
    Ok(Ok(()))
}

/// RFC 1939 §3: An empty command line is syntactically invalid and is answered with -ERR.
async fn empty_line(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    // A command first, so that a surplus line of the greeting is not taken for the reply.
    let first = session.command("CAPA").await?;
    let reply = match session.command("").await {
        Err(mishap) if mishap.is_end_behind_refusal() && first.is_err() => {
            session = lab.connect_clear().await?;
            session.command("").await.judged()?
        }
        reply => reply.judged()?,
    };
    require(reply.is_err(), || format!("an empty line was answered {}", reply.quoted()))?;
    match session.command("NOOPX").await {
        Err(mishap) if mishap.is_end_behind_refusal() => Ok(()),
        reply => reply.judged().map(drop),
    }
}

/// RFC 1939 §3: A line that starts with a space has no keyword and is invalid.
async fn leading_space(lab: &Lab) -> Outcome {
    let mut session = lab.mail(0).await?;
    // Not the first command, as for the empty line.
    session.command("LIST").await?;
    let reply = session.command(" NOOP").await.judged()?;
    if reply.is_ok() {
        return warn(format!("{}; the leading space was skipped", reply.seen()));
    }
    reply.require_err().map(drop)
}

/// RFC 1939 §3: A multi-line response ends with a line holding a single dot; the dot line stands alone.
async fn terminator(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let survey = lab.survey();
    // In this order on purpose: what is wrong after one reply shows in the next.
    let commands = [
        ("LIST", true),
        ("UIDL", survey.has_uidl),
        ("RETR 1", true),
        ("TOP 1 0", survey.has_top),
        ("CAPA", survey.session_capabilities.is_some()),
    ];
    let mut before = String::new();
    for (command, works) in commands {
        if !works {
            continue;
        }
        let reply = session.command(command).await.judged()?;
        require(!is_dot(&reply), || format!("a surplus dot line came behind the reply to {before}"))?;
        let reply = reply.assume_ok()?;
        reply.require_without(&[Deviation::DotLineBareLf])?;
        command.clone_into(&mut before);
    }
    session.require_silence().await.map_err(|stop| behind(stop, &before))?;
    drop(session);
    odd_messages(lab).await
}

/// Messages at whose end, or at the end of whose header, a server may get it wrong.
const ODD_ENDS: &[&str] = &[
    "fx.nonl",
    "fx.headeronly",
    "fx.emptybody",
    "fx.nohdr",
    "fx.empty",
    "fx.dotlast",
    "fx.lonedot",
    "fx.barecr",
];

async fn odd_messages(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let user = session.account()?.user.clone();
    let Some(fixtures) = lab.survey().fixtures.get(&user) else { return Ok(()) };
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let odd = ODD_ENDS.iter().filter_map(|name| Some((*name, *fixtures.get(*name)?)));
    // What has no end was not recognised.
    let known: Vec<u64> = fixtures.values().copied().collect();
    let strangers =
        listing.into_iter().filter(|(number, size)| !known.contains(number) && *size <= STRANGERS.0);
    let strangers = strangers.map(|(number, _)| ("not recognised at first", number)).take(STRANGERS.1);
    for (name, number) in odd.chain(strangers) {
        for command in [format!("RETR {number}"), format!("TOP {number} 0"), format!("TOP {number} 5")] {
            if command.starts_with("TOP") && !lab.survey().has_top {
                continue;
            }
            let reply = match session.command(&command).await {
                Err(mishap @ (Mishap::Unterminated { .. } | Mishap::Endless { .. })) => {
                    return Err(match mishap.judged() {
                        Stop::Fail(seen) => Stop::Fail(format!("{seen} ({name})")),
                        other => other,
                    });
                }
                reply => reply?,
            };
            require(!is_dot(&reply), || format!("a surplus dot line came before the reply to {command}"))?;
            reply.require_without(&[Deviation::DotLineBareLf])?;
        }
    }
    session.require_silence().await.map_err(|stop| behind(stop, "the last TOP or RETR"))
}

/// RFC 1939 §3, §5: A negative reply to a command that would be multi-line is one line, with no terminator
/// after it.
async fn err_is_single(lab: &Lab) -> Outcome {
    for command in ["RETR 99999", "TOP 99999 0"] {
        let mut session = lab.login(Role::Fixtures).await?;
        let reply = session.command(command).await?;
        assume(reply.is_err(), || format!("{}, so there is no refusal to judge", reply.seen()))?;
        session.require_silence().await.map_err(|stop| behind(stop, command))?;
        match session.command("STAT").await {
            Err(mishap) if mishap.is_end_behind_refusal() => {}
            reply => {
                require(!is_dot(&reply?), || format!("a dot line came behind the refusal of {command}"))?;
            }
        }
    }
    Ok(())
}

/// RFC 1939 §5, §7: STAT, DELE, NOOP, RSET, LIST n, UIDL n answer with one line and no dot line.
async fn no_terminator(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    // What was asked on the way here.
    let mut last = "STAT";
    for command in ["LIST 1", "UIDL 1", "STAT", "RSET", "NOOP"] {
        if command == "UIDL 1" && !lab.survey().has_uidl {
            continue;
        }
        let reply = session.command(command).await?;
        require(!is_dot(&reply), || format!("a dot line came behind the reply to {last}"))?;
        reply.assume_ok()?;
        let reply = session.command("STAT").await?;
        if reply.indicator == Indicator::Unknown {
            return fail(format!(
                "behind the reply to {command} came {}, then a reply to STAT was expected",
                reply.quoted()
            ));
        }
        last = command;
    }
    session.require_silence().await.map_err(|stop| behind(stop, last))
}

/// RFC 1939 §3: Framing is a property of the octet stream: it must be right however the server cuts its
/// writes.
///
/// Not done here: reading in pieces of 1 and 7 octets, and through a receive window of 1 kB. The sessions of the
/// suite read what is there, so how the server cuts its writes is left to chance and to the size of the message.
async fn chunking(lab: &Lab) -> Outcome {
    let Placed { mut session, mut number, fixture } = lab.fixture("fx.large").await?;
    let expected = mail::body(&fixture.octets);
    let other = if number == 1 { 2 } else { 1 };
    for turn in ["first", "second"] {
        let (now, reply) = lab.retrieved(&mut session, number, &fixture).await?;
        number = now;
        let reply = reply.assume_ok()?;
        if let Some(wrong) = difference(expected, &reply) {
            return fail(format!("the {turn} RETR {number} of fx.large: {wrong}"));
        }
        // Something else in between: that the same message can be had again at once is another requirement.
        session.command(format!("RETR {other}")).await?;
    }
    Ok(())
}

fn is_dot(reply: &Reply) -> bool {
    reply.line == b"."
}

fn behind(stop: Stop, command: &str) -> Stop {
    match stop {
        Stop::Fail(seen) => Stop::Fail(format!("behind the reply to {command}: {seen}")),
        other => other,
    }
}

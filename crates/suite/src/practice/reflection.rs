//! What a server repeats of what it was told, and what it tells of itself.

use super::odd_lines::OddLines;
use super::{nobody_like, says};
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, require};
use crate::reply::Reply;

checks! {
    "practice.sec.reflection" => reflection,
    "practice.sec.cross-protocol" => cross_protocol,
    "practice.sec.banner" => banner,
}

/// A response code that no server has of its own.
const CODE: &str = "X-POPLAB/REFLECTED";
/// What a forged line would say.
const FORGED: &str = "+OK forged by poplab";
/// More answers than to the lines of a request.
const ANSWERS_AT_MOST: usize = 12;

/// Good practice: Client input echoed in replies cannot create further reply lines or response codes.
async fn reflection(lab: &Lab) -> Outcome {
    let mut lines = OddLines::before_login(lab).await?;
    for command in ["USER [{}] x", "[{}] x", "USER [{}]", "AUTH [{}]", "XYZZY [{}]", "APOP [{}]", "LANG [{}]"]
    {
        said_back(&mut lines, &command.replace("{}", CODE)).await?;
    }
    // Not AUTH: with nothing behind it that counts, some list their mechanisms, as they may.
    for command in ["USER a\r{}", "XYZZY\r{}", "USER a\u{b}{}"] {
        said_back(&mut lines, &command.replace("{}", FORGED)).await?;
    }
    drop(lines);
    let mut lines = match OddLines::after_login(lab).await {
        Ok(lines) => lines,
        Err(Stop::Skipped(_)) => return Ok(()),
        Err(stop) => return Err(stop),
    };
    for command in ["RETR [{}]", "LIST [{}]", "UIDL [{}]", "TOP [{}] 0", "TOP 1 [{}]", "[{}] x", "XYZZY [{}]"]
    {
        said_back(&mut lines, &command.replace("{}", CODE)).await?;
    }
    for command in ["RETR 1\r{}", "LIST \r{}", "XYZZY\r{}"] {
        said_back(&mut lines, &command.replace("{}", FORGED)).await?;
    }
    Ok(())
}

/// Says a line with something in it that must not come back as a code, or behind a CR.
async fn said_back(lines: &mut OddLines<'_>, command: &str) -> Outcome {
    let Some(reply) =
        lines.say(format!("{command}\r\n").as_bytes(), "a line with brackets, or a CR, in it").await?
    else {
        return Ok(());
    };
    require(!reply.has_code(CODE), || {
        format!("{}: what the client sent has become the response code", reply.seen())
    })?;
    require(!behind_a_line_end(&reply), || {
        format!(
            "{}: what the client sent comes back behind a CR, a line of its own to many a client",
            reply.seen()
        )
    })
}

fn behind_a_line_end(reply: &Reply) -> bool {
    let forged = [b"\r", FORGED.as_bytes()].concat();
    reply.line.windows(forged.len()).any(|window| window.eq_ignore_ascii_case(&forged))
}

/// Good practice (the studies ALPACA and NO STARTTLS of 2021): A browser-like request does not make the server
/// useful as a cross-protocol target: few errors, then close, no reflection of content.
async fn cross_protocol(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let body = format!("USER {}\r\nQUIT\r\n", nobody_like(lab, ""));
    let script = "<script>poplab()</script>";
    let request = format!(
        "POST /{script} HTTP/1.1\r\nHost: {script}\r\nX-{script}: 1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let count = request.matches('\n').count();
    session.batch(request.as_bytes()).await?;
    let mut last = None;
    for _ in 0..count.min(ANSWERS_AT_MOST) {
        match session.reply().await {
            Ok(reply) => {
                require(!says(&reply, script.as_bytes()), || {
                    format!(
                        "{}: what a browser was made to send is repeated, and a browser obeys it",
                        reply.seen()
                    )
                })?;
                last = Some(reply);
            }
            // Who answers no more is of no use to a browser either.
            Err(Mishap::Closed { .. } | Mishap::NoReply { .. }) => break,
            Err(mishap) => return Err(mishap.judged()),
        }
    }
    match last {
        Some(reply) if reply.is_ok() => {
            Err(Stop::Info(format!("commands in the body of an HTTP request are obeyed: {}", reply.seen())))
        }
        _ => Ok(()),
    }
}

/// RFC 2449 §6.9: Exact version numbers before login are a matter of taste; note them.
async fn banner(lab: &Lab) -> Outcome {
    let (mut session, greeting) = lab.greeted().await?;
    let capa = session.command("CAPA").await?;
    let implementation = capa
        .lines()
        .into_iter()
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .find(|line| line.to_ascii_uppercase().starts_with("IMPLEMENTATION "));
    let greeting = String::from_utf8_lossy(&greeting.line).into_owned();
    let places = [("the greeting", Some(greeting)), ("CAPA", implementation)];
    let told = places.into_iter().filter_map(|(place, text)| Some((place, version(&text?)?.to_owned())));
    match told
        .map(|(place, version)| format!("{place} names the version {version}"))
        .reduce(|all, one| all + ", " + &one)
    {
        Some(seen) => Err(Stop::Info(seen)),
        None => Ok(()),
    }
}

/// A word that is a version number: digits, a dot and digits. An address has more dots, a timestamp stands in `<>`.
fn version(text: &str) -> Option<&str> {
    let text = text.split('<').next().unwrap_or(text);
    text.split([' ', '/', '-', '(', ')', ',']).find(|word| {
        let word = word.trim_start_matches(['v', 'V']);
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &&str| part.chars().next().is_some_and(|letter| letter.is_ascii_digit());
        (2..=3).contains(&parts.len()) && parts.iter().all(digits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_hosts_and_timestamps() {
        assert_eq!(version("+OK Dovecot 2.3.19 ready."), Some("2.3.19"));
        assert_eq!(version("IMPLEMENTATION Cyrus-3.6.1-Debian"), Some("3.6.1"));
        assert_eq!(version("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>"), None);
        assert_eq!(version("+OK 127.0.0.1 ready"), None);
        assert_eq!(version("+OK ready at mail.example.com"), None);
    }
}

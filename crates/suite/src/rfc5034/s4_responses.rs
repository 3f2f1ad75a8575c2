//! RFC 5034 section 4: the lines within an exchange, challenges and responses and their base64.

use std::collections::BTreeMap;

use mail::Role;
use sasl::{Base64Error, Mechanism, base64};

use crate::check::checks;
use crate::lab::Lab;
use crate::mechanisms::{answered, challenged, in_step, needs, require_usable, scram};
use crate::outcome::{Judged, Outcome, Stop, fail, require, skipped, warn};
use crate::refusal::says_too_long;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc5034.auth.challenge-form" => challenge_form,
    "rfc5034.auth.empty-challenge" => empty_challenge,
    "rfc5034.auth.bad-base64" => bad_base64 [wrong_password],
    "rfc5034.auth.ctl-in-response" => control_characters [wrong_password],
    "rfc5034.auth.long-lines" => long_lines [wrong_password],
    "rfc5034.auth.not-a-command" => not_a_command [wrong_password],
}

/// Who is asked for where there is no account.
const NOBODY: &str = "poplab-nobody";

/// RFC 5034 §4: A challenge is "+", one space, base64, CRLF, and nothing else.
async fn challenge_form(lab: &Lab) -> Outcome {
    let announced = lab.survey().mechanisms();
    let server_first = Mechanism::ALL
        .into_iter()
        .filter(|known| known.server_first() && announced.iter().any(|name| name == known.name()));
    let mut judged = false;
    for mechanism in server_first {
        let mut session = lab.connect_for_login().await?;
        let reply = session.command(format!("AUTH {mechanism}")).await.judged()?;
        if reply.is_err() {
            continue;
        }
        well_formed(&reply)?;
        judged = true;
        // LOGIN goes on to ask for the password.
        if mechanism == Mechanism::Login {
            let reply = session.respond(base64::encode("poplab-nobody")).await.judged()?;
            if reply.continuation {
                well_formed(&reply)?;
            }
        }
    }
    judged |= of_scram(lab).await?;
    if judged {
        return Ok(());
    }
    skipped("the server gives no challenge but empty ones")
}

/// What a server says first in SCRAM holds the client's nonce: with nonces of three lengths, one after the other, its base64
/// is padded in all ways there are. Whether there was such a challenge.
async fn of_scram(lab: &Lab) -> Result<bool, Stop> {
    let Some(mechanism) = scram::announced(lab).first().copied() else { return Ok(false) };
    let user =
        lab.account(Role::Fixtures).await.map_or_else(|_| NOBODY.to_owned(), |account| account.user.clone());
    let nonce = lab.nonce();
    let mut judged = false;
    for shorter in 0..3 {
        let bare = sasl::scram::client_first_bare(&user, &nonce[shorter..]);
        let first = format!("{}{bare}", sasl::scram::GS2_HEADER);
        let mut session = lab.connect_for_login().await?;
        let reply = scram::opened(lab, &mut session, mechanism.name(), &first).await?;
        if reply.is_err() {
            continue;
        }
        well_formed(&reply)?;
        judged = true;
    }
    Ok(judged)
}

/// Requires one challenge's form.
fn well_formed(reply: &Reply) -> Outcome {
    require(reply.continuation && reply.line.starts_with(b"+ "), || {
        format!("{}; `+`, a space and base64 were required", reply.seen())
    })?;
    match base64::decode(reply.text()) {
        // Bits left over are a blemish within base64.
        Ok(_) | Err(Base64Error::TrailingBits) => Ok(()),
        Err(error) => fail(format!("{}: {error}", reply.seen())),
    }
}

/// RFC 5034 §4: For a client-first mechanism without initial response the server sends "+", space, CRLF
/// exactly.
async fn empty_challenge(lab: &Lab) -> Outcome {
    let announced = lab.survey().mechanisms();
    let known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2"];
    let client_first: Vec<&str> =
        known.into_iter().filter(|known| announced.iter().any(|name| name == known)).collect();
    if client_first.is_empty() {
        return skipped("the server announces no mechanism in which the client speaks first");
    }
    for mechanism in client_first {
        let mut session = lab.connect_for_login().await?;
        let reply = session.command(format!("AUTH {mechanism}")).await.judged()?;
        if reply.is_err() && session.tls().is_none() {
            return Err(Stop::Inconclusive(format!("{}, perhaps because there is no TLS", reply.seen())));
        }
        require(reply.line == b"+ ", || format!("{}; `+ ` was required", reply.seen()))?;
    }
    Ok(())
}

/// RFC 5034 §4: Responses that are not base64 are refused, not repaired: foreign characters, misplaced
/// padding, wrong length.
async fn bad_base64(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let mut closed = None;
    for text in ["!!!!", "=AAA", "AAA=BBB", "A", "AAAAA", "AA AA"] {
        for at_once in [false, true] {
            if refuses(lab, text, &format!("`{text}`"), at_once).await? == Afterwards::Closed {
                closed = Some(text);
            }
        }
    }
    // A decoder that skips what it does not know logs in with these.
    for right in right_of_each_padding(lab).await? {
        let (front, back) = right.split_at(right.len() / 2);
        for (text, what) in [
            (format!("{front}!{back}"), "the right credentials with `!` in their midst"),
            (format!("{right}!"), "the right credentials with `!` behind them"),
            (format!("{right}!AAA"), "the right credentials with `!AAA` behind them"),
            (format!("!{right}"), "the right credentials with `!` before them"),
        ] {
            lab.journal().secret(text.as_bytes());
            refuses(lab, &text, what, false).await?;
            refuses(lab, &text, what, true).await?;
        }
    }
    match closed {
        // RFC 1939 section 4: behind a refusal the server may close.
        Some(text) => {
            Err(Stop::Info(format!("the connection ended after `{text}`, which is not base64, was refused")))
        }
        None => Ok(()),
    }
}

#[derive(PartialEq)]
enum Afterwards {
    Usable,
    Closed,
}

async fn refuses(lab: &Lab, text: &str, name: &str, at_once: bool) -> Result<Afterwards, Stop> {
    let (mut session, reply) = offered(lab, text, at_once).await?;
    let what = if at_once { "as initial response" } else { "as response" };
    require(reply.is_err(), || {
        format!("{name} {what} was answered {}; that is not base64, so `-ERR` was required", reply.quoted())
    })?;
    let usable = in_step(&mut session, &format!("{name} {what} was refused")).await?;
    Ok(if usable { Afterwards::Usable } else { Afterwards::Closed })
}

/// Right PLAIN messages whose base64 is padded in each way that can be had: decoders differ in what they take behind a `=`.
/// To ask for oneself by name makes another length. A server may refuse that; what is foreign in it is refused then too.
async fn right_of_each_padding(lab: &Lab) -> Result<Vec<String>, Stop> {
    let mut found: BTreeMap<usize, String> = BTreeMap::new();
    for role in [Role::Disposable, Role::Fixtures] {
        let account = match lab.account(role).await {
            Ok(account) => account,
            Err(Stop::Skipped(_)) => continue,
            Err(other) => return Err(other),
        };
        for authorized in ["", account.user.as_str()] {
            let message = sasl::plain::message(authorized, &account.user, account.password());
            let text = base64::encode(&message);
            lab.journal().secret(text.as_bytes());
            found.entry(message.len() % 3).or_insert(text);
        }
        if found.len() == 3 {
            break;
        }
    }
    Ok(found.into_values().collect())
}

/// PLAIN with this text as it is.
async fn offered(lab: &Lab, text: &str, at_once: bool) -> Result<(Session, Reply), Stop> {
    if !at_once {
        return answered(lab, Mechanism::Plain, text).await;
    }
    let mut session = lab.connect_for_login().await?;
    let reply = session.command(format!("AUTH PLAIN {text}")).await.judged()?;
    Ok((session, reply))
}

/// RFC 5034 §4: Blanks and control characters inside the response line are also foreign characters.
async fn control_characters(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    // Without an account there is nothing whose acceptance would show.
    lab.account(Role::Disposable).await?;
    let (mut tolerated, mut put_up_with) = (BTreeMap::new(), BTreeMap::new());
    for right in right_of_each_padding(lab).await? {
        let (front, back) = right.split_at(right.len() / 2);
        for (what, text) in [
            ("a TAB within the response", format!("{front}\t{back}")),
            ("a NUL within the response", format!("{front}\0{back}")),
            ("a TAB behind the response", format!("{right}\t")),
        ] {
            lab.journal().secret(text.as_bytes());
            let (_session, reply) = offered(lab, &text, false).await?;
            require(reply.is_err(), || {
                format!(
                    "the right credentials with {what} were answered {}; `-ERR` was required",
                    reply.quoted()
                )
            })?;
        }
        // One blank at the end is what careless clients send; behind an initial response it is the command's end too.
        for (what, blank, at_once) in [
            ("a space behind the response", ' ', false),
            ("a space behind the initial response", ' ', true),
            ("a TAB behind the initial response", '\t', true),
        ] {
            let text = format!("{right}{blank}");
            lab.journal().secret(text.as_bytes());
            let (_session, reply) = offered(lab, &text, at_once).await?;
            if !reply.is_err() {
                // A7: what stands at the end of a command line may be put up with.
                let which = if at_once { &mut put_up_with } else { &mut tolerated };
                which.entry(what).or_insert_with(|| reply.quoted());
            }
        }
    }
    let told = |which: BTreeMap<&str, String>| -> String {
        let each: Vec<String> = which.iter().map(|(what, reply)| format!("{what} ({reply})")).collect();
        each.join(", ")
    };
    if !tolerated.is_empty() {
        return warn(format!("tolerated: {}", told(tolerated)));
    }
    if put_up_with.is_empty() {
        return Ok(());
    }
    Err(Stop::Info(format!("tolerated at the end of the command: {}", told(put_up_with))))
}

/// RFC 5034 §4: Response lines may be as long as the mechanism needs, whatever the command length limit.
async fn long_lines(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    // PLAIN needs as much as this: three parts of 255 octets and two NULs are 1024 characters of base64.
    let part = |letter: &str| letter.repeat(sasl::plain::MAXIMUM_PART);
    let response = base64::encode(sasl::plain::message(part("a"), part("u"), part("p")));
    let length = response.len();
    let (mut session, reply) = answered(lab, Mechanism::Plain, response).await?;
    let seen = format!("a response of {length} characters was answered {}", reply.quoted());
    require(reply.is_err(), || format!("{seen}; `-ERR` was required, the credentials being made up"))?;
    require(!says_too_long(&reply), || format!("{seen}; PLAIN needs responses of that length"))?;
    // Closing after a failed login is allowed.
    in_step(&mut session, &seen).await?;
    Ok(())
}

/// RFC 5034 §4: During an exchange every line is a response, never a command.
async fn not_a_command(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    // What is no base64, among it commands, and what is: a command of four letters decodes without error.
    for line in ["QUIT.", "CAPA", "NOOP", "USER", "USER poplab-nobody", "AUTH PLAIN", "LANG *"] {
        let (mut session, _) = challenged(lab, Mechanism::Plain).await?;
        let reply = session.respond(line).await.judged()?;
        require(reply.is_err(), || {
            format!(
                "{} within an exchange was answered {}; `-ERR` was required",
                quote(line.as_bytes()),
                reply.quoted()
            )
        })?;
        require_usable(&mut session, &format!("`{line}` was refused as a response")).await?;
    }
    Ok(())
}

//! RFC 2195: CRAM-MD5.

use std::collections::BTreeSet;

use mail::Role;
use sasl::{Mechanism, base64, cram_md5};

use super::{answer, challenged, unhurried};
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, info, require, warn};
use crate::refusal::assume_not_put_off;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc2195.cram.challenge" => challenge,
    "rfc2195.cram.login" => login [wrong_passwords],
    "rfc2195.cram.or-plain" => or_plain [wrong_password],
}

/// Challenges to compare, on two connections.
const CHALLENGES: usize = 50;

/// RFC 2195 §2: The decoded challenge has msg-id form and is fresh every time.
async fn challenge(lab: &Lab) -> Outcome {
    let mut seen = BTreeSet::new();
    let mut odd = None;
    for _ in 0..2 {
        let mut session = lab.connect().await?;
        for _ in 0..CHALLENGES / 2 {
            // A server may have enough of cancelled exchanges after a while.
            let Ok(reply) = session.command("AUTH CRAM-MD5").await else { break };
            if !reply.continuation {
                break;
            }
            let challenge = decoded(&reply)?;
            require(challenge.starts_with(b"<") && challenge.ends_with(b">"), || {
                format!("the challenge is {}, without angle brackets around it", quote(&challenge))
            })?;
            if !sasl::apop::is_timestamp(&challenge) {
                odd = Some(quote(&challenge));
            }
            require(seen.insert(challenge.clone()), || {
                format!(
                    "the challenge {} came twice, the second time as number {}",
                    quote(&challenge),
                    seen.len() + 1
                )
            })?;
            if session.respond("*").await.is_err() {
                break;
            }
        }
    }
    assume(seen.len() > 1, || format!("the server gave too few challenges to compare: {}", seen.len()))?;
    match odd {
        Some(challenge) => warn(format!("the challenge {challenge} does not have the form of a msg-id")),
        None => Ok(()),
    }
}

/// RFC 2195 §2: name, space, lower-case hex HMAC-MD5 of the challenge logs in; anything else fails.
async fn login(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let (session, reply) = unhurried(lab, &account, Mechanism::CramMd5, async |session| {
        let reply = session.command("AUTH CRAM-MD5").await?;
        respond(lab, session, &reply, |challenge| {
            cram_md5::response(&account.user, challenge, account.password())
        })
        .await
    })
    .await?;
    require(reply.is_ok(), || {
        format!("the right digest for `{}` was answered {}; `+OK` was required", account.user, reply.quoted())
    })?;
    session.make_room().await?;

    for (what, make) in WRONG {
        let (mut session, reply) = challenged(lab, Mechanism::CramMd5).await?;
        let reply = respond(lab, &mut session, &reply, |challenge| make(&account, challenge)).await?;
        require(reply.is_err(), || format!("{what} was answered {}; `-ERR` was required", reply.quoted()))?;
    }
    let (mut session, reply) = challenged(lab, Mechanism::CramMd5).await?;
    let upper = |challenge: &[u8]| named(&account, &digest(&account, challenge).to_ascii_uppercase());
    let reply = respond(lab, &mut session, &reply, upper).await?;
    if reply.is_ok() {
        return warn(format!(
            "the right digest with upper-case digits was answered {}; they are lower-case",
            reply.quoted()
        ));
    }
    Ok(())
}

/// A way to answer a challenge.
type Response = fn(&Account, &[u8]) -> Vec<u8>;

/// The account's own digest, cut or changed in one place: who compares a part of it is found out by that part.
const WRONG: [(&str, Response); 9] = [
    ("a digest with its first digit changed", |account, challenge| {
        named(account, &changed(&digest(account, challenge), 0))
    }),
    ("a digest with its last digit changed", |account, challenge| {
        named(account, &changed(&digest(account, challenge), 31))
    }),
    ("a digest with digit 17 of 32 changed", |account, challenge| {
        named(account, &changed(&digest(account, challenge), 16))
    }),
    ("name and digest without a space between", |account, challenge| {
        format!("{}{}", account.user, digest(account, challenge)).into_bytes()
    }),
    ("the first 16 of the digest's 32 digits", |account, challenge| {
        named(account, &digest(account, challenge)[..16])
    }),
    ("the digest without its last digit", |account, challenge| {
        named(account, &digest(account, challenge)[..31])
    }),
    ("the first of the digest's 32 digits", |account, challenge| {
        named(account, &digest(account, challenge)[..1])
    }),
    ("a digest with a surplus digit", |account, challenge| {
        named(account, &format!("{}0", digest(account, challenge)))
    }),
    ("a name and no digest", |account, _| named(account, "")),
];

fn digest(account: &Account, challenge: &[u8]) -> String {
    cram_md5::digest(challenge, account.password())
}

fn named(account: &Account, digest: &str) -> Vec<u8> {
    format!("{} {digest}", account.user).into_bytes()
}

/// A digest with another digit in this place.
pub(crate) fn changed(digest: &str, place: usize) -> String {
    let other = |(at, digit)| match digit {
        _ if at != place => digit,
        '0' => '1',
        _ => '0',
    };
    digest.chars().enumerate().map(other).collect()
}

/// RFC 2195 §4: One user should not be able to use both CRAM-MD5 and cleartext passwords.
async fn or_plain(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let (session, digest) = lab.login_by(&account, Method::Sasl(Mechanism::CramMd5)).await?;
    drop(session);
    assume_not_put_off(&digest)?;
    let announces = |name: &str| lab.survey().mechanisms().iter().any(|other| other == name);
    let cleartext = if announces("PLAIN") { Method::Sasl(Mechanism::Plain) } else { Method::UserPass };
    if cleartext == Method::UserPass {
        lab.user_works()?;
    }
    let (_session, password) = lab.login_by(&account, cleartext).await?;
    assume_not_put_off(&password)?;
    match (digest.is_ok(), password.is_ok()) {
        (true, true) => info(format!("`{}` can log in by CRAM-MD5 and by {cleartext}", account.user)),
        (false, false) => {
            inconclusive(format!("neither CRAM-MD5 nor {cleartext} logs `{}` in", account.user))
        }
        _ => Ok(()),
    }
}

async fn respond(
    lab: &Lab,
    session: &mut Session,
    challenge: &Reply,
    make: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Reply, Stop> {
    if !challenge.continuation {
        return Err(Stop::Inconclusive(format!("{}; a challenge was expected", challenge.seen())));
    }
    let response = make(&decoded(challenge)?);
    session.respond(answer(lab, response)).await.judged()
}

fn decoded(reply: &Reply) -> Result<Vec<u8>, Stop> {
    base64::decode(reply.text()).or_else(|error| fail(format!("the challenge {}: {error}", reply.quoted())))
}

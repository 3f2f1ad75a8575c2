//! RFC 5802 and RFC 7677: SCRAM, with each hash that the server has. Those that are bound to the channel are in
//! [`super::scram_bound`].

use std::rc::Rc;

use mail::Role;
use sasl::scram::{self, Alterations, Client, Hash, Sha1, Sha256};
use sasl::{ExchangeError, Mechanism, base64};

use super::scram_bound;
use super::{COMMAND_AT_MOST, answer, encoded, unhurried};
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, fail, inconclusive, require};
use crate::refusal::is_busy;
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc5802.scram.exchange" => exchange,
    "rfc5802.scram.bad-proof" => bad_proof [wrong_passwords],
    "rfc5802.scram.nonce" => nonce [wrong_password],
    "rfc5802.scram.gs2" => gs2 [wrong_password],
    "rfc5802.scram.attributes" => attributes [wrong_password],
}

/// The variants without channel binding that the server has, the better one first.
pub(crate) fn announced(lab: &Lab) -> Vec<Mechanism> {
    let names = lab.survey().mechanisms();
    let known = Mechanism::SCRAM.into_iter().filter(|known| names.iter().any(|name| name == known.name()));
    known.collect()
}

/// Calls a function of a hash with the hash of a mechanism.
macro_rules! with_hash_of {
    ($mechanism:expr, $function:ident($($argument:expr),*)) => {
        match $mechanism {
            Mechanism::ScramSha1 => $function::<Sha1>($($argument),*).await,
            _ => $function::<Sha256>($($argument),*).await,
        }
    };
}
pub(crate) use with_hash_of;

/// RFC 5802 §3, §5; RFC 7677 §3: The exchange runs as specified: server-first with nonce, salt, count;
/// client-final; server signature that verifies.
async fn exchange(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    for mechanism in announced(lab) {
        let (session, reply) = unhurried(lab, &account, mechanism, async |session| {
            with_hash_of!(mechanism, conclusive(lab, session, &account))
        })
        .await?;
        require(reply.is_ok(), || {
            format!("after the whole exchange of {mechanism}, {}; `+OK` was required", reply.seen())
        })?;
        session.make_room().await?;
    }
    scram_bound::exchange(lab).await
}

async fn conclusive<H: Hash>(lab: &Lab, session: &mut Session, account: &Account) -> Result<Reply, Stop> {
    let client = Client::<H>::new(&account.user, account.password(), &lab.nonce());
    conclude_well(lab, session, H::MECHANISM, client).await
}

/// A well-behaved exchange in which each deviation of the server is a failure.
pub(crate) async fn conclude_well<H: Hash>(
    lab: &Lab,
    session: &mut Session,
    name: &str,
    mut client: Client<H>,
) -> Result<Reply, Stop> {
    let reply = opened(lab, session, name, &client.first()).await?;
    if is_busy(&reply) || reply.is_err() {
        return Ok(reply);
    }
    let last = match client.last(&challenge(&reply)?) {
        Ok(last) => last,
        Err(error @ ExchangeError::TooManyIterations(_)) => return inconclusive(error.to_string()),
        Err(error) => return fail(format!("{name}, the server's first message: {error}")),
    };
    let reply = session.respond(answer(lab, last)).await.judged()?;
    if reply.is_err() {
        return Ok(reply);
    }
    if reply.is_ok() {
        return fail(format!(
            "{name}: the server did not prove itself: the client's proof was answered {}",
            reply.quoted()
        ));
    }
    if let Err(error) = client.verify(&challenge(&reply)?) {
        return fail(format!("{name}, the server's final message: {error}"));
    }
    session.respond("").await.judged()
}

/// RFC 5802 §3, §5: A wrong proof fails; an optional last challenge then carries e=, never v=.
async fn bad_proof(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    for mechanism in announced(lab) {
        for (what, spoil) in SPOILT {
            let answer = with_hash_of!(mechanism, spoilt(lab, &account, spoil))?;
            refused(&answer, &format!("{mechanism} with {what}"))?;
        }
    }
    Ok(())
}

/// What becomes of the right proof.
type Spoil = fn(&mut Vec<u8>);

/// The account's own proof, changed or cut in one place: who compares a part of it is found out by that part.
const SPOILT: [(&str, Spoil); 5] = [
    ("a proof with one bit changed", |proof| {
        if let Some(octet) = proof.first_mut() {
            *octet ^= 1;
        }
    }),
    ("a proof with its last bit changed", |proof| {
        if let Some(octet) = proof.last_mut() {
            *octet ^= 1;
        }
    }),
    ("the first half of the proof", |proof| proof.truncate(proof.len() / 2)),
    ("an octet behind the proof", |proof| proof.push(0)),
    ("a proof of no octets", Vec::clear),
];

async fn spoilt<H: Hash>(lab: &Lab, account: &Account, spoil: Spoil) -> Result<Answer, Stop> {
    let mut session = lab.connect_for_login().await?;
    let mut client = Client::<H>::new(&account.user, account.password(), &lab.nonce());
    let asked = assumed_challenge(&opened(lab, &mut session, H::MECHANISM, &client.first()).await?)?;
    let right = client.last(&asked).or_else(|error| inconclusive(error.to_string()))?;
    let parsed =
        scram::parse_client_final(right.as_bytes()).or_else(|error| inconclusive(error.to_string()))?;
    let mut proof = parsed.proof.clone();
    spoil(&mut proof);
    conclude(lab, &mut session, &scram::client_final(parsed.without_proof, &proof)).await
}

/// RFC 5802 §5.1: The server checks that the client-final nonce is the one it sent.
async fn nonce(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    for mechanism in announced(lab) {
        for (what, alter) in MISQUOTED {
            let answer = with_hash_of!(mechanism, misquoted(lab, &account, alter))?;
            refused(&answer, &format!("{mechanism} with {what}"))?;
        }
    }
    Ok(())
}

/// Another nonce, from the client's own and the whole one.
type Misquote = fn(&str, &str) -> String;

const MISQUOTED: [(&str, Misquote); 2] = [
    ("the client's part of the nonce alone", |own, _| own.to_owned()),
    ("a nonce of which the last character is changed", |_, whole| {
        let mut other = whole.to_owned();
        let last = other.pop();
        other.push(if last == Some('0') { '1' } else { '0' });
        other
    }),
];

async fn misquoted<H: Hash>(lab: &Lab, account: &Account, alter: Misquote) -> Result<Answer, Stop> {
    let mut session = lab.connect_for_login().await?;
    let own = lab.nonce();
    let opening = Client::<H>::new(&account.user, account.password(), &own).first();
    let asked = assumed_challenge(&opened(lab, &mut session, H::MECHANISM, &opening).await?)?;
    let whole = scram::parse_server_first(&asked).or_else(|error| inconclusive(error.to_string()))?.nonce;
    // The same client again, now that the nonce to misquote is known: its proof is right for what it sends.
    let altered = Alterations { final_nonce: Some(alter(&own, whole)), ..Alterations::default() };
    let mut client = Client::<H>::altered(&account.user, account.password(), &own, altered);
    client.first();
    let last = client.last(&asked).or_else(|error| inconclusive(error.to_string()))?;
    conclude(lab, &mut session, &last).await
}

/// RFC 5802 §5, §6: The first message starts with n, y or p; "y" fails if the server supports channel
/// binding; "p" with an unsupported type fails; c= is validated.
async fn gs2(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    for mechanism in announced(lab) {
        let header =
            |header: &str| Alterations { gs2_header: Some(header.to_owned()), ..Alterations::default() };
        let mut wrong = vec![
            ("the GS2 header `x,,`", header("x,,")),
            ("the GS2 header `p=no-such-type,,`", header("p=no-such-type,,")),
            (
                "`c=` of `y,,` although the header was `n,,`",
                Alterations { claimed_gs2_header: Some("y,,".to_owned()), ..Alterations::default() },
            ),
            (
                "`c=` with octets behind the header `n,,`",
                Alterations { binding: Some(vec![0; 32]), ..Alterations::default() },
            ),
        ];
        if lab.survey().mechanisms().contains(&format!("{mechanism}-PLUS")) {
            wrong.push(("the GS2 header `y,,` although the -PLUS variant is announced", header("y,,")));
        }
        for (what, alterations) in wrong {
            let answer = with_hash_of!(mechanism, altered(lab, &account, alterations))?;
            refused(&answer, &format!("{mechanism} with {what}"))?;
        }
    }
    scram_bound::misbound(lab, &account).await
}

/// RFC 5802 §5.1: "m=" fails the exchange; unknown optional extensions are ignored; a user name with "=" not
/// followed by 2C or 3D fails.
async fn attributes(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    for mechanism in announced(lab) {
        attributes_of(lab, &account, mechanism).await?;
    }
    Ok(())
}

async fn attributes_of(lab: &Lab, account: &Rc<Account>, mechanism: Mechanism) -> Outcome {
    let extended = |extensions: Option<&str>| Alterations {
        first_extensions: extensions.map(str::to_owned),
        ..Alterations::default()
    };
    for (extensions, what) in
        [(None, "without extensions"), (Some("z=ext"), "with the optional extension `z=ext`")]
    {
        let (session, reply) = unhurried(lab, account, mechanism, async |session| {
            let answer = with_hash_of!(mechanism, run(lab, session, account, extended(extensions)))?;
            Ok(answer.last)
        })
        .await?;
        if !reply.is_ok() {
            let seen = format!("a login by {mechanism} {what} was answered {}", reply.quoted());
            return if extensions.is_none() {
                inconclusive(seen)
            } else {
                fail(format!("{seen}; `+OK` was required"))
            };
        }
        session.make_room().await?;
    }
    let mandatory = Alterations { mandatory_extension: Some("x".to_owned()), ..Alterations::default() };
    let answer = with_hash_of!(mechanism, altered(lab, account, mandatory))?;
    refused(&answer, "the mandatory extension `m=x`")?;
    let escape = Alterations { raw_user: Some("us=er".to_owned()), ..Alterations::default() };
    let answer = with_hash_of!(mechanism, altered(lab, account, escape))?;
    refused(&answer, "the name `us=er`, whose `=` begins no escape")
}

/// How an exchange ended.
pub(crate) struct Answer {
    /// The last status line.
    pub(crate) last: Reply,
    /// The server's final message, if it sent one.
    pub(crate) message: Option<Vec<u8>>,
}

/// An exchange with an altered client on a connection of its own.
async fn altered<H: Hash>(lab: &Lab, account: &Account, alterations: Alterations) -> Result<Answer, Stop> {
    let mut session = lab.connect_for_login().await?;
    run::<H>(lab, &mut session, account, alterations).await
}

async fn run<H: Hash>(
    lab: &Lab,
    session: &mut Session,
    account: &Account,
    alterations: Alterations,
) -> Result<Answer, Stop> {
    let client = Client::<H>::altered(&account.user, account.password(), &lab.nonce(), alterations);
    run_client(lab, session, H::MECHANISM, client).await
}

/// A client's whole exchange under this name, whatever it is worth.
pub(crate) async fn run_client<H: Hash>(
    lab: &Lab,
    session: &mut Session,
    name: &str,
    mut client: Client<H>,
) -> Result<Answer, Stop> {
    let reply = opened(lab, session, name, &client.first()).await?;
    if !reply.continuation {
        return Ok(Answer { last: reply, message: None });
    }
    let asked = assumed_challenge(&reply)?;
    let last = client.last(&asked).or_else(|error| inconclusive(error.to_string()))?;
    conclude(lab, session, &last).await
}

/// Sends AUTH with the name of a variant and the client's first message.
pub(crate) async fn opened(
    lab: &Lab,
    session: &mut Session,
    mechanism: &str,
    message: &str,
) -> Result<Reply, Stop> {
    let encoded = encoded(lab, message);
    let line = format!("AUTH {mechanism} {encoded}");
    if line.len() + 2 <= COMMAND_AT_MOST {
        return session.command(line).await.judged();
    }
    let reply = session.command(format!("AUTH {mechanism}")).await?;
    if reply.continuation { session.respond(encoded).await.judged() } else { Ok(reply) }
}

/// Sends the client's final message and hears the server out.
async fn conclude(lab: &Lab, session: &mut Session, message: &str) -> Result<Answer, Stop> {
    let reply = session.respond(answer(lab, message)).await.judged()?;
    if !reply.continuation {
        return Ok(Answer { last: reply, message: None });
    }
    let message = base64::decode(reply.text()).ok();
    Ok(Answer { last: session.respond("").await.judged()?, message })
}

/// Requires that an exchange failed, and not as if it had succeeded.
pub(crate) fn refused(answer: &Answer, what: &str) -> Outcome {
    require(!answer.message.as_ref().is_some_and(|message| message.starts_with(b"v=")), || {
        format!("{what} was answered with the server's proof, as in a successful exchange")
    })?;
    require(answer.last.is_err(), || {
        format!("{what} was answered {}; `-ERR` was required", answer.last.quoted())
    })
}

/// The octets of a challenge, which the requirement asks for.
pub(crate) fn challenge(reply: &Reply) -> Result<Vec<u8>, Stop> {
    if !reply.continuation {
        return fail(format!("{}; a challenge was required", reply.seen()));
    }
    base64::decode(reply.text()).or_else(|error| fail(format!("the challenge {}: {error}", reply.quoted())))
}

/// The octets of a challenge that only leads to the point of a check.
pub(crate) fn assumed_challenge(reply: &Reply) -> Result<Vec<u8>, Stop> {
    challenge(reply).map_err(|stop| match stop {
        Stop::Fail(seen) => Stop::Inconclusive(seen),
        other => other,
    })
}

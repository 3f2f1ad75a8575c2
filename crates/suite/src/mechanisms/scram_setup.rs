//! What SCRAM shows before any proof: iterations, salts, and which variants there are (RFC 5802, RFC 7677).

use mail::Role;
use sasl::Mechanism;
use sasl::scram;

use super::scram::{announced, assumed_challenge, opened};
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, assume, fail, inconclusive, require};
use crate::reply::Reply;
use crate::site::Security;

checks! {
    "rfc5802.scram.iterations" => iterations,
    "rfc5802.scram.plus" => variants,
    "practice.scram.unknown-user" => unknown_user [wrong_password],
}

/// The least count of RFC 5802 section 5.1 and RFC 7677 section 4.
const ITERATIONS_AT_LEAST: u32 = 4096;

/// What a server says first of a user.
#[derive(Debug, PartialEq, Eq)]
struct Setup {
    salt: Vec<u8>,
    iterations: u32,
}

/// RFC 5802 §5.1; RFC 7677 §4: The iteration count is at least 4096.
async fn iterations(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    for mechanism in announced(lab) {
        let setup = setup(lab, mechanism, &account.user).await?;
        let Setup { iterations, .. } = setup.or_else(|reply| inconclusive(reply.seen()))?;
        require(iterations >= ITERATIONS_AT_LEAST, || {
            format!(
                "{mechanism} is done with {iterations} iterations; at least {ITERATIONS_AT_LEAST} were required"
            )
        })?;
    }
    Ok(())
}

/// RFC 5802 §6: A server with channel binding announces the -PLUS and plain variants; without TLS no -PLUS is
/// announced.
async fn variants(lab: &Lab) -> Outcome {
    let (before, now) = (lab.survey().first_mechanisms(), lab.survey().mechanisms());
    let bound = |names: &[String]| names.iter().find(|name| name.ends_with("-PLUS")).cloned();
    if lab.site().entrance.security != Security::Implicit
        && let Some(name) = bound(&before)
    {
        return fail(format!("without TLS, {name} is announced, and there is no channel to bind to"));
    }
    for name in now.iter().filter(|name| name.starts_with("SCRAM-")) {
        // A server whose policy is to bind always announces nothing else, as it must.
        let Some(unbound) = name.strip_suffix("-PLUS") else { continue };
        let others =
            now.iter().filter(|other| other.starts_with("SCRAM-") && !other.ends_with("-PLUS")).count();
        require(now.iter().any(|other| other == unbound) || others == 0, || {
            format!(
                "under TLS, {name} is announced, and {unbound} is not, though other variants without binding are"
            )
        })?;
    }
    Ok(())
}

/// Good practice: Unknown users get a plausible, repeatable salt and count, so existence is not revealed.
async fn unknown_user(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    for mechanism in announced(lab) {
        let known =
            [setup(lab, mechanism, &account.user).await?, setup(lab, mechanism, &account.user).await?];
        let [Ok(known), Ok(again)] = known else { return inconclusive("a known user gets no challenge") };
        let nobody = format!("nobody-{}", lab.nonce());
        let mut seen = Vec::new();
        for _ in 0..2 {
            match setup(lab, mechanism, &nobody).await? {
                Ok(setup) => seen.push(setup),
                Err(reply) => {
                    return fail(format!(
                        "{mechanism}: the first message of a user that does not exist was answered {}, that of one who does by a challenge",
                        reply.quoted()
                    ));
                }
            }
        }
        let [first, second] = &seen[..] else { return inconclusive("too few challenges") };
        // Where everybody's salt changes, that of nobody may.
        require(first.salt == second.salt || known.salt != again.salt, || {
            format!(
                "{mechanism}: the salt of a user that does not exist changes from time to time, that of one who does stays"
            )
        })?;
        require(first.iterations == known.iterations && first.salt.len() == known.salt.len(), || {
            format!(
                "{mechanism}: a user that does not exist has {} iterations and {} octets of salt, one who does {} and {}",
                first.iterations,
                first.salt.len(),
                known.iterations,
                known.salt.len()
            )
        })?;
    }
    Ok(())
}

/// What a server says first of a user, or how it refused. The exchange is cancelled then; nothing is proved.
async fn setup(lab: &Lab, mechanism: Mechanism, user: &str) -> Result<Result<Setup, Reply>, Stop> {
    let mut session = lab.connect_for_login().await?;
    let opening = format!("{}{}", scram::GS2_HEADER, scram::client_first_bare(user, &lab.nonce()));
    let reply = opened(lab, &mut session, mechanism.name(), &opening).await?;
    if reply.is_err() {
        return Ok(Err(reply));
    }
    let octets = assumed_challenge(&reply)?;
    let first = scram::parse_server_first(&octets).or_else(|error| inconclusive(error.to_string()))?;
    let setup = Setup { salt: first.salt.clone(), iterations: first.iterations };
    let cancelled = session.respond("*").await?;
    assume(cancelled.is_err(), || format!("`*` was answered {}", cancelled.quoted()))?;
    Ok(Ok(setup))
}

//! RFC 5034 section 4: the AUTH command, what begins and what ends an exchange.

use std::rc::Rc;

use mail::Role;
use sasl::Mechanism;
use sasl::scram::{Hash, Sha1, Sha256};

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method, swapped};
use crate::mechanisms::scram::with_hash_of;
use crate::mechanisms::{
    answered, challenged, encoded, needs, plain_at_once, plain_in_two_steps, plainest, require_transaction,
    require_usable, scram, unhurried,
};
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, require, skipped};
use crate::refusal::{complains_of_base64, is_busy, is_momentary, says_busy, says_unknown, speaks_of_lock};
use crate::reply::Reply;
use crate::session::Session;

checks! {
    "rfc5034.auth.unknown-mech" => unknown_mechanism,
    "rfc5034.auth.mech-case" => mechanism_case,
    "rfc5034.auth.initial-response" => initial_response,
    "rfc5034.auth.two-step" => two_steps,
    "rfc5034.auth.equals" => equals [wrong_password],
    "rfc5034.auth.ir-server-first" => initial_response_out_of_turn [wrong_password],
    "rfc5034.auth.cancel" => cancel,
    "rfc5034.auth.success" => success,
    "rfc5034.auth.failure" => failure [wrong_passwords],
    "rfc5034.auth.again" => again,
    "rfc5034.auth.no-data-with-ok" => no_data_with_ok,
    "rfc5034.plain.tls" => plain_under_tls,
}

/// RFC 5034 §4: An unsupported mechanism is refused with -ERR.
async fn unknown_mechanism(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.require_err("AUTH NO-SUCH-MECH").await?;
    require_usable(&mut session, "an unknown mechanism was refused").await
}

/// RFC 5034 §5: Mechanism names are accepted in any case.
async fn mechanism_case(lab: &Lab) -> Outcome {
    plainest(lab)?;
    let mut tried = 0;
    for mechanism in spoken(lab) {
        if matches!(challenged(lab, mechanism).await, Err(Stop::Inconclusive(_))) {
            continue;
        }
        tried += 1;
        let (lower, capital) = (mechanism.name().to_ascii_lowercase(), capitalized(mechanism.name()));
        for name in [lower, capital] {
            let mut session = lab.connect_for_login().await?;
            let reply = session.command(format!("AUTH {name}")).await.judged()?;
            require(reply.continuation, || {
                format!("AUTH {mechanism} is answered with a challenge, but {}", reply.seen())
            })?;
        }
    }
    assume(tried > 0, || "AUTH was answered with no challenge".to_owned())
}

/// The mechanisms that the server announces and poplab speaks.
fn spoken(lab: &Lab) -> Vec<Mechanism> {
    let announced = lab.survey().mechanisms();
    Mechanism::ALL.into_iter().filter(|known| announced.iter().any(|name| name == known.name())).collect()
}

/// `Plain`, `Cram-md5`.
fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}

/// RFC 5034 §4: An initial response in the AUTH command is accepted.
async fn initial_response(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Fixtures).await?;
    let (_session, reply) = plain_at_once(lab, &account).await?;
    require(!reply.continuation, || format!("the initial response was ignored: {}", reply.seen()))?;
    if says_unknown(&reply) {
        let bare = lab.connect_for_login().await?.command("AUTH PLAIN").await?;
        assume(!says_unknown(&bare), || format!("AUTH itself is refused: {}", bare.quoted()))?;
    }
    require(reply.is_ok(), || format!("with the right credentials, {}; `+OK` was required", reply.seen()))
}

/// RFC 5034 §4: The same exchange works with the response on its own line.
async fn two_steps(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Fixtures).await?;
    let (_session, reply) = match plain_in_two_steps(lab, &account).await {
        // Where the right password may not be given, a wrong one has to do.
        Err(stop @ Stop::Inconclusive(_)) => {
            taken_for_response(lab).await?;
            return Err(stop);
        }
        login => login?,
    };
    require(reply.is_ok(), || {
        format!(
            "AUTH PLAIN, then the right credentials on a line of their own, was answered {}; `+OK` was required",
            reply.quoted()
        )
    })
}

/// What stands on a line of its own is a response: to refuse it is to refuse what is in it, and not a command.
async fn taken_for_response(lab: &Lab) -> Outcome {
    let response = sasl::base64::encode(sasl::plain::message("", "poplab-nobody", "poplab-nothing"));
    let unknown = lab.connect().await?.command("XYZZY").await?;
    let (_session, reply) = answered(lab, Mechanism::Plain, response).await?;
    require(!says_unknown(&reply) || reply.line != unknown.line, || {
        format!(
            "the response to the challenge of AUTH PLAIN was answered {}, as an unknown command is",
            reply.quoted()
        )
    })
}

/// RFC 5034 §4: "=" as initial response means present but empty.
async fn equals(lab: &Lab) -> Outcome {
    let announced = lab.survey().mechanisms();
    let (plain, external) =
        (announced.iter().any(|name| name == "PLAIN"), announced.iter().any(|name| name == "EXTERNAL"));
    if !plain && !external {
        return skipped("the server announces neither PLAIN nor EXTERNAL");
    }
    if plain {
        lab.connect_for_login().await?.require_err("AUTH PLAIN =").await?;
    }
    if external {
        let reply = lab.connect_for_login().await?.command("AUTH EXTERNAL =").await.judged()?;
        require(!reply.continuation && !complains_of_base64(&reply), || {
            format!("{}; `=` is an empty response, to be judged by the mechanism", reply.seen())
        })?;
    }
    Ok(())
}

/// RFC 5034 §4: An initial response with a server-first mechanism is refused.
async fn initial_response_out_of_turn(lab: &Lab) -> Outcome {
    if needs(lab, Mechanism::CramMd5).is_err() {
        // Many clients send LOGIN with the name at once, and no RFC says whether they may.
        return skipped("the server does not announce CRAM-MD5, and no RFC describes LOGIN");
    }
    let response = sasl::base64::encode("poplab-nobody 00000000000000000000000000000000");
    let reply = lab.connect_for_login().await?.command(format!("AUTH CRAM-MD5 {response}")).await.judged()?;
    require(!reply.continuation, || {
        format!("the initial response was dropped: {}; `-ERR` was required", reply.seen())
    })?;
    reply.require_err()?;
    Ok(())
}

/// RFC 5034 §4: A line with a single "\*" cancels: the server answers -ERR.
async fn cancel(lab: &Lab) -> Outcome {
    plainest(lab)?;
    let mut tried = 0;
    for mechanism in spoken(lab) {
        let (mut session, _) = match challenged(lab, mechanism).await {
            Err(Stop::Inconclusive(_)) => continue,
            other => other?,
        };
        tried += 1;
        let reply = session.respond("*").await.judged()?;
        require(reply.is_err(), || {
            format!("within AUTH {mechanism}, `*` was answered {}; `-ERR` was required", reply.quoted())
        })?;
        require_usable(&mut session, &format!("an exchange of {mechanism} was cancelled")).await?;
        drop(session);
        if tried == 1 {
            goes_on(lab, mechanism).await?;
        }
    }
    assume(tried > 0, || "AUTH was answered with no challenge".to_owned())?;
    // Behind the first challenge there may be more: LOGIN asks for the name and then for the password.
    if spoken(lab).contains(&Mechanism::Login) {
        let (mut session, reply) =
            answered(lab, Mechanism::Login, sasl::base64::encode("poplab-nobody")).await?;
        if reply.continuation {
            let reply = session.respond("*").await.judged()?;
            require(reply.is_err(), || {
                format!(
                    "within AUTH LOGIN, `*` in place of the password was answered {}; `-ERR` was required",
                    reply.quoted()
                )
            })?;
            require_usable(&mut session, "AUTH LOGIN was cancelled behind the name").await?;
        }
    }
    in_place_of_the_last_answer(lab).await?;
    at_once(lab).await
}

/// Whoever cancels may log in on the same connection, as if AUTH had not been sent.
async fn goes_on(lab: &Lab, mechanism: Mechanism) -> Outcome {
    // APOP needs the timestamp of its own greeting, which is not at hand here.
    let method = match lab.survey().method {
        Some(method) if method != Method::Apop => method,
        _ if lab.user_works().is_ok() => Method::UserPass,
        _ => return Ok(()),
    };
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, _) = challenged(lab, mechanism).await?;
    session.respond("*").await.judged()?;
    // RFC 1939 section 4: behind a refusal the server may close.
    if session.require_silence().await.is_err() || session.has_ended() {
        return Ok(());
    }
    let reply = login::attempt(&mut session, method, &account, None, &lab.nonce()).await?;
    if reply.is_ok() || says_busy(&reply) || speaks_of_lock(&reply) {
        return Ok(());
    }
    drop(session);
    let (_, alone) = lab.login_by(&account, method).await?;
    let seen = format!(
        "AUTH {mechanism} was cancelled with `*`, and the login by {method} that followed was answered {}",
        reply.quoted()
    );
    assume(alone.is_ok(), || format!("{seen}; on a new connection it was {}", alone.quoted()))?;
    fail(format!("{seen}; on a new connection it is accepted"))
}

/// Even when the server has proved what it had to: who is not content with that cancels, and is not logged in.
async fn in_place_of_the_last_answer(lab: &Lab) -> Outcome {
    let Some(mechanism) = scram::announced(lab).first().copied() else { return Ok(()) };
    let account = lab.account(Role::Fixtures).await?;
    if account.may_try(Method::Sasl(mechanism)).is_err() {
        return Ok(());
    }
    let mut session = lab.connect_for_login().await?;
    // How the exchange goes on until then is judged elsewhere.
    let Ok(reply) = with_hash_of!(mechanism, proved_to(lab, &mut session, &account, "*")) else {
        return Ok(());
    };
    require(reply.is_err(), || {
        format!(
            "within AUTH {mechanism}, `*` in place of the empty last answer was answered {}; `-ERR` was required",
            reply.quoted()
        )
    })
}

/// `*` and the next command in one write: who cancels may go on at once, and what follows is a command.
async fn at_once(lab: &Lab) -> Outcome {
    let (mut session, _) = challenged(lab, plainest(lab)?).await?;
    session.batch(b"*\r\nCAPA\r\n").await?;
    let reply = session.reply().await.judged()?;
    require(reply.is_err(), || format!("`*` was answered {}; `-ERR` was required", reply.quoted()))?;
    if !lab.survey().announces("PIPELINING") {
        return Ok(());
    }
    let list = session.reply().await.judged()?;
    require(list.is_ok(), || {
        format!(
            "CAPA in one write with `*`, which cancels, was answered {}; a list was required",
            list.quoted()
        )
    })
}

/// RFC 5034 §4: Success is +OK and the session is in TRANSACTION.
async fn success(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, reply) = plain_at_once(lab, &account).await?;
    // That there is no AUTH at all is the announcement's fault (rfc2449.capa.truthful).
    assume(!says_unknown(&reply), || format!("AUTH is announced, but {}", reply.seen()))?;
    require(reply.is_ok(), || format!("with the right credentials, {}; `+OK` was required", reply.seen()))?;
    require_transaction(&mut session, "a successful AUTH PLAIN").await
}

/// RFC 5034 §4: Failure is -ERR, and the server behaves as if AUTH had never been given; another attempt is
/// possible.
async fn failure(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Disposable).await?;
    compared_whole(lab, &account).await?;
    let nobody = format!("nobody-{}", &lab.nonce()[..8]);
    // What is kept of the first attempt is the name, or that it failed.
    for name in [&account.user, &nobody] {
        failed_then_right(lab, &account, name).await?;
    }
    Ok(())
}

/// A failure for this name, and then the right credentials of the account on the same connection.
async fn failed_then_right(lab: &Lab, account: &Rc<Account>, name: &str) -> Outcome {
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    let wrong = format!("not-{}", account.password());
    lab.journal().secret(wrong.as_bytes());
    let message = sasl::plain::message("", name, &wrong);
    let reply = plain(&mut session, &encoded(lab, message)).await.judged()?.require_err()?;
    if is_momentary(&reply) {
        return inconclusive(format!("{}, which is not about the credentials", reply.seen()));
    }
    match session.command("CAPA").await {
        Ok(reply) if reply.is_ok() => {}
        Ok(reply) => return fail(format!("after a failed AUTH, {}; a list was required", reply.seen())),
        Err(Mishap::Closed { how, .. }) => {
            return inconclusive(format!("the server closed ({how}) after the failure"));
        }
        Err(mishap) => return Err(mishap.judged()),
    }
    let right = encoded(lab, sasl::plain::message("", &account.user, account.password()));
    let reply = plain(&mut session, &right).await?;
    if reply.is_ok() {
        session.belongs_to(Rc::clone(account));
        return Ok(());
    }
    // The same on a fresh connection tells a server that remembers the failure from one that is closed to this user.
    drop(session);
    let (_session, fresh) = plain_at_once(lab, account).await?;
    if !fresh.is_ok() || is_momentary(&reply) {
        return inconclusive(format!(
            "the right credentials were answered {} after the failure",
            reply.quoted()
        ));
    }
    fail(format!(
        "the right credentials of `{}` were answered {} after a failed AUTH for `{name}` on the same connection, and `+OK` \
         on a fresh one",
        account.user,
        reply.quoted()
    ))
}

/// The own password, cut or changed in one place, is a wrong one: who compares a part of it is found out by that part.
async fn compared_whole(lab: &Lab, account: &Account) -> Outcome {
    let right = account.password();
    let mut shorter = right.to_owned();
    shorter.pop();
    let first = right.chars().next().map(String::from).unwrap_or_default();
    for (what, wrong) in [
        ("without its last character", shorter),
        ("with a character behind it", format!("{right}x")),
        ("with its letters in the other case", swapped(right)),
        ("cut to its first character", first),
    ] {
        if wrong.is_empty() || wrong == right {
            continue;
        }
        // Known to the journal as it is sent; the shortest would blot out half of the transcript otherwise.
        let message = sasl::plain::message("", &account.user, &wrong);
        let mut session = lab.connect_for_login().await?;
        let reply = plain(&mut session, &encoded(lab, message)).await.judged()?;
        require(!reply.is_ok(), || {
            format!("the password {what} was answered {}; `-ERR` was required", reply.quoted())
        })?;
    }
    Ok(())
}

async fn plain(session: &mut Session, encoded: &str) -> Result<Reply, Mishap> {
    let line = format!("AUTH PLAIN {encoded}");
    let reply = session.command(line).await?;
    // A server that ignores initial responses is judged by rfc5034.auth.initial-response.
    if reply.continuation { session.respond(encoded).await } else { Ok(reply) }
}

/// RFC 5034 §4: After a successful AUTH (or any login) AUTH is refused.
async fn again(lab: &Lab) -> Outcome {
    let mechanism = plainest(lab)?;
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, reply) = lab.login_by(&account, Method::Sasl(mechanism)).await?;
    reply.assume_ok()?;
    refused_again(lab, &mut session, mechanism).await?;
    if !session.has_ended() {
        session.make_room().await?;
    }
    let usual = lab.survey().method;
    if usual.is_none_or(|method| matches!(method, Method::Sasl(_))) {
        return Ok(());
    }
    let mut session = lab.login_to(&account).await?;
    refused_again(lab, &mut session, mechanism).await
}

async fn refused_again(lab: &Lab, session: &mut Session, mechanism: Mechanism) -> Outcome {
    let account = session.account()?;
    let before = session.command("STAT").await?;
    let line = match mechanism {
        Mechanism::Plain => format!("AUTH PLAIN {}", crate::mechanisms::credentials(lab, &account)),
        other => format!("AUTH {other}"),
    };
    let reply = session.command(line).await.judged()?;
    require(reply.is_err(), || format!("after login, {}; `-ERR` was required", reply.seen()))?;
    let after = match session.command("STAT").await {
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        after => after.judged()?,
    };
    require(after.line == before.line, || {
        format!(
            "STAT was answered {} before the second AUTH and {} after it",
            before.quoted(),
            after.quoted()
        )
    })
}

/// RFC 5034 §4: Data that accompanies success travels in a last challenge which the client answers with an
/// empty line; +OK carries none.
async fn no_data_with_ok(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let Some(mechanism) = scram::announced(lab).first().copied() else {
        return skipped("the server announces no SCRAM without channel binding");
    };
    let (_session, reply) = unhurried(lab, &account, mechanism, async |session| {
        with_hash_of!(mechanism, proved_to(lab, session, &account, ""))
    })
    .await?;
    require(reply.is_ok(), || {
        format!("the empty answer to the server's proof was answered {}; `+OK` was required", reply.quoted())
    })?;
    // What `v=` looks like in base64.
    require(!reply.text().starts_with(b"dj"), || format!("{} carries data of the mechanism", reply.quoted()))
}

/// An exchange in which the server's proof comes before `+OK`; the reply to this answer to it.
async fn proved_to<H: Hash>(
    lab: &Lab,
    session: &mut Session,
    account: &Account,
    answer: &str,
) -> Result<Reply, Stop> {
    let mut client = sasl::scram::Client::<H>::new(&account.user, account.password(), &lab.nonce());
    let reply = scram::opened(lab, session, H::MECHANISM, &client.first()).await?;
    if is_busy(&reply) {
        return Ok(reply);
    }
    let asked = scram::assumed_challenge(&reply)?;
    let last = client.last(&asked).or_else(|error| inconclusive(error.to_string()))?;
    let reply = session.respond(crate::mechanisms::answer(lab, last)).await?;
    if is_busy(&reply) {
        return Ok(reply);
    }
    if reply.is_ok() {
        return fail(format!(
            "the client's proof was answered {}; a challenge with the server's proof was required",
            reply.quoted()
        ));
    }
    scram::assumed_challenge(&reply)?;
    session.respond(answer).await.judged()
}

/// RFC 5034 §4: PLAIN over TLS is implemented by every server with AUTH.
async fn plain_under_tls(lab: &Lab) -> Outcome {
    let announced = lab.survey().mechanisms();
    if announced.is_empty() {
        return skipped("the server announces no SASL mechanism, so it need not have PLAIN");
    }
    require(announced.iter().any(|name| name == "PLAIN"), || {
        format!("under TLS the server announces {}; PLAIN was required", announced.join(" "))
    })?;
    // Without credentials: who has it begins an exchange.
    let bare = lab.connect_for_login().await?.command("AUTH PLAIN").await.judged()?;
    require(!says_unknown(&bare), || format!("under TLS, PLAIN is announced, but {}", bare.seen()))?;
    let account = lab.account(Role::Fixtures).await?;
    let (session, once) = plain_at_once(lab, &account).await?;
    if once.is_ok() {
        return Ok(());
    }
    drop(session);
    let (_session, twice) = plain_in_two_steps(lab, &account).await?;
    require(twice.is_ok(), || {
        format!(
            "PLAIN under TLS with the right credentials was answered {} with an initial response and {} without",
            once.quoted(),
            twice.quoted()
        )
    })
}

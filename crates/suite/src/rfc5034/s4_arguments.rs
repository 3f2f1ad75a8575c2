//! RFC 5034 sections 4 and 5: what stands behind AUTH, and who the client says it is.

use mail::Role;
use sasl::Mechanism;
use sasl::plain::message;

use crate::check::checks;
use crate::lab::Lab;
use crate::mechanisms::{authorized, credentials, in_step, needs};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, require};
use crate::refusal::is_busy;
use crate::session::Session;

checks! {
    "rfc5034.auth.no-arg" => no_argument,
    "rfc5034.auth.ir-over-255" => long_initial_response [wrong_password],
    "rfc5034.auth.extra-arg" => extra_argument [wrong_password],
    "rfc5034.authzid-prep" => prepared_identity [wrong_password],
}

/// Lines of a list of mechanisms that are listened to.
const LINES_AT_MOST: usize = 64;

/// RFC 1939 §3; RFC 5034 §4: AUTH without a mechanism lacks a required argument.
async fn no_argument(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command("AUTH").await.judged()?;
    require(!reply.continuation, || format!("{}: a challenge of no mechanism", reply.seen()))?;
    if reply.is_ok() {
        // An old draft had the mechanisms listed, and some servers still do.
        return listed_without_capa(&mut session).await;
    }
    in_step(&mut session, "AUTH without a mechanism was refused").await?;
    Ok(())
}

async fn listed_without_capa(session: &mut Session) -> Outcome {
    let quiet = session.patience().quiet;
    for _ in 0..LINES_AT_MOST {
        match session.surplus(quiet).await.as_deref() {
            Some("`.`") => {
                in_step(session, "AUTH without a mechanism was answered with a list").await?;
                return Ok(());
            }
            Some(_) => {}
            None => break,
        }
    }
    fail("AUTH without a mechanism was answered `+OK`, and no list that ends with a dot line followed")
}

/// RFC 5034 §4: An AUTH command longer than 255 octets may be refused.
async fn long_initial_response(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    // Lines that end just behind the sizes that buffers have, made up from nobody's name and password.
    for octets in [100_usize, 187, 370, 750] {
        let part = |letter: &str| letter.repeat((octets / 3).min(sasl::plain::MAXIMUM_PART));
        let response = sasl::base64::encode(message(part("a"), part("u"), part("p")));
        let line = format!("AUTH PLAIN {response}");
        let what = format!("AUTH with an initial response, {} octets in all,", line.len() + 2);
        let mut session = lab.connect_for_login().await?;
        let mut reply = session.command(line).await.judged()?;
        if reply.continuation {
            reply = session.respond("*").await.judged()?;
        }
        require(reply.is_err(), || {
            format!("{what} was answered {}; nobody has these credentials", reply.quoted())
        })?;
        // Behind a failed login a server may close.
        in_step(&mut session, &format!("{what} was answered {}", reply.quoted())).await?;
    }
    Ok(())
}

/// RFC 5034 §5: AUTH takes at most two arguments.
async fn extra_argument(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Disposable).await?;
    for extra in ["x", "="] {
        let mut session = lab.connect_for_login().await?;
        let line = format!("AUTH PLAIN {} {extra}", credentials(lab, &account));
        let reply = session.command(line).await.judged()?;
        if reply.is_ok() {
            session.belongs_to(std::rc::Rc::clone(&account));
        }
        require(reply.is_err(), || {
            format!(
                "the right credentials with a further argument `{extra}` were answered {}; `-ERR` was required",
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

/// RFC 5034 §4: Authorization identities are prepared (RFC 4013) for comparison; failure or an empty result (when
/// it was not sent empty) fails the login.
async fn prepared_identity(lab: &Lab) -> Outcome {
    needs(lab, Mechanism::Plain)?;
    let account = lab.account(Role::Disposable).await?;
    let (session, reply) = authorized(lab, &account, "").await?;
    assume(reply.is_ok(), || format!("without an authorization identity, {}", reply.seen()))?;
    session.make_room().await?;
    for (identity, what) in [
        ("\u{ad}".to_owned(), "of a soft hyphen alone, which preparation maps to nothing"),
        (format!("{}\u{7}", account.user), "with a control character"),
        (format!("{}\u{e000}", account.user), "with a character for private use"),
    ] {
        let (_session, reply) = authorized(lab, &account, &identity).await?;
        if is_busy(&reply) {
            return Err(Stop::Inconclusive(reply.seen()));
        }
        require(reply.is_err(), || {
            format!(
                "the right credentials with an authorization identity {what} were answered {}; `-ERR` was required",
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

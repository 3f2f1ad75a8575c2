//! RFC 4616: PLAIN.

use mail::Role;
use sasl::Mechanism;
use sasl::plain::{MAXIMUM_PART, message};

use super::{answered, disposable, encoded, in_step, plain_at_once};
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, assume, fail, require};
use crate::refusal::says_unknown;

checks! {
    "rfc4616.plain.empty-authzid" => empty_authzid,
    "rfc4616.plain.255" => longest_parts [wrong_password],
    "rfc4616.plain.malformed" => malformed [wrong_password],
    "rfc4616.plain.bad-utf8" => bad_utf8 [wrong_password],
}

/// RFC 4616 §2: Without authorization identity the one derived from the login name is used.
async fn empty_authzid(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let (_session, reply) = plain_at_once(lab, &account).await?;
    assume(!says_unknown(&reply), || format!("AUTH itself is refused: {}", reply.quoted()))?;
    require(reply.is_ok(), || {
        format!("PLAIN with the right credentials and no authorization identity: {}", reply.seen())
    })
}

/// RFC 4616 §2: Each of the three parts may be up to 255 octets.
async fn longest_parts(lab: &Lab) -> Outcome {
    // Nobody's name and nobody's password: no server has an account of that size to try.
    let part = |letter: &str| letter.repeat(MAXIMUM_PART);
    let response = sasl::base64::encode(message(part("a"), part("u"), part("p")));
    let (mut session, reply) = answered(lab, Mechanism::Plain, response).await?;
    let reply = reply.require_err()?;
    // Closing after a failed login is allowed.
    in_step(&mut session, &format!("PLAIN with three parts of 255 octets was answered {}", reply.quoted()))
        .await?;
    Ok(())
}

/// RFC 4616 §2: Messages with missing or surplus NULs, or with an empty name or password, fail.
async fn malformed(lab: &Lab) -> Outcome {
    let account = disposable(lab).await?;
    let (user, password) = match &account {
        Some(account) => (account.user.as_str(), account.password()),
        None => ("poplab-nobody", "poplab-nothing"),
    };
    let parts: [(&str, Vec<&str>); 7] = [
        ("a name without any NUL", vec![user]),
        ("name and password with one NUL", vec![user, password]),
        ("two NULs and nothing else", vec!["", "", ""]),
        ("an empty password", vec!["", user, ""]),
        ("an empty name", vec!["", "", password]),
        ("a third NUL at the end", vec!["", user, password, ""]),
        ("a fourth part", vec!["", user, password, "x"]),
    ];
    for (what, parts) in parts {
        let response = encoded(lab, parts.join("\0"));
        let (_session, reply) = answered(lab, Mechanism::Plain, response).await?;
        require(reply.is_err(), || {
            format!("PLAIN with {what} was answered {}; `-ERR` was required", reply.quoted())
        })?;
    }
    match lab.connect().await {
        Ok(_) => Ok(()),
        Err(_) => fail("after malformed messages of PLAIN the service could not be reached any more"),
    }
}

/// RFC 4616 §2: Names and passwords are UTF-8; invalid sequences fail.
async fn bad_utf8(lab: &Lab) -> Outcome {
    let response = sasl::base64::encode(message("", b"us\xff\xfeer", b"p\xc0\xaf"));
    let (_session, reply) = answered(lab, Mechanism::Plain, response).await?;
    require(reply.is_err(), || {
        format!(
            "PLAIN with name and password that are not UTF-8 was answered {}; `-ERR` was required",
            reply.quoted()
        )
    })
}

//! RFC 4616: PLAIN.

use mail::Role;
use sasl::Mechanism;
use sasl::plain::{MAXIMUM_PART, message};

use super::{answered, authorized, disposable, encoded, in_step, plain_at_once, require_transaction};
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, assume, fail, require};
use crate::refusal::{assume_not_put_off, says_unknown};

checks! {
    "rfc4616.plain.empty-authzid" => empty_authzid,
    "rfc4616.plain.255" => longest_parts [wrong_password],
    "rfc4616.plain.malformed" => malformed [wrong_passwords],
    "rfc4616.plain.bad-utf8" => bad_utf8 [wrong_password],
    "rfc4616.plain.same-authzid" => same_identity [wrong_password],
    "rfc4616.plain.other-authzid" => other_identity [wrong_password],
    "practice.plain.crlf" => line_ends [wrong_passwords],
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

/// RFC 4616 §2: An authorization identity equal to the login name is allowed.
async fn same_identity(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let (session, reply) = authorized(lab, &account, "").await?;
    assume(reply.is_ok(), || format!("without an authorization identity, {}", reply.seen()))?;
    session.make_room().await?;
    let (mut session, reply) = authorized(lab, &account, &account.user).await?;
    assume_not_put_off(&reply)?;
    require(reply.is_ok(), || {
        format!(
            "the right credentials were answered {} with the own name as authorization identity, and `+OK` without",
            reply.quoted()
        )
    })?;
    require_transaction(&mut session, "AUTH PLAIN with the own name as authorization identity").await
}

/// RFC 4616 §2: An authorization identity the user may not assume is refused.
async fn other_identity(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let other = lab.account(Role::Second).await?;
    let (session, reply) = authorized(lab, &account, "").await?;
    assume(reply.is_ok(), || format!("without an authorization identity, {}", reply.seen()))?;
    session.make_room().await?;
    let half = &account.user
        [..account.user.char_indices().nth(account.user.chars().count() / 2).map_or(0, |(at, _)| at)];
    let nobody = format!("nobody-{}", lab.nonce());
    for (identity, whose) in [
        (other.user.as_str(), "somebody else's name"),
        (&nobody, "nobody's name"),
        (half, "half of the own name"),
    ] {
        if identity.is_empty() {
            continue;
        }
        let (_session, reply) = authorized(lab, &account, identity).await?;
        assume_not_put_off(&reply)?;
        require(!reply.is_ok(), || {
            format!(
                "the credentials of `{}` with {whose}, `{identity}`, as authorization identity were answered {}; \
                 `-ERR` was required",
                account.user,
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

/// Good practice: CR or LF inside decoded credentials never reach the wire or a backend as line breaks.
async fn line_ends(lab: &Lab) -> Outcome {
    for (parts, place) in [
        (["", "nouser\r\n+OK injected", "x"], "the name"),
        (["", "nouser\n+OK injected", "x"], "the name, as a bare LF"),
        (["", "nouser\r\n-ERR injected", "x"], "the name, before a refusal"),
        (["", "nouser", "x\r\n+OK injected"], "the password"),
        (["nouser\r\n+OK injected", "nouser", "x"], "the authorization identity"),
        (["", "nouser\r\nCAPA\r\n", "x"], "the name, around a command"),
    ] {
        let response = sasl::base64::encode(parts.join("\0"));
        let (mut session, reply) = answered(lab, Mechanism::Plain, response).await?;
        require(reply.is_err(), || {
            format!("PLAIN with a line end in {place} was answered {}; `-ERR` was required", reply.quoted())
        })?;
        let after = format!("PLAIN with a line end in {place} was answered {}", reply.quoted());
        match session.require_silence().await {
            Ok(()) => {}
            // Behind a failed login a server may close.
            Err(Stop::Fail(_)) if session.has_ended() => continue,
            Err(Stop::Fail(seen)) => return fail(format!("{after}; then {seen}")),
            Err(other) => return Err(other),
        }
        in_step(&mut session, &after).await?;
    }
    Ok(())
}

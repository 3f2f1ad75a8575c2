//! RFC 5034 section 3: the SASL capability.

use mail::Role;
use sasl::Mechanism;

use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::mechanisms::plainest;
use crate::outcome::{Outcome, assume, fail, inconclusive, info, require, skipped, warn};
use crate::session::Session;
use crate::site::Security;
use crate::survey::listed;

checks! {
    "rfc5034.capa.list" => list,
    "rfc5034.capa.after-auth" => after_auth,
    "rfc5034.capa.after-stls" => after_stls,
    "rfc5034.more-mechs" => more_mechanisms,
    "rfc5034.plain.default-off" => default_off,
}

/// RFC 5034 §3: The SASL tag carries the space-separated list of supported mechanisms.
async fn list(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let capabilities = listed(&session.assume_ok("CAPA").await?).unwrap_or_default();
    let Some(names) = capabilities.into_iter().find(|capability| capability.tag == "SASL") else {
        return inconclusive("SASL is not in the list");
    };
    let names = names.parameters;
    require(!names.is_empty(), || "the SASL line names no mechanism".to_owned())?;
    for name in &names {
        let valid = (1..=20).contains(&name.len())
            && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        require(valid, || {
            format!("the SASL line names `{name}`, which is not 1 to 20 of A-Z, 0-9, hyphen and underscore")
        })?;
    }
    match names.iter().find(|name| name.bytes().any(|octet| octet.is_ascii_lowercase())) {
        Some(name) => {
            warn(format!("the SASL line names `{name}` in lower case; RFC 4422 has upper case only"))
        }
        None => Ok(()),
    }
}

/// RFC 5034 §3: The SASL tag stays in the list after a successful AUTH.
async fn after_auth(lab: &Lab) -> Outcome {
    plainest(lab)?;
    let before = lab.survey().mechanisms();
    let spoken: Vec<Mechanism> =
        Mechanism::ALL.into_iter().filter(|known| before.iter().any(|name| name == known.name())).collect();
    let account = lab.account(Role::Fixtures).await?;
    let mut looked = 0;
    for mechanism in spoken {
        let (mut session, reply) = lab.login_by(&account, Method::Sasl(mechanism)).await?;
        // One that does not work says nothing about the list behind the others.
        if reply.is_ok() {
            looked += 1;
            list_stays(&mut session, &before, &format!("AUTH {mechanism}")).await?;
            session.make_room().await?;
        }
    }
    assume(looked > 0, || "no mechanism logged in".to_owned())?;
    // RFC 2449 section 6.3 has the tag in both states, whichever way was taken.
    match lab.survey().method {
        Some(method @ (Method::UserPass | Method::Apop)) => {
            let mut session = lab.login_to(&account).await?;
            list_stays(&mut session, &before, &method.to_string()).await
        }
        _ => Ok(()),
    }
}

/// The mechanisms after a login are those from before it.
async fn list_stays(session: &mut Session, before: &[String], login: &str) -> Outcome {
    let reply = session.require_ok("CAPA").await?;
    let Some(after) =
        listed(&reply).unwrap_or_default().into_iter().find(|capability| capability.tag == "SASL")
    else {
        return fail(format!("after {login} CAPA has no SASL line; before it had {}", before.join(" ")));
    };
    let mut now: Vec<String> = after.parameters.iter().map(|name| name.to_ascii_uppercase()).collect();
    let mut then = before.to_vec();
    now.sort();
    then.sort();
    require(now == then, || {
        format!(
            "the SASL line is `{}` before {login} and `{}` after it",
            before.join(" "),
            after.parameters.join(" ")
        )
    })
}

/// RFC 5034 §3: The mechanism list may change after STLS.
async fn after_stls(lab: &Lab) -> Outcome {
    let (before, after) = (lab.survey().first_mechanisms(), lab.survey().mechanisms());
    let mut session = lab.connect().await?;
    let list = listed(&session.require_ok("CAPA").await?).unwrap_or_default();
    let again = list.into_iter().find(|capability| capability.tag == "SASL");
    let again = again.map(|sasl| sasl.parameters.join(" ").to_ascii_uppercase()).unwrap_or_default();
    require(again == after.join(" "), || {
        format!("after one STLS the SASL line is `{}`, after another `{again}`", after.join(" "))
    })?;
    if before == after {
        return Ok(());
    }
    info(format!("before STLS: `{}`; after it: `{}`", before.join(" "), after.join(" ")))
}

/// RFC 5034 §4: Besides PLAIN, mechanisms that do not send the password should be implemented.
async fn more_mechanisms(lab: &Lab) -> Outcome {
    let mut announced = lab.survey().first_mechanisms();
    announced.extend(lab.survey().mechanisms());
    if announced.iter().any(|name| !matches!(name.as_str(), "PLAIN" | "LOGIN")) {
        return Ok(());
    }
    info(format!(
        "announced are only {}, which send the password itself",
        lab.survey().mechanisms().join(" ")
    ))
}

/// RFC 5034 §4; RFC 4616: By default cleartext-password mechanisms are neither announced nor accepted without
/// TLS.
async fn default_off(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a cleartext port");
    }
    if lab.site().permissions.loopback {
        return skipped("many servers count connections from their own machine as protected");
    }
    let announced = lab.survey().first_mechanisms();
    let sent: Vec<&str> =
        ["PLAIN", "LOGIN"].into_iter().filter(|name| announced.iter().any(|other| other == name)).collect();
    for mechanism in &sent {
        let mut session = lab.connect_clear().await?;
        let reply = session.command(format!("AUTH {mechanism}")).await?;
        if reply.continuation {
            session.respond("*").await?;
            // Nobody can see whether somebody has configured it so.
            return info(format!(
                "without TLS, {mechanism} is announced and accepted; that should not be the default"
            ));
        }
    }
    if sent.is_empty() { Ok(()) } else { info(format!("without TLS, {} is announced", sent.join(" "))) }
}

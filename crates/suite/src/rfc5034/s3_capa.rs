//! RFC 5034 section 3: the SASL capability.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::mechanisms::plainest;
use crate::outcome::{Outcome, fail, inconclusive, require, warn};
use crate::survey::listed;

checks! {
    "rfc5034.capa.list" => list,
    "rfc5034.capa.after-auth" => after_auth,
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
    let mechanism = plainest(lab)?;
    let account = lab.account(Role::Fixtures).await?;
    let (mut session, reply) = lab.login_by(&account, Method::Sasl(mechanism)).await?;
    reply.assume_ok()?;
    let reply = session.require_ok("CAPA").await?;
    let before = lab.survey().mechanisms();
    let Some(after) =
        listed(&reply).unwrap_or_default().into_iter().find(|capability| capability.tag == "SASL")
    else {
        return fail(format!(
            "after AUTH {mechanism} CAPA has no SASL line; before it had {}",
            before.join(" ")
        ));
    };
    let mut now: Vec<String> = after.parameters.iter().map(|name| name.to_ascii_uppercase()).collect();
    let mut then = before.clone();
    now.sort();
    then.sort();
    require(now == then, || {
        format!(
            "the SASL line is `{}` before AUTH {mechanism} and `{}` after it",
            before.join(" "),
            after.parameters.join(" ")
        )
    })
}

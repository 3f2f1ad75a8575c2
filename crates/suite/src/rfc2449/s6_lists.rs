//! RFC 2449 sections 3, 5 and 6: what the list of capabilities has to hold, and what not.

use std::collections::BTreeSet;

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{
    Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn,
};
use crate::refusal::assume_not_put_off;
use crate::reply::Reply;
use crate::session::Session;
use crate::site::{Capability, Security};
use crate::survey::listed;

checks! {
    "rfc2449.capa.complete" => complete,
    "rfc2449.capa.no-params" => no_parameters,
    "rfc2449.capa.empty" => empty,
    "rfc2449.apop.no-capa" => no_apop,
    "practice.capa.no-duplicates" => no_duplicates,
    "practice.capa.no-side-effect" => no_side_effect,
}

/// Tags that are registered without an argument (RFC 2449 section 6, RFC 2595, RFC 3206, RFC 6856).
const WITHOUT: &[&str] =
    &["TOP", "USER", "RESP-CODES", "PIPELINING", "UIDL", "STLS", "AUTH-RESP-CODE", "LANG"];
/// What servers have called them, and what they are.
const MISTAKEN: &[(&str, &str)] = &[
    ("PIPELINE", "PIPELINING"),
    ("STARTTLS", "STLS"),
    ("RESP-CODE", "RESP-CODES"),
    ("RESPCODES", "RESP-CODES"),
    ("AUTH-RESP-CODES", "AUTH-RESP-CODE"),
    ("LOGIN_DELAY", "LOGIN-DELAY"),
    ("LOGINDELAY", "LOGIN-DELAY"),
    ("UTF-8", "UTF8"),
];
/// How often CAPA is asked for.
const TIMES: usize = 20;

/// Each list there is, with when it was given.
async fn lists(lab: &Lab) -> Result<Vec<(&'static str, Vec<Capability>)>, Stop> {
    let mut found = Vec::new();
    if lab.site().entrance.security == Security::Starttls {
        let mut session = lab.connect_clear().await?;
        found.push(("before STLS", asked(&mut session).await?));
    }
    let mut session = lab.connect().await?;
    found.push(("before login", asked(&mut session).await?));
    drop(session);
    if lab.survey().method.is_some() {
        let mut session = lab.login(Role::Fixtures).await?;
        found.push(("after login", asked(&mut session).await?));
    }
    Ok(found)
}

async fn asked(session: &mut Session) -> Result<Vec<Capability>, Stop> {
    Ok(listed(&session.assume_ok("CAPA").await?).unwrap_or_default())
}

/// RFC 2449 §5, §6: Optional commands and behaviours that work are announced under their registered tags
/// (TOP, UIDL, USER, SASL, STLS, PIPELINING).
///
/// PIPELINING alone cannot be seen to work: that a few commands in one write are answered is no promise for more.
async fn complete(lab: &Lab) -> Outcome {
    let lists = lists(lab).await?;
    let has = |tag: &str| lists.iter().any(|(_, list)| list.iter().any(|capability| capability.tag == tag));
    for (wrong, right) in MISTAKEN {
        if has(wrong) && !has(right) {
            return warn(format!("{wrong} is announced, which no RFC knows; {right} is not"));
        }
    }
    let mut unannounced = Vec::new();
    let mut session = lab.login(Role::Fixtures).await?;
    for (tag, command) in [("TOP", "TOP 1 0"), ("UIDL", "UIDL"), ("LANG", "LANG")] {
        if !has(tag) && session.command(command).await.is_ok_and(|reply| reply.is_ok()) {
            unannounced.push(tag);
        }
    }
    drop(session);
    if lab.survey().method == Some(Method::UserPass) && !has("USER") {
        unannounced.push("USER");
    }
    for (tag, command) in [("SASL", "AUTH PLAIN"), ("UTF8", "UTF8")] {
        if has(tag) {
            continue;
        }
        let mut session = lab.connect().await?;
        let reply = session.command(command).await;
        if reply.is_ok_and(|reply| reply.continuation || (reply.is_ok() && tag != "SASL")) {
            unannounced.push(tag);
        }
    }
    if lab.site().entrance.security == Security::Clear && !has("STLS") {
        let mut session = lab.connect_clear().await?;
        if session.command("STLS").await.is_ok_and(|reply| reply.is_ok()) {
            unannounced.push("STLS");
        }
    }
    require(unannounced.is_empty(), || format!("works, and is not announced: {}", unannounced.join(", ")))
}

/// RFC 2449 §6: TOP, USER, RESP-CODES, PIPELINING, UIDL, STLS, AUTH-RESP-CODE and LANG have no parameters.
async fn no_parameters(lab: &Lab) -> Outcome {
    for (when, list) in lists(lab).await? {
        let with = |capability: &&Capability| {
            WITHOUT.contains(&capability.tag.as_str()) && !capability.parameters.is_empty()
        };
        if let Some(capability) = list.iter().find(with) {
            return fail(format!(
                "{when} the line is `{} {}`; {} has no argument",
                capability.tag,
                capability.parameters.join(" "),
                capability.tag
            ));
        }
    }
    Ok(())
}

/// RFC 2449 §3, §5: An empty list is legal.
async fn empty(lab: &Lab) -> Outcome {
    for (when, list) in lists(lab).await? {
        if list.is_empty() {
            return info(format!("the list is empty {when}"));
        }
    }
    Ok(())
}

/// RFC 2449 §6: There is no APOP capability; the greeting is the only announcement.
async fn no_apop(lab: &Lab) -> Outcome {
    let found = lists(lab)
        .await?
        .into_iter()
        .find(|(_, list)| list.iter().any(|capability| capability.tag == "APOP"));
    match found {
        Some((when, _)) => fail(format!("APOP stands in the list {when}")),
        None => Ok(()),
    }
}

/// RFC 2449 §5: No tag appears twice.
async fn no_duplicates(lab: &Lab) -> Outcome {
    for (when, list) in lists(lab).await? {
        let mut seen = BTreeSet::new();
        if let Some(twice) = list.iter().find(|capability| !seen.insert(capability.tag.as_str())) {
            return fail(format!("{} stands in the list {when} more than once", twice.tag));
        }
        for capability in list.iter().filter(|capability| capability.tag == "SASL") {
            let mut seen = BTreeSet::new();
            let name = |name: &String| name.to_ascii_uppercase();
            if let Some(twice) = capability.parameters.iter().find(|parameter| !seen.insert(name(parameter)))
            {
                return fail(format!("SASL has {twice} more than once {when}"));
            }
        }
    }
    Ok(())
}

/// RFC 2449 §5: CAPA may be asked any number of times without cost or effect.
async fn no_side_effect(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let Some(method) = lab.survey().method else { return skipped("no way to log in is known") };
    let exchange = async |session: &mut Session, greeting: &Reply| {
        asked_often(session, "before login").await?;
        let timestamp = sasl::apop::timestamp(&greeting.line);
        Ok(login::attempt(session, method, &account, timestamp, &lab.nonce()).await?)
    };
    let (mut session, reply) = lab.unhurried(&account, exchange).await?;
    if !reply.is_ok() {
        assume_not_put_off(&reply)?;
        let (_session, control) = lab.login_by(&account, method).await?;
        assume(control.is_ok(), || format!("without CAPA the login was answered {} too", control.quoted()))?;
        return fail(format!(
            "after CAPA was asked for {TIMES} times, the login was answered {}",
            reply.quoted()
        ));
    }
    let before = session.assume_ok("STAT").await?;
    asked_often(&mut session, "after login").await?;
    let after = session.command("STAT").await.judged()?;
    require(before.line == after.line, || {
        format!(
            "STAT said {} before CAPA was asked for {TIMES} times, and then {}",
            before.quoted(),
            after.quoted()
        )
    })?;
    drop(session);
    marks_stay(lab).await
}

/// A mark outlasts CAPA too, where mail may be marked.
async fn marks_stay(lab: &Lab) -> Outcome {
    let mut session = match lab.deletable(1).await {
        Err(Stop::Skipped(_)) => return Ok(()),
        session => session?,
    };
    session.assume_ok("DELE 1").await?;
    let marked = session.assume_ok("STAT").await?;
    session.assume_ok("CAPA").await?;
    let after = session.command("STAT").await.judged()?;
    let _ = session.command("RSET").await;
    require(marked.line == after.line, || {
        format!("with a message marked, STAT said {}, and behind CAPA {}", marked.quoted(), after.quoted())
    })
}

/// CAPA again and again, and each time the same.
async fn asked_often(session: &mut Session, when: &str) -> Outcome {
    let mut first: Option<Reply> = None;
    for time in 1..=TIMES {
        let reply = match session.command("CAPA").await {
            Err(Mishap::Closed { how, .. }) => {
                return fail(format!("{when} the connection ended ({how}) at CAPA number {time}"));
            }
            Err(mishap @ Mishap::TimedOut { .. }) => return inconclusive(mishap.to_string()),
            reply => reply.judged()?,
        };
        require(reply.is_ok(), || format!("{when}, asked for the {time}. time, {}", reply.seen()))?;
        let list = first.get_or_insert_with(|| reply.clone());
        require(list.has_content_of(&reply), || format!("{when} the list is another one the {time}. time"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mistaken_tag_is_a_registered_one() {
        for (wrong, right) in MISTAKEN {
            assert!(!WITHOUT.contains(wrong) && wrong != right);
        }
    }
}

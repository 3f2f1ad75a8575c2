//! RFC 2449 sections 3, 5 and 6: the CAPA command, its form and its truth.

use mail::Role;
use proto::{Capability as Line, Deviation};
use sasl::Mechanism;

use crate::check::checks;
use crate::lab::Lab;
use crate::login::Method;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, require, warn};
use crate::refusal::{is_momentary, says_unknown};
use crate::reply::{Reply, quote};
use crate::site::{Capability, Security};
use crate::survey::listed;

checks! {
    "rfc2449.capa.format" => format,
    "rfc2449.capa.tag-syntax" => tag_syntax,
    "rfc2449.capa.both-states" => both_states,
    "rfc2449.capa.absent" => absent,
    "rfc2449.capa.persistent" => persistent,
    "rfc2449.capa.same-args" => same_arguments,
    "rfc2449.capa.truthful" => truthful,
    "rfc2449.impl.syntax" => implementation,
}

/// Tags whose presence or parameters may differ between the states (RFC 2449 sections 5 and 6).
const MAY_DIFFER: &[&str] = &["LOGIN-DELAY", "EXPIRE", "IMPLEMENTATION", "STLS"];

/// RFC 2449 §3, §5: CAPA answers +OK, one capability per line, then the dot line.
async fn format(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.require_ok("CAPA").await?;
    reply.require_without(&[Deviation::ContentBareLf, Deviation::ContentBareCr])?;
    lines_without(
        &reply,
        &[Deviation::CapabilityEmpty, Deviation::CapabilityBlank, Deviation::CapabilityTooLong],
    )?;
    one_per_line(&reply)?;
    // No RFC has a limit, and no client expects this.
    if reply.left_out > 0 {
        return warn(format!(
            "the list goes on for {} octets behind its first {} lines, which no client can be expected to keep",
            reply.left_out,
            reply.lines().len()
        ));
    }
    Ok(())
}

/// RFC 2449 §3: A tag has printable ASCII characters without "." and SP.
async fn tag_syntax(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.assume_ok("CAPA").await?;
    lines_without(&reply, &[Deviation::CapabilityTag])
}

/// Tags that are no parameter of any capability: USER is one, of LOGIN-DELAY, EXPIRE and UTF8. What IMPLEMENTATION and
/// private tags are followed by is free.
const NO_PARAMETERS: &[&str] = &[
    "TOP",
    "UIDL",
    "SASL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "LOGIN-DELAY",
    "EXPIRE",
    "IMPLEMENTATION",
    "STLS",
    "UTF8",
    "LANG",
];

/// No line may hold the tags of others behind its own.
fn one_per_line(reply: &Reply) -> Outcome {
    for line in reply.lines() {
        let capability = Line::parse(line).0;
        let tag = String::from_utf8_lossy(capability.tag).to_ascii_uppercase();
        let registered = tag == "USER" || NO_PARAMETERS.contains(&tag.as_str());
        if !registered || tag == "IMPLEMENTATION" {
            continue;
        }
        let another = |parameter: &&&[u8]| {
            NO_PARAMETERS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(parameter))
        };
        if let Some(another) = capability.parameters.iter().find(another) {
            return fail(format!(
                "CAPA line {} holds {tag} and {}; each capability has a line of its own",
                quote(line),
                quote(another)
            ));
        }
    }
    Ok(())
}

fn lines_without(reply: &Reply, unwanted: &[Deviation]) -> Outcome {
    for line in reply.lines() {
        let found = Line::parse(line).1;
        if let Some(deviation) = unwanted.iter().find(|deviation| found.contains(**deviation)) {
            return fail(format!("CAPA line {}: {deviation}", quote(line)));
        }
    }
    Ok(())
}

/// RFC 2449 §5: CAPA is available before and after login.
async fn both_states(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.require_ok("CAPA").await?;
    drop(session);
    let mut session = lab.login(Role::Fixtures).await?;
    session.require_ok("CAPA").await?;
    Ok(())
}

/// RFC 2449 §5: A server without CAPA answers -ERR.
async fn absent(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command("CAPA").await.judged()?;
    require(reply.is_ok() || reply.is_err(), || format!("{}; a list or -ERR was required", reply.seen()))
}

async fn both_lists(lab: &Lab) -> Result<(Vec<Capability>, Vec<Capability>), Stop> {
    let mut session = lab.connect().await?;
    let before = session.assume_ok("CAPA").await?;
    drop(session);
    let mut session = lab.login(Role::Fixtures).await?;
    let after = session.assume_ok("CAPA").await?;
    Ok((listed(&before).unwrap_or_default(), listed(&after).unwrap_or_default()))
}

/// RFC 2449 §5: Capabilities available in AUTHORIZATION are announced in both states.
async fn persistent(lab: &Lab) -> Outcome {
    let (before, after) = both_lists(lab).await?;
    let missing: Vec<&str> = before
        .iter()
        .map(|capability| capability.tag.as_str())
        .filter(|tag| !MAY_DIFFER.contains(tag) && !after.iter().any(|capability| capability.tag == *tag))
        .collect();
    match missing[..] {
        [] => Ok(()),
        ["USER"] => warn("USER is missing from the list after login"),
        _ => fail(format!("announced before login and missing after it: {}", missing.join(", "))),
    }
}

/// RFC 2449 §5, §6: Only LOGIN-DELAY and EXPIRE (and IMPLEMENTATION's presence) may differ between the
/// states.
async fn same_arguments(lab: &Lab) -> Outcome {
    let (before, after) = both_lists(lab).await?;
    for capability in before.iter().filter(|capability| !MAY_DIFFER.contains(&capability.tag.as_str())) {
        // A tag that is missing after login is judged by rfc2449.capa.persistent.
        let Some(later) = after.iter().find(|later| later.tag == capability.tag) else { continue };
        require(capability.parameters == later.parameters, || {
            format!(
                "{} has the parameters `{}` before login and `{}` after it",
                capability.tag,
                capability.parameters.join(" "),
                later.parameters.join(" ")
            )
        })?;
    }
    Ok(())
}

/// RFC 2449 §5, §6: What is announced works: TOP, UIDL, USER, SASL mechanisms, STLS, PIPELINING, UTF8, LANG.
async fn truthful(lab: &Lab) -> Outcome {
    let (before, after) = both_lists(lab).await?;
    let has = |tag: &str| before.iter().chain(&after).any(|capability| capability.tag == tag);
    let mut session = lab.mail(1).await?;
    for (tag, command) in [("TOP", "TOP 1 0"), ("UIDL", "UIDL"), ("LANG", "LANG")] {
        if has(tag) {
            let reply = session.command(command).await?;
            // LANG without argument may be refused for reasons of its own; only "unknown command" would be a lie.
            let known = reply.is_ok() || (tag == "LANG" && !says_unknown(&reply));
            require(known, || format!("{tag} is announced, but {}", reply.seen()))?;
        }
    }
    if has("USER") {
        let account = session.account()?;
        drop(session);
        let (again, reply) = lab.login_by(&account, Method::UserPass).await?;
        session = again;
        if !reply.is_ok() {
            return inconclusive(format!(
                "USER is announced, but {}: perhaps not for this user",
                reply.seen()
            ));
        }
    }
    drop(session);
    upgrade(lab).await?;
    let mut session = lab.connect().await?;
    let mut refused = Ok(());
    for name in lab.survey().mechanisms() {
        let Some(mechanism) = Mechanism::parse(&name) else { continue };
        let reply = session.command(format!("AUTH {}", mechanism.name())).await?;
        if reply.continuation {
            session.respond("*").await?;
        } else {
            lab.site().refused_mechanisms.borrow_mut().insert(mechanism);
            refused = refused.and_then(|()| fail(format!("SASL announces {name}, but {}", reply.seen())));
        }
        drop(session);
        session = lab.connect().await?;
    }
    refused?;
    if has("UTF8") {
        let reply = session.command("UTF8").await?;
        require(reply.is_ok() || !says_unknown(&reply), || {
            format!("UTF8 is announced, but {}", reply.seen())
        })?;
    }
    Ok(())
}

/// STLS where the list in cleartext has it. How the handshake goes is judged by the checks of RFC 2595.
async fn upgrade(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return Ok(());
    }
    let mut session = lab.connect_clear().await?;
    let list = listed(&session.assume_ok("CAPA").await?).unwrap_or_default();
    if !list.iter().any(|capability| capability.tag == "STLS") {
        return Ok(());
    }
    let reply = session.command("STLS").await.judged()?;
    assume(reply.is_ok() || !is_momentary(&reply), || format!("STLS was put off: {}", reply.quoted()))?;
    require(reply.is_ok(), || format!("STLS is announced, but {}", reply.seen()))
}

/// RFC 2449 §6.9: IMPLEMENTATION has at least one parameter; it may be shown only after login.
async fn implementation(lab: &Lab) -> Outcome {
    let (before, after) = both_lists(lab).await?;
    for capability in before.iter().chain(&after).filter(|capability| capability.tag == "IMPLEMENTATION") {
        require(!capability.parameters.is_empty(), || {
            "IMPLEMENTATION stands without a parameter".to_owned()
        })?;
    }
    Ok(())
}

//! What a check needs of the target and what this target has: the difference is the verdict "skipped".
//!
//! Needs that only a conversation can settle (enough mail, a fixture in place, permission to delete) are settled by
//! [`crate::lab`]; here stand those the survey has already answered.

use mail::Role;
use sasl::Mechanism;

use crate::accounts::hooks::Hook;
use crate::check::{Check, Cost};
use crate::outcome::Stop;
use crate::site::{Costs, Security, Site, Survey};
use crate::timestamp::meant_timestamps;

/// What keeps a check from being tried at this entrance: the first need it cannot meet (skipped), or what the run itself
/// has lost or never had (inconclusive). `None` if the check can be tried.
pub(crate) fn missing(check: &Check, site: &Site) -> Option<Stop> {
    if let Some(why) = too_costly(check.cost, site.permissions.costs) {
        return Some(Stop::Skipped(why.to_owned()));
    }
    check
        .requirement()
        .needs
        .iter()
        .find_map(|need| lost(need, check, site).or_else(|| unmet(need, site).map(Stop::Skipped)))
}

/// Why nobody asked for what costs so much.
fn too_costly(cost: Cost, costs: Costs) -> Option<&'static str> {
    match cost {
        Cost::Waits if !costs.waits => Some("waits for seconds, which --only-fast leaves out"),
        Cost::Slow if !costs.slow => Some("waits for minutes; --slow carries it out"),
        Cost::Stress if !costs.stress => Some("puts a load on the server; --stress carries it out"),
        _ => None,
    }
}

/// These are about STLS where it is announced and does not work.
const OF_BROKEN_STLS: &[&str] =
    &["rfc2595.stls.works", "rfc2595.stls.needs-capa", "rfc8314.stls.not-if-broken"];

/// What there is, and cannot be had in this run all the same.
fn lost(need: &str, check: &Check, site: &Site) -> Option<Stop> {
    let survey = &site.survey;
    let used_up = |role| {
        let gone = site.pool.knows(role) && !site.pool.has(role);
        gone.then(|| {
            Stop::Inconclusive(format!("the logins of all accounts with role `{role}` were refused"))
        })
    };
    match need {
        "creds" | "mail" | "fixture" | "second-session" | "large" | "many"
            if site.pool.accounts().next().is_some() =>
        {
            survey.no_login.as_ref().map(|stop| match stop.clone() {
                Stop::Skipped(why) => Stop::Skipped(why),
                other => Stop::Inconclusive(format!("nobody could log in: {}", other.told())),
            })
        }
        // Where no right password may be sent, no wrong one may either: it is made from a right one.
        "badcreds" | "sasl" | "apop" | "empty" | "disposable" | "second-account" if forbidden(survey) => {
            survey.no_login.clone()
        }
        "empty" => used_up(Role::Empty),
        "disposable" if site.permissions.allow_delete => used_up(Role::Disposable),
        "badcreds" => used_up(Role::Disposable),
        "second-account" => used_up(Role::Second),
        "stls" if !OF_BROKEN_STLS.contains(&check.id) => survey.stls_broken.as_ref().map(|why| {
            Stop::Inconclusive(format!("STLS does not work, which rfc2595.stls.works is about: {why}"))
        }),
        _ => None,
    }
}

/// Whether no password may be sent at all.
fn forbidden(survey: &Survey) -> bool {
    matches!(survey.no_login, Some(Stop::Skipped(_)))
}

fn unmet(need: &str, site: &Site) -> Option<String> {
    let survey = &site.survey;
    let (met, reason) = match need {
        "creds" | "mail" | "fixture" | "second-session" | "large" | "many" => (
            site.pool.accounts().next().is_some() && survey.method.is_some(),
            "needs an account: give --user, or --accounts FILE".to_owned(),
        ),
        "empty" => (site.pool.has(Role::Empty), "needs an account with role `empty`".to_owned()),
        "disposable" => (
            site.permissions.allow_delete && site.pool.has(Role::Disposable),
            "deletes mail, so it needs --allow-delete and an account with role `disposable`".to_owned(),
        ),
        "badcreds" => (
            site.pool.has(Role::Disposable),
            "gives wrong passwords on purpose, which is done only to accounts with role `disposable`"
                .to_owned(),
        ),
        "second-account" => (site.pool.has(Role::Second), "needs an account with role `second`".to_owned()),
        "tls" => (site.entrance.security == Security::Implicit, "needs an implicit-TLS port".to_owned()),
        "stls" => {
            let upgrades = site.entrance.security == Security::Starttls || survey.stls_broken.is_some();
            (upgrades, "needs a cleartext port with STLS".to_owned())
        }
        "sasl" => (survey.announces("SASL"), "the server does not announce SASL".to_owned()),
        // How long a check waits is its row's to say.
        "wait10" => (true, String::new()),
        // Whether it is a well-formed timestamp is judged by rfc1939.apop.timestamp-syntax.
        "apop" => {
            (!meant_timestamps(&survey.greeting).is_empty(), "the greeting has no APOP timestamp".to_owned())
        }
        // Whether an account has a secret cannot be seen; that its password works otherwise has to do.
        "apop-secret" => (
            !meant_timestamps(&survey.greeting).is_empty() && site.pool.has(Role::Disposable),
            "needs a greeting with an APOP timestamp and an account with role `disposable`".to_owned(),
        ),
        "restart" => by_hook(Hook::Restart, site),
        "kill" => by_hook(Hook::Kill, site),
        "backup" => by_hook(Hook::Restore, site),
        "inject" => by_hook(Hook::Deliver, site),
        "other-access" => by_hook(Hook::List, site),
        // Which of the two kinds it is the check itself says.
        "fault" if lacking(Hook::ReadOnly, site).is_none() => (true, String::new()),
        "fault" => by_hook(Hook::Unreadable, site),
        _ => match need.strip_prefix("cap:") {
            Some(name) if refuses(name, site) => {
                (false, format!("needs {name}, which is announced here and refused (rfc2449.capa.truthful)"))
            }
            Some(name) => (has(name, site), format!("the server does not announce {name}")),
            None => (false, format!("needs `{need}`, which poplab cannot provide yet")),
        },
    };
    (!met).then_some(reason)
}

/// Why this cannot be done to the server, if it cannot. What is about a mailbox changes it, be it by one message more.
pub(crate) fn lacking(hook: Hook, site: &Site) -> Option<String> {
    if !site.operations.as_ref().is_some_and(|operations| operations.can(hook)) {
        return Some(of_hook(hook));
    }
    let permitted = site.permissions.allow_delete || hook.is_about_the_server();
    (!permitted).then(|| {
        format!("runs the hook `{}` on a `disposable` mailbox, so it needs --allow-delete", hook.key())
    })
}

fn by_hook(hook: Hook, site: &Site) -> (bool, String) {
    let lacking = lacking(hook, site);
    (lacking.is_none(), lacking.unwrap_or_default())
}

/// Why something cannot be done without this hook, and what to write to have it.
fn of_hook(hook: Hook) -> String {
    format!(
        "needs the hook `{}`, a command that {}; add to the accounts file, as it is on your server, {}",
        hook.key(),
        match hook {
            Hook::Restart => "restarts the server",
            Hook::Kill => "kills the server",
            Hook::Deliver => "delivers a message",
            Hook::List => "lists a mailbox without POP3",
            Hook::Remove => "removes a message without POP3",
            Hook::Unreadable => "makes a mailbox unreadable",
            Hook::ReadOnly => "makes a mailbox read-only",
            Hook::Mend => "puts a mailbox back in order",
            Hook::Save => "makes a backup of a mailbox",
            Hook::Restore => "brings a mailbox back from its backup",
        },
        hook.line()
    )
}

/// Whether what is announced under this name was refused to everybody: a mechanism, or all that poplab speaks. That
/// counts in the last round alone, for what could not be carried out: a check that finds something there shall find it.
fn refuses(name: &str, site: &Site) -> bool {
    if !site.last_round.get() {
        return false;
    }
    let refused = site.refused_mechanisms.borrow();
    match name {
        "SASL" => {
            let announced = site.survey.mechanisms();
            let mut spoken = announced.iter().filter_map(Mechanism::parse).peekable();
            spoken.peek().is_some() && spoken.all(|mechanism| refused.contains(&mechanism))
        }
        "SASL-server-first" => {
            site.survey.server_first_mechanism().is_some_and(|mechanism| refused.contains(&mechanism))
        }
        "SCRAM" => {
            let announced = site.survey.mechanisms();
            let known =
                Mechanism::SCRAM.iter().filter(|scram| announced.iter().any(|name| name == scram.name()));
            known.clone().next().is_some() && known.into_iter().all(|scram| refused.contains(scram))
        }
        _ => Mechanism::parse(name).is_some_and(|mechanism| refused.contains(&mechanism)),
    }
}

fn has(name: &str, site: &Site) -> bool {
    let survey = &site.survey;
    let mechanisms = survey.mechanisms();
    let offers = |mechanism: &str| mechanisms.iter().any(|offered| offered == mechanism);
    match name {
        // It may be refused in one state, or come without an end: that is for its own checks to say.
        "CAPA" => {
            survey.capabilities.is_some() || survey.session_capabilities.is_some() || survey.capa_is_odd()
        }
        "TOP" => survey.has_top,
        "UIDL" => survey.has_uidl,
        "SCRAM" => Mechanism::SCRAM.iter().any(|scram| offers(scram.name())),
        "PLAIN" | "CRAM-MD5" | "EXTERNAL" | "GSSAPI" | "OAUTHBEARER" | "XOAUTH2" | "ANONYMOUS" => {
            offers(name)
        }
        "SASL-server-first" => survey.server_first_mechanism().is_some(),
        "EXPIRE0" => survey.expire_zero(),
        "UTF8-USER" => {
            survey.capability("UTF8").is_some_and(|utf8| utf8.parameters.iter().any(|word| word == "USER"))
        }
        _ => survey.announces(name),
    }
}

//! What a check needs of the target and what this target has: the difference is the verdict "skipped".
//!
//! Needs that only a conversation can settle (enough mail, a fixture in place, permission to delete) are settled by
//! [`crate::lab`]; here stand those the survey has already answered.

use mail::Role;

use crate::check::Check;
use crate::site::{Security, Site};

/// The first need that this entrance cannot meet, in words; `None` if the check can be tried.
pub(crate) fn missing(check: &Check, site: &Site) -> Option<String> {
    check.requirement().needs.iter().find_map(|need| unmet(need, site))
}

fn unmet(need: &str, site: &Site) -> Option<String> {
    let survey = &site.survey;
    let (met, reason) = match need {
        "creds" | "mail" | "fixture" | "second-session" | "large" => (
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
            (site.entrance.security == Security::Starttls, "needs a cleartext port with STLS".to_owned())
        }
        "sasl" => (survey.announces("SASL"), "the server does not announce SASL".to_owned()),
        // Brackets are enough: whether it is a well-formed timestamp is judged by rfc1939.apop.timestamp-syntax.
        "apop" => (survey.greeting.contains(&b'<'), "the greeting has no APOP timestamp".to_owned()),
        // Whether an account has a secret cannot be seen; that its password works otherwise has to do.
        "apop-secret" => (
            survey.greeting.contains(&b'<') && site.pool.has(Role::Disposable),
            "needs a greeting with an APOP timestamp and an account with role `disposable`".to_owned(),
        ),
        _ => match need.strip_prefix("cap:") {
            Some(name) => (has(name, site), format!("the server does not announce {name}")),
            None => (false, format!("needs `{need}`, which poplab cannot provide yet")),
        },
    };
    (!met).then_some(reason)
}

fn has(name: &str, site: &Site) -> bool {
    let survey = &site.survey;
    let mechanisms = survey.mechanisms();
    let offers = |mechanism: &str| mechanisms.iter().any(|offered| offered == mechanism);
    match name {
        "CAPA" => survey.capabilities.is_some(),
        "TOP" => survey.has_top,
        "UIDL" => survey.has_uidl,
        "SCRAM" => offers("SCRAM-SHA-256"),
        "PLAIN" | "CRAM-MD5" | "EXTERNAL" | "GSSAPI" | "OAUTHBEARER" | "XOAUTH2" => offers(name),
        "SASL-server-first" => survey.server_first_mechanism().is_some(),
        "EXPIRE0" => survey.expire_zero(),
        "UTF8-USER" => {
            survey.capability("UTF8").is_some_and(|utf8| utf8.parameters.iter().any(|word| word == "USER"))
        }
        _ => survey.announces(name),
    }
}

//! Mechanisms that the fake offers only where it is asked to: SCRAM-SHA-1, the variants bound to the channel, and tokens;
//! and a server on which no password goes in cleartext.

use fake::{Configuration, Script};
use record::Verdict;
use suite::{Check, Security};

use crate::laboratory::{accounts_with_tokens, configured, judge, paused, site};

/// A right server that has everything there is.
fn everything(cleartext_login: bool) -> fake::World {
    let script = Script::read("policy: {tokens: accepted}", "tokens").expect("a policy");
    configured(Configuration {
        script: Some(script),
        more_mechanisms: true,
        cleartext_login,
        ..Configuration::default()
    })
}

/// The verdicts of the checks about TLS and logins.
fn verdicts(security: Security, cleartext_login: bool) -> Vec<(String, Verdict, String)> {
    let areas = ["stls", "tls", "sasl", "mech", "capa"];
    let checks: Vec<Check> =
        suite::all().into_iter().filter(|check| areas.contains(&check.requirement().area.as_str())).collect();
    let evidence = paused(async {
        let world = everything(cleartext_login);
        let site =
            site(&world, security, accounts_with_tokens(), true).await.expect("the fake can be surveyed");
        judge(&site, checks, 8).await
    });
    evidence
        .into_iter()
        .map(|evidence| (evidence.result.id, evidence.result.verdict, evidence.result.observed))
        .collect()
}

/// What is neither passed nor a mere remark nor left out.
fn remarkable(verdicts: &[(String, Verdict, String)]) -> Vec<String> {
    verdicts
        .iter()
        .filter(|(_, verdict, _)| !matches!(verdict, Verdict::Pass | Verdict::Info | Verdict::Skipped))
        .map(|(id, verdict, observed)| format!("{verdict} {id}: {observed}"))
        .collect()
}

fn verdict<'a>(verdicts: &'a [(String, Verdict, String)], id: &str) -> &'a Verdict {
    verdicts
        .iter()
        .find(|(known, ..)| known == id)
        .map(|(_, verdict, _)| verdict)
        .expect("the check was judged")
}

#[test]
fn a_server_with_every_mechanism_is_right_under_tls() {
    let verdicts = verdicts(Security::Implicit, true);
    assert_eq!(remarkable(&verdicts), Vec::<String>::new());
    for id in [
        "rfc5802.scram.exchange",
        "rfc5802.scram.gs2",
        "rfc5802.scram.bad-proof",
        "rfc5802.scram.nonce",
        "rfc5802.scram.attributes",
        "rfc5802.scram.plus",
        "rfc7628.oauth.error",
        "rfc7628.oauth.unknown-keys",
        "rfc7628.oauth.lone-separator",
        "practice.xoauth2",
    ] {
        assert_eq!(*verdict(&verdicts, id), Verdict::Pass, "{id}");
    }
    // It does not know the name by which it is reached.
    assert_eq!(*verdict(&verdicts, "rfc7628.oauth.host-port"), Verdict::Info);
}

#[test]
fn a_server_that_takes_no_password_in_cleartext_is_right_behind_stls() {
    let verdicts = verdicts(Security::Starttls, false);
    assert_eq!(remarkable(&verdicts), Vec::<String>::new());
    for id in [
        "rfc2595.cleartext.configurable",
        "rfc5034.plain.no-cleartext-config",
        "rfc7628.oauth.tls",
        "rfc5802.scram.plus",
    ] {
        assert_eq!(*verdict(&verdicts, id), Verdict::Pass, "{id}");
    }
    assert_eq!(*verdict(&verdicts, "rfc5034.capa.after-stls"), Verdict::Info);
}

//! What is promised to the users of a target: their passwords and their accounts are safe.

use std::collections::BTreeMap;

use fake::Policy;
use mail::Role;
use suite::{Account, Evidence, Permissions, Security};
use transcript::{Entry, Side, Transcript};

use crate::laboratory::{judge, paused, surveyed};

/// A password that only the fixtures account of these tests has, so that it is known by its length.
const LONG: &str = "Secret-of-an-account-in-which-somebody-reads-their-own-mail";

const HARMLESS: Permissions = Permissions { allow_delete: false, cleartext_password: false, loopback: true };

/// Surveys and judges; gives all conversations, the survey's first.
fn conversations(
    world: &fake::World,
    security: Security,
    known: Vec<Account>,
    permissions: Permissions,
) -> Vec<Transcript> {
    paused(async {
        let (site, survey) = surveyed(world, security, known, permissions).await;
        let evidence: Vec<Evidence> = match site {
            Ok(site) => judge(&site, suite::all(), 8).await,
            Err(_) => Vec::new(),
        };
        std::iter::once(survey)
            .chain(evidence.into_iter().filter_map(|evidence| evidence.transcript))
            .collect()
    })
}

/// The lines of the client with the first word of what they were answered, session by session.
fn answered(transcript: &Transcript) -> Vec<(String, String)> {
    let mut waiting: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut answered = Vec::new();
    for entry in &transcript.entries {
        let Entry::Line { session, side, content: false, text, .. } = entry else { continue };
        let lines = waiting.entry(*session).or_default();
        if *side == Side::Client {
            lines.push(text.to_string());
        } else if !lines.is_empty() {
            let text = text.to_string();
            answered.push((lines.remove(0), text.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    answered
}

#[test]
fn a_right_password_that_auth_refuses_is_given_once() {
    let message = 4 * (2 + "fixtures1".len() + LONG.len()).div_ceil(3);
    let opening = 4 * ("n,,n=fixtures1,r=".len() + 24usize).div_ceil(3);
    let marks = [format!("‹secret {message}›"), format!("‹secret {opening}›")];
    for security in [Security::Implicit, Security::Starttls] {
        let fixture = mail::maildrop(Role::Empty, 1, 1).into_iter().map(|(_, octets)| octets);
        let world = fake::World::new(fake::Configuration {
            accounts: vec![fake::Account::new("fixtures1", LONG, fixture)],
            policy: Policy { password_for_user_only: true, ..Policy::default() },
            ..fake::Configuration::default()
        });
        let known = vec![Account::new("fixtures1", LONG, Role::Fixtures)];
        let refused: Vec<String> = conversations(&world, security, known, HARMLESS)
            .iter()
            .flat_map(answered)
            .filter(|(line, answer)| {
                let ours = marks.iter().any(|mark| line.contains(mark)) || line.starts_with("APOP fixtures1");
                ours && answer == "-ERR"
            })
            .map(|(line, _)| line)
            .collect();
        assert_eq!(refused.len(), 1, "{security}: {refused:?}");
    }
}

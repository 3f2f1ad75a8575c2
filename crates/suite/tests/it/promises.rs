//! What is promised to the users of a target: their passwords and their accounts are safe.

use std::collections::BTreeMap;
use std::sync::Arc;

use fake::{Expiry, Policy};
use mail::Role;
use suite::{Account, Evidence, Permissions, Security};
use transcript::{Entry, Side, Transcript};

use crate::laboratory::{LOOKING, accounts, judge, named, paused, surveyed, world, world_with};

/// A password that only the fixtures account of these tests has, so that it is known by its length.
const LONG: &str = "Secret-of-an-account-in-which-somebody-reads-their-own-mail";

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
        let refused: Vec<String> = conversations(&world, security, known, LOOKING)
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

#[test]
fn a_wrong_password_is_given_once_and_then_its_account_is_left_alone() {
    let wrong = |role: Role| format!("{}-{role}", &LONG[..30]);
    for security in [Security::Implicit, Security::Starttls] {
        let known = accounts()
            .into_iter()
            .zip(named())
            .filter(|(_, (user, ..))| !user.starts_with("disposable") || user == "disposable1")
            .map(
                |(account, (user, role, _))| {
                    if role == Role::Fixtures { account } else { Account::new(user, wrong(role), role) }
                },
            )
            .collect();
        let permissions = Permissions { allow_delete: true, mail_shown: suite::MailShown::None, ..LOOKING };
        let lines: Vec<(String, String)> =
            conversations(&world([]), security, known, permissions).iter().flat_map(answered).collect();
        for role in [Role::Empty, Role::Second, Role::Disposable] {
            let user = format!("USER {role}1");
            let given = lines.windows(2).filter(|pair| {
                pair[0].0 == user && pair[1].0 == format!("PASS ‹secret {}›", wrong(role).len())
            });
            // The checks of two users at once need a good `disposable` account beside the second one.
            let expected = usize::from(role != Role::Second);
            assert_eq!(given.count(), expected, "{security}: {role}");
        }
    }
}

#[test]
fn nothing_is_retrieved_where_that_deletes() {
    for expiry in [Expiry::AtOnce, Expiry::AtOnceAfterLogin] {
        for security in [Security::Implicit, Security::Starttls] {
            let world = world_with(Policy { expiry, ..Policy::default() });
            let all = conversations(&world, security, accounts(), LOOKING);
            assert!(all.len() > 100, "{expiry:?}, {security}: only {} conversations", all.len());
            let retrieved: Vec<_> = all
                .iter()
                .flat_map(|transcript| {
                    answered(transcript).into_iter().map(move |line| (&transcript.title, line))
                })
                .filter(|(_, (line, answer))| line.starts_with("RETR") && answer == "+OK")
                .collect();
            assert!(retrieved.is_empty(), "{expiry:?}, {security}: {retrieved:?}");
        }
    }
}

#[test]
fn no_password_goes_in_cleartext_to_another_host() {
    let elsewhere = Permissions { loopback: false, allow_delete: true, ..LOOKING };
    for security in [Security::Starttls, Security::Clear] {
        let all = conversations(&world([]), security, accounts(), elsewhere.clone());
        let expected = if security == Security::Clear { 1 } else { 100 };
        assert!(all.len() >= expected, "{security}: only {} conversations", all.len());
        for transcript in &all {
            let mut protected = std::collections::BTreeSet::new();
            for entry in &transcript.entries {
                match entry {
                    Entry::Note { session, text } if text == "TLS established" => {
                        protected.insert(*session);
                    }
                    Entry::Line { session, side: Side::Client, text, .. } => {
                        let text = text.to_string();
                        let shown = text.contains("‹secret") && !protected.contains(session);
                        assert!(!shown, "{security}, {}: {text}", transcript.title);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn an_account_that_no_line_can_carry_never_reaches_the_wire() {
    for (user, password) in [("fixtures1\r\nNOOP", "pass"), ("fixtures1", "pass\r\nSTAT"), ("fixtures1", "")]
    {
        let known = vec![Account::new(user, password, Role::Fixtures)];
        let all = conversations(&world([]), Security::Implicit, known, LOOKING);
        let lines: Vec<_> = all.iter().flat_map(answered).map(|(line, _)| line).collect();
        let ours = |line: &&String| line.starts_with("USER fixtures1") || line.starts_with("PASS pass");
        assert_eq!(lines.iter().find(ours), None);
        assert!(lines.contains(&"CAPA".to_owned()), "{lines:?}");
    }
}

#[test]
fn a_password_that_is_repeated_in_another_conversation_is_shown_in_none() {
    // Somebody else's password stands in this server's mail and in its unique-ids, and in the first greeting.
    let known: Vec<Account> = named()
        .map(|(user, role, _)| Account::new(user.clone(), format!("Secret-of-{user}"), role))
        .collect();
    let leaked = "secret-OF-second1";
    let mail: Vec<Arc<[u8]>> = (1..=3)
        .map(|number| {
            Arc::from(format!("Subject: {number} {leaked}\r\n\r\nSecret-of-\r\nsecond1\r\n").into_bytes())
        })
        .collect();
    let accounts = named()
        .map(|(user, _, _)| fake::Account::new(user.clone(), format!("Secret-of-{user}"), mail.clone()));
    let world = fake::World::new(fake::Configuration { accounts: accounts.collect(), ..Default::default() });
    let all = conversations(&world, Security::Starttls, known, LOOKING);
    assert!(all.iter().any(|transcript| transcript.render().contains("\u{2039}secret 17\u{203a}")));
    for transcript in all {
        let text = transcript.render();
        assert!(!text.to_lowercase().contains("secret-of-second1"), "{text}");
        assert!(!text.lines().any(|line| line.ends_with("Secret-of-")), "{text}");
    }
}

//! A real inbox survives any command line: the suite with every permission, against accounts of foreign mail.

use std::sync::Arc;

use fake::{Configuration, Defects, World};
use mail::Role;
use record::Severity;
use suite::{Account, MailShown, Permissions, Security};

use crate::laboratory::{EVERYTHING, SEED, judge, named, paused, site, surveyed};

/// Servers that remove mail of whoever comes, by no client's doing, and do not announce it: docs/mail-safety.md says so.
const REMOVES_WHOEVER_COMES: [&str; 6] = [
    // What was retrieved, at once, at QUIT or when the connection ends behind it.
    "rfc1939.retr.removes",
    "rfc1939.retr.hides",
    "rfc1939.update.cut-retr-removes",
    "rfc2449.expire.unannounced",
    // What was shown in part, at QUIT.
    "practice.top.removes",
    // The oldest message, at any QUIT behind a login.
    "rfc2449.expire.never-and-quota",
];

/// Accounts of every role in which nothing is poplab's.
fn inboxes(defects: Defects) -> (World, Vec<Account>) {
    let roles = [Role::Fixtures, Role::Disposable, Role::Second, Role::Empty];
    let accounts = roles.map(|role| fake::Account::new(role.to_string(), "wonderland", inbox()));
    let known = roles.map(|role| Account::new(role.to_string(), "wonderland", role));
    let configuration =
        Configuration { seed: SEED, accounts: accounts.into(), defects, ..Configuration::default() };
    (World::new(configuration), known.into())
}

fn inbox() -> Vec<Arc<[u8]>> {
    (1..=6)
        .map(|number| {
            let head = format!(
                "From: friend{number}@example.org\r\nTo: me@example.org\r\nSubject: letter {number}\r\n\r\n"
            );
            Arc::from(format!("{head}Dear friend,\r\n.\r\nthis is letter {number}.\r\n").into_bytes())
        })
        .collect()
}

fn survives(defects: Defects, security: Security) -> Result<(), String> {
    let (world, known) = inboxes(defects);
    paused(async {
        // A server so broken that it cannot be surveyed is not judged, and so not harmed.
        if let Ok(site) = site(&world, security, known, true).await {
            judge(&site, suite::all(), 8).await;
        }
    });
    for role in [Role::Fixtures, Role::Disposable, Role::Second, Role::Empty] {
        let now = world.messages(&role.to_string());
        if now != inbox() {
            return Err(format!("the mail of `{role}` is changed: {} of 6 messages are left", now.len()));
        }
    }
    Ok(())
}

#[test]
fn not_one_foreign_message_is_gone_or_changed() {
    for security in [Security::Implicit, Security::Starttls] {
        survives(Defects::NONE, security).unwrap();
    }
}

#[test]
fn nor_with_a_server_that_deletes_what_it_should_not() {
    let loses_mail = |id: &&str| {
        suite::catalogue::requirement(id).is_some_and(|found| found.severity == Severity::DataLoss)
    };
    let infos = fake::defects().filter(|info| info.proves.iter().any(loses_mail));
    let lost: Vec<String> = infos
        .filter(|info| !REMOVES_WHOEVER_COMES.contains(&info.id))
        .filter_map(|info| {
            let lost = survives([info].into_iter().collect(), Security::Implicit).err()?;
            Some(format!("{}: {lost}", info.id))
        })
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn one_foreign_message_among_marked_ones_protects_them_all() {
    let (_, known) = inboxes(Defects::NONE);
    let mut messages: Vec<Arc<[u8]>> =
        mail::maildrop(Role::Disposable, SEED, 1).into_iter().map(|(_, octets)| Arc::from(octets)).collect();
    messages.push(inbox()[0].clone());
    let account = fake::Account::new("disposable", "wonderland", messages.clone());
    let world = World::new(Configuration { seed: SEED, accounts: vec![account], ..Configuration::default() });
    paused(async {
        let known = known.into_iter().filter(|account| account.role == Role::Disposable).collect();
        let site = site(&world, Security::Implicit, known, true).await.expect("the fake can be surveyed");
        judge(&site, suite::all(), 8).await;
    });
    assert_eq!(world.messages("disposable"), messages);
}

#[test]
fn without_permission_not_even_own_mail_is_touched() {
    let world = crate::laboratory::world([]);
    let before: Vec<_> = named().map(|(user, _, _)| world.messages(&user)).collect();
    paused(async {
        let site =
            site(&world, Security::Implicit, crate::laboratory::accounts(), false).await.expect("surveyed");
        let evidence = judge(&site, suite::all(), 8).await;
        let sent_dele = |evidence: &&suite::Evidence| {
            evidence.transcript.as_ref().is_some_and(|transcript| transcript.render().contains("C: DELE"))
                && evidence.result.id != "rfc1939.state.trans-cmd-in-auth"
        };
        let guilty: Vec<_> = evidence.iter().filter(sent_dele).map(|evidence| &evidence.result.id).collect();
        assert!(guilty.is_empty(), "DELE was sent without permission by {guilty:?}");
    });
    let after: Vec<_> = named().map(|(user, _, _)| world.messages(&user)).collect();
    assert_eq!(before, after);
}

/// A word in every line of the mail that nobody must see.
const PRECIOUS: &str = "precious";

/// Mail of somebody's; one was written over a fixture and kept its marker, and dots, signs of replies and line ends are
/// where they mislead.
fn letters(edited: bool) -> Vec<Arc<[u8]>> {
    let fixture = &mail::corpus(SEED)[0];
    let marker = mail::Marker::parse(&fixture.octets).expect("a marker");
    (1..=5)
        .map(|number| {
            let header = match number {
                3 if edited => format!("X-Poplab-Fixture: {marker}\r\n"),
                _ => String::new(),
            };
            let body = format!("the {PRECIOUS} letter {number}.\r\n.\r\n..{PRECIOUS}\r\n-- \r\n").repeat(20);
            let head = format!("From: {PRECIOUS}{number}@example.org\r\nSubject: {PRECIOUS} {number}\r\n");
            Arc::from(format!("{head}{header}\r\n{body}last {PRECIOUS}").into_bytes())
        })
        .collect()
}

/// All that is told of a run against accounts of somebody's mail: conversations, verdicts, reproductions.
fn told(
    defect: Option<&'static fake::Defect>,
    known: &[Role],
    mail_shown: MailShown,
    edited: bool,
) -> Vec<String> {
    let mail = letters(edited);
    let accounts = named()
        .map(|(user, _, _)| fake::Account::new(user.clone(), format!("Secret-of-{user}"), mail.clone()));
    let world = World::new(Configuration {
        accounts: accounts.collect(),
        defects: defect.into_iter().collect(),
        ..Configuration::default()
    });
    let known = named()
        .filter(|(_, role, _)| known.contains(role))
        .map(|(user, role, _)| Account::new(user.clone(), format!("Secret-of-{user}"), role));
    let permissions = Permissions { allow_delete: true, mail_shown, ..EVERYTHING };
    paused(async {
        let (site, survey) = surveyed(&world, Security::Implicit, known.collect(), permissions).await;
        let mut told = vec![survey.render()];
        let Ok(site) = site else { return told };
        let areas = [".retr.", ".top.", ".frame.", ".list.", ".dele.", ".update.", ".utf8."];
        let of_mail = |check: &suite::Check| areas.iter().any(|area| check.id.contains(area));
        let checks = suite::all().into_iter().filter(of_mail).collect();
        for evidence in judge(&site, checks, 8).await {
            told.push(format!("{:?}", evidence.result));
            told.extend(evidence.reproduction.map(|reproduction| {
                reproduction.script(&suite::reproduce::Server::Running(&suite::reproduce::Verification::None))
            }));
            told.extend(evidence.transcript.map(|transcript| transcript.render()));
        }
        told
    })
}

/// Defects that make verdicts about the lines of a message, or bring lines of it where replies are due.
fn defects_of_mail() -> impl Iterator<Item = &'static fake::Defect> {
    fake::defects().filter(|info| info.id.contains(".retr.") || info.id.contains(".top."))
}

#[test]
fn nobody_s_mail_is_in_a_transcript_or_a_verdict() {
    let fixtures = (&[Role::Fixtures][..], MailShown::None, true);
    let all = (&[Role::Fixtures, Role::Disposable, Role::Second][..], MailShown::Marked, false);
    let wrong = defects_of_mail().map(|info| (Some(info), fixtures));
    for (info, (roles, shown, edited)) in [(None, fixtures), (None, all)].into_iter().chain(wrong) {
        let told = told(info, roles, shown, edited);
        for text in &told {
            assert!(!text.contains(PRECIOUS), "{:?}, {shown:?}: {text}", info.map(|info| info.id));
        }
        assert!(told.iter().any(|text| text.contains("octets of mail, not shown")), "{shown:?}: no mail");
    }
}

#[test]
fn mail_is_shown_to_whoever_says_so() {
    let told = told(None, &[Role::Fixtures], MailShown::All, false);
    assert!(told.iter().any(|text| text.contains("S| Subject: precious 1")));
    assert!(!told.iter().any(|text| text.contains("octets of mail, not shown")));
}

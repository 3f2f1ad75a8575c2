//! Mail safety and verification: nothing is deleted that is not poplab's own, and wrong data is no success.

use std::time::Duration;

use load::{Behaviours, Session};
use scenario::{Accounts, Behaviour, Credentials, Mechanism, Secret};

use crate::stage::{PASSWORD, Run, Stage, population, scenario};

const FOREIGN: &[u8] = b"From: a@example.org\r\nSubject: mine\r\n\r\nDo not delete.\r\n";

fn download(users: u64) -> scenario::Scenario {
    scenario(users)
        .open(5.0, Duration::from_secs(2))
        .behaviour(1.0, Behaviour::DownloadAndDelete)
        .build()
        .unwrap()
}

fn kinds(run: &Run) -> Vec<String> {
    run.errors().into_iter().map(|(kind, step, _)| format!("{kind} at {step}")).collect()
}

#[test]
fn own_mail_is_downloaded_and_deleted() {
    let mut stage = Stage::new(10, |_| {});
    stage.allow_delete = true;
    let run = stage.run(&download(10));
    run.all_well();
    assert_eq!((run.count("RETR-last"), run.count("DELE")), (50, 50));
    assert_eq!(run.sum(|second| second.verified.content), 50);
    for user in 0..10 {
        assert!(stage.world.messages(&population(10).name(user)).is_empty());
    }
}

#[test]
fn without_permission_nothing_is_deleted() {
    let stage = Stage::new(10, |_| {});
    let run = stage.run(&download(10));
    assert_eq!(kinds(&run), ["no-permission at DELE"]);
    assert_eq!(run.count("DELE"), 0);
    for user in 0..10 {
        assert_eq!(stage.world.messages(&population(10).name(user)).len(), 5);
    }
}

/// What reads accounts refuses these. If one came through, what stands behind the line end would be a command, and
/// the server would carry it out: whoever else's mail it is.
#[test]
fn no_command_leaves_in_a_name_or_a_password() {
    let stage = Stage::new(2, |_| {});
    for (user, password) in [
        (population(2).name(0), format!("{PASSWORD}\r\nDELE 1\r\nQUIT")),
        (format!("{}\r\nPASS {PASSWORD}\r\nDELE 1\r\nQUIT", population(2).name(0)), PASSWORD.to_owned()),
        (population(2).name(0), format!("{PASSWORD}\nDELE 1\nQUIT")),
    ] {
        for login in [Mechanism::User, Mechanism::Apop] {
            let mut scenario = download(2);
            scenario.behaviours[0].behaviour = Behaviour::Poll;
            scenario.behaviours[0].login = login;
            let (user, password) = (user.clone(), Secret::new(password.clone()));
            scenario.accounts = Accounts::List(vec![Credentials { user, password }]);
            let run = stage.run(&scenario);
            assert_eq!(run.sum(|second| second.completed), 0);
            assert_eq!(stage.world.messages(&population(2).name(0)).len(), 5);
        }
    }
}

#[test]
fn one_foreign_message_keeps_the_maildrop_as_it_is() {
    let mut stage = Stage::new(10, |_| {});
    stage.allow_delete = true;
    for user in [3, 8] {
        assert!(stage.world.deliver(&population(10).name(user), FOREIGN));
    }
    let mut scenario = download(10);
    // Mail that nobody seeded is not poplab's to judge.
    scenario.mail = None;
    let run = stage.run(&scenario);
    assert_eq!(run.errors(), [("foreign-mail".to_owned(), "DELE".to_owned(), 2)]);
    for user in 0..10 {
        let left = stage.world.messages(&population(10).name(user)).len();
        assert_eq!(left, if [3, 8].contains(&user) { 6 } else { 0 }, "user {user}");
    }
    assert_eq!(run.sum(|second| second.verified.unverifiable), 2);
    assert_eq!(run.count("DELE"), 8 * 5);
}

/// Transcripts go into reports, and reports are passed on.
#[test]
fn nobody_s_mail_gets_into_a_transcript() {
    let stage = Stage::new(10, |_| {});
    for user in 0..10 {
        assert!(stage.world.deliver(&population(10).name(user), FOREIGN));
    }
    for behaviour in [Behaviour::Retrieve { most: 9 }, Behaviour::HeaderPreview { lines: 9, most: 9 }] {
        let mut scenario =
            scenario(10).open(10.0, Duration::from_secs(3)).behaviour(1.0, behaviour).build().unwrap();
        scenario.samples.good = 30;
        for mail in [scenario.mail.clone(), None] {
            scenario.mail = mail;
            let run = stage.run(&scenario);
            let texts: Vec<&str> =
                run.seconds.iter().flat_map(|second| &second.transcripts).map(|one| &*one.text).collect();
            assert!(texts.iter().all(|text| !text.contains("Do not delete")), "{texts:?}");
            assert!(texts.iter().any(|text| text.contains("octets of mail that is not poplab's, not shown")));
            assert!(texts.iter().any(|text| text.contains("X-Poplab-Load")), "poplab's own is shown");
        }
    }
}

#[test]
fn a_new_connection_has_seen_no_mail() {
    let mut stage = Stage::new(10, |_| {});
    stage.allow_delete = true;
    stage.custom = Behaviours::none().with("again", |session: &mut Session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            for number in 1..=session.list().await? {
                session.retr(number as u32).await?;
            }
            session.hang_up();
            session.connect().await?;
            session.login().await?;
            session.dele(1).await
        })
    });
    let scenario = scenario(10)
        .open(5.0, Duration::from_secs(2))
        .behaviour(1.0, Behaviour::Custom("again".to_owned()))
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    assert_eq!(kinds(&run), ["foreign-mail at DELE"]);
    assert_eq!((run.count("RETR-last"), run.count("DELE")), (50, 0));
    for user in 0..10 {
        assert_eq!(stage.world.messages(&population(10).name(user)).len(), 5);
    }
}

#[test]
fn foreign_mail_where_all_was_seeded_is_a_failure() {
    let mut stage = Stage::new(10, |_| {});
    stage.allow_delete = true;
    assert!(stage.world.deliver(&population(10).name(3), FOREIGN));
    let run = stage.run(&download(10));
    assert_eq!(kinds(&run), ["verification:marker-missing at RETR-last"]);
    assert_eq!(stage.world.messages(&population(10).name(3)).len(), 6);
}

#[test]
fn a_fast_wrong_server_fails() {
    let stage = Stage::with_defect(20, "load.retr-corrupt");
    let scenario = scenario(20)
        .open(20.0, Duration::from_secs(3))
        .behaviour(1.0, Behaviour::Retrieve { most: 5 })
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    assert_eq!(kinds(&run), ["verification:checksum at RETR-last"]);
    let failures = run.sum(|second| second.verified.failures);
    assert!(failures > 5, "{failures}");
    assert_eq!(run.sum(|second| second.failed), failures);
    // What is wrong is no latency sample.
    let right = run.sum(|second| second.verified.content);
    assert_eq!((run.count("RETR-first"), run.count("RETR-last")), (right, right));
    // The first leaves what is known, the later ones all that was said.
    let bad: Vec<_> =
        run.seconds.iter().flat_map(|second| &second.transcripts).filter(|one| one.kind.is_some()).collect();
    assert_eq!(bad.len(), 4, "one that is a summary, and three as the scenario says");
    assert!(bad[1].text.contains("RETR") && bad[1].text.contains("verification:checksum"), "{}", bad[1].text);
    assert!(bad.iter().all(|one| !one.text.contains(PASSWORD)));
}

#[test]
fn wrong_passwords_are_tried_once_and_their_refusal_is_success() {
    let stage = Stage::new(10, |_| {});
    let scenario = scenario(10)
        .open(10.0, Duration::from_secs(3))
        .behaviour(4.0, Behaviour::Poll)
        .behaviour(1.0, Behaviour::WrongPassword)
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    // Two of ten users, in their first of three sessions.
    assert_eq!(run.count("login-user"), 28);
}

#[test]
fn what_was_fetched_is_remembered_by_user_and_device() {
    let retrieved = |behaviour| {
        let stage = Stage::new(10, |_| {});
        let scenario =
            scenario(10).open(10.0, Duration::from_secs(4)).behaviour(1.0, behaviour).build().unwrap();
        let run = stage.run(&scenario);
        run.all_well();
        assert_eq!(run.count("UIDL"), 40);
        run.count("RETR-last")
    };
    assert_eq!(retrieved(Behaviour::LeaveOnServer { remember: 0.0 }), 50);
    assert_eq!(retrieved(Behaviour::LeaveOnServer { remember: 1.0 }), 0);
    let some = retrieved(Behaviour::LeaveOnServer { remember: 0.5 });
    assert!((10..40).contains(&some), "{some}");
    // Four sessions are two each of two devices.
    assert_eq!(retrieved(Behaviour::Devices { count: 2 }), 100);
}

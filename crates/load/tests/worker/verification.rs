//! A server that answers fast and wrong fails: each way to be wrong, with the kind of failure that names it.

use std::time::Duration;

use chance::Distribution;
use fake::Password;
use load::{Behaviours, Retrieval, Session};
use mail::load::Population;
use scenario::{Accounts, Behaviour, Mechanism, Scenario, Secret};

use crate::stage::{Run, Stage, population, scenario};

fn of(behaviour: Behaviour) -> Scenario {
    scenario(10).open(10.0, Duration::from_secs(3)).behaviour(1.0, behaviour).build().unwrap()
}

/// The octets of a message that was seeded for a user.
fn seeded(user: u64, number: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    population(10).message(user, number).write(&mut octets);
    octets
}

fn kinds(run: &Run) -> Vec<String> {
    run.errors().into_iter().map(|(kind, step, _)| format!("{kind} at {step}")).collect()
}

/// Only this went wrong, and each time it is counted as wrong data.
fn fails(run: &Run, kind: &str) {
    assert_eq!(kinds(run), [kind]);
    let wrong = run.sum(|second| second.verified.failures);
    assert!(wrong > 0);
    assert_eq!(wrong, run.errors().iter().map(|(_, _, count)| count).sum::<u64>());
}

#[test]
fn unique_ids_that_do_not_persist() {
    let stage = Stage::with_defect(10, "rfc1939.uidl.per-session");
    fails(&stage.run(&of(Behaviour::LeaveOnServer { remember: 1.0 })), "verification:unique-id at UIDL");
}

#[test]
fn two_messages_with_one_unique_id() {
    // The defect is one of mail that was delivered, and of its fifth message.
    let id = fake::Defect::parse("rfc1939.uidl.shared").unwrap();
    let stage = Stage::new(10, |configuration| {
        configuration.defects.insert(id);
        configuration.population[0].population.messages = 3;
    });
    for user in 0..10 {
        for number in [4, 5] {
            assert!(stage.world.deliver(&population(10).name(user), seeded(user, number)));
        }
    }
    fails(&stage.run(&of(Behaviour::LeaveOnServer { remember: 1.0 })), "verification:unique-id at UIDL");
}

#[test]
fn the_same_message_under_two_numbers() {
    let stage = Stage::new(10, |configuration| configuration.population[0].population.messages = 4);
    for user in 0..10 {
        assert!(stage.world.deliver(&population(10).name(user), seeded(user, 1)));
    }
    fails(&stage.run(&of(Behaviour::Retrieve { most: 9 })), "verification:number at RETR-last");
    let preview = Behaviour::HeaderPreview { lines: 0, most: 9 };
    fails(&stage.run(&of(preview)), "verification:number at TOP-last");
}

#[test]
fn mail_that_was_seeded_once_more_is_no_server_s_fault() {
    let stage = Stage::new(10, |_| {});
    for user in 0..10 {
        for number in 1..=5 {
            assert!(stage.world.deliver(&population(10).name(user), seeded(user, number)));
        }
    }
    stage.run(&of(Behaviour::Retrieve { most: 20 })).all_well();
    stage.run(&of(Behaviour::LeaveOnServer { remember: 0.0 })).all_well();
}

#[test]
fn mail_of_another_account() {
    let stage = Stage::new(10, |_| {});
    assert!(stage.world.deliver(&population(10).name(3), seeded(5, 1)));
    fails(&stage.run(&of(Behaviour::Retrieve { most: 9 })), "verification:owner at RETR-last");
    let preview = Behaviour::HeaderPreview { lines: 0, most: 9 };
    fails(&stage.run(&of(preview)), "verification:owner at TOP-last");
}

#[test]
fn a_header_that_is_not_of_the_mail() {
    let stage = Stage::new(10, |_| {});
    assert!(stage.world.deliver(&population(10).name(3), &b"Subject: garbage\r\n\r\n"[..]));
    let preview = Behaviour::HeaderPreview { lines: 0, most: 9 };
    fails(&stage.run(&of(preview)), "verification:marker-missing at TOP-last");
}

#[test]
fn a_size_that_is_not_the_message_s() {
    // The defect is one of delivered messages with many lines.
    let stage = Stage::with_defect(10, "rfc1939.size.counts-lf");
    let large = Population { sizes: Distribution::Fixed(200_000.0), messages: 6, ..population(10) };
    let mut message = Vec::new();
    large.message(3, 6).write(&mut message);
    assert!(stage.world.deliver(&large.name(3), message));
    fails(&stage.run(&of(Behaviour::Retrieve { most: 9 })), "verification:size at RETR-last");
}

#[test]
fn framing_that_damages_messages_is_wrong_data() {
    let stage = Stage::with_defect(10, "rfc1939.retr.no-stuffing");
    let run = stage.run(&of(Behaviour::Retrieve { most: 5 }));
    assert!(kinds(&run).iter().all(|kind| kind.ends_with(" at RETR-last")), "{:?}", kinds(&run));
    assert_eq!(
        run.sum(|second| second.verified.failures),
        run.errors().iter().map(|(_, _, count)| count).sum::<u64>()
    );
}

#[test]
fn totals_that_contradict_the_listing() {
    let mut stage = Stage::with_defect(10, "rfc1939.stat.after-rset");
    stage.allow_delete = true;
    stage.custom = Behaviours::none().with("changes-its-mind", |session: &mut Session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            for number in 1..=session.list().await? {
                session.retr(number as u32).await?;
            }
            session.stat().await?;
            session.dele(1).await?;
            session.list().await?;
            session.rset().await?;
            session.stat().await?;
            session.quit().await
        })
    });
    let run = stage.run(&of(Behaviour::Custom("changes-its-mind".to_owned())));
    fails(&run, "verification:totals at STAT");
    let well = Stage { world: Stage::new(10, |_| {}).world, ..stage };
    well.run(&of(Behaviour::Custom("changes-its-mind".to_owned()))).all_well();
}

#[test]
fn mail_that_is_not_there() {
    let stage = Stage::new(10, |configuration| configuration.population[0].population.messages = 4);
    fails(&stage.run(&of(Behaviour::Poll)), "verification:missing at STAT");
    fails(&stage.run(&of(Behaviour::Retrieve { most: 1 })), "verification:missing at LIST");
    fails(&stage.run(&of(Behaviour::LeaveOnServer { remember: 1.0 })), "verification:missing at UIDL");
}

#[test]
fn a_wrong_password_that_opens_the_maildrop() {
    // What is tried begins with this, and the server looks at the beginning only.
    let beginning = "wrong-";
    let id = fake::Defect::parse("rfc1939.pass.prefix").unwrap();
    let stage = Stage::new(10, |configuration| {
        configuration.defects.insert(id);
        configuration.population[0].password = Password::Shared(beginning.to_owned());
    });
    let mut scenario = of(Behaviour::WrongPassword);
    if let Accounts::Pattern { password, .. } = &mut scenario.accounts {
        *password = Some(Secret::new(beginning));
    }
    fails(&stage.run(&scenario), "verification:password at login-user");
}

#[test]
fn a_server_that_does_not_know_the_password_itself() {
    let stage = Stage::with_defect(10, "rfc5802.scram.wrong-signature");
    let mut scenario = of(Behaviour::Poll);
    scenario.behaviours[0].login = Mechanism::ScramSha256;
    fails(&stage.run(&scenario), "verification:server at login-scram-sha-256");
}

#[test]
fn where_retrieving_deletes_nothing_is_retrieved_without_permission() {
    let mut stage = Stage::new(10, |_| {});
    stage.retrieval = Retrieval::Deletes;
    let run = stage.run(&of(Behaviour::Retrieve { most: 1 }));
    assert_eq!(kinds(&run), ["no-permission at RETR-first"]);
    assert_eq!(run.count("RETR-last"), 0);
    stage.allow_delete = true;
    stage.run(&of(Behaviour::Retrieve { most: 1 })).all_well();
}

//! No DELE leaves for a message that poplab did not make, whatever its header says and whatever the server shows.

use std::time::Duration;

use fake::{Expiry, Policy};
use load::{Behaviours, Retrieval, Session};
use scenario::{Behaviour, Scenario};

use crate::stage::{Run, Stage, population, scenario};

fn download(mail: bool) -> Scenario {
    let mut scenario = scenario(4)
        .open(4.0, Duration::from_secs(1))
        .behaviour(1.0, Behaviour::DownloadAndDelete)
        .build()
        .unwrap();
    if !mail {
        scenario.mail = None;
    }
    scenario
}

fn stage() -> Stage {
    let mut stage = Stage::new(4, |_| {});
    stage.allow_delete = true;
    stage
}

fn kinds(run: &Run) -> Vec<String> {
    run.errors().into_iter().map(|(kind, step, _)| format!("{kind} at {step}")).collect()
}

/// A message of a user as it was seeded.
fn seeded(user: u64, number: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    population(4).message(user, number).write(&mut octets);
    octets
}

/// The header of one of poplab's messages above a body of somebody's own, as "edit as new" leaves it.
fn edited(message: &[u8]) -> Vec<u8> {
    let header = message.len() - mail::body(message).len();
    [&message[..header], b"My own words, and the only copy.\r\n"].concat()
}

#[test]
fn mail_that_nobody_seeded_through_the_scenario_is_proved_by_its_digest() {
    let (stage, mut scenario) = (stage(), download(false));
    let run = stage.run(&scenario);
    run.all_well();
    assert_eq!((run.count("RETR-last"), run.count("DELE")), (20, 20));
    assert_eq!((run.count("STAT"), run.count("UIDL")), (0, 0), "questions of poplab's own are no steps");
    // The same with what conformance calls ordinary mail, beside it.
    let stage = self::stage();
    let name = population(4).name(2);
    assert!(stage.world.deliver(&name, mail::ordinary(3, 1, 2_000)));
    scenario.samples.good = 4;
    let run = stage.run(&scenario);
    run.all_well();
    assert_eq!((run.count("DELE"), stage.world.messages(&name).len()), (21, 0));
}

#[test]
fn a_message_that_kept_poplab_s_header_and_has_another_body_keeps_the_maildrop() {
    let (load, ordinary) = (seeded(2, 1), mail::ordinary(3, 1, 2_000));
    for (mail, original, kind) in [
        (false, &ordinary, "foreign-mail at DELE"),
        (true, &ordinary, "verification:marker-missing at RETR-last"),
        // Its header tells of the body's length too.
        (false, &load, "verification:size at RETR-last"),
        (true, &load, "verification:size at RETR-last"),
    ] {
        let stage = stage();
        let name = population(4).name(2);
        assert!(stage.world.deliver(&name, edited(original)));
        let run = stage.run(&download(mail));
        assert_eq!(kinds(&run), [kind]);
        assert_eq!((stage.world.messages(&name).len(), run.count("DELE")), (6, 3 * 5));
    }
}

#[test]
fn one_message_under_two_numbers_keeps_the_maildrop() {
    for mail in [false, true] {
        let stage = stage();
        let name = population(4).name(1);
        assert!(stage.world.deliver(&name, seeded(1, 3)));
        let run = stage.run(&download(mail));
        assert_eq!(kinds(&run), ["verification:number at DELE"]);
        assert_eq!(run.sum(|second| second.verified.failures), 1);
        assert_eq!(stage.world.messages(&name).len(), 6);
    }
}

#[test]
fn a_behaviour_of_the_user_s_own_deletes_no_more_than_any_other() {
    let mut stage = stage();
    stage.custom = Behaviours::none().with("own", |session: &mut Session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            for number in 1..=session.list().await? {
                session.retr(number as u32).await?;
            }
            for number in 1..=session.messages().len() {
                session.dele(number as u32).await?;
            }
            session.rset().await?;
            session.dele(1).await?;
            session.quit().await
        })
    });
    let mut scenario = download(false);
    scenario.behaviours[0].behaviour = Behaviour::Custom("own".to_owned());
    let name = population(4).name(0);
    assert!(stage.world.deliver(&name, edited(&mail::ordinary(3, 1, 2_000))));
    let run = stage.run(&scenario);
    assert_eq!(kinds(&run), ["foreign-mail at DELE"]);
    assert_eq!(stage.world.messages(&name).len(), 6);
    assert_eq!(run.count("DELE"), 3 * 6);
    for user in 1..4 {
        assert_eq!(stage.world.messages(&population(4).name(user)).len(), 4);
    }
}

#[test]
fn where_mail_expires_at_once_for_those_who_are_logged_in_nothing_is_retrieved() {
    let with = |expiry| {
        let mut stage =
            Stage::new(4, |configuration| configuration.policy = Policy { expiry, ..Policy::default() });
        stage.retrieval = Retrieval::Ask;
        stage
    };
    let scenario =
        |behaviour| scenario(4).open(4.0, Duration::from_secs(1)).behaviour(1.0, behaviour).build().unwrap();
    for behaviour in [Behaviour::Retrieve { most: 2 }, Behaviour::GiveUpMidRetr { after_octets: 100 }] {
        let mut stage = with(Expiry::AtOnceAfterLogin);
        let run = stage.run(&scenario(behaviour.clone()));
        assert_eq!(kinds(&run), ["no-permission at RETR-first"]);
        assert_eq!(run.count("RETR-first"), 0);
        stage.allow_delete = true;
        stage.run(&scenario(behaviour.clone())).all_well();
        let run = with(Expiry::Never).run(&scenario(behaviour));
        run.all_well();
        assert_eq!(run.count("CAPA"), 0, "a question of poplab's own is no step");
    }
}

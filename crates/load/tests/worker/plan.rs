//! The plan in the field: workers, accounts, the closed loop, the end.

use std::time::Duration;

use chance::Distribution;
use fake::Pace;
use load::{Behaviours, Ended};
use scenario::{Behaviour, Hold, Timeouts};

use crate::stage::{Run, Stage, USERS, scenario};

fn slow(seconds: f64) -> Stage {
    Stage::new(USERS, |configuration| {
        configuration.pace = Pace { latency: Some(Distribution::Fixed(seconds)), greeting: false };
    })
}

#[test]
fn workers_share_the_plan_without_changing_it() {
    let scenario = scenario(USERS)
        .open(30.0, Duration::from_secs(3))
        .behaviour(1.0, Behaviour::Poll)
        .behaviour(1.0, Behaviour::Retrieve { most: 1 })
        .build()
        .unwrap();
    let part = |worker, workers| {
        let mut stage = Stage::new(USERS, |_| {});
        stage.worker = (worker, workers);
        let run = stage.run(&scenario);
        run.all_well();
        run
    };
    let whole = part(0, 1);
    let parts: Vec<Run> = (0..3).map(|worker| part(worker, 3)).collect();
    let sum = |of: &dyn Fn(&Run) -> u64| parts.iter().map(of).sum::<u64>();
    for place in 0..3 {
        assert_eq!(whole.seconds[place].asked, sum(&|run: &Run| run.seconds[place].asked));
    }
    for behaviour in 0..2 {
        let of = |run: &Run| run.sum(|second| second.behaviours[behaviour]);
        assert_eq!(of(&whole), sum(&of));
    }
    assert_eq!(
        whole.sum(|second| second.verified.octets),
        sum(&|run: &Run| run.sum(|second| second.verified.octets))
    );
    assert_eq!(
        whole.sum(|second| second.octets_sent),
        sum(&|run: &Run| run.sum(|second| second.octets_sent))
    );
    assert!(parts.iter().all(|run| run.sum(|second| second.begun) > 10));
}

#[test]
fn an_account_has_one_session_at_a_time_and_who_waits_is_timed_from_the_plan() {
    let stage = Stage::new(1, |configuration| {
        configuration.pace = Pace { latency: Some(Distribution::Fixed(0.1)), greeting: false };
    });
    // Each session takes 0.4 s; one is wanted every 0.2 s.
    let scenario =
        scenario(1).open(5.0, Duration::from_secs(2)).behaviour(1.0, Behaviour::Poll).build().unwrap();
    let run = stage.run(&scenario);
    // The fake server would refuse a second session with [IN-USE].
    run.all_well();
    assert_eq!(run.sum(|second| second.waited_for_account), 9);
    assert_eq!(run.seconds.iter().map(|second| second.peak_open).max(), Some(1));
    // The last is wanted at 1.8 s and done at 4.0 s.
    let longest = run.quantile("session", false, 1.0);
    assert!((longest - 2200.0).abs() < 5.0, "{longest}");
    let service = run.quantile("session", true, 1.0);
    assert!((service - 400.0).abs() < 2.0, "{service}");
}

#[test]
fn a_closed_loop_keeps_its_number_of_sessions() {
    let stage = slow(0.05);
    let scenario =
        scenario(USERS).closed(8, Duration::from_secs(4)).behaviour(1.0, Behaviour::Poll).build().unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    // Four replies of 50 ms make 5 sessions a second for each of 8.
    assert_eq!(run.sum(|second| second.completed), 8 * 5 * 4);
    assert_eq!(run.seconds.iter().map(|second| second.peak_open).max(), Some(8));
}

#[test]
fn idle_sessions_are_held_to_the_end_of_the_plan() {
    let stage = slow(0.001);
    let behaviour = Behaviour::HoldIdle { noop_every: Duration::from_mins(1), lasting: Hold::UntilEnd };
    let scenario = scenario(USERS)
        .open(4.0, Duration::from_secs(10))
        .most(20)
        .behaviour(1.0, behaviour.clone())
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    assert_eq!(run.seconds[8].open, 20);
    assert_eq!(run.count("NOOP"), 0);

    let long = scenario_of(600, behaviour);
    let run = stage.run(&long);
    run.all_well();
    // Every minute of ten, from a start within the first seconds.
    assert_eq!(run.count("NOOP"), 20 * 9);
}

fn scenario_of(seconds: u64, behaviour: Behaviour) -> scenario::Scenario {
    scenario(USERS)
        .open(20.0, Duration::from_secs(1))
        .open(0.0, Duration::from_secs(seconds - 1))
        .behaviour(1.0, behaviour)
        .build()
        .unwrap()
}

#[test]
fn a_run_that_is_stopped_says_what_is_missing() {
    let mut stage = slow(10.0);
    stage.stop = Some(Duration::from_millis(2510));
    let scenario =
        scenario(USERS).open(10.0, Duration::from_secs(10)).behaviour(1.0, Behaviour::Poll).build().unwrap();
    let run = stage.run(&scenario);
    let last = run.seconds.last().unwrap();
    assert!(run.ended.early);
    assert_eq!((last.unfinished, last.not_begun), (run.ended.unfinished, run.ended.not_begun));
    let begun = run.sum(|second| second.begun);
    assert!((24..=26).contains(&begun), "{begun}");
    assert_eq!((run.ended.unfinished, run.ended.not_begun), (begun, 100 - begun));
    assert_eq!(run.seconds.len(), 3);
}

#[test]
fn sessions_that_never_end_are_given_up_after_their_time() {
    let stage = slow(3000.0);
    let timeouts = Timeouts {
        reply: Duration::from_secs(4000),
        session: Some(Duration::from_secs(30)),
        ..Timeouts::default()
    };
    let scenario = scenario(USERS)
        .open(5.0, Duration::from_secs(2))
        .timeouts(timeouts)
        .behaviour(1.0, Behaviour::Poll)
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    assert_eq!(run.errors(), [("timeout".to_owned(), "login-user".to_owned(), 10)]);
    assert_eq!(run.ended, Ended { early: false, unfinished: 0, not_begun: 0 });
}

#[test]
fn behaviours_in_rust_use_the_same_steps_and_name_their_own() {
    let mut stage = slow(0.02);
    stage.custom = Behaviours::none().with("newest", |session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            session
                .step("find newest", async |session: &mut load::Session| {
                    let count = session.list().await?;
                    session.retr(u32::try_from(count).unwrap_or(0)).await
                })
                .await?;
            session.quit().await
        })
    });
    let scenario = scenario(USERS)
        .open(10.0, Duration::from_secs(1))
        .behaviour(1.0, Behaviour::Custom("newest".to_owned()))
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    assert_eq!((run.count("find newest"), run.count("RETR-last")), (10, 10));
    assert!((run.quantile("find newest", true, 0.5) - 40.0).abs() < 1.0);
}

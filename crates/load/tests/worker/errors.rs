//! Errors told apart.

use std::time::Duration;

use chance::Distribution;
use fake::{Account, Pace};
use load::{Behaviours, Session};
use net::{Freeze, Ports};
use scenario::Behaviour;

use crate::stage::{PASSWORD, Run, Stage, clear, scenario};

fn polls(users: u64) -> scenario::Scenario {
    scenario(users).open(5.0, Duration::from_secs(2)).behaviour(1.0, Behaviour::Poll).build().unwrap()
}

fn only(run: &Run, kind: &str, step: &str, count: u64) {
    assert_eq!(run.errors(), [(kind.to_owned(), step.to_owned(), count)]);
    assert_eq!(run.sum(|second| second.failed), count);
}

#[test]
fn a_refused_password_by_its_code() {
    let stage = Stage::new(10, |_| {});
    let mut scenario = polls(10);
    if let scenario::Accounts::Pattern { password, .. } = &mut scenario.accounts {
        *password = Some(scenario::Secret::new("certainly-not-it"));
    }
    let run = stage.run(&scenario);
    only(&run, "err:AUTH", "login-user", 10);
    let error = run.seconds.iter().flat_map(|second| &second.errors).next().unwrap();
    assert!(error.example.starts_with("-ERR [AUTH]"), "{}", error.example);
    assert!(error.first_s < 0.1, "{}", error.first_s);
    assert_eq!(run.count("session") + run.count("ready") + run.count("login-user"), 0);
}

#[test]
fn a_server_that_says_nothing_runs_out_of_time() {
    let mut stage = Stage::new(10, |_| {});
    stage.freeze = Some(Freeze { after: Duration::ZERO, lasting: Duration::from_hours(1) });
    let run = stage.run(&polls(10));
    only(&run, "timeout", "greeting", 10);
    assert_eq!(run.count("connect"), 10);
}

#[test]
fn a_port_where_nobody_listens() {
    let mut stage = Stage::new(10, |_| {});
    stage.ports = Ports { clear: None, ..Ports::ANY };
    let run = stage.run(&polls(10));
    only(&run, "refused", "connect", 10);
    assert_eq!(run.seconds[0].commands, 0);
    // The first leaves what is known; the three after it were recorded.
    let names: Vec<&str> =
        run.seconds.iter().flat_map(|second| &second.transcripts).map(|one| &*one.name).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("refused-connect-")), "{names:?}");
}

#[test]
fn a_maildrop_in_use_elsewhere() {
    // The server answers the second session of an account with [IN-USE] while the first one is still being served:
    // here because the user of one account has two names in the scenario.
    let stage = Stage::new(0, |configuration| {
        configuration.accounts = vec![Account::new("same", PASSWORD, Vec::<&[u8]>::new())];
        configuration.pace = Pace { latency: Some(Distribution::Fixed(1.0)), greeting: false };
    });
    let mut scenario = scenario::builder::scenario("twice")
        .account("same", PASSWORD)
        .account("same", PASSWORD)
        .process(scenario::Process::Even)
        .tls(clear())
        .open(1.0, Duration::from_secs(2))
        .behaviour(1.0, Behaviour::Poll)
        .build()
        .unwrap();
    scenario.samples.good = 0;
    let run = stage.run(&scenario);
    only(&run, "err:IN-USE", "login-user", 1);
    // Nobody chose to record this session, and yet all of it is known.
    let transcripts: Vec<&str> =
        run.seconds.iter().flat_map(|second| &second.transcripts).map(|one| &*one.text).collect();
    insta::assert_snapshot!(transcripts.join("\n"));
    assert_eq!(run.sum(|second| second.completed), 1);
}

#[test]
fn a_server_that_breaks_the_format_is_told_by_the_name_of_the_deviation() {
    let stage = Stage::with_defect(10, "rfc1939.greeting.glued");
    only(&stage.run(&polls(10)), "deviation:status-glued", "greeting", 10);
}

#[test]
fn a_session_that_never_ends_is_an_error() {
    // Each reply comes in time, and all of them together take longer than the plan and the time given after it.
    let pace = |configuration: &mut fake::Configuration| {
        configuration.pace = Pace { latency: Some(Distribution::Fixed(20.0)), greeting: false };
    };
    let run = Stage::new(10, pace).run(&polls(10));
    assert_eq!(run.errors(), [("unfinished".to_owned(), "login-user".to_owned(), 10)]);
    assert_eq!((run.ended.unfinished, run.sum(|second| second.failed)), (10, 0));
    let seen = run.seconds.iter().flat_map(|second| &second.errors).next().unwrap();
    assert!(seen.example.contains("30 s after the end of the plan"), "{}", seen.example);
    let texts: Vec<&str> =
        run.seconds.iter().flat_map(|second| &second.transcripts).map(|one| &*one.text).collect();
    assert!(texts.iter().any(|text| text.contains("C: USER load0000")), "{texts:?}");
}

#[test]
fn a_session_whose_task_panics_fails_the_run_and_not_the_others() {
    for closed in [false, true] {
        let mut stage = Stage::new(10, |configuration| {
            configuration.pace = Pace { latency: Some(Distribution::Fixed(0.01)), greeting: false };
        });
        stage.custom = Behaviours::none().with("panics", |session: &mut Session| {
            Box::pin(async move {
                session.connect().await?;
                session.login().await?;
                assert!(session.user() != 3, "user {} has no invoice", session.user());
                session.quit().await
            })
        });
        let own = Behaviour::Custom("panics".to_owned());
        let scenario = scenario(10).behaviour(1.0, own);
        let scenario = if closed {
            scenario.closed(10, Duration::from_millis(50)).build().unwrap()
        } else {
            scenario.open(5.0, Duration::from_secs(2)).build().unwrap()
        };
        let run = stage.run(&scenario);
        let errors = run.errors();
        assert!(
            matches!(&errors[..], [(kind, step, 1..)] if kind == load::PANIC && step == "session"),
            "{errors:?}"
        );
        let seen = run.seconds.iter().flat_map(|second| &second.errors).next().unwrap();
        assert!(
            seen.example.contains("panicked") && seen.example.contains("user 3 has no invoice"),
            "{}",
            seen.example
        );
        assert_eq!(run.sum(|second| second.failed), errors[0].2);
        assert_eq!((run.ended.unfinished, run.seconds.last().unwrap().open), (0, 0));
        assert!(run.sum(|second| second.completed) >= 9);
    }
}

#[test]
fn a_session_cut_off_because_the_run_was_stopped_is_none() {
    let mut stage = Stage::new(10, |configuration| {
        configuration.pace = Pace { latency: Some(Distribution::Fixed(20.0)), greeting: false };
    });
    stage.stop = Some(Duration::from_secs(5));
    let run = stage.run(&polls(10));
    assert_eq!((run.errors(), run.ended.unfinished), (Vec::new(), 10));
}

#[test]
fn a_worker_that_stood_still_says_so_of_its_pauses_too() {
    // No session begins while the worker stands still; only those that pause notice.
    let stands_still = Behaviours::none().with("idles", |session: &mut Session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            if session.user() == 0 {
                session.hold(Duration::from_secs(2)).await?;
                tokio::time::advance(Duration::from_secs(3)).await;
            }
            for _ in 0..5 {
                session.hold(Duration::from_secs(1)).await?;
                session.noop().await?;
            }
            session.quit().await
        })
    });
    let mut stage = Stage::new(10, |_| {});
    stage.custom = stands_still;
    let scenario = scenario(10)
        .open(10.0, Duration::from_secs(1))
        .behaviour(1.0, Behaviour::Custom("idles".to_owned()))
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    let late = run.seconds.iter().map(|second| stats::Counts::decode(&second.lateness).unwrap().max()).max();
    assert!(late.is_some_and(|late| late > 1_900_000_000), "{late:?}");
}

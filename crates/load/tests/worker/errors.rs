//! Errors told apart.

use std::time::Duration;

use fake::{Account, Pace};
use net::{Freeze, Ports};
use scenario::Behaviour;
use stats::Distribution;

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

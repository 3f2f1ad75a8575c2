//! Runs of `poplab load` that cannot be carried out, each told at once and with all reports; and that no process which it
//! starts has a password in its environment.

use std::process::Child;
use std::time::{Duration, Instant};

use record::{LoadResults, Run};

use crate::environment::{self, Ended, TestEnv};
use crate::peers::{Connection, Peer, refuses_passwords, silent_on_passwords};

const SECRET: &str = "swordfish-123";
/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_mins(1);

fn scenario(env: &TestEnv) {
    env.write(
        "users.yaml",
        "\
name: test
description: A scenario of the tests.
accounts: {pattern: 'load{n:05}', count: 40}
arrivals: {rate: 40/s, for: 10min}
behaviours:
  - {behaviour: poll, weight: 1}
thresholds: ['errors < 1%']
",
    );
}

fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    environment::start(env.command(arguments).env("SECRET", SECRET))
}

fn signal(name: &str, process: u32) {
    let killed = std::process::Command::new("kill").args([name, &process.to_string()]).status();
    assert!(killed.unwrap().success());
}

/// That all reports are there, and nothing in them or on the screen is the password; what the run came to.
fn records(env: &TestEnv, ended: &Ended) -> (Run, LoadResults) {
    for name in ["run.json", "results.json", "latency.hlog", "series.csv", "steps.csv", "report.html"] {
        assert!(!env.read(&format!("poplab-run/{name}")).contains(SECRET), "{name}");
    }
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{}", ended.stderr);
    let run = Run::parse(&env.read("poplab-run/run.json")).unwrap();
    assert_eq!(ended.code, Some(run.exit_code), "{}", ended.stderr);
    (run, LoadResults::parse(&env.read("poplab-run/results.json")).unwrap())
}

/// The processes that this one has started and that run this subcommand, once there are any.
fn children(parent: u32, subcommand: &str) -> Vec<u32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let found: Vec<u32> = listed
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .filter(|child| {
                let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
                line.split(|octet| *octet == 0).any(|word| word == subcommand.as_bytes())
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {subcommand} was started");
        std::thread::yield_now();
    }
}

#[test]
fn a_refused_password_is_told_before_the_first_session() {
    let env = TestEnv::new();
    scenario(&env);
    let peer = Peer::new(refuses_passwords);
    let target = peer.target();
    for more in [&[][..], &["--find-capacity"]] {
        let arguments =
            ["load", "users.yaml", "--target", &target, "--tls", "none", "--password-env", "SECRET"];
        let ended = env.run_with_secret(&[&arguments[..], more].concat(), SECRET);
        let (run, results) = records(&env, &ended);
        assert_eq!((ended.code, results.sessions.begun), (Some(3), 0), "{}", ended.stderr);
        let reason = &run.exit_reason;
        assert!(
            reason.contains("the server refuses the account load00") && reason.contains("[AUTH]"),
            "{reason}"
        );
        let given = peer.heard().iter().filter(|line| line.starts_with("PASS")).count();
        assert_eq!(given, 1, "a refused password is given once");
    }
}

#[test]
fn an_embedded_server_that_is_killed_is_no_run() {
    let env = TestEnv::new();
    scenario(&env);
    let child = start(&env, &["load", "users.yaml", "--password-env", "SECRET"]);
    let fake = children(child.id(), "load-fake")[0];
    let worker = children(child.id(), "load-worker")[0];
    for process in [fake, worker] {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap();
        let text = String::from_utf8_lossy(&environment);
        assert!(!text.contains("SECRET") && !text.contains(SECRET), "{text}");
    }
    signal("-KILL", fake);
    let ended = Ended::of(child);
    let (run, results) = records(&env, &ended);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(run.exit_reason.contains("the embedded server ended"), "{}", run.exit_reason);
    assert!(results.sessions.not_begun > 0 && !results.missing.is_empty(), "{:?}", results.sessions);
}

#[test]
fn a_worker_that_is_killed_is_told() {
    let env = TestEnv::new();
    scenario(&env);
    let child = start(&env, &["load", "users.yaml", "--workers", "1"]);
    let worker = children(child.id(), "load-worker")[0];
    signal("-KILL", worker);
    let ended = Ended::of(child);
    let (run, _) = records(&env, &ended);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(run.exit_reason.contains("worker 0"), "{}", run.exit_reason);
}

/// Signals that ask for the end of a run.
const SIGNALS: [&str; 3] = ["-INT", "-TERM", "-HUP"];

/// A run that this signal ended, with all reports.
fn interrupted(env: &TestEnv, child: Child, name: &str) -> LoadResults {
    signal(name, child.id());
    let ended = Ended::of(child);
    let (run, results) = records(env, &ended);
    assert_eq!((ended.code, run.exit_reason.as_str()), (Some(3), "interrupted"), "{name}: {}", ended.stderr);
    results
}

#[test]
fn a_signal_during_the_first_look_or_the_trial_login_leaves_the_reports() {
    for name in SIGNALS {
        for (silent, script, heard) in [
            ("before the greeting", Connection::stay as fn(&mut Connection), "== connection 1"),
            ("before the password is judged", silent_on_passwords, "PASS swordfish-123"),
        ] {
            for more in [
                &["--tls", "none"][..],
                &["--tls", "none", "--find-capacity"],
                // Nothing says how the port is protected, so that it is tried.
                &[],
            ] {
                // Without TLS no password goes there.
                if more.is_empty() && heard != "== connection 1" {
                    continue;
                }
                let env = TestEnv::new();
                scenario(&env);
                let peer = Peer::new(script);
                let target = peer.target();
                let arguments = ["load", "users.yaml", "--target", &target, "--password-env", "SECRET"];
                let child = start(&env, &[&arguments[..], more].concat());
                peer.wait_for(heard);
                let results = interrupted(&env, child, name);
                assert_eq!(results.sessions.begun, 0, "{silent}, {more:?}");
            }
        }
    }
}

#[test]
fn a_signal_during_a_search_for_the_capacity_leaves_the_reports() {
    for name in SIGNALS {
        let env = TestEnv::new();
        scenario(&env);
        let child = start(&env, &["load", "users.yaml", "--find-capacity"]);
        children(child.id(), "load-worker");
        let results = interrupted(&env, child, name);
        assert!(!results.missing.is_empty() || results.sessions.begun == 0, "{name}: {:?}", results.missing);
    }
}

#[test]
fn a_command_that_seeds_does_not_inherit_passwords() {
    let env = TestEnv::new();
    env.write(
        "accounts.yaml",
        "\
accounts:
  - {user: disposable1, password_env: SECRET, role: disposable}
seed:
  command: 'cat > /dev/null; env >> seen'
",
    );
    let ended = env.run_with_secret(&["seed", "--accounts", "accounts.yaml"], SECRET);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let seen = env.read("seen");
    assert!(seen.contains("PATH=") && !seen.contains("SECRET") && !seen.contains(SECRET), "{seen}");
}

#[test]
fn a_search_for_the_capacity_with_a_number_of_sessions_is_refused() {
    let env = TestEnv::new();
    scenario(&env);
    let ended = env.run(&["load", "users.yaml", "--find-capacity", "--sessions", "50"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("--sessions"), "{}", ended.stderr);
    let capped = env.read("users.yaml").replace("for: 10min", "for: 10min, sessions: 50");
    env.write("capped.yaml", capped);
    let ended = env.run(&["load", "capped.yaml", "--find-capacity"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("ends after 50 sessions"), "{}", ended.stderr);
}

//! What the program says of itself: help, lists, explanations, manual pages.

use insta::assert_snapshot;

use crate::environment::{TestEnv, start};

#[test]
fn help_of_every_command() {
    let env = TestEnv::new();
    for command in
        ["", "conformance", "load", "fake", "record", "seed", "report", "compare", "completions", "man"]
    {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let ended = env.run(&arguments);
        assert!(ended.stdout.contains("Example"), "{command} has no example");
        let name = if command.is_empty() { "help".to_owned() } else { format!("help_{command}") };
        assert_snapshot!(name, env.told(&ended));
    }
}

#[test]
fn version_names_the_program() {
    let ended = TestEnv::new().run(&["--version"]);
    assert_eq!(ended.stdout, format!("poplab {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_list_has_every_check_once() {
    let env = TestEnv::new();
    let ended = env.run(&["conformance", "--list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = ended.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let known: Vec<&str> = suite::check::all().iter().map(|check| check.id).collect();
    assert_eq!(listed, known);
    assert!(!env.path("poplab-run").exists(), "listing makes no run");
}

#[test]
fn the_list_follows_select_and_skip() {
    let env = TestEnv::new();
    let ended = env.run(&["conformance", "--list", "--select", "rfc1939.stat.*", "--skip", "*.format"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stdout.lines().count() > 0
            && ended.stdout.lines().all(|line| line.starts_with("rfc1939.stat."))
    );
    assert!(!ended.stdout.contains("rfc1939.stat.format"), "{}", ended.stdout);
    let nothing = env.run(&["conformance", "--list", "--skip", "*"]);
    assert_snapshot!(env.told(&nothing));
}

#[test]
fn a_requirement_is_explained() {
    let env = TestEnv::new();
    assert_snapshot!(
        "explain",
        env.told(&env.run(&["conformance", "--explain", "rfc1939.retr.dot-stuffing"]))
    );
    assert_snapshot!(
        "explain_unknown",
        env.told(&env.run(&["conformance", "--explain", "rfc1939.retr.dot-stufing"]))
    );
}

#[test]
fn manual_pages_and_completions_are_generated() {
    let env = TestEnv::new();
    let page = env.run(&["man", "conformance"]);
    assert!(page.code == Some(0) && page.stdout.contains(".TH") && page.stdout.contains("baseline"));
    let script = env.run(&["completions", "bash"]);
    assert!(script.code == Some(0) && script.stdout.contains("conformance"));
    assert_snapshot!("man_unknown", env.told(&env.run(&["man", "walrus"])));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = TestEnv::new();
    let mut child = start(&mut env.command(&["conformance", "--list"]));
    drop(child.stdout.take());
    let ended = crate::environment::Ended::of(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

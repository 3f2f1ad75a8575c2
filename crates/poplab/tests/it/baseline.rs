//! The baseline file from outside: whom it is for, what it says about itself, and what is told of its mistakes. How it
//! approves and is brought up to date is tested beside it.

use crate::environment::TestEnv;

const JUDGED: [&str; 5] = ["conformance", "--select", "rfc1939.stat.format", "--baseline", "known.yaml"];

fn entry(check: &str, because: &str) -> String {
    format!("  - {{check: {check}, entrance: any, verdict: fail, because: '{because}'}}\n")
}

#[test]
fn a_baseline_of_another_target_is_refused_with_its_place() {
    let env = TestEnv::new();
    let entry = entry("rfc1939.stat.format", "It is so.");
    env.write("known.yaml", format!("format: 1\ntarget: mail.example.org\ndeviations:\n{entry}"));
    let ended = env.run(&JUDGED);
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    let told = "known.yaml:2:9: this baseline is for `mail.example.org`, and the run is about `embedded fake server`";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[test]
fn all_mistakes_of_a_baseline_are_told_at_once() {
    let env = TestEnv::new();
    let entries = [entry("rfc1939.stat.formt", "so"), entry("nothing.*", "so")].concat();
    env.write("known.yaml", format!("format: 1\ndeviations:\n{entries}"));
    let ended = env.run(&JUDGED);
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    for told in
        ["known.yaml:3:13: there is no check `rfc1939.stat.formt`", "known.yaml:4:13: there is no check"]
    {
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}

#[test]
fn an_entry_without_a_reason_warns_and_is_not_enough_for_the_strict() {
    let env = TestEnv::new();
    env.write("known.yaml", format!("format: 1\ndeviations:\n{}", entry("rfc1939.stat.*", "")));
    let defect = ["--defect", "rfc1939.stat.two-spaces"];
    let known = env.run(&[&JUDGED[..], &defect].concat());
    assert_eq!(known.code, Some(0), "{}{}", known.stdout, known.stderr);
    let warning = "warning: known.yaml:3:13: rfc1939.stat.* is known and not explained";
    assert!(known.stderr.contains(warning), "{}", known.stderr);
    assert!(known.stdout.contains("2 of them not explained"), "one at each entrance: {}", known.stdout);
    let strict = env.run(&[&JUDGED[..], &defect, &["--strict"]].concat());
    assert_eq!(strict.code, Some(1), "{}{}", strict.stdout, strict.stderr);
    assert!(env.records("poplab-run").0.exit_reason.contains("without a reason and --strict"));
}

//! The names of tests: what a CI system compares from run to run must not depend on ports, which change.

use std::collections::BTreeSet;

use crate::environment::TestEnv;
use crate::fake::Server;

const STAT: [&str; 3] = ["conformance", "--select", "rfc1939.stat.*"];

/// The files of a folder and those in it, by their path below it.
fn files(env: &TestEnv, folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in env.names(folder) {
        let path = format!("{folder}/{name}");
        if env.path(&path).is_dir() {
            found.extend(files(env, &path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// The value of an attribute, wherever it stands.
fn attributes(xml: &str, name: &str) -> BTreeSet<String> {
    let begin = format!(" {name}=\"");
    xml.split(&begin).skip(1).filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn two_runs_have_the_same_tests() {
    let env = TestEnv::new();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let tap = env.run(&[&STAT[..], &["--format", "tap"]].concat()).stdout;
        let points: Vec<String> =
            tap.lines().filter(|line| line.contains("ok ")).map(str::to_owned).collect();
        let github = env.run(&[&STAT[..], &["--format", "github"]].concat()).stdout;
        let junit = env.run(&[&STAT[..], &["--format", "junit"]].concat()).stdout;
        let names = [attributes(&junit, "classname"), attributes(&junit, "name")];
        seen.push((points, github, names, files(&env, "poplab-run/transcripts")));
    }
    // Ports are given anew for each run, and would have to be the same by chance.
    assert_eq!(seen[0], seen[1]);
    let (points, _, [classes, _], transcripts) = &seen[0];
    assert!(points.iter().any(|point| point.ends_with(" - rfc1939.stat.format implicit-tls")), "{points:?}");
    assert_eq!(*classes, ["implicit-tls.stat", "run", "starttls.stat"].map(str::to_owned).into());
    assert!(
        transcripts.contains("poplab-run/transcripts/starttls/rfc1939.stat.format.pop"),
        "{transcripts:?}"
    );
}

#[test]
fn two_entrances_of_one_kind_are_told_apart() {
    let env = TestEnv::new();
    env.write("accounts.yaml", "accounts:\n  - {user: dan, password: open-sesame, role: fixtures}\n");
    let (one, other) = (
        Server::start(&env, &["--accounts", "accounts.yaml"]),
        Server::start(&env, &["--accounts", "accounts.yaml"]),
    );
    let [target, also] = [one.port(), other.port()].map(|port| format!("127.0.0.1:{port}"));
    let arguments = ["--target", &target, "--also", &also, "--accounts", "accounts.yaml", "--insecure"];
    let ended = env.run(&[&STAT[..], &arguments].concat());
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let (run, results) = env.records("poplab-run");
    let labels: Vec<&str> = run.target.entrances.iter().map(|entrance| entrance.label.as_str()).collect();
    let second = format!("starttls {also}");
    assert_eq!(labels, ["starttls", &second]);
    let told: BTreeSet<&str> = results.checks.iter().map(|check| check.entrance.as_str()).collect();
    assert_eq!(told, labels.into_iter().collect());
    let of = |label: &str| {
        let checks = results.checks.iter().filter(|check| check.entrance == label);
        checks.filter_map(|check| check.transcript.clone()).collect::<BTreeSet<_>>()
    };
    assert!(!of("starttls").is_empty() && of("starttls").is_disjoint(&of(&second)), "{results:?}");
    assert_eq!((one.end().code, other.end().code), (Some(0), Some(0)));
}

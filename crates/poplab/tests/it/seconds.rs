//! `seconds.jsonl`: all that a load run writes is derived from it, it is there when a run is killed, and what is wrong with
//! it is told with its place.

use ::load::{Derived, Replay};
use record::{LoadLine, LoadReport, Run};

use crate::environment::{Ended, TestEnv};
use crate::load::Running;

const SECONDS: &str = "poplab-run/seconds.jsonl";

/// Users that see wrong mail now and then, for two seconds.
const SCENARIO: &str = "\
name: test
description: A scenario of the tests.
accounts: {pattern: 'load{n:05}', count: 40}
mail: {messages: 3, sizes: 2kB}
arrivals: {rate: 20/s, for: 2s}
behaviours:
  - {behaviour: poll, weight: 1}
  - {behaviour: retrieve, weight: 1, most: 3}
thresholds: ['session p50 < 10s', 'errors[verification] < 1']
";

fn run(env: &TestEnv, more: &[&str]) -> Ended {
    env.write("test.yaml", SCENARIO);
    env.run(&[&["load", "test.yaml", "--format", "human,json,junit,github"], more].concat())
}

/// What its lines give.
fn derived(env: &TestEnv) -> Derived {
    let mut replay = Replay::new();
    for line in env.read(SECONDS).lines() {
        replay.take(LoadLine::parse(line).unwrap()).unwrap();
    }
    replay.finish("cut").unwrap()
}

#[test]
fn every_file_of_a_run_is_derived_from_its_seconds_to_the_octet() {
    let env = TestEnv::new();
    for more in [&["--defect", "load.retr-corrupt", "--workers", "2"][..], &["--find-capacity"]] {
        let ended = run(&env, more);
        let file = |name: &str| env.read(&format!("poplab-run/{name}"));
        let record = Run::parse(&file("run.json")).unwrap();
        let Derived { outcome, ended: whole } = derived(&env);
        assert!(whole, "{}", ended.stderr);
        assert_eq!(report::harmless_json(&outcome.results.to_json()), file("results.json"));
        assert_eq!(report::steps_csv(&outcome.results), file("steps.csv"));
        let started: jiff::Timestamp = record.started.parse().unwrap();
        let started = started.as_duration().as_secs_f64();
        let header = format!("poplab {} load {}", record.version, record.target.name);
        let service = [&*header, "service times: from when each step was really begun"];
        for (series, header, name) in [
            (&outcome.response, &[&*header][..], "latency.hlog"),
            (&outcome.service, &service[..], "service.hlog"),
        ] {
            assert_eq!(String::from_utf8(series.interval_log(started, header)).unwrap(), file(name));
        }
        for transcript in &outcome.transcripts {
            assert_eq!(transcript.text, file(&format!("transcripts/{}", transcript.name)));
        }

        // The frame and the seconds are enough for every report.
        for name in ["results.json", "latency.hlog", "service.hlog", "steps.csv"] {
            std::fs::remove_file(env.path(&format!("poplab-run/{name}"))).unwrap();
        }
        std::fs::remove_dir_all(env.path("poplab-run/transcripts")).unwrap();
        for (format, name) in [
            ("json", "report.json"),
            ("html", "report.html"),
            ("csv", "series.csv"),
            ("junit", "junit.xml"),
            ("github", "github.txt"),
        ] {
            let again = env.run(&["report", "poplab-run", "--format", format]);
            assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
            assert_eq!(again.stdout, file(name), "{format}");
        }
        assert_eq!(env.run(&["report", "poplab-run"]).stdout, ended.stdout);
    }
}

#[test]
fn a_run_without_seconds_as_older_versions_left_it_is_still_reported() {
    let env = TestEnv::new();
    let ended = run(&env, &[]);
    std::fs::remove_file(env.path(SECONDS)).unwrap();
    let again = env.run(&["report", "poplab-run"]);
    assert_eq!((again.stdout, again.stderr.as_str()), (ended.stdout, ""));
    assert_eq!(env.run(&["compare", "poplab-run", "poplab-run", "--format", "json"]).stderr, "");
}

#[test]
fn a_run_that_is_killed_is_reported_from_the_seconds_it_left() {
    let env = TestEnv::new();
    let arguments = ["load", "smoke", "--rate", "20/s", "--duration", "10m", "--metrics", "0"];
    let mut running = Running::start(&env, &arguments);
    let line = running.wait_for("metrics");
    running.wait_for_sessions(&line);
    running.signal("-KILL");
    Ended::of(running.child);
    assert!(!env.path("poplab-run/results.json").exists());
    let again = env.run(&["report", "poplab-run", "--format", "json"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(
        again.stderr.starts_with("warning: poplab-run/seconds.jsonl does not go to the end"),
        "{}",
        again.stderr
    );
    let LoadReport { run, results } = LoadReport::parse(&again.stdout).unwrap();
    assert!(run.error.unwrap().contains("ended from outside"));
    assert!(results.sessions.completed > 0 && !results.series.is_empty(), "{:?}", results.sessions);
    assert!(results.missing[0].starts_with("the record of the run ends after "), "{:?}", results.missing);
    let page = env.run(&["report", "poplab-run"]).stdout;
    assert!(page.contains("the record of the run ends after "), "{page}");
    let compared = env.run(&["compare", "poplab-run", "poplab-run", "--format", "markdown"]);
    assert!(
        compared.stdout.contains("does not go to the end of the run"),
        "{}{}",
        compared.stdout,
        compared.stderr
    );
}

#[test]
fn a_line_that_is_cut_off_is_told_and_what_is_before_it_is_reported() {
    let env = TestEnv::new();
    run(&env, &["--workers", "1"]);
    let whole = env.read(SECONDS);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    assert!(lines[3].starts_with("{\"second\":") && lines.len() >= 5, "{}", lines.len());
    let half = &lines[3][..lines[3].len() / 2];
    for (end, number) in
        [(half.to_owned(), 4), (format!("{half}\n"), 4), ("\0\0\0".to_owned(), 4), (String::new(), 3)]
    {
        env.write(SECONDS, lines[..3].concat() + &end);
        let again = env.run(&["report", "poplab-run", "--format", "json"]);
        let cut = if end.is_empty() {
            "seconds.jsonl has no line behind line 3".to_owned()
        } else {
            format!("line {number} of seconds.jsonl is cut off")
        };
        assert_eq!(
            (again.code, again.stderr),
            (
                Some(0),
                format!(
                    "warning: poplab-run/seconds.jsonl does not go to the end of the run ({cut}): the figures are those of \
                     the seconds before\n"
                )
            )
        );
        let results = LoadReport::parse(&again.stdout).unwrap().results;
        assert_eq!(results.series.len(), 2);
        assert_eq!(
            results.missing,
            [format!(
                "the record of the run ends after 2 s of 2 s ({cut}): what came after that is not in the figures"
            )]
        );
    }
}

#[test]
fn a_line_that_is_none_is_told_with_its_place() {
    let env = TestEnv::new();
    run(&env, &["--workers", "1"]);
    let whole = env.read(SECONDS);
    let lines: Vec<&str> = whole.lines().collect();
    let told = |line: &str| {
        let mut lines = lines.clone();
        lines[2] = line;
        env.write(SECONDS, lines.join("\n") + "\n");
        let refused = env.run(&["report", "poplab-run"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{}", refused.stderr);
        refused.stderr
    };
    let later = lines[2].replacen("\"format\":1", "\"format\":2", 1);
    let histogram = lines[2].replace("\"response\":\"HISTF", "\"response\":\"XXXXX");
    for (line, what) in [
        ("hunter2", "column 1: not a record of this kind: expected value"),
        ("{\"second\":", "column 10: not a record of this kind: EOF while parsing a value"),
        ("{\"third\":1}", "column 8: not a record of this kind: unknown variant `third`"),
        (&later, "format 2 is not known here (this version reads format 1): use the poplab that wrote it"),
        (&histogram, "this is not an HdrHistogram in base64: "),
        (lines[0], "this line does not belong behind the one before it"),
        (lines[1], "second 0 of worker 0 is out of turn"),
    ] {
        let told = told(line);
        assert!(told.starts_with(&format!("error: poplab-run/seconds.jsonl, line 3: {what}")), "{told}");
    }
}

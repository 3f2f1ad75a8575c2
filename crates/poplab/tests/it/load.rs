//! Whole runs of `poplab load`: the embedded server, a server of another process, and every way to end early.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use record::{LoadResults, Run};

use crate::environment::{Ended, LONGEST, TestEnv, start};

/// The quickest run that still shows everything.
const QUICK: [&str; 6] = ["load", "smoke", "--rate", "40/s", "--duration", "1s"];
/// What every run leaves, however it ends.
const FILES: [&str; 7] =
    ["run.json", "results.json", "latency.hlog", "service.hlog", "series.csv", "steps.csv", "report.html"];
/// Users that do a bit of everything, and their mail.
const SCENARIO: &str = "\
name: test
description: A scenario of the tests.
accounts: {pattern: 'load{n:05}', count: 40}
mail: {messages: 3, sizes: 2kB}
arrivals: {rate: 40/s, for: 1s}
behaviours:
  - {behaviour: poll, weight: 1}
  - {behaviour: retrieve, weight: 1, most: 3}
";

/// A scenario in which nearly everything is wrong.
const WRONG: &str = "\
name: 7
accounts: {pattern: walrus, count: 0}
arrivals: {rate: fast, for: 10}
behaviours:
  - {weight: -1, behaviour: pol}
thresholds: ['login p99 << 250ms']
";

/// A scenario that is too much for any machine.
fn crowd() -> String {
    let crowd = SCENARIO.replace("count: 40", "count: 3000000").replace("rate: 40/s", "rate: 2000000/s");
    crowd.replace("behaviour: poll, weight: 1", "behaviour: hold-idle, weight: 99")
}

/// The records of a load run, with a look at whether all files are there.
fn records(env: &TestEnv, folder: &str) -> (Run, LoadResults) {
    for name in FILES {
        assert!(env.path(folder).join(name).is_file(), "{name} is missing");
    }
    let run = Run::parse(&env.read(&format!("{folder}/run.json"))).expect("run.json reads back");
    let results = env.read(&format!("{folder}/results.json"));
    (run, LoadResults::parse(&results).expect("results.json reads back"))
}

/// Runs, and sees to it that the records tell the same as the exit code.
fn load(env: &TestEnv, arguments: &[&str]) -> (Ended, LoadResults) {
    let ended = env.run_with_secret(arguments, "swordfish-123");
    let (run, results) = records(env, "poplab-run");
    assert_eq!(Some(run.exit_code), ended.code, "{}{}", ended.stdout, ended.stderr);
    for text in
        [&ended.stdout, &ended.stderr, &env.read("poplab-run/run.json"), &env.read("poplab-run/results.json")]
    {
        assert!(!text.contains("swordfish"), "{text}");
    }
    (ended, results)
}

/// One process of the embedded server, told what to be as `load` tells it.
struct Server {
    child: Child,
    port: u64,
    tls_port: u64,
}

impl Server {
    fn start(env: &TestEnv, change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let mut order = serde_json::json!({
            "number": 0, "seed": 42, "password": "swordfish-123", "defects": [],
            "latency": null, "freeze": null, "most_connections": 1000,
            "population": {"seed": 42, "user": "load{n:05}", "first": 1, "count": 40, "messages": 3, "sizes": {"fixed": 2000.0}},
        });
        change(&mut order);
        let mut child = start(env.command(&["load-fake"]).stdin(Stdio::piped()));
        writeln!(child.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let answer: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        env.write("ca.pem", answer["ca_pem"].as_str().unwrap());
        Self { child, port: answer["port"].as_u64().unwrap(), tls_port: answer["tls_port"].as_u64().unwrap() }
    }

    /// The arguments that lead to it.
    fn arguments(&self) -> Vec<String> {
        let (tls, clear) = (format!("127.0.0.1:{}", self.tls_port), format!("127.0.0.1:{}", self.port));
        ["--target", &tls, "--also", &clear, "--ca", "ca.pem", "--password-env", "SECRET"]
            .map(str::to_owned)
            .to_vec()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

/// A running program, heard line by line on stderr.
pub(crate) struct Running {
    pub(crate) child: Child,
    heard: Vec<String>,
}

impl Running {
    pub(crate) fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        let child = start(env.command(arguments).env("SECRET", "swordfish-123"));
        Self { child, heard: Vec::new() }
    }

    /// Waits for a line on stderr with these words.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        loop {
            let mut line = Vec::new();
            let mut octet = [0];
            // Octet by octet, so that nothing behind the line is taken from the pipe.
            while stderr.read(&mut octet).unwrap() > 0 && octet != [b'\n'] {
                line.push(octet[0]);
            }
            let line = String::from_utf8(line).unwrap();
            assert!(!line.is_empty() || octet == [b'\n'], "stderr ended before `{words}`: {:?}", self.heard);
            self.heard.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Waits until sessions have gone as planned, however slow the machine is, and gives the figures. `line` is the one
    /// that told where they are.
    pub(crate) fn wait_for_sessions(&mut self, line: &str) -> String {
        loop {
            // One line of figures a second.
            self.wait_for("");
            let figures = metrics(line);
            if !figures.contains("\npoplab_sessions_completed_total 0\n") {
                return figures;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }
}

fn signal(child: &Child, name: &str) {
    let killed = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn smoke_leaves_every_file_and_every_message_is_right() {
    let env = TestEnv::new();
    let (ended, results) = load(&env, &QUICK);
    // Its thresholds are for a machine that has no other tests to run; what they say is what counts.
    let holds = results.thresholds.iter().all(|row| row.holds);
    assert_eq!(ended.code, Some(i32::from(!holds)), "{}{}", ended.stdout, ended.stderr);
    let (run, _) = records(&env, "poplab-run");
    assert_eq!(
        (run.tool.as_str(), run.target.name.as_str(), run.error),
        ("load", "embedded fake server", None)
    );
    assert_eq!((results.sessions.planned, results.sessions.completed), (40, 40), "{:?}", results.errors);
    assert!(results.verified.messages > 0 && results.verified.failures == 0, "{:?}", results.verified);
    assert_eq!(results.verified.content, results.verified.messages);
    for tag in ["connect", "greeting", "STAT", "QUIT", "session"] {
        assert!(results.step(tag).is_some_and(|step| step.response.count > 0), "{tag}");
    }
    let log =
        stats::Series::parse(env.read("poplab-run/latency.hlog").as_bytes()).expect("the log reads back");
    let counted: u64 =
        log.total().summary().iter().filter(|row| row.tag == "QUIT").map(|row| row.count).sum();
    assert_eq!(Some(counted), results.step("QUIT").map(|step| step.response.count));
    for path in &results.samples {
        let text = env.read(&format!("poplab-run/{path}"));
        assert_eq!(transcript::Transcript::parse(&text).expect("it parses back").render(), text);
    }
    assert!(!results.samples.is_empty());
    assert!(env.read("poplab-run/report.html").contains("<svg"));
}

#[test]
fn an_old_run_renders_again_to_the_same_text_and_replaces_itself() {
    let env = TestEnv::new();
    for format in ["human", "json", "html", "csv", "junit", "github"] {
        env.write("again.yaml", SCENARIO);
        let (original, _) = load(&env, &["load", "again.yaml", "--format", format]);
        let again = env.run(&["report", "poplab-run", "--format", format]);
        assert_eq!(again.stdout, original.stdout, "{format}");
        assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    }
    assert_snapshot!(env.told(&env.run(&["report", "poplab-run", "--format", "tap"])));
}

#[test]
fn quiet_is_one_line() {
    let env = TestEnv::new();
    env.write("quiet.yaml", SCENARIO);
    let (ended, _) = load(&env, &["load", "quiet.yaml", "--quiet", "--format", "human,junit"]);
    assert_eq!((ended.stdout.lines().count(), ended.stderr.as_str()), (1, ""));
    assert!(env.read("poplab-run/junit.xml").starts_with("<?xml"));
}

#[test]
fn mail_that_arrives_altered_fails_the_run() {
    let env = TestEnv::new();
    env.write("mail.yaml", SCENARIO);
    let (ended, results) = load(&env, &["load", "mail.yaml", "--defect", "load.retr-corrupt"]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(results.verified.failures > 0);
    let row = results
        .errors
        .iter()
        .find(|row| row.kind == "verification:checksum")
        .expect("an error of its own kind");
    let path = row.transcript.as_ref().expect("a transcript");
    assert!(env.path(&format!("poplab-run/{path}")).is_file());
    let timed = results.step("RETR-last").map_or(0, |step| step.response.count);
    assert_eq!(timed + results.verified.failures, results.verified.messages, "a wrong message is no sample");
}

#[test]
fn a_broken_threshold_decides_the_exit_code() {
    let env = TestEnv::new();
    env.write("strict.yaml", format!("{SCENARIO}thresholds: ['session p50 < 1us', 'errors < 1%']\n"));
    let (ended, results) = load(&env, &["load", "strict.yaml"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let holds: Vec<bool> = results.thresholds.iter().map(|row| row.holds).collect();
    assert_eq!(holds, [false, true]);
    let (run, _) = records(&env, "poplab-run");
    assert_eq!(run.exit_reason, "threshold broken: session p50 < 1us");
}

#[test]
fn a_capacity_that_is_not_there_is_told() {
    let env = TestEnv::new();
    env.write("strict.yaml", format!("{SCENARIO}thresholds: ['session p50 < 1us']\n"));
    let (ended, results) = load(&env, &["load", "strict.yaml", "--find-capacity", "--quiet"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let capacity = results.capacity.expect("a search was asked for");
    assert!(capacity.sessions_per_s.abs() < f64::EPSILON && !capacity.trials.is_empty());
    assert!(capacity.trials.iter().all(|trial| !trial.holds && trial.rate_per_s <= 40.0), "{capacity:?}");
    assert!(results.sessions.begun > 0, "the figures of a trial are kept");
}

#[test]
fn a_server_of_another_process_is_loaded_through_both_ports() {
    let env = TestEnv::new();
    env.write("both.yaml", SCENARIO);
    let server = Server::start(&env, |_| ());
    let target = server.arguments();
    let arguments: Vec<&str> =
        ["load", "both.yaml"].into_iter().chain(target.iter().map(String::as_str)).collect();
    let (ended, results) = load(&env, &arguments);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let (run, _) = records(&env, "poplab-run");
    let words: Vec<_> = run.target.entrances.iter().map(|entrance| entrance.security.as_str()).collect();
    assert_eq!(words, ["implicit", "starttls"]);
    assert!(run.target.entrances.iter().all(|entrance| entrance.greeting.starts_with("+OK")));
    assert!(results.step("tls").is_some() && results.step("stls").is_some());
    assert_eq!((results.verified.failures, results.sessions.failed), (0, 0));
    server.end();
}

#[test]
fn every_record_names_the_target_of_the_scenario() {
    let env = TestEnv::new();
    let server = Server::start(&env, |_| ());
    // Nothing says how these ports are protected: they are tried, as those of the command line are.
    for port in [server.tls_port, server.port] {
        let target = format!("127.0.0.1:{port}");
        env.write("named.yaml", format!("{SCENARIO}target: {target}\n"));
        let (ended, results) =
            load(&env, &["load", "named.yaml", "--ca", "ca.pem", "--password-env", "SECRET"]);
        assert_eq!(
            (ended.code, results.sessions.completed),
            (Some(0), 40),
            "{}{}",
            ended.stdout,
            ended.stderr
        );
        let (run, _) = records(&env, "poplab-run");
        assert_eq!(run.target.name, target);
        assert!(ended.stdout.contains(&format!("\ntarget      {target}\n")), "{}", ended.stdout);
        assert!(ended.stderr.contains(&format!("test → {target}: ")), "{}", ended.stderr);
        assert!(env.read("poplab-run/latency.hlog").contains(&format!(" load {target}\n")));
        for name in FILES.iter().filter(|name| **name != "results.json") {
            assert!(!env.read(&format!("poplab-run/{name}")).contains("embedded fake server"), "{name}");
        }
    }
    let (tls, clear) = (server.tls_port, server.port);
    env.write("named.yaml", format!("{SCENARIO}target: 127.0.0.1:{tls}\nalso: 127.0.0.1:{clear}\n"));
    load(&env, &["load", "named.yaml", "--ca", "ca.pem", "--password-env", "SECRET"]);
    let both = format!("127.0.0.1:{tls} and 127.0.0.1:{clear}");
    assert_eq!(records(&env, "poplab-run").0.target.name, both);
    server.end();
}

#[test]
fn a_closed_loop_asks_for_no_rate() {
    let env = TestEnv::new();
    env.write("closed.yaml", SCENARIO.replace("{rate: 40/s, for: 1s}", "{closed: {sessions: 2, for: 2s}}"));
    let (ended, _) = load(&env, &["load", "closed.yaml"]);
    assert!(ended.stderr.contains(" · achieved ") && !ended.stderr.contains("asked"), "{}", ended.stderr);
}

#[test]
fn a_dead_target_is_told_with_all_reports() {
    let env = TestEnv::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (ended, results) =
        load(&env, &["load", "soak", "--target", &target, "--tls", "none", "--password-env", "SECRET"]);
    assert_eq!((ended.code, results.sessions.begun), (Some(3), 0));
    assert_snapshot!(env.told(&ended));
}

#[test]
fn a_target_that_dies_on_the_way_is_a_run_with_errors() {
    let env = TestEnv::new();
    env.write("long.yaml", SCENARIO.replace("for: 1s", "for: 12s"));
    let mut server = Server::start(&env, |_| ());
    let target = server.arguments();
    let mut arguments: Vec<&str> =
        ["load", "long.yaml"].into_iter().chain(target.iter().map(String::as_str)).collect();
    arguments.extend(["--metrics", "0"]);
    let mut running = Running::start(&env, &arguments);
    let line = running.wait_for("metrics");
    // Sessions have gone well: now it dies.
    running.wait_for_sessions(&line);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let ended = Ended::of(running.child);
    let (run, results) = records(&env, "poplab-run");
    assert_eq!(run.error, None, "{}", ended.stderr);
    assert!(results.sessions.completed > 0 && results.errors.iter().any(|row| row.kind == "refused"));
}

/// What Prometheus would see, at the address in this line.
fn metrics(line: &str) -> String {
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LONGEST)).expect("a bound");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    answer
}

#[test]
fn ctrl_c_sigterm_and_a_hang_up_leave_the_reports_and_say_what_is_missing() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let env = TestEnv::new();
        let arguments = ["load", "smoke", "--rate", "20/s", "--duration", "10m", "--metrics", "0"];
        let mut running = Running::start(&env, &arguments);
        let line = running.wait_for("metrics");
        let figures = running.wait_for_sessions(&line);
        assert!(figures.contains("\npoplab_sessions_completed_total "), "{figures}");
        running.signal(name);
        let ended = Ended::of(running.child);
        let (run, results) = records(&env, "poplab-run");
        assert_eq!(
            (ended.code, run.exit_code, run.exit_reason.as_str()),
            (Some(3), 3, "interrupted"),
            "{}",
            ended.stderr
        );
        assert!(results.sessions.completed > 0 && results.sessions.not_begun > 0, "{:?}", results.sessions);
        assert!(!results.missing.is_empty());
        assert!(ended.stderr.contains("error: interrupted"), "{}", ended.stderr);
    }
}

#[test]
fn a_full_disk_is_told_in_every_record_that_can_be_written() {
    let env = TestEnv::new();
    env.write("full.yaml", SCENARIO);
    // run.json and the steps have room, everything else has not.
    let ended = env.run_without_room(&["load", "full.yaml"], 4);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert!(
        matches!(errors[..], [line] if line.starts_with("error: cannot write poplab-run/results.json: File too large")),
        "{errors:?}"
    );
    assert!(ended.stdout.contains("The run was not carried out to its end"), "{}", ended.stdout);
    let last = ended.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("not carried out: cannot write poplab-run/results.json"), "{last}");
    let run = Run::parse(&env.read("poplab-run/run.json")).expect("run.json reads back");
    assert_eq!((run.exit_code, run.error.as_deref()), (3, errors[0].strip_prefix("error: ")));
    assert!(run.exit_reason.contains("; missing too: "), "{}", run.exit_reason);
    let names = env.names("poplab-run");
    let seconds = env.read("poplab-run/seconds.jsonl");
    assert!(seconds.is_empty() || seconds.ends_with('\n'), "a line that has no room is taken back");
    let whole = [
        "run.json",
        "seconds.jsonl",
        "steps.csv",
        "series.csv",
        "latency.hlog",
        "service.hlog",
        "transcripts",
    ];
    assert!(names.iter().all(|name| whole.contains(&name.as_str())), "{names:?}");
}

#[test]
fn a_command_line_that_is_refused_leaves_the_last_run_alone() {
    let env = TestEnv::new();
    env.write("last.yaml", SCENARIO);
    load(&env, &["load", "last.yaml"]);
    let last = || FILES.map(|name| env.read(&format!("poplab-run/{name}")));
    let before = last();
    let refused = env.run(&["load", "smokee"]);
    assert_eq!(refused.code, Some(2));
    assert!(last() == before, "{}", refused.stderr);
    assert_snapshot!("load_refused_beside_a_run", env.told(&refused));
    env.write("crowd.yaml", crowd());
    for arguments in [
        &["load", "last.yaml", "--rate", "1/h"][..],
        &["load", "crowd.yaml", "--workers", "1"],
        &["load", "last.yaml", "--target", "192.0.2.1:995"],
        &["load", "last.yaml", "--password-file", "nowhere"],
    ] {
        let refused = env.run(arguments);
        assert!(matches!(refused.code, Some(2..=4)) && last() == before, "{}", refused.stderr);
    }
}

#[test]
fn wrong_input_is_told_before_anything_is_dialled() {
    let (plain, wrong, crowd) = (SCENARIO.to_owned(), WRONG.to_owned(), crowd());
    let told = |arguments: &[&str], code: i32| {
        let env = TestEnv::new();
        for (name, text) in [("plain.yaml", &plain), ("wrong.yaml", &wrong), ("crowd.yaml", &crowd)] {
            env.write(name, text);
        }
        let (ended, results) = load(&env, arguments);
        assert_eq!((ended.code, results.sessions.begun), (Some(code), 0), "{}", ended.stderr);
        env.told(&ended)
    };
    assert_snapshot!("load_unknown_scenario", told(&["load", "smok"], 2));
    assert_snapshot!("load_unknown_defect", told(&["load", "smoke", "--defect", "load.retr-corupt"], 2));
    assert_snapshot!(
        "load_unauthorized",
        told(
            &["load", "smoke", "--target", "192.0.2.1:995", "--tls", "implicit", "--password-env", "SECRET"],
            2
        )
    );
    assert_snapshot!(
        "load_no_password",
        told(&["load", "soak", "--target", "127.0.0.1:995", "--tls", "implicit"], 2)
    );
    assert_snapshot!(
        "load_no_variable",
        told(&["load", "smoke", "--target", "127.0.0.1:995", "--password-env", "NOTHING"], 2)
    );
    assert_snapshot!(
        "load_delete_not_allowed",
        told(&["load", "download-and-delete", "--target", "127.0.0.1:995", "--password-env", "SECRET"], 2)
    );
    assert_snapshot!(
        "load_one_port",
        told(&["load", "smoke", "--target", "127.0.0.1:995", "--password-env", "SECRET"], 2)
    );
    assert_snapshot!("load_no_threshold", told(&["load", "plain.yaml", "--find-capacity"], 2));
    assert_snapshot!("load_no_session", told(&["load", "smoke", "--rate", "1/h"], 4));
    // What else is too much depends on the machine.
    let refused = told(&["load", "crowd.yaml", "--workers", "1"], 3);
    assert!(
        refused.contains("error: this run cannot work here:") && refused.contains("--workers"),
        "{refused}"
    );
    assert_snapshot!("load_wrong_scenario", told(&["load", "wrong.yaml"], 2));
}

#[test]
fn shipped_scenarios_are_listed_and_shown() {
    let env = TestEnv::new();
    let ended = env.run(&["load", "--list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.stdout);
    for name in ended.stdout.lines().filter_map(|line| line.split(' ').next()) {
        let shown = env.run(&["load", name, "--show"]);
        let file =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.yaml"));
        assert_eq!(shown.stdout, std::fs::read_to_string(file).unwrap());
    }
    assert!(!env.path("poplab-run").exists(), "showing makes no run");
}

#[test]
fn every_shipped_scenario_runs_against_the_embedded_server() {
    let list = TestEnv::new().run(&["load", "--list"]).stdout;
    let names: Vec<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() >= 8, "{names:?}");
    let start = |name: &str| {
        let env = TestEnv::new();
        let child = start(&mut env.command(&["load", name, "--duration", "2s", "--rate", "10/s", "--quiet"]));
        (env, child)
    };
    let runs: Vec<_> = names.iter().map(|name| start(name)).collect();
    for (name, (env, child)) in names.iter().zip(runs) {
        let ended = Ended::of(child);
        let (run, results) = records(&env, "poplab-run");
        assert_eq!(run.error, None, "{name}: {}", ended.stderr);
        // Thresholds are for the whole of it, on a machine that does nothing else.
        assert!(matches!(ended.code, Some(0 | 1)), "{name}: {}", ended.stderr);
        assert!(results.sessions.completed > 0, "{name}: {:?}", results.sessions);
        assert_eq!(
            (results.verified.failures, results.error_count()),
            (0, 0),
            "{name}: {:?}",
            results.errors
        );
    }
}

/// The folder of a run of half a minute in which every STAT took about so many milliseconds.
fn recorded(env: &TestEnv, folder: &str, milliseconds: u64, errors: u64) {
    let run = Run { tool: "load".to_owned(), ..Run::default() };
    let mut results = LoadResults::default();
    results.plan.seed = milliseconds;
    let row = record::ErrorRow { kind: "reset".to_owned(), count: errors, ..record::ErrorRow::default() };
    results.errors.extend((errors > 0).then_some(row));
    let mut series = stats::Series::new();
    for second in 0..30 {
        let mut latencies = stats::Latencies::new();
        for sample in 0..100 {
            latencies
                .record("STAT", milliseconds * 1_000_000 + (sample * 37 + u64::from(second)) % 100 * 1000);
        }
        series.add(second, &latencies);
    }
    env.write(&format!("{folder}/run.json"), run.to_json());
    env.write(&format!("{folder}/results.json"), results.to_json());
    env.write(&format!("{folder}/latency.hlog"), series.interval_log(1_700_000_000.0, &[]));
}

#[test]
fn two_runs_are_compared() {
    let env = TestEnv::new();
    recorded(&env, "before", 10, 0);
    recorded(&env, "after", 14, 3);
    let compared = |one: &str, other: &str| env.run(&["compare", one, other]);
    assert_snapshot!("compare_slower", env.told(&compared("before", "after")));
    let (faster, same) = (compared("after", "before"), compared("after", "after"));
    assert_eq!([faster.code, same.code], [Some(0), Some(0)], "{}{}", faster.stderr, same.stderr);
    let markdown = env.run(&["compare", "before", "after", "--format", "markdown"]);
    assert_eq!(markdown.code, Some(1));
    assert_snapshot!("compare_markdown", markdown.stdout);
    let json = env.run(&["compare", "before", "after", "--format", "json"]);
    let comparison = record::Comparison::parse(&json.stdout).expect("it reads back");
    assert!(comparison.verdict.starts_with("slower: STAT"), "{}", comparison.verdict);
    assert_eq!((comparison.a.as_str(), comparison.b.as_str()), ("before", "after"));
}

#[test]
fn what_is_no_load_run_is_not_compared() {
    let env = TestEnv::new();
    env.run(&["conformance", "--select", "rfc1939.stat.format", "--out", "judged"]);
    assert_snapshot!("compare_conformance", env.told(&env.run(&["compare", "judged", "judged"])));
    assert_snapshot!("compare_nowhere", env.told(&env.run(&["compare", "nowhere", "judged"])));
}

//! Whole runs of `poplab conformance`: the embedded server, a server of its own process, baseline, Ctrl-C.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::environment::{Ended, TestEnv, start};
use crate::fake::Server;
use crate::peers::{Connection, Peer, falls_silent, greets_alone, knows_little, tires};

const STAT: [&str; 3] = ["conformance", "--select", "rfc1939.stat.*"];

#[test]
fn the_embedded_server_keeps_what_is_asked_of_it_at_both_entrances() {
    let env = TestEnv::new();
    let ended = env.run(&STAT);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let (run, results) = env.records("poplab-run");
    assert_eq!((run.exit_reason.as_str(), &run.error), ("all as required", &None));
    assert_eq!(run.target.name, "embedded fake server");
    assert_eq!(run.totals, results.counts());
    let words: Vec<_> = run.target.entrances.iter().map(|entrance| entrance.security.as_str()).collect();
    assert_eq!(words, ["implicit", "starttls"]);
    for entrance in &run.target.entrances {
        let tls = entrance.tls.as_ref().expect("a handshake");
        assert_eq!(tls.certificate_subject.as_deref(), Some("CN=localhost"));
        assert!(tls.certificate_issuer.as_ref().is_some_and(|name| name.starts_with("CN=poplab throwaway ")));
        assert_eq!(tls.certificate_names, ["localhost", "127.0.0.1", "::1", "fake.poplab.test"]);
        assert_eq!(tls.certificate_expires.as_deref(), Some("2049-12-31T00:00:00Z"));
    }
    for check in &results.checks {
        let path = check.transcript.as_ref().expect("a transcript");
        let text = env.read(&format!("poplab-run/{path}"));
        let transcript = transcript::Transcript::parse(&text).expect("it parses back");
        assert_eq!(transcript.render(), text);
    }
    let log = env.read("poplab-run/latency.hlog");
    let intervals = stats::parse_interval_log(log.as_bytes()).expect("the log reads back");
    assert!(intervals.iter().any(|interval| interval.tag == "STAT"));
}

#[test]
fn an_old_run_renders_again_to_the_same_text() {
    let env = TestEnv::new();
    for format in ["human", "json", "junit", "tap", "github"] {
        let original =
            env.run(&[&STAT[..], &["--format", format, "--defect", "rfc1939.stat.two-spaces"]].concat());
        let again = env.run(&["report", "poplab-run", "--format", format]);
        assert!(!original.stdout.is_empty(), "{format}: {}", original.stderr);
        assert_eq!(again.stdout, original.stdout, "{format}");
        assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    }
    assert_snapshot!(env.told(&env.run(&["report", "nowhere"])));
}

#[test]
fn findings_of_one_cause_are_told_as_one_in_every_form() {
    const CAUSE: &str = "rfc1939.frame.one-reply";
    const FOLLOW: [&str; 2] = ["rfc1939.single.no-terminator", "rfc2449.pipe.split"];
    let env = TestEnv::new();
    let mut arguments = vec!["conformance", "--defect", "rfc1939.frame.double-reply"];
    arguments.extend([CAUSE, "rfc1939.pass.case"].iter().chain(&FOLLOW).flat_map(|id| ["--select", *id]));
    let forms = ["human", "junit", "tap", "github", "html"];
    for format in forms {
        let original = env.run(&[&arguments[..], &["--format", format]].concat());
        assert_eq!(original.code, Some(1), "{format}: {}", original.stderr);
        let told = original.stdout.to_lowercase();
        assert!(told.contains("probably the same cause"), "{format}: {told}");
        let place = |id: &str| told.find(id).unwrap_or(usize::MAX);
        assert!(place(CAUSE) < place(FOLLOW[0]) && place(CAUSE) < place(FOLLOW[1]), "{format}: {told}");
        assert_eq!(
            env.run(&["report", "poplab-run", "--format", format]).stdout,
            original.stdout,
            "{format}"
        );
        if format == "github" {
            assert_eq!(told.lines().filter(|line| line.starts_with("::error ")).count(), 1, "{told}");
        }
    }
    let (_, results) = env.records("poplab-run");
    let fails = |id: &str| {
        let all: Vec<_> = results.checks.iter().filter(|check| check.id == id).collect();
        (all.iter().all(|check| check.is_broken()), all[0].follows.as_deref())
    };
    assert_eq!(fails(CAUSE), (true, None));
    assert_eq!(FOLLOW.map(fails), [(true, Some(CAUSE)); 2]);
    // As an older version has written it.
    let mut old = results.clone();
    old.checks.iter_mut().for_each(|check| check.follows = None);
    env.write("poplab-run/results.json", old.to_json());
    for format in forms {
        let told = env.run(&["report", "poplab-run", "--format", format]);
        assert_eq!(told.code, Some(0), "{format}: {}", told.stderr);
        assert!(!told.stdout.to_lowercase().contains("same cause"), "{format}: {}", told.stdout);
        assert!(FOLLOW.iter().all(|id| told.stdout.contains(id)), "{format}: {}", told.stdout);
    }
}

#[test]
fn of_several_forms_the_human_one_goes_to_stdout() {
    let env = TestEnv::new();
    let ended = env.run(&[&STAT[..], &["--format", "json,human,junit"]].concat());
    assert!(ended.stdout.starts_with("poplab conformance"), "{}", ended.stdout);
    assert!(record::Report::parse(&env.read("poplab-run/report.json")).is_ok());
    assert!(env.read("poplab-run/junit.xml").starts_with("<?xml"));
    let quiet = env.run(&[&STAT[..], &["--quiet"]].concat());
    assert_eq!((quiet.stdout.lines().count(), quiet.stderr.as_str()), (1, ""));
    assert!(!env.path("poplab-run/junit.xml").exists(), "an older run is replaced whole");
}

#[test]
fn a_defect_is_found_and_approved_by_a_baseline_until_it_is_gone() {
    let env = TestEnv::new();
    let arguments = |more: &[&'static str]| -> Vec<&'static str> {
        [
            &["conformance", "--select", "rfc1939.retr.dot-stuffing", "--quiet", "--baseline", "known.yaml"],
            more,
        ]
        .concat()
    };
    let defect = ["--defect", "rfc1939.retr.no-stuffing"];
    let missing = env.run(&arguments(&defect));
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    let updated = env.run(&arguments(&[&defect[..], &["--update-baseline"]].concat()));
    assert_eq!(updated.code, Some(0), "{}{}", updated.stdout, updated.stderr);
    let approved = env.run(&arguments(&defect));
    assert_eq!(approved.code, Some(0), "{}", approved.stdout);
    assert!(env.records("poplab-run").1.checks.iter().all(record::CheckResult::is_known));
    let gone = env.run(&arguments(&[]));
    assert_eq!(gone.code, Some(1));
    assert_snapshot!(env.told(&gone));
    let unlisted =
        env.run(&["conformance", "--select", "rfc1939.retr.dot-stuffing", "--quiet", defect[0], defect[1]]);
    assert_eq!(unlisted.code, Some(1));
    assert_snapshot!("baseline_unlisted", env.told(&unlisted));
}

#[test]
fn a_server_in_another_process_is_judged_through_two_ports() {
    let env = TestEnv::new();
    let accounts = [("fixtures", 2), ("empty", 1), ("disposable", 4), ("second", 1)];
    let mut text = "accounts:\n".to_owned();
    for (role, number) in
        accounts.iter().flat_map(|(role, count)| (1..=*count).map(move |number| (role, number)))
    {
        let password = format!("Secret-{role}-{number}");
        let _ = writeln!(text, "  - {{user: {role}{number}, password: {password}, role: {role}}}");
    }
    env.write("accounts.yaml", text);
    let server = Server::start(&env, &["--accounts", "accounts.yaml"]);
    let (tls, clear) = (format!("127.0.0.1:{}", server.tls_port()), format!("127.0.0.1:{}", server.port()));
    let ca = server.ca();
    let mut arguments = STAT.to_vec();
    arguments.extend([
        "--target",
        &tls,
        "--also",
        &clear,
        "--accounts",
        "accounts.yaml",
        "--ca",
        &ca,
        "--format",
        "json",
    ]);
    let ended = env.run(&arguments);
    let report =
        record::Report::parse(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr));
    assert_eq!(
        (ended.code, report.run.totals.fail, report.run.totals.warn),
        (Some(0), 0, 0),
        "{}",
        ended.stderr
    );
    let words: Vec<_> =
        report.run.target.entrances.iter().map(|entrance| entrance.security.as_str()).collect();
    assert_eq!(words, ["implicit", "starttls"]);
    assert!(
        report.run.totals.pass > 0
            && report.run.target.entrances.iter().all(|entrance| entrance.tls.is_some())
    );
    assert!(!ended.stdout.contains("Secret-"));
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn without_an_account_nothing_is_judged_and_that_is_no_pass() {
    let env = TestEnv::new();
    let server = Server::start(&env, &[]);
    let clear = format!("127.0.0.1:{}", server.port());
    let ended = env.run(&[
        "conformance",
        "--select",
        "rfc1939.stat.format",
        "--target",
        &clear,
        "--ca",
        &server.ca(),
    ]);
    assert_eq!(ended.code, Some(3));
    let (run, results) = env.records("poplab-run");
    assert!(run.exit_reason.contains("give --user, or --accounts FILE"), "{}", run.exit_reason);
    assert_eq!(results.counts().skipped, 1);
}

#[test]
fn a_target_that_is_gone_at_the_end_is_no_pass() {
    // One connection for the survey, one for the check.
    let (env, peer) = (TestEnv::new(), Peer::mortal(2, knows_little));
    env.write("known.yaml", "format: 1\ndeviations: []\n");
    let target = peer.target();
    let select = ["--select", "rfc1939.greeting.positive", "--format", "human,junit"];
    let baseline = ["--baseline", "known.yaml", "--update-baseline"];
    let arguments = ["conformance", "--target", &target, "--tls", "none"];
    let ended = env.run(&[&arguments[..], &select, &baseline].concat());
    let (run, results) = env.records("poplab-run");
    assert_eq!((ended.code, run.exit_code, results.counts().pass), (Some(3), 3, 1), "{}", ended.stderr);
    assert!(env.read("poplab-run/junit.xml").contains("<error message=\"the target was gone"));
    assert_eq!(env.read("known.yaml"), "format: 1\ndeviations: []\n", "nothing to write down");
    // What comes of a connection that nobody takes any more depends on the moment.
    let told = env.told(&ended);
    let reason = run.error.expect("an error");
    let (before, after) =
        (reason.find(": ").expect("a reason") + 2, reason.find(" Failures").expect("the advice"));
    let (reason, advice) = (env.masked(&reason[before..after]), env.masked(&reason[after..]));
    assert!(reason.starts_with("127.0.0.1:[PORT]") && advice.contains("--jobs 1"), "{reason}{advice}");
    assert!(told.contains("The run was not carried out to its end"), "{told}");
    assert!(told.contains("not carried out: the target was gone"), "{told}");
}

#[test]
fn on_a_full_disk_the_report_is_shown_and_is_no_pass() {
    let env = TestEnv::new();
    // Only run.json has room.
    let ended = env.run_without_room(&[&STAT[..], &["--format", "human,junit"]].concat(), 4);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let told = "cannot write poplab-run/results.json: File too large (os error 27)";
    assert!(ended.stderr.contains(&format!("error: {told}")), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("The run was not carried out to its end"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("\nnot carried out: {told}")), "{}", ended.stdout);
    let run = record::Run::parse(&env.read("poplab-run/run.json")).expect("run.json reads back");
    assert_eq!(run.exit_code, 3);
    assert!(run.exit_reason.starts_with(told) && run.error == Some(run.exit_reason.clone()), "{run:?}");
    assert!(!env.path("poplab-run/results.json").exists());
}

#[test]
fn a_command_line_that_is_refused_leaves_the_last_run_alone() {
    let env = TestEnv::new();
    env.run(&STAT);
    let last =
        || ["run.json", "results.json", "latency.hlog"].map(|name| env.read(&format!("poplab-run/{name}")));
    let before = last();
    let refused = env.run(&["conformance", "--select", "rfc1939.stat.formt"]);
    assert_eq!(refused.code, Some(4));
    assert!(last() == before, "{}", refused.stderr);
    assert_snapshot!("conformance_refused_beside_a_run", env.told(&refused));
    let wrong = env.run(&["conformance", "--target", "127.0.0.1:1", "--accounts", "nowhere.yaml"]);
    assert!(wrong.code == Some(2) && last() == before, "{}", wrong.stderr);
    let dead = env.run(&["conformance", "--target", "127.0.0.1:1"]);
    assert!(dead.code == Some(3) && last() != before, "what was tried is a run: {}", dead.stderr);
}

#[test]
fn ctrl_c_leaves_the_reports() {
    let (env, peer) = (TestEnv::new(), Peer::new(falls_silent));
    let target = peer.target();
    let arguments = ["conformance", "--target", &target, "--tls", "none", "--select", "*.greeting.*"];
    let child = start(&mut env.command(&arguments));
    // The second connection is that of a check, which is left without a greeting.
    peer.wait_for("== connection 2");
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let ended = Ended::of(child);
    let (run, results) = env.records("poplab-run");
    assert_eq!((ended.code, run.exit_code, run.exit_reason.as_str()), (Some(3), 3, "interrupted"));
    assert!(!results.checks.is_empty());
    let stopped = |check: &record::CheckResult| {
        check.verdict == record::Verdict::Inconclusive && check.observed.contains("stopped")
    };
    assert!(results.checks.iter().any(stopped), "{}", env.read("poplab-run/results.json"));
    assert!(ended.stderr.contains("error: interrupted"), "{}", ended.stderr);
}

#[test]
fn a_run_that_had_too_little_time_says_how_it_gets_more() {
    let (env, peer) = (TestEnv::new(), Peer::new(tires));
    let target = peer.target();
    let arguments = ["conformance", "--target", &target, "--tls", "none", "--select", "rfc2449.capa.*"];
    let ended = env.run(&[&arguments[..], &["--within", "1s"]].concat());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("give it more than 1 s with --within"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--jobs 1"), "{}", ended.stderr);
}

#[test]
fn a_signal_during_the_first_look_leaves_the_reports() {
    for name in ["-INT", "-TERM", "-HUP"] {
        for (tls, script) in [
            (&["--tls", "none"][..], Connection::stay as fn(&mut Connection)),
            // Nothing says how the port is protected, so that it is tried.
            (&[], Connection::stay),
            // Greeted, and left without the capabilities.
            (&["--tls", "none"], greets_alone),
        ] {
            let (env, peer) = (TestEnv::new(), Peer::new(script));
            let target = peer.target();
            let child = start(&mut env.command(&[&["conformance", "--target", &target], tls].concat()));
            peer.wait_for("== connection 1");
            let killed = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
            assert!(killed.unwrap().success());
            let ended = Ended::of(child);
            let (run, results) = env.records("poplab-run");
            let reason = run.exit_reason.as_str();
            assert_eq!((ended.code, run.exit_code, reason), (Some(3), 3, "interrupted"), "{}", ended.stderr);
            assert!(results.checks.is_empty() && ended.stderr.contains("error: interrupted"));
        }
    }
}

#[test]
fn a_limit_that_is_too_low_is_named_before_anything_is_begun() {
    let env = TestEnv::new();
    for (limit, told) in [
        ("-n 6", "only 6 open files at once"),
        ("-n 12", "only 12 open files at once"),
        ("-n 32", "only 32 open files at once"),
        ("-v 200000", "only 195 MiB of address space"),
    ] {
        for arguments in [&STAT[..], &["load", "smoke"], &["fake"], &["seed", "--accounts", "none.yaml"]] {
            let ended = env.run_after(&format!("ulimit {limit};"), arguments);
            assert_eq!(ended.code, Some(3), "{limit} {arguments:?} {}", ended.stderr);
            assert!(ended.stderr.contains(told) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
        }
    }
    assert!(env.names("").is_empty(), "{:?}", env.names(""));
}

#[test]
fn a_small_stack_is_enough() {
    let env = TestEnv::new();
    let ended = env.run_after("ulimit -s 100;", &STAT);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn two_runs_do_not_mix_in_one_folder() {
    let (env, peer) = (TestEnv::new(), Peer::new(falls_silent));
    let target = peer.target();
    let arguments = ["conformance", "--target", &target, "--tls", "none", "--select", "*.greeting.*"];
    let first = start(&mut env.command(&arguments));
    peer.wait_for("== connection 2");
    let second = env.run(&STAT);
    assert_eq!((second.code, second.stdout.as_str()), (Some(3), ""), "{}", second.stderr);
    let told =
        format!("error: the folder poplab-run is in use by another run of poplab (process {}); ", first.id());
    assert!(second.stderr.starts_with(&told), "{}", second.stderr);
    let killed = std::process::Command::new("kill").args(["-KILL", &first.id().to_string()]).status();
    assert!(killed.unwrap().success());
    Ended::of(first);
    // The lock went with the process, and what it left is a run.
    assert_eq!(env.run(&STAT).code, Some(0));
}

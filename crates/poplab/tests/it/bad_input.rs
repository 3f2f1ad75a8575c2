//! Bad input of every kind: a clear error, exit code 2, 3 or 4, and the records of the run all the same.

use insta::assert_snapshot;

use crate::environment::{Ended, TestEnv};
use crate::fake::Server;
use crate::peers::{Connection, Peer, refuses_passwords};

/// Runs conformance and sees to it that the records tell the same as the exit code.
fn conformance(env: &TestEnv, arguments: &[&str]) -> Ended {
    let ended = env.run_with_secret(&[&["conformance"], arguments].concat(), "swordfish-123");
    let (run, results) = env.records("poplab-run");
    assert_eq!(Some(run.exit_code), ended.code);
    assert!(run.error.is_some() && !run.exit_reason.is_empty());
    assert!(results.checks.is_empty());
    assert!(env.path("poplab-run/latency.hlog").is_file());
    for text in [&ended.stdout, &ended.stderr, &env.read("poplab-run/run.json")] {
        assert!(!text.contains("swordfish"), "{text}");
    }
    ended
}

/// Judges a scripted server with a short patience.
fn judged(script: fn(&mut Connection), more: &[&str]) -> String {
    let (env, peer) = (TestEnv::new(), Peer::new(script));
    let target = peer.target();
    let ended = conformance(&env, &[&["--target", &target, "--timeout", "1"], more].concat());
    env.told(&ended)
}

#[test]
fn unknown_host() {
    let env = TestEnv::new();
    let told = env.told(&conformance(&env, &["--target", "mail.poplab.invalid:110"]));
    // What the resolver says depends on whether there is one.
    let (before, rest) = told.split_once('(').expect("a reason");
    let (_, after) = rest.split_once(')').expect("a reason");
    assert_snapshot!(format!("{before}([REASON]){after}"));
}

#[test]
fn refused_port() {
    let env = TestEnv::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert_snapshot!(env.told(&conformance(&env, &["--target", &target])));
}

#[test]
fn tls_on_a_cleartext_port() {
    assert_snapshot!(judged(refuses_passwords, &["--tls", "implicit"]));
}

#[test]
fn cleartext_on_a_tls_port() {
    let env = TestEnv::new();
    let server = Server::start(&env, &[]);
    let target = format!("127.0.0.1:{}", server.tls_port());
    let ended = conformance(
        &env,
        &["--target", &target, "--tls", "starttls", "--ca", &server.ca(), "--timeout", "1"],
    );
    assert_snapshot!(env.told(&ended));
}

#[test]
fn starttls_that_is_not_offered() {
    assert_snapshot!(judged(refuses_passwords, &["--tls", "starttls"]));
}

#[test]
fn wrong_password_is_sent_once() {
    let (env, peer) = (TestEnv::new(), Peer::new(refuses_passwords));
    let target = peer.target();
    let ended = conformance(
        &env,
        &["--target", &target, "--tls", "none", "--user", "alice", "--password-env", "SECRET"],
    );
    let tries: Vec<String> = peer
        .heard()
        .into_iter()
        .filter(|line| line.starts_with("PASS") || line.starts_with("AUTH"))
        .collect();
    assert_eq!(tries, ["PASS swordfish-123"]);
    let transcripts: Vec<_> = std::fs::read_dir(env.path("poplab-run/transcripts")).unwrap().collect();
    let survey = transcripts[0].as_ref().unwrap().path().join("survey.pop");
    let transcript = std::fs::read_to_string(survey).unwrap();
    assert!(transcript.contains("PASS ‹secret 13›") && !transcript.contains("swordfish"), "{transcript}");
    assert_snapshot!(env.told(&ended));
}

#[test]
fn a_name_or_a_password_that_no_line_can_carry() {
    let env = TestEnv::new();
    let mut told = String::new();
    for (user, password) in [
        ("alice\r\nNOOP", "swordfish-123"),
        ("alice", "swordfish-123\n"),
        ("alice", "swordfish-123\r\nSTAT"),
        ("alice", ""),
    ] {
        let arguments =
            ["conformance", "--target", "127.0.0.1:1", "--user", user, "--password-env", "SECRET"];
        let ended = env.run_with_secret(&arguments, password);
        assert!(!env.read("poplab-run/run.json").contains("swordfish"));
        told.push_str(&env.told(&ended));
    }
    assert_snapshot!(told);
}

#[test]
fn unknown_check() {
    let env = TestEnv::new();
    let ended = conformance(&env, &["--select", "rfc1939.retr.dot-stufing"]);
    assert_snapshot!(env.told(&ended));
}

#[test]
fn unknown_defect() {
    let env = TestEnv::new();
    assert_snapshot!(env.told(&conformance(&env, &["--defect", "rfc1939.retr.no-stufing"])));
}

#[test]
fn broken_accounts_file() {
    let env = TestEnv::new();
    env.write("accounts.yaml", "accounts:\n  - {user: alice, password: swordfish, role: boss}\n");
    let ended = conformance(&env, &["--target", "127.0.0.1:1", "--accounts", "accounts.yaml"]);
    assert_snapshot!(env.told(&ended));
}

#[test]
fn missing_accounts_file() {
    let env = TestEnv::new();
    let ended = conformance(&env, &["--target", "127.0.0.1:1", "--accounts", "accounts.yaml"]);
    assert_snapshot!(env.told(&ended));
}

#[test]
fn broken_baseline() {
    let env = TestEnv::new();
    env.write(
        "known.yaml",
        "format: 1\ndeviations:\n  - {check: rfc1939.retr.x, entrance: any, verdict: fail, because: so}\n",
    );
    assert_snapshot!(env.told(&conformance(&env, &["--baseline", "known.yaml"])));
}

#[test]
fn no_terminal_to_ask_for_the_password() {
    let env = TestEnv::new();
    assert_snapshot!(env.told(&conformance(&env, &["--target", "127.0.0.1:1", "--user", "alice"])));
}

#[test]
fn ca_file_without_certificates() {
    let env = TestEnv::new();
    env.write("ca.pem", "no certificate\n");
    assert_snapshot!(env.told(&conformance(&env, &["--target", "127.0.0.1:1", "--ca", "ca.pem"])));
}

#[test]
fn silent_server() {
    assert_snapshot!(judged(Connection::stay, &["--tls", "starttls"]));
}

#[test]
fn greeting_without_a_line_end() {
    let script = |connection: &mut Connection| {
        connection.say(b"+OK no newline");
        connection.stay();
    };
    assert_snapshot!(judged(script, &["--tls", "starttls"]));
}

#[test]
fn host_of_300_characters() {
    let env = TestEnv::new();
    let target = format!("{}.invalid:995", "a".repeat(300));
    let ended = conformance(&env, &["--target", &target]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("no address is known for the host `aaa"), "{}", ended.stderr);
}

#[test]
fn http_server() {
    let script = |connection: &mut Connection| {
        connection.listen();
        connection.say(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        connection.stay();
    };
    assert_snapshot!(judged(script, &["--tls", "starttls"]));
}

#[test]
fn smtp_server() {
    let script = |connection: &mut Connection| {
        connection.say(b"220 mail.example.org ESMTP\r\n");
        connection.stay();
    };
    assert_snapshot!(judged(script, &[]));
}

#[test]
fn imap_server() {
    let script = |connection: &mut Connection| {
        connection.say(b"* OK [CAPABILITY IMAP4rev1] ready\r\n");
        connection.stay();
    };
    assert_snapshot!(judged(script, &[]));
}

#[test]
fn endless_line() {
    let script = |connection: &mut Connection| while connection.say(&[b'x'; 4096]) {};
    assert_snapshot!(judged(script, &[]));
}

#[test]
fn a_foreign_folder_is_left_alone() {
    let env = TestEnv::new();
    env.write("precious/thesis.txt", "years of work");
    let ended = env.run(&["conformance", "--out", "precious"]);
    assert_eq!(env.read("precious/thesis.txt"), "years of work");
    assert!(!env.path("precious/run.json").exists());
    assert_snapshot!(env.told(&ended));
}

#[test]
fn mistyped_command_line() {
    let env = TestEnv::new();
    assert_snapshot!(env.told(&env.run(&["conformance", "--target", "mail.example.org"])));
}

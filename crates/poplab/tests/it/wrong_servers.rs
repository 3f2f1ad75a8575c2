//! Servers that are wrong in one thing: that thing is a finding, the rest is judged, and the run ends soon.

use record::Verdict;

use crate::environment::TestEnv;
use crate::peers::{Connection, Peer};

/// What a server does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    GreetsOnlyWhoSpeaks,
    GreetsTwice,
    RefusesUser,
    RefusesStls,
}

/// A small server with one message for `alice`.
fn serve(connection: &mut Connection, wrong: Wrong) {
    const MESSAGE: &str = "Subject: hello\r\n\r\nhello\r\n";
    let greeting: &[u8] = match wrong {
        Wrong::GreetsOnlyWhoSpeaks => b"",
        Wrong::GreetsTwice => b"+OK ready\r\n+OK and welcome\r\n",
        _ => b"+OK ready\r\n",
    };
    connection.say(greeting);
    let (mut named, mut open) = (false, false);
    while let Some(line) = connection.listen() {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let plain = "AGFsaWNlAHN3b3JkZmlzaA==";
        let reply = match (word.to_ascii_uppercase().as_str(), rest) {
            ("CAPA", "") => {
                let stls = if wrong == Wrong::RefusesStls && !open { "STLS\r\n" } else { "" };
                let sasl = if wrong == Wrong::RefusesUser { "SASL PLAIN\r\n" } else { "" };
                format!("+OK list\r\nUSER\r\nTOP\r\nUIDL\r\n{sasl}{stls}.\r\n")
            }
            ("USER", _) if wrong == Wrong::RefusesUser => "-ERR not like this\r\n".to_owned(),
            ("USER", "alice") if !open => {
                named = true;
                "+OK\r\n".to_owned()
            }
            ("PASS", "swordfish") if named => {
                open = true;
                "+OK\r\n".to_owned()
            }
            ("AUTH", rest) if wrong == Wrong::RefusesUser && rest == format!("PLAIN {plain}") => {
                open = true;
                "+OK\r\n".to_owned()
            }
            ("STAT", "") if open => format!("+OK 1 {}\r\n", MESSAGE.len()),
            ("LIST", "") if open => format!("+OK\r\n1 {}\r\n.\r\n", MESSAGE.len()),
            ("UIDL", "") if open => "+OK\r\n1 first\r\n.\r\n".to_owned(),
            ("UIDL", "1") if open => "+OK 1 first\r\n".to_owned(),
            ("RETR", "1") | ("TOP", "1 0" | "1 1" | "1 5") if open => format!("+OK\r\n{MESSAGE}.\r\n"),
            ("NOOP", "") if open => "+OK\r\n".to_owned(),
            ("QUIT", "") => {
                connection.say(b"+OK bye\r\n");
                return;
            }
            _ => "-ERR not here\r\n".to_owned(),
        };
        if !connection.say(reply.as_bytes()) {
            return;
        }
    }
}

/// Judges a server; gives the exit code, and the verdicts by identifier.
fn judged(
    script: fn(&mut Connection),
    tls: &str,
    select: &[&str],
) -> (Option<i32>, TestEnv, record::Results) {
    let (env, peer) = (TestEnv::new(), Peer::new(script));
    let target = peer.target();
    let mut arguments = vec!["conformance", "--target", &target, "--tls", tls, "--user", "alice"];
    arguments.extend(["--password-env", "SECRET", "--within", "2m", "--timeout", "2"]);
    for pattern in select {
        arguments.extend(["--select", pattern]);
    }
    let ended = env.run_with_secret(&arguments, "swordfish");
    assert!(ended.stderr.contains("at the latest (--within)"), "{}", ended.stderr);
    let (_, results) = env.records("poplab-run");
    (ended.code, env, results)
}

fn verdict(results: &record::Results, id: &str) -> (Verdict, String) {
    let found = results.checks.iter().find(|check| check.id == id);
    let check = found.unwrap_or_else(|| panic!("{id} was not judged"));
    (check.verdict, check.observed.clone())
}

#[test]
fn a_right_one_passes() {
    let (code, _env, results) = judged(
        |connection| serve(connection, Wrong::Nothing),
        "none",
        &["rfc1939.stat.*", "rfc1939.greeting.*"],
    );
    assert_eq!(code, Some(0), "{results:?}");
}

#[test]
fn one_that_does_not_greet_is_judged_in_the_rest() {
    let select = ["rfc1939.greeting.unprompted", "rfc1939.stat.format", "rfc1939.noop.ok"];
    let (code, _env, results) =
        judged(|connection| serve(connection, Wrong::GreetsOnlyWhoSpeaks), "none", &select[..2]);
    assert_eq!(verdict(&results, select[0]).0, Verdict::Fail, "{results:?}");
    assert_eq!(verdict(&results, select[1]).0, Verdict::Pass, "{results:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn one_that_greets_twice_is_judged_in_the_rest() {
    let select = ["rfc1939.greeting.one-line", "rfc1939.stat.format"];
    let (code, _env, results) = judged(|connection| serve(connection, Wrong::GreetsTwice), "none", &select);
    assert_eq!(verdict(&results, select[0]).0, Verdict::Fail, "{results:?}");
    assert_eq!(verdict(&results, select[1]).0, Verdict::Pass, "{results:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn where_user_is_refused_another_way_to_log_in_is_found_and_the_lie_is_told() {
    let select = ["rfc2449.capa.truthful", "rfc1939.stat.format"];
    let (code, _env, results) = judged(|connection| serve(connection, Wrong::RefusesUser), "none", &select);
    assert_eq!(verdict(&results, select[0]).0, Verdict::Fail, "{results:?}");
    assert_eq!(verdict(&results, select[1]).0, Verdict::Pass, "{results:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn where_stls_is_announced_and_refused_the_rest_is_judged_in_cleartext() {
    let select = ["rfc2595.stls.works", "rfc1939.stat.format"];
    for tls in ["auto", "starttls"] {
        let (code, _env, results) = judged(|connection| serve(connection, Wrong::RefusesStls), tls, &select);
        assert_eq!(verdict(&results, select[0]).0, Verdict::Fail, "{results:?}");
        assert_eq!(verdict(&results, select[1]).0, Verdict::Pass, "{results:?}");
        assert_eq!(code, Some(1), "{tls}");
    }
}

#[test]
fn a_second_entrance_that_cannot_be_judged_leaves_the_first_one_its_verdicts() {
    let (env, peer) = (TestEnv::new(), Peer::new(|connection| serve(connection, Wrong::Nothing)));
    let other = Peer::new(|connection| {
        connection.say(b"220 mail.example.org ESMTP\r\n");
        connection.stay();
    });
    let (target, also) = (peer.target(), other.target());
    let mut arguments = vec!["conformance", "--target", &target, "--also", &also, "--tls", "none"];
    arguments.extend(["--user", "alice", "--password-env", "SECRET", "--select", "rfc1939.stat.format"]);
    arguments.extend(["--format", "human,json,junit,tap"]);
    let ended = env.run_with_secret(&arguments, "swordfish");
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let (run, results) = env.records("poplab-run");
    assert_eq!(verdict(&results, "rfc1939.stat.format").0, Verdict::Pass);
    assert!(
        run.error.is_some_and(|error| error.contains("speaks SMTP")),
        "the reason names the second entrance"
    );
    for file in ["report.json", "junit.xml", "report.tap"] {
        assert!(env.read(&format!("poplab-run/{file}")).contains("rfc1939.stat.format"), "{file}");
    }
    assert!(ended.stdout.contains("1 pass"), "{}", ended.stdout);
}

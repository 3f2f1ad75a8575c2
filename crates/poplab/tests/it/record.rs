//! `poplab record` between curl and the fake server, and `poplab fake --replay` in the server's place afterwards.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use net::{Dialer, Endpoint, TlsOptions, Trust};

use crate::environment::{Ended, LONGEST, TestEnv, start};
use crate::fake::Server;
use crate::peers::{Connection, Peer};

const PASSWORD: &str = "swordfish-123";

/// A server with two messages of alice, one of which has her password in it.
fn upstream(env: &TestEnv) -> Server {
    env.write("mail/1.eml", "Subject: one\n\n.hidden\nFrom here\n");
    env.write("mail/2.eml", format!("Subject: two\n\nYour password is {PASSWORD}.\n"));
    Server::start(env, &["--mail", "mail", "--password-env", "SECRET"])
}

/// Records what this line of a shell does; `$SECRET` is the password.
fn record(env: &TestEnv, arguments: &[&str], line: &str) -> Ended {
    let words = [&["record", "--out", "run"], arguments, &["--", "sh", "-c", line]].concat();
    Ended::of(start(env.command(&words).env("SECRET", PASSWORD).env("ALSO_SECRET", PASSWORD)))
}

/// Fails if the password is in any file of the recording in any form.
fn assert_no_secret(env: &TestEnv, folder: &str, digests: &[String]) {
    let plain = format!("\0alice\0{PASSWORD}");
    let mut forms = vec![PASSWORD.to_owned(), STANDARD.encode(PASSWORD), STANDARD.encode(plain)];
    forms.extend_from_slice(digests);
    for name in env.names(folder) {
        let text =
            String::from_utf8_lossy(&std::fs::read(env.path(folder).join(&name)).unwrap()).into_owned();
        for form in &forms {
            assert!(!text.contains(form.as_str()), "{form} is in {name}:\n{text}");
        }
    }
}

const FETCH: &str = "curl -sS --cacert $POPLAB_CA -u alice:$SECRET";

#[test]
fn every_protection_of_both_sides_is_passed_on_and_recorded_without_secrets() {
    let env = TestEnv::new();
    let server = upstream(&env);
    let clear = format!("127.0.0.1:{}", server.port());
    let tls = format!("127.0.0.1:{}", server.tls_port());
    let plain = format!("{FETCH} pop3://127.0.0.1:$POPLAB_PORT/2");
    let stls = format!("{FETCH} --ssl-reqd pop3://127.0.0.1:$POPLAB_PORT/2");
    let implicit = format!("{FETCH} pop3s://127.0.0.1:$POPLAB_TLS_PORT/2");
    let ca = server.ca();
    for (case, target, how, line, expected) in [
        ("clear and clear", &clear, "none", &plain, "[1] == connect\n"),
        ("STLS on both sides", &clear, "auto", &stls, "[1] == TLS"),
        ("TLS on both sides", &tls, "auto", &implicit, "[1] == connect implicit-tls"),
        ("TLS and STLS by poplab", &clear, "auto", &implicit, "[1] == TLS with the server"),
        ("clear and STLS by poplab", &clear, "starttls", &plain, "[1] == TLS with the server"),
        ("clear and TLS", &tls, "implicit", &plain, "[1] == connect\n"),
    ] {
        for way in ["+APOP", "PLAIN", "LOGIN", "CRAM-MD5"] {
            let line = line.replace("-sS", &format!("-sS --login-options 'AUTH={way}'"));
            let mut arguments = vec!["--upstream", target.as_str(), "--tls", how, "--ca", &ca];
            if matches!(way, "+APOP" | "CRAM-MD5") {
                // The password itself never goes over the wire.
                arguments.extend(["--password-env", "ALSO_SECRET"]);
            }
            let ended = record(&env, &arguments, &line);
            assert_eq!(ended.code, Some(0), "{case} {way}: {}", ended.stderr);
            let mail = format!("Subject: two\r\n\r\nYour password is {PASSWORD}.\r\n");
            assert_eq!(ended.stdout, mail, "{case} {way}");
            let transcript = env.read("run/transcript.txt");
            assert!(transcript.contains(expected), "{case} {way}:\n{transcript}");
            assert!(transcript.contains("C: RETR 2\n"), "{case} {way}:\n{transcript}");
            // The digest is what stands behind the name, if it stands there at all.
            assert!(way != "+APOP" || transcript.contains("C: APOP alice ‹secret 32›\n"), "{transcript}");
            assert_no_secret(&env, "run", &[]);
        }
    }
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_recording_is_its_owner_s_alone_and_reads_like_the_session() {
    let env = TestEnv::new();
    let server = upstream(&env);
    let target = format!("127.0.0.1:{}", server.port());
    let words = ["record", "--out", "run", "--upstream", &target];
    let recorder = Server::of(&env, &words);
    let password = format!("PASS {PASSWORD}");
    let lines = ["", "USER alice", &password, "LIST", "RETR 1", "RETR 2", "NONSENSE", "QUIT"];
    step_by_step(recorder.port(), &lines);
    let ended = recorder.end();
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.stderr,
        "run: 1 session; mail that was fetched is in recording.jsonl, passwords are not\n"
    );
    let mode = |name: &str| std::fs::metadata(env.path(name)).unwrap().permissions().mode() & 0o777;
    let modes = ["run", "run/recording.jsonl", "run/transcript.txt"].map(mode);
    assert_eq!(modes, [0o700, 0o600, 0o600]);
    assert_no_secret(&env, "run", &[]);
    let shown = |name: &str| env.read(name).replace(&target, "UPSTREAM");
    assert_snapshot!("transcript", shown("run/transcript.txt"));
    assert_snapshot!("recording", shown("run/recording.jsonl"));
    // An older recording is replaced, anything else is not.
    assert_eq!(Server::of(&env, &words).end().code, Some(0));
    assert!(!env.read("run/transcript.txt").contains("[1]"));
    env.write("run/notes.txt", "mine");
    let refused = env.run(&words);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("holds something that is not a recording"), "{}", refused.stderr);
    assert_eq!(env.read("run/notes.txt"), "mine");
}

/// Says one line after the other in the clear, each when the reply to the one before is complete.
fn step_by_step(port: u64, lines: &[&str]) {
    let stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    let mut reader = BufReader::new(stream);
    for line in lines {
        if !line.is_empty() {
            write!(reader.get_mut(), "{line}\r\n").unwrap();
        }
        let mut said = String::new();
        reader.read_line(&mut said).unwrap();
        let is_long = ["LIST", "RETR", "CAPA", "UIDL"].iter().any(|word| line.starts_with(word));
        while is_long && !said.ends_with("\r\n.\r\n") {
            assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
        }
    }
    // The server closes.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

/// Says STLS with more behind it, which is thrown away, and logs in under TLS; gives what was said in the clear.
async fn upgrade(port: u64, ca: &str) -> String {
    let dialer = Dialer::tcp(Trust::Only { ca_pem: std::fs::read(ca).unwrap() }).unwrap();
    let endpoint = Endpoint::new("127.0.0.1", u16::try_from(port).unwrap());
    let mut stream = dialer.connect(&endpoint, None).await.unwrap();
    let mut said = Vec::new();
    let mut piece = [0; 512];
    stream.write_all(b"STLS\r\nUSER mallory\r\n").await.unwrap();
    // The greeting, and the reply to STLS alone.
    while said.split(|octet| *octet == b'\n').count() < 3 {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "{}", said.escape_ascii());
        said.extend_from_slice(&piece[..count]);
    }
    let mut stream = dialer.start_tls(stream, &TlsOptions::named("localhost")).await.unwrap();
    let lines = format!("USER alice\r\nPASS {PASSWORD}\r\nQUIT\r\n");
    stream.write_all(lines.as_bytes()).await.unwrap();
    let mut secured = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        secured.extend_from_slice(&piece[..count]);
    }
    assert_eq!(secured.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"+OK")).count(), 3);
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn stls_is_passed_on_or_answered_where_the_server_has_tls_already() {
    let env = TestEnv::new();
    let server = upstream(&env);
    let clear = format!("127.0.0.1:{}", server.port());
    let tls = format!("127.0.0.1:{}", server.tls_port());
    for (target, how, own) in [(&clear, "auto", false), (&tls, "implicit", true), (&clear, "starttls", true)]
    {
        let ca = server.ca();
        let words = ["record", "--out", "run", "--upstream", target, "--tls", how, "--ca", &ca];
        let recorder = Server::of(&env, &words);
        let said = tokio::time::timeout(LONGEST, upgrade(recorder.port(), &recorder.ca())).await.unwrap();
        assert_eq!(said.contains("with poplab"), own, "{how}: {said}");
        assert_eq!(recorder.end().code, Some(0));
        let transcript = env.read("run/transcript.txt");
        for line in
            ["C: STLS\n", "== 14 octets of the client were thrown away", "== TLS\n", "C: USER alice\n"]
        {
            assert!(transcript.contains(line), "{how}: {line}:\n{transcript}");
        }
        assert!(!transcript.contains("mallory"), "{how}:\n{transcript}");
        assert_no_secret(&env, "run", &[]);
        // The replay has STLS in the same place.
        let replay = Server::start(&env, &["--replay", "run"]);
        assert_eq!(
            tokio::time::timeout(LONGEST, upgrade(replay.port(), &replay.ca())).await.unwrap(),
            said,
            "{how}"
        );
        let ended = replay.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{how}");
    }
}

/// Says these lines in the clear and gives all that comes.
fn converse(port: u64, lines: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    stream.write_all(lines.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_recording_is_replayed_to_any_password() {
    let env = TestEnv::new();
    let server = upstream(&env);
    let target = format!("127.0.0.1:{}", server.port());
    let recorder = Server::of(&env, &["record", "--out", "run", "--upstream", &target]);
    let lines = format!("USER alice\nPASS {PASSWORD}\nSTAT\nRETR 1\nSTAT\nQUIT\n");
    let said = converse(recorder.port(), &lines);
    assert!(said.contains("\r\n..hidden\r\n"), "{said}");
    let ended = recorder.end();
    assert_eq!((ended.code, server.end().code), (Some(0), Some(0)), "{}", ended.stderr);

    let replay = Server::start(&env, &["--replay", "run"]);
    let again = converse(replay.port(), &lines.replace(PASSWORD, "any other"));
    assert_eq!(again, said);
    let other = converse(replay.port(), "USER alice\nPASS x\nSTATS\nRETR 2\nDELE 1\nQUIT\n");
    assert_eq!(other.matches("-ERR this command is not in the recording").count(), 3, "{other}");
    assert_snapshot!("not_recorded", env.told(&replay.end()));

    // The same by a real client, in the clear before and with TLS now.
    let server = upstream(&env);
    let target = format!("127.0.0.1:{}", server.port());
    let line = format!("{FETCH} pop3://127.0.0.1:$POPLAB_PORT/1");
    let before = record(&env, &["--upstream", &target], &line);
    let line = "curl -sS --cacert $POPLAB_CA -u alice:any pop3s://127.0.0.1:$POPLAB_TLS_PORT/1";
    let ended = env.run(&["fake", "--replay", "run", "--", "sh", "-c", line]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, before.stdout);
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let env = TestEnv::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let line = "curl -s pop3://127.0.0.1:$POPLAB_PORT; true";
    let ended = record(&env, &["--upstream", &gone], line);
    assert_snapshot!("record_unreachable", env.told(&ended).replace(&gone, "UPSTREAM"));
    assert!(env.read("run/transcript.txt").contains("could not be reached"));

    // A host that is not this one by its name: no password goes there in the clear.
    let server = upstream(&env);
    let elsewhere = format!("[::ffff:127.0.0.1]:{}", server.port());
    let recorder = Server::of(&env, &["record", "--out", "kept-back", "--upstream", &elsewhere]);
    let said = converse(recorder.port(), &format!("USER alice\nPASS {PASSWORD}\nSTAT\n"));
    assert!(
        said.ends_with("-ERR poplab passes no password on in the clear: see --tls of poplab record\r\n"),
        "{said}"
    );
    let ended = recorder.end();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("error: a password was not passed on in the clear"), "{}", ended.stderr);
    let transcript = env.read("kept-back/transcript.txt");
    assert!(transcript.contains("PASS is not passed on"), "{transcript}");
    assert_no_secret(&env, "kept-back", &[]);
    let recorder =
        Server::of(&env, &["record", "--out", "allowed", "--tls", "none", "--upstream", &elsewhere]);
    let said = converse(recorder.port(), &format!("USER alice\nPASS {PASSWORD}\nQUIT\n"));
    assert_eq!(said.matches("+OK").count(), 4, "{said}");
    let ended = recorder.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    for (name, arguments) in [
        ("record_no_upstream", &["record"][..]),
        ("replay_no_folder", &["fake", "--replay", "missing"]),
        ("replay_with_mail", &["fake", "--replay", "run", "--mail", "mail"]),
    ] {
        assert_snapshot!(name, env.told(&env.run(arguments)));
    }
    env.write("broken/recording.jsonl", "{\"recording\":{\"format\":1,\"upstream\":\"x\"}}\nnonsense\n");
    assert_snapshot!("replay_broken", env.told(&env.run(&["fake", "--replay", "broken"])));
}

/// A server that says without end, and a client that does: what is kept of them is bounded, and all others go on.
#[test]
fn nobody_makes_a_recording_grow() {
    let env = TestEnv::new();
    let endless = Peer::new(|connection| {
        let line = vec![b'x'; 64 * 1024];
        for _ in 0..256 {
            if !connection.say(&line) {
                return;
            }
        }
        connection.stay();
    });
    let recorder = Server::of(&env, &["record", "--out", "run", "--upstream", &endless.target()]);
    // Far more commands than a transcript has room for, in the middle of an endless line of the server's.
    let lines = "NOOP\r\n".repeat(40_000);
    for client in ["NOOP\r\n", &lines] {
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(recorder.port()).unwrap())).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        stream.write_all(client.as_bytes()).unwrap();
        stream.read_exact(&mut vec![0; 256 * 64 * 1024]).unwrap();
    }
    let ended = recorder.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the recording is full"), "{}", ended.stderr);
    for name in env.names("run") {
        let octets = std::fs::metadata(env.path("run").join(&name)).unwrap().len();
        assert!(octets < 4 << 20, "{name} has {octets} octets");
    }
    let recording = env.read("run/recording.jsonl");
    assert!(recording.ends_with("{\"full\":{}}\n"), "it does not say that it is full");
}

#[test]
fn a_recording_is_compared_with_the_server_of_today_and_no_mail_is_changed() {
    let env = TestEnv::new();
    let server = upstream(&env);
    let target = format!("127.0.0.1:{}", server.port());
    let recorder = Server::of(&env, &["record", "--out", "run", "--upstream", &target]);
    let password = format!("PASS {PASSWORD}");
    for lines in [
        &["", "CAPA", "USER alice", &password, "STAT", "LIST", "UIDL", "RETR 2", "QUIT"][..],
        &[
            "",
            "APOP alice 00",
            "USER alice",
            &password,
            "STAT",
            "DELE 1",
            "STAT",
            "RSET",
            "STAT",
            "NONSENSE",
            "QUIT",
        ],
    ] {
        step_by_step(recorder.port(), lines);
    }
    assert_eq!(recorder.end().code, Some(0));
    let verify_with = |upstream: &str, password: &str| {
        let words = ["record", "--verify", "run", "--upstream", upstream, "--password-env", "SECRET"];
        Ended::of(start(env.command(&words).env("SECRET", password)))
    };
    let verify = |upstream: &str| verify_with(upstream, PASSWORD);
    let ended = verify(&target);
    assert_snapshot!("verify_same", env.told(&ended).replace(&target, "UPSTREAM"));
    let refused = verify_with(&target, "another password");
    assert_snapshot!("verify_refused", env.told(&refused).replace(&target, "UPSTREAM"));
    // Once more: nothing of it was removed by the first time.
    assert_eq!(verify(&target).stdout, ended.stdout);
    assert_eq!(server.end().code, Some(0));

    env.write("mail/1.eml", "Subject: one\n\n.hidden\nAnd another line\n");
    env.write("mail/2.eml", format!("Subject: two\n\nYour password was {PASSWORD}.\n"));
    let server = Server::start(&env, &["--mail", "mail", "--password-env", "SECRET"]);
    let target = format!("127.0.0.1:{}", server.port());
    let ended = verify(&target);
    assert!(!ended.stdout.contains(PASSWORD));
    assert_snapshot!("verify_changed", env.told(&ended).replace(&target, "UPSTREAM"));

    // By TLS and AUTH, whose user is not in the recording.
    let target = format!("127.0.0.1:{}", server.tls_port());
    let ca = server.ca();
    let arguments = ["--upstream", &target, "--tls", "implicit", "--ca", &ca];
    let line = format!(
        "{} pop3s://127.0.0.1:$POPLAB_TLS_PORT/1",
        FETCH.replace("-sS", "-sS --login-options AUTH=PLAIN")
    );
    assert_eq!(record(&env, &arguments, &line).code, Some(0));
    let words = [&["record", "--verify", "run", "--password-env", "SECRET"][..], &arguments].concat();
    let told = |words: &[&str]| {
        let ended = Ended::of(start(env.command(words).env("SECRET", PASSWORD)));
        env.told(&ended).replace(&target, "UPSTREAM")
    };
    assert_snapshot!("verify_without_user", told(&words));
    assert_snapshot!("verify_by_tls", told(&[&words[..], &["--user", "alice"]].concat()));
    let copy = env.write("ca.pem", std::fs::read(&ca).unwrap());
    assert_eq!(server.end().code, Some(0));
    let words = words.iter().map(|word| if *word == ca { copy.to_str().unwrap() } else { word });
    let words: Vec<&str> = words.chain(["--user", "alice"]).collect();
    assert_snapshot!("verify_unreachable", told(&words));
}

/// A server that removes what was read, and says so to who is logged in.
fn expires_at_once(connection: &mut Connection) {
    connection.say(b"+OK ready\r\n");
    while let Some(line) = connection.listen() {
        connection.say(if line == "CAPA" { b"+OK\r\nEXPIRE 0\r\n.\r\n" } else { b"+OK\r\n" });
    }
}

#[test]
fn what_may_remove_mail_is_not_said_to_the_server() {
    let env = TestEnv::new();
    let mut lines = vec![
        r#"{"recording":{"format":1,"upstream":"x"}}"#.to_owned(),
        r#"{"opened":{"session":1,"channel":"clear"}}"#.to_owned(),
    ];
    let said =
        ["", "USER alice", "PASS \u{2039}secret 13\u{203a}", "STAT", "RETR 1", "DELE 1", "XPURGE", "QUIT"];
    for (number, line) in said.iter().enumerate() {
        if !line.is_empty() {
            lines.push(format!(r#"{{"said":{{"session":1,"line":"{line}"}}}}"#));
        }
        lines.push(format!(r#"{{"reply":{{"session":1,"number":{number},"text":"+OK\r\n"}}}}"#));
    }
    env.write("run/recording.jsonl", lines.join("\n") + "\n");
    let peer = Peer::new(expires_at_once);
    let words = [
        "record",
        "--verify",
        "run",
        "--tls",
        "none",
        "--upstream",
        &peer.target(),
        "--password-env",
        "SECRET",
    ];
    let ended = Ended::of(start(env.command(&words).env("SECRET", PASSWORD)));
    assert_eq!(ended.code, Some(1), "the greeting is another one: {}{}", ended.stdout, ended.stderr);
    let mut heard = peer.heard();
    heard.retain(|line| !line.is_empty());
    let password = format!("PASS {PASSWORD}");
    assert_eq!(heard, ["== connection 1", "USER alice", &password, "STAT", "CAPA", "RSET"]);
}

//! The control channel of `poplab fake`: JSON lines by standard input, and the same by HTTP.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::environment::{LONGEST, TestEnv, start};

/// A fake server with alice and two messages of hers, and the line to it.
struct Controlled {
    child: std::process::Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    first_line: Value,
}

impl Controlled {
    fn start(env: &TestEnv, arguments: &[&str]) -> Controlled {
        env.write("mail/one.eml", "Subject: one\n\nfirst\n");
        env.write("mail/two.eml", "Subject: two\n\nsecond\n");
        let all = [&["fake", "--mail", "mail", "--password-env", "SECRET"], arguments].concat();
        let mut child = start(env.command(&all).env("SECRET", "swordfish-123").stdin(Stdio::piped()));
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut controlled = Controlled { child, stdin, stdout, first_line: Value::Null };
        controlled.first_line = controlled.line();
        controlled
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn say(&mut self, message: &Value) -> Value {
        self.say_octets(message.to_string().as_bytes())
    }

    fn say_octets(&mut self, message: &[u8]) -> Value {
        self.stdin.write_all(message).unwrap();
        self.stdin.write_all(b"\n").unwrap();
        self.line()
    }

    /// A client's session; the server closes it.
    fn session(&self, commands: &str) -> String {
        let port = u16::try_from(self.first_line["port"].as_u64().unwrap()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        write!(stream, "USER alice\r\nPASS swordfish-123\r\n{commands}QUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    /// The exit code, and what it told people.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin);
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

#[test]
fn a_test_says_what_it_wants_and_is_told_what_happened() {
    let env = TestEnv::new();
    let mut server = Controlled::start(&env, &["--transcript", "conversation.txt"]);
    assert!(server.session("STAT\r\nRETR 1\r\nDELE 2\r\n").contains("+OK 2 "));
    assert_eq!(
        server.say(&json!({"do": "messages", "user": "alice"}))["messages"][0]["text"],
        "Subject: one\r\n\r\nfirst\r\n"
    );
    let removed = server.say(&json!({"do": "removed"}));
    assert_eq!(
        (&removed["removed"][0]["user"], &removed["removed"][0]["text"]),
        (&json!("alice"), &json!("Subject: two\r\n\r\nsecond\r\n"))
    );
    let happenings = server.say(&json!({"do": "happenings"}))["happenings"].clone();
    let done: Vec<(&Value, &Value)> =
        happenings.as_array().unwrap().iter().map(|one| (&one["message"], &one["what"])).collect();
    assert_eq!(done, [(&json!(1), &json!("served")), (&json!(2), &json!("marked"))]);
    let received = server.say(&json!({"do": "received"}));
    assert_eq!(
        received["received"][1],
        json!({"session": 1, "command": "PASS ‹secret 13›", "accepted": true})
    );
    assert_eq!(
        server.say(&json!({"do": "add-mail", "user": "alice", "text": "Subject: new\n\n.\n"}))["messages"],
        2
    );
    assert_eq!(
        server.say(&json!({"do": "add-mail", "user": "alice", "base64": "U3ViamVjdDogOAoK"}))["messages"],
        3
    );
    let script = "expect: [{command: NOOP}]\nfaults: [{name: busy, when: {command: STAT}, do: {refuse: {text: Not now}}}]";
    assert_eq!(server.say(&json!({"do": "faults", "script": script})), json!({"done": "faults"}));
    assert!(server.session("STAT\r\n").contains("-ERR Not now\r\n"));
    assert_eq!(server.say(&json!({"do": "acted"})), json!({"acted": [{"fault": "busy", "times": 1}]}));
    assert_eq!(server.say(&json!({"do": "verify"}))["met"], false);
    let transcript = server.say(&json!({"do": "transcript"}))["transcript"].as_str().unwrap().to_owned();
    assert!(transcript.contains("[2] == fault: busy\n") && !transcript.contains("swordfish"), "{transcript}");
    let (code, stderr) = server.end();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("unmet: `NOOP` was expected"), "{stderr}");
    assert_eq!(env.read("conversation.txt"), transcript);
}

#[test]
fn a_reset_begins_anew() {
    let env = TestEnv::new();
    let mut server = Controlled::start(&env, &[]);
    let first = server.session("UIDL\r\nDELE 1\r\n");
    let before = server.say(&json!({"do": "transcript"}));
    assert_eq!(server.say(&json!({"do": "reset"})), json!({"done": "reset"}));
    assert_eq!(server.say(&json!({"do": "removed"})), json!({"removed": []}));
    assert_eq!(server.session("UIDL\r\nDELE 1\r\n"), first);
    assert_eq!(server.say(&json!({"do": "transcript"})), before);
    assert_eq!(server.end(), (Some(0), String::new()));
}

#[test]
fn what_is_no_message_is_told_and_the_server_lives_on() {
    let env = TestEnv::new();
    let mut server = Controlled::start(&env, &[]);
    let mut told = String::new();
    for message in [
        &b"nonsense"[..],
        b"\xff\xfe",
        b"[]",
        b"{\"do\": \"explode\"}",
        b"{\"do\": \"reset\", \"user\": \"alice\"}",
        b"{\"do\": \"add-mail\", \"user\": \"nobody\", \"text\": \"\"}",
        b"{\"do\": \"add-mail\", \"user\": \"alice\"}",
        b"{\"do\": \"add-mail\", \"user\": \"alice\", \"base64\": \"*\"}",
        b"{\"do\": \"faults\", \"script\": \"faults: [{when: {command: RERT}, do: close}]\"}",
    ] {
        let _ = writeln!(told, "{}\n    {}", String::from_utf8_lossy(message), server.say_octets(message));
    }
    insta::assert_snapshot!(told);
    assert!(server.session("NOOP\r\n").contains("+OK Bye"));
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn the_same_messages_come_by_http() {
    let env = TestEnv::new();
    let server = Controlled::start(&env, &["--control-port", "0"]);
    let port = u16::try_from(server.first_line["control_port"].as_u64().unwrap()).unwrap();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), serde_json::from_str::<Value>(body).unwrap())
    };
    let send = |kind: &str, body: &str| {
        ask(&format!(
            "POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let good = "HTTP/1.0 200 OK".to_owned();
    let added =
        send("application/json", r#"{"do": "add-mail", "user": "alice", "text": "Subject: three\n\n"}"#);
    assert_eq!(added, (good.clone(), json!({"done": "add-mail", "messages": 3})));
    server.session("DELE 3\r\n");
    let (status, removed) = ask("GET /removed HTTP/1.1\r\n\r\n");
    assert_eq!((status, &removed["removed"][0]["text"]), (good, &json!("Subject: three\r\n\r\n")));
    assert_eq!(ask("GET /nothing HTTP/1.1\r\n\r\n").0, "HTTP/1.0 400 Bad Request");
    // A page in a browser can send this without asking, and must not get anywhere.
    assert_eq!(send("text/plain", r#"{"do": "reset"}"#).0, "HTTP/1.0 415 Unsupported Media Type");
    let rebound = ask("GET /removed HTTP/1.1\r\nHost: evil.example:80\r\n\r\n");
    assert_eq!(rebound.0, "HTTP/1.0 403 Forbidden");
    assert_eq!(
        ask("GET /removed HTTP/1.1\r\nHost: localhost:1\r\n\r\n").1["removed"].as_array().unwrap().len(),
        1
    );
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn it_listens_on_the_address_that_is_asked_for() {
    let env = TestEnv::new();
    let server = Controlled::start(&env, &["--listen", "127.0.0.9"]);
    let port = u16::try_from(server.first_line["port"].as_u64().unwrap()).unwrap();
    assert!(TcpStream::connect(("127.0.0.9", port)).is_ok());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert_eq!(server.end().0, Some(0));
    let ended = env.run(&["fake", "--listen", "0.0.0.0", "--", "sh", "-c", "echo $POPLAB_HOST"]);
    assert_eq!(ended.stdout, "127.0.0.1\n", "{}", ended.stderr);
}

//! `poplab fake` as other people's tests use it: first line, ports, certificate, end.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use insta::assert_snapshot;

use crate::environment::{Ended, LONGEST, TestEnv, start};

/// A running `poplab fake`; ends with its standard input, at the latest when the test does.
pub(crate) struct Server {
    child: Child,
    first_line: serde_json::Value,
}

impl Server {
    pub(crate) fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        Self::of(env, &[&["fake"], arguments].concat())
    }

    /// Any command whose first line is such a one.
    pub(crate) fn of(env: &TestEnv, words: &[&str]) -> Self {
        let mut command = env.command(words);
        let mut child = start(command.env("SECRET", "swordfish-123").stdin(Stdio::piped()));
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a first line");
        let first_line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, first_line }
    }

    fn number(&self, key: &str) -> u64 {
        self.first_line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {}", self.first_line))
    }

    pub(crate) fn port(&self) -> u64 {
        self.number("port")
    }

    pub(crate) fn tls_port(&self) -> u64 {
        self.number("tls_port")
    }

    pub(crate) fn ca(&self) -> String {
        self.first_line["ca"].as_str().expect("a path").to_owned()
    }

    /// Closes its standard input and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        Ended::of(self.child)
    }
}

fn greeting(port: u64) -> String {
    let stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).expect("a port"))).expect("it listens");
    stream.set_read_timeout(Some(LONGEST)).expect("a bound");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a greeting");
    line
}

#[test]
fn the_first_line_tells_everything_and_the_end_of_stdin_ends_it() {
    let env = TestEnv::new();
    let server = Server::start(&env, &[]);
    assert!(greeting(server.port()).starts_with("+OK "));
    assert_ne!(server.port(), server.tls_port());
    let ca = server.ca();
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(server.number("pid"), u64::from(server.child.id()));
    let mut shown = server.first_line.clone();
    for volatile in ["port", "tls_port", "ca", "pid"] {
        shown[volatile] = volatile.to_uppercase().into();
    }
    assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
    let ended = server.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(!std::path::Path::new(&ca).exists(), "the temporary certificate stays behind");
}

#[test]
fn sigterm_ends_it_in_order() {
    let env = TestEnv::new();
    let server = Server::start(&env, &["--ca-out", "ca.pem"]);
    let killed = std::process::Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    // Its standard input is still open.
    let Server { mut child, .. } = server;
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
    assert!(env.path("ca.pem").is_file(), "a certificate that was asked for stays");
}

#[test]
fn a_certificate_is_written_through_no_link() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    let env = TestEnv::new();
    let precious = env.write("elsewhere/precious", "kept");
    let pipe = env.path("elsewhere/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // What nobody reads is not opened: a pipe behind a link would make it wait for ever.
    for (name, target) in [("file.pem", &precious), ("pipe.pem", &pipe), ("none.pem", &env.path("none"))] {
        symlink(target, env.path(name)).unwrap();
        // With no standard input it ends at once.
        let ended = env.run(&["fake", "--ca-out", name]);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        assert!(std::fs::symlink_metadata(env.path(name)).unwrap().is_file(), "{name}");
        assert!(env.read(name).starts_with("-----BEGIN CERTIFICATE-----"));
    }
    assert_eq!(env.read("elsewhere/precious"), "kept");
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo() && !env.path("none").exists());
}

#[test]
fn a_certificate_goes_to_standard_output_before_the_first_line() {
    let env = TestEnv::new();
    for setup in ["", "exec > out;", "exec 3> out;"] {
        let name = if setup.contains('3') { "/dev/fd/3" } else { "/dev/stdout" };
        let ended = env.run_after(setup, &["fake", "--ca-out", name]);
        assert_eq!(ended.code, Some(0), "{setup}: {}", ended.stderr);
        let text = if setup.is_empty() { ended.stdout } else { env.read("out") };
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n"), "{setup}: {text}");
        let rest = text.split("-----END CERTIFICATE-----\n").last().unwrap();
        assert!(setup.contains('3') || rest.starts_with("{\"format\":1,"), "{setup}: {text}");
    }
}

#[test]
fn passwords_of_files_and_of_the_environment_are_not_shown() {
    let env = TestEnv::new();
    env.write("accounts.yaml", "accounts:\n  - {user: dan, password: open-sesame, role: empty}\n");
    env.write("mail/1.eml", "Subject: one\n\n1\n");
    let arguments =
        ["--accounts", "accounts.yaml", "--mail", "mail", "--user", "eve", "--password-env", "SECRET"];
    let server = Server::start(&env, &arguments);
    let line = server.first_line.to_string();
    assert!(!line.contains("open-sesame") && !line.contains("swordfish"), "{line}");
    let accounts = serde_json::json!([{"user": "dan", "role": "empty"}, {"user": "eve", "messages": 1}]);
    assert_eq!(server.first_line["accounts"], accounts);
    assert_eq!(server.end().code, Some(0));
}

/// Reads the sizes of a mailbox through POP3.
fn listing(port: u64, user: &str, password: &str) -> Vec<String> {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    write!(stream, "USER {user}\r\nPASS {password}\r\nLIST\r\nQUIT\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    lines.skip(4).take_while(|line| line != ".").collect()
}

#[test]
fn mail_of_every_form_is_served() {
    let env = TestEnv::new();
    let (one, two) = ("Subject: one\n\n1\n", "Subject: two\n\n22\n");
    env.write("folder/b.eml", two);
    env.write("folder/a.eml", one);
    env.write("folder/notes.txt", "no mail");
    env.write("maildir/new/1700000002.M1P1.host", two);
    env.write("maildir/cur/1700000001.M1P1.host:2,S", one);
    env.write(
        "file.mbox",
        format!("From a Mon Jan  1 00:00:00 2024\n{one}\nFrom b Mon Jan  1 00:00:00 2024\n{two}\n"),
    );
    for place in ["folder", "maildir", "file.mbox"] {
        let server = Server::start(&env, &["--mail", place, "--password-env", "SECRET"]);
        assert_eq!(listing(server.port(), "alice", "swordfish-123"), ["1 19", "2 20"], "{place}");
        assert_eq!(server.end().code, Some(0));
    }
}

#[test]
fn what_may_be_meant_otherwise_in_a_mail_folder_is_told() {
    let env = TestEnv::new();
    let line = |second: u8| format!("From ann@example.org Fri Apr 11 15:36:{second} 2025\n");
    let message = |number: u8| format!("From: Ann <ann@example.org>\nSubject: {number}\n\ntext {number}\n");
    let bare = [1, 2, 3].map(|number| format!("From \n{}", message(number))).concat();
    let whole = [1, 2].map(|number| format!("{}{}\n", line(10 + number), message(number))).concat();
    let quoted =
        [1, 2].map(|number| format!("{}>From - Sat\n{}\n", line(10 + number), message(number))).concat();
    for (file, content, messages, told) in [
        ("bare.mbox", bare, 1, "bare.mbox:1 bare.mbox:6 bare.mbox:11 bare.mbox:"),
        ("bom.mbox", format!("\u{feff}{whole}"), 2, ""),
        ("crlf.mbox", whole.replace('\n', "\r\n"), 2, ""),
        ("blank-first.mbox", format!("\n{whole}"), 2, ""),
        ("no-end.mbox", whole.trim_end().to_owned(), 2, ""),
        ("quoted.mbox", quoted, 2, "quoted.mbox:2 quoted.mbox:9 quoted.mbox:"),
        ("empty.mbox", String::new(), 0, "empty.mbox:"),
        ("empty.eml", String::new(), 1, ""),
        ("one.eml", message(1), 1, ""),
    ] {
        env.write(file, content);
        let server = Server::start(&env, &["--mail", file, "--password-env", "SECRET"]);
        assert_eq!(server.first_line["accounts"][0]["messages"], messages, "{file}");
        assert_eq!(listing(server.port(), "alice", "swordfish-123").len(), messages, "{file}");
        let ended = server.end();
        let places = ended.stderr.lines().map(|line| line.split(": ").next().unwrap_or_default());
        let places = places.map(|place| if place == file { format!("{file}:") } else { place.to_owned() });
        assert_eq!(places.collect::<Vec<_>>().join(" "), told, "{}", ended.stderr);
    }
}

/// RFC 6856 is about UTF-8: other octets go out as they are, to whoever asks.
#[test]
fn eight_bit_that_is_no_utf8_is_not_refused() {
    use std::io::{Read as _, Write as _};
    let env = TestEnv::new();
    for (file, header, refused) in [
        ("latin1.eml", &b"Subject: Gr\xfc\xdfe"[..], false),
        ("mark.eml", b"\xef\xbb\xbfSubject: x", false),
        ("utf8.eml", "Subject: Grüße".as_bytes(), true),
    ] {
        let message = [header, b"\r\n\r\nlatin 1 \xe4\r\n"].concat();
        env.write(file, &message);
        let server = Server::start(&env, &["--mail", file, "--password-env", "SECRET"]);
        let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(server.port()).unwrap())).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        write!(stream, "USER alice\r\nPASS swordfish-123\r\nRETR 1\r\nQUIT\r\n").unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let contains = |part: &[u8]| said.windows(part.len()).any(|window| window == part);
        assert_eq!((contains(&message), contains(b"[UTF8]")), (!refused, refused), "{file}");
        assert_eq!(server.end().code, Some(0));
    }
}

#[test]
fn wrong_arguments_are_told() {
    let env = TestEnv::new();
    env.write("empty/notes.txt", "no mail");
    assert_snapshot!("fake_no_mail", env.told(&env.run(&["fake", "--mail", "empty"])));
    assert_snapshot!("fake_no_file", env.told(&env.run(&["fake", "--mail", "missing.mbox"])));
    assert_snapshot!("fake_no_variable", env.told(&env.run(&["fake", "--password-env", "NOTHING"])));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = env.run(&["fake", "--port", &port]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
}

#[test]
fn every_defect_and_every_persona_is_listed() {
    let env = TestEnv::new();
    let ended = env.run(&["fake", "--list-defects"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = ended.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let known: Vec<&str> = poplab::defects().map(|defect| defect.id).collect();
    assert_eq!(listed, known);
    let ended = env.run(&["fake", "--list-personas"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let listed: Vec<&str> = ended.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let known: Vec<&str> = poplab::personas().map(|persona| persona.id).collect();
    assert_eq!(listed, known);
}

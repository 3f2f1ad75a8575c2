//! Conversations that an observer follows, and what is left of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;

use observer::{CREDENTIALS, Heard, LINE, Log, UNANSWERED};
use proptest::prelude::*;

/// What one side says; the client's lines begin with `C`.
type Said = (char, Vec<u8>);

fn said(text: &str) -> Vec<Said> {
    text.split_inclusive('\n')
        .map(|line| (line.as_bytes()[0] as char, line[1..].replace('\n', "\r\n").into_bytes()))
        .collect()
}

/// The transcript, and what was heard.
fn follow(conversation: &[Said]) -> (String, String) {
    let mut log = Log::new("a test", None, []);
    let mut session = log.open("connect").unwrap();
    let mut told = String::new();
    for (side, octets) in conversation {
        let heard =
            if *side == 'C' { session.client(octets, &mut log) } else { session.server(octets, &mut log) };
        for heard in heard {
            let _ = writeln!(told, "{heard:?}");
            if matches!(heard, Heard::Tls { .. }) {
                session.secured(&mut log);
            }
        }
    }
    session.end("closed by client", &mut log);
    (log.transcript().render(), told)
}

/// Everything that may go over the wire and must not be read.
const SECRETS: [&str; 7] = [
    "wonderland",
    "d29uZGVybGFuZA",
    "AGFsaWNlAHdvbmRlcmxhbmQ",
    "9f2c77ab01234567",
    "ya29.token",
    "lookingglass",
    "hunter2 by mistake",
];

const SESSION: &str = "\
S+OK ready <1.2@host>
CCAPA
S+OK
SSTLS
S.
CSTLS
S+OK begin
CAPOP alice 9f2c77ab01234567
S-ERR no 9f2c77ab01234567
CAUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=
S-ERR [AUTH] wonderland is wrong
CAUTH LOGIN
S+ VXNlcm5hbWU6
CYWxpY2U=
S+ UGFzc3dvcmQ6
Cd29uZGVybGFuZA==
S-ERR no
CAUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB5YTI5LnRva2VuAQE=
S+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=
CAQ==
S-ERR ya29.token has expired
CPASSWORD lookingglass
S-ERR what is lookingglass
Chunter2 by mistake
S-ERR
CUSER alice
S+OK
CPASS wonderland
S+OK
CRETR 1
S+OK
SSubject: tea
S
S..dotted, wonderland
S.
CXTND XYZZY
S-ERR
CQUIT
S+OK
";

#[test]
fn a_session_is_written_down_without_its_secrets() {
    let (transcript, heard) = follow(&said(SESSION));
    for secret in SECRETS {
        assert!(!transcript.contains(secret), "{secret} in\n{transcript}");
        assert!(!heard.contains(secret), "{secret} in\n{heard}");
    }
    insta::assert_snapshot!(format!("{transcript}\n{heard}"));
}

#[test]
fn who_pipelines_is_followed() {
    let conversation = "\
S+OK
CUSER alice
CPASS wonderland
CSTAT
CRETR 1
CQUIT
S+OK
S+OK
S+OK 1 2
S+OK
Sa
S.
S+OK
";
    let (transcript, heard) = follow(&said(conversation));
    assert!(transcript.contains("[1] S| .\n[1] S: +OK\n"), "{transcript}");
    assert_eq!(heard.matches("accepted: true").count(), 6, "{heard}");
}

#[test]
fn what_breaks_off_within_a_password_is_not_shown() {
    let (transcript, _) = follow(&[('S', b"+OK\r\n".to_vec()), ('C', b"PASS wonderl".to_vec())]);
    assert!(transcript.contains("PASS ‹secret 7›"), "{transcript}");
}

#[test]
fn nobody_makes_it_grow() {
    let mut log = Log::new("a test", None, []);
    let mut session = log.open("connect").unwrap();
    for number in 0..2 * CREDENTIALS {
        let heard = session.client(format!("PASS secret{number:05}\r\n").as_bytes(), &mut log);
        let [Heard::Command(command)] = &heard[..] else { panic!("{heard:?}") };
        assert!(command.line.starts_with("PASS") && !command.line.contains("secret0"), "{}", command.line);
        session.server(b"-ERR\r\n", &mut log);
    }
    for _ in 0..100 {
        session.client(&[b'x'; LINE / 10], &mut log);
        session.server(&[b'y'; LINE / 10], &mut log);
    }
    assert!(log.is_full());
    session.client(b"\r\nNOOP\r\n", &mut log);
    while let Some(other) = log.open("connect") {
        other.end("closed by client", &mut log);
    }
    assert!(log.open("connect").is_none());
    assert_eq!(log.left_out(), 2);
    let transcript = log.transcript().render();
    assert!(!transcript.contains("secret0"), "a password is shown");
    assert!(transcript.len() < 8 << 20, "{}", transcript.len());
}

#[test]
fn who_says_much_and_is_never_answered_is_left() {
    let mut log = Log::new("a test", None, []);
    let mut session = log.open("connect").unwrap();
    let mut heard = 0;
    for _ in 0..2 * UNANSWERED / 1000 {
        heard += session.client(&b"NOOP\r\n".repeat(1000), &mut log).len();
    }
    // The greeting is without an answer, too.
    assert_eq!(heard, UNANSWERED - 1);
    assert!(session.server(b"+OK\r\n", &mut log).is_empty());
    assert!(session.has_given_up() && log.is_full());
    session.end("closed by client", &mut log);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_gives_the_same(cuts in proptest::collection::vec(1_usize..9, 1..20)) {
        let whole = said(SESSION);
        let mut cuts = cuts.into_iter().cycle();
        let mut pieces = Vec::new();
        for (side, octets) in &whole {
            let mut rest = &octets[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                pieces.push((*side, piece.to_vec()));
                rest = later;
            }
        }
        prop_assert_eq!(follow(&pieces), follow(&whole));
    }

    #[test]
    fn no_octets_panic(pieces in proptest::collection::vec((any::<bool>(), "(PASS|AUTH|STLS|RETR|LIST|[+]OK|-ERR|[.]|\r\n|\n| |=|[a-c]){0,6}"), 0..40)) {
        let pieces: Vec<Said> =
            pieces.into_iter().map(|(client, text)| (if client { 'C' } else { 'S' }, text.into_bytes())).collect();
        follow(&pieces);
    }
}

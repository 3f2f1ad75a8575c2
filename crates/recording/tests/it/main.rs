//! Recordings that are written, read and replayed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use insta::assert_snapshot;
use machine::{Machine, Next, Service as _};
use observer::{CREDENTIALS, Heard, Log};
use proptest::prelude::*;
use recording::{Channel, Recording, Replay, Scribe, header};
use transcript::Secrets;

/// A session of one who logs in and reads, with what nobody may read said in many ways. `C` and `S` tell who speaks.
const SESSION: &str = "\
S+OK ready <1.2@host>
CSTLS
S+OK begin
CCAPA
S+OK
SSTLS
S.
CUSER alice
S+OK
CPASS wonderland
S+OK wonderland is right, and so is d29uZGVybGFuZA==
CAPOP alice 9f2c77ab01234567
S-ERR no 9f2c77ab01234567
CAUTH PLAIN
S+ 
CAGFsaWNlAHdvbmRlcmxhbmQ=
S+OK
CRETR 1
S+OK 30 octets
SYour password is wonderland
S..
S.
CQUIT
S+OK
";

/// The lines of a recording, and the transcript. Each side's octets come in pieces of so many.
fn record(conversation: &str, piece: usize) -> (String, String) {
    let secrets = Secrets::new();
    let mut log = Log::knowing("a test", None, &secrets);
    let mut out = header("mail.example.org:110");
    let mut scribe = Scribe::open(Channel::Clear, &mut log, &secrets, &mut out).unwrap();
    for line in conversation.split_inclusive('\n') {
        let octets = line[1..].replace('\n', "\r\n").into_bytes();
        for piece in octets.chunks(piece) {
            let heard = if line.starts_with('C') {
                scribe.client(piece, &mut log, &mut out)
            } else {
                scribe.server(piece, &mut log, &mut out)
            };
            if heard.iter().any(|heard| matches!(heard, Heard::Tls { .. })) {
                scribe.secured(&mut log, &mut out);
            }
        }
    }
    scribe.end("closed by server, FIN", &mut log, &mut out);
    (out, log.transcript().render())
}

#[test]
fn a_recording_has_the_replies_and_no_secret() {
    let (text, transcript) = record(SESSION, usize::MAX);
    assert_snapshot!(text);
    for piece in [1, 3, usize::MAX] {
        let (split, split_transcript) = record(SESSION, piece);
        assert_eq!(Recording::parse(&split), Recording::parse(&text), "{piece}");
        assert_eq!(split_transcript, transcript, "{piece}");
        for secret in ["wonderland", "d29uZGVy", "AGFsaWNl", "9f2c77ab"] {
            assert!(!split.contains(secret) && !transcript.contains(secret), "{piece}: {secret}");
        }
    }
}

/// Everything that a replay says to these lines, and how it ends.
fn play(replay: &Replay, lines: &str) -> (String, Option<Next>) {
    let mut machine = replay.connect(machine::Channel::Clear);
    let (mut input, mut out) = (lines.replace('\n', "\r\n").into_bytes(), Vec::new());
    loop {
        match machine.next() {
            Next::Write => machine.transmit(&mut out, 7),
            Next::StartTls(_) => {
                out.extend_from_slice(b"== TLS\r\n");
                machine.secured();
            }
            Next::Read if input.is_empty() => break,
            Next::Read => {
                let used = machine.receive(&input);
                assert!(used > 0);
                input.drain(..used);
            }
            ending => return (String::from_utf8(out).unwrap(), Some(ending)),
        }
    }
    (String::from_utf8(out).unwrap(), None)
}

#[test]
fn a_replay_says_what_was_recorded_to_the_same_commands() {
    let recording = Recording::parse(&record(SESSION, usize::MAX).0).unwrap();
    let replay = Replay::new(recording);
    let lines = "STLS\nCAPA\nuser alice\nPASS any other\nAPOP alice 00\nAUTH PLAIN\nanything\nRETR 1\nQUIT\n";
    let (said, ending) = play(&replay, lines);
    assert_snapshot!(said);
    assert_eq!(ending, Some(Next::Close));
    assert_eq!(replay.misses().told(), (Vec::new(), 0));
    // In another order, and what was not recorded.
    let (said, ending) = play(&replay, "RETR 1\nRETR 1\nDELE 1\nPASS x\nPASS secret\nQUIT now\n");
    assert_snapshot!("not_recorded", said);
    assert_eq!(ending, Some(Next::Close));
    let (misses, count) = replay.misses().told();
    assert_eq!(count, 4);
    let told: Vec<&str> = misses.iter().map(|miss| miss.said.as_str()).collect();
    assert_eq!(told, ["RETR 1", "DELE 1", "PASS \u{2026}", "QUIT now"]);
    assert_eq!(misses[3].expected[0], "QUIT");
}

#[test]
fn a_server_that_broke_off_breaks_off_again() {
    for (how, ending) in [
        ("closed by server, RST", Some(Next::Reset)),
        ("closed by server, no close_notify", Some(Next::CloseWithoutNotify)),
        ("closed by server, FIN", Some(Next::Close)),
        ("closed by client, FIN", None),
    ] {
        let text = [
            r#"{"recording":{"format":1,"upstream":"x"}}"#,
            r#"{"opened":{"session":1,"channel":"clear"}}"#,
            r#"{"reply":{"session":1,"number":0,"text":"+OK\r\n"}}"#,
            r#"{"said":{"session":1,"line":"RETR 1"}}"#,
            r#"{"reply":{"session":1,"number":1,"text":"+OK\r\nhalf"}}"#,
            &format!(r#"{{"ended":{{"session":1,"how":"{how}"}}}}"#),
            "",
        ];
        let replay = Replay::new(Recording::parse(&text.join("\n")).unwrap());
        assert_eq!(play(&replay, "RETR 1\n"), ("+OK\r\n+OK\r\nhalf".to_owned(), ending), "{how}");
    }
}

#[test]
fn what_is_no_recording_is_told_with_its_line() {
    let begun = r#"{"recording":{"format":1,"upstream":"x"}}"#;
    let mut told = String::new();
    for text in [
        "",
        "hello\n",
        "{\"full\":{}}\n",
        "{\"recording\":{\"format\":2,\"upstream\":\"x\"}}\n",
        &format!("{begun}\n{begun}\n"),
        &format!("{begun}\n{{\"said\":{{\"session\":1,\"line\":\"x\"}}}}\n"),
        &format!(
            "{begun}\n{{\"opened\":{{\"session\":1,\"channel\":\"clear\"}}}}\n{{\"reply\":{{\"session\":1,\"number\":1,\"text\":\"x\"}}}}\n"
        ),
        &format!(
            "{begun}\n{{\"opened\":{{\"session\":1,\"channel\":\"clear\"}}}}\n{{\"reply\":{{\"session\":1,\"number\":0}}}}\n"
        ),
    ] {
        told.push_str(&Recording::parse(text).unwrap_err().to_string());
        told.push('\n');
    }
    assert_snapshot!(told);
    // What a process that was killed left.
    assert!(Recording::parse(&format!("{begun}\n{{\"ful")).is_ok());
}

#[test]
fn where_secrets_are_no_longer_found_the_log_is_full() {
    let secrets = Secrets::new();
    let mut log = Log::knowing("a test", None, &secrets);
    let mut out = String::new();
    let mut scribe = Scribe::open(Channel::Clear, &mut log, &secrets, &mut out).unwrap();
    for number in 0..CREDENTIALS {
        let mut lines = String::new();
        scribe.client(format!("PASS secret{number:05}\r\n").as_bytes(), &mut log, &mut lines);
        scribe.server(format!("-ERR not secret{number:05}\r\n").as_bytes(), &mut log, &mut lines);
        if log.is_full() {
            return;
        }
        assert!(!lines.contains("secret0"), "{lines}");
    }
    panic!("it is never full");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_octets_panic(
        lines in proptest::collection::vec("(PASS|AUTH|STLS|RETR|QUIT|[+]OK|[.]| |=|[a-c]){0,6}", 0..20),
        text in "([{]\"(said|reply|opened)\":[{]\"session\":[01],\"(line|text|how)\":\"a\"[}][}]\n|x\n){0,5}",
    ) {
        let replay = Replay::new(Recording::parse(&record(SESSION, 5).0).unwrap());
        play(&replay, &(lines.join("\n") + "\n"));
        let _ = Recording::parse(&text);
    }
}

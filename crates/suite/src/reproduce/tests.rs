//! What a finding's line and file hold, and what they must not.

use net::Endpoint;
use transcript::Recorder;

use super::*;

const PASSWORD: &str = "swordfish";

fn redact(text: &str) -> String {
    ["swordfish", "not-swordfish", "c3dvcmRmaXNo", "AG8nbmVpbABzd29yZGZpc2g="]
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "‹›"))
}

fn conversation(user: &str) -> Conversation {
    let mut conversation = Conversation::default();
    conversation.account(user, PASSWORD);
    conversation.happened(1, Step::Connect { tls: true });
    conversation.line(1, b"+OK ready <1.2@example.org>\r\n");
    conversation
}

fn ask(conversation: &mut Conversation, line: &str) {
    conversation.sent(1, format!("{line}\r\n").as_bytes());
    conversation.line(1, b"+OK\r\n");
}

/// As of a finding whose offending line is the last.
fn reproduction(conversation: &Conversation) -> Option<Reproduction> {
    let steps = conversation.told(&redact)?;
    let mut recorder = Recorder::new("check", None);
    recorder.received(1, b"+OK\r\n");
    let mut transcript = recorder.finish();
    transcript.mark(0, "here");
    let again = Reproduction {
        id: String::new(),
        requirement: String::new(),
        endpoint: Endpoint { host: "mail.example.org".to_owned(), port: 995 },
        implicit: true,
        handshake_alone: false,
        steps,
        content_line: None,
        shown_by_a_terminal: false,
    };
    let result = CheckResult { id: "rfc1939.retr.lone-dot".to_owned(), ..CheckResult::default() };
    Some(again.of(&result, &transcript))
}

#[test]
fn a_simple_conversation_is_one_line_that_ends_with_quit_and_in_time() {
    let mut simple = conversation("o'neil");
    for line in ["USER o'neil", "PASS swordfish", "RETR `1`"] {
        ask(&mut simple, line);
    }
    simple.happened(1, Step::End(End::Abandon));
    assert_eq!(
        reproduction(&simple).unwrap().line(&Verification::System).unwrap(),
        r#"(for line in 'USER o'\''neil' "PASS ${PASSWORD:?}" 'RETR `1`' 'QUIT'; do sleep 1; printf '%s\r\n' "$line"; done; sleep 1) | timeout 24 openssl s_client -quiet -verify_return_error -verify_hostname mail.example.org -connect mail.example.org:995"#
    );
    let trusting = reproduction(&simple).unwrap().line(&Verification::None).unwrap();
    assert!(trusting.ends_with("openssl s_client -quiet -connect mail.example.org:995"), "{trusting}");
}

#[test]
fn the_credentials_of_plain_are_made_by_the_shell() {
    let mut plain = conversation("o'neil");
    ask(&mut plain, "AUTH PLAIN AG8nbmVpbABzd29yZGZpc2g=");
    let line = reproduction(&plain).unwrap().line(&Verification::None).unwrap();
    assert!(
        line.contains(
            r#""AUTH PLAIN $(printf '\000%s\000%s' 'o'\''neil' "${PASSWORD:?}" | base64 | tr -d '\n')""#
        ),
        "{line}"
    );
    let script = reproduction(&plain).unwrap().script(&Server::Running(&Verification::System));
    assert!(
        script.contains(r#"lambda: b"AUTH PLAIN " + b64(b"\x00o'neil\x00" + password(b"o'neil")) + b"\r\n""#),
        "{script}"
    );
}

#[test]
fn what_one_line_cannot_show_is_a_file() {
    let mut pipelined = conversation("a");
    pipelined.sent(1, b"NOOP\r\nNOOP\r\n");
    pipelined.line(1, b"+OK\r\n");
    pipelined.line(1, b"+OK\r\n");
    let mut second = conversation("a");
    second.happened(2, Step::Connect { tls: true });
    let mut deleting = conversation("a");
    for line in ["PASS swordfish", "DELE 1"] {
        ask(&mut deleting, line);
    }
    let mut cut = conversation("a");
    cut.sent(1, b"QUI");
    let mut silent = conversation("a");
    silent.sent(1, b"NOOP\r\n");
    silent.happened(1, Step::Silence);
    let mut asked = conversation("a");
    asked.sent(1, b"AUTH PLAIN\r\n");
    asked.line(1, b"+ \r\n");
    for again in [pipelined, second, deleting, cut, silent, asked] {
        let again = reproduction(&again).unwrap();
        assert_eq!(again.line(&Verification::System), None);
        assert!(again.script(&Server::Running(&Verification::System)).contains("CONVERSATION = ["));
    }
}

#[test]
fn no_secret_is_in_it_in_any_cut_and_what_cannot_be_made_is_not_told() {
    let mut cut = conversation("a");
    for piece in ["PASS sw", "ord", "fish\r\n"] {
        cut.sent(1, piece.as_bytes());
    }
    ask(&mut cut, "PASS not-swordfish");
    ask(&mut cut, "PASS SWORDFISH");
    ask(&mut cut, "PASS swordfis");
    ask(&mut cut, &format!("APOP a {}", sasl::apop::digest("<1.2@example.org>", PASSWORD)));
    let script = reproduction(&cut).unwrap().script(&Server::Running(&Verification::System));
    let steps = script.split("CONVERSATION = [").nth(1).unwrap().split("]\n\n").next().unwrap().to_owned();
    for made in [
        r#"lambda: b"PASS " + part(password(b"a"), 0, 2)"#,
        r#"lambda: part(password(b"a"), 2, 5)"#,
        r#"lambda: part(password(b"a"), 5, 9) + b"\r\n""#,
        r#"lambda: b"PASS not-" + password(b"a") + b"\r\n""#,
        r#"lambda: b"PASS " + swapped(password(b"a")) + b"\r\n""#,
        r#"lambda: b"PASS " + password(b"a")[:-1] + b"\r\n""#,
        r#"lambda: b"APOP a " + apop(1, password(b"a")) + b"\r\n""#,
    ] {
        assert!(steps.contains(made), "{made} in {steps}");
    }
    assert!(!steps.to_ascii_lowercase().contains("swordfis"), "{steps}");
    // A line with the password in it that is not the argument of PASS is nobody's guess.
    let mut elsewhere = conversation("a");
    ask(&mut elsewhere, "XYZ swordfish");
    assert!(reproduction(&elsewhere).is_none());
}

#[test]
fn nothing_that_others_chose_breaks_out_of_the_file() {
    let mut odd = conversation("\"); import evil #\n");
    ask(&mut odd, "USER \"); import evil #");
    ask(&mut odd, "PASS swordfish");
    let mut again = reproduction(&odd).unwrap();
    again.requirement = "one\nimport evil".to_owned();
    let path = "\"; import evil\n".to_owned();
    let script = again.script(&Server::Running(&Verification::File(path)));
    for line in script.lines() {
        let code = line.trim_start();
        assert!(!code.starts_with("import evil"), "{line}");
        if code.contains("import evil") {
            let literal = code.starts_with('#')
                || code.contains(r#"\"); import evil"#)
                || code.contains(r#"\"; import"#);
            assert!(literal, "{line}");
        }
    }
}

#[test]
fn a_conversation_that_deletes_says_so_and_one_that_asks_before_a_login_does_not() {
    let mut before = conversation("a");
    ask(&mut before, "DELE 1");
    let before = reproduction(&before).unwrap();
    assert!(!before.deletes());
    let mut after = conversation("a");
    for line in ["USER a", "PASS swordfish", "DELE 1"] {
        ask(&mut after, line);
    }
    let after = reproduction(&after).unwrap();
    assert!(after.deletes());
    assert!(after.script(&Server::Running(&Verification::System)).contains("DELETES = True"));
}

//! What a finding's line and file hold, and what they must not.

use net::Endpoint;
use sasl::scram::{self, Alterations, Client, Sha256};
use sasl::{base64, cram_md5};
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
fn credentials_that_were_altered_are_made_again() {
    let mut altered = conversation("a");
    ask(&mut altered, "AUTH PLAIN AGEAc3dv!cmRmaXNo");
    ask(&mut altered, "AUTH PLAIN AGEAc3dvcmRmaXNo\t");
    ask(&mut altered, "AUTH PLAIN AAA=");
    altered.sent(1, b"AUTH CRAM-MD5\r\n");
    let mut digests = Vec::new();
    for number in 0..3 {
        let challenge = format!("<{number}@example.org>");
        altered.line(1, format!("+ {}\r\n", base64::encode(&challenge)).as_bytes());
        let digest = cram_md5::digest(challenge.as_bytes(), PASSWORD);
        let first = if digest.starts_with('0') { "1" } else { "0" };
        let sent =
            [format!("a {digest}"), format!("a{first}{}", &digest[1..]), format!("a {}", &digest[..16])];
        altered.sent(1, format!("{}\r\n", base64::encode(&sent[number])).as_bytes());
        digests.push(digest);
    }
    let script = reproduction(&altered).unwrap().script(&Server::Running(&Verification::System));
    for made in [
        r#"spliced(b64(b"\x00a\x00" + password(b"a")), 8, b"!") + b"\r\n""#,
        r#"spliced(b64(b"\x00a\x00" + password(b"a")), None, b"\x09") + b"\r\n""#,
        r#"b"AUTH PLAIN AAA=\r\n""#,
        r#"b64(b"a " + cram(1, password(b"a"))) + b"\r\n""#,
        r#"b64(b"a" + changed(cram(1, password(b"a")))) + b"\r\n""#,
        r#"b64(b"a " + cram(1, password(b"a"))[:16]) + b"\r\n""#,
    ] {
        assert!(script.contains(made), "{made} in {script}");
    }
    assert!(digests.iter().all(|digest| !script.contains(&digest[..16])), "{script}");
}

#[test]
fn the_proof_of_scram_is_made_again_and_one_that_nobody_can_make_is_not_told() {
    let conclude = |alterations: Alterations, alter: fn(String) -> String| {
        let mut exchange = conversation("a");
        let mut client = Client::<Sha256>::altered("a", PASSWORD, "own", alterations);
        ask(&mut exchange, &format!("AUTH SCRAM-SHA-256 {}", base64::encode(client.first())));
        let first = scram::server_first("ownserver", b"salt", 4096);
        exchange.line(1, format!("+ {}\r\n", base64::encode(&first)).as_bytes());
        let last = alter(client.last(first.as_bytes()).unwrap());
        exchange.sent(1, format!("{}\r\n", base64::encode(&last)).as_bytes());
        let script = reproduction(&exchange)?.script(&Server::Running(&Verification::System));
        assert!(!script.contains(&base64::encode(&last)), "{script}");
        Some(script)
    };
    let nonce = |nonce: &str| Alterations { final_nonce: Some(nonce.to_owned()), ..Alterations::default() };
    let flipped = |last: String| {
        let parsed = scram::parse_client_final(last.as_bytes()).unwrap();
        let mut proof = parsed.proof.clone();
        proof[0] ^= 1;
        scram::client_final(parsed.without_proof, &proof)
    };
    for (script, made) in [
        (conclude(Alterations::default(), |last| last), r#"b"", "whole", "right""#),
        (conclude(Alterations::default(), flipped), r#"b"", "whole", "one bit changed""#),
        (conclude(nonce("own"), |last| last), r#"b"", "own", "right""#),
        (conclude(nonce("ownserve0"), |last| last), r#"b"", "other end", "right""#),
    ] {
        let made =
            format!(r#"lambda: b64(scram(1, password(b"a"), b"n=a,r=own", b"c=biws,r=", {made})) + b"\r\n""#);
        let script = script.unwrap();
        assert!(script.contains(&made), "{made} in {script}");
    }
    assert!(conclude(nonce("foreign"), |last| last).is_none());
    let other = |_| scram::client_final("c=biws,r=ownserver", &[7; 32]);
    assert!(conclude(Alterations::default(), other).is_none());
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

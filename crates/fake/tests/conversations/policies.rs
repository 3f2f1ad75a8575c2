//! What a script's policy and lies do in conversations that need more than one session, or a computed word; each on its
//! own is also a snapshot of the shipped scripts (`faults.rs` of poplab).

use fake::{Account, Configuration, Script, World};

use crate::talk::run;

/// A world of alice with three messages, and this script.
fn world(script: &str) -> World {
    let mail = ["one", "two", "three"].map(|text| format!("Subject: {text}\r\n\r\n{text}\r\n").into_bytes());
    let accounts = vec![Account::new("alice", "wonderland", mail)];
    let script = Script::read(script, "policy.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    World::new(Configuration { seed: 1, accounts, script: Some(script), ..Configuration::default() })
}

/// The server's lines of a conversation with it.
fn said(world: &World, conversation: &str) -> Vec<String> {
    let transcript = run(world, conversation);
    transcript.lines().filter_map(|line| line.strip_prefix("S: ")).map(str::to_owned).collect()
}

#[test]
fn without_a_lock_two_sessions_see_the_mail_as_it_was() {
    let world = world("policy: {lock: none}");
    let talk = "== login alice\n== use 2\n== login alice\nC: DELE 1\nC: QUIT\n== use 1\nC: STAT\nC: RETR 1\nC: RETR 2";
    let said = said(&world, talk);
    assert!(said.contains(&"+OK 3 67".to_owned()), "{said:?}");
    assert!(said.contains(&"-ERR The file of that message is gone".to_owned()), "{said:?}");
    assert!(said.contains(&"Subject: two".to_owned()), "{said:?}");
}

#[test]
fn a_stale_lock_stays() {
    let world = world("policy: {lock: stale}");
    said(&world, "== login alice\n== drop");
    for _ in 0..3 {
        let said = said(&world, "== login alice");
        assert_eq!(said.last().unwrap(), "-ERR [IN-USE] Maildrop is busy");
    }
}

#[test]
fn apop_is_a_way_in_where_it_is_the_only_one() {
    let only = world("policy: {unknown: [USER, PASS, AUTH]}");
    assert_eq!(said(&only, "== connect\n== apop alice").last().unwrap(), "+OK Maildrop open");
    assert_eq!(said(&only, "== connect\nC: AUTH PLAIN").last().unwrap(), "-ERR Unknown command");
    let none = world("policy: {unknown: [APOP]}");
    let greeting = said(&none, "== connect").remove(0);
    assert_eq!(greeting, "+OK poplab POP3 server ready");
}

#[test]
fn retrieved_mail_goes_at_once_or_with_quit_or_stays() {
    for (policy, sessions) in [("kept", [3, 3]), ("removed-at-quit", [3, 2]), ("removed-at-once", [2, 2])] {
        let world = world(&format!("policy: {{retrieved: {policy}}}"));
        said(&world, "== login alice\nC: RETR 2\n== drop");
        assert_eq!(world.messages("alice").len(), sessions[0], "{policy}");
        said(&world, "== login alice\nC: RETR 1\nC: QUIT");
        assert!(world.messages("alice").len() <= sessions[1], "{policy}");
    }
}

#[test]
fn mail_expires_from_a_session_on_whether_it_was_read_or_not() {
    let world = world("policy: {expires: {1: 2, 3: 4}}");
    let counts: Vec<String> =
        (0..4).map(|_| said(&world, "== login alice\nC: STAT\nC: QUIT").swap_remove(3)).collect();
    let counts: Vec<&str> = counts.iter().map(|stat| &stat[..5]).collect();
    assert_eq!(counts, ["+OK 3", "+OK 2", "+OK 2", "+OK 1"]);
}

/// RFC 7628 section 3.2.3: the client answers the challenge that says why, and then the exchange fails.
#[test]
fn a_token_is_a_way_in_and_a_wrong_one_is_told_why() {
    let open = world("policy: {tokens: accepted}");
    let bearer = |token: &str| {
        sasl::base64::encode(sasl::oauth::message(sasl::oauth::Kind::OAuthBearer, "alice", token))
    };
    let right = said(&open, &format!("== connect\nC: AUTH OAUTHBEARER {}\nC: STAT", bearer("wonderland")));
    assert_eq!(right[1..], ["+OK Maildrop open", "+OK 3 67"]);
    for policy in ["accepted", "expired"] {
        let world = world(&format!("policy: {{tokens: {policy}}}"));
        let token = if policy == "expired" { "wonderland" } else { "old" };
        let talk = format!(
            "== connect\nC: auth xoauth2\nC: {}\nC: \nC: STAT",
            sasl::base64::encode(sasl::oauth::message(sasl::oauth::Kind::XOAuth2, "alice", token))
        );
        let said = said(&world, &talk);
        let why = sasl::base64::decode(said[2].strip_prefix("+ ").unwrap()).unwrap();
        assert!(why.starts_with(br#"{"status":"401""#), "{said:?}");
        assert_eq!(
            (said[1].as_str(), &said[3..]),
            ("+ ", &["-ERR [AUTH] Wrong name or password".to_owned(), "-ERR Log in first".to_owned()][..])
        );
    }
    let unknown = world("policy: {read_only: true}");
    assert_eq!(said(&unknown, "== connect\nC: AUTH XOAUTH2").last().unwrap(), "-ERR Unknown mechanism");
}

#[test]
fn a_lie_is_counted_when_it_was_told_and_is_about_one_message_too() {
    let world = world("lies: {list: {sizes: {2: 7}}, uidl: {unique_ids: {9: x}}, stat: {count: '{value}'}}");
    let said = said(&world, "== login alice\nC: LIST 2\nC: LIST 1\nC: UIDL\nC: STAT");
    assert_eq!(said[3..5], ["+OK 2 7", "+OK 1 21"]);
    let told: Vec<_> = world.faults().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(told, ["lie of STAT 0", "lie of LIST 1", "lie of UIDL 0"]);
}

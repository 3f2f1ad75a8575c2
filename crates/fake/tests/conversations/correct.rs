//! Whole conversations with the correct server, octet for octet.

use fake::{Account, Channel, Configuration, Connection, Defects, Machine as _, Next, World};

use crate::talk::{check, exchange, run, world};

#[test]
fn a_session_reads_marks_and_removes() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C: USER alice
        S: +OK Send PASS
        C: PASS wonderland
        S: +OK Maildrop open
        C: STAT
        S: +OK 5 144
        C: LIST
        S: +OK Scan listing follows
        S: 1 41
        S: 2 32
        S: 3 31
        S: 4 20
        S: 5 20
        S: .
        C: LIST 2
        S: +OK 2 32
        C: UIDL 3
        S: +OK 3 dca4009f94192290a3afcbf6fc91d8d7
        C: DELE 2
        S: +OK Marked as deleted
        C: DELE 2
        S: -ERR That message is marked as deleted
        C: RETR 2
        S: -ERR That message is marked as deleted
        C: LIST 2
        S: -ERR That message is marked as deleted
        C: TOP 2 0
        S: -ERR That message is marked as deleted
        C: UIDL 2
        S: -ERR That message is marked as deleted
        C: LIST
        S: +OK Scan listing follows
        S: 1 41
        S: 3 31
        S: 4 20
        S: 5 20
        S: .
        C: STAT
        S: +OK 4 112
        C: NOOP
        S: +OK Nothing done
        C: QUIT
        S: +OK Bye
        S closes
        == login alice
        S: +OK poplab POP3 server ready <da77021ee357d5a3.2@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C: STAT
        S: +OK 4 112
        C: UIDL
        S: +OK Unique-ids follow
        S: 1 07f9c2b0041c9acdc0359e4217be76bb
        S: 2 dca4009f94192290a3afcbf6fc91d8d7
        S: 3 e3ea2137344c91acf7afdcecf9b42523
        S: 4 c1fd0d54125d672c62e27972d23ae559
        S: .
        ",
    );
}

#[test]
fn messages_are_stuffed_and_terminated() {
    check(
        r"
        == login alice
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C: RETR 1
        S: +OK 41 octets
        S: Subject: one
        S: 
        S: first
        S: ..dotted
        S: ..
        S: last
        S: .
        C: RETR 3
        S: +OK 31 octets
        S: Subject: three
        S: 
        S: no line end
        S: .
        C: TOP 1 2
        S: +OK Top of message follows
        S: Subject: one
        S: 
        S: first
        S: ..dotted
        S: .
        C: TOP 1 0
        S: +OK Top of message follows
        S: Subject: one
        S: 
        S: .
        ",
    );
}

#[test]
fn an_empty_maildrop_has_empty_listings() {
    check(
        r"
        == login bob
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C: STAT
        S: +OK 0 0
        C: LIST
        S: +OK Scan listing follows
        S: .
        C: UIDL
        S: +OK Unique-ids follow
        S: .
        C: RETR 1
        S: -ERR No such message
        ",
    );
}

#[test]
fn before_login_only_logging_in_is_possible() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C+ STAT|LIST|RETR 1|DELE 1|NOOP|RSET|TOP 1 0|UIDL
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        S: -ERR Log in first
        C: PASS wonderland
        S: -ERR Say USER first
        C: USER
        S: -ERR USER takes one name
        C: USER alice
        S: +OK Send PASS
        C: PASS
        S: -ERR PASS needs a password
        C: USER alice
        S: +OK Send PASS
        C: PASS wrong
        S: -ERR [AUTH] Wrong name or password
        C: PASS wonderland
        S: -ERR Say USER first
        C: USER nobody
        S: +OK Send PASS
        C: PASS wonderland
        S: -ERR [AUTH] Wrong name or password
        C: STAT
        S: -ERR Log in first
        C: QUIT
        S: +OK Bye
        S closes
        ",
    );
}

#[test]
fn after_login_there_is_no_logging_in() {
    check(
        r"
        == login alice
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C+ USER bob|PASS builder|APOP bob 0|AUTH PLAIN|STLS|UTF8
        S: -ERR Only before login
        S: -ERR Only before login
        S: -ERR Only before login
        S: -ERR Only before login
        S: -ERR Only before login
        S: -ERR Only before login
        C: stat
        S: +OK 5 144
        ",
    );
}

#[test]
fn what_breaks_the_grammar_is_refused_and_the_session_goes_on() {
    check(
        r"
        == login alice
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C~ \r\n
        S: -ERR Unknown command
        C+ STA|STATUS|QUITX|RETR\t1| NOOP
        S: -ERR Unknown command
        S: -ERR Unknown command
        S: -ERR Unknown command
        S: -ERR Unknown command
        S: -ERR Unknown command
        C+ STAT x|NOOP x|RSET x|QUIT x|CAPA x
        S: -ERR This command takes no argument
        S: -ERR This command takes no argument
        S: -ERR This command takes no argument
        S: -ERR This command takes no argument
        S: -ERR This command takes no argument
        C+ RETR abc|RETR 1x|RETR 1.0|RETR -1|RETR +1|RETR 99999999999999999999|RETR 18446744073709551617
        S: -ERR Not a message number
        S: -ERR Not a message number
        S: -ERR Not a message number
        S: -ERR Not a message number
        S: -ERR Not a message number
        S: -ERR Not a message number
        S: -ERR Not a message number
        C+ RETR 0|RETR 6|DELE 4294967297|LIST 0|UIDL 6|TOP 6 0
        S: -ERR No such message
        S: -ERR No such message
        S: -ERR No such message
        S: -ERR No such message
        S: -ERR No such message
        S: -ERR No such message
        C+ RETR|RETR 1 2|DELE|TOP 1|TOP 1 -1|TOP 1 x|RETR  1|LIST 1\x20
        S: -ERR RETR takes one message number
        S: -ERR RETR takes one message number
        S: -ERR DELE takes one message number
        S: -ERR TOP takes a message number and a number of lines
        S: -ERR Not a number of lines
        S: -ERR Not a number of lines
        S: -ERR Malformed arguments
        S: -ERR Malformed arguments
        C: NOOP
        S: +OK Nothing done
        ",
    );
}

#[test]
fn a_line_that_is_too_long_is_refused_once() {
    let world = world(Defects::NONE, false);
    // USER, a space, CRLF and 248 octets make 255.
    for (octets, reply) in [(248, "+OK Send PASS"), (249, "-ERR Line too long"), (9999, "-ERR Line too long")]
    {
        let mut connection = world.connect(Channel::Tls);
        exchange(&mut connection, b"", usize::MAX);
        let lines = format!("USER {}\r\nNOOP\r\n", "a".repeat(octets));
        let said = exchange(&mut connection, lines.as_bytes(), usize::MAX);
        assert_eq!(String::from_utf8_lossy(&said), format!("{reply}\r\n-ERR Log in first\r\n"), "{octets}");
    }
}

#[test]
fn capabilities_are_the_same_in_both_states_but_for_stls() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C: CAPA
        S: +OK Capabilities follow
        S: TOP
        S: UIDL
        S: USER
        S: SASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: PIPELINING
        S: EXPIRE NEVER
        S: UTF8
        S: LANG
        S: STLS
        S: IMPLEMENTATION poplab-fake
        S: .
        C+ USER alice|PASS wonderland|CAPA
        S: +OK Send PASS
        S: +OK Maildrop open
        S: +OK Capabilities follow
        S: TOP
        S: UIDL
        S: USER
        S: SASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: PIPELINING
        S: EXPIRE NEVER
        S: UTF8
        S: LANG
        S: IMPLEMENTATION poplab-fake
        S: .
        ",
    );
}

#[test]
fn stls_forgets_what_was_said_before_it() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C+ USER alice|STLS|PASS wonderland
        S: +OK Send PASS
        S: +OK Begin TLS
        C: PASS wonderland
        S: -ERR Say USER first
        C: STLS
        S: -ERR TLS is active already
        C+ USER alice|PASS wonderland|STLS
        S: +OK Send PASS
        S: +OK Maildrop open
        S: -ERR Only before login
        ",
    );
}

#[test]
fn auth_runs_every_mechanism() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C: AUTH PLAIN {b64 \0alice\0wonderland}
        S: +OK Maildrop open
        == connect
        S: +OK poplab POP3 server ready <da77021ee357d5a3.2@fake.poplab.test>
        C: AUTH plain
        S: + 
        C: {b64 \0alice\0wonderland}
        S: +OK Maildrop open
        == connect
        S: +OK poplab POP3 server ready <cf7d0f766eb63ce3.3@fake.poplab.test>
        C: AUTH LOGIN
        S: + VXNlcm5hbWU6
        C: {b64 alice}
        S: + UGFzc3dvcmQ6
        C: {b64 wonderland}
        S: +OK Maildrop open
        == connect
        S: +OK poplab POP3 server ready <ee3d8011799d54d1.4@fake.poplab.test>
        == apop alice
        S: +OK Maildrop open
        ",
    );
    let said = run(
        &world(Defects::NONE, false),
        "== connect\nC: AUTH CRAM-MD5\n== cram 32\n== connect\n== scram right\nC: STAT",
    );
    assert_eq!(said.matches("S: +OK Maildrop open").count(), 2, "{said}");
    assert!(said.ends_with("S: +OK 5 144\n"), "{said}");
}

#[test]
fn auth_refuses_what_is_wrong_and_goes_on() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C: AUTH
        S: -ERR AUTH takes a mechanism and perhaps an initial response
        C: AUTH NO-SUCH-MECH
        S: -ERR Unknown mechanism
        C: AUTH PLAIN
        S: + 
        C: *
        S: -ERR Cancelled
        C: AUTH PLAIN =
        S: -ERR [AUTH] Wrong name or password
        C: AUTH PLAIN ***
        S: -ERR Not base64
        C: AUTH PLAIN AAA=BBB
        S: -ERR Not base64
        C: AUTH PLAIN {b64 \0alice\0wonderland}\t
        S: -ERR Malformed arguments
        C: AUTH CRAM-MD5 AAAA
        S: -ERR This mechanism has no initial response
        C: AUTH PLAIN
        S: + 
        C: QUIT.
        S: -ERR Not base64
        C: AUTH PLAIN {b64 \0alice\0wonderland\0}
        S: -ERR [AUTH] Wrong name or password
        C: AUTH PLAIN {b64 \0alice\0wrong}
        S: -ERR [AUTH] Wrong name or password
        C: AUTH PLAIN {b64 \0alice\0wonderland}
        S: +OK Maildrop open
        ",
    );
}

#[test]
fn a_long_response_gets_one_answer() {
    let world = world(Defects::NONE, false);
    for octets in [1024, 65_534, 65_535, 200_000] {
        let mut connection = world.connect(Channel::Tls);
        exchange(&mut connection, b"", usize::MAX);
        exchange(&mut connection, b"AUTH PLAIN\r\n", usize::MAX);
        let said =
            exchange(&mut connection, format!("{}\r\nNOOP\r\n", "A".repeat(octets)).as_bytes(), usize::MAX);
        let lines: Vec<&[u8]> = said.split_inclusive(|&octet| octet == b'\n').collect();
        assert_eq!(lines.len(), 2, "{octets}: {}", said.escape_ascii());
        assert!(lines[0].starts_with(b"-ERR ") && lines[1] == b"-ERR Log in first\r\n");
    }
}

#[test]
fn the_lock_keeps_others_out_until_the_session_ends() {
    check(
        r"
        == connect
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        C+ USER alice|PASS wrong
        S: +OK Send PASS
        S: -ERR [AUTH] Wrong name or password
        == use 2
        == login alice
        S: +OK poplab POP3 server ready <da77021ee357d5a3.2@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        == use 1
        C+ USER alice|PASS wonderland|STAT
        S: +OK Send PASS
        S: -ERR [IN-USE] Maildrop is busy
        S: -ERR Log in first
        C+ USER alice|PASS wrong
        S: +OK Send PASS
        S: -ERR [AUTH] Wrong name or password
        == use 2
        == drop
        == use 1
        C+ USER alice|PASS wonderland|STAT
        S: +OK Send PASS
        S: +OK Maildrop open
        S: +OK 5 144
        ",
    );
}

#[test]
fn nothing_but_a_whole_quit_removes_mail() {
    for end in ["== drop", "C~ QUIT\n== drop", "C~ QUIT\\r\n== drop", "C: RSET\nC: QUIT", "C: STLS\n== drop"]
    {
        let world = world(Defects::NONE, false);
        let before = world.messages("alice");
        run(&world, &format!("== login alice\nC: DELE 1\nC: DELE 5\n{end}"));
        assert_eq!(world.messages("alice"), before, "{end}");
    }
    let world = world(Defects::NONE, false);
    let before = world.messages("alice");
    run(&world, "== login alice\nC: DELE 1\nC: DELE 5\nC+ QUIT|DELE 2|QUIT");
    assert_eq!(world.messages("alice"), before[1..4]);
}

#[test]
fn mail_that_arrives_during_a_session_is_seen_in_the_next_and_survives() {
    let world = world(Defects::NONE, false);
    let session = |script: &str| run(&world, script);
    let mut connection = world.connect(Channel::Clear);
    exchange(&mut connection, b"USER alice\r\nPASS wonderland\r\nDELE 1\r\n", usize::MAX);
    assert!(world.deliver("alice", b"Subject: new\r\n\r\n".to_vec()));
    assert!(!world.deliver("nobody", b"".to_vec()));
    assert_eq!(
        exchange(&mut connection, b"STAT\r\nRETR 6\r\n", usize::MAX),
        b"+OK 4 103\r\n-ERR No such message\r\n"
    );
    exchange(&mut connection, b"QUIT\r\n", usize::MAX);
    assert!(session("== login alice\nC: STAT").ends_with("S: +OK 5 119\n"));
}

#[test]
fn unique_ids_stay_with_their_messages() {
    let world = world(Defects::NONE, false);
    let ids = |script: &str| -> Vec<String> {
        let said = run(&world, script);
        let lines = said.lines().filter_map(|line| line.strip_prefix("S: "));
        lines
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, id)| id.len() == 32)
            .map(|(_, id)| id.to_owned())
            .collect()
    };
    let first = ids("== login alice\nC: UIDL");
    assert_eq!(first.len(), 5);
    assert_eq!(ids("== login alice\nC: RETR 1\nC: TOP 2 0\nC: DELE 2\nC: RSET\nC: UIDL\nC: QUIT"), first);
    run(&world, "== login alice\nC: DELE 1\nC: QUIT");
    assert_eq!(ids("== tls\nC: AUTH PLAIN {b64 \\0alice\\0wonderland}\nC: UIDL"), first[1..]);
}

#[test]
fn utf8_in_a_header_needs_utf8_mode() {
    check(
        r"
        == login carol
        S: +OK poplab POP3 server ready <a26d3df3e2cd117b.1@fake.poplab.test>
        S: +OK Send PASS
        S: +OK Maildrop open
        C+ RETR 3|TOP 3 0|LIST 3
        S: -ERR [UTF8] That message needs UTF8 mode
        S: -ERR [UTF8] That message needs UTF8 mode
        S: +OK 3 33
        C: LANG
        S: +OK Languages follow
        S: en English
        S: .
        C+ LANG *|LANG EN|LANG xx-none
        S: +OK en This is the language of the house
        S: +OK en Language chosen
        S: -ERR No such language
        == connect
        S: +OK poplab POP3 server ready <da77021ee357d5a3.2@fake.poplab.test>
        C+ UTF8|LANG en|USER carol|PASS christmas|RETR 3
        S: +OK UTF8 mode
        S: +OK en Language chosen
        S: +OK Send PASS
        S: +OK Maildrop open
        S: +OK 33 octets
        S: Subject: Gr\xc3\xbc\xc3\x9fe
        S: 
        S: UTF-8 above
        S: .
        ",
    );
}

#[test]
fn cleartext_passwords_can_be_switched_off() {
    let configuration = Configuration {
        accounts: vec![Account::new("alice", "wonderland", Vec::<Vec<u8>>::new())],
        cleartext_login: false,
        ..Configuration::default()
    };
    let world = World::new(configuration);
    let said = run(&world, "== connect\nC+ CAPA|USER alice|USER nobody|AUTH PLAIN|AUTH LOGIN|STLS\nC: CAPA");
    let (before, after) = said.split_once("Begin TLS").unwrap();
    assert!(!before.contains("S: USER\n") && before.contains("S: SASL CRAM-MD5 SCRAM-SHA-256\n"), "{said}");
    assert_eq!(before.matches("S: -ERR No cleartext passwords here").count(), 4, "{said}");
    assert!(after.contains("S: USER\n") && after.contains("S: SASL PLAIN LOGIN "), "{said}");
}

/// The order in which a driver sees things.
#[test]
fn a_driver_is_told_what_to_do() {
    let world = world(Defects::NONE, false);
    let mut connection: Connection = world.connect(Channel::Clear);
    let mut out = Vec::new();
    assert_eq!((connection.next(), connection.receive(b"QUIT\r\n")), (Next::Write, 0));
    connection.transmit(&mut out, 3);
    assert_eq!((&out[..], connection.next()), (&b"+OK"[..], Next::Write));
    connection.transmit(&mut out, usize::MAX);
    assert_eq!(connection.next(), Next::Read);
    assert_eq!(connection.receive(b""), 0);
    assert_eq!(connection.receive(b"STLS\r\nCAPA\r\n"), 6);
    connection.transmit(&mut out, usize::MAX);
    assert_eq!(
        (connection.next(), connection.receive(b"CAPA\r\n")),
        (Next::StartTls(fake::IdentityId::OWN), 0)
    );
    connection.secured();
    assert_eq!(connection.next(), Next::Read);
    assert_eq!((connection.receive(b"QU"), connection.receive(b"IT\r\nNOOP\r\n")), (2, 4));
    assert_eq!(connection.next(), Next::Write);
    out.clear();
    connection.transmit(&mut out, usize::MAX);
    assert_eq!((&out[..], connection.next()), (&b"+OK Bye\r\n"[..], Next::Close));
}

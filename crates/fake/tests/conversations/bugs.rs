//! What defects do on the wire: for each one conversation in which it shows, below `bugs`. None is without effect, and a
//! snapshot has what is said.

use std::fmt::Write as _;

use fake::{Channel, Configuration, Defect, Defects, Machine as _, Next, World};

use crate::talk::{configuration, exchange, run};

/// A line of a conversation that is longer is folded.
const LINE: usize = 160;

/// So many lines of a conversation are kept.
const LINES: usize = 40;

/// What is said in the conversations of a file, which have the ids of defects as headings. With the line `strict` nobody
/// takes passwords in the clear.
fn shown(file: &str) -> String {
    let mut all = String::new();
    for conversation in file.split("## ").skip(1) {
        let (id, script) = conversation.split_once('\n').unwrap();
        let strict = script.starts_with("strict");
        let script = script.trim_start_matches("strict");
        let said = |defects: Defects| {
            let configuration = configuration(defects, script.contains("dave") || script.contains("erin"));
            run(&World::new(Configuration { cleartext_login: !strict, ..configuration }), script)
        };
        let defect = Defect::parse(id).unwrap_or_else(|| panic!("there is no {id}"));
        let (right, wrong) = (said(Defects::NONE), said(defect.into()));
        assert_ne!(right, wrong, "{id} is without effect");
        let _ = writeln!(all, "## {id}: {}", defect.summary);
        for line in wrong.lines().take(LINES) {
            match line.get(..LINE) {
                Some(begins) if line.len() > LINE => {
                    let _ = writeln!(all, "{begins}... ({} characters)", line.len());
                }
                _ => all = all + line + "\n",
            }
        }
        if let Some(more) = wrong.lines().count().checked_sub(LINES).filter(|&more| more > 0) {
            let _ = writeln!(all, "... ({more} lines)");
        }
        all.push('\n');
    }
    all
}

macro_rules! bugs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            let file = include_str!(concat!("bugs/", stringify!($name), ".txt"));
            insta::assert_snapshot!(stringify!($name), shown(file));
        })*
    };
}

bugs! {
    announcements digests exchanges exposure identities limits lines parsing passwords refusals sessions status tokens
    unicode upgrades windows
}

/// A world with this defect.
fn wrong(id: &str) -> World {
    World::new(configuration(Defect::parse(id).unwrap().into(), false))
}

/// What a new connection says at once, and what it wants then.
fn greeted(world: &World) -> (String, Next) {
    let mut connection = world.connect(Channel::Clear);
    let said = exchange(&mut connection, b"", usize::MAX);
    (String::from_utf8(said).unwrap(), connection.next())
}

#[test]
fn a_handshake_that_fails_crashes_the_server() {
    let world = wrong("rfc2595.stls.failed-handshake-crashes");
    let mut secured = world.connect(Channel::Tls);
    assert!(matches!(secured.next(), Next::StartTls(_)));
    secured.secured();
    drop(secured);
    assert!(greeted(&world).0.starts_with("+OK"));
    let mut failed = world.connect(Channel::Tls);
    assert!(matches!(failed.next(), Next::StartTls(_)));
    drop(failed);
    assert_eq!(greeted(&world), (String::new(), Next::Reset));
}

#[test]
fn after_a_handshake_that_failed_a_session_goes_on_in_the_clear() {
    let world = wrong("rfc2595.stls.goes-on-in-clear");
    let mut connection = world.connect(Channel::Clear);
    let mut octets = &b"STLS\r\n"[..];
    while !matches!(connection.next(), Next::StartTls(_)) {
        match connection.next() {
            Next::Write => connection.transmit(&mut Vec::new(), usize::MAX),
            _ => octets = &octets[connection.receive(octets)..],
        }
    }
    assert!(connection.unsecured());
    assert_eq!(exchange(&mut connection, b"NOOP\r\n", usize::MAX), b"-ERR Log in first\r\n");
    assert!(!wrong("rfc8314.implicit.goes-on-in-clear").connect(Channel::Clear).unsecured());
    let mut connection = wrong("rfc8314.implicit.goes-on-in-clear").connect(Channel::Tls);
    assert!(connection.unsecured());
    assert!(exchange(&mut connection, b"", usize::MAX).starts_with(b"+OK"));
}

#[test]
fn later_connections_wait_for_a_handshake() {
    let world = wrong("practice.tls.handshake-blocks");
    let early = world.connect(Channel::Clear);
    let mut slow = world.connect(Channel::Tls);
    assert!(matches!(slow.next(), Next::StartTls(_)));
    assert!(matches!(greeted(&world), (said, Next::Wait(_)) if said.is_empty()));
    slow.secured();
    assert!(greeted(&world).0.starts_with("+OK"));
    drop(early);
}

#[test]
fn a_crowd_that_has_not_logged_in_is_waited_for() {
    let world = wrong("practice.sec.crowd");
    let mut crowd: Vec<_> = (0..40).map(|_| world.connect(Channel::Clear)).collect();
    assert!(matches!(greeted(&world), (said, Next::Wait(_)) if said.is_empty()));
    crowd.pop();
    assert!(greeted(&world).0.starts_with("+OK"));
}

#[test]
fn lost_sessions_use_up_the_server() {
    let world = wrong("practice.robust.loss-leaks");
    for _ in 0..100 {
        assert!(run(&world, "== login alice\n== drop").contains("Maildrop open"));
    }
    assert!(run(&world, "== login alice").contains("[SYS/TEMP]"));
}

#[test]
fn new_mail_moves_the_numbers() {
    let world = wrong("rfc1939.state.new-mail-first");
    let mut connection = world.connect(Channel::Clear);
    exchange(&mut connection, b"USER alice\r\nPASS wonderland\r\n", usize::MAX);
    assert!(world.deliver("alice", *b"Subject: new\r\n\r\n"));
    let said = exchange(&mut connection, b"RETR 1\r\n", usize::MAX);
    assert!(String::from_utf8(said).unwrap().contains("Subject: new"));
}

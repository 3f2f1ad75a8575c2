//! Hostile clients cost the server no more than one bounded line each: counted allocations, no clock.
//!
//! What thousands of half-open connections cost is the driver's matter (`hostile.rs` of poplab).

#![allow(clippy::unwrap_used, reason = "a conversation that cannot be held fails its test")]

use fake::{Account, Channel, Configuration, Connection, Defect, Defects, Machine as _, Next, Script, World};

/// Octets of a large message.
const LARGE: u32 = 20 * 1024 * 1024;

fn world(configuration: Configuration) -> World {
    let mail =
        [b"Subject: large\r\n\r\n".to_vec(), b"0123456789abcdef\r\n".repeat(LARGE as usize / 18)].concat();
    let accounts = vec![Account::new("alice", "wonderland", [mail])];
    World::new(Configuration { accounts, ..configuration })
}

/// Says octets and reads every answer to its end.
fn say(connection: &mut Connection, mut octets: &[u8]) {
    let mut out = Vec::new();
    loop {
        match connection.next() {
            Next::Write => connection.transmit(&mut out, 16 * 1024),
            Next::Read if !octets.is_empty() => octets = &octets[connection.receive(octets)..],
            _ => return,
        }
        out.clear();
    }
}

fn logged_in(world: &World) -> Connection {
    let mut connection = world.connect(Channel::Clear);
    say(&mut connection, b"USER alice\r\nPASS wonderland\r\n");
    connection
}

/// Octets that are held more when it is over than before it.
fn held(act: impl FnOnce()) -> i64 {
    allocation_counter::measure(act).bytes_current
}

#[test]
fn an_endless_line_costs_one_line() {
    let world = world(Configuration::default());
    // A line of a SASL exchange may have 64 KiB, and a vector grows twofold.
    for (begins, at_most) in [("", 4 * 1024), ("AUTH PLAIN\r\n", 256 * 1024)] {
        let mut connection = world.connect(Channel::Clear);
        say(&mut connection, begins.as_bytes());
        let peak = allocation_counter::measure(|| {
            for _ in 0..100_000 {
                say(&mut connection, &[b'x'; 100]);
            }
        });
        assert!(peak.bytes_max <= at_most, "{begins:?}: {peak:?}");
    }
}

#[test]
fn a_million_bad_commands_leave_nothing_behind() {
    // With these the server accepts what names no message.
    let lax = ["rfc1939.dele.no-such-ok", "rfc1939.retr.no-such-ok", "rfc1939.uidl.no-such-ok"];
    let lax: Defects = lax.iter().filter_map(|id| Defect::parse(id)).collect();
    for defects in [Defects::NONE, lax] {
        let world = world(Configuration { defects, ..Configuration::default() });
        let mut connection = logged_in(&world);
        // What is kept of the past is kept by then.
        let some = |from: u32, connection: &mut Connection| {
            for number in from..from + 200_000 {
                say(
                    connection,
                    format!("DELE {number}\r\nRETR {number}\r\nXYZZY\r\nTOP\r\nAUTH x y z\r\n").as_bytes(),
                );
            }
        };
        some(1_000_000, &mut connection);
        let more = held(|| some(2_000_000, &mut connection));
        assert!(more <= 4 * 1024, "{more}");
    }
}

/// The record has bounds of its own: 100,000 commands, and as much transcript as the observer keeps.
#[test]
fn a_recorded_world_keeps_no_more_than_it_says() {
    let world = world(Configuration { recorded: true, ..Configuration::default() });
    let mut connection = logged_in(&world);
    let some = |connection: &mut Connection| {
        for _ in 0..150_000 {
            say(connection, b"XYZZY\r\n");
        }
    };
    some(&mut connection);
    let more = held(|| some(&mut connection));
    assert!(more <= 64 * 1024, "{more}");
}

#[test]
fn who_does_not_read_makes_nothing_grow() {
    let trickle = "faults: [{when: {command: RETR}, do: {trickle: {octets: 1, every: 1s}}}]";
    let trickle = Script::read(trickle, "trickle.yaml").unwrap();
    // A reply that is interrupted is made as a whole, stuffed and ended; any other leaves in pieces.
    for (script, at_most) in [(None, 32 * 1024), (Some(trickle), i64::from(LARGE) * 5 / 2)] {
        let world = world(Configuration { script, ..Configuration::default() });
        let mut connection = logged_in(&world);
        let more = held(|| {
            assert_eq!(connection.receive(b"RETR 1\r\nNOOP\r\n"), 8);
            for _ in 0..10 {
                // As long as nobody reads, nothing more is taken and nothing more is made.
                connection.next();
                assert_eq!(connection.receive(&b"NOOP\r\n".repeat(100)), 0);
            }
        });
        assert!(more <= at_most, "{more}");
        assert_ne!(connection.next(), Next::Read);
    }
}

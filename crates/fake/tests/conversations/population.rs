//! Populations: accounts by pattern with seeded mail, and the pace of the server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chance::Distribution;
use fake::{
    Channel, Configuration, Connection, Defect, Defects, Machine as _, Next, Pace, Password, Tenancy, World,
};
use mail::load::{ContentVerdict, Population, Verifier};

use crate::talk::exchange;

fn population() -> Population {
    Population {
        seed: 7,
        user: "load{n:05}".to_owned(),
        first: 1,
        count: 1_000_000,
        messages: 6,
        sizes: Distribution::Uniform { low: 600.0, high: 20_000.0 },
    }
}

fn world(defects: Defects, pace: Pace) -> World {
    let tenancy = Tenancy { population: population(), password: Password::Shared("secret".to_owned()) };
    World::new(Configuration {
        seed: 1,
        population: vec![tenancy],
        defects,
        pace,
        ..Configuration::default()
    })
}

fn correct() -> World {
    world(Defects::NONE, Pace::default())
}

fn open(world: &World) -> Connection {
    let mut connection = world.connect(Channel::Clear);
    let _ = exchange(&mut connection, b"", usize::MAX);
    connection
}

fn say(connection: &mut Connection, line: &str) -> String {
    let octets = exchange(connection, format!("{line}\r\n").as_bytes(), usize::MAX);
    String::from_utf8(octets).unwrap()
}

fn log_in(world: &World, user: &str) -> Connection {
    let mut connection = open(world);
    assert_eq!(say(&mut connection, &format!("USER {user}")), "+OK Send PASS\r\n");
    assert_eq!(say(&mut connection, "PASS secret"), "+OK Maildrop open\r\n");
    connection
}

/// What RETR delivers.
fn retrieve(connection: &mut Connection, number: u32) -> Vec<u8> {
    let reply = say(connection, &format!("RETR {number}")).into_bytes();
    let status = reply.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    proto::unstuff(&reply[status..])
}

fn seeded(index: u64, number: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    population().message(index, number).write(&mut octets);
    octets
}

#[test]
fn an_account_has_its_seeded_mail() {
    let world = correct();
    for (user, index) in [("load00001", 0), ("load00777", 776), ("load1000000", 999_999)] {
        let mut connection = log_in(&world, user);
        let sizes: Vec<u64> = population().sizes(index).collect();
        assert_eq!(say(&mut connection, "STAT"), format!("+OK 6 {}\r\n", sizes.iter().sum::<u64>()));
        let (mut listing, mut ids) = (String::new(), String::new());
        for (number, size) in (1..).zip(&sizes) {
            writeln!(listing, "{number} {size}\r").unwrap();
            writeln!(ids, "{number} {}\r", population().message(index, number).unique_id()).unwrap();
        }
        assert_eq!(say(&mut connection, "LIST"), format!("+OK Scan listing follows\r\n{listing}.\r\n"));
        assert_eq!(say(&mut connection, "UIDL"), format!("+OK Unique-ids follow\r\n{ids}.\r\n"));
        for number in 1..=6 {
            assert_eq!(retrieve(&mut connection, number), seeded(index, number));
        }
        let top = say(&mut connection, "TOP 2 0");
        let message = seeded(index, 2);
        let header =
            String::from_utf8(message[..message.len() - mail::body(&message).len()].to_vec()).unwrap();
        assert_eq!(top, format!("+OK Top of message follows\r\n{header}.\r\n"));
        assert_eq!(say(&mut connection, "QUIT"), "+OK Bye\r\n");
        assert_eq!(world.messages(user).iter().map(|octets| octets.len() as u64).collect::<Vec<_>>(), sizes);
    }
}

#[test]
fn names_outside_and_wrong_passwords_are_refused_alike() {
    let world = correct();
    for (user, password) in
        [("load00000", "secret"), ("load1000001", "secret"), ("load1", "secret"), ("load00001", "x")]
    {
        let mut connection = open(&world);
        assert_eq!(say(&mut connection, &format!("USER {user}")), "+OK Send PASS\r\n");
        assert_eq!(
            say(&mut connection, &format!("PASS {password}")),
            "-ERR [AUTH] Wrong name or password\r\n"
        );
    }
    assert!(world.messages("load00000").is_empty() && !world.deliver("load00000", *b"x"));
}

#[test]
fn passwords_may_follow_a_pattern_and_other_ways_in_know_them() {
    let tenancy = Tenancy { population: population(), password: Password::Pattern("pass-{n}".to_owned()) };
    assert!(!format!("{tenancy:?}").contains("pass-"));
    let world = World::new(Configuration { population: vec![tenancy], ..Configuration::default() });
    let plain = |user: &str, password: &str| sasl::base64::encode(format!("\0{user}\0{password}"));
    let mut connection = open(&world);
    let line = format!("AUTH PLAIN {}", plain("load00012", "pass-13"));
    assert_eq!(say(&mut connection, &line), "-ERR [AUTH] Wrong name or password\r\n");
    let line = format!("AUTH PLAIN {}", plain("load00012", "pass-12"));
    assert_eq!(say(&mut connection, &line), "+OK Maildrop open\r\n");
}

#[test]
fn deletions_last_and_touch_nobody_else() {
    let world = correct();
    let mut connection = log_in(&world, "load00005");
    say(&mut connection, "DELE 2");
    say(&mut connection, "DELE 5");
    drop(connection);
    assert_eq!(world.messages("load00005").len(), 6, "no QUIT, no update");
    let mut connection = log_in(&world, "load00005");
    say(&mut connection, "DELE 2");
    say(&mut connection, "DELE 5");
    say(&mut connection, "QUIT");
    let mut connection = log_in(&world, "load00005");
    assert!(say(&mut connection, "STAT").starts_with("+OK 4 "));
    assert_eq!(retrieve(&mut connection, 2), seeded(4, 3));
    let id = population().message(4, 6).unique_id();
    assert_eq!(say(&mut connection, "UIDL 4"), format!("+OK 4 {id}\r\n"));
    assert_eq!(world.messages("load00006").len(), 6);
    assert!(world.deliver("load00005", *b"Subject: new\r\n\r\nmore\r\n"));
    assert!(say(&mut connection, "STAT").starts_with("+OK 4 "), "the snapshot stays");
    say(&mut connection, "QUIT");
    let mut connection = log_in(&world, "load00005");
    assert!(say(&mut connection, "STAT").starts_with("+OK 5 "));
    assert_eq!(retrieve(&mut connection, 5), b"Subject: new\r\n\r\nmore\r\n");
}

#[test]
fn one_session_at_a_time() {
    let world = correct();
    let first = log_in(&world, "load00009");
    let mut second = open(&world);
    say(&mut second, "USER load00009");
    assert_eq!(say(&mut second, "PASS secret"), "-ERR [IN-USE] Maildrop is busy\r\n");
    drop(first);
    say(&mut second, "USER load00009");
    assert_eq!(say(&mut second, "PASS secret"), "+OK Maildrop open\r\n");
}

#[test]
fn corrupted_retrievals_are_found_and_only_those() {
    let world = world(Defects::from(Defect::parse("load.retr-corrupt").unwrap()), Pace::default());
    let mut verifier = Verifier::new();
    let mut verdicts = BTreeMap::new();
    for user in ["load00001", "load00002", "load00003"] {
        let mut connection = log_in(&world, user);
        for number in 1..=6 {
            verifier.start();
            verifier.push(&retrieve(&mut connection, number));
            *verdicts.entry(format!("{:?}", verifier.finish(user.as_bytes()))).or_insert(0) += 1;
        }
    }
    let expected = [(ContentVerdict::Verified, 12), (ContentVerdict::WrongChecksum, 6)];
    assert_eq!(verdicts, expected.map(|(verdict, count)| (format!("{verdict:?}"), count)).into());
}

/// Every wait of a session, with what is written behind it.
fn waits(connection: &mut Connection, mut octets: &[u8]) -> Vec<(Option<Duration>, String)> {
    let (mut waits, mut waited) = (Vec::new(), None);
    loop {
        match connection.next() {
            Next::Wait(duration) => assert_eq!(waited.replace(duration), None, "two waits for one reply"),
            Next::Write => {
                let mut out = Vec::new();
                connection.transmit(&mut out, usize::MAX);
                waits.push((waited.take(), String::from_utf8(out).unwrap()));
            }
            Next::Read if !octets.is_empty() => octets = &octets[connection.receive(octets)..],
            _ => return waits,
        }
    }
}

#[test]
fn replies_wait_as_long_as_the_seed_says() {
    let latency = Distribution::Exponential { mean: 0.05 };
    let session = |greeting| {
        let world = world(Defects::NONE, Pace { latency: Some(latency.clone()), greeting });
        let mut connection = world.connect(Channel::Clear);
        waits(&mut connection, b"USER load00001\r\nPASS secret\r\nLIST\r\nNOOP\r\nQUIT\r\n")
    };
    let replies = session(false);
    assert_eq!(replies[0].0, None, "the greeting");
    assert_eq!(replies.len(), 6);
    let drawn = |ordinal| {
        let seconds = latency.sample(&mut chance::Chance::of(&[1, 1, ordinal]));
        Some(Duration::from_secs_f64(seconds))
    };
    for (ordinal, (wait, _)) in (0..).zip(&replies).skip(1) {
        assert_eq!(*wait, drawn(ordinal), "{ordinal}");
    }
    let delayed = session(true);
    assert_eq!(delayed[0].0, drawn(0));
    assert_eq!(delayed[1..], replies[1..]);
}

#[test]
fn waits_have_the_distribution_asked_for() {
    let pace = Pace { latency: Some(Distribution::Uniform { low: 0.0, high: 0.1 }), greeting: false };
    let world = world(Defects::NONE, pace);
    let mut all: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let mut connection = world.connect(Channel::Clear);
        all.extend(waits(&mut connection, &b"NOOP\r\n".repeat(20)).into_iter().filter_map(|(wait, _)| wait));
    }
    all.sort();
    assert_eq!(all.len(), 4000);
    for (part, milliseconds) in [(400, 10.0), (2000, 50.0), (3600, 90.0)] {
        let found = all[part].as_secs_f64() * 1000.0;
        assert!((found - milliseconds).abs() < 2.5, "{found} is not {milliseconds}");
    }
}

//! Each defect of what a maildrop is and does acts: what the wire shows otherwise than with the correct server.
//!
//! A conversation is steps parted by `;`. A step is a command, or several in one write parted by `|`, or one of these:
//! `login`, `auth`, `apop`, `tls` and `wrong` with an account (the last with a wrong password), `connect`, `drop`, and
//! `deliver`, `redeliver` and `remove` with an account, which act on its maildrop. `silence` lets the server lose its patience. `2:` before a step is another connection.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chance::Distribution;
use fake::{
    Account, Channel, Configuration, Connection, Defect, Defects, Machine as _, Next, Password, Tenancy,
    World,
};
use mail::load::Population;

use crate::talk::exchange;

mod rows;

use rows::ROWS;

fn message(number: usize) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\nmessage {number}\r\n").into_bytes()
}

fn mixed() -> Vec<Vec<u8>> {
    let header = "Received: from here\r\n\tby there\r\nFrom: a@example.com\r\nTo: b@example.com\r\nSubject: all\r\n of it\r\n\
                  Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nX-More: yes\r\n\r\n";
    let nul = b"Subject: NUL\r\n\r\none\0two\r\nthree\r\n".to_vec();
    vec![
        format!("{header}one\r\n.\r\n.\r\n..two\r\n.three\r\n\r\n\r\nFrom four \t\r\nfive\r\n\r\n\r\n")
            .into_bytes(),
        format!("{header}another body\r\nof two lines\r\n").into_bytes(),
        b"Subject: unfinished\r\n\r\nlast line".to_vec(),
        Vec::new(),
        nul,
        b"Subject: controls\r\n\r\none\r.\rtwo\r.\r\nthree\n.\nfour\n.\r\nfive\r\n".to_vec(),
        b"Subject: l\xe4tin\r\n\r\nna\xefve na\xc3\xafve\r\n.\r\n".to_vec(),
        [&b"Subject: long\r\n\r\n"[..], &b"0123456789".repeat(300), b"\r\n", &b"x".repeat(70_000), b"\r\n"]
            .concat(),
        b"Subject: header only\r\n".to_vec(),
        b".First: dot\r\n\r\nbody\r\n".to_vec(),
    ]
}

/// Dots at every offset of a buffer, at the beginning of lines and within them.
fn dotted() -> Vec<Vec<u8>> {
    // Four octets each on the wire, and so at every edge.
    let mut dots = [&b"Subject: dot\r\n\r\n"[..], &b".\r\n".repeat(60_000)].concat();
    for line in 0..20_000 {
        dots.extend_from_slice(&b"............"[..=(line * 7 % 12)]);
        dots.extend_from_slice(b"\r\n");
    }
    let line = [&b"Subject: dots\r\n\r\n"[..], &b".".repeat(9_000), b"\r\n"].concat();
    let large = [&b"Subject: large\r\n\r\n"[..], &b"0123456789\r\n".repeat(100_000)].concat();
    vec![dots, line, large]
}

fn world(defects: Defects, script: &str) -> World {
    let mail = |user: &str| match user {
        "mixed" => mixed(),
        "dotted" => dotted(),
        "many" => (1..=300).map(message).collect(),
        "some" => (1..=8).map(message).chain([message(1)]).collect(),
        _ => Vec::new(),
    };
    let users = ["mixed", "dotted", "many", "some", "empty"].into_iter().filter(|user| script.contains(user));
    let accounts = users.map(|user| Account::new(user, "x", mail(user))).collect();
    let population = Population {
        seed: 1,
        user: "vast{n}".to_owned(),
        first: 1,
        count: 1,
        messages: 60,
        sizes: Distribution::Fixed(1_500_000_000.0),
    };
    let population = vec![Tenancy { population, password: Password::Shared("x".to_owned()) }];
    World::new(Configuration { seed: 1, accounts, population, defects, ..Configuration::default() })
}

/// What the server says, step by step.
struct Talk {
    world: World,
    connections: BTreeMap<u8, Connection>,
    said: Vec<String>,
    greeting: Vec<u8>,
}

impl Talk {
    fn run(defects: Defects, script: &str) -> Vec<String> {
        let mut talk = Talk {
            world: world(defects, script),
            connections: BTreeMap::new(),
            said: Vec::new(),
            greeting: Vec::new(),
        };
        for step in script.split(';').map(str::trim) {
            let (slot, step) = step.strip_prefix("2:").map_or((1, step), |step| (2, step));
            talk.said.push(format!("> {step}"));
            talk.step(slot, step);
        }
        talk.said
    }

    fn step(&mut self, slot: u8, step: &str) {
        let (word, user) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "connect" => self.connect(slot, Channel::Clear),
            "login" => self.login(slot, Channel::Clear, &format!("USER {user}|PASS x")),
            "tls" => self.login(slot, Channel::Tls, &format!("USER {user}|PASS x")),
            "wrong" => self.login(slot, Channel::Clear, &format!("USER {user}|PASS y")),
            "auth" => {
                let response = sasl::base64::encode(format!("\0{user}\0x"));
                self.login(slot, Channel::Clear, &format!("AUTH PLAIN {response}"));
            }
            "apop" => {
                self.connect(slot, Channel::Clear);
                let greeting = String::from_utf8_lossy(&self.greeting).into_owned();
                let timestamp = &greeting[greeting.find('<').unwrap()..=greeting.find('>').unwrap()];
                self.say(slot, &format!("APOP {user} {}", sasl::apop::digest(timestamp, "x")));
            }
            "silence" => {
                let connection = self.connections.get_mut(&slot).unwrap();
                if let Some(patience) = connection.patience() {
                    self.said.push(format!("{patience:?}"));
                    connection.expired();
                    self.say(slot, "");
                }
            }
            "drop" => drop(self.connections.remove(&slot)),
            "deliver" => assert!(self.world.deliver(user, message(99))),
            "ALL" => {
                let (first, last) = user.split_once('-').unwrap();
                for number in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
                    self.say(slot, &format!("DELE {number}"));
                }
            }
            "TEN" => {
                for _ in 0..10 {
                    self.login(slot, Channel::Clear, &format!("USER {user}|PASS x"));
                }
            }
            "redeliver" => assert!(self.world.deliver(user, message(1))),
            "remove" => {
                let (user, number) = user.split_once(' ').unwrap();
                let mut messages = self.world.messages(user);
                messages.remove(number.parse::<usize>().unwrap() - 1);
                assert!(self.world.replace(user, messages));
            }
            "count" => self.said.push(self.world.messages(user).len().to_string()),
            _ => self.say(slot, step),
        }
    }

    fn connect(&mut self, slot: u8, channel: Channel) {
        self.connections.remove(&slot);
        self.connections.insert(slot, self.world.connect(channel));
        self.greeting = exchange(self.connections.get_mut(&slot).unwrap(), b"", usize::MAX);
    }

    fn login(&mut self, slot: u8, channel: Channel, lines: &str) {
        self.connect(slot, channel);
        self.say(slot, lines);
    }

    fn say(&mut self, slot: u8, lines: &str) {
        let lines = lines.split('|').filter(|line| !line.is_empty());
        let octets: Vec<u8> = lines.flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
        let connection = self.connections.get_mut(&slot).unwrap();
        let said = exchange(connection, &octets, usize::MAX);
        let lines = said.split_inclusive(|&octet| octet == b'\n').map(|line| line.escape_ascii().to_string());
        self.said.extend(lines);
        if said.is_empty() {
            self.said.push("(nothing)".to_owned());
        }
        if connection.next() == Next::Close {
            self.said.push("(closes)".to_owned());
        }
    }
}

/// The first line that differs, of both, and the step before it.
fn difference(right: &[String], wrong: &[String]) -> Option<String> {
    let place = right.iter().zip(wrong).position(|(right, wrong)| right != wrong);
    let place = place.or((right.len() != wrong.len()).then_some(right.len().min(wrong.len())))?;
    let step = right[..place].iter().rev().find(|line| line.starts_with("> ")).map_or("", |line| &line[2..]);
    let shown = |lines: &[String]| {
        let line = lines.get(place).map_or("(no more)", String::as_str);
        let end = line.char_indices().nth(72).map_or(line.len(), |(end, _)| end);
        line[..end].to_owned()
    };
    Some(format!("  {step}\n  - {}\n  + {}\n", shown(right), shown(wrong)))
}

#[test]
fn each_defect_acts() {
    let mut text = String::new();
    for &(id, script) in ROWS {
        let defect = Defect::parse(id).unwrap_or_else(|| panic!("there is no defect {id}"));
        let (right, wrong) = (Talk::run(Defects::NONE, script), Talk::run(defect.into(), script));
        let shown = difference(&right, &wrong).unwrap_or_else(|| "  NO DIFFERENCE\n".to_owned());
        let _ = write!(text, "{id}: {}\n  {script}\n{shown}", defect.summary);
    }
    insta::assert_snapshot!(text);
    assert!(!text.contains("NO DIFFERENCE"), "a defect that does nothing:\n{text}");
}

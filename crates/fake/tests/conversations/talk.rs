//! Conversations with a world in memory, written as scripts.
//!
//! A script is a list of lines. `C: ` is a command (CRLF is added), `C+ ` several in one write (parted by `|`), `C~ `
//! octets without a line end, `C- ` a command whose reply is not awaited; `S: ` is what comes back, `S~ ` without a
//! CRLF. `== ` lines act: `connect`, `tls` and `login USER` open a connection in the current slot, `drop` loses it,
//! `use N` goes to another slot, `apop`, `cram` and `scram` say what has to be computed. `{b64 …}` in a command is
//! base64 of the text, in which `\0` is NUL and `\xNN` any octet; `{times 9 x}` is nine of that letter.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use chance::Distribution;
use fake::{
    Account, Channel, Configuration, Connection, Defects, Machine as _, Next, Password, Tenancy, World,
};
use mail::load::Population;
use sasl::scram::{self, Sha256};

pub(crate) const PASSWORDS: [(&str, &str); 5] = [
    ("alice", "wonderland"),
    ("bob", "builder"),
    ("carol", "christmas"),
    ("dave", "Drive1"),
    ("erin", "Evening1"),
];

/// A world with a few messages for alice, none for bob, nasty ones for carol, and if wanted a large one for dave and 1010 for erin.
pub(crate) fn world(defects: Defects, with_large: bool) -> World {
    World::new(configuration(defects, with_large))
}

/// What [`world`] is made from.
pub(crate) fn configuration(defects: Defects, with_large: bool) -> Configuration {
    let mail = |user: &str| match user {
        "alice" => ordinary(),
        "carol" => nasty(),
        "dave" if with_large => {
            vec![[&b"Subject: large\r\n\r\n"[..], &b"0123456789\r\n".repeat(100_000)].concat()]
        }
        "erin" if with_large => vec![b"Subject: one of many\r\n\r\n".to_vec(); 1010],
        _ => Vec::new(),
    };
    let accounts =
        PASSWORDS.iter().map(|&(user, password)| Account::new(user, password, mail(user))).collect();
    let population = vec![Tenancy {
        population: Population {
            seed: 1,
            user: "load{n}".to_owned(),
            first: 1,
            count: 1,
            messages: 3,
            sizes: Distribution::Fixed(700.0),
        },
        password: Password::Shared("x".to_owned()),
    }];
    Configuration { seed: 1, accounts, population, defects, ..Configuration::default() }
}

fn ordinary() -> Vec<Vec<u8>> {
    [
        &b"Subject: one\r\n\r\nfirst\r\n.dotted\r\n.\r\nlast\r\n"[..],
        b"Subject: two\r\n\r\nline 1\r\nline 2\r\n",
        b"Subject: three\r\n\r\nno line end",
        b"Subject: four\r\n\r\n4\r\n",
        b"Subject: five\r\n\r\n5\r\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

fn nasty() -> Vec<Vec<u8>> {
    let mut boundary = b"Subject: boundary\r\n\r\n".to_vec();
    while boundary.len() < 9000 {
        boundary.extend_from_slice(format!(".{:056}\r\n", boundary.len()).as_bytes());
    }
    let long = [&b"Subject: long\r\n\r\n"[..], &b"12345678\r\n".repeat(1000)].concat();
    vec![
        b".X-First: dot\r\n\r\nbody\r\n".to_vec(),
        b"\r\nno header\r\n".to_vec(),
        "Subject: Gr\u{fc}\u{df}e\r\n\r\nUTF-8 above\r\n".as_bytes().to_vec(),
        "Subject: body\r\n\r\nna\u{ef}ve\r\n".as_bytes().to_vec(),
        long,
        boundary,
        b"Subject: ASCII\r\n\r\nplain\r\n".to_vec(),
    ]
}

/// Runs the client's part of a script in a world and gives the whole transcript, as a script.
pub(crate) fn run(world: &World, script: &str) -> String {
    let mut talk =
        Talk { world, slots: BTreeMap::new(), slot: 1, transcript: String::new(), said: Vec::new() };
    for line in script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('S'))
    {
        talk.line(line);
    }
    talk.transcript
}

/// Compares a transcript with what the correct server says.
pub(crate) fn check(script: &str) {
    let expected: String = script.lines().map(str::trim_start).filter(|line| !line.is_empty()).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    );
    let actual = run(&world(Defects::NONE, false), script);
    assert_eq!(actual, expected, "the conversation was:\n{actual}");
}

struct Talk<'a> {
    world: &'a World,
    slots: BTreeMap<u32, Connection>,
    slot: u32,
    transcript: String,
    /// The last output.
    said: Vec<u8>,
}

impl Talk<'_> {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.transcript, "{line}");
        let (kind, text) = line.split_at_checked(3).unwrap_or((line, ""));
        match kind {
            "== " => self.act(text),
            "C: " => self.say(&[&expanded(text), &b"\r\n"[..]].concat(), usize::MAX),
            "C+ " => {
                let octets: Vec<u8> =
                    text.split('|').flat_map(|line| [&expanded(line), &b"\r\n"[..]].concat()).collect();
                self.say(&octets, usize::MAX);
            }
            "C- " => self.say(&[text.as_bytes(), b"\r\n"].concat(), 100),
            "C~ " => self.say(&expanded(text), usize::MAX),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn act(&mut self, action: &str) {
        match action.split_once(' ').unwrap_or((action, "")) {
            ("connect", _) => self.open(Channel::Clear),
            ("tls", _) => self.open(Channel::Tls),
            ("login", user) => {
                self.open(Channel::Clear);
                let (_, password) = PASSWORDS.iter().find(|(name, _)| *name == user).unwrap();
                self.say(format!("USER {user}\r\nPASS {password}\r\n").as_bytes(), usize::MAX);
            }
            ("drop", _) => drop(self.slots.remove(&self.slot)),
            ("use", slot) => self.slot = slot.parse().unwrap(),
            ("apop", user) => {
                let greeting = self.said.clone();
                let timestamp = greeting.split(|&octet| octet == b'<').nth(1).unwrap();
                let timestamp = format!("<{}", String::from_utf8_lossy(timestamp).trim_end());
                let password = PASSWORDS.iter().find(|(name, _)| *name == user).unwrap().1;
                let digest = sasl::apop::digest(&timestamp, password);
                self.say(format!("APOP {user} {digest}\r\n").as_bytes(), usize::MAX);
            }
            ("cram", digits) => {
                let challenge = self.challenge();
                let digest = sasl::cram_md5::digest(&challenge, "wonderland");
                let response = format!("alice {}", &digest[..digits.parse().unwrap()]);
                self.say(format!("{}\r\n", sasl::base64::encode(response)).as_bytes(), usize::MAX);
            }
            ("scram", alteration) => self.scram(alteration),
            _ => panic!("what is {action:?}?"),
        }
    }

    fn open(&mut self, channel: Channel) {
        // The old connection goes first, so that its lock is free.
        self.slots.remove(&self.slot);
        self.slots.insert(self.slot, self.world.connect(channel));
        self.say(b"", usize::MAX);
    }

    fn challenge(&self) -> Vec<u8> {
        let text = self.said.strip_prefix(b"+ ").and_then(|text| text.strip_suffix(b"\r\n")).unwrap();
        sasl::base64::decode(text).unwrap()
    }

    /// A whole SCRAM login of alice with one thing wrong.
    fn scram(&mut self, alteration: &str) {
        let say = |talk: &mut Self, text: &str| {
            talk.say(format!("{}\r\n", sasl::base64::encode(text)).as_bytes(), usize::MAX);
        };
        let mut bare = scram::client_first_bare("alice", "clientnonce");
        if alteration == "extension" {
            bare.push_str(",z=more");
        }
        self.say(b"AUTH SCRAM-SHA-256\r\n", usize::MAX);
        say(self, &format!("n,,{bare}"));
        if !self.said.starts_with(b"+ ") {
            return;
        }
        let server_first = String::from_utf8(self.challenge()).unwrap();
        let parsed = scram::parse_server_first(server_first.as_bytes()).unwrap();
        let nonce = if alteration == "nonce" { "clientnonce" } else { parsed.nonce };
        let without_proof =
            scram::client_final_without_proof(if alteration == "header" { "y,," } else { "n,," }, nonce);
        let salted = scram::salted_password::<Sha256>("wonderland", &parsed.salt, parsed.iterations);
        let mut proof = scram::proof::<Sha256>(
            &salted,
            scram::auth_message(&bare, &server_first, &without_proof).as_bytes(),
        );
        if alteration == "proof" {
            proof[0] ^= 1;
        }
        say(self, &scram::client_final(&without_proof, &proof));
        if self.said.starts_with(b"+ ") {
            self.say(b"\r\n", usize::MAX);
        }
    }

    /// Sends octets as a driver would and notes what comes back; gives up on output after so many octets.
    fn say(&mut self, octets: &[u8], patience: usize) {
        let Some(connection) = self.slots.get_mut(&self.slot) else { panic!("no connection") };
        let waited;
        (self.said, waited) = exchange_with_waits(connection, octets, patience, 3);
        if !waited.is_zero() {
            let _ = writeln!(self.transcript, "S waits {waited:?}");
        }
        for line in self.said.split_inclusive(|&octet| octet == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(line) => writeln!(self.transcript, "S: {}", line.escape_ascii()),
                None => writeln!(self.transcript, "S~ {}", line.escape_ascii()),
            }
            .unwrap();
        }
        let end = match connection.next() {
            Next::Close => "S closes",
            Next::Reset => "S resets",
            Next::CloseWithoutNotify => "S closes without close_notify",
            Next::Alert => "S sends an alert",
            Next::Stall => "S stalls",
            _ => return,
        };
        let _ = writeln!(self.transcript, "{end}");
    }
}

/// Drives a connection until all octets are taken and all output, or as much as wanted, is out. TLS is a formality.
pub(crate) fn exchange(connection: &mut Connection, octets: &[u8], patience: usize) -> Vec<u8> {
    exchange_with_waits(connection, octets, patience, 0).0
}

/// As [`exchange`], until the server has wanted to wait more often than this; and how long it has wanted to.
fn exchange_with_waits(
    connection: &mut Connection,
    mut octets: &[u8],
    patience: usize,
    waits: u32,
) -> (Vec<u8>, Duration) {
    let (mut out, mut waited, mut times) = (Vec::new(), Duration::ZERO, 0);
    loop {
        match connection.next() {
            Next::Wait(time) if times < waits => (waited, times) = (waited + time, times + 1),
            Next::Write if out.len() < patience => connection.transmit(&mut out, 16 * 1024.min(patience)),
            Next::Read if !octets.is_empty() => {
                let taken = connection.receive(octets);
                assert!(taken > 0, "octets were offered and none taken");
                octets = &octets[taken..];
            }
            Next::StartTls(_) => {
                octets = b"";
                connection.secured();
            }
            _ => return (out, waited),
        }
    }
}

/// The octets of a command of a script.
fn expanded(text: &str) -> Vec<u8> {
    if let Some((before, rest)) = text.split_once("{times ") {
        let (repeated, after) = rest.split_once('}').unwrap();
        let (times, letter) = repeated.split_once(' ').unwrap();
        return expanded(&format!("{before}{}{after}", letter.repeat(times.parse().unwrap())));
    }
    let Some((before, rest)) = text.split_once("{b64 ") else { return unescaped(text) };
    let (encoded, after) = rest.split_once('}').unwrap();
    let text = format!("{before}{}{after}", sasl::base64::encode(unescaped(encoded)));
    unescaped(&text)
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        octets.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let (octet, length) = match escape.as_bytes()[0] {
            b'0' => (0, 1),
            b't' => (b'\t', 1),
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'x' => (u8::from_str_radix(&escape[1..3], 16).unwrap(), 3),
            other => panic!("what is \\{}?", char::from(other)),
        };
        octets.push(octet);
        rest = &escape[length..];
    }
    octets.extend_from_slice(rest.as_bytes());
    octets
}

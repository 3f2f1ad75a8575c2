//! A mail server for the tests, LMTP and SMTP alike: it keeps what it takes, and a rule says what it takes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A message as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// `LHLO localhost` or `EHLO localhost`.
    pub(super) hello: String,
    /// With the angle brackets.
    pub(super) sender: String,
    /// Without them.
    pub(super) recipient: String,
    /// Without dot-stuffing.
    pub(super) octets: Vec<u8>,
    /// How many lines were dot-stuffed.
    pub(super) stuffed: usize,
}

/// What the server does with a message.
pub(super) enum Answer {
    /// It keeps the message.
    Take,
    /// It says this instead.
    Refuse(&'static str),
    /// It ends the connection.
    HangUp,
}

/// Something that happens once, and that others wait for.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(super) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    /// Waits for it, but not for ever: a test that waits in vain is to fail, not to hang.
    pub(super) fn wait(&self) {
        let (open, changed) = &*self.0;
        let open = open.lock().unwrap();
        let _ = changed.wait_timeout_while(open, Duration::from_mins(1), |open| !*open).unwrap();
    }
}

type Rule = Box<dyn Fn(usize, &Given) -> Answer + Send + Sync>;

/// What all connections have in common.
struct State {
    taken: Mutex<Vec<Given>>,
    connections: Mutex<usize>,
    /// Opened when a connection ends.
    ended: Gate,
    rule: Rule,
}

/// A mail server on a free loopback port. It serves until the test ends.
pub(super) struct MailServer {
    port: u16,
    state: Arc<State>,
}

impl MailServer {
    /// Takes everything.
    pub(super) fn new() -> Self {
        Self::with(Gate::default(), |_, _| Answer::Take)
    }

    /// Takes what the rule says, which is told how many messages were taken; opens the gate when a connection ends.
    pub(super) fn with(ended: Gate, rule: impl Fn(usize, &Given) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (taken, connections) = (Mutex::default(), Mutex::default());
        let state = Arc::new(State { taken, connections, ended, rule: Box::new(rule) });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *shared.connections.lock().unwrap() += 1;
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = serve(&mut BufReader::new(stream), &shared);
                    shared.ended.open();
                });
            }
        });
        Self { port, state }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Everything that was taken, in the order of taking.
    pub(super) fn taken(&self) -> Vec<Given> {
        self.state.taken.lock().unwrap().clone()
    }

    /// The messages that a recipient was given, in the order of taking.
    pub(super) fn of(&self, recipient: &str) -> Vec<Vec<u8>> {
        let own = self.taken().into_iter().filter(|given| given.recipient == recipient);
        own.map(|given| given.octets).collect()
    }
}

/// One connection, until either side ends it.
fn serve(peer: &mut BufReader<TcpStream>, state: &State) -> std::io::Result<()> {
    say(peer, "220-mail.example.org\r\n220 is here")?;
    let (mut hello, mut sender, mut recipient) = (String::new(), String::new(), String::new());
    loop {
        let command = String::from_utf8_lossy(&line(peer)?).trim_end().to_owned();
        let answer = match command.split_once([' ', ':']).map_or(command.as_str(), |(verb, _)| verb) {
            "LHLO" | "EHLO" => {
                hello = command;
                "250-mail.example.org\r\n250-8BITMIME\r\n250 PIPELINING"
            }
            "MAIL" => {
                sender = command.replacen("MAIL FROM:", "", 1);
                "250 2.1.0 OK"
            }
            "RCPT" => {
                recipient = command.replacen("RCPT TO:<", "", 1).replace('>', "");
                "250 2.1.5 OK"
            }
            "DATA" => {
                say(peer, "354 go on")?;
                let (octets, stuffed) = message(peer)?;
                let (sender, recipient) = (std::mem::take(&mut sender), std::mem::take(&mut recipient));
                let given = Given { hello: hello.clone(), sender, recipient, octets, stuffed };
                let before = state.taken.lock().unwrap().len();
                match (state.rule)(before, &given) {
                    Answer::Take => state.taken.lock().unwrap().push(given),
                    Answer::Refuse(words) => {
                        say(peer, words)?;
                        continue;
                    }
                    Answer::HangUp => return Ok(()),
                }
                "250-2.0.0 kept\r\n250 2.0.0 for good"
            }
            "QUIT" => return say(peer, "221 2.0.0 bye"),
            _ => "500 5.5.1 what?",
        };
        say(peer, answer)?;
    }
}

fn say(peer: &mut BufReader<TcpStream>, words: &str) -> std::io::Result<()> {
    peer.get_mut().write_all(format!("{words}\r\n").as_bytes())
}

fn line(peer: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    match peer.read_until(b'\n', &mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line),
    }
}

/// Lines up to the one with a dot alone, and how many of them had a dot too many (RFC 5321 section 4.5.2).
fn message(peer: &mut BufReader<TcpStream>) -> std::io::Result<(Vec<u8>, usize)> {
    let (mut octets, mut stuffed) = (Vec::new(), 0);
    loop {
        let line = line(peer)?;
        match line.strip_prefix(b".") {
            Some(b"\r\n") => return Ok((octets, stuffed)),
            Some(rest) => {
                stuffed += 1;
                octets.extend_from_slice(rest);
            }
            None => octets.extend_from_slice(&line),
        }
    }
}

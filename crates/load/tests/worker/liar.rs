//! A server that lies, since the fake's defects are bugs and no lies: a right one in a few lines, with an answer of the
//! test's own wherever that has one. Over loopback, on the real clock; it serves one connection after the other.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use load::{Assignment, Behaviours, Ended, Retrieval, Targets};
use scenario::{Behaviour, Process, Scenario, builder};
use tokio::sync::watch;

use crate::stage::{PASSWORD, Run, clear};

/// No wait of the server is longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server says instead of what is right: it is given the line, and how often this command came before.
pub(crate) type Lie = fn(&str, usize, &mut Maildrop) -> Option<Vec<u8>>;

/// What the server has, in one session.
#[derive(Clone)]
pub(crate) struct Maildrop {
    pub(crate) messages: Vec<Vec<u8>>,
    /// The numbers that are marked as deleted.
    pub(crate) marked: BTreeSet<usize>,
}

/// The server, until it is dropped.
pub(crate) struct Liar {
    address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    pub(crate) fn start(messages: Vec<Vec<u8>>, lie: Lie) -> Liar {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (said, over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (kept, ended) = (said.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // A client that hangs up has ended its session, and no more.
                let maildrop = Maildrop { messages: messages.clone(), marked: BTreeSet::new() };
                let _ = stream.and_then(|stream| serve(&stream, maildrop, lie, &kept));
            }
        });
        Liar { address, said, over, thread: Some(thread) }
    }

    /// All commands after the logins, in their order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        said.iter().filter(|line| !line.starts_with("USER ") && !line.starts_with("PASS ")).cloned().collect()
    }

    /// Runs one session of this scenario's behaviour.
    pub(crate) fn meet(&self, scenario: &Scenario, custom: Behaviours) -> Run {
        let assignment = Assignment {
            scenario: scenario.clone(),
            seed: scenario.seed,
            targets: Targets { implicit: Vec::new(), clear: vec![self.address] },
            server_name: "localhost".to_owned(),
            worker: 0,
            workers: 1,
            // An address of its own, so that ports which other programs have used up do not matter.
            sources: vec![IpAddr::from([127, 20, 11, 9])],
            ca_pem: None,
            insecure: true,
            retrieval: Retrieval::Keeps,
            allow_delete: true,
            start_in: Duration::ZERO,
            watch_self: false,
        };
        let dialer = load::dialer(&assignment).unwrap();
        let (_keep, stopped) = watch::channel(false);
        let mut seconds = Vec::new();
        let work = load::work(assignment, dialer, None, custom, stopped, |second| {
            seconds.push(second.into_record());
        });
        let ended: Ended = load::runtime().unwrap().block_on(work);
        Run { seconds, ended }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // So that it looks.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One session of one user.
pub(crate) fn one_session(behaviour: Behaviour) -> Scenario {
    builder::scenario("liar")
        .account("alice", PASSWORD)
        .process(Process::Even)
        .tls(clear())
        .open(20.0, Duration::from_millis(50))
        .behaviour(1.0, behaviour)
        .build()
        .unwrap()
}

/// What a right server answers, and lies are made of.
pub(crate) fn right(line: &str, maildrop: &mut Maildrop) -> Vec<u8> {
    let mut words = line.split_ascii_whitespace();
    let keyword = words.next().unwrap_or_default();
    let number = words.next().and_then(|word| word.parse::<usize>().ok());
    let Maildrop { messages, marked } = maildrop;
    let shown = messages.iter().enumerate().map(|(at, message)| (at + 1, message));
    let shown: Vec<(usize, &Vec<u8>)> = shown.filter(|(number, _)| !marked.contains(number)).collect();
    let list = |entry: &dyn Fn(usize, &Vec<u8>) -> String| match number {
        None => {
            let lines = shown.iter().map(|(number, message)| format!("{}\r\n", entry(*number, message)));
            format!("+OK\r\n{}.\r\n", lines.collect::<String>()).into_bytes()
        }
        Some(number) => match shown.iter().find(|(shown, _)| *shown == number) {
            Some((_, message)) => format!("+OK {}\r\n", entry(number, message)).into_bytes(),
            None => b"-ERR no\r\n".to_vec(),
        },
    };
    match (keyword, number) {
        ("USER" | "PASS" | "QUIT" | "NOOP", _) => b"+OK\r\n".to_vec(),
        ("RSET", _) => {
            marked.clear();
            b"+OK\r\n".to_vec()
        }
        ("STAT", _) => {
            let octets: usize = shown.iter().map(|(_, message)| message.len()).sum();
            format!("+OK {} {octets}\r\n", shown.len()).into_bytes()
        }
        ("LIST", _) => list(&|number, message| format!("{number} {}", message.len())),
        ("UIDL", _) => list(&|number, _| format!("{number} id-{number}")),
        ("DELE", Some(number)) if shown.iter().any(|(shown, _)| *shown == number) => {
            marked.insert(number);
            b"+OK\r\n".to_vec()
        }
        ("RETR", Some(number)) => match shown.iter().find(|(shown, _)| *shown == number) {
            Some((_, message)) => {
                let stuffed = String::from_utf8_lossy(message).replace("\r\n.", "\r\n..");
                format!("+OK\r\n{stuffed}.\r\n").into_bytes()
            }
            None => b"-ERR no\r\n".to_vec(),
        },
        _ => b"-ERR no\r\n".to_vec(),
    }
}

fn serve(
    stream: &TcpStream,
    mut maildrop: Maildrop,
    says: Lie,
    said: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut out = stream;
    out.write_all(b"+OK\r\n")?;
    let mut heard: Vec<String> = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let keyword = line.split_ascii_whitespace().next().unwrap_or_default().to_owned();
        let before = heard.iter().filter(|word| **word == keyword).count();
        heard.push(keyword.clone());
        said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.clone());
        let answer = says(&line, before, &mut maildrop).unwrap_or_else(|| right(&line, &mut maildrop));
        out.write_all(&answer)?;
        if keyword == "QUIT" {
            break;
        }
    }
    Ok(())
}

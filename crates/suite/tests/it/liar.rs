//! A POP3 server on the loopback interface that is right but for one lie about its mail, and that remembers which DELE
//! it was sent. It knows nothing of the suite, and never locks a maildrop.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    #[default]
    None,
    /// TOP shows message 1 under every number.
    TopShowsFirst,
    /// RETR and TOP show message 1 under every number.
    AllShowFirst,
    /// TOP puts the marker of message 1 in front of every message.
    MarkerBeforeTop,
    /// A hidden letter counts for DELE alone, so that DELE n deletes the one before n.
    HiddenAndOffByOne,
    /// The hidden letter becomes message 1 when the last one was retrieved.
    ArrivesAfterRetr,
    /// The same when the last head was shown.
    ArrivesAfterTop,
    /// From the second time on STAT counts one message more.
    CountMoves,
    /// From the second time on UIDL gives other unique-ids.
    UniqueIdsMove,
    /// Unique-ids are numbers, and message 1 becomes the hidden letter, of its size, when the last one was retrieved.
    Replaces,
    /// The same, and the message that it was when the last one is retrieved again.
    Alternates,
    /// RETR puts what it showed at the end.
    Rotates,
    /// A DELE of what is no message is refused, and marks the hidden letter.
    StrangeDelesHidden,
    /// All connections are in the maildrop of whoever logged in last, without being asked for a login.
    OneMaildropForAll,
    /// RETR and TOP show only the lines before the one that says `-- `.
    CutsSignatures,
}

/// A message in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) octets: Vec<u8>,
    /// Not in any listing.
    pub(crate) hidden: bool,
}

impl Letter {
    pub(crate) fn shown(octets: impl Into<Vec<u8>>) -> Self {
        Self { octets: octets.into(), hidden: false }
    }

    pub(crate) fn hidden(octets: impl Into<Vec<u8>>) -> Self {
        Self { octets: octets.into(), hidden: true }
    }
}

/// Letters by their identity in the store.
type Maildrop = BTreeMap<u32, Letter>;

/// The running server; it ends with the runtime.
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

#[derive(Default)]
struct Store {
    lie: Lie,
    maildrops: BTreeMap<String, Maildrop>,
    last_login: Option<String>,
    deletions: Vec<String>,
    hit: Vec<Letter>,
}

impl Liar {
    /// Starts it with these maildrops; every password is right.
    pub(crate) async fn start(lie: Lie, maildrops: impl IntoIterator<Item = (String, Vec<Letter>)>) -> Self {
        let numbered = |letters: Vec<Letter>| (1..).zip(letters).collect();
        let maildrops = maildrops.into_iter().map(|(user, letters)| (user, numbered(letters))).collect();
        let store = Store { lie, maildrops, last_login: None, deletions: Vec::new(), hit: Vec::new() };
        let store = Arc::new(Mutex::new(store));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its number");
        let shared = Arc::clone(&store);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, store }
    }

    /// What a maildrop holds now.
    pub(crate) fn letters(&self, user: &str) -> Vec<Letter> {
        self.store.lock().expect("nobody panicked with it").maildrops[user].values().cloned().collect()
    }

    /// The letters that a DELE has marked, carried out or not.
    pub(crate) fn hit(&self) -> Vec<Letter> {
        self.store.lock().expect("nobody panicked with it").hit.clone()
    }

    /// The DELE that came behind a login.
    pub(crate) fn deletions(&self) -> Vec<String> {
        self.store.lock().expect("nobody panicked with it").deletions.clone()
    }
}

async fn serve(stream: TcpStream, store: Arc<Mutex<Store>>) {
    let lie = store.lock().expect("nobody panicked with it").lie;
    let mut stream = BufReader::new(stream);
    let mut conversation = Conversation { lie, store, ..Conversation::default() };
    let mut answer = b"+OK ready\r\n".to_vec();
    loop {
        let mut command = String::new();
        if stream.get_mut().write_all(&answer).await.is_err() || conversation.over {
            break;
        }
        match stream.read_line(&mut command).await {
            Ok(octets) if octets > 0 && command.ends_with('\n') => {
                answer = conversation.answer(command.trim_end());
            }
            _ => break,
        }
    }
    let _ = stream.get_mut().shutdown().await;
}

#[derive(Default)]
struct Conversation {
    lie: Lie,
    store: Arc<Mutex<Store>>,
    name: String,
    /// The maildrop, once somebody has logged in.
    user: Option<String>,
    /// The letters as this session numbers them, by identity.
    order: Vec<u32>,
    letters: Maildrop,
    marked: BTreeSet<u32>,
    counted: u32,
    identified: u32,
    replaced: bool,
    over: bool,
}

impl Conversation {
    fn answer(&mut self, line: &str) -> Vec<u8> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let arguments: Vec<&str> = words.collect();
        if self.lie == Lie::OneMaildropForAll {
            self.join();
        }
        match (verb.as_str(), &self.user) {
            ("QUIT", _) => {
                self.over = true;
                self.commit();
                b"+OK bye\r\n".to_vec()
            }
            ("CAPA", _) => b"+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_vec(),
            ("USER", None) => {
                arguments.first().copied().unwrap_or_default().clone_into(&mut self.name);
                b"+OK\r\n".to_vec()
            }
            ("PASS", _) if self.user.is_none() || self.lie == Lie::OneMaildropForAll => self.open(),
            (_, Some(_)) => self.transact(&verb, &arguments),
            _ => b"-ERR log in first\r\n".to_vec(),
        }
    }

    fn open(&mut self) -> Vec<u8> {
        let mut store = self.store.lock().expect("nobody panicked with it");
        let Some(letters) = store.maildrops.get(&self.name).cloned() else {
            return b"-ERR nobody\r\n".to_vec();
        };
        store.last_login = Some(self.name.clone());
        self.order = letters.keys().copied().collect();
        self.letters = letters;
        self.user = Some(self.name.clone());
        b"+OK logged in\r\n".to_vec()
    }

    /// Goes to the maildrop of whoever logged in last.
    fn join(&mut self) {
        let store = self.store.lock().expect("nobody panicked with it");
        let Some(user) = store.last_login.clone().filter(|user| self.user.as_ref() != Some(user)) else {
            return;
        };
        self.letters = store.maildrops[&user].clone();
        self.order = self.letters.keys().copied().collect();
        self.user = Some(user);
    }

    fn commit(&mut self) {
        if let Some(user) = &self.user {
            let mut store = self.store.lock().expect("nobody panicked with it");
            let maildrop = store.maildrops.get_mut(user).expect("whose maildrop it is");
            maildrop.retain(|id, _| !self.marked.contains(id));
        }
    }

    fn transact(&mut self, verb: &str, arguments: &[&str]) -> Vec<u8> {
        match verb {
            "STAT" => {
                self.counted += 1;
                let more = usize::from(self.lie == Lie::CountMoves && self.counted > 1);
                let octets: usize = self.listed().iter().map(|(_, id)| self.letters[id].octets.len()).sum();
                format!("+OK {} {octets}\r\n", self.listed().len() + more).into_bytes()
            }
            "LIST" => self
                .listing(arguments, |conversation, _, id| conversation.letters[&id].octets.len().to_string()),
            "UIDL" => {
                self.identified += 1;
                self.listing(arguments, Self::unique_id)
            }
            "RETR" | "TOP" => self.show(verb, arguments),
            "DELE" => self.delete(arguments),
            "RSET" => {
                self.marked.clear();
                b"+OK\r\n".to_vec()
            }
            "NOOP" => b"+OK\r\n".to_vec(),
            _ => b"-ERR unknown\r\n".to_vec(),
        }
    }

    fn unique_id(&self, number: usize, id: u32) -> String {
        match self.lie {
            Lie::Replaces | Lie::Alternates => number.to_string(),
            Lie::UniqueIdsMove if self.identified > 1 => format!("{id}-{}", self.identified),
            _ => format!("id-{id}"),
        }
    }

    /// The numbers of the messages that are not hidden, marked or not.
    fn numbered(&self) -> Vec<(usize, u32)> {
        let visible = self.order.iter().copied().filter(|id| !self.letters[id].hidden);
        (1..).zip(visible).collect()
    }

    fn listed(&self) -> Vec<(usize, u32)> {
        self.numbered().into_iter().filter(|(_, id)| !self.marked.contains(id)).collect()
    }

    fn find(&self, arguments: &[&str]) -> Option<(usize, u32)> {
        let number: usize = arguments.first()?.parse().ok()?;
        self.listed().into_iter().find(|(known, _)| *known == number)
    }

    fn listing(&self, arguments: &[&str], told: impl Fn(&Self, usize, u32) -> String) -> Vec<u8> {
        if arguments.is_empty() {
            let listed = self.listed().into_iter();
            let lines: Vec<String> =
                listed.map(|(number, id)| format!("{number} {}\r\n", told(self, number, id))).collect();
            return format!("+OK\r\n{}.\r\n", lines.concat()).into_bytes();
        }
        match self.find(arguments) {
            Some((number, id)) => format!("+OK {number} {}\r\n", told(self, number, id)).into_bytes(),
            None => b"-ERR no such message\r\n".to_vec(),
        }
    }

    fn show(&mut self, verb: &str, arguments: &[&str]) -> Vec<u8> {
        let head_only = verb == "TOP";
        let wanted = if head_only { 2 } else { 1 };
        let Some((number, id)) = self.find(arguments).filter(|_| arguments.len() == wanted) else {
            return b"-ERR no such message\r\n".to_vec();
        };
        let first = self.numbered()[0].1;
        let always_first = self.lie == Lie::AllShowFirst || self.lie == Lie::TopShowsFirst && head_only;
        let mut text = self.letters[if always_first { &first } else { &id }].octets.clone();
        if head_only && self.lie == Lie::MarkerBeforeTop {
            let marker = mail::Marker::parse(&self.letters[&first].octets).expect("message 1 is poplab's");
            text = [format!("{}: {marker}\r\n", mail::Marker::HEADER).as_bytes(), &text].concat();
        }
        if self.lie == Lie::CutsSignatures
            && let Some(at) = text.windows(5).position(|octets| octets == b"-- \r\n")
        {
            text.truncate(at);
        }
        let lines: usize = arguments.get(1).map_or(usize::MAX, |lines| lines.parse().unwrap_or_default());
        let answer = wire(&text, lines);
        self.move_on(verb, number, id);
        answer
    }

    /// What happens behind the client's back when it has seen a message.
    fn move_on(&mut self, verb: &str, number: usize, id: u32) {
        let last = self.numbered().len() == number;
        let hidden = self.order.iter().copied().find(|id| self.letters[id].hidden);
        match (self.lie, verb) {
            (Lie::ArrivesAfterRetr, "RETR") | (Lie::ArrivesAfterTop, "TOP") if last => {
                if let Some(letter) = hidden.and_then(|id| self.letters.get_mut(&id)) {
                    letter.hidden = false;
                }
            }
            (Lie::Replaces | Lie::Alternates, "RETR") if last => {
                let first = self.numbered()[0].1;
                let once_only = self.lie == Lie::Replaces;
                if let Some(hidden) =
                    hidden.filter(|_| !(once_only && std::mem::replace(&mut self.replaced, true)))
                {
                    self.letters.get_mut(&hidden).expect("it was found").hidden = false;
                    self.letters.get_mut(&first).expect("message 1").hidden = true;
                }
            }
            (Lie::Rotates, "RETR") => {
                self.order.retain(|other| *other != id);
                self.order.push(id);
            }
            _ => {}
        }
    }

    fn delete(&mut self, arguments: &[&str]) -> Vec<u8> {
        self.store
            .lock()
            .expect("nobody panicked with it")
            .deletions
            .push(format!("DELE {}", arguments.join(" ")));
        let found = self.find(arguments).filter(|_| arguments.len() == 1);
        let hit: Vec<u32> = match (found, self.lie) {
            (Some((number, _)), Lie::HiddenAndOffByOne) => vec![self.order[number - 1]],
            (Some((_, id)), _) => vec![id],
            (None, Lie::StrangeDelesHidden) => {
                self.order.iter().copied().filter(|id| self.letters[id].hidden).collect()
            }
            (None, _) => Vec::new(),
        };
        let letters = hit.iter().map(|id| self.letters[id].clone());
        self.store.lock().expect("nobody panicked with it").hit.extend(letters);
        self.marked.extend(hit);
        if found.is_some() { b"+OK marked\r\n".to_vec() } else { b"-ERR no such message\r\n".to_vec() }
    }
}

/// A message on the wire, with this many lines of its body.
fn wire(text: &[u8], lines: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.trim_end_matches("\r\n"), ""));
    let body: Vec<&str> = body.split_terminator("\r\n").take(lines).collect();
    let mut answer = "+OK\r\n".to_owned();
    for line in head.split("\r\n").chain([""]).chain(body) {
        if line.starts_with('.') {
            answer.push('.');
        }
        answer.push_str(line);
        answer.push_str("\r\n");
    }
    answer.push_str(".\r\n");
    answer.into_bytes()
}

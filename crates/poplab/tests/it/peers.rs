//! Scripted servers: each does one thing to whoever connects, from a thread of the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::environment::LONGEST;

/// A scripted server on a free loopback port. It serves until the test ends.
pub(crate) struct Peer {
    port: u16,
    heard: Receiver<String>,
}

/// One connection of a scripted server.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
    heard: Sender<String>,
    /// Counted from 1.
    pub(crate) number: usize,
}

impl Peer {
    /// Serves every connection by this script, one thread each.
    pub(crate) fn new(script: fn(&mut Connection)) -> Self {
        Self::mortal(usize::MAX, script)
    }

    /// The same for so many connections; after the last of them nothing listens any more.
    pub(crate) fn mortal(connections: usize, script: fn(&mut Connection)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (heard_by, heard) = channel();
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().flatten().take(connections).enumerate() {
                let heard = heard_by.clone();
                std::thread::spawn(move || {
                    let mut connection =
                        Connection { reader: BufReader::new(stream), heard, number: index + 1 };
                    connection.note(&format!("== connection {}", connection.number));
                    script(&mut connection);
                });
            }
        });
        Self { port, heard }
    }

    pub(crate) fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every line that was heard so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.try_iter().collect()
    }

    /// Waits until this line is heard.
    pub(crate) fn wait_for(&self, wanted: &str) {
        while self.heard.recv_timeout(LONGEST).expect("the line is heard") != wanted {}
    }
}

impl Connection {
    fn note(&self, line: &str) {
        // The test may have ended.
        let _ = self.heard.send(line.to_owned());
    }

    pub(crate) fn say(&mut self, octets: &[u8]) -> bool {
        self.reader.get_mut().write_all(octets).is_ok()
    }

    /// The next line, without its end; nothing when the client is gone.
    pub(crate) fn listen(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let octets = self.reader.read_until(b'\n', &mut line).ok()?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.note(&line);
        (octets > 0).then_some(line)
    }

    /// Listens until the client is gone.
    pub(crate) fn stay(&mut self) {
        while self.listen().is_some() {}
    }
}

/// A POP3 server that knows CAPA, USER and QUIT, and refuses every password, not without repeating it.
pub(crate) fn refuses_passwords(connection: &mut Connection) {
    connection.say(b"+OK ready\r\n");
    while let Some(line) = connection.listen() {
        let reply = match line.split(' ').next() {
            Some("CAPA") => "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n".to_owned(),
            Some("USER" | "QUIT") => "+OK\r\n".to_owned(),
            Some("PASS" | "AUTH") => format!("-ERR [AUTH] wrong password in {line}\r\n"),
            _ => "-ERR unknown\r\n".to_owned(),
        };
        if !connection.say(reply.as_bytes()) {
            return;
        }
    }
}

/// The same, but it never says what it thinks of a password.
pub(crate) fn silent_on_passwords(connection: &mut Connection) {
    connection.say(b"+OK ready\r\n");
    while let Some(line) = connection.listen() {
        let reply: &[u8] = match line.split(' ').next() {
            Some("CAPA") => b"+OK\r\nUSER\r\n.\r\n",
            Some("USER" | "QUIT") => b"+OK\r\n",
            Some("PASS") => continue,
            _ => b"-ERR unknown\r\n",
        };
        connection.say(reply);
    }
}

/// Knows CAPA and QUIT, which is well enough to be surveyed.
pub(crate) fn knows_little(connection: &mut Connection) {
    connection.say(b"+OK ready\r\n");
    while let Some(line) = connection.listen() {
        let reply: &[u8] = match line.as_str() {
            "CAPA" => b"+OK\r\nUSER\r\n.\r\n",
            "QUIT" => b"+OK\r\n",
            _ => b"-ERR unknown\r\n",
        };
        connection.say(reply);
    }
}

/// Greets, and says nothing else.
pub(crate) fn greets_alone(connection: &mut Connection) {
    connection.say(b"+OK ready\r\n");
    connection.stay();
}

/// Knows little on the first connection, and greets on all others without a further word.
pub(crate) fn tires(connection: &mut Connection) {
    if connection.number == 1 {
        knows_little(connection);
    } else {
        greets_alone(connection);
    }
}

/// Knows little on the first connection; all others are left without a greeting.
pub(crate) fn falls_silent(connection: &mut Connection) {
    if connection.number == 1 {
        knows_little(connection);
    }
    connection.stay();
}

//! A bare epoll server: one thread, canned replies, the seeded messages of a population in memory.
//!
//! It takes each line as it comes and trusts its client: lines are short and arrive whole.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use mail::load::Population;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use super::{PIECE, events};

const LISTENER: u64 = u64::MAX;

struct Connection {
    socket: TcpStream,
    /// The index of the user that logged in.
    user: u64,
}

/// Serves until `stopped` says so, which is asked whenever a connection ends.
///
/// # Errors
/// A socket of the server's own fails.
pub(crate) fn serve(
    listener: &TcpListener,
    population: &Population,
    stopped: &dyn Fn() -> bool,
) -> io::Result<()> {
    let replies = Replies::new(population);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    listener.set_nonblocking(true)?;
    epoll::add(&epoll, listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let (mut ready, mut piece, mut output) = (events(), vec![0; PIECE], Vec::new());
    let patience = rustix::time::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    while !stopped() {
        epoll::wait(&epoll, spare_capacity(&mut ready), Some(&patience))?;
        for event in ready.drain(..) {
            let data = event.data;
            if data.u64() == LISTENER {
                while let Ok((socket, _)) = listener.accept() {
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    let slot = free.pop().unwrap_or_else(|| {
                        connections.push(None);
                        connections.len() - 1
                    });
                    epoll::add(
                        &epoll,
                        &socket,
                        epoll::EventData::new_u64(slot as u64),
                        epoll::EventFlags::IN,
                    )?;
                    // The greeting; a client that is gone already shows when it is read from.
                    let _ = (&socket).write(b"+OK ready\r\n");
                    connections[slot] = Some(Connection { socket, user: 0 });
                }
                continue;
            }
            let slot = data.u64() as usize;
            let Some(connection) = connections.get_mut(slot).and_then(Option::as_mut) else { continue };
            if !answer(connection, &replies, &mut piece, &mut output) {
                connections[slot] = None;
                free.push(slot);
            }
        }
    }
    Ok(())
}

/// Answers what has come; false when the connection is over.
fn answer(connection: &mut Connection, replies: &Replies, piece: &mut [u8], output: &mut Vec<u8>) -> bool {
    let Ok(count) = connection.socket.read(piece) else { return false };
    if count == 0 {
        return false;
    }
    output.clear();
    let mut last = false;
    for line in piece[..count].split_inclusive(|octet| *octet == b'\n') {
        match line.first_chunk::<4>() {
            Some(b"USER") => {
                connection.user = replies.user(line[5..].trim_ascii_end());
                output.extend_from_slice(b"+OK\r\n");
            }
            Some(b"STAT") => output.extend_from_slice(replies.stat(connection.user)),
            Some(b"LIST") => output.extend_from_slice(replies.list(connection.user)),
            Some(b"RETR") => {
                output.extend_from_slice(replies.message(connection.user, line[5..].trim_ascii_end()));
            }
            Some(b"QUIT") => {
                output.extend_from_slice(b"+OK\r\n");
                last = true;
            }
            _ => output.extend_from_slice(b"+OK\r\n"),
        }
    }
    write_all(&connection.socket, output) && !last
}

/// Writes everything, waiting by trying again: the client on the other core reads at once.
fn write_all(mut socket: &TcpStream, mut octets: &[u8]) -> bool {
    while !octets.is_empty() {
        match socket.write(octets) {
            Ok(count) => octets = &octets[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
    true
}

/// Every reply of every user, made once.
struct Replies {
    population: Population,
    users: Vec<User>,
}

struct User {
    stat: Vec<u8>,
    list: Vec<u8>,
    messages: Vec<Vec<u8>>,
}

impl Replies {
    fn new(population: &Population) -> Replies {
        let users = (0..population.count).map(|index| User::new(population, index)).collect();
        Replies { population: population.clone(), users }
    }

    fn user(&self, name: &[u8]) -> u64 {
        std::str::from_utf8(name).ok().and_then(|name| self.population.index_of(name)).unwrap_or(0)
    }

    fn stat(&self, user: u64) -> &[u8] {
        &self.users[user as usize].stat
    }

    fn list(&self, user: u64) -> &[u8] {
        &self.users[user as usize].list
    }

    fn message(&self, user: u64, number: &[u8]) -> &[u8] {
        let number =
            std::str::from_utf8(number).ok().and_then(|number| number.parse::<usize>().ok()).unwrap_or(1);
        &self.users[user as usize].messages[number - 1]
    }
}

impl User {
    fn new(population: &Population, index: u64) -> User {
        let mut list = b"+OK\r\n".to_vec();
        let (mut messages, mut total) = (Vec::new(), 0);
        for (position, octets) in population.sizes(index).enumerate() {
            let number = position as u32 + 1;
            list.extend_from_slice(format!("{number} {octets}\r\n").as_bytes());
            total += octets;
            let mut content = Vec::new();
            population.message(index, number).write(&mut content);
            messages.push(wire(&content));
        }
        list.extend_from_slice(b".\r\n");
        User { stat: format!("+OK {} {total}\r\n", messages.len()).into_bytes(), list, messages }
    }
}

/// A message as RETR sends it: status line, dots stuffed, terminator.
fn wire(content: &[u8]) -> Vec<u8> {
    let mut reply = b"+OK\r\n".to_vec();
    for line in content.split_inclusive(|octet| *octet == b'\n') {
        if line.first() == Some(&b'.') {
            reply.push(b'.');
        }
        reply.extend_from_slice(line);
    }
    reply.extend_from_slice(b".\r\n");
    reply
}

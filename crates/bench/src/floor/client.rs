//! A bare epoll client: one thread, a fixed number of sessions at once, each through the same commands.
//!
//! A reply is taken as complete when it ends as it must; nothing else of it is looked at, and nothing is recorded.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use super::{PIECE, events};

/// What a session says, line by line.
pub(crate) struct Script {
    /// The lines after the greeting, each with its CRLF, and whether its reply has several lines. `USER` lines come
    /// from `users`, in turn.
    pub(crate) commands: Vec<(Vec<u8>, bool)>,
    /// The USER lines.
    pub(crate) users: Vec<Vec<u8>>,
}

struct Session {
    socket: TcpStream,
    /// The command whose reply is awaited; none while it is the greeting.
    at: Option<usize>,
    user: usize,
    /// The last octets of a reply that came in pieces.
    end: [u8; 5],
}

/// Carries out so many sessions, `at_once` of them at the same time.
///
/// # Errors
/// A connection fails or ends early.
pub(crate) fn run(target: SocketAddr, script: &Script, at_once: usize, sessions: u64) -> io::Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let (mut ready, mut piece) = (events(), vec![0; PIECE]);
    let (mut begun, mut open) = (0_u64, 0_usize);
    let mut slots: Vec<Option<Session>> = (0..at_once).map(|_| None).collect();
    let connect = |slot: usize, begun: &mut u64| -> io::Result<Session> {
        let socket = TcpStream::connect(target)?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        epoll::add(&epoll, &socket, epoll::EventData::new_u64(slot as u64), epoll::EventFlags::IN)?;
        let user = *begun as usize % script.users.len();
        *begun += 1;
        Ok(Session { socket, at: None, user, end: *b"\r\n.\r\n" })
    };
    let first = at_once.min(usize::try_from(sessions).unwrap_or(usize::MAX));
    for (number, slot) in slots.iter_mut().enumerate().take(first) {
        *slot = Some(connect(number, &mut begun)?);
        open += 1;
    }
    while open > 0 {
        epoll::wait(&epoll, spare_capacity(&mut ready), None)?;
        for event in ready.drain(..) {
            let data = event.data;
            let slot = data.u64() as usize;
            let Some(session) = slots[slot].as_mut() else { continue };
            if proceed(session, script, &mut piece)? {
                continue;
            }
            // Closed before the next one is opened, as the engine does.
            slots[slot] = None;
            open -= 1;
            if begun < sessions {
                slots[slot] = Some(connect(slot, &mut begun)?);
                open += 1;
            }
        }
    }
    Ok(())
}

/// Takes what has come and says what is next; false when the session is over.
fn proceed(session: &mut Session, script: &Script, piece: &mut [u8]) -> io::Result<bool> {
    let count = match session.socket.read(piece) {
        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        Err(error) => return Err(error),
    };
    for octet in &piece[count.saturating_sub(5)..count] {
        session.end.rotate_left(1);
        session.end[4] = *octet;
    }
    let several = session.at.is_some_and(|at| script.commands[at].1);
    let complete = if several { session.end == *b"\r\n.\r\n" } else { session.end[4] == b'\n' };
    if !complete {
        return Ok(true);
    }
    let next = session.at.map_or(0, |at| at + 1);
    let Some((line, _)) = script.commands.get(next) else { return Ok(false) };
    session.at = Some(next);
    session.end = [0; 5];
    let line = if line == b"USER" { &script.users[session.user] } else { line };
    session.socket.write_all(line)?;
    Ok(true)
}

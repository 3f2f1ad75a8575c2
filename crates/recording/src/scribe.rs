//! Follows one session and writes it down, line by line.

use observer::{Heard, Log, Observer, Part};
use transcript::{Mask, Secrets};

use crate::Channel;
use crate::line::Line;

/// Of a reply no more is held than this before it becomes a line.
const PIECE: usize = 16 * 1024;

/// Writes one session down: into the log as a transcript, and as lines of a recording.
#[derive(Debug)]
pub struct Scribe {
    session: u32,
    observer: Observer,
    mask: Mask,
    /// Replies begun so far; the greeting is the first.
    replies: u64,
    /// Of the reply under way, without secrets.
    held: Vec<u8>,
}

impl Scribe {
    /// A client has connected; `None` if the log is full. The log must be one that knows these secrets and tells them
    /// what it finds.
    pub fn open(channel: Channel, log: &mut Log, secrets: &Secrets, out: &mut String) -> Option<Scribe> {
        let how = match channel {
            Channel::Clear => "connect",
            Channel::Tls => "connect implicit-tls",
        };
        let observer = log.open(how)?;
        let session = observer.session();
        Line::Opened { session, channel }.put(out);
        Some(Scribe { session, observer, mask: Mask::new(secrets), replies: 0, held: Vec::new() })
    }

    /// The number of the session.
    pub fn session(&self) -> u32 {
        self.session
    }

    /// The client has said this.
    pub fn client(&mut self, octets: &[u8], log: &mut Log, out: &mut String) -> Vec<Heard> {
        let heard = self.observer.client(octets, log);
        let session = self.session;
        for heard in &heard {
            let line = match heard {
                Heard::Response(line) | Heard::Command(observer::Command { line, .. }) => line.clone(),
                // It is answered as well.
                Heard::TooLong => String::new(),
                Heard::Answer { .. } | Heard::Tls { .. } => continue,
            };
            Line::Said { session, line }.put(out);
        }
        heard
    }

    /// The server has said this.
    pub fn server(&mut self, octets: &[u8], log: &mut Log, out: &mut String) -> Vec<Heard> {
        let Scribe { session, observer, mask, replies, held } = self;
        let heard = observer.server_in_parts(octets, log, &mut |part| match part {
            Part::Begin(line) => {
                settle(*session, *replies, mask, held, out);
                *replies += 1;
                mask.feed(line, held);
            }
            Part::More(octets) if *replies > 0 => {
                mask.feed(octets, held);
                if held.len() >= PIECE {
                    write(*session, *replies, held, out);
                }
            }
            Part::More(_) | Part::Other(_) => {}
        });
        // What the mask holds back stays there: it may be half of a secret.
        write(self.session, self.replies, &mut self.held, out);
        heard
    }

    /// TLS has begun behind STLS.
    pub fn secured(&mut self, log: &mut Log, out: &mut String) {
        self.observer.secured(log);
        settle(self.session, self.replies, &mut self.mask, &mut self.held, out);
        if let Some(last) = self.replies.checked_sub(1) {
            Line::Secured { session: self.session, number: last }.put(out);
        }
    }

    /// Something happened beside the octets.
    pub fn note(&self, text: &str, log: &mut Log) {
        log.note(self.session, text);
    }

    /// The session is over, in these words.
    pub fn end(mut self, how: &str, log: &mut Log, out: &mut String) {
        settle(self.session, self.replies, &mut self.mask, &mut self.held, out);
        let how_shown = log.without_secrets(how);
        self.observer.end(how, log);
        Line::Ended { session: self.session, how: how_shown }.put(out);
    }
}

/// Writes what is held of the reply, and what the mask held back.
fn settle(session: u32, replies: u64, mask: &mut Mask, held: &mut Vec<u8>, out: &mut String) {
    mask.flush(held);
    write(session, replies, held, out);
}

fn write(session: u32, replies: u64, held: &mut Vec<u8>, out: &mut String) {
    let Some(number) = replies.checked_sub(1).filter(|_| !held.is_empty()) else { return };
    let (text, base64) = match String::from_utf8(std::mem::take(held)) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(sasl::base64::encode(error.into_bytes()))),
    };
    Line::Reply { session, number, text, base64 }.put(out);
}

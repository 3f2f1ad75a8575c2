//! What a silence means: a NOOP, or something else behind a NOOP, asks whether the server has missed something or is merely slow.

use proto::{Client, Limits, Verb};
use tokio::time::Instant;

use super::{Awaited, PROBE, SURPLUS_AT_MOST, Session};
use crate::outcome::Mishap;
use crate::wire::{Item, Quiet};

impl Session {
    /// Silence: asks with a NOOP whether the server has missed something or is merely slow. If two answers come it was
    /// slow, and the first of them is the one that was due.
    pub(super) async fn probe(&mut self, awaited: Awaited) -> Mishap {
        let probe = self.asking_behind(&awaited);
        let (is_noop, command, octets) = (awaited.is_noop(), awaited.command, format!("{probe}\r\n"));
        if self.wire.write(octets.as_bytes(), self.patience.answer).await.is_err() {
            return self.closed(command, "it could not be written to".to_owned());
        }
        let then = match self.due(PROBE).await {
            Ok(item) => self.shown(&item.into_octets()),
            Err(Quiet::Closed(how)) => return self.closed(command, how),
            Err(Quiet::Silent) => return Mishap::TimedOut { command, probe: Some(probe) },
        };
        let more = self.heard_out().await;
        self.machine_forgets();
        // What begins like no status line is no late answer, whatever comes behind it.
        let late = more && then.trim_start_matches('`').starts_with(['+', '-']);
        if late {
            Mishap::TimedOut { command, probe: Some(probe) }
        } else {
            let never = is_noop && !self.wire.silences.answers_noop();
            Mishap::NoReply { command, probe, then, never }
        }
    }

    /// A server that does not answer NOOP is asked something else: STAT in TRANSACTION, and before it what no server
    /// knows and each has to refuse (RFC 1939 section 3).
    fn asking_behind(&self, awaited: &Awaited) -> &'static str {
        match awaited.verb {
            Some(Verb::Noop) if self.account.is_some() => "STAT",
            Some(Verb::Noop) => "XNOOP",
            _ => "NOOP",
        }
    }

    /// The same amid content. What looks like the answer to NOOP is taken for it if nothing comes behind it.
    pub(super) async fn probe_in_content(&mut self, command: String) -> Mishap {
        if self.wire.write(b"NOOP\r\n", self.patience.answer).await.is_err() {
            return self.closed(command, "it could not be written to".to_owned());
        }
        let answered = match self.due(PROBE).await {
            Ok(Item::Content(piece)) => begins_with_status(&piece),
            Ok(_) => false,
            Err(Quiet::Closed(how)) => return self.closed(command, how),
            Err(Quiet::Silent) => return Mishap::TimedOut { command, probe: Some("NOOP") },
        };
        let more = self.heard_out().await;
        self.machine_forgets();
        if answered && !more {
            Mishap::Unterminated { command }
        } else {
            Mishap::TimedOut { command, probe: Some("NOOP") }
        }
    }

    /// Reads on until the server has been quiet for the quiet time, within bounds; whether anything came.
    async fn heard_out(&mut self) -> bool {
        let (end, before) = (self.soon(), self.wire.taken);
        let mut heard = false;
        while self.wire.taken - before < SURPLUS_AT_MOST {
            match self.wire.item_until(end.min(Instant::now() + self.patience.quiet)).await {
                Ok(_) => heard = true,
                Err(_) => break,
            }
        }
        heard
    }

    /// The server stands between two replies, whatever was due before.
    fn machine_forgets(&mut self) {
        self.wire.machine = Client::resume(Limits::default());
        self.awaited.clear();
    }
}

/// Whether this begins like a status line, perhaps behind a dot and a CR that were meant to end the content.
fn begins_with_status(piece: &[u8]) -> bool {
    let glued = piece.iter().take_while(|octet| matches!(octet, b'.' | b'\r')).count();
    [&b"+OK"[..], b"-ERR"].iter().any(|word| piece[glued..].starts_with(word))
}

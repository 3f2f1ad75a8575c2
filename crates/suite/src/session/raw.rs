//! A session below POP3: octets sent and heard where TLS is due, or where it has just been left. What they mean is for
//! [`crate::client_hello`] and the checks to say.

use std::time::Duration;

use net::Stream;
use tokio::time::Instant;

use super::{SURPLUS_AT_MOST, Session};
use crate::outcome::{Stop, inconclusive};
use crate::wire::Quiet;

/// What is waited for, as [`crate::silence`] knows it.
const RAW: &str = "answer to what is not POP3";

/// What came, however it is to be read.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The octets.
    pub(crate) octets: Vec<u8>,
    /// How the connection ended, if it did.
    pub(crate) ended: Option<String>,
}

impl Heard {
    /// Whether a status line of POP3 is in it.
    pub(crate) fn has_status(&self) -> bool {
        [&b"+OK"[..], b"-ERR"].iter().any(|word| self.octets.windows(word.len()).any(|at| at == *word))
    }
}

impl Session {
    /// Hears the server out: until it ends, has said something and is quiet, or has said nothing for this time.
    pub(crate) async fn hear(&mut self, wait: Duration) -> Heard {
        let (mut octets, began) = (Vec::new(), Instant::now());
        let last = began + self.patience.answer;
        let mut end = began + self.wire.silences.wait(RAW, wait);
        loop {
            match self.wire.octets(end).await {
                Ok(piece) => {
                    self.wire.silences.came(RAW, began.elapsed());
                    octets.extend(piece);
                    if octets.len() as u64 > SURPLUS_AT_MOST {
                        return Heard { octets, ended: None };
                    }
                    end = last.min(Instant::now() + self.patience.quiet);
                }
                Err(Quiet::Closed(how)) => {
                    self.wire.silences.came(RAW, began.elapsed());
                    return Heard { octets, ended: Some(how) };
                }
                Err(Quiet::Silent) => {
                    if octets.is_empty() && wait >= self.patience.answer {
                        self.wire.silences.in_vain(RAW);
                    }
                    return Heard { octets, ended: None };
                }
            }
        }
    }

    /// The connection itself, for a handshake of another kind.
    pub(crate) fn into_stream(mut self) -> Option<Stream> {
        self.wire.stream.take()
    }

    /// Says `close_notify` and goes on in cleartext on the same connection.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if the connection is gone.
    pub(crate) async fn leave_tls(&mut self) -> Result<(), Stop> {
        let Some(stream) = self.wire.stream.take() else {
            return inconclusive("the connection is closed");
        };
        self.wire.journal.cannot_be_repeated();
        self.wire.journal.note(self.wire.number, "client sends close_notify and goes on without TLS");
        let left: Stream = stream.leave_tls().await.or_else(|error| inconclusive(error.to_string()))?;
        self.wire.stream = Some(left);
        Ok(())
    }
}

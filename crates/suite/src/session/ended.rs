//! Ends of a connection: with QUIT, or by the server's doing, and whether it may: behind a refusal nothing says that a connection
//! has to stay.

use super::{Closing, Session};
use crate::accounts::OpenSession;
use crate::outcome::{Mishap, Outcome, Stop};

impl Session {
    /// Sends QUIT, reads the reply and waits for the end of the connection.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if QUIT is refused or not answered.
    pub async fn quit(mut self) -> Result<Closing, Stop> {
        self.assume_ok("QUIT").await?;
        self.account.iter_mut().for_each(OpenSession::quits);
        Ok(self.until_closed().await)
    }

    /// Whether the server has ended the connection behind a refusal, as it may.
    pub(crate) fn ended_behind_refusal(&self) -> bool {
        self.refused_last && self.has_ended()
    }

    /// The connection ended instead of a reply.
    pub(super) fn closed(&self, command: String, how: String) -> Mishap {
        Mishap::Closed { command, how, refused: self.refused_last }
    }

    /// Writes octets; the mishap knows what came before.
    pub(super) async fn leave(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        self.wire.write(octets, self.patience.answer).await.map_err(|mishap| match mishap {
            Mishap::Closed { command, how, .. } => self.closed(command, how),
            other => other,
        })
    }

    /// Makes room for another session where how this one ends is not the point: with QUIT, unless that leaves the
    /// maildrop locked here or could remove what was read.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if QUIT is refused or not answered.
    pub(crate) async fn make_room(self) -> Outcome {
        if self.wire.stays || self.wire.quit_may_remove() {
            self.close().await;
            return Ok(());
        }
        self.quit().await.map(|_| ())
    }
}

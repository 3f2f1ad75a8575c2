//! Whether the next command gets an answer of its own, asked with CAPA.
//!
//! The list is read as mere content: a surplus line that is taken for the answer to CAPA must not be shown to the passive
//! checks, which would accuse the server of things it did not do. What it means is the caller's matter.

use proto::Indicator;
use tokio::time::Instant;

use super::Session;
use crate::outcome::Mishap;
use crate::wire::{Item, Quiet};

/// What came of CAPA.
pub(crate) enum NextAnswer {
    /// The beginning of a list.
    List(Vec<u8>),
    /// A refusal, and nothing behind it.
    Refused,
    /// Something that is neither.
    Other,
}

impl Session {
    /// Sends CAPA and hears what its answer begins with.
    ///
    /// # Errors
    /// A [`Mishap`] if nothing comes, or the connection ends.
    pub(crate) async fn next_answer(&mut self) -> Result<NextAnswer, Mishap> {
        self.send("CAPA").await?;
        let (end, mut refused) = (self.soon(), false);
        loop {
            let until = if refused { end.min(Instant::now() + self.patience.quiet) } else { end };
            match self.wire.item_until(until).await {
                Ok(Item::Content(piece)) if !piece.is_empty() => return Ok(NextAnswer::List(piece)),
                Ok(Item::Content(_)) => {}
                // As many at most as commands were sent.
                Ok(Item::Status { indicator, .. }) => refused = indicator == Indicator::Err,
                Ok(_) => return Ok(NextAnswer::Other),
                Err(_) if refused => {
                    self.awaited.clear();
                    self.refused_last = true;
                    return Ok(NextAnswer::Refused);
                }
                Err(Quiet::Closed(how)) => return Err(self.closed("CAPA".to_owned(), how)),
                Err(Quiet::Silent) => {
                    return Err(Mishap::TimedOut { command: "CAPA".to_owned(), probe: None });
                }
            }
        }
    }

    /// Whether CAPA was seen to work at this entrance, with and without TLS.
    pub(crate) fn knows_capa(&self) -> bool {
        self.wire.knows_capa
    }
}

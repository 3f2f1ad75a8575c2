//! Saying nothing for a while, and seeing at once if the server ends the session meanwhile.

use std::time::Duration;

use net::Ending;
use tokio::time::Instant;

use super::Session;
use crate::wire::Quiet;

/// What came of saying nothing.
#[derive(Debug)]
pub(crate) struct Idled {
    /// How the connection ended, or `None` if it did not.
    pub(crate) ended: Option<Ending>,
    /// How long nothing was said, or until the end.
    pub(crate) after: Duration,
    /// Octets that the server sent meanwhile.
    pub(crate) said: Vec<u8>,
}

impl Session {
    /// Says nothing for this long, or until the server ends the connection.
    pub(crate) async fn idle(&mut self, length: Duration) -> Idled {
        let (began, mut said) = (Instant::now(), Vec::new());
        self.wire.journal.note(self.wire.number, &format!("client says nothing for {} s", length.as_secs()));
        loop {
            match self.wire.item_until(began + length).await {
                Ok(item) => said.extend_from_slice(&item.into_surplus()),
                Err(Quiet::Silent) => return Idled { ended: None, after: began.elapsed(), said },
                Err(Quiet::Closed(_)) => {
                    let ended = Some(self.wire.ending().unwrap_or(Ending::Reset));
                    return Idled { ended, after: began.elapsed(), said };
                }
            }
            // Nobody is listened to who does not stop.
            if said.len() > 16 * 1024 {
                return Idled { ended: None, after: began.elapsed(), said };
            }
        }
    }
}

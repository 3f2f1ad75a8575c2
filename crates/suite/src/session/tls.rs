//! TLS on a session that began in cleartext (STLS). What its failure means is the caller's matter.

use net::TlsOptions;
use proto::{Client, Limits};
use tokio::time::{Instant, timeout};

use super::Session;
use crate::outcome::Stop;
use crate::reproduce::{SECURED, Step};

/// Why there is no TLS behind the `+OK` to STLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Negotiation {
    /// Plaintext came behind it.
    #[error("{0} came in plaintext behind the +OK to STLS")]
    Plaintext(String),
    /// The handshake failed.
    #[error("the TLS handshake after STLS failed: {0}")]
    Failed(net::DialError),
    /// The handshake did not end in time.
    #[error("the TLS handshake after STLS did not end in time")]
    Late,
    /// There is no connection any more.
    #[error("the connection is closed")]
    Closed,
}

impl Session {
    /// Negotiates TLS on this connection, after a `+OK` to STLS. The machine starts afresh and awaits nothing.
    ///
    /// # Errors
    /// [`Stop::Fail`] if plaintext followed the `+OK` or the handshake fails.
    pub async fn start_tls(&mut self, dialer: &net::Dialer, options: &TlsOptions) -> Result<(), Stop> {
        self.negotiate(dialer, options).await.map_err(|error| match error {
            Negotiation::Late | Negotiation::Closed => Stop::Inconclusive(error.to_string()),
            Negotiation::Plaintext(_) | Negotiation::Failed(_) => Stop::Fail(error.to_string()),
        })
    }

    /// The same, with the error as it is.
    pub(crate) async fn negotiate(
        &mut self,
        dialer: &net::Dialer,
        options: &TlsOptions,
    ) -> Result<(), Negotiation> {
        if !self.wire.unread().is_empty() {
            return Err(Negotiation::Plaintext(self.journal().quote(self.wire.unread())));
        }
        let Some(stream) = self.wire.stream.take() else { return Err(Negotiation::Closed) };
        self.wire.journal.happened(self.wire.number, Step::Secure);
        let began = Instant::now();
        let stream = match timeout(self.patience.answer, dialer.start_tls(stream, options)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.wire.journal.ended(self.wire.number, "TLS handshake failed", "handshake", None);
                return Err(Negotiation::Failed(error));
            }
            Err(_) => {
                self.wire.journal.ended(self.wire.number, "TLS handshake timed out", "timeout", None);
                return Err(Negotiation::Late);
            }
        };
        self.wire.journal.latency("tls-handshake", began.elapsed());
        self.wire.journal.note(self.wire.number, SECURED);
        self.wire.stream = Some(stream);
        self.wire.machine = Client::resume(Limits::default());
        self.awaited.clear();
        Ok(())
    }
}

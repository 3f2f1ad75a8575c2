//! What a login needs of a session. Which way to log in is [`crate::login`]'s to carry out, and whether credentials may
//! leave [`crate::credentials`]'s to say.

use proto::{Shape, Verb};

use super::{Awaited, Session};
use crate::credentials::NOT_IN_CLEARTEXT;
use crate::outcome::Mishap;
use crate::reply::Reply;

impl Session {
    /// Whether a password may be sent here. The wire keeps it back where it may not; who asks before does not give a name
    /// there either.
    ///
    /// # Errors
    /// [`Mishap::Guarded`] where none may.
    pub(crate) fn may_log_in(&self) -> Result<(), Mishap> {
        if self.wire.may_carry_credentials() {
            return Ok(());
        }
        Err(Mishap::Guarded(NOT_IN_CLEARTEXT.to_owned()))
    }

    /// Sends a line as the response within a SASL exchange and reads what follows.
    ///
    /// # Errors
    /// A [`Mishap`] if no reply came.
    pub async fn respond(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Mishap> {
        let mut octets = line.as_ref().to_vec();
        octets.extend_from_slice(b"\r\n");
        self.wire.credentials.responds();
        self.leave(&octets).await?;
        self.wire.machine.expect(Shape::Exchange);
        self.awaited.push_back(Awaited::of("(SASL response)", Some(Verb::Auth), false));
        self.reply().await
    }
}

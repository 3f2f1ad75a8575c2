//! A session for several bad commands in a row, at servers that close the connection after a few.
//!
//! No RFC forbids that, and it is good against guessing. So an end that comes after enough refusals is no verdict: the
//! command is said again on a fresh connection, and what happens there counts.

use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail};
use crate::reply::Reply;
use crate::session::Session;

/// At this refusal on one connection, or after it, a server may close it.
const PATIENCE_OF_SERVERS: usize = 3;

/// The session and how to have another one like it.
pub(crate) struct Enduring<Open> {
    session: Session,
    open: Open,
}

impl<Open: AsyncFn() -> Result<Session, Stop>> Enduring<Open> {
    /// Opens the first session.
    ///
    /// # Errors
    /// Those of opening it.
    pub(crate) async fn begin(open: Open) -> Result<Self, Stop> {
        Ok(Self::with(open().await?, open))
    }

    /// Goes on with a session that was opened already.
    pub(crate) fn with(session: Session, open: Open) -> Self {
        Self { session, open }
    }

    /// The reply to a command.
    ///
    /// # Errors
    /// [`Stop::Fail`] if there is none, those of opening a session if that had to be done.
    pub(crate) async fn command(&mut self, line: &str) -> Result<Reply, Stop> {
        let tried = self.may_be_closed();
        match self.session.command(line).await {
            Err(Mishap::Closed { .. }) if tried => {
                self.session = (self.open)().await?;
                self.session.command(line).await.judged()
            }
            reply => reply.judged(),
        }
    }

    /// Requires that a command is refused and that the session survives it; what `next` is answered does not matter.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the command is obeyed, or ends a fresh connection.
    pub(crate) async fn require_refusal(&mut self, line: &str, next: &str) -> Outcome {
        loop {
            let tried = self.may_be_closed();
            let outcome = refused(&mut self.session, line, next).await;
            // Before a DELE something was asked aside, and refused too.
            let tried = tried || self.session.refusals() >= PATIENCE_OF_SERVERS;
            if outcome.is_ok() || !tried || !self.session.has_ended() {
                return outcome;
            }
            self.session = (self.open)().await?;
        }
    }

    /// Requires that each of these commands is refused and that a good one after it is answered.
    ///
    /// # Errors
    /// Those of [`Enduring::require_refusal`].
    pub(crate) async fn require_refusals(&mut self, commands: &[&str]) -> Outcome {
        for command in commands {
            self.require_refusal(command, "STAT").await?;
        }
        Ok(())
    }

    /// The session as it is now.
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether one more refusal may be the last that the server bears.
    fn may_be_closed(&self) -> bool {
        self.session.refusals() + 1 >= PATIENCE_OF_SERVERS
    }
}

/// A session in a maildrop with mail in which bad commands are said.
///
/// # Errors
/// Those of [`Lab::mail`].
pub(crate) async fn with_mail(lab: &Lab) -> Result<Enduring<impl AsyncFn() -> Result<Session, Stop>>, Stop> {
    Enduring::begin(async || lab.mail(1).await).await
}

async fn refused(session: &mut Session, line: &str, next: &str) -> Outcome {
    session.require_err(line).await?;
    goes_on(session, line, next).await
}

/// The session must have survived the command; what the next one is answered does not matter.
pub(crate) async fn goes_on(session: &mut Session, command: &str, next: &str) -> Outcome {
    match session.command(next).await {
        Err(Mishap::Closed { how, .. }) => {
            fail(format!("the connection ended ({how}) behind the reply to {command}"))
        }
        Err(mishap) => Err(mishap.into()),
        Ok(reply) => assume(reply.is_ok() || reply.is_err(), || format!("after {command}: {}", reply.seen())),
    }
}

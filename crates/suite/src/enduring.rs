//! A session for several bad commands in a row, at servers that close the connection behind one.
//!
//! No RFC forbids that, and it is good against guessing. So an end behind a refusal is no verdict: the next command is said
//! on a fresh connection, and what happens there counts. That a server does so is told once, by
//! `rfc1939.cmd.unrecognized`.

use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, inconclusive};
use crate::reply::Reply;
use crate::session::Session;

/// So often a command is said on a fresh connection, since something else was refused before it.
const CONNECTIONS: usize = 3;

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
        for _ in 0..CONNECTIONS {
            match self.session.command(line).await {
                Err(mishap) if mishap.is_end_behind_refusal() || self.session.ended_behind_refusal() => {
                    self.session = (self.open)().await?;
                }
                reply => return reply.judged(),
            }
        }
        inconclusive(format!("the server ends the connection before `{line}` can be said"))
    }

    /// Requires that a command is refused and that the session survives it, or ends in good order; what `next` is answered
    /// does not matter.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the command is obeyed, or not answered.
    pub(crate) async fn require_refusal(&mut self, line: &str, next: &str) -> Outcome {
        self.command(line).await?.require_err()?;
        goes_on(&mut self.session, line, next).await
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
}

/// A session in a maildrop with mail in which bad commands are said.
///
/// # Errors
/// Those of [`Lab::mail`].
pub(crate) async fn with_mail(lab: &Lab) -> Result<Enduring<impl AsyncFn() -> Result<Session, Stop>>, Stop> {
    Enduring::begin(async || lab.mail(1).await).await
}

/// Takes back all marks. Where the connection has ended behind a refusal there are none any more.
///
/// # Errors
/// [`Stop::Inconclusive`] if RSET is not answered.
pub(crate) async fn take_back(session: &mut Session) -> Outcome {
    match session.command("RSET").await {
        Err(mishap) if mishap.is_end_behind_refusal() => Ok(()),
        reply => Ok(reply.map(drop)?),
    }
}

/// The session must have survived the command, unless that was refused; what the next one is answered does not matter.
pub(crate) async fn goes_on(session: &mut Session, command: &str, next: &str) -> Outcome {
    match session.command(next).await {
        Err(mishap) if mishap.is_end_behind_refusal() => Ok(()),
        Err(Mishap::Closed { how, .. }) => {
            fail(format!("the connection ended ({how}) behind the reply to {command}"))
        }
        Err(mishap) => Err(mishap.into()),
        Ok(reply) => assume(reply.is_ok() || reply.is_err(), || format!("after {command}: {}", reply.seen())),
    }
}

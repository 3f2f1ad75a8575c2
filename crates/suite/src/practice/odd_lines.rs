//! A session in which lines are said that are none of POP3's, each alone: what comes of one must not be taken for what
//! comes of the next.
//!
//! Behind each a command is said whose answer nothing else could be, so that an answer too many is seen at once. A
//! server may close the connection at such a line; then there is another one.

use mail::Role;
use net::DialError;
use tokio::time::timeout;

use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, fail, inconclusive};
use crate::reply::Reply;
use crate::session::Session;

/// So many connections a server may close before it is left alone: what is left to say would fare no better.
const CLOSINGS_AT_MOST: u32 = 12;

/// The session, and how it goes on.
pub(super) struct OddLines<'lab> {
    lab: &'lab Lab,
    session: Session,
    /// What STAT said at first; `None` before a login.
    totals: Option<(u64, u64)>,
    closings: u32,
}

impl<'lab> OddLines<'lab> {
    /// Before a login.
    ///
    /// # Errors
    /// Those of [`Lab::connect`].
    pub(super) async fn before_login(lab: &'lab Lab) -> Result<Self, Stop> {
        Ok(Self { lab, session: lab.connect().await?, totals: None, closings: 0 })
    }

    /// After a login.
    ///
    /// # Errors
    /// Those of [`Lab::login`].
    pub(super) async fn after_login(lab: &'lab Lab) -> Result<Self, Stop> {
        let mut session = lab.login(Role::Fixtures).await?;
        let totals = session.assume_ok("STAT").await?.totals()?;
        Ok(Self { lab, session, totals: Some(totals), closings: 0 })
    }

    /// How many connections were closed at such lines.
    pub(super) fn closings(&self) -> u32 {
        self.closings
    }

    /// Says octets that are one line, its line end included, and reads the one answer. `None` if the server closed the
    /// connection instead.
    ///
    /// # Errors
    /// [`Stop::Fail`] if nothing comes although the server is there, or more than one answer.
    pub(super) async fn say(&mut self, octets: &[u8], what: &str) -> Result<Option<Reply>, Stop> {
        let reply = match self.session.batch(octets).await {
            Ok(()) => self.session.reply().await,
            Err(mishap) => Err(mishap),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(Mishap::Closed { .. }) => {
                self.closed(what).await?;
                return Ok(None);
            }
            Err(mishap) => return Err(mishap.judged()),
        };
        if !self.in_step(&format!("{what} was answered {}", reply.quoted())).await? {
            self.closed(what).await?;
        }
        Ok(Some(reply))
    }

    /// Whether the connection goes on; and if so, that what comes next is the answer to what is asked next.
    async fn in_step(&mut self, after: &str) -> Result<bool, Stop> {
        let Some(totals) = self.totals else {
            if self.lab.survey().capabilities.is_some() {
                return match self.session.command("CAPA").await {
                    Ok(list) if list.is_ok() && !list.octets().is_empty() => Ok(true),
                    Ok(other) => {
                        fail(format!("{after}; then {} came in place of the list of CAPA", other.quoted()))
                    }
                    Err(Mishap::Closed { .. }) => Ok(false),
                    Err(mishap) => Err(mishap.judged()),
                };
            }
            return match self.session.require_silence().await {
                Err(Stop::Fail(_)) if self.session.has_ended() => Ok(false),
                Err(Stop::Fail(seen)) => fail(format!("{after}; then {seen}")),
                other => other.map(|()| true),
            };
        };
        match self.session.command("STAT").await {
            Ok(reply) if reply.is_ok() && reply.totals().is_ok_and(|now| now == totals) => Ok(true),
            Ok(reply) => fail(format!(
                "{after}; then {} came, and STAT had said {} {}",
                reply.quoted(),
                totals.0,
                totals.1
            )),
            Err(Mishap::Closed { .. }) => Ok(false),
            Err(mishap) => Err(mishap.judged()),
        }
    }

    async fn closed(&mut self, what: &str) -> Outcome {
        self.closings += 1;
        if self.closings > CLOSINGS_AT_MOST {
            return inconclusive(format!(
                "the server closed {} connections, the last at {what}",
                self.closings
            ));
        }
        let again = if self.totals.is_none() {
            self.lab.connect().await
        } else {
            self.lab.login(Role::Fixtures).await
        };
        match again {
            Ok(session) => self.session = session,
            Err(stop @ Stop::Inconclusive(_)) => {
                require_listening(self.lab, what).await?;
                return Err(stop);
            }
            Err(stop) => return Err(stop),
        }
        if self.totals.is_some() {
            self.totals = Some(self.session.assume_ok("STAT").await?.totals()?);
        }
        Ok(())
    }
}

/// Requires that somebody listens at the port still. That a connection is not served may have many reasons.
///
/// # Errors
/// [`Stop::Fail`] if connections are refused by now.
pub(super) async fn require_listening(lab: &Lab, what: &str) -> Outcome {
    let site = lab.site();
    let dialled = timeout(site.patience.answer, site.dialer.connect(&site.entrance.endpoint, None)).await;
    match dialled {
        Ok(Err(DialError::Refused { .. })) => {
            fail(format!("after {what} nobody listens at {} any more", site.entrance.endpoint))
        }
        _ => Ok(()),
    }
}

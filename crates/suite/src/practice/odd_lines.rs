//! A session in which lines are said that are none of POP3's, each alone: what comes of one must not be taken for what
//! comes of the next.
//!
//! Behind each a command is said whose answer nothing else could be, so that an answer too many is seen at once. A
//! server may close the connection at such a line; then there is another one.

use std::net::{IpAddr, Ipv4Addr};

use mail::Role;
use net::{DialError, Stream};
use tokio::time::{sleep, timeout};

use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, fail, inconclusive, require};
use crate::reply::Reply;
use crate::session::Session;
use crate::site::Security;

/// So many connections a server may close before it is left alone: what is left to say would fare no better.
const CLOSINGS_AT_MOST: u32 = 12;
/// One connection may be lost by chance.
const TRIES: u32 = 3;

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

    /// The same for a line that is to have an answer: RFC 1939 section 3 has a server refuse what is no command.
    ///
    /// # Errors
    /// Those of [`OddLines::say`], and [`Stop::Fail`] if the connection ends without an answer each time.
    pub(super) async fn require_answer(&mut self, octets: &[u8], what: &str) -> Result<Reply, Stop> {
        for _ in 0..2 {
            if let Some(reply) = self.say(octets, what).await? {
                return Ok(reply);
            }
        }
        fail(format!("{what} ended the connection twice, and was not answered; `-ERR` was required"))
    }

    /// Whether the connection goes on; and if so, that what comes next is the answer to what is asked next.
    async fn in_step(&mut self, after: &str) -> Result<bool, Stop> {
        let Some(totals) = self.totals else {
            if self.lab.survey().capabilities.is_some() {
                return match self.session.command("CAPA").await {
                    Ok(list) if list.is_ok() && !list.octets().is_empty() => Ok(true),
                    // Behind a USER that was accepted there need be nothing but PASS and QUIT.
                    Ok(refusal)
                        if refusal.is_err()
                            && self.session.surplus(self.session.patience().quiet).await.is_none() =>
                    {
                        Ok(!self.session.has_ended())
                    }
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
            // The one that ended may still count as open: that there is no room for two is no reason then.
            Err(stop @ (Stop::Inconclusive(_) | Stop::Skipped(_))) => {
                require_alive(self.lab, what).await?;
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

/// Requires that the service is still there. That this address is served no longer may have good reasons; on loopback
/// another one is asked.
///
/// # Errors
/// [`Stop::Fail`] if connections are refused by now, or nobody is greeted.
pub(crate) async fn require_alive(lab: &Lab, what: &str) -> Outcome {
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 98, 0, 1));
    let site = lab.site();
    let mut source = site.permissions.loopback.then_some(ELSEWHERE);
    for _ in 0..TRIES {
        let dialling = site.dialer.connect(&site.entrance.endpoint, source);
        let dialled = timeout(site.patience.answer, dialling).await;
        let greeted = match dialled {
            Ok(Ok(stream)) => greets(lab, stream).await,
            Ok(Err(DialError::LocalAddress { .. })) => {
                source = None;
                false
            }
            Ok(Err(DialError::Refused { .. })) => {
                lab.journal().leaves_nobody();
                return fail(format!("after {what} nobody listens at {} any more", site.entrance.endpoint));
            }
            _ => false,
        };
        if greeted {
            return Ok(());
        }
        sleep(site.patience.quiet).await;
    }
    require(source.is_none(), || {
        lab.journal().leaves_nobody();
        format!("after {what} nobody is greeted any more, also not at another address")
    })
}

async fn greets(lab: &Lab, stream: Stream) -> bool {
    let site = lab.site();
    let stream = if site.entrance.security == Security::Implicit {
        match timeout(site.patience.answer, site.dialer.start_tls(stream, &lab.tls_options())).await {
            Ok(Ok(stream)) => stream,
            _ => return false,
        }
    } else {
        stream
    };
    let mut session = lab.adopt(stream);
    let greeted = session.welcome(lab.survey()).await.is_ok_and(|greeting| greeting.is_ok());
    if greeted {
        // It may be counted for a while, which the next connection has to know.
        session.is_served();
    }
    greeted
}

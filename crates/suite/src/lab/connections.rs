//! Connections of a lab: dialled, greeted, upgraded, and tried again where the run's own crowd or a chance loss stood in
//! the way. Nothing is judged here.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use net::{Stream, TlsOptions, Versions};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, skipped};
use crate::reply::Reply;
use crate::session::Session;
use crate::site::Security;

/// Pause before a connection that was turned away is tried again; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(250);

/// What is waited for, as [`crate::silence`] knows it.
const PLACE: &str = "place beside a check's own connections";

/// A connection that was not greeted.
struct Unserved {
    why: Stop,
    /// Nothing came for all the patience; otherwise it ended, was refused, or was greeted with `-ERR`.
    silent: bool,
    /// How many other connections of the run were open.
    others: u32,
    /// Whether the server may have counted others.
    crowded: bool,
}

/// Octets of a line before the handshake, at most.
const LINE_IN_CLEAR: usize = 512;

/// A line that comes before the handshake, if one comes in this time.
pub(crate) async fn line_in_clear(stream: &mut Stream, wait: Duration) -> Option<Vec<u8>> {
    let (mut line, end) = (Vec::new(), Instant::now() + wait);
    // No further than the line goes.
    while !line.ends_with(b"\n") && line.len() < LINE_IN_CLEAR {
        let mut octet = [0; 1];
        match timeout_at(end, stream.read(&mut octet)).await {
            Ok(Ok(1)) => line.push(octet[0]),
            _ => return None,
        }
    }
    line.ends_with(b"\n").then_some(line)
}

impl Lab {
    /// A TCP connection, nothing read, no TLS yet.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it is not accepted in time.
    pub async fn dial(&self) -> Result<Stream, Stop> {
        let began = Instant::now();
        let connecting = self.site.dialer.connect(&self.site.entrance.endpoint, self.next_source());
        match timeout(self.site.patience.answer, connecting).await {
            Ok(Ok(stream)) => {
                self.journal.latency("connect", began.elapsed());
                Ok(stream)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => inconclusive("the connection was not accepted in time"),
        }
    }

    fn next_source(&self) -> Option<IpAddr> {
        let number = self.dials.replace(self.dials.get().wrapping_add(1));
        self.source.map(|source| IpAddr::V4(Ipv4Addr::new(127, 100 + source % 100, number, 10)))
    }

    /// The TLS options of an ordinary handshake: the target's name, any version.
    pub fn tls_options(&self) -> TlsOptions {
        TlsOptions { server_name: Some(self.site.entrance.endpoint.host.clone()), versions: Versions::Any }
    }

    /// Takes a connection made elsewhere into the journal.
    pub(crate) fn adopt(&self, stream: Stream) -> Session {
        let number = self.journal.connection();
        self.journal.connected(number, stream.tls().is_some());
        Session::new(stream, number, self.journal.clone(), &self.site, &self.farewells)
    }

    /// A connection with the greeting still unread: cleartext, or inside TLS on an implicit-TLS port.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be made.
    pub async fn connect_raw(&self) -> Result<Session, Stop> {
        self.connect_raw_with(&self.tls_options()).await
    }

    /// The same with other TLS options.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be made.
    pub async fn connect_raw_with(&self, options: &TlsOptions) -> Result<Session, Stop> {
        let mut stream = self.dial().await?;
        if self.site.entrance.security == Security::Implicit {
            if self.survey().greets_in_clear {
                line_in_clear(&mut stream, self.site.patience.answer).await;
            }
            let began = Instant::now();
            stream =
                match timeout(self.site.patience.answer, self.site.dialer.start_tls(stream, options)).await {
                    Ok(result) => result?,
                    Err(_) => return inconclusive("the TLS handshake did not end in time"),
                };
            self.journal.latency("tls-handshake", began.elapsed());
        }
        Ok(self.adopt(stream))
    }

    /// A connection before any STLS, and its greeting. One that is lost is tried again at once; if that one is turned
    /// away too while others of the run are open, for half the patience.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there is no positive greeting, [`Stop::Skipped`] if the server does not serve so many
    /// connections as the check has open itself.
    pub(crate) async fn greeted(&self) -> Result<(Session, Reply), Stop> {
        let crowd = &self.site.crowd;
        match self.greeted_once().await {
            Ok(greeted) => return Ok(greeted),
            Err(unserved) if unserved.silent => {
                if unserved.crowded {
                    crowd.turn_away();
                }
                return Err(self.unserved(unserved));
            }
            Err(_) => {}
        }
        let began = Instant::now();
        let mut pause = PAUSE;
        let mut first = true;
        loop {
            let unserved = match self.greeted_once().await {
                Ok(greeted) => {
                    if first {
                        crowd.lose();
                    }
                    return Ok(greeted);
                }
                Err(unserved) => unserved,
            };
            if first && unserved.crowded {
                crowd.turn_away();
            }
            if !unserved.crowded || began.elapsed() >= self.for_a_place(&unserved) {
                if self.needs_more(&unserved) {
                    self.site.silences.in_vain(PLACE);
                }
                return Err(self.unserved(unserved));
            }
            first = false;
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn greeted_once(&self) -> Result<(Session, Reply), Unserved> {
        let (began, crowd) = (Instant::now(), &self.site.crowd);
        // The connection is gone by the time at which the others are counted.
        self.try_greeting().await.map_err(|(why, silent)| Unserved {
            why,
            silent,
            others: crowd.open(),
            crowded: crowd.is_met_since(began),
        })
    }

    /// One connection; without a greeting why, and whether it is because nothing came.
    async fn try_greeting(&self) -> Result<(Session, Reply), (Stop, bool)> {
        let mut session = self.connect_raw().await.map_err(|why| (why, false))?;
        let greeting = match session.welcome(self.survey()).await {
            Ok(greeting) => greeting.assume_ok().map_err(|why| (why, false))?,
            Err(mishap) => {
                let silent = !matches!(mishap, Mishap::Closed { .. });
                return Err((mishap.into(), silent));
            }
        };
        session.is_served();
        Ok((session, greeting))
    }

    /// How long to try for a place among the connections of the run.
    fn for_a_place(&self, unserved: &Unserved) -> Duration {
        let whole = self.site.patience.answer / 2;
        if self.needs_more(unserved) { self.site.silences.wait(PLACE, whole) } else { whole }
    }

    /// Whether it is the check's own connections that took the place.
    fn needs_more(&self, unserved: &Unserved) -> bool {
        unserved.others > 0 && self.site.crowd.is_one_check()
    }

    /// Where one check runs at a time the others that are open are its own: it needs more than this server gives.
    fn unserved(&self, unserved: Unserved) -> Stop {
        if !self.needs_more(&unserved) {
            return unserved.why;
        }
        let others = unserved.others;
        Stop::Skipped(format!(
            "needs {} connections at once, and with {others} open the server did not serve another: {}",
            others + 1,
            unserved.why.told()
        ))
    }

    /// A connection with its greeting read, before any STLS.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there is no positive greeting.
    pub async fn connect_clear(&self) -> Result<Session, Stop> {
        Ok(self.greeted().await?.0)
    }

    /// A connection in AUTHORIZATION on the channel that logins use: after STLS where the entrance upgrades.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be had.
    pub async fn connect(&self) -> Result<Session, Stop> {
        Ok(self.opened().await?.0)
    }

    /// The same with the greeting, for APOP.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be had.
    pub(crate) async fn opened(&self) -> Result<(Session, Reply), Stop> {
        let (session, greeting) = self.greeted().await?;
        if self.site.entrance.security == Security::Starttls {
            return Ok((self.upgraded(session).await?, greeting));
        }
        Ok((session, greeting))
    }

    /// A connection on which the client's first octet of TLS is due: behind the `+OK` to STLS, or as the first of all.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be had, [`Stop::Skipped`] where there is no TLS.
    pub(crate) async fn before_handshake(&self) -> Result<Session, Stop> {
        match self.site.entrance.security {
            Security::Implicit => Ok(self.adopt(self.dial().await?)),
            Security::Starttls => {
                let mut session = self.connect_clear().await?;
                session.assume_ok("STLS").await?;
                Ok(session)
            }
            Security::Clear => skipped("needs TLS, from the first octet or by STLS"),
        }
    }

    /// Requires that the service goes on for others.
    ///
    /// # Errors
    /// [`Stop::Fail`] if another connection is not served, though one was before.
    pub(crate) async fn require_alive(&self, after: &str) -> Outcome {
        let mut session = match self.connect().await {
            Ok(session) => session,
            Err(Stop::Inconclusive(why)) => {
                self.journal.leaves_nobody();
                return fail(format!("{after}; then another connection was not served: {why}"));
            }
            Err(other) => return Err(other),
        };
        // What it is answered does not matter here.
        session.command("CAPA").await.judged()?;
        Ok(())
    }

    /// Here STLS only leads to the point of a check; it is judged by the checks of RFC 2595.
    async fn upgraded(&self, mut session: Session) -> Result<Session, Stop> {
        session.assume_ok("STLS").await?;
        session.start_tls(&self.site.dialer, &self.tls_options()).await.map_err(|stop| match stop {
            Stop::Fail(seen) => Stop::Inconclusive(seen),
            other => other,
        })?;
        Ok(session)
    }
}

//! Stands between clients and one server, and passes on what either says.
//!
//! For each connection of a client one to the server is opened. What is heard is told to a [`Tap`], which knows the
//! protocol and decides what becomes of it: pass, take away, say something else, start TLS, end. The relay itself knows
//! no protocol.
//!
//! Bounds: each connection holds at most two pieces of 16 KiB for each direction, and one that is slow makes the other
//! wait; every wait ends ([`Patience`]). How a side ended is passed on as it was: half-close, `close_notify`, its absence,
//! reset. Nothing that was said in the clear and has not passed when TLS begins is ever taken for a part of TLS (RFC 2595
//! section 4).

mod flow;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use machine::Channel;
use tokio::time::timeout;

use crate::authority::Identity;
use crate::listeners::Listeners;
use crate::stream::Stream;
use crate::tls::Acceptor;
use crate::{DialError, Dialer, Ending, Endpoint, Listening, TlsOptions};

use flow::{Flow, Leave};

/// How long a client that is sent away may take to close as well.
const FAREWELL: Duration = Duration::from_secs(2);

/// The two sides of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who connected to the relay.
    Client,
    /// The server that the relay connected to.
    Upstream,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Upstream,
            Side::Upstream => Side::Client,
        }
    }
}

/// What becomes of what a side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing for now: ask again when anything has changed on either side. Where the relay holds as much as it may, no
    /// more is read from this side.
    Hold,
    /// So many octets go on to the other side; at least one.
    Pass(usize),
    /// So many octets go no further; at least one.
    Take(usize),
    /// This is said to that side, behind what passed before.
    Say(Side, Vec<u8>),
    /// When all that has passed is written, TLS begins on these sides. What they have said by then and has not passed is
    /// thrown away.
    Secure {
        /// With the relay's own certificate.
        client: bool,
        /// As a client.
        upstream: bool,
    },
    /// When all that has passed is written, both sides are closed.
    End,
}

/// What happened beside the octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// TLS began on this side.
    Secured(Side),
    /// So many octets of this side were thrown away before TLS began, or because it ended.
    ThrownAway(Side, usize),
    /// This side ended so, which was passed on.
    Ended(Side, Ending),
    /// This side failed in another way, told for people.
    Failed(Side, String),
    /// No octet moved, or the session went on, for longer than it may, told for people.
    TimedOut(&'static str),
}

/// Who understands what passes; one for each connection of a client.
pub trait Tap: Send + 'static {
    /// What becomes of these octets, which `from` has said and which have not passed. Asked until it says [`Act::Hold`],
    /// also where there is nothing that has not passed.
    fn next(&mut self, from: Side, octets: &[u8]) -> Act;

    /// Something happened.
    fn note(&mut self, event: Event);

    /// There is no connection to the server, told for people; what is said to the client before it is sent away.
    fn unreachable(&mut self, reason: &str) -> Vec<u8>;
}

/// The server behind a relay.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Makes the connections.
    pub dialer: Dialer,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether TLS begins with the first octet.
    pub implicit_tls: bool,
}

/// How long a relay waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the connection to the server, and for each handshake.
    pub opening: Duration,
    /// While no octet moves in either direction.
    pub idle: Duration,
    /// For a whole session.
    pub session: Duration,
}

impl Default for Patience {
    /// Half a minute; eleven minutes, since a server waits ten (RFC 1939 section 3); twelve hours.
    fn default() -> Patience {
        Patience {
            opening: Duration::from_secs(30),
            idle: Duration::from_mins(11),
            session: Duration::from_hours(12),
        }
    }
}

/// A running relay on loopback sockets. Dropping it stops it too, without waiting for its end.
pub struct Relay {
    ca_pem: String,
    listeners: Listeners,
}

impl Relay {
    /// Listens, shows clients this identity, and asks `taps` for a tap for each connection.
    ///
    /// # Errors
    /// The address is none of 127.0.0.0/8, a port is taken, or certificate and key do not fit together.
    #[expect(
        clippy::unused_async,
        reason = "to be called inside a runtime, and to stay so when it needs to wait"
    )]
    pub async fn start<T: Tap>(
        taps: impl Fn(Channel) -> T + Send + Sync + 'static,
        upstream: Upstream,
        patience: Patience,
        listening: Listening,
        identity: &Identity,
    ) -> io::Result<Relay> {
        let acceptor = Acceptor::new(identity).map_err(io::Error::other)?;
        let between = Arc::new(Between { acceptor, upstream, patience });
        let taps = Arc::new(taps);
        let listeners = Listeners::start(&listening, move |held, channel, stream| {
            let (between, tap) = (between.clone(), taps(channel));
            async move {
                between.session(channel, stream, tap).await;
                drop(held);
            }
        })?;
        Ok(Relay { ca_pem: identity.ca_pem().to_owned(), listeners })
    }

    /// Where it listens without TLS.
    pub fn clear(&self) -> Option<SocketAddr> {
        self.listeners.clear()
    }

    /// Where it listens with implicit TLS.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.listeners.tls()
    }

    /// The certificate of the relay's authority, PEM: what a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Ends the listeners and all connections, and waits until nothing of the relay is left.
    pub async fn stop(self) {
        self.listeners.stop().await;
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Relay")
            .field("clear", &self.clear())
            .field("tls", &self.tls())
            .finish_non_exhaustive()
    }
}

/// What the sessions of a relay have in common.
pub(crate) struct Between {
    pub(crate) acceptor: Acceptor,
    pub(crate) upstream: Upstream,
    pub(crate) patience: Patience,
}

/// The two streams of a session.
struct Pair {
    client: Stream,
    upstream: Stream,
}

impl Between {
    /// One client from its connection to its end.
    pub(crate) async fn session(&self, channel: Channel, client: Stream, mut tap: impl Tap) {
        let whole = timeout(self.patience.session, Box::pin(self.serve(channel, client, &mut tap)));
        if whole.await.is_err() {
            tap.note(Event::TimedOut("the session went on for longer than any may"));
        }
    }

    async fn serve(&self, channel: Channel, mut client: Stream, tap: &mut impl Tap) {
        if channel == Channel::Tls {
            // Before the server is bothered: whoever only tries the port ends here.
            match self.accept(client).await {
                Ok(secured) => client = secured,
                Err(reason) => return tap.note(Event::Failed(Side::Client, reason)),
            }
            tap.note(Event::Secured(Side::Client));
        }
        let upstream = match self.open().await {
            Ok(upstream) => upstream,
            Err(reason) => {
                let words = tap.unreachable(&reason);
                let told = timeout(self.patience.opening, client.write_all(&words)).await;
                if matches!(told, Ok(Ok(()))) {
                    client.farewell(FAREWELL).await;
                }
                return;
            }
        };
        if self.upstream.implicit_tls {
            tap.note(Event::Secured(Side::Upstream));
        }
        let mut pair = Pair { client, upstream };
        let mut flow = Flow::default();
        loop {
            match flow.run(&mut pair, tap, self.patience.idle).await {
                Leave::Secure { client, upstream } => {
                    for (side, wanted) in [(Side::Client, client), (Side::Upstream, upstream)] {
                        flow.throw_away(side, wanted, tap);
                    }
                    match self.secure(pair, client, upstream).await {
                        Ok(secured) => pair = secured,
                        Err((side, reason)) => return tap.note(Event::Failed(side, reason)),
                    }
                    for (side, wanted) in [(Side::Client, client), (Side::Upstream, upstream)] {
                        if wanted {
                            tap.note(Event::Secured(side));
                        }
                    }
                }
                leave => {
                    for side in [Side::Client, Side::Upstream] {
                        flow.throw_away(side, true, tap);
                    }
                    return leave.part(pair).await;
                }
            }
        }
    }

    /// A connection to the server.
    async fn open(&self) -> Result<Stream, String> {
        let opening = async {
            let stream = self.upstream.dialer.connect(&self.upstream.endpoint, None).await?;
            if self.upstream.implicit_tls { self.secure_upstream(stream).await } else { Ok(stream) }
        };
        match timeout(self.patience.opening, opening).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!(
                "{} could not be reached within {} seconds",
                self.upstream.endpoint,
                self.patience.opening.as_secs()
            )),
        }
    }

    async fn accept(&self, client: Stream) -> Result<Stream, String> {
        match timeout(self.patience.opening, client.accept_tls(&self.acceptor, FAREWELL)).await {
            Ok(Some(secured)) => Ok(secured),
            Ok(None) => Err("the TLS handshake with the client failed".to_owned()),
            Err(_) => Err("the client did not finish the TLS handshake in time".to_owned()),
        }
    }

    async fn secure_upstream(&self, stream: Stream) -> Result<Stream, DialError> {
        let options = TlsOptions::named(&self.upstream.endpoint.host);
        self.upstream.dialer.start_tls(stream, &options).await
    }

    /// Both handshakes side by side, or one of them.
    async fn secure(&self, pair: Pair, client: bool, upstream: bool) -> Result<Pair, (Side, String)> {
        let Pair { client: client_stream, upstream: upstream_stream } = pair;
        let with_client = async {
            if !client {
                return Ok(client_stream);
            }
            self.accept(client_stream).await.map_err(|reason| (Side::Client, reason))
        };
        let with_upstream = async {
            if !upstream {
                return Ok(upstream_stream);
            }
            let handshake = timeout(self.patience.opening, self.secure_upstream(upstream_stream)).await;
            let Ok(handshake) = handshake else {
                let words = "the server did not finish the TLS handshake in time";
                return Err((Side::Upstream, words.to_owned()));
            };
            handshake.map_err(|error| (Side::Upstream, error.to_string()))
        };
        let (client, upstream) = tokio::try_join!(with_client, with_upstream)?;
        Ok(Pair { client, upstream })
    }
}

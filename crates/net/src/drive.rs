//! Drives one machine over one stream, until either side ends it.
//!
//! The same for TCP and for pipes in memory. Deliberately no idea of POP3: what to do next is asked of the
//! [`Machine`]. Input and output are in buffers of the thread while it works; a connection that waits owns
//! none, so that tens of thousands of idle ones cost little.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use machine::{Channel, IdentityId, Machine, Next, Service};
use tokio::time::{sleep, timeout_at};

use crate::authority::Identity;
use crate::clock::Clock;
use crate::connections::{Entry, Room};
use crate::listening::{Freeze, Frozen};
use crate::stream::{Ending, Stream};
use crate::tls::Acceptor;
use crate::{TlsError, scratch};

/// How much output is gathered before it is written.
const PIECE: usize = 16 * 1024;

/// How long an ended connection waits for its client to close as well.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the connections of a server have in common.
pub(crate) struct Host<S> {
    pub(crate) service: S,
    /// By the number of the identity; never empty.
    pub(crate) acceptors: Vec<Acceptor>,
    pub(crate) frozen: Option<Frozen>,
}

impl<S: Service> Host<S> {
    /// A host that shows these identities, of which there must be one.
    pub(crate) fn new(
        service: S,
        identities: &[&Identity],
        freeze: Option<Freeze>,
    ) -> Result<Host<S>, TlsError> {
        let acceptors =
            identities.iter().map(|identity| Acceptor::new(identity)).collect::<Result<Vec<_>, _>>()?;
        if acceptors.is_empty() {
            return Err(TlsError::Setup { reason: "a server needs an identity to show".to_owned() });
        }
        Ok(Host { service, acceptors, frozen: freeze.map(Frozen::new) })
    }

    /// Serves one client. A failed handshake, a broken connection and a vanished client end this connection only.
    #[expect(clippy::manual_async_fn, reason = "an async function keeps its arguments twice")]
    pub(crate) fn serve(
        host: Arc<Host<S>>,
        held: (Room, Entry),
        channel: Channel,
        mut stream: Stream,
    ) -> impl Future<Output = ()> + Send {
        async move {
            let _held = &held;
            // Numbered in the order of arrival, not in that of finished handshakes.
            let mut machine = host.service.connect(channel);
            let mut clock = Clock::of(&machine).map(Box::new);
            let mut input = Unused::default();
            // What has been gathered and not written; lent by the thread.
            let mut output = Vec::new();
            loop {
                // Asked once for each step: some things are said only once.
                let next = machine.next();
                match next {
                    Next::Write if output.len() < PIECE => {
                        scratch::lend_output(&mut output);
                        machine.transmit(&mut output, PIECE);
                        continue;
                    }
                    // Replies to pipelined commands leave together.
                    Next::Read if !input.is_empty() && output.len() < PIECE => {
                        if input.give(&mut machine) {
                            continue;
                        }
                        debug_assert!(false, "a machine wants to read and takes nothing");
                        return;
                    }
                    Next::Close | Next::CloseWithoutNotify | Next::Alert | Next::Reset => {
                        // Released before the client reads the last reply: it may log in again at once.
                        drop(machine);
                        if host.flush(&mut stream, &mut output).await {
                            Box::pin(end(next, stream)).await;
                        }
                        return;
                    }
                    _ => {}
                }
                // The client gets what has been gathered before anything is awaited.
                let limit = clock.as_ref().and_then(|clock| clock.writes_until(&machine));
                let flushed = match limit {
                    None => Some(host.flush(&mut stream, &mut output).await),
                    Some(limit) => {
                        // On the heap, and made there: seldom needed, and every connection would keep room for it.
                        let flush =
                            async { timeout_at(limit, host.flush(&mut stream, &mut output)).await.ok() };
                        Box::pin(flush).await
                    }
                };
                match flushed {
                    Some(true) => {}
                    Some(false) => return,
                    None => {
                        output.clear();
                        machine.expired();
                        continue;
                    }
                }
                match next {
                    Next::Read if input.is_empty() => {
                        let limit = clock.as_ref().and_then(|clock| clock.reads_until(&machine));
                        let consume = |octets: &[u8]| machine.receive(octets);
                        let received = match limit {
                            None => stream.receive(&mut input.octets, usize::MAX, consume).await,
                            Some(limit) => {
                                let receive = async {
                                    timeout_at(limit, stream.receive(&mut input.octets, usize::MAX, consume))
                                        .await
                                };
                                let Ok(received) = Box::pin(receive).await else {
                                    machine.expired();
                                    continue;
                                };
                                received
                            }
                        };
                        if let Some(clock) = &mut clock {
                            clock.hear();
                        }
                        match received {
                            Ok(count) if count > 0 => {}
                            Ok(_) => {
                                // The client has left, or will not say more. Lost before it learns of the end.
                                drop(machine);
                                return farewell(stream).await;
                            }
                            Err(_) => return,
                        }
                    }
                    Next::Wait(time) => sleep(time).await,
                    Next::StartTls(identity) => {
                        // What came in the clear before is not part of the TLS session, whoever sent it.
                        input = Unused::default();
                        match host.accept_tls(stream, identity).await {
                            Ok(secured) => {
                                stream = secured;
                                if let (Some(exported), Some(acceptor)) =
                                    (stream.exported(), host.acceptor(identity))
                                {
                                    machine.bound(exported, acceptor.certificate());
                                }
                                machine.secured();
                            }
                            Err(Some(clear)) if machine.unsecured() => stream = clear,
                            Err(failed) => {
                                drop(machine);
                                // So that the client reads the alert.
                                if let Some(clear) = failed {
                                    farewell(clear).await;
                                }
                                return;
                            }
                        }
                    }
                    // A client that is gone is noticed by the next read.
                    Next::HalfClose => drop(stream.shutdown_write().await),
                    Next::Stall => return Box::pin(stream.ignore()).await,
                    _ => {}
                }
            }
        }
    }

    /// Writes what has been gathered; false if the client is gone.
    async fn flush(&self, stream: &mut Stream, output: &mut Vec<u8>) -> bool {
        if output.is_empty() {
            return true;
        }
        if self.frozen.is_some() {
            Box::pin(Frozen::pass(self.frozen)).await;
        }
        let written = stream.write_all(output).await.is_ok();
        scratch::return_output(output);
        written
    }

    fn acceptor(&self, identity: IdentityId) -> Option<&Acceptor> {
        self.acceptors.get(usize::from(identity.0)).or(self.acceptors.first())
    }

    /// The stream with TLS; after a failure the one without, if there is one.
    // Rare and large, so on the heap: every connection would keep room for it.
    fn accept_tls<'host>(
        &'host self,
        stream: Stream,
        identity: IdentityId,
    ) -> Pin<Box<dyn Future<Output = Result<Stream, Option<Stream>>> + Send + 'host>> {
        Box::pin(async move {
            let acceptor = self.acceptor(identity).ok_or(None)?;
            Frozen::pass(self.frozen).await;
            stream.try_accept_tls(acceptor).await
        })
    }
}

/// What has been read and, from `used` on, not consumed: nothing unless commands are pipelined.
#[derive(Default)]
struct Unused {
    octets: Vec<u8>,
    used: usize,
}

impl Unused {
    fn is_empty(&self) -> bool {
        self.used >= self.octets.len()
    }

    /// Hands it to the machine; false if that takes none of it.
    fn give(&mut self, machine: &mut impl Machine) -> bool {
        let taken = machine.receive(self.octets.get(self.used..).unwrap_or_default());
        self.used += taken;
        if self.is_empty() {
            *self = Unused::default();
        }
        taken > 0
    }
}

/// Ends the connection as the machine wants it.
async fn end(next: Next, mut stream: Stream) {
    match next {
        Next::Reset => stream.reset(),
        Next::CloseWithoutNotify => stream.abandon(),
        Next::Alert => {
            // Who is not there any more needs no alert.
            let _ = stream.alert().await;
            farewell(stream).await;
        }
        _ => farewell(stream).await,
    }
}

/// Ends in order; see [`Stream::farewell`].
fn farewell(stream: Stream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async {
        // A client that has closed sends nothing that could turn the close into a reset.
        if stream.ending() != Some(Ending::Fin) {
            stream.farewell(PATIENCE).await;
        }
    })
}

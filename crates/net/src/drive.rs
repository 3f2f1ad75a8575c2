//! Drives one connection of the fake server over one stream, until either side ends it.
//!
//! The same for TCP and for pipes in memory. Deliberately no idea of POP3: what to do next is asked of
//! [`fake::Connection`]. Input and output are in buffers of the thread while it works; a connection that waits owns
//! none, so that tens of thousands of idle ones cost little.

use std::sync::Arc;
use std::time::Duration;

use fake::{Channel, Next, World};
use tokio::time::sleep;

use crate::connections::{Entry, Room};
use crate::listening::Frozen;
use crate::scratch;
use crate::stream::{Ending, Stream};
use crate::tls::Acceptor;

/// How much output is gathered before it is written.
const PIECE: usize = 16 * 1024;

/// How long an ended connection waits for its client to close as well.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the connections of a server have in common.
pub(crate) struct Service {
    pub(crate) world: World,
    pub(crate) acceptor: Acceptor,
    pub(crate) frozen: Option<Frozen>,
}

impl Service {
    /// Serves one client. A failed handshake, a broken connection and a vanished client end this connection only.
    #[expect(clippy::manual_async_fn, reason = "an async function keeps its arguments twice")]
    pub(crate) fn serve(
        service: Arc<Service>,
        held: (Room, Entry),
        channel: Channel,
        mut stream: Stream,
    ) -> impl Future<Output = ()> + Send {
        async move {
            let _held = &held;
            // Numbered in the order of arrival, not in that of finished handshakes.
            let mut connection = service.world.connect(channel);
            if matches!(channel, Channel::Tls) {
                match service.accept_tls(stream).await {
                    Some(secured) => stream = secured,
                    None => return,
                }
            }
            // What has been read and, from `consumed` on, not used: nothing unless commands are pipelined.
            let (mut tail, mut consumed) = (Vec::new(), 0);
            // What has been gathered and not written; lent by the thread.
            let mut output = Vec::new();
            loop {
                // Asked once for each step: a wait is said only once.
                let next = connection.next();
                match next {
                    Next::Write if output.len() < PIECE => {
                        scratch::lend_output(&mut output);
                        connection.transmit(&mut output, PIECE);
                        continue;
                    }
                    // Replies to pipelined commands leave together.
                    Next::Read if consumed < tail.len() && output.len() < PIECE => {
                        let taken = connection.receive(&tail[consumed..]);
                        if taken == 0 {
                            debug_assert!(false, "a connection wants to read and takes nothing");
                            return;
                        }
                        consumed += taken;
                        if consumed >= tail.len() {
                            (tail, consumed) = (Vec::new(), 0);
                        }
                        continue;
                    }
                    Next::Close => {
                        // Released before the client reads the last reply: it may log in again at once.
                        drop(connection);
                        if service.flush(&mut stream, &mut output).await {
                            farewell(stream).await;
                        }
                        return;
                    }
                    _ => {}
                }
                // The client gets what has been gathered before anything is awaited.
                if !service.flush(&mut stream, &mut output).await {
                    return;
                }
                match next {
                    Next::Read if tail.is_empty() => {
                        let consume = |input: &[u8]| connection.receive(input);
                        match stream.receive(&mut tail, usize::MAX, consume).await {
                            Ok(count) if count > 0 => {}
                            Ok(_) => {
                                // The client has left, or will not say more: no QUIT, no UPDATE (RFC 1939 section 6).
                                drop(connection);
                                return farewell(stream).await;
                            }
                            Err(_) => return,
                        }
                    }
                    Next::Wait(time) => sleep(time).await,
                    Next::StartTls => {
                        // What came in the clear after STLS is not part of the TLS session, whoever sent it.
                        (tail, consumed) = (Vec::new(), 0);
                        match service.accept_tls(stream).await {
                            Some(secured) => stream = secured,
                            None => return,
                        }
                        connection.tls_established();
                    }
                    Next::Reset => return stream.reset(),
                    Next::Read | Next::Write | Next::Close => {}
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

    async fn accept_tls(&self, stream: Stream) -> Option<Stream> {
        // Rare and large, so on the heap: every connection would keep room for it.
        Box::pin(async {
            Frozen::pass(self.frozen).await;
            stream.accept_tls(&self.acceptor, PATIENCE).await
        })
        .await
    }
}

/// Ends in order; see [`Stream::farewell`].
async fn farewell(stream: Stream) {
    // A client that has closed sends nothing that could turn the close into a reset.
    if stream.ending() != Some(Ending::Fin) {
        Box::pin(stream.farewell(PATIENCE)).await;
    }
}

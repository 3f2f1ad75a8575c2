//! One connection, clear or with TLS, over TCP or in memory, with every way to end it.
//!
//! Deliberately without time-outs, buffers of its own, or an idea of POP3: the caller awaits each operation inside
//! `tokio::time::timeout` and keeps the octets.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::tls::{Acceptor, Session, TlsFacts};
use crate::transport::Transport;
use crate::{ReadError, scratch};

/// A tail that has been used up keeps its memory if it is no more than this.
const TAIL_KEPT: usize = 1024;

/// How the peer ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// FIN on a connection without TLS: orderly.
    Fin,
    /// RST.
    Reset,
    /// TLS `close_notify`: orderly.
    TlsClose,
    /// FIN under TLS without `close_notify`: what was read may have been cut (RFC 8446 section 6.1).
    Truncated,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Ending::Fin => "fin",
            Ending::Reset => "reset",
            Ending::TlsClose => "tls-close",
            Ending::Truncated => "truncated",
        })
    }
}

/// What [`Stream::write_or_read`] could do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many octets of the output were taken.
    Written(usize),
    /// So many octets were read; 0 means that the peer has ended.
    Read(usize),
}

/// A connection to a peer. Dropping it closes the socket in whatever state it is, which is the cheapest way to end a
/// connection whose other side has ended already.
pub struct Stream {
    layer: Layer,
    /// `None` for connections that are many and anonymous: those of a load generator, and of a server.
    about: Option<Box<About>>,
    ending: Option<Ending>,
}

/// What is known of a connection beyond its octets.
struct About {
    host: String,
    facts: Option<TlsFacts>,
}

enum Layer {
    Clear(Transport),
    Tls(Box<Session>),
}

impl Stream {
    /// A connection about which nothing is remembered.
    pub(crate) fn new(transport: Transport) -> Stream {
        Stream { layer: Layer::Clear(transport), about: None, ending: None }
    }

    /// A connection to this host.
    pub(crate) fn dialled(transport: Transport, host: String) -> Stream {
        let about = Some(Box::new(About { host, facts: None }));
        Stream { layer: Layer::Clear(transport), about, ending: None }
    }

    /// Under TLS; nothing is remembered.
    pub(crate) fn secured(session: Session) -> Stream {
        Stream { layer: Layer::Tls(Box::new(session)), about: None, ending: None }
    }

    /// Under TLS, with what the client's side has learned.
    pub(crate) fn secured_to(session: Session, host: String, facts: TlsFacts) -> Stream {
        let about = Some(Box::new(About { host, facts: Some(facts) }));
        Stream { layer: Layer::Tls(Box::new(session)), about, ending: None }
    }

    /// The clear transport, to put TLS on it, and the host that was dialled (empty if nobody remembers); `None` if
    /// there is TLS already.
    pub(crate) fn into_clear(self) -> Option<(Transport, String)> {
        match self.layer {
            Layer::Clear(transport) => {
                Some((transport, self.about.map_or_else(String::new, |about| about.host)))
            }
            Layer::Tls(_) => None,
        }
    }

    /// The server's side of a TLS handshake. `None` if it failed; the connection has then been ended in order,
    /// so that the peer reads the alert.
    pub(crate) async fn accept_tls(self, acceptor: &Acceptor, patience: Duration) -> Option<Stream> {
        match self.try_accept_tls(acceptor).await {
            Ok(stream) => Some(stream),
            Err(stream) => {
                stream?.farewell(patience).await;
                None
            }
        }
    }

    /// As [`Stream::accept_tls`]; if it failed, the stream without TLS, on which the alert has been written. Nothing is left
    /// if there was TLS already.
    pub(crate) async fn try_accept_tls(self, acceptor: &Acceptor) -> Result<Stream, Option<Stream>> {
        let (transport, _) = self.into_clear().ok_or(None)?;
        match acceptor.accept(transport).await {
            Ok(session) => Ok(Stream::secured(session)),
            Err(transport) => Err(Some(Stream::new(transport))),
        }
    }

    /// One wake-up's worth of input, in the thread's scratch buffer (64 KiB, shared by all streams of the thread):
    /// at least one octet, at most `most`. What `tail` holds stands in front of it; `consume` says how many octets it
    /// has used, and what is left becomes the `tail` of the next call. So a connection owns no buffer while it waits,
    /// and nothing is allocated unless a tail remains.
    ///
    /// Gives the number of octets read, or 0 if the peer has ended in order (see [`Stream::ending`]); `consume` is
    /// not called then, and `tail` stays as it is. Cancelling loses nothing.
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub async fn receive(
        &mut self,
        tail: &mut Vec<u8>,
        most: usize,
        mut consume: impl FnMut(&[u8]) -> usize,
    ) -> Result<usize, ReadError> {
        poll_fn(|context| self.poll_receive(context, tail, most, &mut consume)).await
    }

    /// [`Stream::receive`] for a caller that polls, such as one that waits for a deadline beside it.
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        tail: &mut Vec<u8>,
        most: usize,
        consume: &mut impl FnMut(&[u8]) -> usize,
    ) -> Poll<Result<usize, ReadError>> {
        scratch::with_input(|scratch| {
            let (front, room) = match scratch.split_at_mut_checked(tail.len()) {
                Some((front, room)) if front.len() <= room.len() => (Some(front), room),
                // A tail that crowds the scratch buffer is longer than any line; it is extended where it is.
                _ => (None, &mut *scratch),
            };
            let room = match room.split_at_mut_checked(most.max(1)) {
                Some((room, _)) => room,
                None => room,
            };
            let mut buffer = ReadBuf::new(room);
            let polled = ready!(Pin::new(&mut self.layer).poll_read(context, &mut buffer));
            let read = buffer.filled().len();
            let count = match self.note_read(polled.map(|()| read)) {
                Ok(count) if count > 0 => count,
                ended => return Poll::Ready(ended),
            };
            if let Some(front) = front {
                front.copy_from_slice(tail);
                #[expect(
                    clippy::indexing_slicing,
                    reason = "what was read was read into the room behind the tail"
                )]
                let input = &scratch[..tail.len() + count];
                let used = consume(input);
                tail.clear();
                tail.extend_from_slice(input.get(used..).unwrap_or_default());
            } else {
                tail.extend_from_slice(buffer.filled());
                let used = consume(tail).min(tail.len());
                tail.drain(..used);
            }
            if tail.is_empty() && tail.capacity() > TAIL_KEPT {
                *tail = Vec::new();
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Reads what has arrived, at least one octet, at most `buffer.len()`. `Ok(0)` means that the peer has ended in
    /// order: [`Stream::ending`] tells whether by FIN or by `close_notify`. Cancelling loses nothing.
    ///
    /// # Errors
    /// The peer reset the connection, cut TLS off, or broke it; see [`ReadError`].
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let result = self.layer.read(buffer).await;
        self.note_read(result)
    }

    /// Writes all the octets and flushes them to the operating system. Cancelling leaves unknown how many were
    /// written.
    ///
    /// # Errors
    /// The connection is gone; [`Stream::read`] may still give what the peer sent before.
    pub async fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut written = 0;
        poll_fn(|context| self.poll_write_all(context, octets, &mut written)).await
    }

    /// [`Stream::write_all`] for a caller that polls: writes what can be written at once. `written` counts the octets
    /// taken so far; begin with 0 and hand over the same octets until it is ready.
    ///
    /// # Errors
    /// As [`Stream::write_all`].
    pub fn poll_write_all(
        &mut self,
        context: &mut Context<'_>,
        octets: &[u8],
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        let result = ready!(self.layer.poll_write_all(context, octets, written));
        self.note_write(&result);
        Poll::Ready(result)
    }

    /// Writes some of the octets or reads some, whichever is possible; reading goes first. For pipelining: a client
    /// that writes much without reading would wait for a server that waits for it. Call [`Stream::write_all`] with
    /// what is left, or with nothing, in the end: it flushes.
    ///
    /// # Errors
    /// As [`Stream::read`]; a failed write is [`ReadError::Reset`] or [`ReadError::Io`].
    pub async fn write_or_read(&mut self, octets: &[u8], buffer: &mut [u8]) -> Result<Progress, ReadError> {
        let layer = &mut self.layer;
        let (result, reading) = poll_fn(|context| {
            let mut read = ReadBuf::new(buffer);
            if let Poll::Ready(result) = Pin::new(&mut *layer).poll_read(context, &mut read) {
                return Poll::Ready((result.map(|()| read.filled().len()), true));
            }
            if octets.is_empty() {
                return Poll::Pending;
            }
            Pin::new(&mut *layer).poll_write(context, octets).map(|result| (result, false))
        })
        .await;
        if reading {
            return self.note_read(result).map(Progress::Read);
        }
        match result {
            Ok(count) => Ok(Progress::Written(count)),
            Err(error) => Err(self.note_read(Err(error)).err().unwrap_or(ReadError::Reset)),
        }
    }

    /// Half-close: says that no more octets follow (`close_notify` under TLS, then FIN). Reading goes on.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn shutdown_write(&mut self) -> io::Result<()> {
        self.layer.shutdown().await
    }

    /// [`Stream::shutdown_write`] for a caller that polls.
    pub(crate) fn poll_shutdown_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.layer).poll_shutdown(context)
    }

    /// Ends in order: everything written, `close_notify` under TLS, FIN. A peer that is already gone is no error.
    pub async fn close(mut self) {
        if matches!(self.layer, Layer::Tls(_)) {
            let _ = self.layer.shutdown().await;
        }
        // Where the peer has ended before, nothing can be unread, and closing the socket says FIN by itself.
        if self.ending.is_none() {
            self.layer.into_transport().finish();
        }
    }

    /// Ends with RST.
    pub fn reset(self) {
        self.layer.into_transport().reset();
    }

    /// Ends with FIN without `close_notify`, as a crashed client does. Without TLS the same as [`Stream::close`].
    pub fn abandon(self) {
        self.layer.into_transport().finish();
    }

    /// Says `close_notify` and nothing more: the TCP connection stays, and goes on without TLS. No server may play along
    /// (RFC 8446 section 6.1: nothing is read behind a `close_notify`). Without TLS it is the stream itself.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn leave_tls(mut self) -> io::Result<Stream> {
        if let Layer::Tls(session) = &mut self.layer {
            session.notify().await?;
        }
        let host = self.about.map_or_else(String::new, |about| about.host);
        Ok(Stream::dialled(self.layer.into_transport(), host))
    }

    /// What TLS exports for channel binding (RFC 9266); `None` without TLS.
    pub(crate) fn exported(&self) -> Option<[u8; 32]> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(session) => session.exported(),
        }
    }

    /// What was negotiated; `None` without TLS.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.about.as_ref()?.facts.as_ref()
    }

    /// How the peer ended; `None` as long as it has not, or nobody has read so far.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The name that the client sent as SNI, on the server's side.
    #[cfg(test)]
    pub(crate) fn server_name(&self) -> Option<String> {
        match &self.layer {
            Layer::Clear(_) => None,
            Layer::Tls(session) => session.server_name(),
        }
    }

    /// Ends in order as a server must: after FIN it goes on reading until the peer has closed too or `patience` is
    /// over, since RST (which the kernel sends for octets that nobody reads) could destroy the last reply. A peer
    /// that has ended already sends no more, so nobody waits for it.
    pub(crate) async fn farewell(mut self, patience: Duration) {
        let ended = self.ending.is_some();
        let waited = tokio::time::timeout(patience, async {
            match self.layer.shutdown().await {
                Ok(()) if !ended => self.layer.transport().drain().await,
                _ => true,
            }
        })
        .await;
        if !matches!(waited, Ok(true)) {
            self.layer.into_transport().finish();
        }
    }

    /// Throws away what the peer sends until it ends, or has sent more than anybody does who waits for an answer.
    pub(crate) async fn ignore(mut self) {
        self.layer.transport().drain().await;
    }

    /// Sends a fatal TLS alert: `bad_record_mac` under TLS, `handshake_failure` as the answer to a handshake that has
    /// not begun. Nothing can be read or written afterwards.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) async fn alert(&mut self) -> io::Result<()> {
        match &mut self.layer {
            // A record of the type alert, of version 3.3, of two octets: fatal, 40 (RFC 8446 sections 5.1 and 6.2).
            Layer::Clear(transport) => transport.write_all(&[21, 3, 3, 0, 2, 2, 40]).await,
            Layer::Tls(session) => {
                session.spoil();
                session.flush().await
            }
        }
    }

    fn note_read(&mut self, result: io::Result<usize>) -> Result<usize, ReadError> {
        let tls = matches!(self.layer, Layer::Tls(_));
        let (ending, result) = match result {
            // A write learned of the RST first; the kernel tells it only once.
            Ok(0) if self.ending == Some(Ending::Reset) => (None, Err(ReadError::Reset)),
            Ok(0) => (Some(if tls { Ending::TlsClose } else { Ending::Fin }), Ok(0)),
            Ok(count) => return Ok(count),
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => (Some(Ending::Reset), Err(ReadError::Reset)),
                io::ErrorKind::UnexpectedEof if tls => (Some(Ending::Truncated), Err(ReadError::Truncated)),
                io::ErrorKind::InvalidData if tls => {
                    (None, Err(ReadError::Tls { reason: error.to_string() }))
                }
                _ => (None, Err(ReadError::Io(error))),
            },
        };
        // The first ending is the true one: after it the kernel only repeats that nothing comes.
        self.ending = self.ending.or(ending);
        result
    }

    fn note_write(&mut self, result: &io::Result<()>) {
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
            self.ending = self.ending.or(Some(Ending::Reset));
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("host", &self.about.as_ref().map(|about| &about.host))
            .field("tls", &self.tls())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl Layer {
    fn poll_write_all(
        &mut self,
        context: &mut Context<'_>,
        octets: &[u8],
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = octets.get(*written..) {
            match ready!(Pin::new(&mut *self).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        match self {
            // Sockets and pipes hold nothing back.
            Layer::Clear(_) => Poll::Ready(Ok(())),
            Layer::Tls(session) => Pin::new(&mut **session).poll_flush(context),
        }
    }

    fn transport(&mut self) -> &mut Transport {
        match self {
            Layer::Clear(transport) => transport,
            Layer::Tls(session) => session.transport(),
        }
    }

    fn into_transport(self) -> Transport {
        match self {
            Layer::Clear(transport) => transport,
            Layer::Tls(session) => session.into_transport(),
        }
    }
}

impl AsyncRead for Layer {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Layer::Clear(transport) => Pin::new(transport).poll_read(context, buffer),
            Layer::Tls(session) => Pin::new(&mut **session).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Layer {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Layer::Clear(transport) => Pin::new(transport).poll_write(context, octets),
            Layer::Tls(session) => Pin::new(&mut **session).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Layer::Clear(transport) => Pin::new(transport).poll_flush(context),
            Layer::Tls(session) => Pin::new(&mut **session).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Layer::Clear(transport) => Pin::new(transport).poll_shutdown(context),
            Layer::Tls(session) => Pin::new(&mut **session).poll_shutdown(context),
        }
    }
}

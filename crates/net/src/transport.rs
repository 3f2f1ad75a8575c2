//! What carries octets: a TCP socket, or one end of a pipe in memory.
//!
//! Deliberately ignorant of TLS and POP3. It knows two things a plain socket does not: the first octets that came
//! in (so that a cleartext answer to a TLS handshake can be shown), and how to end in each of TCP's ways.

use std::future::poll_fn;
use std::io::{self, Read};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

use crate::scratch;

/// How many of the first octets received are kept while [`Transport::watch`] is on.
const WATCHED: usize = 80;

/// How much a pipe holds before its writer waits: about what a socket holds.
const PIPE_OCTETS: usize = 64 * 1024;

/// How much of what already arrived is read before closing, so that the kernel says FIN and not RST.
const DRAINED_OCTETS: usize = 256 * 1024;

pub(crate) struct Transport {
    kind: Kind,
    /// `Some` while watching, which is during a client's handshake only; there may be a million of these.
    first: Option<Box<First>>,
}

/// The first octets received.
struct First {
    octets: [u8; WATCHED],
    count: usize,
}

impl First {
    fn add(&mut self, fresh: &[u8]) {
        let room = self.octets.iter_mut().skip(self.count);
        for (place, octet) in room.zip(fresh) {
            *place = *octet;
            self.count += 1;
        }
    }
}

enum Kind {
    Tcp(TcpStream),
    Pipe { stream: DuplexStream, reset: Arc<AtomicBool> },
}

impl Transport {
    pub(crate) fn tcp(stream: TcpStream) -> Transport {
        Transport { kind: Kind::Tcp(stream), first: None }
    }

    /// Both ends of a pipe. It behaves like TCP, a reset included.
    pub(crate) fn pipe() -> (Transport, Transport) {
        let reset = Arc::new(AtomicBool::new(false));
        let (near, far) = tokio::io::duplex(PIPE_OCTETS);
        let end = |stream| Transport { kind: Kind::Pipe { stream, reset: reset.clone() }, first: None };
        (end(near), end(far))
    }

    /// From now on keeps the first octets received, for [`Transport::seen`].
    pub(crate) fn watch(&mut self) {
        self.first = Some(Box::new(First { octets: [0; WATCHED], count: 0 }));
    }

    /// The first octets received since [`Transport::watch`]; stops watching.
    pub(crate) fn seen(&mut self) -> Vec<u8> {
        let first = self.first.take();
        first.map_or_else(Vec::new, |first| first.octets.into_iter().take(first.count).collect())
    }

    /// Stops watching.
    pub(crate) fn unwatch(&mut self) {
        self.first = None;
    }

    /// Ends with RST: what is under way in either direction is lost.
    pub(crate) fn reset(self) {
        match self.kind {
            Kind::Tcp(stream) => {
                // If the option is refused the socket is already gone, and so is the need for it.
                let _ = stream.set_zero_linger();
            }
            Kind::Pipe { reset, .. } => reset.store(true, Ordering::Release),
        }
    }

    /// Ends with FIN at once. What has arrived unread is thrown away first: closing a socket that holds unread
    /// octets would send RST, which can destroy what the peer has not read yet.
    pub(crate) fn finish(self) {
        if let Kind::Tcp(stream) = self.kind {
            let socket = SockRef::from(&stream);
            let _ = socket.shutdown(Shutdown::Write);
            scratch::with_input(|scratch| {
                let mut drained = 0;
                while drained < DRAINED_OCTETS {
                    match (&*socket).read(scratch) {
                        Ok(count) if count > 0 => drained += count,
                        _ => break,
                    }
                }
            });
        }
    }

    /// Reads and throws away until the peer has closed too; false if it sends without end. Not bounded in time: that
    /// is the caller's.
    pub(crate) async fn drain(&mut self) -> bool {
        let mut drained = 0;
        while drained < DRAINED_OCTETS {
            let read = poll_fn(|context| {
                scratch::with_input(|scratch| {
                    let mut buffer = ReadBuf::new(scratch);
                    Pin::new(&mut *self).poll_read(context, &mut buffer).map_ok(|()| buffer.filled().len())
                })
            });
            match read.await {
                Ok(count) if count > 0 => drained += count,
                _ => return true,
            }
        }
        false
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = match &mut this.kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Pipe { stream, .. } => Pin::new(stream).poll_read(context, buffer),
        };
        if !matches!(polled, Poll::Ready(Ok(()))) {
            return polled;
        }
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if let Some(first) = &mut this.first {
            first.add(fresh);
        }
        match &this.kind {
            Kind::Pipe { reset, .. }
                if fresh.is_empty() && buffer.remaining() > 0 && reset.load(Ordering::Acquire) =>
            {
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            _ => polled,
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, octets),
            Kind::Pipe { stream, .. } => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Kind::Pipe { stream, .. } => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Pipe { stream, .. } => Pin::new(stream).poll_shutdown(context),
        }
    }
}

//! One conversation with the server: a line, its whole reply. It waits and holds a bounded time and amount, and says no
//! password in the clear to another host.

use std::time::Duration;

use net::{Dialer, Endpoint, Stream, TlsOptions};
use proto::{Client, Event, Limits, Shape};
use tokio::time::timeout;

/// How long any octet may be waited for.
const WAIT: Duration = Duration::from_mins(1);

/// A reply may have so many octets.
const REPLY: usize = 64 << 20;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// TLS from the first octet.
    Implicit,
    /// TLS by STLS.
    Starttls,
    /// None.
    Clear,
}

/// A connection to the server.
pub(super) struct Conversation {
    stream: Stream,
    replies: Client,
    tail: Vec<u8>,
}

impl Conversation {
    /// Connects, and gives the greeting too.
    ///
    /// # Errors
    /// There is no such connection, told for people.
    pub(super) async fn open(
        dialer: &Dialer,
        endpoint: &Endpoint,
        protection: Protection,
    ) -> Result<(Self, Vec<u8>), String> {
        let late = |_| format!("{endpoint} did not answer within {} seconds", WAIT.as_secs());
        let options = TlsOptions::named(&endpoint.host);
        let opening = async {
            let stream = dialer.connect(endpoint, None).await?;
            match protection {
                Protection::Implicit => dialer.start_tls(stream, &options).await,
                Protection::Starttls | Protection::Clear => Ok(stream),
            }
        };
        let stream = timeout(WAIT, opening).await.map_err(late)?.map_err(|error| error.to_string())?;
        let mut opened = Self { stream, replies: Client::new(Limits::default()), tail: Vec::new() };
        let greeting = opened.reply().await?;
        if protection == Protection::Starttls {
            let reply = opened.say(b"STLS").await?;
            if !reply.starts_with(b"+OK") {
                return Err(format!("{endpoint} refuses STLS; see --tls"));
            }
            let securing = dialer.start_tls(opened.stream, &options);
            let stream = timeout(WAIT, securing).await.map_err(late)?.map_err(|error| error.to_string())?;
            // What came behind the reply in the clear goes with the tail.
            opened = Self { stream, replies: Client::resume(Limits::default()), tail: Vec::new() };
        }
        Ok((opened, greeting))
    }

    /// Says a line and gives the whole reply.
    ///
    /// # Errors
    /// The server is gone, says too much or nothing, told for people.
    pub(super) async fn say(&mut self, line: &[u8]) -> Result<Vec<u8>, String> {
        self.replies.expect(Shape::of(line));
        let octets = [line, b"\r\n"].concat();
        match timeout(WAIT, self.stream.write_all(&octets)).await {
            Ok(Ok(())) => self.reply().await,
            Ok(Err(error)) => Err(format!("the server is gone: {error}")),
            Err(_) => Err("the server does not listen any more".to_owned()),
        }
    }

    /// Ends it without QUIT, behind RSET: nothing is removed, whatever the server does at QUIT.
    pub(super) async fn end(mut self) {
        let _ = self.say(b"RSET").await;
        let _ = timeout(WAIT, self.stream.close()).await;
    }

    async fn reply(&mut self) -> Result<Vec<u8>, String> {
        let (mut reply, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
        loop {
            let step = self.replies.step(&self.tail);
            let (count, is_idle) = (step.consumed, step.event.is_none());
            let is_over = match step.event {
                Some(Event::Status { last, .. }) => last,
                Some(Event::End { .. } | Event::Continuation { .. }) => true,
                Some(Event::Endless) => return Err("the server says a line without an end".to_owned()),
                _ => false,
            };
            reply.extend(self.tail.drain(..count));
            if is_over {
                return Ok(reply);
            }
            if reply.len() + self.tail.len() > REPLY {
                return Err(format!("the server's reply has more than {} MiB", REPLY >> 20));
            }
            if count > 0 || !is_idle {
                continue;
            }
            match timeout(WAIT, self.stream.read(&mut piece)).await {
                Ok(Ok(0)) => {
                    return Err("the server closed the connection before its reply was whole".to_owned());
                }
                Ok(Ok(read)) => self.tail.extend_from_slice(&piece[..read]),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err(format!("the server said nothing for {} seconds", WAIT.as_secs())),
            }
        }
    }
}

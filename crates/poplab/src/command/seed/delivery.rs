//! Mail given to a server as another mail server would: LMTP (RFC 2033) and SMTP (RFC 5321), in the clear.
//!
//! One recipient a message, one message after the other. Whatever the server does, each step ends in time. Deliberately no
//! STARTTLS, no authentication, no queue and no second try: it fills test accounts on a server whose owner is at hand.

use std::net::SocketAddr;
use std::time::Duration;

use net::{Dialer, Stream, Trust};
use proto::Stuffer;
use tokio::time::timeout;

use crate::exit::Failure;
use crate::terminal;

/// How long the server may take for one whole answer, and to take what it is sent; storing a message can be slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest answer that is read, with all its lines.
const LONGEST: usize = 16 * 1024;

/// So many addresses of a server are tried.
const MOST_ADDRESSES: usize = 4;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// LMTP: straight into the mail store.
    Lmtp,
    /// SMTP: through the server's queue, so that mail may arrive later than it is accepted.
    Smtp,
}

/// A connection that mail goes through.
pub(super) struct Delivery {
    stream: Stream,
    server: String,
    /// What was read and belongs to the next answer.
    ahead: Vec<u8>,
}

impl Delivery {
    /// Connects to the first of these addresses that is there, and says hello.
    ///
    /// # Errors
    /// The server is not there, or does not want us.
    pub(super) async fn open(protocol: Protocol, addresses: &[SocketAddr]) -> anyhow::Result<Delivery> {
        let (stream, server) = dial(addresses).await?;
        let mut delivery = Delivery { stream, server: server.to_string(), ahead: Vec::new() };
        delivery.answer("the connection", b'2').await?;
        let hello: &[u8] =
            if protocol == Protocol::Lmtp { b"LHLO localhost\r\n" } else { b"EHLO localhost\r\n" };
        delivery.say("the hello", hello, b'2').await?;
        Ok(delivery)
    }

    /// Gives one message, CRLF lines, to one recipient.
    ///
    /// # Errors
    /// The server refuses it, or is gone.
    pub(super) async fn give(&mut self, recipient: &str, message: &[u8]) -> anyhow::Result<()> {
        self.say("MAIL", b"MAIL FROM:<>\r\n", b'2').await?;
        self.say("RCPT", format!("RCPT TO:<{recipient}>\r\n").as_bytes(), b'2').await?;
        self.say("DATA", b"DATA\r\n", b'3').await?;
        let mut octets = Vec::with_capacity(message.len() + message.len() / 64 + 8);
        let mut stuffer = Stuffer::new();
        stuffer.push(message, &mut octets);
        stuffer.finish(&mut octets);
        self.say("the message", &octets, b'2').await
    }

    /// Says goodbye; a server that is gone already is no error.
    pub(super) async fn close(mut self) {
        let _ = self.say("QUIT", b"QUIT\r\n", b'2').await;
        self.stream.close().await;
    }

    async fn say(&mut self, what: &str, octets: &[u8], wanted: u8) -> anyhow::Result<()> {
        if let Ok(written) = timeout(PATIENCE, self.stream.write_all(octets)).await {
            let answer = self.answer(what, wanted).await;
            // What it said before it hung up is worth more than that it did.
            return answer.and_then(|()| written.map_err(|_| self.gone(what)));
        }
        Err(self.silent(what))
    }

    /// Reads one answer, which may have several lines: `250-…`, `250 …`.
    async fn answer(&mut self, what: &str, wanted: u8) -> anyhow::Result<()> {
        let Self { stream, ahead, .. } = self;
        let read = async |piece: &mut [u8]| stream.read(piece).await.unwrap_or_default();
        let said = match read_answer(ahead, read).await {
            Answer::Whole(first, _) if first == wanted => return Ok(()),
            Answer::Whole(_, said) => said,
            Answer::Gone => return Err(self.gone(what)),
            Answer::Late => return Err(self.silent(what)),
            Answer::Endless => {
                return Err(Failure::not_carried_out(format!(
                    "{} answered {what} with a reply that does not end",
                    self.server
                )));
            }
        };
        let said = String::from_utf8_lossy(&said);
        let said = terminal::visible(&said.lines().collect::<Vec<_>>().join(" / "));
        Err(Failure::not_carried_out(format!("{} answered {what} with: {said}", self.server)))
    }

    fn gone(&self, what: &str) -> anyhow::Error {
        Failure::not_carried_out(format!("{} hung up without an answer to {what}", self.server))
    }

    fn silent(&self, what: &str) -> anyhow::Error {
        Failure::not_carried_out(format!(
            "{} did not answer {what} within {} seconds",
            self.server,
            PATIENCE.as_secs()
        ))
    }
}

/// How reading an answer went.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Its first digit, and all of it.
    Whole(u8, Vec<u8>),
    /// The server hung up.
    Gone,
    /// It was not whole in time.
    Late,
    /// More was sent than is read.
    Endless,
}

/// Reads one answer, of which some may have been read before. What `read` gives is the server's, up to its end, 0.
async fn read_answer(ahead: &mut Vec<u8>, mut read: impl AsyncFnMut(&mut [u8]) -> usize) -> Answer {
    let mut piece = [0; 2048];
    let whole = async {
        loop {
            if let Some((end, first)) = complete(ahead) {
                return Answer::Whole(first, ahead.drain(..end).collect());
            }
            if ahead.len() > LONGEST {
                return Answer::Endless;
            }
            match read(&mut piece).await {
                0 => return Answer::Gone,
                count => ahead.extend_from_slice(&piece[..count]),
            }
        }
    };
    // The whole of it: a server that sends an octet a second answers nothing.
    timeout(PATIENCE, whole).await.unwrap_or(Answer::Late)
}

async fn dial(addresses: &[SocketAddr]) -> anyhow::Result<(Stream, SocketAddr)> {
    let dialer = Dialer::tcp(Trust::Insecure)?;
    let mut failure = String::from("the server has no address");
    for address in addresses.iter().take(MOST_ADDRESSES) {
        failure = match timeout(PATIENCE, dialer.connect_to(*address, None)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{address} does not answer"),
        };
    }
    Err(Failure::not_carried_out(failure))
}

/// Where the first answer ends, and its first digit; `None` as long as it is not complete.
fn complete(octets: &[u8]) -> Option<(usize, u8)> {
    let mut start = 0;
    loop {
        let end = start + octets[start..].iter().position(|octet| *octet == b'\n')? + 1;
        if octets.get(start + 3) != Some(&b'-') {
            return Some((end, octets[start]));
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a server that sends `octets` over and over, each time after `pause`.
    async fn read(octets: &[u8], pause: Duration) -> (Answer, Duration) {
        let began = tokio::time::Instant::now();
        let send = async |piece: &mut [u8]| {
            tokio::time::sleep(pause).await;
            piece[..octets.len()].copy_from_slice(octets);
            octets.len()
        };
        (read_answer(&mut Vec::new(), send).await, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_in_time_and_in_size() {
        let second = Duration::from_secs(1);
        assert_eq!(read(b"2", second).await, (Answer::Late, PATIENCE), "an octet a second");
        assert_eq!(read(b"250-more\r\n", second).await, (Answer::Late, PATIENCE), "a line a second");
        assert_eq!(read(b"250-more\r\n", Duration::ZERO).await.0, Answer::Endless);
        assert_eq!(read(b"2", Duration::ZERO).await.0, Answer::Endless);
        assert_eq!(read(b"", second).await, (Answer::Gone, second));
        assert_eq!(read(b"250 OK\r\n", second).await.0, Answer::Whole(b'2', b"250 OK\r\n".to_vec()));
    }

    #[test]
    fn an_answer_ends_with_its_last_line() {
        assert_eq!(complete(b"250-host\r\n250-8BITMIME\r\n250 OK\r\n354"), Some((32, b'2')));
        assert_eq!(complete(b"550 no\r\n"), Some((8, b'5')));
        assert_eq!(complete(b"250-host\r\n250"), None);
        assert_eq!(complete(b"\n"), Some((1, b'\n')), "no answer at all is never the wanted one");
    }
}

//! A small HTTP server on a loopback port, for figures that are read and messages that are taken while a program runs.
//!
//! One request on each connection, one connection after the other, and no more of HTTP than that takes. It runs in a thread
//! of its own so that a slow reader never delays a session, and no reader delays the end of a run.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reader that has not asked, and taken its answer, within this time is left.
const PATIENCE: Duration = Duration::from_secs(2);
/// The head of a request is no longer.
const LONGEST_HEAD: usize = 8 * 1024;

/// What is asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, `POST`.
    pub(crate) method: String,
    /// With its slash, and whatever follows a question mark.
    pub(crate) path: String,
    /// Whom the reader takes this for, as `localhost:8080`; empty if nothing is said.
    pub(crate) host: String,
    /// What the body is said to be; empty if nothing is said.
    pub(crate) content_type: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) struct Answer {
    /// Such as `200 OK`.
    pub(crate) status: &'static str,
    /// What the body is.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: String,
}

/// A running endpoint. Dropping it closes the port.
pub(crate) struct Endpoint {
    address: SocketAddr,
    reader: Arc<Mutex<Reader>>,
    /// Tells, by its end, that the thread has ended.
    ended: Receiver<()>,
}

/// Who is being served.
#[derive(Default)]
struct Reader {
    stream: Option<TcpStream>,
    /// Nobody else is.
    over: bool,
}

impl Endpoint {
    /// Answers, on this port of 127.0.0.1 (0 for a free one), requests whose bodies have at most so many octets.
    ///
    /// # Errors
    /// The port is taken, or the system gives no thread.
    pub(crate) fn start(
        port: u16,
        longest_body: usize,
        answer: impl Fn(&Request) -> Answer + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let reader = Arc::<Mutex<Reader>>::default();
        let (ending, ended) = channel();
        let shared = Arc::clone(&reader);
        let serve = move || {
            serve(&listener, &shared, longest_body, &answer);
            // The port is closed before that is told.
            drop(listener);
            drop(ending);
        };
        std::thread::Builder::new().name("http".to_owned()).spawn(serve)?;
        Ok(Self { address, reader, ended })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        {
            let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.over = true;
            if let Some(stream) = reader.stream.take() {
                // Wakes the thread out of waiting for this reader. One that went away is its own affair.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // Wakes it out of waiting for a connection. When none is to be had, there are others that do so.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE / 10);
        // It ends at once. Should it not, it ends with the process.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

fn serve(
    listener: &TcpListener,
    reader: &Mutex<Reader>,
    longest_body: usize,
    give: &impl Fn(&Request) -> Answer,
) {
    let lock = || reader.lock().unwrap_or_else(PoisonError::into_inner);
    for stream in listener.incoming() {
        {
            let mut reader = lock();
            if reader.over {
                return;
            }
            reader.stream = stream.as_ref().ok().and_then(|stream| stream.try_clone().ok());
            if reader.stream.is_none() {
                // Without a second handle nobody could end this one. The system has no descriptor to give.
                drop(reader);
                std::thread::yield_now();
                continue;
            }
        }
        if let Ok(stream) = stream {
            // A reader that went away is its own affair.
            let _ = answer(stream, longest_body, give, Instant::now() + PATIENCE);
        }
        lock().stream = None;
    }
}

/// Serves one reader, who may send an octet a second, or take none.
fn answer(
    mut stream: TcpStream,
    longest_body: usize,
    give: &impl Fn(&Request) -> Answer,
    deadline: Instant,
) -> io::Result<()> {
    let request = read(&mut stream, longest_body, deadline)?;
    let refused = request.is_err();
    let Answer { status, content_type, body } = match request {
        Ok(request) => give(&request),
        Err(status) => Answer { status, content_type: "text/plain", body: format!("{status}\n") },
    };
    let answer = format!(
        "HTTP/1.0 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut unsent = answer.as_bytes();
    while !unsent.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(unsent)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            octets => unsent = &unsent[octets..],
        }
    }
    if refused {
        // What was not read would turn the end into a reset, and the answer could be lost with it.
        stream.shutdown(Shutdown::Write)?;
        let mut thrown_away = [0; 16 * 1024];
        while stream.read(&mut thrown_away)? > 0 {
            stream.set_read_timeout(Some(left(deadline)?))?;
        }
    }
    Ok(())
}

/// A request, or the status that says what is wrong with it.
fn read(
    stream: &mut TcpStream,
    longest_body: usize,
    deadline: Instant,
) -> io::Result<Result<Request, &'static str>> {
    let (mut octets, mut piece) = (Vec::new(), [0; 16 * 1024]);
    let mut read = |octets: &mut Vec<u8>| -> io::Result<usize> {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let count = stream.read(&mut piece)?;
        octets.extend_from_slice(&piece[..count]);
        Ok(count)
    };
    let end = loop {
        if let Some(end) = octets.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
        if octets.len() > LONGEST_HEAD {
            return Ok(Err("431 Request Header Fields Too Large"));
        }
        if read(&mut octets)? == 0 {
            return Ok(Err("400 Bad Request"));
        }
    };
    let mut body = octets.split_off(end + 4);
    let head = String::from_utf8_lossy(&octets).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let length = match field("content-length").as_str() {
        "" => 0,
        digits => match digits.parse() {
            Ok(length) if length <= longest_body => length,
            Ok(_) => return Ok(Err("413 Content Too Large")),
            Err(_) => return Ok(Err("400 Bad Request")),
        },
    };
    while body.len() < length {
        if read(&mut body)? == 0 {
            return Ok(Err("400 Bad Request"));
        }
    }
    body.truncate(length);
    Ok(Ok(Request { method, path, host: field("host"), content_type: field("content-type"), body }))
}

/// What is left of the time.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn every_request_gets_an_answer_of_its_moment_until_the_end() {
        let asked = AtomicU32::new(0);
        let give = move |request: &Request| {
            let body = format!("asked {} {:?}\n", asked.fetch_add(1, Ordering::Relaxed), request);
            Answer { status: "200 OK", content_type: "text/plain", body }
        };
        let metrics = Endpoint::start(0, 5, give).unwrap();
        let address = metrics.address();
        let first = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(first.starts_with("HTTP/1.0 200 OK\r\n"), "{first}");
        assert!(first.contains("asked 0 Request { method: \"GET\", path: \"/metrics\","), "{first}");
        let posted = "POST / HTTP/1.0\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        let second = ask(address, posted);
        assert!(
            second.contains("asked 1")
                && second.contains("content_type: \"application/json\", body: [123, 125]"),
            "{second}"
        );
        assert!(
            ask(address, "POST / HTTP/1.0\r\nContent-Length: 6\r\n\r\n123456").starts_with("HTTP/1.0 413 ")
        );
        assert!(ask(address, "POST / HTTP/1.0\r\nContent-Length: six\r\n\r\n").starts_with("HTTP/1.0 400 "));
        let endless = format!("GET /{} HTTP/1.0\r\n", "x".repeat(2 * LONGEST_HEAD));
        assert!(ask(address, &endless).starts_with("HTTP/1.0 431 "));
        drop(metrics);
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
    }

    #[test]
    fn a_reader_who_sends_an_octet_now_and_then_is_left() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let served = listener.accept().unwrap().0;
        // There is always another octet to read, and the time is over all the same: it is one time for all of them.
        client.write_all(b"GET /").unwrap();
        let give = |_: &Request| Answer { status: "200 OK", content_type: "text/plain", body: String::new() };
        let told = answer(served, 0, &give, Instant::now()).unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_reader_who_takes_nothing_does_not_delay_the_end() {
        let (told, asked) = channel();
        let give = move |_: &Request| {
            let _ = told.send(());
            Answer { status: "200 OK", content_type: "text/plain", body: "x".repeat(100_000_000) }
        };
        let metrics = Endpoint::start(0, 0, give).unwrap();
        let mut clients: Vec<TcpStream> =
            (0..3).map(|_| TcpStream::connect(metrics.address()).unwrap()).collect();
        clients[0].write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        asked.recv_timeout(Duration::from_mins(1)).unwrap();
        let began = Instant::now();
        drop(metrics);
        assert!(began.elapsed() < Duration::from_mins(1));
        // The one that was served, and those behind it, are let go of.
        for client in &mut clients {
            client.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
            while client.read(&mut [0; 8192]).is_ok_and(|octets| octets > 0) {}
        }
    }
}

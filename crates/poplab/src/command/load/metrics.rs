//! The figures of a running load run for Prometheus: a text on a loopback port, made anew for each request.
//!
//! It answers `GET` of any path with the same text, one connection after the other, and knows nothing more of HTTP.
//! It runs in a thread of its own so that a slow reader never delays a session, and no reader delays the end of a run.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A reader that has not asked, and taken its answer, within this time is left.
const PATIENCE: Duration = Duration::from_secs(2);
/// More of a request is not looked at.
const LONGEST_REQUEST: usize = 8 * 1024;

/// A running endpoint. Dropping it closes the port.
pub(super) struct Metrics {
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

impl Metrics {
    /// Serves what `text` gives, on this port of 127.0.0.1; 0 for a free one.
    ///
    /// # Errors
    /// The port is taken, or the system gives no thread.
    pub(super) fn start(port: u16, text: impl Fn() -> String + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let reader = Arc::<Mutex<Reader>>::default();
        let (ending, ended) = channel();
        let shared = Arc::clone(&reader);
        let serve = move || {
            serve(&listener, &shared, &text);
            // The port is closed before that is told.
            drop(listener);
            drop(ending);
        };
        std::thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, reader, ended })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Metrics {
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

fn serve(listener: &TcpListener, reader: &Mutex<Reader>, text: &impl Fn() -> String) {
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
            let _ = answer(stream, text, Instant::now() + PATIENCE);
        }
        lock().stream = None;
    }
}

/// Serves one reader, who may send an octet a second, or take none.
fn answer(mut stream: TcpStream, text: &impl Fn() -> String, deadline: Instant) -> io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let octets = stream.read(&mut piece)?;
        request.extend_from_slice(&piece[..octets]);
        if octets == 0 || request.len() > LONGEST_REQUEST {
            break;
        }
    }
    let (status, body) = if request.starts_with(b"GET ") {
        ("200 OK", text())
    } else {
        ("405 Method Not Allowed", "only GET\n".to_owned())
    };
    let answer = format!(
        "HTTP/1.0 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        report::PROMETHEUS_CONTENT_TYPE,
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
    Ok(())
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
    fn every_request_gets_the_text_of_its_moment_until_the_end() {
        let asked = AtomicU32::new(0);
        let text = move || format!("poplab_asked {}\n", asked.fetch_add(1, Ordering::Relaxed));
        let metrics = Metrics::start(0, text).unwrap();
        let address = metrics.address();
        let first = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(
            first.starts_with("HTTP/1.0 200 OK\r\n") && first.ends_with("\r\n\r\npoplab_asked 0\n"),
            "{first}"
        );
        assert!(first.contains("Content-Length: 15\r\n"), "{first}");
        assert!(ask(address, "GET / HTTP/1.0\r\n\r\n").ends_with("poplab_asked 1\n"));
        assert!(ask(address, "POST / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405 "));
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
        let told = answer(served, &String::new, Instant::now()).unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_reader_who_takes_nothing_does_not_delay_the_end() {
        let (told, asked) = channel();
        let text = move || {
            let _ = told.send(());
            "x".repeat(100_000_000)
        };
        let metrics = Metrics::start(0, text).unwrap();
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

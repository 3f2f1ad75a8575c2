//! The figures of a running load run for Prometheus: a text on a loopback port, made anew for each request.
//!
//! It answers `GET` of any path with the same text, one connection after the other, and knows nothing more of HTTP.
//! It runs in a thread of its own so that a slow reader never delays a session.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A reader that asks for nothing, or does not take its answer, is left after this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// More of a request is not looked at.
const LONGEST_REQUEST: usize = 8 * 1024;

/// A running endpoint. Dropping it closes the port.
pub(super) struct Metrics {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Serves what `text` gives, on this port of 127.0.0.1; 0 for a free one.
    ///
    /// # Errors
    /// The port is taken, or the system gives no thread.
    pub(super) fn start(port: u16, text: impl Fn() -> String + Send + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                if let Ok(stream) = stream {
                    // A reader that went away is its own affair.
                    let _ = answer(stream, &text);
                }
            }
        };
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread out of waiting for a connection.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, text: &impl Fn() -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
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
    write!(
        stream,
        "HTTP/1.0 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        report::PROMETHEUS_CONTENT_TYPE,
        body.len()
    )
}

#[cfg(test)]
mod tests {
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
        let asked = std::sync::atomic::AtomicU32::new(0);
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
}

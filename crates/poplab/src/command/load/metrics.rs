//! The figures of a running load run for Prometheus: a text on a loopback port, made anew for each request.

use std::io;

use crate::http::{Answer, Endpoint, Request};

/// Serves what `text` gives to `GET` of any path, on this port of 127.0.0.1; 0 for a free one.
///
/// # Errors
/// The port is taken, or the system gives no thread.
pub(super) fn start(port: u16, text: impl Fn() -> String + Send + 'static) -> io::Result<Endpoint> {
    let answer = move |request: &Request| {
        let (status, body) = if request.method == "GET" {
            ("200 OK", text())
        } else {
            ("405 Method Not Allowed", "only GET\n".to_owned())
        };
        Answer { status, content_type: report::PROMETHEUS_CONTENT_TYPE, body }
    };
    Endpoint::start(port, 0, answer)
}

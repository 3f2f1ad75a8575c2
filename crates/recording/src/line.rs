//! The lines of a recording.

use serde::{Deserialize, Serialize};

use crate::FORMAT;

/// How a client was connected when its session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// In the clear.
    Clear,
    /// With TLS from the first octet.
    Tls,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first one.
    Recording { format: u32, upstream: String },
    /// A client connected.
    Opened { session: u32, channel: Channel },
    /// The client said this: a command, or a line of a SASL exchange.
    Said { session: u32, line: String },
    /// The server said this, as a part of its reply of this number.
    Reply {
        session: u32,
        number: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    /// Behind the reply of this number TLS began.
    Secured { session: u32, number: u64 },
    /// The session ended so.
    Ended { session: u32, how: String },
    /// There was no room for more.
    Full {},
}

impl Line {
    /// Appends it.
    pub(crate) fn put(&self, out: &mut String) {
        // There is no value in it that JSON has no form for.
        if let Ok(line) = serde_json::to_string(self) {
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// The first line of a recording of this server.
pub fn header(upstream: &str) -> String {
    let mut out = String::new();
    Line::Recording { format: FORMAT, upstream: upstream.to_owned() }.put(&mut out);
    out
}

/// The last line of a recording that has no room for more.
pub fn full() -> String {
    let mut out = String::new();
    Line::Full {}.put(&mut out);
    out
}

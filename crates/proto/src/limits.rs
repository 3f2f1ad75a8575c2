//! How much a peer may say in one line before its session ends.

/// Limits on what a server may send (client side).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a status line, CRLF included, above which [`Deviation::StatusTooLong`](crate::Deviation) is noted
    /// (RFC 1939 section 3: 512).
    pub status: usize,
    /// Octets of a status line above which the machine gives up and says [`Event::Endless`](crate::Event).
    pub line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { status: 512, line: 8192 }
    }
}

/// Limits on what a client may send (server side).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Octets of a command line, line end included (RFC 2449 section 4 asks for at least 255).
    pub command: usize,
    /// Octets of a line within a SASL exchange (RFC 5034 section 4: as long as the mechanism needs).
    pub response: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { command: 512, response: 64 * 1024 }
    }
}

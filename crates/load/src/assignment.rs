//! What a worker is told: the scenario, its share of it, and where the server is.
//!
//! Deliberately without what a worker can work out itself: the plan is a function of the scenario and the seed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use scenario::Scenario;
use serde::{Deserialize, Serialize};

/// One worker's part of a run. It crosses a pipe to a worker process as JSON, passwords included, and is never
/// written anywhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// The scenario, everything in it resolved: passwords too, and `tls: auto` means implicit TLS wherever `targets`
    /// has such an entrance, else STLS.
    pub scenario: Scenario,
    /// The seed of the plan; it may differ from the scenario's own.
    pub seed: u64,
    /// Where the server is.
    pub targets: Targets,
    /// The name for SNI, which the certificate must bear.
    pub server_name: String,
    /// Number of this worker, from 0.
    pub worker: u32,
    /// How many workers there are. A user belongs to the worker `user % workers`.
    pub workers: u32,
    /// Addresses of this machine to connect from, used in turn; empty for the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Authorities to believe instead of the operating system's, PEM.
    pub ca_pem: Option<String>,
    /// Believe any certificate. `verify: never` in the scenario says the same.
    pub insecure: bool,
    /// What becomes of mail that is retrieved. Where it may be deleted, nothing is retrieved unless deleting is allowed.
    pub retrieval: Retrieval,
    /// Whether DELE may be sent at all; it still needs a maildrop in which every message is poplab's own.
    pub allow_delete: bool,
    /// How long after being told the plan begins, so that all workers begin together.
    pub start_in: Duration,
    /// Whether the worker tells what it uses of processor and memory. Not in tests on a virtual clock, whose reports
    /// are the same every time.
    pub watch_self: bool,
}

/// Whether the server announces that what is retrieved may be deleted (EXPIRE 0, RFC 2449 section 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retrieval {
    /// It does not.
    Keeps,
    /// It does.
    Deletes,
    /// Not known, or not the same for all users: each session asks before its first RETR.
    #[default]
    Ask,
}

/// The server's addresses by entrance. User `u` goes to the one at `u % len`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Targets {
    /// Ports with TLS from the first octet.
    pub implicit: Vec<SocketAddr>,
    /// Ports in the clear, perhaps with STLS.
    pub clear: Vec<SocketAddr>,
}

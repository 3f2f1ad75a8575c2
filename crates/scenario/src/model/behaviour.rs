//! What users do, how they connect, and how fast they are.

use std::time::Duration;

use chance::Distribution;
use serde::{Deserialize, Serialize};

/// A behaviour with its share of the users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighted {
    /// Its part of the sum of all weights; not negative, finite.
    pub weight: f64,
    /// What is done.
    pub behaviour: Behaviour,
    /// The pause before each command after the login, in seconds.
    pub think: Distribution,
    /// The line between user and server.
    pub link: Link,
    /// How to log in.
    pub login: Mechanism,
}

/// What a user does in each session, between login and QUIT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Behaviour {
    /// STAT and gone: most of real traffic.
    Poll,
    /// LIST, then RETR and DELE for each message. Deletes nothing but marked mail.
    DownloadAndDelete,
    /// UIDL, then RETR of what is new to this user; nothing is deleted.
    LeaveOnServer {
        /// The part of the maildrop (0 to 1) the user has already fetched before the run.
        remember: f64,
    },
    /// Several devices on one maildrop, taking turns; each leaves mail on the server and remembers for itself.
    Devices {
        /// How many.
        count: u32,
    },
    /// LIST, then TOP of the newest messages.
    HeaderPreview {
        /// Lines of the body to ask for.
        lines: u32,
        /// At most so many messages.
        most: u32,
    },
    /// Logs in and stays, with a NOOP now and then.
    HoldIdle {
        /// The distance between two NOOPs.
        noop_every: Duration,
        /// How long.
        lasting: Hold,
    },
    /// RETR, and hangs up in the middle of the reply.
    GiveUpMidRetr {
        /// After so many octets of the message.
        after_octets: u64,
    },
    /// A login with a password that is not the account's. Real servers punish it: few, and not for accounts you need.
    WrongPassword,
    /// LIST, then RETR of the first messages; nothing is deleted or remembered.
    Retrieve {
        /// At most so many messages.
        most: u32,
    },
    /// A behaviour written in Rust, by its name.
    Custom(String),
}

impl Behaviour {
    /// The name in the YAML form and in tables.
    pub fn name(&self) -> &str {
        match self {
            Self::Poll => "poll",
            Self::DownloadAndDelete => "download-and-delete",
            Self::LeaveOnServer { .. } => "leave-on-server",
            Self::Devices { .. } => "devices",
            Self::HeaderPreview { .. } => "header-preview",
            Self::HoldIdle { .. } => "hold-idle",
            Self::GiveUpMidRetr { .. } => "give-up",
            Self::WrongPassword => "wrong-password",
            Self::Retrieve { .. } => "retrieve",
            Self::Custom(name) => name,
        }
    }

    /// Whether it deletes mail, so that it needs the permission for it.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::DownloadAndDelete)
    }
}

/// How long a session is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Until the plan's duration is over; then they leave one after another, 5,000 in a second.
    UntilEnd,
    /// For so long after the login.
    For(Duration),
}

/// The line between user and server; the default is as fast as it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// Octets a second towards the user; `None`: no limit.
    pub bandwidth: Option<u64>,
    /// Added to each round trip.
    pub latency: Duration,
}

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Mechanism {
    /// USER and PASS (RFC 1939 section 7).
    #[default]
    User,
    /// APOP (RFC 1939 section 7).
    Apop,
    /// AUTH PLAIN (RFC 4616).
    Plain,
    /// AUTH CRAM-MD5 (RFC 2195).
    CramMd5,
    /// AUTH SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
}

impl Mechanism {
    /// All, in the order of tables.
    pub const ALL: [Self; 5] = [Self::User, Self::Apop, Self::Plain, Self::CramMd5, Self::ScramSha256];

    /// The name in the YAML form; the step's tag is `login-` and this.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Apop => "apop",
            Self::Plain => "plain",
            Self::CramMd5 => "cram-md5",
            Self::ScramSha256 => "scram-sha-256",
        }
    }
}

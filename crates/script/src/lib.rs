//! Fault scripts: what goes wrong in the sessions of a server, when, and how often.
//!
//! A [`Script`] is a list of [`Fault`]s. Each says *when* it acts ([`When`]: which session, state, command and occurrence,
//! and at which octet of the reply) and *what* it does ([`Action`]: end the connection in some way, stall, delay, trickle,
//! split, say something else, show another certificate). It comes from YAML ([`Script::read`], with all mistakes at once),
//! or is built as a value. It is pure: who serves sessions asks it.
//!
//! ```
//! use script::{Action, Ending, Moment, Place, Script};
//!
//! let text = "
//! faults:
//!   - name: the second message breaks off
//!     when: {command: RETR, nth: 2, message_octet: 1000}
//!     do: close
//!   - when: {command: QUIT}
//!     do: {delay: 90s}
//! ";
//! let script = Script::read(text, "faults.yaml").unwrap();
//! let fault = &script.faults[0];
//! assert_eq!((fault.when.nth, fault.when.place), (Some(2), Place::MessageOctet(1000)));
//! assert_eq!(fault.action, Action::End(Ending::Close));
//! assert!(matches!(script.faults[1].when.moment, Moment::Command(Some(word)) if word == "QUIT"));
//! ```
//!
//! A script may also say what clients shall do ([`Expectation`]): which command, in which session, how often.
//! [`Script::verify`] compares that with what a server received, and tells the nearest miss.
//!
//! ```
//! use script::{Received, Script, State};
//!
//! let script = Script::read("expect: [{command: DELE 2, times: 1}]", "faults.yaml").unwrap();
//! let line = "DELE 3".to_owned();
//! let received = [Received { session: 1, state: State::Transaction, line, accepted: Some(true) }];
//! assert_eq!(
//!     script.verify(&received, 0)[0].to_string(),
//!     "`DELE 2` was expected once and never came; nearest: session 1, `DELE 3` (another argument)"
//! );
//! ```
//!
//! What this crate deliberately does not do: it serves nothing and records nothing, opens no file, and knows no defect; a
//! fault is of the network or of the reply's delivery, and the mail behind it stays what it is.

mod expectation;
pub mod fuzzing;
mod lies;
mod policy;
mod read;
mod table;

use std::time::Duration;

use machine::IdentityId;

pub use expectation::{Expectation, Received, Unmet};
pub use lies::{Capabilities, Facts, Lies, Listing, Told, Values};
pub use policy::{Deleted, Lock, Policy, Retrieved, Tokens};
pub use table::KIND;

/// What goes wrong, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What the server does that not every server does.
    pub policy: Policy,
    /// What it says that is not so.
    pub lies: Lies,
    /// The faults. Several may act on the same reply.
    pub faults: Vec<Fault>,
    /// What clients shall say.
    pub expect: Vec<Expectation>,
}

impl Script {
    /// Adds another script to this one. Where both have a policy, the other's holds, and likewise with lies.
    pub fn join(&mut self, other: Script) {
        self.faults.extend(other.faults);
        self.expect.extend(other.expect);
        if other.policy != Policy::default() {
            self.policy = other.policy;
        }
        if other.lies != Lies::default() {
            self.lies = other.lies;
        }
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What people call it; made of the rest where the script gives no name.
    pub name: String,
    /// When it acts.
    pub when: When,
    /// What it does.
    pub action: Action,
    /// So many times at most, over all sessions; without it, always.
    pub times: Option<u64>,
}

/// When a fault acts: everything that is said must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Only in the session of this number, counted from 1 in the order of arrival.
    pub session: Option<u64>,
    /// Only in every session whose number this divides.
    pub every_session: Option<u64>,
    /// Only in this state.
    pub state: Option<State>,
    /// At what it acts.
    pub moment: Moment,
    /// Only where the first argument is this number.
    pub message: Option<u64>,
    /// Only where the reply is positive, or is not.
    pub accepted: Option<bool>,
    /// Only at this occurrence of the moment in a session, counted from 1.
    pub nth: Option<u64>,
    /// Where in the reply.
    pub place: Place,
}

/// The states of RFC 1939 section 3 that a client can be in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody is logged in.
    Authorization,
    /// A maildrop is open.
    Transaction,
}

/// At what a fault acts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The connection has been accepted; nothing was said, and on a TLS port no handshake was done.
    Connect,
    /// Before the handshake, on a TLS port or after STLS.
    Handshake,
    /// The greeting.
    Greeting,
    /// The reply to a command with this keyword, in upper case, or to any.
    Command(Option<&'static str>),
}

/// Where in a reply a fault acts.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Before its first octet.
    #[default]
    Before,
    /// Behind so many of its octets, status line included.
    Octet(u64),
    /// Behind so many octets of the message or listing, as it is sent.
    MessageOctet(u64),
    /// Before the line that ends a message or listing; behind the status line where there is none.
    BeforeTerminator,
    /// Behind its last octet.
    After,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The connection ends or stands still; what the client has not been sent by then it does not get.
    End(Ending),
    /// Nothing is sent for so long.
    Delay(Duration),
    /// From there on, so many octets at a time, and so long between them.
    Trickle {
        /// Octets at a time, at least one.
        octets: u64,
        /// Between them.
        every: Duration,
    },
    /// From there on, the reply is cut into segments that end behind so many octets each.
    Split(Vec<u64>),
    /// This instead of the reply. The server has done what the command asks for nevertheless.
    Say(Vec<u8>),
    /// This in the middle of the reply.
    Inject(Vec<u8>),
    /// The command is not carried out but refused, with this response code and text.
    Refuse {
        /// Without its brackets.
        code: Option<String>,
        /// The text of the refusal.
        text: String,
    },
    /// Another certificate is shown.
    Certificate(Certificate),
}

/// How a connection ends, or stands still.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order: FIN, under TLS behind `close_notify`.
    Close,
    /// FIN, under TLS without `close_notify`.
    CloseWithoutNotify,
    /// RST.
    Reset,
    /// No more is said, but the client is still heard.
    HalfClose,
    /// A fatal TLS alert.
    Alert,
    /// Nothing happens any more.
    Stall,
}

/// What is wrong with a certificate.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is another host's.
    WrongHost,
    /// Its authority is one that nobody knows.
    Untrusted,
    /// It is its own authority.
    SelfSigned,
}

impl Certificate {
    /// All of them, in the order of their identities behind the server's own.
    pub const ALL: [Certificate; 5] = [
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::WrongHost,
        Certificate::Untrusted,
        Certificate::SelfSigned,
    ];

    /// The identity that a driver must have for it: its place in [`Certificate::ALL`], counted from 1.
    pub fn identity(self) -> IdentityId {
        let place = Certificate::ALL.iter().position(|&other| other == self).unwrap_or_default();
        IdentityId(place as u8 + 1)
    }
}

impl Default for When {
    /// Always, at every command, before the reply.
    fn default() -> When {
        When {
            session: None,
            every_session: None,
            state: None,
            moment: Moment::Command(None),
            message: None,
            accepted: None,
            nth: None,
            place: Place::Before,
        }
    }
}

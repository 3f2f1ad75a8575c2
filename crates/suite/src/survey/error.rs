//! Why a target cannot be judged, in words with the remedy.

use net::{DialError, Endpoint};

use crate::login::Method;

/// Why a target cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The TLS handshake failed.
    #[error("{endpoint}: {error}")]
    Tls {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        error: DialError,
    },
    /// Nothing was said.
    #[error(
        "{endpoint} accepted the connection but said nothing for {seconds} s: a POP3 server greets first. {hint}"
    )]
    Silent {
        /// Where.
        endpoint: Endpoint,
        /// For how long.
        seconds: u64,
        /// What was found by asking.
        hint: String,
    },
    /// The port speaks TLS from the first octet.
    #[error("{endpoint} speaks TLS from the first octet; give --tls implicit")]
    SpeaksTls {
        /// Where.
        endpoint: Endpoint,
    },
    /// Another protocol.
    #[error(
        "{endpoint} speaks {protocol}, not POP3: it began with {began}. Give the port of the POP3 server"
    )]
    OtherProtocol {
        /// Where.
        endpoint: Endpoint,
        /// Which protocol, as far as can be told.
        protocol: &'static str,
        /// Its first line.
        began: String,
    },
    /// A greeting of `-ERR`.
    #[error("{endpoint} refuses service: it greeted with {greeting}. Try again later, or ask its operator")]
    Refuses {
        /// Where.
        endpoint: Endpoint,
        /// The greeting.
        greeting: String,
    },
    /// The entrance does not offer STLS although it was asked for.
    #[error(
        "{endpoint} offers no STLS ({seen}); give --tls none to judge it in cleartext, which sends the password unencrypted"
    )]
    NoStls {
        /// Where.
        endpoint: Endpoint,
        /// What was seen.
        seen: String,
    },
    /// A login was refused.
    #[error(
        "{endpoint} refused the login of `{user}` by {method}: {reply}. poplab asked once and stops here, so that no account gets locked; check user and password"
    )]
    Login {
        /// Where.
        endpoint: Endpoint,
        /// Whose.
        user: String,
        /// How.
        method: Method,
        /// The reply.
        reply: String,
    },
    /// The user ended it.
    #[error("interrupted")]
    Stopped,
    /// The time for the whole run was over.
    #[error(
        "{endpoint}: the time for the run was over before the first look had ended; allow more with --within"
    )]
    TimeOver {
        /// Where.
        endpoint: Endpoint,
    },
    /// Something else ended the conversation.
    #[error("{endpoint}: the first conversation broke off: {reason}")]
    Broken {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        reason: String,
    },
}

impl SurveyError {
    /// The same with all that the server said passed through `clean`.
    pub(super) fn redacted(self, clean: &dyn Fn(String) -> String) -> Self {
        match self {
            Self::Dial(_)
            | Self::Tls { .. }
            | Self::SpeaksTls { .. }
            | Self::Stopped
            | Self::TimeOver { .. } => self,
            Self::Silent { endpoint, seconds, hint } => Self::Silent { endpoint, seconds, hint: clean(hint) },
            Self::OtherProtocol { endpoint, protocol, began } => {
                Self::OtherProtocol { endpoint, protocol, began: clean(began) }
            }
            Self::Refuses { endpoint, greeting } => Self::Refuses { endpoint, greeting: clean(greeting) },
            Self::NoStls { endpoint, seen } => Self::NoStls { endpoint, seen: clean(seen) },
            Self::Login { endpoint, user, method, reply } => {
                Self::Login { endpoint, user, method, reply: clean(reply) }
            }
            Self::Broken { endpoint, reason } => Self::Broken { endpoint, reason: clean(reason) },
        }
    }
}

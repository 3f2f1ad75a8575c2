//! The two traits every mechanism is driven by, and the constructors of well-behaved machines.
//! Misbehaviour is not built here: the raw builders of the mechanism modules are for that.

use crate::{Mechanism, cram_md5, login, plain, scram};

/// The client's side of one authentication. All data is decoded octets.
pub trait ClientExchange {
    /// The initial response of a client-first mechanism; `None` if the server speaks first.
    ///
    /// To be called at most once and before [`respond`](Self::respond). A caller that wants to save the
    /// initial response for its own line (the AUTH line would be over 255 octets) either keeps what this gave
    /// and sends it after the empty challenge, or does not call this at all: then `respond` with the empty
    /// challenge gives the same octets.
    fn initial(&mut self) -> Option<Vec<u8>>;

    /// The response to a challenge.
    ///
    /// # Errors
    /// The challenge is not one this mechanism can answer at this point, or proves that the server lies. The
    /// caller cancels with `*`; the machine gives only errors from then on.
    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ExchangeError>;

    /// Whether success may come now: everything was said and, for SCRAM, the server's signature was
    /// verified. A `+OK` before that must not be believed. False after any error.
    fn finished(&self) -> bool;
}

/// The server's side of one authentication. All data is decoded octets.
pub trait ServerExchange {
    /// One step. The first call carries the initial response, or `None` if AUTH had none; every later call
    /// carries the client's response, which may be empty. After success or failure everything fails.
    ///
    /// A server-first mechanism fails on an initial response, also on an empty one (RFC 5034 section 4).
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep;
}

/// What the server does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerStep {
    /// Send this challenge (possibly empty), await a response. SCRAM's proof of the server comes this way
    /// too, since `+OK` cannot carry data (RFC 5034 section 4).
    Challenge(Vec<u8>),
    /// The client has proved to be this user.
    Success {
        /// The user's name as the client sent it, with SCRAM's escapes undone.
        user: String,
    },
    /// Refused. The reason is kept back on purpose: a server tells no one which part was wrong.
    Failure,
}

/// Where a server finds passwords, in the clear. Every `Fn(&str) -> Option<String>` is one.
pub trait Passwords {
    /// The password of this user, or `None` if there is no such user.
    fn password(&self, user: &str) -> Option<String>;
}

impl<Lookup: Fn(&str) -> Option<String>> Passwords for Lookup {
    fn password(&self, user: &str) -> Option<String> {
        self(user)
    }
}

/// Why a client cannot go on with an exchange.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// A challenge came although the client has nothing more to say.
    #[error("the server sent a challenge after the exchange was over")]
    UnexpectedChallenge,
    /// The challenge before a client-first message must be empty.
    #[error("the server sent data in a challenge that must be empty")]
    ChallengeNotEmpty,
    /// A SCRAM message that breaks the grammar of RFC 5802 section 7.
    #[error("the server's message is malformed: {0}")]
    Malformed(&'static str),
    /// The server demands an extension with `m=` (RFC 5802 section 5.1).
    #[error("the server demands a mandatory extension")]
    MandatoryExtension,
    /// The server's nonce does not begin with the client's.
    #[error("the server's nonce does not begin with the client's nonce")]
    NonceForeign,
    /// The server sent the client's nonce back without adding its own.
    #[error("the server added nothing to the client's nonce")]
    NonceNotExtended,
    /// More iterations than [`scram::MAXIMUM_ITERATIONS`]; a hostile server can ask for years of work
    /// (RFC 5802 section 9).
    #[error("the server asks for {0} iterations, which is more than this client will do")]
    TooManyIterations(u32),
    /// The server ended the exchange with `e=`.
    #[error("the server reports the error {0:?}")]
    ServerError(String),
    /// The server's signature is wrong: it does not know the password.
    #[error("the server's signature is wrong: it does not know the password")]
    ServerSignature,
}

/// A well-behaved client of a mechanism.
///
/// `nonce` matters only to SCRAM and should differ for each exchange; where it could not stand in a SCRAM
/// message it is replaced by a digest of it, see [`scram::printable_nonce`].
pub fn client(
    mechanism: Mechanism,
    user: &str,
    password: &str,
    nonce: &str,
) -> Box<dyn ClientExchange + Send> {
    match mechanism {
        Mechanism::Plain => Box::new(plain::Client::new(user, password)),
        Mechanism::Login => Box::new(login::Client::new(user, password)),
        Mechanism::CramMd5 => Box::new(cram_md5::Client::new(user, password)),
        Mechanism::ScramSha1 => {
            Box::new(scram::Client::<scram::Sha1>::new(user, password, &scram::printable_nonce(nonce)))
        }
        Mechanism::ScramSha256 => {
            Box::new(scram::Client::<scram::Sha256>::new(user, password, &scram::printable_nonce(nonce)))
        }
    }
}

/// A correct server of a mechanism.
///
/// `nonce` is the whole challenge of CRAM-MD5 (so it should have the form `<1.2@host>`), the server's part of
/// the nonce and the seed of the salt of SCRAM, and nothing to PLAIN and LOGIN.
pub fn server(mechanism: Mechanism, nonce: &str) -> Box<dyn ServerExchange + Send> {
    match mechanism {
        Mechanism::Plain => Box::new(plain::Server::new()),
        Mechanism::Login => Box::new(login::Server::new()),
        Mechanism::CramMd5 => Box::new(cram_md5::Server::new(nonce)),
        Mechanism::ScramSha1 => Box::new(scram::Server::<scram::Sha1>::new(nonce)),
        Mechanism::ScramSha256 => Box::new(scram::Server::<scram::Sha256>::new(nonce)),
    }
}

//! What servers may do and some do. Nothing of it goes wrong.

use std::collections::BTreeMap;

/// What a server does that not every server does; the default is none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// After so many refusals the connection is closed.
    pub refusals: Option<u8>,
    /// So many right logins are put off before one is admitted.
    pub login_delays: u8,
    /// AUTH and APOP refuse the right password.
    pub password_for_user_only: bool,
    /// A busy maildrop is refused without a response code.
    pub busy_without_code: bool,
    /// What DELE and QUIT do.
    pub deleted: Deleted,
    /// Commands that are unknown here and not announced, in upper case: no CAPA, no STLS, APOP alone.
    pub unknown: Vec<&'static str>,
    /// So many messages may be retrieved in a session; after that RETR is refused.
    pub messages_per_session: Option<u64>,
    /// So many commands are answered in a session; the next one is refused, and the connection closed.
    pub commands_per_session: Option<u64>,
    /// Whether a second session of the same account is refused.
    pub lock: Lock,
    /// What becomes of messages that were retrieved.
    pub retrieved: Retrieved,
    /// Whether AUTH takes tokens.
    pub tokens: Tokens,
    /// Messages that expire, by the number of their delivery: they are gone from the session of this number on.
    pub expires: BTreeMap<u64, u64>,
}

/// Whether AUTH takes tokens (XOAUTH2, and OAUTHBEARER of RFC 7628). The token of an account is its password.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// It knows no such mechanism.
    #[default]
    Unknown,
    /// The right one is taken; a wrong one is refused with the challenge that says why.
    Accepted,
    /// Every one is refused, with that challenge.
    Expired,
}

/// Whether a second session of the same account is refused (RFC 1939 section 4).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// As long as the first one lasts.
    #[default]
    Exclusive,
    /// No: both see the maildrop as it was when they began.
    None,
    /// For good, if the first one was cut off.
    Stale,
}

/// What becomes of messages that are to be deleted.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Deleted {
    /// QUIT removes them.
    #[default]
    Removed,
    /// QUIT removes nothing, as where deleted mail is archived.
    Kept,
    /// DELE is refused.
    Refused,
}

/// What becomes of messages that were retrieved.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Retrieved {
    /// They stay.
    #[default]
    Kept,
    /// QUIT removes them.
    RemovedAtQuit,
    /// They are removed when they are sent, also if that fails.
    RemovedAtOnce,
}

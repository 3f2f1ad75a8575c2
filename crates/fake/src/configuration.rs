//! What a world is made from: accounts, their mail, and how the server is set up.
//!
//! Plain data. It deliberately does not check anything: an account nobody can name is simply never opened.

use std::sync::Arc;

use chance::Distribution;
use mail::load::Population;
use script::Script;

use crate::{Defects, Personas, Policy};

/// One account and the mail that is in its maildrop at the start.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name, compared octet by octet.
    pub user: String,
    /// The password, compared octet by octet. APOP, CRAM-MD5 and SCRAM use it as their secret too.
    pub password: String,
    /// The messages in canonical octets: lines end with CRLF, nothing is stuffed. The order is the numbering.
    pub messages: Vec<Arc<[u8]>>,
}

/// A password is nobody's business, also not a log's.
impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Account({:?}, {} messages)", self.user, self.messages.len())
    }
}

impl Account {
    /// An account with these messages.
    pub fn new(
        user: impl Into<String>,
        password: impl Into<String>,
        messages: impl IntoIterator<Item = impl Into<Arc<[u8]>>>,
    ) -> Account {
        let messages = messages.into_iter().map(Into::into).collect();
        Account { user: user.into(), password: password.into(), messages }
    }
}

/// A population: accounts by pattern whose mail follows from a seed, thousands or a million of them.
///
/// They cost nothing until they are used. An account opened by USER or AUTH has its numbers and sizes in memory
/// while its session lasts, and bodies are written when they are retrieved; only an account whose mail was
/// changed keeps anything afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenancy {
    /// The accounts and their mail.
    pub population: Population,
    /// The rule for their passwords.
    pub password: Password,
}

/// The rule for the passwords of a population.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// All accounts have the same.
    Shared(String),
    /// Each has its own: a pattern with `{n}` or `{n:05}` as for [`Population::user`].
    Pattern(String),
}

/// A password is nobody's business, also not a log's.
impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Password::Shared(_) => "Shared(..)",
            Password::Pattern(_) => "Pattern(..)",
        })
    }
}

/// How long the server takes. The default is no time at all.
///
/// Each wait follows from the seed of the configuration, the number of the connection and the number of the line
/// in it, so that a measured distribution can be compared with the one asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Seconds between a command, or a line of a SASL exchange, and the first octet of the reply to it.
    pub latency: Option<Distribution>,
    /// Whether the greeting is delayed too.
    pub greeting: bool,
}

/// How a [`World`](crate::World) is set up. The default is the correct server, without accounts.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Everything that looks random (time stamps, nonces, unique-ids) follows from it.
    pub seed: u64,
    /// The accounts. Of two with the same name the later one counts.
    pub accounts: Vec<Account>,
    /// Accounts by pattern; a single account of the same name counts instead, and an earlier population before a
    /// later one.
    pub population: Vec<Tenancy>,
    /// How long it takes to answer.
    pub pace: Pace,
    /// What the server does wrong.
    pub defects: Defects,
    /// What it does otherwise and may.
    pub personas: Personas,
    /// What goes wrong in its sessions.
    pub script: Option<Script>,
    /// What it does that not every server does.
    pub policy: Policy,
    /// Whether what is said is kept: [`World::transcript`](crate::World::transcript) and what goes with it. A script with
    /// expectations needs it and has it in any case.
    pub recorded: bool,
    /// The name the server gives itself in time stamps and challenges.
    pub host: String,
    /// Whether USER, PASS, PLAIN and LOGIN are accepted without TLS (RFC 2595 section 2.3 wants this to be a
    /// setting). If not, they are not announced there either.
    pub cleartext_login: bool,
    /// Whether SCRAM-SHA-1 and, under TLS, both variants that are bound to the channel are offered too. What is offered stands in every list of capabilities, and many tests have one.
    pub more_mechanisms: bool,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            seed: 0,
            accounts: Vec::new(),
            population: Vec::new(),
            pace: Pace::default(),
            defects: Defects::NONE,
            personas: Personas::NONE,
            script: None,
            policy: Policy::default(),
            recorded: false,
            host: "fake.poplab.test".to_owned(),
            cleartext_login: true,
            more_mechanisms: false,
        }
    }
}

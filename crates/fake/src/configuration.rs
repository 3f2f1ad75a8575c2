//! What a world is made from: accounts, their mail, and how the server is set up.
//!
//! Plain data. It deliberately does not check anything: an account nobody can name is simply never opened.

use std::sync::Arc;

use crate::Defects;

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

/// How a [`World`](crate::World) is set up. The default is the correct server, without accounts.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Everything that looks random (time stamps, nonces, unique-ids) follows from it.
    pub seed: u64,
    /// The accounts. Of two with the same name the later one counts.
    pub accounts: Vec<Account>,
    /// What the server does wrong.
    pub defects: Defects,
    /// The name the server gives itself in time stamps and challenges.
    pub host: String,
    /// Whether USER, PASS, PLAIN and LOGIN are accepted without TLS (RFC 2595 section 2.3 wants this to be a
    /// setting). If not, they are not announced there either.
    pub cleartext_login: bool,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            seed: 0,
            accounts: Vec::new(),
            defects: Defects::NONE,
            host: "fake.poplab.test".to_owned(),
            cleartext_login: true,
        }
    }
}

//! Who logs in, and what mail they have.

use chance::Distribution;
use serde::{Deserialize, Serialize};

/// A password. `Debug` hides it; serialisation does not, since workers need it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password, for logging in and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// One account of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The login name.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accounts {
    /// Each by name; a CSV file ends here too.
    List(Vec<Credentials>),
    /// Many, by a pattern.
    Pattern {
        /// The login name with one `{n}`, or `{n:05}` for a number with leading zeros.
        user: String,
        /// The first number.
        first: u64,
        /// How many accounts.
        count: u64,
        /// The password of all; `None`: what the embedded fake server gives them.
        password: Option<Secret>,
    },
}

impl Accounts {
    /// How many accounts there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::List(list) => list.len() as u64,
            Self::Pattern { count, .. } => *count,
        }
    }

    /// The login name of account `index` (from 0).
    pub fn user(&self, index: u64) -> Option<String> {
        match self {
            Self::List(list) => list.get(usize::try_from(index).ok()?).map(|account| account.user.clone()),
            Self::Pattern { user, first, count, .. } => {
                (index < *count).then(|| fill(user, first.saturating_add(index)))
            }
        }
    }

    /// The password of account `index` (from 0); `None` if there is no such account, or if the pattern leaves it to
    /// the embedded fake server.
    pub fn password(&self, index: u64) -> Option<&Secret> {
        match self {
            Self::List(list) => list.get(usize::try_from(index).ok()?).map(|account| &account.password),
            Self::Pattern { count, password, .. } => password.as_ref().filter(|_| index < *count),
        }
    }

    /// Whether all names and passwords can be sent: a line end or a NUL in one would make a command of what follows.
    pub fn are_sendable(&self) -> bool {
        match self {
            Self::List(list) => list
                .iter()
                .all(|account| is_sendable(&account.user) && is_sendable(account.password.reveal())),
            Self::Pattern { user, password, .. } => {
                is_sendable(user) && password.as_ref().is_none_or(|password| is_sendable(password.reveal()))
            }
        }
    }
}

/// Whether a name or a password can be sent: with a line end in it, a server would read what follows as a command
/// (`DELE 1`), and NUL ends strings in many servers.
pub(crate) fn is_sendable(text: &str) -> bool {
    !text.contains(['\r', '\n', '\0'])
}

/// Where the number stands in a pattern, and how many digits it has at least; `None` without exactly one place.
pub(crate) fn number_place(pattern: &str) -> Option<(std::ops::Range<usize>, usize)> {
    let start = pattern.find('{')?;
    let end = start + pattern[start..].find('}')? + 1;
    if pattern[end..].contains(['{', '}']) || pattern[..start].contains('}') {
        return None;
    }
    let digits = match pattern.get(start + 1..end - 1)? {
        "n" => 0,
        inside => {
            let width = inside.strip_prefix("n:0")?;
            width.parse::<usize>().ok().filter(|width| (1..=19).contains(width) && !inside.contains('+'))?
        }
    };
    Some((start..end, digits))
}

fn fill(pattern: &str, number: u64) -> String {
    match number_place(pattern) {
        Some((place, digits)) => {
            format!("{}{number:0digits$}{}", &pattern[..place.start], &pattern[place.end..])
        }
        None => pattern.to_owned(),
    }
}

/// Mail that poplab puts into each maildrop before the run, and therefore knows by heart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeededMail {
    /// Messages in each maildrop.
    pub messages: u32,
    /// Their sizes in octets.
    pub sizes: Distribution,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(pattern: &str, index: u64) -> Option<String> {
        Accounts::Pattern { user: pattern.to_owned(), first: 9, count: 3, password: None }.user(index)
    }

    #[test]
    fn a_pattern_names_its_accounts() {
        assert_eq!(user("load{n:05}", 0).as_deref(), Some("load00009"));
        assert_eq!(user("{n}@example.org", 2).as_deref(), Some("11@example.org"));
        assert_eq!(user("load{n}", 3), None);
        for wrong in
            ["load", "{n}{n}", "{m}", "{n:5}", "{n:0}", "{n:0+5}", "{n:099}", "}{n}", "{n", "{n:05}}"]
        {
            assert_eq!(number_place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_would_be_a_command_cannot_be_sent() {
        for (user, password) in [("ann\r\nDELE 1", "x"), ("ann", "x\r\nDELE 1"), ("ann", "x\n"), ("a\0", "x")]
        {
            let credentials = Credentials { user: user.to_owned(), password: Secret::new(password) };
            assert!(!Accounts::List(vec![credentials]).are_sendable());
            let (user, password) = (format!("{user}{{n}}"), Some(Secret::new(password)));
            assert!(!Accounts::Pattern { user, first: 0, count: 1, password }.are_sendable());
        }
        let credentials = Credentials { user: "änne b".to_owned(), password: Secret::new(" p w\t") };
        assert!(Accounts::List(vec![credentials]).are_sendable());
    }

    #[test]
    fn passwords_are_the_accounts_own_and_hidden() {
        let shared = Some(Secret::new("hunter2"));
        let pattern = Accounts::Pattern { user: "u{n}".to_owned(), first: 1, count: 1, password: shared };
        assert_eq!(pattern.password(0).map(Secret::reveal), Some("hunter2"));
        assert_eq!(pattern.password(1), None);
        assert!(!format!("{pattern:?}").contains("hunter2"));
        let list = Accounts::List(vec![Credentials { user: "ann".to_owned(), password: Secret::new("x") }]);
        assert_eq!((list.count(), list.user(0).as_deref(), list.user(1)), (1, Some("ann"), None));
        assert_eq!(list.password(0).map(Secret::reveal), Some("x"));
    }
}

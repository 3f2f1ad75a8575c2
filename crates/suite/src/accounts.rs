//! Accounts: the file that names them, and what a run has learned of each. Passwords never leave an [`Account`] but
//! through [`Account::password`], which the login alone calls; `Debug` hides them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use serde::Deserialize;
use serde_saphyr::Spanned;
use tokio::time::Instant;

use crate::login::Method;
use crate::reply::quote;

/// A lock may outlive its session for so long: servers notice the end of a connection when they get to it.
const LINGER: Duration = Duration::from_secs(2);

/// One account of the target.
pub struct Account {
    /// The login name.
    pub user: String,
    password: String,
    /// What the account is for.
    pub role: Role,
    retired: Cell<bool>,
    spent: Cell<bool>,
    /// All its mail was found to be poplab's in this run.
    own: Cell<bool>,
    /// Ways to log in that have taken the password.
    accepted: RefCell<Vec<Method>>,
    /// Ways to log in that have refused it.
    refused: RefCell<Vec<Method>>,
    /// Ways to log in whose refusal may have been our own doing.
    doubtful: RefCell<Vec<Method>>,
    /// Whether the last refusal was laid to a lock that lingers.
    suspected: Cell<bool>,
    /// Sessions of this run that are open in its maildrop.
    sessions: Cell<u32>,
    /// When the last of them ended.
    freed: Cell<Option<Instant>>,
    stuck: Cell<bool>,
}

/// How mail is put into maildrops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeding {
    /// A Maildir path with `{user}` in it.
    Maildir(String),
    /// A shell command that takes a message on its standard input; `{user}` is replaced.
    Command(String),
}

/// What an accounts file says.
#[derive(Debug)]
pub struct Accounts {
    /// The accounts, in the file's order.
    pub accounts: Vec<Account>,
    /// How to seed them, if said.
    pub seeding: Option<Seeding>,
}

/// Why an accounts file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The file's content is wrong; the message has line and column.
    #[error("{path}:{line}:{column}: {message}")]
    Content {
        /// The file.
        path: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong and what was meant.
        message: String,
    },
}

impl Account {
    /// An account.
    pub fn new(user: impl Into<String>, password: impl Into<String>, role: Role) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            role,
            retired: Cell::new(false),
            spent: Cell::new(false),
            own: Cell::new(false),
            accepted: RefCell::default(),
            refused: RefCell::default(),
            doubtful: RefCell::default(),
            suspected: Cell::new(false),
            sessions: Cell::new(0),
            freed: Cell::new(None),
            stuck: Cell::new(false),
        }
    }

    /// The password, for logging in and for nothing else.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Whether the account is out of use for the rest of the run.
    pub fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// Takes the account out of use: its password was refused, and asking again could lock it.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// Whether the right password may be given by this method. Once one has refused it, only those may that took it
    /// before: a server that counts failures cannot tell ours from an attacker's, and locks its user out. A
    /// `disposable` account is there for that.
    ///
    /// # Errors
    /// Which method refused it, for people.
    pub(crate) fn may_try(&self, method: Method) -> Result<(), String> {
        let refused = self.refused.borrow();
        let Some(first) = refused.first().filter(|_| self.role != Role::Disposable) else { return Ok(()) };
        if self.accepted.borrow().contains(&method) && !refused.contains(&method) {
            return Ok(());
        }
        Err(format!(
            "{first} refused the password of `{}` before; it is not given by {method} too, so that no account gets locked",
            self.user
        ))
    }

    /// Whether a refusal by this method, which gave no reason, is likely our own doing and so says nothing about the
    /// password: it was right for the same method before, a session of ours is in the maildrop, or one has just left
    /// and its lock may linger. RFC 1939 section 4 asks for no more than `-ERR` for a maildrop that is busy. Of a lock
    /// that lingers the account is suspected once for each method.
    pub(crate) fn explains_refusal(&self, method: Method) -> bool {
        self.suspected.set(false);
        if self.accepted.borrow().contains(&method) || self.sessions.get() > 0 {
            return true;
        }
        let mut doubtful = self.doubtful.borrow_mut();
        let suspected = !self.linger().is_zero() && !doubtful.contains(&method);
        if suspected {
            doubtful.push(method);
            self.suspected.set(true);
        }
        suspected
    }

    /// How long to wait before a login that was refused is tried again, at least: the next refusal must not be laid to
    /// the same lock.
    pub(crate) fn pause(&self) -> Duration {
        if self.suspected.get() { self.linger() } else { Duration::ZERO }
    }

    /// For how long the lock of a session that has ended may still be there.
    pub(crate) fn linger(&self) -> Duration {
        self.freed.get().map_or(Duration::ZERO, |freed| LINGER.saturating_sub(freed.elapsed()))
    }

    /// The password was right for this method.
    pub(crate) fn accepted(&self, method: Method) {
        self.stuck.set(false);
        let mut accepted = self.accepted.borrow_mut();
        if !accepted.contains(&method) {
            accepted.push(method);
        }
    }

    /// This method refused the password, right as it may be.
    pub(crate) fn refused(&self, method: Method) {
        self.refused.borrow_mut().push(method);
    }

    /// The method turned out to refuse everybody, so that it said nothing about the password.
    pub(crate) fn forgive(&self, method: Method) {
        self.refused.borrow_mut().retain(|refused| *refused != method);
    }

    /// No answer is a refusal, unless the method is known to take the password.
    pub(crate) fn unanswered(&self, method: Method) {
        if !self.accepted.borrow().contains(&method) {
            self.refused(method);
        }
    }

    /// Its maildrop stayed busy for as long as anybody waits: others of its role are better. The next login that
    /// succeeds clears it.
    pub(crate) fn stick(&self) {
        self.stuck.set(true);
    }

    /// Whether its maildrop stayed busy when it was last asked for.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.get()
    }

    /// Whether its mail is known to be used up.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// All its mail was found to be poplab's: a look at the heads alone need not come first any more.
    pub(crate) fn holds_own_mail(&self) {
        self.own.set(true);
    }

    /// Whether all its mail was found to be poplab's, some time in this run.
    pub(crate) fn held_own_mail(&self) -> bool {
        self.own.get()
    }

    /// Its mail is used up; checks that need none may still have it.
    pub fn spend(&self) {
        self.spent.set(true);
    }
}

/// A session of this run in an account's maildrop, for as long as it lives.
pub(crate) struct OpenSession(Rc<Account>);

impl OpenSession {
    /// Begins now.
    pub(crate) fn of(account: Rc<Account>) -> Self {
        account.sessions.set(account.sessions.get() + 1);
        Self(account)
    }

    /// Whose maildrop it is.
    pub(crate) fn account(&self) -> Rc<Account> {
        Rc::clone(&self.0)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.sessions.set(self.0.sessions.get().saturating_sub(1));
        self.0.freed.set(Some(Instant::now()));
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Account({}, {})", self.user, self.role)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    accounts: Vec<RawAccount>,
    seed: Option<RawSeeding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccount {
    user: Spanned<String>,
    password: Option<Spanned<String>>,
    password_env: Option<Spanned<String>>,
    role: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeeding {
    maildir: Option<Spanned<String>>,
    command: Option<Spanned<String>>,
}

impl Accounts {
    /// Parses an accounts file's text; `path` is for messages and `environment` looks up `password_env`.
    ///
    /// # Errors
    /// [`AccountsError::Content`] with line and column.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, AccountsError> {
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|error| {
            let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            content(path, line, column, plain(&error))
        })?;
        let mut names = BTreeSet::new();
        let mut accounts = Vec::new();
        for account in raw.accounts {
            let at = |spanned: &Spanned<String>| (spanned.referenced.line(), spanned.referenced.column());
            let wrong = |spanned: &Spanned<String>, message| {
                let (line, column) = at(spanned);
                content(path, line, column, message)
            };
            let user = quote(account.user.value.as_bytes());
            if let Some(reason) = unsendable(&account.user.value) {
                return Err(wrong(&account.user, format!("the user name {user} {reason}")));
            }
            if !names.insert(account.user.value.clone()) {
                let (line, column) = at(&account.user);
                return Err(content(
                    path,
                    line,
                    column,
                    format!("the account `{}` stands here twice", account.user.value),
                ));
            }
            let role = account.role.value.parse::<Role>().map_err(|_| {
                let (line, column) = at(&account.role);
                let known = "fixtures, empty, disposable, second";
                content(
                    path,
                    line,
                    column,
                    format!("unknown role `{}`; a role is one of {known}", account.role.value),
                )
            })?;
            let password = match (account.password, account.password_env) {
                (Some(password), None) => {
                    if let Some(reason) = unsendable(&password.value) {
                        return Err(wrong(&password, format!("the password of {user} {reason}")));
                    }
                    password.value
                }
                (None, Some(variable)) => {
                    let name = &variable.value;
                    let password = environment(name).ok_or_else(|| {
                        wrong(&variable, format!("the environment has no variable `{name}`"))
                    })?;
                    if let Some(reason) = unsendable(&password) {
                        let what = format!("the password of {user}, in the variable `{name}`, {reason}");
                        return Err(wrong(&variable, what));
                    }
                    password
                }
                _ => {
                    let message = "give `password` or `password_env`, one of them".to_owned();
                    return Err(wrong(&account.user, message));
                }
            };
            accounts.push(Account::new(account.user.value, password, role));
        }
        if accounts.is_empty() {
            return Err(content(path, 1, 1, "no accounts; give at least one".to_owned()));
        }
        let seeding = match raw.seed {
            Some(RawSeeding { maildir: Some(template), command: None }) => {
                if !template.value.contains("{user}") {
                    let (line, column) = (template.referenced.line(), template.referenced.column());
                    return Err(content(
                        path,
                        line,
                        column,
                        "the Maildir path has no `{user}` in it".to_owned(),
                    ));
                }
                Some(Seeding::Maildir(template.value))
            }
            Some(RawSeeding { maildir: None, command: Some(command) }) => {
                Some(Seeding::Command(command.value))
            }
            Some(_) => {
                return Err(content(path, 1, 1, "`seed` takes either `maildir` or `command`".to_owned()));
            }
            None => None,
        };
        Ok(Self { accounts, seeding })
    }
}

/// Why a user name or a password cannot be sent, as the end of a sentence; nothing if it can. What stands behind a
/// line end would be a command of its own to the server, and not one that the guard of mail safety takes for such.
pub fn unsendable(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.contains('\0') {
        Some("holds a NUL, which no POP3 command can")
    } else if text.ends_with(['\r', '\n']) {
        Some("ends with a line end, which poplab does not take off silently; give it without one")
    } else if text.contains(['\r', '\n']) {
        Some("holds a line end, which no POP3 command can")
    } else {
        None
    }
}

fn content(path: &Path, line: u64, column: u64, message: String) -> AccountsError {
    AccountsError::Content { path: path.display().to_string(), line, column, message }
}

/// The reader's message without its own picture of the place, which we give in one form for all errors.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    // Without a blank behind its colon `password:secret` is a field of that name, and would be shown.
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected"));
    match unknown.and_then(|(field, expected)| Some((field.split_once(':')?.0, expected))) {
        Some((field, expected)) => {
            format!("`{field}:` has no blank behind its colon, or is an unknown field, expected{expected}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Accounts, String> {
        let environment = |name: &str| (name == "SECRET").then(|| "from the environment".to_owned());
        Accounts::parse(Path::new("accounts.yaml"), text, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_names_accounts_roles_and_seeding() {
        let text = "accounts:\n  - {user: alice, password: wonderland, role: fixtures}\n  - {user: dan, password_env: SECRET, role: empty}\nseed:\n  maildir: /mail/{user}\n";
        let accounts = parse(text).unwrap();
        assert_eq!(accounts.accounts[1].password(), "from the environment");
        assert_eq!(accounts.seeding, Some(Seeding::Maildir("/mail/{user}".to_owned())));
        assert_eq!(format!("{:?}", accounts.accounts[0]), "Account(alice, fixtures)");
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let twice =
            "accounts:\n  - {user: a, password: b, role: empty}\n  - {user: a, password: b, role: empty}\n";
        assert_eq!(parse(twice).unwrap_err(), "accounts.yaml:3:12: the account `a` stands here twice");
        let role = "accounts:\n  - {user: a, password: b, role: boss}\n";
        assert_eq!(
            parse(role).unwrap_err(),
            "accounts.yaml:2:34: unknown role `boss`; a role is one of fixtures, empty, disposable, second"
        );
        let field = "accounts:\n  - {user: a, pasword: b, role: empty}\n";
        assert!(parse(field).unwrap_err().starts_with("accounts.yaml:2:"), "{:?}", parse(field));
        assert!(parse("accounts: [\n").unwrap_err().starts_with("accounts.yaml:"));
    }

    #[test]
    fn what_no_line_can_carry_is_refused_where_it_stands_and_no_password_is_shown() {
        let file = |user: &str, password: &str| {
            format!("accounts:\n  - {{user: {user}, password: {password}, role: empty}}\n")
        };
        let name = parse(&file(r#""al\r\nNOOP""#, "b")).unwrap_err();
        assert_eq!(
            name,
            r"accounts.yaml:2:12: the user name `al\r\nNOOP` holds a line end, which no POP3 command can"
        );
        for (password, said) in [
            (r#""swordfish\r\nSTAT""#, "holds a line end, which no POP3 command can"),
            (r#""sword\0fish""#, "holds a NUL, which no POP3 command can"),
            (
                r#""swordfish\n""#,
                "ends with a line end, which poplab does not take off silently; give it without one",
            ),
            (r#""""#, "is empty"),
        ] {
            let told = parse(&file("alice", password)).unwrap_err();
            assert_eq!(told, format!("accounts.yaml:2:29: the password of `alice` {said}"));
        }
        let variable = "accounts:\n  - {user: alice, password_env: LINE, role: empty}\n";
        let environment = |_: &str| Some("swordfish\n".to_owned());
        let told = Accounts::parse(Path::new("accounts.yaml"), variable, &environment).unwrap_err();
        assert!(
            told.to_string().starts_with(
                "accounts.yaml:2:33: the password of `alice`, in the variable `LINE`, ends with a line end"
            ),
            "{told}"
        );
        for slip in
            ["{user: a, password:swordfish, role: empty}", "{user: a, password: [swordfish], role: empty}"]
        {
            let told = parse(&format!("accounts:\n  - {slip}\n")).unwrap_err();
            assert!(!told.contains("swordfish"), "{told}");
        }
    }
}

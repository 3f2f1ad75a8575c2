//! Accounts and what a run has learned of each; the file that names them is read in [`file`]. Passwords and tokens never
//! leave an [`Account`] but through [`Account::password`] and [`Account::token`], for logins alone; `Debug` hides them.

mod file;
pub mod hooks;
mod locks;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

pub(crate) use self::locks::Locks;
use crate::login::Method;

/// One account of the target.
pub struct Account {
    /// The login name.
    pub user: String,
    password: String,
    /// What it can log in with instead, where tokens are taken.
    token: Option<String>,
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
    /// Whether it ended without QUIT.
    lost: Cell<bool>,
    /// What is known of the locks of the target.
    locks: RefCell<Rc<Locks>>,
    stuck: Cell<bool>,
    /// Its unique-ids as they were seen at an entrance.
    ids: RefCell<Option<IdsSeen>>,
}

/// How unique-ids were seen, and these by number.
pub(crate) type IdsAtEntrance = (String, Vec<(u64, Vec<u8>)>);

/// Unique-ids by number, the entrance where they were seen, and how.
struct IdsSeen {
    entrance: String,
    way: String,
    ids: Vec<(u64, Vec<u8>)>,
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
    /// What may be done to the server beside POP3, and how.
    pub hooks: hooks::Hooks,
}

/// Why an accounts file cannot be used: all that is wrong with it, at once. Nothing of the file is repeated but the names
/// of keys, since any word of it may be a password.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AccountsError(#[from] pub yaml::Problems);

impl Account {
    /// An account.
    pub fn new(user: impl Into<String>, password: impl Into<String>, role: Role) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            token: None,
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
            lost: Cell::new(false),
            locks: RefCell::default(),
            stuck: Cell::new(false),
            ids: RefCell::default(),
        }
    }

    /// The same with a token for XOAUTH2 and OAUTHBEARER, which is kept as the password is.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The token, for logging in and for nothing else.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
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
            self.locks.borrow().may_have_lingered();
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
        let longest = self.locks.borrow().linger();
        self.freed.get().map_or(Duration::ZERO, |freed| longest.saturating_sub(freed.elapsed()))
    }

    /// What the accounts of a target learn of its locks they learn together.
    pub(crate) fn share(&self, locks: &Rc<Locks>) {
        self.locks.replace(Rc::clone(locks));
    }

    /// The password was right for this method.
    pub(crate) fn accepted(&self, method: Method) {
        self.stuck.set(false);
        if let Some(freed) = self.freed.get().filter(|_| self.lost.get() && self.sessions.get() == 0) {
            self.locks.borrow().were_gone(freed.elapsed());
        }
        let mut accepted = self.accepted.borrow_mut();
        if !accepted.contains(&method) {
            accepted.push(method);
        }
    }

    /// Whether somebody of this run has been in its maildrop.
    pub(crate) fn was_opened(&self) -> bool {
        !self.accepted.borrow().is_empty()
    }

    /// What its unique-ids were at another entrance, and how they were seen there.
    pub(crate) fn ids_elsewhere(&self, entrance: &str) -> Option<IdsAtEntrance> {
        let seen = self.ids.borrow();
        let elsewhere = seen.as_ref().filter(|seen| seen.entrance != entrance);
        elsewhere.map(|seen| (seen.way.clone(), seen.ids.clone()))
    }

    /// Its unique-ids, for a look at another entrance of the same server.
    pub(crate) fn remember_ids(&self, entrance: &str, way: String, ids: Vec<(u64, Vec<u8>)>) {
        self.ids.replace(Some(IdsSeen { entrance: entrance.to_owned(), way, ids }));
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
pub(crate) struct OpenSession {
    account: Rc<Account>,
    /// It has ended with QUIT.
    has_quit: bool,
}

impl OpenSession {
    /// Begins now.
    pub(crate) fn of(account: Rc<Account>) -> Self {
        account.sessions.set(account.sessions.get() + 1);
        Self { account, has_quit: false }
    }

    /// QUIT was answered with +OK.
    pub(crate) fn quits(&mut self) {
        self.has_quit = true;
    }

    /// Whose maildrop it is.
    pub(crate) fn account(&self) -> Rc<Account> {
        Rc::clone(&self.account)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.account.sessions.set(self.account.sessions.get().saturating_sub(1));
        self.account.freed.set(Some(Instant::now()));
        self.account.lost.set(!self.has_quit);
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Account({}, {})", self.user, self.role)
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

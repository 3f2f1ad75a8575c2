//! Accounts and logins of a lab: which account a check has, how often a login is tried, and when another account is
//! better. What a refusal means is [`crate::login`]'s matter; nothing is judged here.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::{Instant, timeout};

use super::Lab;
use crate::accounts::{Account, unsendable};
use crate::login::{self, Method};
use crate::outcome::{Mishap, Outcome, Stop, inconclusive, skipped};
use crate::pool::Lent;
use crate::refusal::is_busy;
use crate::reply::Reply;
use crate::session::Session;

/// Pause before the second attempt at a busy maildrop; it doubles with each further one.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two attempts.
const BUSY_PAUSE_AT_MOST: Duration = Duration::from_secs(2);
/// A check that holds one account waits this many times the patience for a second one.
const PATIENCE_WITH_OTHERS: u32 = 6;

impl Lab {
    /// An account of this role, this check's alone until it ends. Asked again, it is the same one: a target may have
    /// only one account of a role, and a check that waited for its own would wait for ever.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if there is none, [`Stop::Inconclusive`] if none is of use any more or other checks do not
    /// give it back.
    pub async fn account(&self, role: Role) -> Result<Rc<Account>, Stop> {
        self.account_like(role, |_| true).await
    }

    /// The same, rather one that is like this.
    ///
    /// # Errors
    /// Those of [`Lab::account`].
    pub(crate) async fn account_like(
        &self,
        role: Role,
        is_like: impl Fn(&Account) -> bool,
    ) -> Result<Rc<Account>, Stop> {
        if let Some(account) = self.held(role) {
            return Ok(account);
        }
        let others = self.site.pool.accounts().filter(|account| !is_like(account));
        let avoided: Vec<String> =
            others.map(|account| account.user.clone()).chain(self.avoided.iter().cloned()).collect();
        self.waiting.set(Some(Instant::now()));
        let lent = self.lent_by_others(self.site.pool.take(role, &avoided), role).await;
        let since = self.waiting.take();
        self.waited.set(self.waited.get() + since.map_or(Duration::ZERO, |since| since.elapsed()));
        let Some(lent) = lent? else {
            if self.site.pool.knows(role) {
                return inconclusive(format!("the logins of all accounts with role `{role}` were refused"));
            }
            return skipped(format!("needs an account with role `{role}`"));
        };
        self.borrow(lent)
    }

    /// The account of this user, once no other check has it.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there is none, or other checks do not give it back.
    pub(crate) async fn account_of(&self, user: &str, role: Role) -> Result<Rc<Account>, Stop> {
        self.waiting.set(Some(Instant::now()));
        let lent = self.lent_by_others(self.site.pool.take_of(user), role).await;
        let since = self.waiting.take();
        self.waited.set(self.waited.get() + since.map_or(Duration::ZERO, |since| since.elapsed()));
        match lent? {
            Some(lent) => self.borrow(lent),
            None => inconclusive(format!("the account `{user}` is of no use any more")),
        }
    }

    fn borrow(&self, lent: Lent) -> Result<Rc<Account>, Stop> {
        let (account, role) = (lent.account(), lent.account().role);
        if unsendable(&account.user).or_else(|| unsendable(account.password())).is_some() {
            return skipped(format!(
                "no line can carry the name or the password of an account with role `{role}`"
            ));
        }
        self.journal.password(&account.user, account.password());
        self.users.borrow_mut().push(account.user.clone());
        self.lent.borrow_mut().push(lent);
        Ok(account)
    }

    /// Waits until the pool has an account to lend; `None` if it never will.
    async fn lent_by_others(
        &self,
        waiting: impl Future<Output = Option<Lent>>,
        role: Role,
    ) -> Result<Option<Lent>, Stop> {
        let holds_another = !self.lent.borrow().is_empty();
        if !holds_another {
            return Ok(waiting.await);
        }
        // Two checks that each hold what the other waits for must not wait for ever.
        match timeout(self.site.patience.answer * PATIENCE_WITH_OTHERS, waiting).await {
            Ok(lent) => Ok(lent),
            Err(_) => inconclusive(format!("other checks kept all accounts with role `{role}`")),
        }
    }

    /// The account of this role that the check has already.
    fn held(&self, role: Role) -> Option<Rc<Account>> {
        let lent = self.lent.borrow();
        let mut accounts = lent.iter().map(Lent::account);
        accounts.find(|account| account.role == role && !account.is_retired())
    }

    /// A connection in AUTHORIZATION on which a password may be sent: after STLS where the entrance upgrades.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be had, [`Stop::Skipped`] if no password may be sent here.
    pub async fn connect_for_login(&self) -> Result<Session, Stop> {
        Ok(self.opened_for_login().await?.0)
    }

    /// The same with the greeting, for APOP.
    ///
    /// # Errors
    /// Those of [`Lab::connect_for_login`].
    pub(crate) async fn opened_for_login(&self) -> Result<(Session, Reply), Stop> {
        let (session, greeting) = self.opened().await?;
        session.may_log_in()?;
        Ok((session, greeting))
    }

    /// The same before any STLS.
    ///
    /// # Errors
    /// Those of [`Lab::connect_for_login`].
    pub(crate) async fn greeted_for_login(&self) -> Result<(Session, Reply), Stop> {
        let (session, greeting) = self.greeted().await?;
        session.may_log_in()?;
        Ok((session, greeting))
    }

    /// A session in TRANSACTION with an account of this role. The first time one account's trouble does not keep the
    /// check from its point, as long as there is another; later it is the same account.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such an account, [`Stop::Inconclusive`] if the login fails.
    pub async fn login(&self, role: Role) -> Result<Session, Stop> {
        self.login_like(role, |_| true).await
    }

    /// The same, rather with an account that is like this.
    ///
    /// # Errors
    /// Those of [`Lab::login`].
    pub(crate) async fn login_like(
        &self,
        role: Role,
        is_like: impl Fn(&Account) -> bool,
    ) -> Result<Session, Stop> {
        let bound = self.held(role).is_some();
        loop {
            let account = self.account_like(role, &is_like).await?;
            match self.login_to(&account).await {
                Err(stop) if bound || !self.gives_up(&account) => return Err(stop),
                Err(_) => {}
                session => return session,
            }
        }
    }

    /// For what takes USER and PASS: a server that announces them, and refuses USER to everybody, is accused of that once.
    ///
    /// # Errors
    /// [`Stop::Skipped`] at such a server.
    pub(crate) fn user_works(&self) -> Outcome {
        let survey = self.survey();
        // Where the list is known and has no USER, and logins go another way, there need be none.
        let listed = survey.capabilities.is_some() || survey.session_capabilities.is_some();
        if listed && !survey.announces("USER") && survey.method != Some(Method::UserPass) {
            return skipped("needs USER, which is not announced here");
        }
        if survey.user_refused {
            return skipped("needs USER, which is announced here and refused (rfc2449.capa.truthful)");
        }
        Ok(())
    }

    /// For what breaks a session off behind a login, in an account that others need: where a lock outlives its
    /// connection nobody could open that maildrop any more.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] at such a server.
    pub(crate) fn loss_frees_maildrop(&self) -> Outcome {
        if self.survey().lock_outlives {
            return inconclusive(
                "a lock outlives its connection here, which practice.lock.released-on-loss judges",
            );
        }
        Ok(())
    }

    /// Gives an account back whose login does not succeed, if there is a better one.
    fn gives_up(&self, account: &Account) -> bool {
        let of_no_use = account.is_retired() || account.is_stuck();
        let better = of_no_use && self.site.pool.has_sound(account.role);
        if better {
            self.lent.borrow_mut().retain(|lent| lent.account().user != account.user);
        }
        better
    }

    /// A session in TRANSACTION with an account this check holds, by the usual method.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if the login fails.
    pub async fn login_to(&self, account: &Rc<Account>) -> Result<Session, Stop> {
        let Some(method) = self.survey().method else {
            return skipped("no way to log in is known");
        };
        let (session, reply) = self.login_by(account, method).await?;
        if reply.is_ok() {
            return Ok(session);
        }
        if is_busy(&reply) {
            account.stick();
        } else {
            account.retire();
        }
        inconclusive(format!("the login of `{}` was refused: {}", account.user, reply.quoted()))
    }

    /// One login by the usual method, without asking a busy maildrop again; the reply to its last step is the caller's
    /// to judge.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it does not get that far, [`Stop::Skipped`] if no password may be sent here.
    pub(crate) async fn login_once(
        &self,
        account: &Rc<Account>,
    ) -> Result<(Session, Result<Reply, Mishap>), Stop> {
        let Some(method) = self.survey().method else {
            return skipped("no way to log in is known");
        };
        let (mut session, greeting) = self.opened_for_login().await?;
        let timestamp = sasl::apop::timestamp(&greeting.line);
        let reply = login::attempt(&mut session, method, account, timestamp, &self.nonce()).await;
        if reply.as_ref().is_ok_and(Reply::is_ok) {
            session.belongs_to(Rc::clone(account));
        }
        Ok((session, reply))
    }

    /// One login by the given method; a busy maildrop is asked again for as long as the patience lasts.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there was no reply, [`Stop::Skipped`] if no password may be sent here.
    pub async fn login_by(&self, account: &Rc<Account>, method: Method) -> Result<(Session, Reply), Stop> {
        self.unhurried(account, async |session, greeting| {
            let timestamp = sasl::apop::timestamp(&greeting.line);
            Ok(login::attempt(session, method, account, timestamp, &self.nonce()).await?)
        })
        .await
    }

    /// A login by any exchange, which is given the session and its greeting. A maildrop that is busy with an earlier
    /// session, or does not want to be opened so soon again, is asked again for as long as the patience lasts; one that
    /// was busy for all of that time before, and not opened since, is asked once.
    ///
    /// # Errors
    /// Those of the exchange, [`Stop::Inconclusive`] if there is no connection, [`Stop::Skipped`] if no password may
    /// be sent here.
    pub(crate) async fn unhurried(
        &self,
        account: &Rc<Account>,
        exchange: impl AsyncFn(&mut Session, &Reply) -> Result<Reply, Stop>,
    ) -> Result<(Session, Reply), Stop> {
        let patience = if account.is_stuck() { Duration::ZERO } else { self.site.patience.answer };
        let deadline = Instant::now() + patience;
        let mut pause = BUSY_PAUSE;
        self.farewell().await;
        loop {
            let (mut session, greeting) = self.opened_for_login().await?;
            let reply = exchange(&mut session, &greeting).await?;
            if reply.is_ok() {
                session.belongs_to(Rc::clone(account));
            }
            if !is_busy(&reply) || Instant::now() >= deadline {
                return Ok((session, reply));
            }
            drop(session);
            tokio::time::sleep(pause.max(account.pause())).await;
            pause = (pause * 2).min(BUSY_PAUSE_AT_MOST);
        }
    }
}

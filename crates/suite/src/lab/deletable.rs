//! Sessions in which DELE may be sent: in disposable maildrops, and where nobody is logged in.
//!
//! Whether a maildrop is fit is seen by [`crate::deletion`]; here is who is asked, and how often.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use tokio::time::Instant;

use super::Lab;
use crate::accounts::Account;
use crate::deletion::{Look, Means, Permission};
use crate::outcome::{Outcome, Stop, inconclusive, skipped};
use crate::session::Session;

/// A look that finds a contradiction is taken once more, in a new session: what the session before left behind may be
/// the reason.
const LOOKS: u32 = 2;

/// Many messages are looked at, some of them twice, where a listing takes no longer: a few hundred answers are a minute then.
const BRISK: Duration = Duration::from_millis(100);

const NOT_ALLOWED: &str = "sends DELE, so it needs --allow-delete and an account with role `disposable`";

impl Lab {
    /// A session in a disposable maildrop in which every message was just seen to be poplab's: DELE is permitted, for
    /// as long as nothing changes there.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without `--allow-delete`, without such an account, or if foreign mail is in it;
    /// [`Stop::Inconclusive`] if what the server says of its mail does not fit together.
    pub async fn deletable(&self, at_least: u64) -> Result<Session, Stop> {
        self.deletable_like(at_least, |_| true).await
    }

    /// The same, rather in a maildrop where nobody of this run has been yet.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`].
    pub(crate) async fn deletable_unopened(&self, at_least: u64) -> Result<Session, Stop> {
        self.deletable_like(at_least, |account| !account.was_opened()).await
    }

    /// The same in an account that the check has already.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`]; [`Stop::Inconclusive`] if that account is not to be had again.
    pub(crate) async fn deletable_in(&self, account: &Account, at_least: u64) -> Result<Session, Stop> {
        let session = self.deletable(at_least).await?;
        if session.account()?.user != account.user {
            return inconclusive(format!("the maildrop of `{}` was not to be had again", account.user));
        }
        Ok(session)
    }

    /// The same in a maildrop with many messages. Which account has so many is not known: each is asked.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`].
    pub(crate) async fn deletable_among(&self, at_least: u64) -> Result<Session, Stop> {
        if !self.site.permissions.allow_delete {
            return skipped(NOT_ALLOWED);
        }
        let candidates: Vec<String> = self
            .site
            .pool
            .accounts()
            .filter(|account| {
                account.role == Role::Disposable && !account.is_retired() && !account.is_spent()
            })
            .map(|account| account.user.clone())
            .collect();
        // What the check had may be the one.
        self.lent.borrow_mut().retain(|lent| lent.account().role != Role::Disposable);
        let mut withheld = Ok(());
        for user in candidates {
            let account = match self.account_of(&user, Role::Disposable).await {
                Ok(account) => account,
                Err(stop) => {
                    withheld = Err(stop);
                    continue;
                }
            };
            if let Some(session) = self.permitted_among(&account, at_least).await? {
                return Ok(session);
            }
            self.lent.borrow_mut().retain(|lent| lent.account().user != account.user);
        }
        withheld?;
        skipped(format!(
            "no `disposable` maildrop holds {at_least} messages; `poplab seed` puts so many into the fourth, the twelfth and the sixteenth"
        ))
    }

    /// A session in this maildrop in which DELE is permitted; nothing if it holds fewer messages.
    async fn permitted_among(&self, account: &Rc<Account>, at_least: u64) -> Result<Option<Session>, Stop> {
        let Ok(mut session) = self.login_to(account).await else { return Ok(None) };
        let began = Instant::now();
        session.assume_ok("LIST").await?;
        if began.elapsed() > BRISK {
            return skipped(format!(
                "LIST took {} ms: so many messages are not looked at one by one where answers take so long",
                began.elapsed().as_millis()
            ));
        }
        match session.look(self.means(), at_least).await? {
            Look::Seen(sighting) => {
                account.holds_own_mail();
                session.permit(Permission::Seen(Box::new(sighting.knowing(&self.refused))));
                Ok(Some(session))
            }
            Look::TooFew => Ok(None),
            Look::Contradiction(how) => inconclusive(how),
        }
    }

    /// A session that was opened in a disposable maildrop already, with every message seen to be poplab's.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`]; [`Stop::Inconclusive`] if it holds fewer messages.
    pub(crate) async fn permitted(&self, mut session: Session, at_least: u64) -> Result<Session, Stop> {
        let account = session.account()?;
        if !self.site.permissions.allow_delete || account.role != Role::Disposable {
            return skipped(NOT_ALLOWED);
        }
        match session.look(self.means(), at_least).await? {
            Look::Seen(sighting) => {
                account.holds_own_mail();
                session.permit(Permission::Seen(sighting));
                Ok(session)
            }
            Look::TooFew => inconclusive(format!("the maildrop holds fewer than {at_least} messages")),
            Look::Contradiction(how) => inconclusive(how),
        }
    }

    /// A session in this maildrop, in which DELE is permitted though no message was retrieved in it: each was seen whole by
    /// TOP, as where retrieving deletes. Nothing if there is no TOP or the maildrop has fewer than two messages.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`].
    pub(crate) async fn deletable_unretrieved(&self, account: &Rc<Account>) -> Result<Option<Session>, Stop> {
        // By TOP alone only where a session before has retrieved all of it.
        if !self.site.permissions.allow_delete || !self.survey().has_top || !account.held_own_mail() {
            return Ok(None);
        }
        let mut session = self.login_to(account).await?;
        match session.look(Means { retrieval_deletes: true, ..self.means() }, 2).await? {
            Look::Seen(sighting) => {
                session.permit(Permission::Seen(sighting));
                Ok(Some(session))
            }
            Look::TooFew => Ok(None),
            Look::Contradiction(how) => inconclusive(how),
        }
    }

    /// The same as [`Lab::deletable`] in another account than this one, which is not asked for again.
    ///
    /// # Errors
    /// Those of [`Lab::deletable`].
    pub(crate) async fn deletable_beside(&self, account: &Account, at_least: u64) -> Result<Session, Stop> {
        self.give_back_spent(account)?;
        self.deletable(at_least).await
    }

    fn means(&self) -> Means {
        let survey = self.survey();
        Means { top: survey.has_top, uidl: survey.has_uidl, retrieval_deletes: survey.expire_zero() }
    }

    async fn deletable_like(&self, at_least: u64, is_like: fn(&Account) -> bool) -> Result<Session, Stop> {
        if !self.site.permissions.allow_delete {
            return skipped(NOT_ALLOWED);
        }
        let means = self.means();
        let mut looks = 0;
        loop {
            let mut session = self.login_like(Role::Disposable, is_like).await?;
            let account = session.account()?;
            looks += 1;
            match session.look(means, at_least).await? {
                Look::Seen(sighting) => {
                    account.holds_own_mail();
                    session.permit(Permission::Seen(Box::new(sighting.knowing(&self.refused))));
                    return Ok(session);
                }
                Look::TooFew => {
                    looks = 0;
                    self.give_back_spent(&account)?;
                }
                Look::Contradiction(how) if looks >= LOOKS => return inconclusive(how),
                Look::Contradiction(_) => {}
            }
        }
    }

    /// Gives back an account whose mail earlier checks used up; another may have more.
    fn give_back_spent(&self, account: &Account) -> Outcome {
        account.spend();
        self.lent.borrow_mut().retain(|lent| lent.account().user != account.user);
        if !self.site.pool.has_mail(Role::Disposable) {
            return inconclusive(
                "the `disposable` maildrops have run out of mail; `poplab seed` puts new mail there",
            );
        }
        Ok(())
    }

    /// A connection on which nobody is logged in, and which has refused to count mail: the next thing said on it may be
    /// a DELE, which no maildrop should be there for. Without STAT's refusal there might be one after all, of whomever
    /// a careless server thinks this is.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without `--allow-delete`, [`Stop::Fail`] if mail is counted before login, and
    /// [`Stop::Inconclusive`] if the connection cannot be had.
    pub async fn nobody(&self) -> Result<Session, Stop> {
        if !self.site.permissions.allow_delete {
            return skipped(NOT_ALLOWED);
        }
        let mut session = self.connect().await?;
        session.command("STAT").await?.require_err()?;
        session.permit(Permission::Nobody);
        Ok(session)
    }
}

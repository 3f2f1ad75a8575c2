//! The pool that lends each account to one check at a time: POP3 locks a maildrop, so an account is one session's.
//!
//! It lends what is likely to be of use first. What is known of an account stands in [`crate::accounts`].

use std::cell::Cell;
use std::rc::Rc;

use mail::Role;
use tokio::sync::Notify;
use transcript::Secrets;

use crate::accounts::Account;

/// The pool of a run.
#[derive(Clone)]
pub struct Pool(Rc<Shared>);

struct Shared {
    slots: Vec<Slot>,
    secrets: Secrets,
    returned: Notify,
}

struct Slot {
    account: Rc<Account>,
    busy: Cell<bool>,
}

/// An account lent to one check; it goes back when dropped.
pub struct Lent {
    pool: Pool,
    index: usize,
}

impl Pool {
    /// A pool of these accounts, whose secrets are all that there are.
    pub fn new(accounts: Vec<Account>) -> Self {
        Self::among(accounts, &Secrets::new())
    }

    /// A pool of these accounts in a run that has these secrets, too; those of the accounts are added to them.
    pub fn among(accounts: Vec<Account>, secrets: &Secrets) -> Self {
        let secrets = secrets.clone();
        crate::login::learn(&accounts, &secrets);
        let locks = Rc::default();
        for account in &accounts {
            account.share(&locks);
        }
        let slots =
            accounts.into_iter().map(|account| Slot { account: Rc::new(account), busy: Cell::new(false) });
        Self(Rc::new(Shared { slots: slots.collect(), secrets, returned: Notify::new() }))
    }

    /// What must be shown nowhere in the run: the passwords of all accounts, and what checks make from them.
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = Rc<Account>> + '_ {
        self.0.slots.iter().map(|slot| Rc::clone(&slot.account))
    }

    /// Whether there is a usable account of this role.
    pub fn has(&self, role: Role) -> bool {
        self.0.slots.iter().any(|slot| slot.account.role == role && !slot.account.is_retired())
    }

    /// Whether there is a usable account of this role whose mail is not known to be used up.
    pub fn has_mail(&self, role: Role) -> bool {
        let fit =
            |slot: &Slot| slot.account.role == role && !slot.account.is_retired() && !slot.account.is_spent();
        self.0.slots.iter().any(fit)
    }

    /// Whether there is a usable account of this role with mail left that was not found busy for all the patience: one
    /// that [`Pool::take`] gives before all others.
    pub(crate) fn has_sound(&self, role: Role) -> bool {
        let sound = |account: &Account| !account.is_retired() && !account.is_spent() && !account.is_stuck();
        self.0.slots.iter().any(|slot| slot.account.role == role && sound(&slot.account))
    }

    /// Whether the target has accounts of this role at all, usable or not.
    pub(crate) fn knows(&self, role: Role) -> bool {
        self.0.slots.iter().any(|slot| slot.account.role == role)
    }

    /// Waits for a free account of this role, if there is a choice one with mail left that is not avoided; `None` when
    /// none is usable (any more).
    pub(crate) async fn take(&self, role: Role, avoided: &[String]) -> Option<Lent> {
        loop {
            let returned = self.0.returned.notified();
            if !self.has(role) {
                return None;
            }
            let free =
                |slot: &Slot| slot.account.role == role && !slot.busy.get() && !slot.account.is_retired();
            let full = |slot: &Slot| free(slot) && !slot.account.is_spent();
            let sound = |slot: &Slot| full(slot) && !slot.account.is_stuck();
            let best = |slot: &Slot| sound(slot) && !avoided.contains(&slot.account.user);
            let slots = &self.0.slots;
            let found = slots.iter().position(best).or_else(|| slots.iter().position(sound));
            // One that stayed busy is the last choice: others, which checks have at present, come back.
            let lent = |slot: &Slot| {
                let account = &slot.account;
                account.role == role
                    && slot.busy.get()
                    && !(account.is_retired() || account.is_spent() || account.is_stuck())
            };
            let last_choice = || slots.iter().position(full).or_else(|| slots.iter().position(free));
            let found =
                if found.is_none() && slots.iter().any(lent) { None } else { found.or_else(last_choice) };
            if let Some(index) = found {
                slots[index].busy.set(true);
                return Some(Lent { pool: self.clone(), index });
            }
            returned.await;
        }
    }
}

impl Pool {
    /// Waits until this user's account is free; `None` when it is not usable (any more).
    pub(crate) async fn take_of(&self, user: &str) -> Option<Lent> {
        loop {
            let returned = self.0.returned.notified();
            let usable = |slot: &Slot| slot.account.user == user && !slot.account.is_retired();
            let index = self.0.slots.iter().position(usable)?;
            if !self.0.slots[index].busy.replace(true) {
                return Some(Lent { pool: self.clone(), index });
            }
            returned.await;
        }
    }
}

impl Lent {
    /// The account.
    pub fn account(&self) -> Rc<Account> {
        Rc::clone(&self.pool.0.slots[self.index].account)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.0.slots[self.index].busy.set(false);
        self.pool.0.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_stays_busy_is_lent_only_where_no_better_one_will_come_back() {
        let pool = Pool::new(vec![Account::new("a", "b", Role::Empty), Account::new("c", "d", Role::Empty)]);
        pool.accounts().next().unwrap().stick();
        let sound = pool.take(Role::Empty, &[]).await.unwrap();
        assert_eq!(sound.account().user, "c");
        let waiting = pool.take(Role::Empty, &[]);
        tokio::pin!(waiting);
        std::future::poll_fn(|context| {
            assert!(waiting.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        sound.account().stick();
        drop(sound);
        assert_eq!(waiting.await.unwrap().account().user, "a");
    }

    #[test]
    fn one_without_mail_is_no_better_one() {
        let pool = Pool::new(vec![Account::new("a", "b", Role::Empty), Account::new("c", "d", Role::Empty)]);
        pool.accounts().next().unwrap().stick();
        assert!(pool.has_sound(Role::Empty));
        // Lent again and again, the first would be found busy for ever.
        pool.accounts().nth(1).unwrap().spend();
        assert!(!pool.has_sound(Role::Empty));
    }

    #[test]
    fn a_lent_account_is_nobody_elses_until_it_comes_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pool = Pool::new(vec![Account::new("a", "b", Role::Empty)]);
            assert!(pool.take(Role::Second, &[]).await.is_none());
            let lent = pool.take(Role::Empty, &[]).await.unwrap();
            let waiting = pool.take(Role::Empty, &[]);
            tokio::pin!(waiting);
            assert!(
                std::future::poll_fn(|context| std::task::Poll::Ready(
                    waiting.as_mut().poll(context).is_pending()
                ))
                .await
            );
            drop(lent);
            assert!(waiting.await.is_some());
        });
    }
}

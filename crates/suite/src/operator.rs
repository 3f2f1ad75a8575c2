//! What the operator of a server can do to it beside POP3: restart it, kill it, deliver mail, go into a mailbox another
//! way, take a store away and put it back. The user says how, or not at all.
//!
//! This crate starts no process and opens no file: whoever can do such things implements [`Operator`]. Here it is only kept
//! in mind what has been done and must be undone, however a run ends. Which account something may be done to is
//! [`crate::lab`]'s matter; that the mail is ours is never guessed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::rc::Rc;

use crate::accounts::hooks::Hook;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// By which hook.
    pub hook: Hook,
    /// Whose mailbox it is about; empty for what concerns the whole server.
    pub user: &'a str,
    /// The message that it is about: the 64 digits in its marker, or empty.
    pub marker: &'a str,
    /// The message to be delivered, with the line ends of the wire.
    pub message: &'a [u8],
}

impl<'a> Order<'a> {
    /// To do something to the whole server.
    pub fn whole(hook: Hook) -> Self {
        Self { hook, user: "", marker: "", message: b"" }
    }

    /// To do something to the mailbox of a user.
    pub fn about(hook: Hook, user: &'a str) -> Self {
        Self { user, ..Self::whole(hook) }
    }
}

/// Why an order was not carried out, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// Nothing failed; it cannot be done now. So a mailbox that is one file takes no mail while a session has it locked.
    #[error("{0}")]
    NotNow(String),
}

/// An order that is being carried out. It gives what was said, of which only [`Hook::List`] makes use.
pub type Acting<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Unable>> + 'a>>;

/// Whoever can do something to the server.
pub trait Operator {
    /// Whether there is a way to do this.
    fn can(&self, hook: Hook) -> bool;

    /// Does it, and returns when it is done. Ends in time.
    fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a>;

    /// A few lower-case letters and digits that no earlier run at the same mailboxes had.
    fn copy(&self) -> String;
}

/// An operator, and what checks have done through it.
pub struct Operations {
    operator: Rc<dyn Operator>,
    /// The server was killed and not started again.
    is_down: Cell<bool>,
    /// Users whose store was taken away and not put back.
    without_store: RefCell<BTreeSet<String>>,
    delivered: Cell<u32>,
}

impl Operations {
    /// Nothing has been done yet.
    pub fn new(operator: Rc<dyn Operator>) -> Rc<Self> {
        Rc::new(Self {
            operator,
            is_down: Cell::new(false),
            without_store: RefCell::default(),
            delivered: Cell::new(0),
        })
    }

    /// Whether there is a way to do this.
    pub fn can(&self, hook: Hook) -> bool {
        self.operator.can(hook)
    }

    /// Carries an order out.
    ///
    /// # Errors
    /// Those of the operator.
    pub(crate) async fn act(&self, order: Order<'_>) -> Result<Vec<u8>, Unable> {
        // Noted before: what is broken off half-way has to be undone as well.
        match order.hook {
            Hook::Restart | Hook::Kill => self.is_down.set(true),
            Hook::Unreadable | Hook::ReadOnly => {
                self.without_store.borrow_mut().insert(order.user.to_owned());
            }
            _ => {}
        }
        let done = self.operator.act(order).await?;
        match order.hook {
            Hook::Restart => self.is_down.set(false),
            Hook::Mend => {
                self.without_store.borrow_mut().remove(order.user);
            }
            _ => {}
        }
        Ok(done)
    }

    /// A message that nobody has delivered yet.
    pub(crate) fn message(&self, seed: u64, octets: usize) -> Vec<u8> {
        let number = self.delivered.get() + 1;
        self.delivered.set(number);
        mail::delivered(seed, &self.operator.copy(), number, octets)
    }

    /// Whether something is still to be undone.
    pub fn has_to_mend(&self) -> bool {
        self.is_down.get() || !self.without_store.borrow().is_empty()
    }

    /// Starts the server if it is down, and puts back every store that was taken away, each once.
    ///
    /// # Errors
    /// What could not be undone, and what to do about it.
    pub async fn mend(&self) -> Result<(), String> {
        let mut failed = Vec::new();
        let users: Vec<String> = self.without_store.borrow().iter().cloned().collect();
        for user in users {
            if let Err(why) = self.act(Order::about(Hook::Mend, &user)).await {
                failed.push(format!("the store of `{user}` may be out of order still: {why}"));
            }
        }
        if self.is_down.get()
            && let Err(why) = self.act(Order::whole(Hook::Restart)).await
        {
            failed.push(format!("the server may be down still: {why}"));
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Operations").field("is_down", &self.is_down).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it is told to do, and fails at what it is told to.
    #[derive(Default)]
    struct Scribe {
        told: RefCell<Vec<String>>,
        fails: Cell<bool>,
    }

    impl Operator for Rc<Scribe> {
        fn can(&self, _: Hook) -> bool {
            true
        }

        fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a> {
            Box::pin(async move {
                self.told.borrow_mut().push(format!("{} {}", order.hook.key(), order.user));
                if self.fails.get() { Err(Unable::Failed("no".to_owned())) } else { Ok(Vec::new()) }
            })
        }

        fn copy(&self) -> String {
            "x1".to_owned()
        }
    }

    #[tokio::test]
    async fn what_was_done_is_undone_once_and_what_cannot_be_is_told() {
        let scribe = Rc::new(Scribe::default());
        let operations = Operations::new(Rc::new(Rc::clone(&scribe)));
        operations.act(Order::whole(Hook::Kill)).await.unwrap();
        operations.act(Order::about(Hook::ReadOnly, "a")).await.unwrap();
        assert!(operations.has_to_mend());
        scribe.fails.set(true);
        let told = operations.mend().await.unwrap_err();
        assert_eq!(told, "the store of `a` may be out of order still: no; the server may be down still: no");
        scribe.fails.set(false);
        scribe.told.borrow_mut().clear();
        operations.mend().await.unwrap();
        operations.mend().await.unwrap();
        assert_eq!(*scribe.told.borrow(), ["fault.mend a", "restart "]);
        assert!(!operations.has_to_mend());
    }

    #[test]
    fn no_two_messages_are_alike() {
        let operations = Operations::new(Rc::new(Rc::new(Scribe::default())));
        let marker = || mail::Marker::parse(&operations.message(1, 700)).unwrap().fixture;
        assert_eq!((marker(), marker()), ("delivered-x1-1".to_owned(), "delivered-x1-2".to_owned()));
    }
}

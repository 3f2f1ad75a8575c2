//! What a check has done to the server beside POP3, by the user's own hooks: which account it may be done to, how long
//! that may take, and whether the server is there again. Nothing is judged here.
//!
//! Hooks that are about one mailbox need `--allow-delete`, and are told only accounts with the role `disposable`. A message
//! is removed the other way only under the conditions of DELE: if a session has just retrieved it whole and found it to be
//! poplab's, marker and body.

use std::rc::Rc;
use std::time::Duration;

use mail::{Marker, Role};
use tokio::time::{Instant, sleep};

use super::Lab;
use crate::accounts::Account;
use crate::accounts::hooks::Hook;
use crate::operator::{Operations, Order, Unable};
use crate::outcome::{Outcome, Stop, assume, inconclusive, skipped};
use crate::session::Session;

/// How long a server may take until it greets again, once its restart has been reported done.
const START: Duration = Duration::from_secs(30);
/// Between two looks at whether it does.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// How long delivered mail may be on its way, through queues that the hook does not wait for.
pub(crate) const ON_ITS_WAY: Duration = Duration::from_secs(10);

impl Lab {
    /// Whether the user has said how to do this.
    pub(crate) fn can(&self, hook: Hook) -> bool {
        crate::needs::lacking(hook, &self.site).is_none()
    }

    fn operations(&self, hook: Hook) -> Result<Rc<Operations>, Stop> {
        match (&self.site.operations, crate::needs::lacking(hook, &self.site)) {
            (Some(operations), None) => Ok(Rc::clone(operations)),
            (_, why) => skipped(why.unwrap_or_default()),
        }
    }

    async fn order(&self, order: Order<'_>) -> Result<Vec<u8>, Stop> {
        let told = if order.user.is_empty() { String::new() } else { format!(" for `{}`", order.user) };
        self.journal.note(0, &format!("hook `{}`{told}", order.hook.key()));
        self.carry_out(order).await
    }

    async fn carry_out(&self, order: Order<'_>) -> Result<Vec<u8>, Stop> {
        let operations = self.operations(order.hook)?;
        self.operated.set(true);
        // What a command of the user's takes is no time of the check's.
        let began = Instant::now();
        self.waiting.set(Some(began));
        let done = operations.act(order).await;
        self.waiting.set(None);
        self.waited.set(self.waited.get() + began.elapsed());
        done.map_err(|why| match why {
            Unable::NotNow(why) => {
                Stop::Skipped(format!("the hook `{}` cannot be used now: {why}", order.hook.key()))
            }
            Unable::Failed(why) => {
                Stop::Inconclusive(format!("the hook `{}` failed: {why}", order.hook.key()))
            }
        })
    }

    /// Restarts the server, or starts it again, and waits until it greets.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, [`Stop::Inconclusive`] if it fails or the server does not come back.
    pub(crate) async fn restart(&self) -> Outcome {
        self.order(Order::whole(Hook::Restart)).await?;
        self.until_it_greets().await
    }

    /// Kills the server, in the middle of whatever it does. It is down then, until [`Lab::restart`].
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, [`Stop::Inconclusive`] if it fails.
    pub(crate) async fn kill(&self) -> Outcome {
        self.order(Order::whole(Hook::Kill)).await?;
        Ok(())
    }

    /// Greetings are looked for apart from the run's crowd: that there is none for a while is our own doing.
    async fn until_it_greets(&self) -> Outcome {
        let deadline = Instant::now() + START;
        loop {
            let why = match self.connect_raw().await {
                Ok(mut session) => match session.welcome(self.survey()).await {
                    Ok(greeting) if greeting.is_ok() => {
                        let _ = session.quit().await;
                        return Ok(());
                    }
                    Ok(greeting) => greeting.seen(),
                    Err(mishap) => mishap.to_string(),
                },
                Err(stop) => stop.told(),
            };
            if Instant::now() >= deadline {
                return inconclusive(format!(
                    "{} s after its restart the server does not greet: {why}",
                    START.as_secs()
                ));
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// A marked message of so many octets, unlike all others.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without a hook that could deliver it.
    pub(crate) fn new_message(&self, octets: usize) -> Result<Vec<u8>, Stop> {
        Ok(self.operations(Hook::Deliver)?.message(self.site.seed, octets))
    }

    /// Delivers so many new messages to an account, which may take long.
    ///
    /// # Errors
    /// Those of [`Lab::deliver`].
    pub(crate) async fn deliver_many(&self, account: &Account, count: usize, octets: usize) -> Outcome {
        self.journal
            .note(0, &format!("hook `{}` for `{}`, {count} times", Hook::Deliver.key(), account.user));
        for _ in 0..count {
            let message = self.new_message(octets)?;
            may_have(account, &message)?;
            self.carry_out(Order { message: &message, ..Order::about(Hook::Deliver, &account.user) }).await?;
        }
        Ok(())
    }

    /// Delivers a marked message to an account; its marker.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, or where the mailbox takes no mail at this moment; [`Stop::Inconclusive`] if it
    /// fails.
    pub(crate) async fn deliver(&self, account: &Account, message: &[u8]) -> Result<Marker, Stop> {
        let marker = may_have(account, message)?;
        self.order(Order { message, ..Order::about(Hook::Deliver, &account.user) }).await?;
        Ok(marker)
    }

    /// Makes a new message and delivers it; its marker.
    ///
    /// # Errors
    /// Those of [`Lab::deliver`].
    pub(crate) async fn deliver_new(&self, account: &Account, octets: usize) -> Result<Marker, Stop> {
        let message = self.new_message(octets)?;
        self.deliver(account, &message).await
    }

    /// The digests in the markers of all messages that another way into the mailbox finds, in its order.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, [`Stop::Inconclusive`] if it fails.
    pub(crate) async fn seen_elsewhere(&self, account: &Account) -> Result<Vec<String>, Stop> {
        assume(account.role == Role::Disposable, || "only disposable accounts are looked at".to_owned())?;
        let said = self.order(Order::about(Hook::List, &account.user)).await?;
        Ok(digests(&String::from_utf8_lossy(&said)))
    }

    /// Removes a message another way than by POP3, which this session has seen whole.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook or without the permission, [`Stop::Inconclusive`] if it fails or if the
    /// message was not seen.
    pub(crate) async fn remove_elsewhere(&self, session: &Session, number: u64) -> Outcome {
        let account = session.account()?;
        if account.role != Role::Disposable {
            return skipped("removes mail, so it needs an account with role `disposable`");
        }
        let seen = session.sighting().and_then(|sighting| sighting.messages().get(&number));
        let Some(marker) = seen.map(|message| message.marker.body_sha256.clone()) else {
            return inconclusive(format!("message {number} was not looked at, so it is not removed"));
        };
        self.order(Order { marker: &marker, ..Order::about(Hook::Remove, &account.user) }).await?;
        Ok(())
    }

    /// Takes the store of an account away, as [`Hook::Unreadable`] or [`Hook::ReadOnly`].
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, [`Stop::Inconclusive`] if it fails.
    pub(crate) async fn take_store(&self, account: &Account, how: Hook) -> Outcome {
        self.operations(Hook::Mend)?;
        assume(account.role == Role::Disposable, || {
            "only stores of disposable accounts are taken".to_owned()
        })?;
        self.order(Order::about(how, &account.user)).await?;
        Ok(())
    }

    /// Puts it back in order.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if that fails.
    pub(crate) async fn mend_store(&self, account: &Account) -> Outcome {
        self.order(Order::about(Hook::Mend, &account.user)).await?;
        Ok(())
    }

    /// Makes a backup of a mailbox.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such a hook, [`Stop::Inconclusive`] if it fails.
    pub(crate) async fn save(&self, account: &Account) -> Outcome {
        self.operations(Hook::Restore)?;
        assume(account.held_own_mail(), || "only mailboxes with poplab's mail alone are saved".to_owned())?;
        self.order(Order::about(Hook::Save, &account.user)).await?;
        Ok(())
    }

    /// Brings back a mailbox that was saved, in the place of what is in it.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if that fails or something else than poplab's mail would be replaced.
    pub(crate) async fn restore(&self, account: &Account) -> Outcome {
        assume(account.held_own_mail() && account.role == Role::Disposable, || {
            "only disposable mailboxes with poplab's mail alone are replaced".to_owned()
        })?;
        self.order(Order::about(Hook::Restore, &account.user)).await?;
        Ok(())
    }

    /// Undoes what the check has left behind; what could not be undone.
    pub(crate) async fn mend(&self) -> Option<String> {
        let operations = self.site.operations.as_ref().filter(|operations| operations.has_to_mend())?;
        operations.mend().await.err()
    }

    /// Whether it did anything beside POP3, which a conversation alone cannot show again.
    pub(crate) fn has_operated(&self) -> bool {
        self.operated.get()
    }
}

/// The marker of a message that may be delivered to this account.
fn may_have(account: &Account, message: &[u8]) -> Result<Marker, Stop> {
    let fit = account.role == Role::Disposable && account.held_own_mail();
    match Marker::parse(message).filter(|_| fit) {
        Some(marker) => Ok(marker),
        None => inconclusive(
            "only marked mail is delivered, and only to an account with role `disposable` in which no other mail was seen",
        ),
    }
}

/// The digests of markers in a text of any layout, each field once.
fn digests(text: &str) -> Vec<String> {
    let after = text.split("body-sha256=").skip(1);
    let digest = |rest: &str| {
        rest.get(..64).filter(|word| word.bytes().all(|o| o.is_ascii_hexdigit())).map(str::to_owned)
    };
    after.filter_map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_in_any_layout() {
        let marker = Marker::new("delivered-1-1", 7, b"text").to_string();
        let digest = Marker::new("x", 7, b"text").body_sha256;
        for layout in [
            format!("X-Poplab-Fixture: {marker}\n"),
            format!("hdr.x-poplab-fixture: {marker}\n\x0c\n"),
            format!("new/17:x-poplab-fixture: {}\r\n", marker.replace(" body", "\n\tbody")),
        ] {
            assert_eq!(digests(&layout.repeat(2)), [digest.clone(), digest.clone()], "{layout}");
        }
        assert_eq!(digests("body-sha256=abc and body-sha256="), Vec::<String>::new());
    }
}

//! What the operator of a server does to it beside POP3: restarts it, looks into a mailbox another way, takes the store
//! away. For whoever tests what becomes of mail then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::maildrop::{Snapshot, Store};
use super::{Maildrop, Message, Owner, Remembered, World, locked};

/// A backup of a mailbox.
#[derive(Clone)]
pub struct Saved(Snapshot);

impl World {
    /// The server ends, in order or killed, and is there again: sessions that are open are over, no maildrop is locked,
    /// and of the mail there is what was committed. Clients of before are cut off when they say something.
    pub fn restart(&self) {
        let so_far = self.inner.connections.load(Ordering::Relaxed);
        self.inner.restarted_behind.store(so_far, Ordering::Relaxed);
        self.inner.restarts.fetch_add(1, Ordering::Relaxed);
        *locked(&self.inner.remembered) = Remembered::default();
        self.with_all(Maildrop::unlock);
    }

    /// How often it was restarted.
    pub fn restarts(&self) -> u64 {
        self.inner.restarts.load(Ordering::Relaxed)
    }

    /// From now on the store of this account can do no more than this. False if there is no such user.
    pub fn set_store(&self, user: &str, store: Store) -> bool {
        if store != Store::Sound {
            self.inner.unsound.store(true, Ordering::Relaxed);
        }
        self.find(user).map(|owner| self.with(owner, |maildrop| maildrop.set_store(store))).is_some()
    }

    /// Removes messages of an account as another program would that has the mailbox open too: those whose octets are
    /// meant, also while a session holds the maildrop. How many that were.
    pub fn remove(&self, user: &str, is_meant: impl Fn(&[u8]) -> bool) -> usize {
        let Some(owner) = self.find(user) else { return 0 };
        let messages = self.with(owner, |maildrop| maildrop.messages().clone());
        let meant = messages.iter().filter(|message| {
            let octets: Arc<[u8]> = self.octets(owner, message).into();
            is_meant(&octets)
        });
        let ordinals: Vec<u64> = meant.map(Message::ordinal).collect();
        self.with(owner, |maildrop| maildrop.remove(&ordinals));
        ordinals.len()
    }

    /// A backup of what is in a mailbox now; nothing for an unknown user.
    pub fn save(&self, user: &str) -> Option<Saved> {
        let owner = self.find(user)?;
        Some(Saved(self.with(owner, |maildrop| maildrop.messages().clone())))
    }

    /// Brings a mailbox back from its backup, unique-ids too. False if there is no such user.
    pub fn restore(&self, user: &str, saved: Saved) -> bool {
        self.find(user).map(|owner| self.with(owner, |maildrop| maildrop.restore(saved.0))).is_some()
    }

    /// Whether the connection of this number is of before the last restart.
    pub(crate) fn has_cut(&self, connection: u64) -> bool {
        connection <= self.inner.restarted_behind.load(Ordering::Relaxed)
    }

    /// What the store of an account can do.
    pub(crate) fn store(&self, owner: Owner) -> Store {
        // Where every store is sound, which is nearly always, nobody is asked.
        if self.inner.unsound.load(Ordering::Relaxed) {
            self.with(owner, |maildrop| maildrop.store())
        } else {
            Store::Sound
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::Machine as _;

    use crate::{Account, Channel, Configuration, Connection, Next, Store, World};

    fn world() -> World {
        let account = Account::new("a", "p", [&b"A: 1\r\n\r\none\r\n"[..], b"A: 2\r\n\r\ntwo\r\n"]);
        World::new(Configuration { accounts: vec![account], ..Configuration::default() })
    }

    /// What is said from now on, and whether the connection is open still.
    fn say(connection: &mut Connection, mut octets: &[u8]) -> (String, bool) {
        let mut said = Vec::new();
        loop {
            match connection.next() {
                Next::Write => connection.transmit(&mut said, usize::MAX),
                Next::Read if !octets.is_empty() => octets = &octets[connection.receive(octets)..],
                next => return (String::from_utf8_lossy(&said).into_owned(), next == Next::Read),
            }
        }
    }

    fn session(world: &World, commands: &str) -> (Connection, String, bool) {
        let mut connection = world.connect(Channel::Clear);
        let (said, open) = say(&mut connection, format!("USER a\r\nPASS p\r\n{commands}").as_bytes());
        (connection, said, open)
    }

    #[test]
    fn a_restart_cuts_sessions_off_frees_the_maildrop_and_carries_out_no_mark() {
        let world = world();
        let (mut cut, ..) = session(&world, "DELE 1\r\n");
        world.restart();
        let (_again, said, open) = session(&world, "STAT\r\n");
        assert!(said.ends_with("+OK 2 26\r\n") && open, "{said}");
        assert_eq!(say(&mut cut, b"QUIT\r\n"), (String::new(), false));
        drop(cut);
        assert_eq!(world.messages("a").len(), 2);
    }

    #[test]
    fn from_a_store_that_is_read_only_nothing_is_removed_and_quit_says_so() {
        let world = world();
        assert!(world.set_store("a", Store::ReadOnly));
        let (_, said, open) = session(&world, "RETR 1\r\nDELE 1\r\nQUIT\r\n");
        assert!(said.contains("one\r\n.\r\n+OK") && said.contains("-ERR [SYS/TEMP] "), "{said}");
        assert!(!open && world.messages("a").len() == 2);
        let (_, said, _) = session(&world, "QUIT\r\n");
        assert!(!said.contains("-ERR"), "nothing was marked: {said}");
        world.set_store("a", Store::Sound);
        let (_, said, _) = session(&world, "DELE 1\r\nQUIT\r\n");
        assert!(!said.contains("-ERR") && world.messages("a").len() == 1, "{said}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_leaves_no_lock() {
        let world = world();
        let (mut open, ..) = session(&world, "");
        world.set_store("a", Store::Unreadable);
        assert!(say(&mut open, b"RETR 1\r\n").0.starts_with("-ERR [SYS/TEMP] "));
        drop(open);
        assert!(session(&world, "").1.ends_with("-ERR [SYS/TEMP] The maildrop cannot be opened\r\n"));
        world.set_store("a", Store::Sound);
        assert!(session(&world, "RETR 1\r\n").1.contains("one\r\n.\r\n"));
    }

    #[test]
    fn another_way_in_removes_what_is_meant() {
        let world = world();
        assert_eq!(world.remove("a", |octets| octets.starts_with(b"A: 1")), 1);
        assert_eq!((world.remove("a", |_| false), world.remove("b", |_| true)), (0, 0));
        assert!(world.messages("a")[0].starts_with(b"A: 2"));
    }
}

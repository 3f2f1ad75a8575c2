//! How sessions end: QUIT with the UPDATE state, and loss of the connection without it (RFC 1939 section 6).
//!
//! Only QUIT after login removes mail, and only what is marked; everything else leaves the maildrop as it was.

use proto::Verb;

use super::transaction::Transaction;
use super::{After, Session};
use crate::Defect;
use crate::maildrop::{Maildrop, Message};

impl Session {
    pub(super) fn quit(&mut self) {
        self.after = After::Close;
        let Some(transaction) = self.transaction.take() else { return self.quit_before_login() };
        if self.broken(Defect::QuitGoesOn) && self.more {
            self.after = After::Go;
            self.transaction = Some(transaction);
            return self.ok("Bye");
        }
        let list_sessions = self.update(&transaction);
        if self.broken(Defect::QuitReplyLost) && list_sessions >= 6 {
            self.after = After::Reset;
            return;
        }
        if self.broken(Defect::QuitErr) && self.past.is_fresh() {
            return self.err("Goodbye anyway");
        }
        self.ok("Bye");
    }

    /// The connection is gone. What was marked stays; the lock goes.
    pub(crate) fn lost(&mut self, unfinished: &[u8]) {
        self.release_name();
        let Some(transaction) = self.transaction.take() else { return };
        let word = unfinished.strip_suffix(b"\r").unwrap_or(unfinished);
        let commits = self.broken(Defect::CommitsOnClose)
            || (self.broken(Defect::CommitsMidRetr) && self.past.number_of(Verb::Retr).is_some())
            || (self.broken(Defect::QuitWithoutCrlf) && word.eq_ignore_ascii_case(b"QUIT"));
        let renames = self.broken(Defect::UidlAfterLoss) && self.did_only(Verb::Uidl);
        let (number, marked) = (self.number, ordinals(&transaction, &transaction.marks()));
        self.world.with(transaction.owner, |maildrop| {
            if commits {
                maildrop.remove(&marked);
            }
            if renames {
                maildrop.rename(|_| true);
            }
            maildrop.scars.abandoned = marked;
            maildrop.scars.idle_sessions = 0;
            maildrop.scars.list_sessions = 0;
            maildrop.release(number);
        });
    }

    /// Gives the lock back without any update.
    pub(super) fn release_lock(&mut self) {
        let number = self.number;
        if let Some(transaction) = self.transaction.take() {
            self.world.with(transaction.owner, |maildrop| maildrop.release(number));
        }
    }

    fn quit_before_login(&mut self) {
        if self.broken(Defect::QuitCommitsAbandoned) {
            self.world.with_all(|maildrop| {
                let abandoned = std::mem::take(&mut maildrop.scars.abandoned);
                maildrop.remove(&abandoned);
            });
        }
        if self.broken(Defect::QuitErrBeforeLogin) && self.past.lines == 0 {
            return self.err("You have not even logged in");
        }
        self.ok("Bye");
    }

    /// The UPDATE state: removes what is marked and releases the lock, before QUIT is answered. Gives the number of
    /// sessions in a row that did only LIST and QUIT, for a defect.
    fn update(&mut self, transaction: &Transaction) -> u32 {
        let doomed = ordinals(transaction, &self.doomed(transaction));
        let lone_first = transaction.marks() == [0];
        let late = self.broken(Defect::QuitRemovesLate) && lone_first;
        let renames = self.renames_at_quit(lone_first);
        let touched = &transaction.remembered.touched;
        let hidden = self.hidden_at_quit(transaction);
        let (number, idle, listed) = (self.number, self.past.is_fresh(), self.did_only(Verb::List));
        let keeps_lock = self.broken(Defect::QuitKeepsLock);
        let update = |maildrop: &mut Maildrop| {
            if late {
                maildrop.scars.late = doomed;
            } else {
                maildrop.remove(&doomed);
            }
            if renames || !touched.is_empty() {
                maildrop.rename(|message: &Message| renames || touched.contains(&message.ordinal()));
            }
            maildrop.scars.hidden = hidden;
            maildrop.scars.list_sessions = if listed { maildrop.scars.list_sessions + 1 } else { 0 };
            maildrop.scars.idle_sessions = if idle { maildrop.scars.idle_sessions + 1 } else { 0 };
            maildrop.scars.stale_lock = keeps_lock && maildrop.scars.idle_sessions >= 2;
            maildrop.release(number);
            maildrop.scars.list_sessions
        };
        self.world.with(transaction.owner, update)
    }

    /// The indices of the messages to remove: the marked ones.
    fn doomed(&self, transaction: &Transaction) -> Vec<usize> {
        let mut doomed = transaction.marks();
        let all = doomed.len() == transaction.messages.len();
        if self.broken(Defect::DeleAllKept) && all {
            doomed.clear();
        }
        if self.broken(Defect::QuitKeepsMarked) && doomed.len() > 1 && !all {
            doomed.pop();
        }
        if self.broken(Defect::QuitRemovesTooMuch)
            && let [index] = doomed[..]
            && (1..transaction.messages.len() - 1).contains(&index)
        {
            doomed.push(index + 1);
        }
        doomed
    }

    fn renames_at_quit(&self, lone_first: bool) -> bool {
        (self.broken(Defect::UidlPerSession) && self.did_only(Verb::Uidl))
            || (self.broken(Defect::UidlPosition) && lone_first)
    }

    /// The message that the next session is not to see in UIDL.
    fn hidden_at_quit(&self, transaction: &Transaction) -> Option<u64> {
        let once = self.past.retrievals == 1 && !transaction.remembered.deleted;
        let hides = self.broken(Defect::RetrHides) && once;
        let number = self.past.number_of(Verb::Retr).filter(|_| hides)?;
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        transaction.messages.get(index).map(Message::ordinal)
    }

    /// Whether this command, without an argument, was all there was since login but for STAT.
    fn did_only(&self, verb: Verb) -> bool {
        self.past.deeds == 1 && self.past.was(verb, None)
    }
}

fn ordinals(transaction: &Transaction, indices: &[usize]) -> Vec<u64> {
    indices.iter().map(|&index| transaction.messages[index].ordinal()).collect()
}

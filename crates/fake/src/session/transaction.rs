//! The TRANSACTION state: STAT, LIST, UIDL, DELE, NOOP, RSET (RFC 1939 sections 5 and 7); RETR and TOP are in
//! [`super::retrieval`].
//!
//! Works on the snapshot made at login. Nothing here changes the maildrop; that is QUIT's matter, in
//! [`super::update`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use proto::{Verb, encode};

use super::{After, Arguments, Session};
use crate::maildrop::{Message, Snapshot, Stored, rename};
use crate::transfer::{Body, decimal};
use crate::world::Owner;
use crate::{Defect, Defects, World};

/// The open maildrop of a session.
pub(super) struct Transaction {
    pub(super) owner: Owner,
    pub(super) messages: Snapshot,
    /// By index, that is message number less one; empty as long as nothing was marked.
    marked: Vec<bool>,
    pub(super) remembered: Remembered,
}

/// What only defects need to know of an open maildrop.
#[derive(Default)]
pub(super) struct Remembered {
    /// The account never had mail.
    pub(super) virgin: bool,
    /// Ordinals of what the session before had marked when it was cut off.
    pub(super) abandoned: Vec<u64>,
    /// There was a DELE.
    pub(super) deleted: bool,
    /// The ordinal that STAT leaves out since RSET.
    pub(super) uncounted: Option<u64>,
    /// Ordinals whose unique-id is to change at QUIT.
    pub(super) touched: BTreeSet<u64>,
}

impl Transaction {
    pub(super) fn new(owner: Owner, messages: Snapshot, remembered: Remembered) -> Transaction {
        Transaction { owner, messages, marked: Vec::new(), remembered }
    }

    /// The indices of marked messages.
    pub(super) fn marks(&self) -> Vec<usize> {
        (0..self.marked.len()).filter(|&index| self.marked[index]).collect()
    }

    /// Whether the message of this index is marked.
    fn is_marked(&self, index: usize) -> bool {
        self.marked.get(index).is_some_and(|marked| *marked)
    }

    fn mark(&mut self, index: usize) {
        self.marked.resize(self.messages.len(), false);
        self.marked[index] = true;
    }

    /// The indices of messages that are not marked; of all, for a defect that forgets to leave the others out. Such
    /// defects spare the maildrop in which everything is marked.
    fn listed(&self, with_marked: bool) -> impl Iterator<Item = usize> {
        let indices = 0..self.messages.len();
        let all = with_marked && indices.clone().any(|index| !self.is_marked(index));
        indices.filter(move |&index| all || !self.is_marked(index))
    }
}

impl Session {
    pub(super) fn transact(&mut self, transaction: &mut Transaction, verb: Verb, arguments: &Arguments<'_>) {
        match verb {
            Verb::Stat => self.stat(transaction),
            Verb::List => self.list(transaction, arguments),
            Verb::Uidl => self.uidl(transaction, arguments),
            Verb::Retr => self.retr(transaction, arguments),
            Verb::Top => self.top(transaction, arguments),
            Verb::Dele => self.dele(transaction, arguments),
            Verb::Noop => self.noop(transaction),
            Verb::Rset => self.rset(transaction),
            Verb::User if self.broken(Defect::UserInTransaction) => self.ok("Send PASS"),
            Verb::Auth if self.broken(Defect::AuthAgain) => self.ok("Still logged in"),
            Verb::Utf8 if self.broken(Defect::Utf8InTransaction) => self.ok("UTF8 mode"),
            Verb::Stls if self.broken(Defect::StlsInTransaction) => {
                self.ok("Begin TLS");
                self.after = After::StartTls;
            }
            _ => self.err("Only before login"),
        }
    }

    fn stat(&mut self, transaction: &Transaction) {
        if (self.broken(Defect::StatEmptyErr) && transaction.remembered.virgin)
            || (self.broken(Defect::Utf8BreaksStat) && self.utf8 && self.past.deeds == 0)
        {
            return self.err("No totals");
        }
        let remembered = &transaction.remembered;
        let left_out = |ordinal: u64| {
            remembered.uncounted == Some(ordinal)
                || (self.broken(Defect::StatRemembersMarks) && remembered.abandoned.contains(&ordinal))
        };
        let (mut count, mut octets) = (0u64, 0u64);
        for index in transaction.listed(self.broken(Defect::StatCountsDeleted)) {
            let message = &transaction.messages[index];
            if !left_out(message.ordinal()) {
                count += 1;
                octets = octets.saturating_add(size(self.defects, message));
            }
        }
        let again = self.past.was(Verb::Stat, None);
        if self.broken(Defect::StatTwoSpaces) && again {
            return self.ok(&format!(" {count} {octets}"));
        }
        self.ok_numbers(count, octets);
    }

    fn list(&mut self, transaction: &Transaction, arguments: &Arguments<'_>) {
        match arguments.words[..] {
            [] => self.scan_listing(transaction),
            [word] => {
                self.past.listed_one = self.past.listed_one.saturating_add(1);
                if self.broken(Defect::PipeDropsRepeated) && self.past.listed_one >= 50 {
                    return;
                }
                let Some(index) = self.find(transaction, Verb::List, word) else { return };
                if self.broken(Defect::ListArgIgnored) && self.past.deeds == 0 {
                    return self.scan_listing(transaction);
                }
                let mut octets = size(self.defects, &transaction.messages[index]);
                if self.broken(Defect::ListArgDisagrees) && self.past.was(Verb::List, None) {
                    octets += 1;
                }
                self.ok_numbers(index as u64 + 1, octets);
            }
            _ => self.err("LIST takes at most one message number"),
        }
    }

    fn scan_listing(&mut self, transaction: &Transaction) {
        if self.broken(Defect::ListEmptyErr) && transaction.remembered.virgin {
            return self.err("No messages");
        }
        let mut indices: Vec<usize> = transaction.listed(self.broken(Defect::ListKeepsDeleted)).collect();
        if self.broken(Defect::ListRepeats) {
            indices.extend(indices.last().copied());
        }
        let after_stat = self.past.was(Verb::Stat, None);
        let space: &[u8] = if self.broken(Defect::ListTwoSpaces) && after_stat { b"  " } else { b" " };
        let last_off = self.broken(Defect::LastNumberOff) && self.past.was_repeatedly(Verb::Stat);
        let (defects, messages) = (self.defects, Arc::clone(&transaction.messages));
        let mut indices = indices.into_iter();
        let next = move |out: &mut Vec<u8>| {
            let Some(index) = indices.next() else { return false };
            let number = if last_off && index + 1 == messages.len() { index + 2 } else { index + 1 };
            decimal(number as u64, out);
            out.extend_from_slice(space);
            decimal(size(defects, &messages[index]), out);
            true
        };
        self.ok("Scan listing follows");
        self.output.start(Body::Listing(Box::new(next)));
    }

    fn uidl(&mut self, transaction: &Transaction, arguments: &Arguments<'_>) {
        match arguments.words[..] {
            [] => self.unique_id_listing(transaction),
            [word] => {
                let Some(index) = self.find(transaction, Verb::Uidl, word) else { return };
                self.one_unique_id(transaction, index);
            }
            _ => self.err("UIDL takes at most one message number"),
        }
    }

    fn one_unique_id(&mut self, transaction: &Transaction, index: usize) {
        let number = index as u64 + 1;
        let mut id = unique_id(&self.world, transaction.owner, &transaction.messages, index).into_owned();
        if self.broken(Defect::UidlArgDisagrees) {
            id.make_ascii_uppercase();
        }
        if self.broken(Defect::UidlNoNumber) {
            self.ok(&id);
        } else if self.broken(Defect::HexNumber) && self.past.was(Verb::List, Some(number)) {
            self.ok(&format!("{number:#x} {id}"));
        } else {
            self.ok(&format!("{number} {id}"));
        }
        if self.broken(Defect::DotAfterSingle) && self.past.was(Verb::Noop, None) {
            encode::line(self.output.lines(), b".");
        }
    }

    fn unique_id_listing(&mut self, transaction: &Transaction) {
        if self.broken(Defect::UidlEmptyErr) && transaction.remembered.virgin {
            return self.err("No messages");
        }
        let indices: Vec<usize> = transaction.listed(self.broken(Defect::UidlKeepsDeleted)).collect();
        let space: &[u8] = if self.broken(Defect::UidlTwoSpaces) { b"  " } else { b" " };
        let (world, owner, messages) =
            (self.world.clone(), transaction.owner, Arc::clone(&transaction.messages));
        let mut indices = indices.into_iter();
        let next = move |out: &mut Vec<u8>| {
            let Some(index) = indices.next() else { return false };
            let id = unique_id(&world, owner, &messages, index);
            decimal(index as u64 + 1, out);
            out.extend_from_slice(space);
            out.extend_from_slice(id.as_bytes());
            true
        };
        self.ok("Unique-ids follow");
        self.output.start(Body::Listing(Box::new(next)));
    }

    fn dele(&mut self, transaction: &mut Transaction, arguments: &Arguments<'_>) {
        let [word] = arguments.words[..] else { return self.err("DELE takes one message number") };
        if self.broken(Defect::PipeDropsDele) && self.more {
            return;
        }
        if let Some(index) = self.find(transaction, Verb::Dele, word) {
            if self.broken(Defect::DeleRefused) && index == 0 {
                return self.err("Not that one");
            }
            transaction.mark(index);
            transaction.remembered.deleted = true;
            self.ok("Marked as deleted");
        }
    }

    fn noop(&mut self, transaction: &mut Transaction) {
        if self.broken(Defect::PipeDropsNoop) && self.past.large && self.past.number_of(Verb::Retr).is_some()
        {
            return;
        }
        if self.broken(Defect::NoopAfterRset) && self.past.was(Verb::Rset, None) {
            return self.err("Unknown command");
        }
        if self.broken(Defect::NoopUnmarks) {
            transaction.marked.clear();
        }
        if self.broken(Defect::DoubleReply) && self.past.deeds == 0 && self.past.upper_case && !self.more {
            self.ok("Nothing done");
        }
        let reply: &[u8] = if self.broken(Defect::BareLf) {
            b"+OK Nothing done\n"
        } else if self.broken(Defect::LowerCaseStatus) {
            b"+ok Nothing done\r\n"
        } else if self.broken(Defect::StatusGlued) {
            b"+OK, nothing done\r\n"
        } else if self.broken(Defect::NonAsciiText) {
            "+OK Rien \u{e0} faire\r\n".as_bytes()
        } else {
            return self.ok("Nothing done");
        };
        self.past.agreed = true;
        self.output.lines().extend_from_slice(reply);
    }

    fn rset(&mut self, transaction: &mut Transaction) {
        let marks = transaction.marks();
        let lone = match marks[..] {
            [index] => Some(index),
            _ => None,
        };
        if self.broken(Defect::RsetErr) && marks.is_empty() {
            return self.err("Nothing is marked");
        }
        if self.broken(Defect::RsetUnmarksOne) && marks.len() > 1 {
            transaction.marked[marks[0]] = false;
            return self.ok("Marks taken back");
        }
        transaction.marked.clear();
        if self.broken(Defect::StatAfterRset) {
            transaction.remembered.uncounted = lone.map(|index| transaction.messages[index].ordinal());
        }
        if self.broken(Defect::RsetMoves) && lone == Some(0) {
            Arc::make_mut(&mut transaction.messages).rotate_left(1);
        }
        if self.broken(Defect::UidlAfterRset) && lone.is_some_and(|index| index > 0) {
            rename(&mut transaction.messages, |_| true);
        }
        self.ok("Marks taken back");
    }

    /// The index of the message that a command may act on; if there is none, the command has been refused.
    pub(super) fn find(&mut self, transaction: &Transaction, verb: Verb, word: &[u8]) -> Option<usize> {
        let Some(number) = self.message_number(word) else {
            if self.broken(Defect::RespEcho) && verb == Verb::Retr {
                let echo: String = word.escape_ascii().take(60).map(char::from).collect();
                self.err(&format!("{echo} is not a message number"));
            } else {
                self.err("Not a message number");
            }
            return None;
        };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let Some(index) = index.filter(|&index| index < transaction.messages.len()) else {
            self.refuse_number(transaction, verb, number);
            return None;
        };
        let spared = match verb {
            Verb::Retr => self.broken(Defect::RetrAfterDele),
            Verb::Dele => self.broken(Defect::DeleTwiceOk),
            _ => false,
        };
        if transaction.is_marked(index) && !spared {
            self.err("That message is marked as deleted");
            return None;
        }
        if self.broken(Defect::Renumbers) && verb == Verb::Retr {
            let moved = transaction.listed(false).nth(index);
            if moved.is_none() {
                self.err("No such message");
            }
            return moved;
        }
        Some(index)
    }

    /// The number a word stands for (RFC 1939 section 4); whether there is such a message is another matter.
    fn message_number(&self, word: &[u8]) -> Option<u64> {
        let digits = word.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let word = if self.broken(Defect::LaxNumbers) { &word[..digits] } else { word };
        if self.broken(Defect::NumberWraps) && !word.is_empty() && digits == word.len() {
            let wrap = |value: u32, digit: &u8| value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
            return Some(u64::from(word.iter().fold(0, wrap)));
        }
        match proto::number(word) {
            Some(0) if self.broken(Defect::ZeroIsFirst) => Some(1),
            number => number,
        }
    }

    /// There is no message of that number.
    fn refuse_number(&mut self, transaction: &Transaction, verb: Verb, number: u64) {
        let last = transaction.messages.len() as u64;
        // Of 31 bits at most, so that a number that would be wrapped is not meant.
        let after_last = number > last && number < 1 << 31;
        if verb == Verb::Dele && after_last && self.broken(Defect::DeleNoSuchOk) {
            return self.ok("Marked as deleted");
        }
        if number == last + 1 {
            match verb {
                Verb::List if self.broken(Defect::ListNoSuchOk) => return self.ok(&format!("{number} 0")),
                Verb::Uidl if self.broken(Defect::UidlNoSuchOk) => return self.ok(&format!("{number} none")),
                Verb::Retr if self.broken(Defect::RetrNoSuchOk) => return self.send_nothing(),
                Verb::Top if self.broken(Defect::TopNoSuchOk) => return self.send_nothing(),
                _ => {}
            }
        }
        let code = match verb {
            Verb::Retr if self.broken(Defect::InUseOnRetr) => "[IN-USE] ",
            Verb::Retr if self.broken(Defect::LoginDelayOnRetr) => "[LOGIN-DELAY] ",
            Verb::Retr if self.broken(Defect::SysOther) => "[SYS/OTHER] ",
            Verb::Retr if self.broken(Defect::AuthOnRetr) => "[AUTH] ",
            Verb::Dele if self.broken(Defect::Utf8CodeOnDele) => "[UTF8] ",
            _ => "",
        };
        self.err(&format!("{code}No such message"));
        if self.broken(Defect::ErrWithDot) && verb == Verb::Top && number > 9999 {
            encode::line(self.output.lines(), b".");
        }
    }
}

/// The size that STAT, LIST and RETR tell: the octets of a transfer without stuffing and terminator (RFC 1939
/// section 11).
pub(super) fn size(defects: Defects, message: &Message) -> u64 {
    // Of seeded messages there are no octets here; the defects spare them.
    let Some(Stored { octets, .. }) = message.stored() else { return message.size() };
    if defects.contains(Defect::SizeCountsLf) {
        let lines = octets.windows(2).filter(|pair| pair == b"\r\n").count() as u64;
        return if lines >= 900 { message.size() - lines } else { message.size() };
    }
    if defects.contains(Defect::SizeCountsStuffing) {
        let dots = octets.windows(3).filter(|window| window == b"\r\n.").count() as u64;
        return message.size() + dots + u64::from(octets.first() == Some(&b'.'));
    }
    message.size()
}

fn unique_id<'a>(world: &World, owner: Owner, messages: &'a [Message], index: usize) -> Cow<'a, str> {
    let id = world.unique_id(owner, &messages[index]);
    if world.defects().contains(Defect::UidlTooLong) && index + 1 == messages.len() {
        return Cow::Owned(format!("{id:x<80}"));
    }
    id
}

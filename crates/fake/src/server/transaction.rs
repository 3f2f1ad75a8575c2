//! The TRANSACTION state: STAT, LIST, UIDL, DELE, NOOP, RSET (RFC 1939 sections 5 and 7); RETR and TOP are in
//! [`super::retrieval`].
//!
//! Works on the snapshot made at login. Nothing here changes the maildrop; that is QUIT's matter, in
//! [`super::update`].

use std::sync::Arc;

use proto::Verb;

use super::Arguments;
use crate::World;
use crate::reply::{Content, Reply, decimal};
use crate::world::{Message, Owner, Snapshot};

/// The open maildrop of a session.
pub(crate) struct Transaction {
    pub(crate) owner: Owner,
    /// What there was at login. Message numbers are places in it, counted from 1.
    pub(crate) messages: Snapshot,
    /// By index, that is message number less one; empty as long as nothing was marked.
    marked: Vec<bool>,
}

impl Transaction {
    pub(crate) fn new(owner: Owner, messages: Snapshot) -> Transaction {
        Transaction { owner, messages, marked: Vec::new() }
    }

    /// Answers a command.
    pub(super) fn obey(&mut self, world: &World, utf8: bool, verb: Verb, arguments: &Arguments<'_>) -> Reply {
        match verb {
            Verb::Stat => self.stat(),
            Verb::List => self.list(arguments),
            Verb::Uidl => self.uidl(world, arguments),
            Verb::Retr => self.retr(world, utf8, arguments),
            Verb::Top => self.top(world, utf8, arguments),
            Verb::Dele => self.dele(arguments),
            Verb::Noop => Reply::ok("Nothing done"),
            Verb::Rset => {
                self.marked.clear();
                Reply::ok("Marks taken back")
            }
            _ => Reply::err("Only before login"),
        }
    }

    /// The indices of marked messages.
    pub(crate) fn marks(&self) -> Vec<usize> {
        (0..self.messages.len()).filter(|&index| self.is_marked(index)).collect()
    }

    /// Whether the message of this index is marked.
    pub(crate) fn is_marked(&self, index: usize) -> bool {
        self.marked.get(index).is_some_and(|marked| *marked)
    }

    /// Marks the message of this index, or takes the mark back.
    pub(crate) fn mark(&mut self, index: usize, marked: bool) {
        self.marked.resize(self.messages.len(), false);
        if let Some(mark) = self.marked.get_mut(index) {
            *mark = marked;
        }
    }

    /// The indices of messages that are not marked.
    pub(crate) fn listed(&self) -> impl Iterator<Item = usize> {
        (0..self.messages.len()).filter(|&index| !self.is_marked(index))
    }

    /// The size that STAT and LIST tell (RFC 1939 section 11).
    pub(crate) fn size(&self, index: usize) -> u64 {
        self.messages.get(index).map_or(0, Message::size)
    }

    fn stat(&self) -> Reply {
        let (mut count, mut octets) = (0u64, 0u64);
        for index in self.listed() {
            count += 1;
            octets = octets.saturating_add(self.size(index));
        }
        Reply::numbers(count, octets)
    }

    fn list(&self, arguments: &Arguments<'_>) -> Reply {
        match arguments.words() {
            [] => self.scan_listing(),
            [number] => match self.find(number) {
                Ok(index) => Reply::numbers(index as u64 + 1, self.size(index)),
                Err(refusal) => refusal,
            },
            _ => Reply::err("LIST takes at most one message number"),
        }
    }

    fn scan_listing(&self) -> Reply {
        let messages = Arc::clone(&self.messages);
        let mut indices = self.listed().collect::<Vec<usize>>().into_iter();
        let next = move |out: &mut Vec<u8>| {
            let Some(index) = indices.next() else { return false };
            decimal(index as u64 + 1, out);
            out.push(b' ');
            decimal(messages.get(index).map_or(0, Message::size), out);
            true
        };
        Reply::ok("Scan listing follows").with(Content::Lines(Box::new(next)))
    }

    fn uidl(&self, world: &World, arguments: &Arguments<'_>) -> Reply {
        match arguments.words() {
            [] => self.unique_id_listing(world),
            [number] => match self.find(number) {
                Ok(index) => {
                    let mut text = Vec::new();
                    self.write_unique_id(world, index, &mut text);
                    Reply::said(text)
                }
                Err(refusal) => refusal,
            },
            _ => Reply::err("UIDL takes at most one message number"),
        }
    }

    fn unique_id_listing(&self, world: &World) -> Reply {
        let (world, owner, messages) = (world.clone(), self.owner, Arc::clone(&self.messages));
        let mut indices = self.listed().collect::<Vec<usize>>().into_iter();
        let next = move |out: &mut Vec<u8>| {
            let Some(index) = indices.next() else { return false };
            write_unique_id(&world, owner, &messages, index, out);
            true
        };
        Reply::ok("Unique-ids follow").with(Content::Lines(Box::new(next)))
    }

    fn write_unique_id(&self, world: &World, index: usize, out: &mut Vec<u8>) {
        write_unique_id(world, self.owner, &self.messages, index, out);
    }

    fn dele(&mut self, arguments: &Arguments<'_>) -> Reply {
        let [number] = arguments.words() else { return Reply::err("DELE takes one message number") };
        match self.find(number) {
            Ok(index) => {
                self.mark(index, true);
                Reply::ok("Marked as deleted")
            }
            Err(refusal) => refusal,
        }
    }

    /// The index of the message that a command may act on, or why there is none.
    pub(super) fn find(&self, word: &[u8]) -> Result<usize, Reply> {
        let Some(number) = proto::number(word) else { return Err(Reply::err("Not a message number")) };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        match index.filter(|&index| index < self.messages.len()) {
            None => Err(Reply::err("No such message")),
            Some(index) if self.is_marked(index) => Err(Reply::err("That message is marked as deleted")),
            Some(index) => Ok(index),
        }
    }
}

/// Appends the number and the unique-id of a message.
fn write_unique_id(world: &World, owner: Owner, messages: &Snapshot, index: usize, out: &mut Vec<u8>) {
    decimal(index as u64 + 1, out);
    out.push(b' ');
    if let Some(message) = messages.get(index) {
        out.extend_from_slice(world.unique_id(owner, message).as_bytes());
    }
}

//! What a session knows of its maildrop: numbers, sizes, unique-ids, and which messages are poplab's own.
//!
//! Bounded three times over, since a server may list without end: in lines and octets of each listing, and in what all
//! listings of a worker keep together ([`Room`]).

use proto::{Deviation, Deviations, listing};

use super::room::Room;

/// Longest line of a listing that is taken in; RFC 1939 section 3 allows 512 octets.
const LINE: usize = 1024;

/// Most messages of a maildrop that are told apart: ten times as many as anybody is known to have.
const MESSAGES: usize = 250_000;

/// Most octets of a listing that are read.
const OCTETS: u64 = 32 * 1024 * 1024;

/// What a message costs: itself, and its places in the lists that find what stands twice.
pub(crate) const ENTRY: usize = size_of::<Message>() + 16;

/// How many messages there is room for at first; it is doubled as often as need be.
const AT_FIRST: usize = 16;

/// A listing larger than this is not kept for another session.
const KEPT: usize = 4096;

/// One message of the maildrop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its number in this session.
    pub number: u32,
    /// Its size by LIST, if that was asked for.
    pub octets: Option<u64>,
    /// A 64-bit hash of its unique-id, if UIDL was asked for.
    pub unique_id: Option<u64>,
    /// Whether it was retrieved in this session and carried poplab's marker.
    pub marked: bool,
    /// Whether a DELE of this session was answered with `+OK`.
    pub(crate) deleted: bool,
    /// Which of the seeded messages it said to be, if it was looked at.
    pub(crate) seeded: Option<u32>,
    /// What tells its marker from others, if it was retrieved; 0 if not.
    pub(crate) mark: u64,
}

/// Whose a message that was retrieved whole turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Not poplab's: it has no marker.
    Foreign,
    /// It has poplab's marker, and another body than the one of which the marker tells.
    Altered,
    /// It has poplab's marker; its body was not compared, since nothing may be deleted in this session.
    Marked,
    /// poplab made it, and its body is as it was made.
    Proven,
}

/// The maildrop as far as a session has looked. Used again by later sessions, so that they need not allocate.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) messages: Vec<Message>,
    /// The owner's name as the seeded mail has it.
    pub(crate) owner: Vec<u8>,
    /// A message that poplab did not make, or that somebody changed, if one was seen.
    foreign: Option<(u32, Origin)>,
    /// A message that was another one when it was retrieved before.
    exchanged: Option<u32>,
    /// How many were proved to be poplab's own.
    proven: usize,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    /// Lines and octets of the listing under way.
    lines: usize,
    octets: u64,
    /// Unique-ids in order, to find one that stands twice.
    sorted: Vec<u64>,
    /// The seeded messages seen so far, in order.
    claimed: Vec<u32>,
    /// Messages marked as deleted, which listings leave out, and the octets of those.
    deleted: usize,
    deleted_octets: u64,
    /// Messages and octets of all when the first was marked, where all sizes were known.
    whole: Option<(u64, u64)>,
    /// The number of the line before, of the listing under way; 0 before the first.
    last: u32,
    /// Whether numbers come from LIST or UIDL before the listing under way.
    known: bool,
    /// Whether LIST was answered whole, and whether UIDL was.
    sized: bool,
    identified: bool,
}

/// What is wrong with a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A line breaks the format.
    Format(Deviations),
    /// LIST and UIDL do not speak of the same messages, or numbers repeat.
    Numbers,
    /// Two messages have the same unique-id.
    Twice,
    /// A message has another size or unique-id than before in the same session.
    Changed,
    /// A message is listed that was marked as deleted.
    Marked,
    /// It has more lines or octets than any maildrop needs.
    TooLong,
    /// All listings of the worker together are more than it has memory for.
    NoRoom,
}

impl Listed {
    /// Forgets everything. False if it has become too large to keep.
    pub(crate) fn clear(&mut self) -> bool {
        let small = self.messages.capacity() <= KEPT && self.partial.capacity() <= LINE * 2;
        self.messages.clear();
        self.owner.clear();
        self.partial.clear();
        self.claimed.clear();
        self.foreign = None;
        self.exchanged = None;
        self.proven = 0;
        self.deleted = 0;
        self.deleted_octets = 0;
        self.whole = None;
        self.last = 0;
        self.known = false;
        self.sized = false;
        self.identified = false;
        small
    }

    /// A listing begins.
    pub(crate) fn start(&mut self) {
        self.partial.clear();
        self.lines = 0;
        self.octets = 0;
        self.last = 0;
        self.known = !self.messages.is_empty();
    }

    /// Octets of memory that it holds.
    pub(crate) fn memory(&self) -> usize {
        self.messages.capacity() * ENTRY
    }

    /// Some of the listing, in any split. What it comes to need is taken from the room.
    pub(crate) fn push(&mut self, octets: &[u8], ids: bool, room: &Room) -> Result<(), Wrong> {
        self.octets += octets.len() as u64;
        if self.octets > OCTETS {
            return Err(Wrong::TooLong);
        }
        let mut rest = octets;
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.partial.is_empty() {
                self.line(line, ids, room)?;
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                let result = self.line(&whole, ids, room);
                whole.clear();
                self.partial = whole;
                result?;
            }
        }
        if self.partial.len() + rest.len() > LINE {
            return Err(Wrong::Format([Deviation::StatusTooLong].into_iter().collect()));
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// The listing has ended: one of unique-ids, or of sizes.
    pub(crate) fn finish(&mut self, ids: bool, distinct_ids: bool) -> Result<(), Wrong> {
        if self.known && self.lines + self.deleted != self.messages.len() {
            return Err(Wrong::Numbers);
        }
        self.sized |= !ids;
        self.identified |= ids;
        if ids && distinct_ids {
            self.sorted.clear();
            self.sorted.extend(self.messages.iter().filter_map(|message| message.unique_id));
            self.sorted.sort_unstable();
            if self.sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Wrong::Twice);
            }
        }
        Ok(())
    }

    /// A message was marked as deleted.
    pub(crate) fn delete(&mut self, number: u32) {
        if self.deleted == 0 {
            self.whole = self.totals();
        }
        if let Some(message) = self.message(number).filter(|message| !message.deleted) {
            message.deleted = true;
            let octets = message.octets.unwrap_or_default();
            self.deleted += 1;
            self.deleted_octets = self.deleted_octets.saturating_add(octets);
        }
    }

    /// No message is marked as deleted any more.
    pub(crate) fn restore(&mut self) {
        self.messages.iter_mut().for_each(|message| message.deleted = false);
        self.deleted = 0;
        self.deleted_octets = 0;
    }

    /// Whether a message is marked as deleted.
    pub(crate) fn has_marks(&self) -> bool {
        self.deleted > 0
    }

    /// Whether this message is marked as deleted.
    pub(crate) fn is_deleted(&self, number: u32) -> bool {
        self.place(number).is_some_and(|place| self.messages[place].deleted)
    }

    /// What STAT must say by LIST: messages and octets. `None` where LIST was not asked for, or messages are marked as
    /// deleted.
    pub(crate) fn totals(&self) -> Option<(u64, u64)> {
        if self.deleted > 0 || !self.sized {
            return None;
        }
        let octets = self.messages.iter().map(|message| message.octets).sum::<Option<u64>>()?;
        Some((self.messages.len() as u64, octets))
    }

    /// What STAT must say by LIST of the messages that are not marked as deleted, and what it says if it counts those
    /// too. `None` where LIST was not asked for. Asked before every DELE, so nothing is added up once something is marked.
    pub(crate) fn left_and_all(&self) -> Option<((u64, u64), (u64, u64))> {
        let whole = if self.deleted > 0 { self.whole } else { self.totals() };
        let (messages, octets) = whole?;
        let left = (messages - self.deleted as u64, octets.saturating_sub(self.deleted_octets));
        Some((left, (messages, octets)))
    }

    /// Whether LIST was answered whole, so that all sizes are known.
    pub(crate) fn sized(&self) -> bool {
        self.sized
    }

    /// Takes the answer for one message: its unique-id, or its size, must be as before.
    pub(crate) fn again(&mut self, number: u32, line: &[u8], ids: bool) -> Result<(), Wrong> {
        let (said, octets, unique_id) = entry(line, ids)?;
        if said == number { self.compare(number, octets, unique_id) } else { Err(Wrong::Changed) }
    }

    /// A message said to be this one of so many (`of`) seeded ones. False if it said otherwise before; or if another one
    /// said so too, and the maildrop holds no more than were seeded, so that none was delivered twice.
    pub(crate) fn claim(&mut self, number: u32, seeded: u32, of: u32) -> bool {
        let more = self.messages.len() as u64 > u64::from(of);
        let Some(message) = self.message(number) else { return true };
        if let Some(before) = message.seeded {
            return before == seeded;
        }
        message.seeded = Some(seeded);
        match self.claimed.binary_search(&seeded) {
            Ok(_) => more,
            Err(place) => {
                self.claimed.insert(place, seeded);
                true
            }
        }
    }

    /// The message of this number.
    pub(crate) fn message(&mut self, number: u32) -> Option<&mut Message> {
        let place = self.place(number)?;
        self.messages.get_mut(place)
    }

    /// Whether there is a message of this number.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.place(number).is_some()
    }

    /// The size of that message by LIST.
    pub(crate) fn octets(&self, number: u32) -> Option<u64> {
        self.messages.get(self.place(number)?)?.octets
    }

    /// Whether every message of the maildrop was proved to be poplab's own; a maildrop never listed is not.
    pub(crate) fn all_proven(&self) -> bool {
        self.foreign.is_none() && !self.messages.is_empty() && self.proven == self.messages.len()
    }

    /// The first message that was seen to be somebody else's, or changed by somebody.
    pub(crate) fn foreign(&self) -> Option<(u32, Origin)> {
        self.foreign
    }

    /// Whether the unique-ids of all messages are known.
    pub(crate) fn identified(&self) -> bool {
        self.identified && !self.messages.is_empty()
    }

    /// A message was retrieved whole; `mark` tells its marker from others.
    pub(crate) fn retrieved(&mut self, number: u32, origin: Origin, mark: u64) {
        if matches!(origin, Origin::Foreign | Origin::Altered) {
            self.foreign.get_or_insert((number, origin));
            return;
        }
        let Some(message) = self.message(number) else { return };
        let (known, before) = (message.marked, message.mark);
        if !known {
            (message.marked, message.mark) = (true, mark);
            self.proven += usize::from(origin == Origin::Proven);
        } else if before != mark {
            self.exchanged.get_or_insert(number);
        }
    }

    /// A message that was another one when it was retrieved once more; or else one with the same marker as another one.
    pub(crate) fn told_twice(&mut self) -> Option<u32> {
        if self.exchanged.is_some() {
            return self.exchanged;
        }
        self.sorted.clear();
        self.sorted.extend(self.messages.iter().map(|message| message.mark));
        self.sorted.sort_unstable();
        let mark = self.sorted.windows(2).find(|pair| pair[0] == pair[1])?[0];
        self.messages.iter().rfind(|message| message.mark == mark).map(|message| message.number)
    }

    fn line(&mut self, line: &[u8], ids: bool, room: &Room) -> Result<(), Wrong> {
        let (number, octets, unique_id) = entry(line.strip_suffix(b"\r").unwrap_or(line), ids)?;
        self.lines += 1;
        if std::mem::replace(&mut self.last, number) >= number {
            return Err(Wrong::Numbers);
        }
        if self.known {
            return self.compare(number, octets, unique_id);
        }
        if self.messages.len() >= MESSAGES {
            return Err(Wrong::TooLong);
        }
        self.grow(room)?;
        self.messages.push(Message {
            number,
            octets,
            unique_id,
            marked: false,
            deleted: false,
            seeded: None,
            mark: 0,
        });
        Ok(())
    }

    /// A message is listed once more: it must be as it was before, and not be marked as deleted.
    fn compare(&mut self, number: u32, octets: Option<u64>, unique_id: Option<u64>) -> Result<(), Wrong> {
        let message = self.message(number).ok_or(Wrong::Numbers)?;
        if message.deleted {
            return Err(Wrong::Marked);
        }
        let (size, id) = (octets.or(message.octets), unique_id.or(message.unique_id));
        let same = message.octets.is_none_or(|before| Some(before) == size)
            && message.unique_id.is_none_or(|before| Some(before) == id);
        if !same {
            return Err(Wrong::Changed);
        }
        (message.octets, message.unique_id) = (size, id);
        Ok(())
    }

    /// Makes place for one more message.
    fn grow(&mut self, room: &Room) -> Result<(), Wrong> {
        let capacity = self.messages.capacity();
        if self.messages.len() < capacity {
            return Ok(());
        }
        let more = capacity.max(AT_FIRST);
        if !room.take(more * ENTRY) {
            return Err(Wrong::NoRoom);
        }
        self.messages.reserve_exact(more);
        // The allocator may have given more than was asked for.
        room.adjust((capacity + more) * ENTRY, self.memory());
        Ok(())
    }

    /// Numbers ascend, and nearly always from 1 without a gap.
    fn place(&self, number: u32) -> Option<usize> {
        let guess = usize::try_from(number).ok()?.checked_sub(1)?;
        match self.messages.get(guess) {
            Some(message) if message.number == number => Some(guess),
            _ => self.messages.binary_search_by_key(&number, |message| message.number).ok(),
        }
    }
}

/// What a line of a listing says: the number, and the size or the unique-id.
fn entry(line: &[u8], ids: bool) -> Result<(u32, Option<u64>, Option<u64>), Wrong> {
    let (number, octets, unique_id) = if ids {
        let (parsed, deviations) = listing::unique_id(line);
        let (number, id) = parsed.filter(|_| deviations.is_empty()).ok_or(Wrong::Format(deviations))?;
        (number, None, Some(hash(id)))
    } else {
        let (parsed, deviations) = listing::scan(line);
        let (number, octets) = parsed.filter(|_| deviations.is_empty()).ok_or(Wrong::Format(deviations))?;
        (number, Some(octets), None)
    };
    Ok((u32::try_from(number).map_err(|_| Wrong::Numbers)?, octets, unique_id))
}

/// FNV-1a, finished with a mixer: 64 bits of a unique-id. Two of a thousand messages are taken for the same once in
/// 10¹³ maildrops.
fn hash(id: &[u8]) -> u64 {
    let hash = id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0x7fb5_d329_728e_a185);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(lists: &[(&[u8], bool)]) -> Result<Listed, Wrong> {
        let (mut listed, room) = (Listed::default(), Room::of(1_000_000));
        for (text, ids) in lists {
            listed.start();
            // One octet at a time is the hardest split.
            for octet in *text {
                listed.push(&[*octet], *ids, &room)?;
            }
            listed.finish(*ids, true)?;
        }
        Ok(listed)
    }

    #[test]
    fn list_and_uidl_come_together() {
        let listed = listed(&[(b"1 120\r\n2 200\r\n", false), (b"1 abc\r\n2 abd\r\n", true)]).unwrap();
        assert_eq!(listed.messages.len(), 2);
        assert_eq!((listed.messages[1].number, listed.messages[1].octets), (2, Some(200)));
        assert_ne!(listed.messages[0].unique_id, listed.messages[1].unique_id);
        assert!(listed.messages[0].unique_id.is_some());
    }

    #[test]
    fn what_is_wrong_is_found() {
        let wrong = |lists: &[(&[u8], bool)]| listed(lists).unwrap_err();
        assert_eq!(wrong(&[(b"1 120\r\n", false), (b"1 a\r\n2 b\r\n", true)]), Wrong::Numbers);
        assert_eq!(wrong(&[(b"1 120\r\n2 3\r\n", false), (b"1 a\r\n", true)]), Wrong::Numbers);
        assert_eq!(wrong(&[(b"2 120\r\n1 3\r\n", false)]), Wrong::Numbers);
        assert_eq!(wrong(&[(b"1 a\r\n2 a\r\n", true)]), Wrong::Twice);
        assert!(matches!(wrong(&[(b"1\r\n", false)]), Wrong::Format(_)));
        assert!(matches!(wrong(&[(&[b'1'; 2000], false)]), Wrong::Format(_)));
    }

    #[test]
    fn only_a_maildrop_seen_whole_is_all_proven() {
        let mut listed = listed(&[(b"1 120\r\n2 200\r\n", false)]).unwrap();
        assert!(!Listed::default().all_proven() && !listed.all_proven());
        listed.retrieved(1, Origin::Proven, 7);
        listed.retrieved(1, Origin::Proven, 7);
        listed.retrieved(3, Origin::Proven, 8);
        assert!(!listed.all_proven());
        listed.retrieved(2, Origin::Proven, 9);
        assert!(listed.all_proven());
        assert_eq!(listed.told_twice(), None);
        listed.retrieved(2, Origin::Foreign, 0);
        assert_eq!((listed.all_proven(), listed.foreign()), (false, Some((2, Origin::Foreign))));
    }

    #[test]
    fn a_marker_alone_proves_nothing() {
        for origin in [Origin::Marked, Origin::Altered, Origin::Foreign] {
            let mut listed = listed(&[(b"1 120\r\n", false)]).unwrap();
            listed.retrieved(1, origin, 7);
            assert!(!listed.all_proven(), "{origin:?}");
        }
    }

    #[test]
    fn one_message_under_two_numbers_and_two_under_one_are_found() {
        let of = |marks: &[(u32, u64)]| {
            let mut listed = listed(&[(b"1 120\r\n2 200\r\n3 7\r\n", false)]).unwrap();
            for (number, mark) in marks {
                listed.retrieved(*number, Origin::Proven, *mark);
            }
            listed.told_twice()
        };
        assert_eq!(of(&[(1, 7), (2, 8), (3, 9)]), None);
        assert_eq!(of(&[(1, 7), (2, 8), (3, 7)]), Some(3));
        assert_eq!(of(&[(1, 7), (2, 8), (3, 9), (2, 6)]), Some(2));
    }

    #[test]
    fn a_maildrop_does_not_change_within_a_session() {
        let wrong = |lists: &[(&[u8], bool)]| listed(lists).unwrap_err();
        assert_eq!(wrong(&[(b"1 a\r\n2 b\r\n", true), (b"1 a\r\n2 c\r\n", true)]), Wrong::Changed);
        assert_eq!(wrong(&[(b"1 9\r\n2 8\r\n", false), (b"1 9\r\n2 9\r\n", false)]), Wrong::Changed);
        assert!(
            listed(&[(b"1 9\r\n", false), (b"1 a\r\n", true), (b"1 9\r\n", false)]).unwrap().identified()
        );
    }

    #[test]
    fn a_listing_without_end_costs_no_more_than_its_room() {
        let endless = |room: &Room, ids: bool, words: &str| {
            let mut listed = Listed::default();
            listed.start();
            let wrong = (1..u64::MAX)
                .find_map(|number| listed.push(format!("{number} {words}\r\n").as_bytes(), ids, room).err());
            (wrong.unwrap(), listed.memory())
        };
        let room = Room::of(usize::MAX);
        let (wrong, memory) = endless(&room, false, "1");
        assert_eq!((wrong, room.taken()), (Wrong::TooLong, memory));
        assert!(memory < 24 * 1024 * 1024, "{memory}");
        assert_eq!(endless(&Room::of(usize::MAX), true, &"x".repeat(70)).0, Wrong::TooLong);
        let room = Room::of(1_000_000);
        let (wrong, memory) = endless(&room, false, "1");
        assert_eq!(wrong, Wrong::NoRoom);
        assert!(memory <= 1_000_000 && room.taken() == memory, "{memory}");
        let long = Listed::default().push(&vec![b'1'; 40_000_000], false, &room);
        assert_eq!(long, Err(Wrong::TooLong));
    }

    #[test]
    fn no_two_messages_are_the_same_seeded_one() {
        let mut listed = listed(&[(b"1 120\r\n2 200\r\n3 10\r\n", false)]).unwrap();
        assert!(listed.claim(1, 7, 3) && listed.claim(2, 5, 3) && listed.claim(1, 7, 3));
        assert!(!listed.claim(2, 6, 3), "it was another one before");
        assert!(listed.claim(9, 1, 3), "of a message that was not listed nothing is known");
        assert!(!listed.claim(3, 7, 3), "message 1 was that already");
        listed.messages[2].seeded = None;
        assert!(listed.claim(3, 7, 2), "there are more than were seeded: it may have come twice");
    }

    #[test]
    fn what_is_deleted_is_left_out_and_totals_are_of_list() {
        let ids_only = listed(&[(b"1 a\r\n", true)]).unwrap();
        assert_eq!(ids_only.totals(), None);
        let mut listed = listed(&[(b"1 120\r\n2 200\r\n", false)]).unwrap();
        assert_eq!(listed.totals(), Some((2, 320)));
        listed.delete(1);
        listed.delete(1);
        assert_eq!((listed.totals(), listed.left_and_all()), (None, Some(((1, 200), (2, 320)))));
        let room = Room::of(1_000_000);
        let again = |listed: &mut Listed, text: &[u8]| {
            listed.start();
            listed.push(text, false, &room)?;
            listed.finish(false, true)
        };
        assert_eq!(again(&mut listed, b"2 200\r\n"), Ok(()));
        assert_eq!(again(&mut listed, b"1 120\r\n"), Err(Wrong::Marked), "as many, but not the same");
        listed.restore();
        assert_eq!(again(&mut listed, b"2 200\r\n"), Err(Wrong::Numbers));
        assert_eq!(again(&mut listed, b"2 200\r\n2 200\r\n"), Err(Wrong::Numbers), "one that stands twice");
        assert_eq!(again(&mut listed, b"1 120\r\n2 200\r\n"), Ok(()));
    }

    #[test]
    fn one_message_is_asked_for_again() {
        let mut listed = listed(&[(b"1 120\r\n2 200\r\n", false), (b"1 a\r\n2 b\r\n", true)]).unwrap();
        assert_eq!(listed.again(2, b"2 b", true), Ok(()));
        assert_eq!(listed.again(2, b"2 200 octets", false), Ok(()));
        for (line, ids) in [(&b"2 c"[..], true), (b"1 a", true), (b"2 201", false)] {
            assert_eq!(listed.again(2, line, ids), Err(Wrong::Changed), "{}", line.escape_ascii());
            assert_eq!(listed.again(2, line, ids), Err(Wrong::Changed), "it is not believed the second time");
        }
        listed.delete(2);
        assert_eq!(listed.again(2, b"2 b", true), Err(Wrong::Marked));
        assert!(matches!(listed.again(1, b"done", true), Err(Wrong::Format(_))));
    }
}

//! What was seen of a maildrop before anything in it is deleted, and what became of it since.
//!
//! A sighting is the permission to delete. It deliberately asks the server nothing ([`super::look`] does), so that what
//! it decides can be tested without one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use mail::Marker;

use super::{FAR, Listing, Means};

/// The trailing line ends that a server may add to a message. One does.
const LINE_ENDS_ADDED: usize = 2;
/// Octets that LIST may count beside those that come, and beside one for each line.
const COUNTED_MORE: usize = 16;

/// One message, retrieved whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its marker.
    pub(crate) marker: Marker,
    /// Its size in octets, as LIST gives it.
    pub(crate) size: u64,
    /// Its unique-id, where the server has UIDL.
    pub(crate) unique_id: Option<Vec<u8>>,
}

/// All messages of a maildrop, by number from 1.
#[derive(Debug)]
pub(crate) struct Sighting {
    messages: BTreeMap<u64, Message>,
    /// How they were looked at, and are looked at again.
    pub(crate) means: Means,
    /// Numbers for which DELE was sent and not taken back: they may be marked.
    sent: BTreeSet<u64>,
    /// Those of them for which it was answered +OK: they are marked.
    agreed: BTreeSet<u64>,
    /// The DELE that are not yet answered.
    unanswered: VecDeque<Option<u64>>,
    /// The arguments of DELE that may leave with the next write.
    ready: BTreeSet<Vec<u8>>,
    /// Whether somebody looked at the maildrop after the last DELE.
    settled: bool,
    /// What no message can be retrieved by, in this session or one before it of the same check.
    refused: RefusedArguments,
}

/// Arguments by which no message could be retrieved, each with whose maildrop it was. A check's sessions share them: where
/// the connection is closed behind a refusal, RETR and DELE with the same wrong argument cannot be said on one connection.
pub(crate) type RefusedArguments = Rc<RefCell<BTreeSet<(String, Vec<u8>)>>>;

impl Message {
    /// The message as it came from the server, if it is poplab's own: it has a marker, and its body is the one that
    /// the marker tells of.
    ///
    /// Line ends do not count: neither of which kind they are, nor one more at the end, which are faults that other
    /// checks find and that make nothing of poplab's somebody else's. Everything else does. Nor need LIST's size be
    /// exact, since servers count differently; but where it is larger than line ends explain, there is text in the
    /// message that was not shown.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn own(octets: &[u8], size: u64, unique_id: Option<Vec<u8>>) -> Result<Self, String> {
        let Some(marker) = Marker::parse(octets) else {
            return Err("does not carry poplab's marker".to_owned());
        };
        let text = mail::lines_to_crlf(octets);
        if mail::body(&text).trim_ascii().is_empty() {
            return Err(format!(
                "carries poplab's marker `{}`, but has no body that could confirm it",
                marker.fixture
            ));
        }
        let mut shorter = &text[..];
        let mut described = marker.describes(shorter);
        for _ in 0..LINE_ENDS_ADDED {
            if let Some(rest) = shorter.strip_suffix(b"\r\n").filter(|_| !described) {
                shorter = rest;
                described = marker.describes(shorter);
            }
        }
        if !described {
            return Err(format!(
                "carries poplab's marker `{}`, but its body is not the one that the marker describes: somebody wrote \
                 it, or the server altered it",
                marker.fixture
            ));
        }
        let lines = octets.split(|octet| *octet == b'\n').count();
        if size > (octets.len() + lines + COUNTED_MORE) as u64 {
            return Err(format!(
                "has {size} octets by LIST, and only {} came: part of it may not have been shown",
                octets.len()
            ));
        }
        Ok(Self { marker, size, unique_id })
    }
}

impl Sighting {
    /// What was seen.
    ///
    /// # Errors
    /// Two numbers show the same message, in words: the server then shows one message for another.
    pub(crate) fn new(messages: BTreeMap<u64, Message>, means: Means) -> Result<Self, String> {
        let mut known: Vec<(u64, &Message)> = Vec::new();
        for (number, message) in &messages {
            // The marker stands for the octets of the body, which were compared with it.
            if let Some((other, _)) = known.iter().find(|(_, other)| other.marker == message.marker) {
                return Err(format!(
                    "messages {other} and {number} show the same marker, `{}`: either they were seeded twice, and then \
                     the maildrop has to be emptied and seeded anew, or the server shows one message for another",
                    message.marker.fixture
                ));
            }
            known.push((*number, message));
        }
        Ok(Self {
            messages,
            means,
            sent: BTreeSet::new(),
            agreed: BTreeSet::new(),
            unanswered: VecDeque::new(),
            ready: BTreeSet::new(),
            settled: true,
            refused: RefusedArguments::default(),
        })
    }

    /// The same with what the check knows of arguments already.
    pub(crate) fn knowing(self, refused: &RefusedArguments) -> Self {
        Self { refused: Rc::clone(refused), ..self }
    }

    /// Whether no message could be retrieved by this argument.
    pub(crate) fn is_refused(&self, user: &str, argument: &[u8]) -> bool {
        self.refused.borrow().contains(&(user.to_owned(), argument.to_vec()))
    }

    /// Notes that no message can be retrieved by this argument.
    pub(crate) fn note_refused(&self, user: &str, argument: &[u8]) {
        self.refused.borrow_mut().insert((user.to_owned(), argument.to_vec()));
    }

    /// The messages by number.
    pub(crate) fn messages(&self) -> &BTreeMap<u64, Message> {
        &self.messages
    }

    /// How many messages there were.
    pub(crate) fn count(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Whether a DELE was sent for this message, so that it may be hidden now.
    pub(crate) fn may_be_marked(&self, number: u64) -> bool {
        self.sent.contains(&number)
    }

    /// Whether a DELE was sent for any message and not taken back.
    pub(crate) fn has_marks(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether the maildrop is still the one that was seen, but for messages that may be marked.
    ///
    /// # Errors
    /// What has changed, in words.
    pub(crate) fn require_unchanged(&self, now: &Listing) -> Result<(), String> {
        self.require_known(now)?;
        let missing = |numbers: BTreeSet<u64>| {
            self.messages
                .keys()
                .find(|number| !numbers.contains(number) && !self.sent.contains(number))
                .copied()
        };
        if now.count + (self.sent.len() as u64) < self.count() {
            return Err(self.changed(&format!("STAT counts {} messages", now.count)));
        }
        if let Some(number) = missing(now.sizes.iter().map(|(number, _)| *number).collect()) {
            return Err(self.changed(&format!("LIST has no message {number}")));
        }
        match &now.unique_ids {
            Some(ids) => match missing(ids.iter().map(|(number, _)| *number).collect()) {
                Some(number) => Err(self.changed(&format!("UIDL has no message {number}"))),
                None => Ok(()),
            },
            None if self.messages.values().any(|message| message.unique_id.is_some()) => {
                Err(self.changed("UIDL is refused"))
            }
            None => Ok(()),
        }
    }

    /// Whether each DELE that was answered +OK took a message out of the maildrop that was seen, and nothing came in.
    /// Otherwise another message is marked than those that are known, and QUIT would remove it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn require_marked(&self, now: &Listing) -> Result<(), String> {
        self.require_known(now)?;
        let marked = self.agreed.len() as u64;
        if now.fewest() + marked > self.count() {
            return Err(format!(
                "DELE was answered +OK for {marked} of {} messages, and {} are still there: which ones are \
                 marked is not known, so nothing is removed",
                self.count(),
                now.fewest()
            ));
        }
        Ok(())
    }

    /// Whether all that is listed was seen, under the same number.
    fn require_known(&self, now: &Listing) -> Result<(), String> {
        if now.count > self.count() {
            return Err(self.changed(&format!("STAT counts {} messages", now.count)));
        }
        let mut numbers = BTreeSet::new();
        for (number, size) in &now.sizes {
            let known = self.messages.get(number).is_some_and(|message| message.size == *size);
            if !known || !numbers.insert(*number) {
                return Err(self.changed(&format!("LIST gives message {number} with {size} octets")));
            }
        }
        numbers.clear();
        for (number, id) in now.unique_ids.iter().flatten() {
            let known =
                self.messages.get(number).is_some_and(|message| message.unique_id.as_ref() == Some(id));
            if !known || !numbers.insert(*number) {
                let id = crate::reply::quote(id);
                return Err(self.changed(&format!("UIDL gives message {number} the unique-id {id}")));
            }
        }
        Ok(())
    }

    fn changed(&self, how: &str) -> String {
        format!(
            "the maildrop has changed since its {} messages were looked at, within one session: {how}; nothing is \
             deleted",
            self.count()
        )
    }

    /// The number in the arguments of a DELE, if it is that of a message, written as such.
    pub(crate) fn number(&self, word: &[u8]) -> Option<u64> {
        let number = proto::number(word)?;
        (self.messages.contains_key(&number) && number.to_string().as_bytes() == word).then_some(number)
    }

    /// The numbers of messages in the arguments of a DELE, if there is nothing else.
    pub(crate) fn targets(&self, arguments: &[u8]) -> Option<Vec<u64>> {
        let words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let numbers: Vec<u64> = words.map(|word| self.number(word)).collect::<Option<_>>()?;
        (!numbers.is_empty()).then_some(numbers)
    }

    /// These arguments of a DELE were looked into, just now; they may leave with the next write.
    pub(crate) fn make_ready(&mut self, arguments: &[&[u8]]) {
        self.ready = arguments.iter().map(|argument| argument.to_vec()).collect();
    }

    /// Whether a DELE with these arguments may leave.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn allows_dele(&self, arguments: &[u8]) -> Result<(), String> {
        let near = |word: &[u8]| {
            let far = |number: u64| number == 0 || number >= FAR || self.messages.contains_key(&number);
            proto::number(word).is_some_and(|number| !far(number))
        };
        if arguments.split(u8::is_ascii_whitespace).any(near) {
            return Err(format!(
                "DELE is sent only for the {} messages that were looked at, and for no number near theirs",
                self.count()
            ));
        }
        if !self.ready.contains(arguments) {
            return Err(
                "DELE is sent only when the maildrop was looked at again immediately before".to_owned()
            );
        }
        Ok(())
    }

    /// Whether QUIT may leave.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn allows_quit(&self) -> Result<(), String> {
        if self.settled && self.unanswered.is_empty() {
            return Ok(());
        }
        Err("QUIT is sent after a DELE only once what was marked has been looked at".to_owned())
    }

    /// Whether a DELE left since the maildrop was last looked at.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The marks were looked at.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
    }

    /// Something leaves, with these arguments of DELE in it.
    pub(super) fn passed(&mut self, deletions: Vec<&[u8]>) {
        self.ready.clear();
        for arguments in deletions {
            let targets = self.targets(arguments).unwrap_or_default();
            self.unanswered.push_back(if let [number] = targets[..] { Some(number) } else { None });
            self.sent.extend(targets);
            self.settled = false;
        }
    }

    /// The oldest DELE that was not answered is answered.
    pub(crate) fn answered(&mut self, agreed: bool) {
        if let Some(Some(number)) = self.unanswered.pop_front()
            && agreed
        {
            self.agreed.insert(number);
        }
    }

    /// RSET was answered +OK.
    pub(crate) fn unmarked(&mut self) {
        self.sent.clear();
        self.agreed.clear();
        self.settled = true;
    }

    /// A maildrop of marked messages, for tests.
    #[cfg(test)]
    pub(crate) fn of_marked(count: u64) -> Self {
        let message = |number: u64| Message {
            marker: Marker::new(format!("m-{number}"), 1, b"x"),
            size: 10 * number,
            unique_id: Some(number.to_string().into_bytes()),
        };
        let messages = (1..=count).map(|number| (number, message(number))).collect();
        Self::new(messages, Means::default()).expect("no two are alike")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> Vec<u8> {
        mail::ordinary(1, 7, 600)
    }

    fn own(octets: &[u8]) -> Result<Message, String> {
        Message::own(octets, octets.len() as u64, None)
    }

    #[test]
    fn a_message_is_own_by_its_body() {
        let text = String::from_utf8(fixture()).unwrap();
        assert!(own(text.as_bytes()).is_ok());
        assert!(own(text.replace("\r\n", "\n").as_bytes()).is_ok(), "bare LF is another fault");
        assert!(own(format!("{text}\r\n").as_bytes()).is_ok(), "one line end more is another fault");
        assert!(own(format!("Received: from x\r\n{text}").as_bytes()).is_ok());
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for edited in [
            format!("{head}\r\n\r\nDear friend,\r\n"),
            format!("{head}\r\n\r\n{body}Dear friend,\r\n"),
            format!("{head}\r\n\r\nDear friend,\r\n{body}"),
            text.to_uppercase().replace("X-POPLAB-FIXTURE", "X-Poplab-Fixture"),
        ] {
            assert!(own(edited.as_bytes()).is_err(), "{edited}");
        }
        let empty = Marker::new("fx.emptybody", 1, b"");
        let letter = format!("{}: {empty}\r\nSubject: all I have to say\r\n\r\n", Marker::HEADER);
        assert!(own(letter.as_bytes()).unwrap_err().contains("no body that could confirm it"));
    }

    #[test]
    fn two_numbers_with_one_message_are_no_sighting() {
        let message = own(&fixture()).unwrap();
        let twice = BTreeMap::from([(1, message.clone()), (2, message)]);
        let told = Sighting::new(twice, Means::default()).unwrap_err();
        assert!(told.starts_with("messages 1 and 2 show the same marker, `ordinary-7`"), "{told}");
    }

    fn listing(numbers: &[u64]) -> Listing {
        Listing {
            count: numbers.len() as u64,
            sizes: numbers.iter().map(|number| (*number, 10 * number)).collect(),
            unique_ids: Some(
                numbers.iter().map(|number| (*number, number.to_string().into_bytes())).collect(),
            ),
        }
    }

    #[test]
    fn what_moves_between_look_and_dele_is_noticed() {
        let sighting = Sighting::of_marked(3);
        assert_eq!(sighting.require_unchanged(&listing(&[1, 2, 3])), Ok(()));
        let good = listing(&[1, 2, 3]);
        let other_id = vec![(1, b"x".to_vec()), (2, b"2".to_vec()), (3, b"3".to_vec())];
        for changed in [
            listing(&[1, 2]),
            listing(&[1, 2, 3, 4]),
            Listing { count: 4, ..good.clone() },
            Listing { count: 2, ..good.clone() },
            Listing { sizes: vec![(1, 11), (2, 20), (3, 30)], ..good.clone() },
            Listing { sizes: vec![(1, 10), (1, 10), (2, 20), (3, 30)], ..good.clone() },
            Listing { unique_ids: Some(other_id), ..good.clone() },
            Listing { unique_ids: None, ..good },
        ] {
            assert!(sighting.require_unchanged(&changed).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn what_may_be_marked_may_be_there_or_not_and_nothing_else_may_be_missing() {
        let mut sighting = Sighting::of_marked(3);
        sighting.passed(vec![b"2"]);
        sighting.answered(true);
        assert_eq!(sighting.require_unchanged(&listing(&[1, 3])), Ok(()));
        assert_eq!(sighting.require_unchanged(&listing(&[1, 2, 3])), Ok(()));
        assert!(sighting.require_unchanged(&listing(&[2, 3])).is_err());
        sighting.unmarked();
        assert!(sighting.require_unchanged(&listing(&[1, 3])).is_err(), "RSET brings it back");
    }

    #[test]
    fn a_mark_that_hides_nothing_known_has_hit_something_unknown() {
        let mut sighting = Sighting::of_marked(3);
        sighting.passed(vec![b"1"]);
        sighting.answered(true);
        assert!(!sighting.is_settled() && sighting.has_marks() && sighting.allows_quit().is_err());
        assert!(sighting.require_marked(&listing(&[1, 2, 3])).is_err());
        assert_eq!(sighting.require_marked(&listing(&[2, 3])), Ok(()));
        assert_eq!(sighting.require_marked(&Listing { count: 2, ..listing(&[1, 2, 3]) }), Ok(()));
        assert_eq!(
            sighting.require_marked(&listing(&[2])),
            Ok(()),
            "own mail that is lost is for the checks"
        );
    }
}

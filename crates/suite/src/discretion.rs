//! Which mail may be seen in transcripts and verdicts: that which poplab made. Of anybody else's only the octets are
//! counted, unless the user said that it may be shown ([`MailShown`]).
//!
//! In accounts for testing the marker tells, and the first octets of a message wait until its header has it. In an account
//! of somebody's own nothing is shown, since a message that they wrote over a fixture keeps the marker. Content that is
//! not known to be a listing is taken for mail. This module deliberately decides nothing about deleting.

use mail::Marker;
use proto::Verb;

use crate::site::MailShown;

/// Octets that wait for a marker at most.
const WAITING_AT_MOST: usize = 32 * 1024;

/// The discretion of one connection.
#[derive(Default)]
pub(crate) struct Discretion {
    shown: MailShown,
    /// The content that comes is a listing, or something else that is no mail.
    listing: bool,
    mail: Mail,
    /// Mail that is not shown came on this connection, or may come: a line that is no reply may be a part of it.
    private: bool,
    /// The content that ended last was not shown.
    last: bool,
}

/// The message that is coming.
#[derive(Default)]
enum Mail {
    /// None is.
    #[default]
    No,
    /// One is, and it is not known whose: what came of it, and the octets it came as.
    Unknown { text: Vec<u8>, raw: Vec<u8> },
    /// It may be shown.
    Open,
    /// It may not; so many octets of it came.
    Private(usize),
}

impl Discretion {
    pub(crate) fn new(shown: MailShown) -> Self {
        Self { shown, ..Self::default() }
    }

    /// The content that comes next answers this command; `None` if that is not known.
    pub(crate) fn content_of(&mut self, verb: Option<Verb>) {
        self.listing = verb.is_some_and(|verb| !matches!(verb, Verb::Retr | Verb::Top));
    }

    /// These lines are sent. What of a message that is coming may be shown before them.
    pub(crate) fn sends(&mut self, lines: &[u8]) -> Vec<u8> {
        let asks = |line: &[u8]| [&b"RETR"[..], b"TOP "].iter().any(|verb| begins(line, verb));
        let mail = lines.split(|octet| *octet == b'\n').any(asks);
        self.private |= self.shown == MailShown::None && mail;
        self.settle()
    }

    /// Whether a line that is no content may be shown: near somebody's mail one that is no reply may be a part of it.
    pub(crate) fn may_show_line(&self, line: &[u8]) -> bool {
        let mail = matches!(self.mail, Mail::Unknown { .. } | Mail::Private(_));
        !mail && (!self.private || begins(line, b"+OK") || begins(line, b"-ERR"))
    }

    /// Content came, un-stuffed and as it was on the wire. What of the wire may be shown now.
    pub(crate) fn content(&mut self, text: &[u8], octets: &[u8]) -> Vec<u8> {
        if matches!(self.mail, Mail::No) {
            if self.listing {
                return octets.to_vec();
            }
            self.mail = match self.shown {
                MailShown::All => Mail::Open,
                MailShown::Marked => Mail::Unknown { text: Vec::new(), raw: Vec::new() },
                MailShown::None => Mail::Private(0),
            };
        }
        match &mut self.mail {
            Mail::No | Mail::Open => octets.to_vec(),
            Mail::Private(count) => {
                *count += octets.len();
                self.private = true;
                Vec::new()
            }
            Mail::Unknown { text: known, raw } => {
                known.extend_from_slice(text);
                raw.extend_from_slice(octets);
                let line_ended = text.contains(&b'\n');
                if known.len() > WAITING_AT_MOST || (line_ended && Marker::parse(known).is_some()) {
                    self.settle()
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// The content has ended, or the connection has. What of it may be shown at last, and how many octets were not.
    pub(crate) fn end(&mut self) -> (Vec<u8>, usize) {
        let shown = self.settle();
        let hidden = match std::mem::take(&mut self.mail) {
            Mail::Private(count) => count,
            _ => 0,
        };
        self.last = hidden > 0;
        (shown, hidden)
    }

    /// Whether the content that ended last was not shown.
    pub(crate) fn last_was_private(&self) -> bool {
        self.last
    }

    /// Decides about a message by what came of it.
    fn settle(&mut self) -> Vec<u8> {
        let Mail::Unknown { text, raw } = &mut self.mail else { return Vec::new() };
        let raw = std::mem::take(raw);
        // One fixture has no header, and is known by its body.
        if Marker::parse(text).is_some() || mail::is_own(text) {
            self.mail = Mail::Open;
            return raw;
        }
        self.private = true;
        self.mail = Mail::Private(raw.len());
        Vec::new()
    }
}

fn begins(line: &[u8], word: &[u8]) -> bool {
    line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &[u8] = b"Subject: precious\r\n\r\nDear Ann,\r\n";

    /// What is shown of a message that comes in two pieces, and how much is not.
    fn shown(shown: MailShown, verb: Option<Verb>, message: &[u8]) -> (Vec<u8>, usize) {
        let mut discretion = Discretion::new(shown);
        discretion.content_of(verb);
        let (front, back) = message.split_at(message.len() / 2);
        let mut all = [discretion.content(front, front), discretion.content(back, back)].concat();
        let (rest, hidden) = discretion.end();
        all.extend(rest);
        (all, hidden)
    }

    #[test]
    fn what_is_marked_is_shown_and_only_octets_of_the_rest() {
        let fixtures = mail::maildrop(mail::Role::Fixtures, 1, 1);
        for (name, fixture) in fixtures.iter().filter(|(name, _)| name != "fx.large") {
            assert_eq!(shown(MailShown::Marked, Some(Verb::Retr), fixture), (fixture.clone(), 0), "{name}");
            assert_eq!(shown(MailShown::None, Some(Verb::Retr), fixture), (Vec::new(), fixture.len()));
        }
        for verb in [Some(Verb::Top), None] {
            for mode in [MailShown::None, MailShown::Marked] {
                assert_eq!(shown(mode, verb, LETTER), (Vec::new(), LETTER.len()));
            }
            assert_eq!(shown(MailShown::All, verb, LETTER), (LETTER.to_vec(), 0));
        }
        assert_eq!(shown(MailShown::None, Some(Verb::List), b"1 100\r\n"), (b"1 100\r\n".to_vec(), 0));
    }

    #[test]
    fn behind_mail_that_is_not_shown_only_replies_are() {
        let mut discretion = Discretion::new(MailShown::None);
        assert!(discretion.may_show_line(b"a second line of the greeting"));
        discretion.sends(b"STAT\r\nretr 1\r\n");
        assert!(!discretion.may_show_line(b"the precious letter"));
        assert!(!discretion.may_show_line(b"-- "));
        assert!(discretion.may_show_line(b"+OK 300 octets") && discretion.may_show_line(b"-ERR no"));
        discretion.content(LETTER, LETTER);
        assert!(!discretion.may_show_line(b"+OK, let us meet"));
    }

    #[test]
    fn no_message_waits_without_end() {
        let mut discretion = Discretion::new(MailShown::Marked);
        let line = b"X: y\r\n".repeat(1000);
        for _ in 0..1000 {
            assert!(discretion.content(&line, &line).is_empty());
        }
        assert_eq!(discretion.end(), (Vec::new(), 6_000_000));
        assert!(discretion.last_was_private());
    }
}

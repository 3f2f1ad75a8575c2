//! What a server answers, as a value: a status line, perhaps content behind it, and what happens then.
//!
//! How a reply looks on the wire is in [`output`], how content is stuffed and ended in [`content`]. Deliberately no idea
//! of why something is answered.

mod content;
mod delivery;
mod output;

use std::borrow::Cow;

use machine::IdentityId;

pub(crate) use content::{Content, Message, Octets};
pub(crate) use delivery::{Event, Interruption, Place, wait};
pub(crate) use output::{Output, decimal};

/// A reply.
pub(crate) struct Reply {
    pub(crate) status: Status,
    /// The response code, without its brackets (RFC 2449 section 8).
    pub(crate) code: Option<&'static str>,
    pub(crate) text: Text,
    /// What follows the status line.
    pub(crate) content: Option<Box<Content>>,
    /// What happens to the connection once all of it is sent.
    pub(crate) then: Then,
    /// What happens to octets that have already arrived behind the command.
    pub(crate) pending: Pending,
    /// What happens in the middle of it.
    pub(crate) interruptions: Vec<Interruption>,
    /// The names of the faults that act on it.
    pub(crate) faults: Vec<String>,
}

/// How a status line begins.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// `+OK`
    Ok,
    /// `-ERR`
    Err,
    /// `+`, a challenge (RFC 5034 section 4).
    Challenge,
    /// Not at all: the text is everything that is sent, line ends included.
    Verbatim,
}

/// The text of a status line.
pub(crate) enum Text {
    /// Words.
    Fixed(&'static str),
    /// Two numbers and a space between them: drop listings and scan listings.
    Numbers(u64, u64),
    /// Anything else.
    Made(Vec<u8>),
}

/// What happens to the connection after a reply.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next command is read.
    GoOn,
    /// The TLS handshake (RFC 2595 section 4), with this identity.
    StartTls(IdentityId),
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
}

/// What happens to octets that have already arrived.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// They are the next commands; before a handshake they are the driver's to throw away.
    Kept,
    /// They are lost.
    Lost,
    /// They are kept over the handshake, as if they had come within TLS.
    Carried,
}

impl Reply {
    fn new(status: Status, text: Text) -> Reply {
        Reply {
            status,
            code: None,
            text,
            content: None,
            then: Then::GoOn,
            pending: Pending::Kept,
            interruptions: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// `+OK` and these words.
    pub(crate) fn ok(text: &'static str) -> Reply {
        Reply::new(Status::Ok, Text::Fixed(text))
    }

    /// `-ERR` and these words.
    pub(crate) fn err(text: &'static str) -> Reply {
        Reply::new(Status::Err, Text::Fixed(text))
    }

    /// `-ERR` with a response code.
    pub(crate) fn coded(code: &'static str, text: &'static str) -> Reply {
        Reply { code: Some(code), ..Reply::err(text) }
    }

    /// `+OK` and two numbers.
    pub(crate) fn numbers(first: u64, second: u64) -> Reply {
        Reply::new(Status::Ok, Text::Numbers(first, second))
    }

    /// `+OK` and a text that is made for this reply.
    pub(crate) fn said(text: impl Into<Vec<u8>>) -> Reply {
        Reply::new(Status::Ok, Text::Made(text.into()))
    }

    /// A challenge: base64 or what stands in its place.
    pub(crate) fn challenge(text: impl Into<Vec<u8>>) -> Reply {
        Reply::new(Status::Challenge, Text::Made(text.into()))
    }

    /// These octets and nothing else.
    pub(crate) fn verbatim(octets: impl Into<Vec<u8>>) -> Reply {
        Reply::new(Status::Verbatim, Text::Made(octets.into()))
    }

    /// No reply at all.
    pub(crate) fn nothing() -> Reply {
        Reply::verbatim(Vec::new())
    }

    /// With content behind the status line.
    pub(crate) fn with(self, content: Content) -> Reply {
        Reply { content: Some(Box::new(content)), ..self }
    }

    /// With another end than that the next command is read.
    pub(crate) fn then(self, then: Then) -> Reply {
        Reply { then, ..self }
    }

    /// Whether it begins with `+OK`.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// Whether it begins with `-ERR`.
    pub(crate) fn is_err(&self) -> bool {
        self.status == Status::Err
    }

    /// The text of the status line as octets.
    pub(crate) fn text(&self) -> Cow<'_, [u8]> {
        match &self.text {
            Text::Fixed(text) => Cow::Borrowed(text.as_bytes()),
            Text::Made(text) => Cow::Borrowed(text),
            Text::Numbers(first, second) => Cow::Owned(format!("{first} {second}").into_bytes()),
        }
    }

    /// The status line with its line end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        output::status_line(self, &mut line);
        line
    }
}

/// Changes to replies that have been made: for what stands between the server and the wire.
impl Reply {
    /// Another text, with the same beginning, code and content.
    pub(crate) fn reword(&mut self, text: impl Into<Vec<u8>>) {
        self.text = Text::Made(text.into());
    }

    /// These octets in the place of the status line, its line end included; content stays.
    pub(crate) fn respell(&mut self, line: impl Into<Vec<u8>>) {
        (self.status, self.code, self.text) = (Status::Verbatim, None, Text::Made(line.into()));
    }

    /// More octets before everything.
    pub(crate) fn prepend(&mut self, octets: &[u8]) {
        self.respell([octets, &self.line()].concat());
    }

    /// More octets behind everything.
    pub(crate) fn append(&mut self, octets: &[u8]) {
        match self.content.take() {
            Some(content) => {
                self.content =
                    Some(Box::new(Content::Verbatim([&content.on_the_wire()[..], octets].concat())));
            }
            None => self.respell([&self.line()[..], octets].concat()),
        }
    }

    /// Another form of a listing's lines, which are counted from 0. Whatever is no listing stays.
    pub(crate) fn map_lines(&mut self, mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8>) {
        self.replace_lines(move |number, line| vec![change(number, line)]);
    }

    /// Other lines, or none, in the place of each of a listing's lines.
    pub(crate) fn replace_lines(&mut self, mut change: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>>) {
        let Some(Content::Lines(lines)) = self.content.as_deref_mut() else { return };
        let (mut all, mut number) = (Vec::new(), 0);
        loop {
            let mut line = Vec::new();
            if !lines(&mut line) {
                break;
            }
            all.extend(change(number, line));
            number += 1;
        }
        self.content = Some(Box::new(Content::lines(all)));
    }

    /// Other octets in the place of the message or the top that is sent.
    pub(crate) fn map_message(&mut self, change: impl FnOnce(&[u8]) -> Vec<u8>) {
        if let Some(Content::Message(message)) = self.content.as_deref() {
            let octets = change(message.octets());
            self.content = Some(Box::new(Content::Message(Message::whole(Octets::Made(octets)))));
        }
    }

    /// Another form on the wire, stuffing and last line included, of the message or the top that is sent.
    pub(crate) fn write_message(&mut self, write: impl FnOnce(&[u8]) -> Vec<u8>) {
        if let Some(Content::Message(message)) = self.content.as_deref() {
            self.content = Some(Box::new(Content::Verbatim(write(message.octets()))));
        }
    }
}

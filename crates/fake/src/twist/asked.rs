//! What a client asks, as octets that can be changed.

use proto::{Command, Incoming, Verb};

use crate::reply::Reply;
use crate::server::Session;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing was asked: this is the greeting.
    Nothing,
    /// A command line without its line end.
    Command(Vec<u8>),
    /// A line of a SASL exchange without its line end.
    Response(Vec<u8>),
    /// More than a line may have.
    TooLong,
}

impl From<&Incoming<'_>> for Asked {
    fn from(incoming: &Incoming<'_>) -> Asked {
        match incoming {
            Incoming::Command(command) => Asked::Command(command.line.to_vec()),
            Incoming::Response(line) => Asked::Response(line.to_vec()),
            Incoming::TooLong => Asked::TooLong,
        }
    }
}

impl Asked {
    /// The server's answer.
    pub(crate) fn answer(&self, session: &mut Session) -> Reply {
        match self {
            Asked::Nothing => session.greeting(),
            Asked::Command(line) => session.answer(&Incoming::Command(Command::parse(line))),
            Asked::Response(line) => session.answer(&Incoming::Response(line)),
            Asked::TooLong => session.answer(&Incoming::TooLong),
        }
    }

    /// The line of a command; empty for anything else.
    pub(crate) fn line(&self) -> &[u8] {
        match self {
            Asked::Command(line) => line,
            _ => b"",
        }
    }

    /// The line of a response.
    pub(crate) fn response(&self) -> Option<&[u8]> {
        match self {
            Asked::Response(line) => Some(line),
            _ => None,
        }
    }

    /// The keyword as sent.
    pub(crate) fn keyword(&self) -> &[u8] {
        Command::parse(self.line()).keyword
    }

    /// The keyword, if it is one.
    pub(crate) fn verb(&self) -> Option<Verb> {
        Command::parse(self.line()).verb
    }

    /// Whether it is this command.
    pub(crate) fn is(&self, verb: Verb) -> bool {
        self.verb() == Some(verb)
    }

    /// Whether it is this command without any argument.
    pub(crate) fn is_bare(&self, verb: Verb) -> bool {
        self.is(verb) && !Command::parse(self.line()).has_arguments
    }

    /// Everything behind the first space.
    pub(crate) fn arguments(&self) -> &[u8] {
        Command::parse(self.line()).arguments
    }

    /// A word behind the keyword, counted from 0; words are parted by one space.
    pub(crate) fn word(&self, number: usize) -> Option<&[u8]> {
        let command = Command::parse(self.line());
        command.has_arguments.then(|| command.arguments.split(|&octet| octet == b' ').nth(number)).flatten()
    }

    /// The first word, if it is a number.
    pub(crate) fn number(&self) -> Option<u64> {
        self.word(0).and_then(proto::number)
    }

    /// Asks for this instead.
    pub(crate) fn replace(&mut self, line: impl Into<Vec<u8>>) {
        *self = Asked::Command(line.into());
    }

    /// Puts another word in the place of one.
    pub(crate) fn set_word(&mut self, number: usize, word: &[u8]) {
        let mut words: Vec<&[u8]> = self.arguments().split(|&octet| octet == b' ').collect();
        if let Some(place) = words.get_mut(number) {
            *place = word;
        }
        let line = [self.keyword(), b" ", &words.join(&b' ')].concat();
        self.replace(line);
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;
    use proto::Verb;

    #[test]
    fn words_can_be_read_and_exchanged() {
        let mut asked = Asked::Command(b"top 1 20".to_vec());
        assert!(asked.is(Verb::Top) && !asked.is_bare(Verb::Top));
        assert_eq!((asked.number(), asked.word(1), asked.word(2)), (Some(1), Some(&b"20"[..]), None));
        asked.set_word(0, b"7");
        assert_eq!(asked.line(), b"top 7 20");
        let bare = Asked::Command(b"STAT".to_vec());
        assert!(bare.is_bare(Verb::Stat) && bare.word(0).is_none());
        assert_eq!((Asked::TooLong.verb(), Asked::Response(b"STAT".to_vec()).verb()), (None, None));
    }
}

//! What follows a keyword (RFC 1939 section 3): words with exactly one space between them.

use proto::{Command, Verb};

/// The first words of a line, more than any command takes: kept in place, since every command has its own.
#[derive(Default)]
pub(super) struct Arguments<'a> {
    words: [&'a [u8]; 4],
    count: usize,
}

impl<'a> Arguments<'a> {
    /// The arguments of a command; `None` if they are not well formed.
    pub(super) fn of(verb: Verb, command: &Command<'a>) -> Option<Arguments<'a>> {
        let mut arguments = Arguments::default();
        if verb == Verb::Pass {
            // The only argument that may hold spaces, also several in a row (RFC 1939 section 7).
            if !command.arguments.is_empty() {
                arguments.push(command.arguments);
            }
            return Some(arguments);
        }
        if command.has_arguments {
            for word in command.arguments.split(|&octet| octet == b' ') {
                if word.is_empty() || word.iter().any(u8::is_ascii_control) {
                    return None;
                }
                arguments.push(word);
            }
        }
        Some(arguments)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, to be matched.
    pub(super) fn words(&self) -> &[&'a [u8]] {
        self.words.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, word: &'a [u8]) {
        if let Some(place) = self.words.get_mut(self.count) {
            *place = word;
            self.count += 1;
        }
    }
}

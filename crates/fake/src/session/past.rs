//! What a session remembers of its own past, for the sake of defects that show only in certain circumstances.
//!
//! The correct server decides nothing by it.

use proto::{Command, Verb};

use super::Arguments;

/// Memory of a session on one channel.
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts, not a state")]
#[derive(Default)]
pub(super) struct Past {
    /// Commands before the present one.
    pub(super) lines: u32,
    /// Commands since login before the present one, STAT not counted.
    pub(super) deeds: u32,
    /// How often the present command was said right before, with or without another number.
    pub(super) repeated: u32,
    /// The present keyword was in upper case.
    pub(super) upper_case: bool,
    /// Whether the present command was answered with `+OK`.
    pub(super) agreed: bool,
    /// The session went through STLS.
    pub(super) upgraded: bool,
    /// Some USER was given.
    pub(super) named: bool,
    /// A password, a digest or an AUTH was wrong.
    pub(super) failed: Failed,
    /// An unknown name was given.
    pub(super) spoilt: bool,
    /// A login was refused for the lock.
    pub(super) found_busy: bool,
    /// The login was by AUTH.
    pub(super) by_auth: bool,
    /// The message just retrieved was large.
    pub(super) large: bool,
    /// How many messages were retrieved.
    pub(super) retrievals: u32,
    /// How many large messages were retrieved.
    pub(super) large_transfers: u32,
    /// How often LIST was given a number.
    pub(super) listed_one: u32,
    previous: Option<Previous>,
}

/// Which ways of logging in have failed.
#[derive(Default)]
pub(super) struct Failed {
    pub(super) pass: bool,
    pub(super) apop: bool,
    pub(super) auth: bool,
}

/// The command before.
#[derive(Clone, Copy)]
pub(super) struct Previous {
    verb: Option<Verb>,
    number: Option<u64>,
    agreed: bool,
    repeated: u32,
}

impl Past {
    /// Whether the command before was this one with this number.
    pub(super) fn was(&self, verb: Verb, number: Option<u64>) -> bool {
        self.previous.is_some_and(|previous| previous.verb == Some(verb) && previous.number == number)
    }

    /// The number of the command before, if it was this one.
    pub(super) fn number_of(&self, verb: Verb) -> Option<u64> {
        self.previous.filter(|previous| previous.verb == Some(verb)).and_then(|previous| previous.number)
    }

    /// Whether nothing was said since login, or ever.
    pub(super) fn is_fresh(&self) -> bool {
        self.previous.is_none()
    }

    /// Whether the command before was answered with `+OK`.
    pub(super) fn previous_agreed(&self) -> bool {
        self.previous.is_some_and(|previous| previous.agreed)
    }

    /// Whether the command before was this one, without a number, twice or more.
    pub(super) fn was_repeatedly(&self, verb: Verb) -> bool {
        self.was(verb, None) && self.previous.is_some_and(|previous| previous.repeated > 0)
    }

    /// A command begins.
    pub(super) fn begin(&mut self, command: &Command<'_>, verb: Option<Verb>, arguments: &Arguments<'_>) {
        self.agreed = false;
        self.upper_case = command.keyword.iter().all(u8::is_ascii_uppercase);
        let same = self.previous.is_some_and(|previous| {
            previous.verb == verb && previous.number.is_some() == arguments.number().is_some()
        });
        self.repeated = if same { self.repeated + 1 } else { 0 };
    }

    /// The command is done.
    pub(super) fn note(&mut self, verb: Option<Verb>, arguments: &Arguments<'_>) {
        self.lines = self.lines.saturating_add(1);
        if verb != Some(Verb::Stat) {
            self.deeds = self.deeds.saturating_add(1);
        }
        self.previous =
            Some(Previous { verb, number: arguments.number(), agreed: self.agreed, repeated: self.repeated });
    }

    /// A login succeeded.
    pub(super) fn logged_in(&mut self) {
        self.deeds = 0;
        self.previous = None;
    }
}

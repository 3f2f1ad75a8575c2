//! One client's session: which command is valid when, and what is said in reply.
//!
//! The states of RFC 1939 are here as data: before login there is no [`Transaction`], during AUTH there is an
//! [`Exchange`], after QUIT the connection is to be closed. What each command does is in the modules below. Text is
//! constant and never repeats what the client sent, so nothing can be reflected.

mod authorization;
mod capabilities;
mod exchange;
mod language;
mod past;
mod retrieval;
mod transaction;
mod update;

use proto::{Command, Incoming, Verb, encode};

use crate::transfer::{Output, decimal};
use crate::{Channel, Defect, Defects, World};
use exchange::Exchange;
use past::Past;
use transaction::Transaction;

/// What comes after the output.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Go,
    StartTls,
    Close,
    Reset,
}

/// A session. It is driven by lines and knows nothing of how they arrive.
pub(crate) struct Session {
    world: World,
    defects: Defects,
    number: u64,
    channel: Channel,
    /// What is to be written.
    pub(crate) output: Output,
    /// What is to be done then.
    pub(crate) after: After,
    /// What arrived behind the present command is to be thrown away. A defect.
    pub(crate) loses_input: bool,
    /// Something has already arrived behind the present command.
    more: bool,
    refusals: u8,
    name: Option<Vec<u8>>,
    utf8: bool,
    exchanges: u32,
    exchange: Option<Box<Exchange>>,
    transaction: Option<Transaction>,
    past: Past,
}

impl Session {
    /// A new session, its greeting ready.
    pub(crate) fn begin(world: World, number: u64, channel: Channel) -> Session {
        let defects = world.defects();
        let mut session = Session {
            world,
            defects,
            number,
            channel,
            output: Output::default(),
            after: After::Go,
            loses_input: false,
            more: false,
            refusals: 0,
            name: None,
            utf8: false,
            exchanges: 0,
            exchange: None,
            transaction: None,
            past: Past::default(),
        };
        session.greet();
        session
    }

    /// The server's world.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The number of the connection.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the next line is a response and not a command.
    pub(crate) fn awaits_response(&self) -> bool {
        self.exchange.is_some()
    }

    /// Acts on a line. `more` tells that further octets have already arrived.
    pub(crate) fn handle(&mut self, incoming: &Incoming<'_>, more: bool) {
        self.more = more;
        match incoming {
            Incoming::Command(command) => self.command(command),
            Incoming::Response(line) => self.response(line),
            Incoming::TooLong => self.too_long(),
        }
    }

    /// TLS is active now. Everything said before it is forgotten (RFC 2595 section 4).
    pub(crate) fn restart_in_tls(&mut self) {
        let world = self.world.clone();
        self.release_name();
        self.release_lock();
        let (number, exchanges) = (self.number, self.exchanges);
        *self = Session { exchanges, ..Session::begin(world, number, Channel::Tls) };
        self.output.discard();
        self.past.upgraded = true;
    }

    /// Whether this server has the defect.
    pub(crate) fn broken(&self, defect: Defect) -> bool {
        self.defects.contains(defect)
    }

    fn command(&mut self, command: &Command<'_>) {
        self.say_held_back(command);
        let verb = self.recognise(command);
        let arguments = match verb {
            // The only argument that may hold spaces, also several in a row.
            Some(Verb::Pass) => Arguments::whole(command.arguments),
            Some(Verb::Auth) if self.broken(Defect::AuthTrims) => {
                Arguments::words(Some(command.arguments.trim_ascii_end()))
            }
            _ => Arguments::words(command.has_arguments.then_some(command.arguments)),
        };
        self.past.begin(command, verb, &arguments);
        let logged_in = self.transaction.is_some();
        match verb {
            Some(verb) if arguments.well_formed => self.obey(verb, &arguments),
            Some(_) => self.err("Malformed arguments"),
            None => self.unknown(command),
        }
        if logged_in || self.transaction.is_none() {
            self.past.note(verb, &arguments);
        }
    }

    fn recognise(&self, command: &Command<'_>) -> Option<Verb> {
        let keyword = command.keyword;
        if self.broken(Defect::CaseSensitive) && keyword.iter().any(u8::is_ascii_lowercase) {
            return None;
        }
        if self.broken(Defect::PrefixMatch) && keyword.len() > 4 {
            return Verb::parse(&keyword[..4]);
        }
        command.verb
    }

    fn obey(&mut self, verb: Verb, arguments: &Arguments<'_>) {
        let takes_none = matches!(
            verb,
            Verb::Stat | Verb::Noop | Verb::Rset | Verb::Quit | Verb::Capa | Verb::Stls | Verb::Utf8
        );
        if takes_none && !arguments.words.is_empty() {
            return self.err("This command takes no argument");
        }
        match verb {
            Verb::Quit => self.quit(),
            Verb::Capa => self.capa(),
            Verb::Lang => self.lang(arguments),
            _ => match self.transaction.take() {
                // Taken out while it is worked on, so that the rest of the session can be used meanwhile.
                Some(mut transaction) => {
                    self.transact(&mut transaction, verb, arguments);
                    self.transaction = Some(transaction);
                }
                None => self.authorize(verb, arguments),
            },
        }
    }

    fn unknown(&mut self, command: &Command<'_>) {
        let keyword = command.keyword.to_ascii_uppercase();
        if self.broken(Defect::EmptyLineIgnored) && command.line.is_empty() {
            return;
        }
        if self.broken(Defect::UnknownOk) && self.transaction.is_none() && keyword.starts_with(b"X") {
            return self.ok("Extension noted");
        }
        if self.broken(Defect::XtndOk) && self.transaction.is_some() && keyword == b"XTND" {
            return self.ok("Extended");
        }
        if self.broken(Defect::RespEmptyLevel) {
            return self.err("[X-POPLAB/] Unknown command");
        }
        self.err("Unknown command");
    }

    fn too_long(&mut self) {
        if self.exchange.take().is_some() {
            return self.err("Response too long");
        }
        if self.broken(Defect::StatusTooLong) {
            return self.err(&format!("Line too long: {:x<579}", ""));
        }
        self.err("Line too long");
    }

    /// Lines that defects send before the answer to this command instead of earlier: in a narrow place, since a
    /// surplus line puts everything after it out of step.
    fn say_held_back(&mut self, command: &Command<'_>) {
        let first = self.past.lines == 0;
        let unknown = self.recognise(command).is_none() && !command.line.is_empty();
        if self.broken(Defect::GreetingTwoLines) && first && unknown && !self.past.upgraded {
            self.ok("This is a laboratory");
        }
        if self.broken(Defect::StlsSecondGreeting) && first && unknown && self.past.upgraded {
            self.ok("POP3 server ready, now with TLS");
        }
        let after_first_retrieval = self.past.was(Verb::Retr, Some(1)) && self.past.previous_agreed();
        if self.broken(Defect::RetrSurplusLine) && after_first_retrieval && command.verb == Some(Verb::Noop) {
            encode::line(self.output.lines(), b"");
        }
        if self.broken(Defect::SplitsLongCommands) && command.line.len() > 198 {
            self.err("Unknown command");
        }
    }

    fn greet(&mut self) {
        if self.broken(Defect::GreetingDropped) && self.number.is_multiple_of(10) {
            self.after = After::Close;
            return;
        }
        let altered =
            [Defect::ApopTwoTimestamps, Defect::ApopFixed, Defect::GreetingGlued, Defect::GreetingTooLong];
        if !altered.iter().any(|&defect| self.broken(defect)) {
            let key = self.material("greeting", 0);
            let (number, host, lines) =
                (self.number, self.world.configuration().host.as_bytes(), self.output.lines());
            lines.extend_from_slice(b"+OK poplab POP3 server ready <");
            lines.extend_from_slice(key.as_bytes());
            lines.push(b'.');
            decimal(number, lines);
            lines.push(b'@');
            lines.extend_from_slice(host);
            lines.extend_from_slice(b">\r\n");
            self.past.agreed = true;
            return;
        }
        let mut timestamp = self.timestamp();
        if self.broken(Defect::ApopTwoTimestamps) {
            timestamp.push_str(" <1896.697170952@dbc.mtview.ca.us>");
        }
        if self.broken(Defect::GreetingGlued) {
            let line = format!("+OK: poplab POP3 server ready {timestamp}");
            return encode::line(self.output.lines(), line.as_bytes());
        }
        if self.broken(Defect::GreetingTooLong) {
            return self.ok(&format!("{:x<500} poplab POP3 server ready {timestamp:>68}", ""));
        }
        self.ok(&format!("poplab POP3 server ready {timestamp}"));
    }

    /// The timestamp of the greeting (RFC 1939 section 7, APOP).
    fn timestamp(&self) -> String {
        let host = &self.world.configuration().host;
        if self.broken(Defect::ApopFixed) {
            return format!("<1896.697170952@{host}>");
        }
        format!("<{}.{}@{host}>", self.material("greeting", 0), self.number)
    }

    /// What takes the place of chance: it follows from seed, connection, purpose and count.
    fn material(&self, purpose: &str, count: u32) -> String {
        let seed = self.world.configuration().seed;
        let mut text = Vec::with_capacity(96);
        text.extend_from_slice(b"poplab fake ");
        decimal(seed, &mut text);
        text.push(b' ');
        decimal(self.number, &mut text);
        text.push(b' ');
        text.extend_from_slice(purpose.as_bytes());
        text.push(b' ');
        decimal(count.into(), &mut text);
        let mut digest = mail::digest(&text);
        digest.truncate(16);
        digest
    }

    fn ok(&mut self, text: &str) {
        self.past.agreed = true;
        encode::ok(self.output.lines(), text.as_bytes());
    }

    /// As [`Session::ok`] with two numbers.
    fn ok_numbers(&mut self, first: u64, second: u64) {
        self.past.agreed = true;
        let lines = self.output.lines();
        lines.extend_from_slice(b"+OK ");
        decimal(first, lines);
        lines.push(b' ');
        decimal(second, lines);
        lines.extend_from_slice(b"\r\n");
    }

    fn err(&mut self, text: &str) {
        encode::err(self.output.lines(), text.as_bytes());
        self.refusals = self.refusals.saturating_add(1);
        if self.world.configuration().policy.refusals.is_some_and(|patience| self.refusals >= patience) {
            self.after = After::Close;
        }
    }
}

/// What follows a keyword.
struct Arguments<'a> {
    words: Words<'a>,
    well_formed: bool,
}

/// The first words of a line, more than any command takes: kept in place, since every command has its own.
#[derive(Default)]
struct Words<'a> {
    words: [&'a [u8]; 4],
    count: usize,
}

impl<'a> Arguments<'a> {
    /// Words with exactly one space between them (RFC 1939 section 3) and no control characters.
    fn words(arguments: Option<&'a [u8]>) -> Arguments<'a> {
        let (mut words, mut well_formed) = (Words::default(), true);
        for word in arguments.into_iter().flat_map(|text| text.split(|&octet| octet == b' ')) {
            well_formed &= !word.is_empty() && !word.iter().any(u8::is_ascii_control);
            words.push(word);
        }
        Arguments { words, well_formed }
    }

    /// One argument, whatever is in it; none if it is empty.
    fn whole(arguments: &'a [u8]) -> Arguments<'a> {
        let mut words = Words::default();
        if !arguments.is_empty() {
            words.push(arguments);
        }
        Arguments { words, well_formed: true }
    }

    /// The first argument, if it is a number.
    fn number(&self) -> Option<u64> {
        self.words.first().and_then(|word| proto::number(word))
    }
}

impl<'a> Words<'a> {
    fn push(&mut self, word: &'a [u8]) {
        if let Some(place) = self.words.get_mut(self.count) {
            *place = word;
            self.count += 1;
        }
    }
}

impl<'a> std::ops::Deref for Words<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &[&'a [u8]] {
        &self.words[..self.count]
    }
}

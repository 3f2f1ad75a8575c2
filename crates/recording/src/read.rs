//! Reads a recording. It may be somebody else's, or cut off in the middle of its last line.

use std::collections::BTreeMap;
use std::fmt;

use crate::line::Line;
use crate::{Channel, FORMAT};

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The server, as it was named.
    pub upstream: String,
    /// In the order in which the clients connected.
    pub sessions: Vec<Session>,
    /// There was more than there was room for.
    pub is_full: bool,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Counted from 1.
    pub number: u32,
    /// How it began.
    pub channel: Channel,
    /// What was said; the first is the greeting, which answers nothing.
    pub exchanges: Vec<Exchange>,
    /// How it ended; nothing if the recording ended before.
    pub ended: Option<String>,
}

/// A command, or a line of a SASL exchange, and its reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The line without secrets; empty for the greeting.
    pub command: String,
    /// The reply, as it was sent but for secrets; empty if there was none.
    pub reply: Vec<u8>,
    /// TLS began behind it.
    pub is_secured: bool,
}

/// Why a text is no recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.what)
    }
}

impl Recording {
    /// Reads the lines of a recording. A last line without its end, as a process that was killed leaves it, is left out.
    ///
    /// # Errors
    /// A line is none of a recording, or does not fit those before it.
    pub fn parse(text: &str) -> Result<Recording, Problem> {
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let mut reader = Reader::default();
        for (index, line) in whole.lines().enumerate() {
            let problem = |what: String| Problem { line: index + 1, what };
            let line: Line = serde_json::from_str(line)
                .map_err(|error| problem(format!("it is no line of a recording ({error})")))?;
            reader.take(index == 0, line).map_err(problem)?;
        }
        if reader.is_begun {
            Ok(reader.recording)
        } else {
            Err(Problem { line: 1, what: "it is empty, and no recording".to_owned() })
        }
    }
}

#[derive(Default)]
struct Reader {
    recording: Recording,
    is_begun: bool,
    /// Where each session is.
    places: BTreeMap<u32, usize>,
}

impl Reader {
    fn take(&mut self, is_first: bool, line: Line) -> Result<(), String> {
        match line {
            Line::Recording { format, .. } if format != FORMAT => {
                return Err(format!("its format is {format}, and this poplab reads format {FORMAT}"));
            }
            Line::Recording { upstream, .. } if is_first => {
                self.recording.upstream = upstream;
                self.is_begun = true;
            }
            _ if !self.is_begun => return Err("it does not begin as a recording".to_owned()),
            Line::Recording { .. } => return Err("a second recording begins here".to_owned()),
            Line::Full {} => self.recording.is_full = true,
            Line::Opened { session, channel } => {
                let place = self.recording.sessions.len();
                if self.places.insert(session, place).is_some() {
                    return Err(format!("session {session} begins a second time"));
                }
                let exchanges = vec![Exchange::default()];
                self.recording.sessions.push(Session { number: session, channel, exchanges, ended: None });
            }
            Line::Said { session, line } => {
                let exchange = Exchange { command: line, ..Exchange::default() };
                self.session(session)?.exchanges.push(exchange);
            }
            Line::Reply { session, number, text, base64 } => {
                let octets = match (text, base64) {
                    (Some(text), None) => text.into_bytes(),
                    (None, Some(text)) => {
                        sasl::base64::decode(&text).map_err(|error| format!("its base64 is none: {error}"))?
                    }
                    _ => return Err("a reply has `text` or `base64`".to_owned()),
                };
                self.exchange(session, number)?.reply.extend(octets);
            }
            Line::Secured { session, number } => self.exchange(session, number)?.is_secured = true,
            Line::Ended { session, how } => self.session(session)?.ended = Some(how),
        }
        Ok(())
    }

    fn session(&mut self, number: u32) -> Result<&mut Session, String> {
        let place = self.places.get(&number).copied();
        place
            .and_then(|place| self.recording.sessions.get_mut(place))
            .ok_or_else(|| format!("session {number} has not begun"))
    }

    fn exchange(&mut self, session: u32, number: u64) -> Result<&mut Exchange, String> {
        let exchanges = &mut self.session(session)?.exchanges;
        usize::try_from(number)
            .ok()
            .and_then(|place| exchanges.get_mut(place))
            .ok_or_else(|| format!("session {session} has no line of the client for its reply {number}"))
    }
}

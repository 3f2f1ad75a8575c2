//! What the relay asks about a session: it knows STLS and commands with passwords, and has everything written down.

use std::collections::VecDeque;

use machine::Channel;
use net::{Act, Ending, Event, Side, Tap};
use observer::{Heard, Log, Observer};
use proto::{Command, Verb};
use recording::Scribe;

use super::keeper::Keeper;

/// A line is waited for up to so many octets; what is longer passes in pieces.
const LINE: usize = 8192;

/// How a session is passed on.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// How the client is connected.
    pub(super) channel: Channel,
    /// Poplab itself asks the server for STLS, before the client hears anything.
    pub(super) upgrades: bool,
    /// A password may go to the server in the clear.
    pub(super) password_in_clear: bool,
}

/// Follows one session.
pub(super) struct Watcher {
    keeper: Keeper,
    manner: Manner,
    ear: Ear,
    secured: Secured,
    client_ended: bool,
    /// Replies that are due, the greeting among them.
    due: usize,
    /// A line of the client has passed in part.
    mid_line: bool,
    stls: Stls,
    /// What is to be done next, whoever said something.
    next: VecDeque<Act>,
    how_ended: Option<String>,
}

/// Which sides have TLS.
#[derive(Clone, Copy, Default)]
struct Secured {
    client: bool,
    upstream: bool,
}

/// Who hears what is said.
enum Ear {
    /// It is written down.
    Scribe(Box<Scribe>),
    /// There is no room to write it down.
    Only(Box<(Observer, Log)>),
    /// There is nothing to follow any more.
    Deaf,
}

/// How far STLS has come.
#[derive(Debug, PartialEq, Eq)]
enum Stls {
    /// Nobody has asked for it.
    None,
    /// The client asks for it, and nothing of it passes until that is answered.
    Asked,
    /// It was accepted, and handshakes go on with so many sides.
    Begins(u8),
    /// Poplab asks for it as soon as the server greets.
    Greeting,
    /// Poplab has asked; the greeting that the client is to get.
    Upgrading(Vec<u8>),
    /// The server has accepted, and its handshake goes on.
    Upgraded(Vec<u8>),
}

impl Watcher {
    pub(super) fn new(keeper: Keeper, manner: Manner) -> Self {
        let channel = match manner.channel {
            Channel::Clear => recording::Channel::Clear,
            Channel::Tls => recording::Channel::Tls,
        };
        let ear = keeper.open(channel).map_or_else(
            || {
                let mut log = Log::new("", None, []);
                log.open("connect").map_or(Ear::Deaf, |observer| Ear::Only(Box::new((observer, log))))
            },
            |scribe| Ear::Scribe(Box::new(scribe)),
        );
        Self {
            ear,
            secured: Secured::default(),
            client_ended: false,
            due: 1,
            mid_line: false,
            stls: if manner.upgrades { Stls::Greeting } else { Stls::None },
            next: VecDeque::new(),
            how_ended: None,
            keeper,
            manner,
        }
    }

    fn hear_client(&mut self, octets: &[u8]) {
        let heard = match &mut self.ear {
            Ear::Scribe(scribe) => self.keeper.write(|log, out| scribe.client(octets, log, out)),
            Ear::Only(both) => both.0.client(octets, &mut both.1),
            Ear::Deaf => Vec::new(),
        };
        self.due += heard.iter().filter(|heard| matches!(heard, Heard::Command(_) | Heard::TooLong)).count();
    }

    /// Gives the octets that stand behind an accepted STLS, if there was one.
    fn hear_server(&mut self, octets: &[u8]) -> Option<usize> {
        let heard = match &mut self.ear {
            Ear::Scribe(scribe) => self.keeper.write(|log, out| scribe.server(octets, log, out)),
            Ear::Only(both) => both.0.server(octets, &mut both.1),
            Ear::Deaf => Vec::new(),
        };
        let answers = heard.iter().filter(|heard| matches!(heard, Heard::Answer { .. })).count();
        self.due = self.due.saturating_sub(answers);
        heard.iter().find_map(|heard| match heard {
            Heard::Tls { behind } => Some(*behind),
            _ => None,
        })
    }

    fn restart(&mut self) {
        match &mut self.ear {
            Ear::Scribe(scribe) => self.keeper.write(|log, out| scribe.secured(log, out)),
            Ear::Only(both) => both.0.secured(&mut both.1),
            Ear::Deaf => {}
        }
    }

    fn write_note(&self, text: &str) {
        if let Ear::Scribe(scribe) = &self.ear {
            self.keeper.write(|log, _| scribe.note(text, log));
        }
    }

    fn client(&mut self, octets: &[u8]) -> Act {
        if self.stls != Stls::None || octets.is_empty() {
            return Act::Hold;
        }
        let end = octets.iter().position(|octet| *octet == b'\n').map(|end| end + 1);
        let is_whole = end.is_some() || octets.len() >= LINE || self.client_ended || self.mid_line;
        let count = end.unwrap_or(octets.len());
        let Some(line) = octets.get(..count).filter(|_| is_whole) else { return Act::Hold };
        let command = Command::parse(line.trim_ascii_end());
        let begins = !std::mem::replace(&mut self.mid_line, end.is_none());
        match command.verb.filter(|_| begins) {
            Some(Verb::Stls) if !self.secured.client => return self.client_wants_tls(line),
            Some(Verb::Pass | Verb::Apop | Verb::Auth)
                if !self.secured.upstream && !self.manner.password_in_clear =>
            {
                return self.keep_back(command.keyword, count);
            }
            _ => {}
        }
        self.hear_client(line);
        Act::Pass(count)
    }

    /// The client says STLS.
    fn client_wants_tls(&mut self, line: &[u8]) -> Act {
        if self.secured.upstream && self.due > 0 {
            // What the server has yet to say comes before what poplab says.
            self.mid_line = false;
            return Act::Hold;
        }
        self.hear_client(line);
        if !self.secured.upstream {
            self.stls = Stls::Asked;
            return Act::Pass(line.len());
        }
        // The server has TLS already and would refuse another one.
        let reply = b"+OK begin TLS (with poplab; the server has it already)\r\n";
        self.hear_server(reply);
        self.stls = Stls::Begins(1);
        self.next.push_back(Act::Say(Side::Client, reply.to_vec()));
        self.next.push_back(Act::Secure { client: true, upstream: false });
        Act::Take(line.len())
    }

    /// A password that would go in the clear to another host.
    fn keep_back(&mut self, keyword: &[u8], count: usize) -> Act {
        let keyword = keyword.escape_ascii().to_string().to_ascii_uppercase();
        self.write_note(&format!(
            "{keyword} is not passed on: the connection to the server is not encrypted"
        ));
        self.keeper.refused(
            "a password was not passed on in the clear; let poplab ask for TLS (--tls starttls, or the port for \
             implicit TLS), or allow it with --tls none",
        );
        let reply =
            b"-ERR poplab passes no password on in the clear: see --tls of poplab record\r\n".to_vec();
        self.next.push_back(Act::Say(Side::Client, reply));
        self.next.push_back(Act::End);
        Act::Take(count)
    }

    fn upstream(&mut self, octets: &[u8]) -> Act {
        match &mut self.stls {
            Stls::Greeting => {
                let Some(line) = whole_line(octets) else { return Act::Hold };
                if !line.starts_with(b"+OK") {
                    self.stls = Stls::None;
                    return Act::Hold;
                }
                self.stls = Stls::Upgrading(line.to_vec());
                self.next.push_back(Act::Say(Side::Upstream, b"STLS\r\n".to_vec()));
                return Act::Take(line.len());
            }
            Stls::Upgrading(greeting) => {
                let Some(line) = whole_line(octets) else { return Act::Hold };
                let count = line.len();
                if line.starts_with(b"+OK") {
                    self.stls = Stls::Upgraded(std::mem::take(greeting));
                    self.next.push_back(Act::Secure { client: false, upstream: true });
                } else {
                    self.keeper.refused("the server refused STLS, which poplab asked it for");
                    self.write_note("the server refused STLS, which poplab asked it for");
                    let reply = b"-ERR the server refused STLS\r\n".to_vec();
                    self.next.push_back(Act::Say(Side::Client, reply));
                    self.next.push_back(Act::End);
                }
                return Act::Take(count);
            }
            Stls::Begins(_) | Stls::Upgraded(_) => return Act::Hold,
            Stls::None | Stls::Asked => {}
        }
        if octets.is_empty() {
            return Act::Hold;
        }
        self.keeper.reached(Ok(()));
        let Some(behind) = self.hear_server(octets) else {
            if self.due == 0 && self.stls == Stls::Asked {
                self.stls = Stls::None;
            }
            return Act::Pass(octets.len());
        };
        // What stands behind was said in the clear and is thrown away.
        let client = !self.secured.client;
        self.stls = Stls::Begins(1 + u8::from(client));
        self.next.push_back(Act::Secure { client, upstream: true });
        Act::Pass(octets.len() - behind)
    }

    /// A handshake has been made.
    fn note_secured(&mut self, side: Side) {
        match side {
            Side::Client => self.secured.client = true,
            Side::Upstream => self.secured.upstream = true,
        }
        match std::mem::replace(&mut self.stls, Stls::None) {
            Stls::Begins(2) => self.stls = Stls::Begins(1),
            Stls::Begins(_) => self.restart(),
            Stls::Upgraded(greeting) => {
                self.write_note("TLS with the server, for which poplab asked");
                self.hear_server(&greeting);
                self.keeper.reached(Ok(()));
                self.next.push_back(Act::Say(Side::Client, greeting));
            }
            before => self.stls = before,
        }
    }
}

impl Tap for Watcher {
    fn next(&mut self, from: Side, octets: &[u8]) -> Act {
        if let Some(act) = self.next.pop_front() {
            return act;
        }
        match from {
            Side::Client => self.client(octets),
            Side::Upstream => self.upstream(octets),
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Secured(side) => self.note_secured(side),
            Event::ThrownAway(side, count) => {
                let who = name(side);
                self.write_note(&format!(
                    "{count} octets of the {who} were thrown away, which it said too early"
                ));
            }
            Event::Ended(side, ending) => {
                self.client_ended |= side == Side::Client;
                let how = match ending {
                    Ending::Fin => "FIN",
                    Ending::TlsClose => "close_notify",
                    Ending::Reset => "RST",
                    Ending::Truncated => "no close_notify",
                };
                // The first is who ended it; the other only follows.
                self.how_ended.get_or_insert_with(|| format!("closed by {}, {how}", name(side)));
            }
            Event::Failed(side, reason) => {
                self.how_ended
                    .get_or_insert_with(|| format!("the connection with the {}: {reason}", name(side)));
            }
            Event::TimedOut(reason) => self.how_ended = Some(reason.to_owned()),
        }
    }

    fn unreachable(&mut self, reason: &str) -> Vec<u8> {
        self.keeper.reached(Err(reason));
        self.how_ended = Some(format!("the server could not be reached: {reason}"));
        b"-ERR [SYS/TEMP] poplab cannot reach the server\r\n".to_vec()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Ear::Scribe(scribe) = std::mem::replace(&mut self.ear, Ear::Deaf) {
            let how = self.how_ended.take().unwrap_or_else(|| "ended by poplab".to_owned());
            self.keeper.write(|log, out| scribe.end(&how, log, out));
        }
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Upstream => "server",
    }
}

/// The first line, if it is whole or too long to be one.
fn whole_line(octets: &[u8]) -> Option<&[u8]> {
    let end = octets.iter().position(|octet| *octet == b'\n').map(|end| end + 1);
    let end = end.or((octets.len() >= LINE).then_some(octets.len()))?;
    octets.get(..end)
}

//! The octets of one connection: in through proto's client machine, out through the guards, all into the journal.
//!
//! Every octet a check sends leaves through [`Wire::write`], and there alone is it decided whether it may: for the sake
//! of passwords ([`crate::credentials`]) and of mail ([`crate::deletion`]). What an item means to a command is [`crate::session`]'s matter.

use std::rc::Rc;
use std::time::Duration;

use net::{Ending, Stream};
use proto::{Client, Deviation, Deviations, Event, Indicator, Limits};
use tokio::time::{Instant, timeout, timeout_at};

use crate::client_hello;
use crate::credentials::Credentials;
use crate::deletion::{self, Permission, Reading};
use crate::discretion::Discretion;
use crate::journal::Journal;
use crate::outcome::Mishap;
use crate::reproduce::{End, Step};
use crate::silence::Silences;

/// How much is read at once.
pub(crate) const READ_PIECE: usize = 64 * 1024;

/// See [`Wire::quiet`]: while nothing better is known of the server.
const QUIET: Duration = Duration::from_secs(1);

/// Why QUIT is not sent yet.
const QUIT_PUT_OFF: &str = "QUIT leaves the maildrop locked here (rfc1939.quit.lock-released), so it is sent only when the other checks are done";

/// One connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct Wire {
    pub(crate) number: u32,
    pub(crate) stream: Option<Stream>,
    pub(crate) machine: Client,
    /// What was read, and how much of it was looked at.
    unread: Vec<u8>,
    used: usize,
    /// Octets that were looked at in all.
    pub(crate) taken: u64,
    /// What comes is counted, and not put down in the journal.
    pub(crate) off_the_record: bool,
    /// How long nothing must come behind a dot line that ended with LF alone, for it to be the end.
    pub(crate) quiet: Duration,
    pub(crate) silences: Rc<Silences>,
    pub(crate) journal: Journal,
    pub(crate) permission: Permission,
    /// Whether passwords may go over it.
    pub(crate) credentials: Credentials,
    /// Whose mail is put down.
    pub(crate) discretion: Discretion,
    /// The unfinished line sent so far: a guarded command may come in pieces.
    pub(crate) unfinished: Vec<u8>,
    pub(crate) purpose: Purpose,
    /// Records of TLS have come where nobody reads them.
    opaque: bool,
    identified: bool,
    reading: Reading,
    /// QUIT leaves a maildrop locked here, and others need it: it is not sent yet.
    pub(crate) stays: bool,
    /// CAPA was seen to work.
    pub(crate) knows_capa: bool,
}

/// What octets are sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They are part of what a check does.
    Check,
    /// Mail is looked at before it may be deleted.
    Look,
}

/// One thing the server said, with octets of its own.
pub(crate) enum Item {
    /// A status line.
    Status { line: Vec<u8>, indicator: Indicator, deviations: Deviations, content_follows: bool },
    /// A SASL continuation.
    Continuation { line: Vec<u8>, deviations: Deviations },
    /// A piece of content.
    Content(Vec<u8>),
    /// The dot line.
    End(Deviations),
    /// A line nothing asked for.
    Unsolicited(Vec<u8>),
    /// A line without end.
    Endless,
}

/// Why nothing came.
pub(crate) enum Quiet {
    /// In time.
    Silent,
    /// And nothing will: how the connection ended.
    Closed(String),
}

impl Wire {
    /// A fresh connection, awaiting the greeting, over which no password goes in cleartext. `retrieval_deletes` makes RETR
    /// as dangerous as DELE.
    pub(crate) fn new(stream: Stream, number: u32, journal: Journal, retrieval_deletes: bool) -> Self {
        Self {
            number,
            stream: Some(stream),
            machine: Client::new(Limits::default()),
            unread: Vec::new(),
            used: 0,
            taken: 0,
            off_the_record: false,
            quiet: QUIET,
            silences: Rc::default(),
            journal,
            permission: Permission::None,
            credentials: Credentials::default(),
            discretion: Discretion::default(),
            unfinished: Vec::new(),
            purpose: Purpose::Check,
            opaque: false,
            identified: false,
            reading: Reading::new(retrieval_deletes),
            stays: false,
            knows_capa: false,
        }
    }

    /// Whether a password may be sent here as things are.
    pub(crate) fn may_carry_credentials(&self) -> bool {
        self.credentials.may_go(self.is_protected())
    }

    fn is_protected(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.tls().is_some())
    }

    /// Whether QUIT could remove what was read here.
    pub(crate) fn quit_may_remove(&self) -> bool {
        self.reading.quit_may_remove()
    }

    /// Writes octets, if the guards let them pass.
    pub(crate) async fn write(&mut self, octets: &[u8], patience: Duration) -> Result<(), Mishap> {
        let mut lines = self.unfinished.clone();
        lines.extend_from_slice(octets);
        let identified = self.identified || deletion::names_someone(&lines);
        if self.stays && identified && deletion::leaves(&lines) {
            return Err(Mishap::PutOff(QUIT_PUT_OFF.to_owned()));
        }
        let (is_protected, journal) = (self.is_protected(), &self.journal);
        self.credentials
            .guard(&lines, is_protected, |lines| journal.holds_secret(lines))
            .map_err(Mishap::Guarded)?;
        deletion::guard(&lines, identified, &mut self.permission, &mut self.reading)
            .map_err(Mishap::Guarded)?;
        self.identified = identified;
        self.unfinished = lines.rsplit(|octet| *octet == b'\n').next().unwrap_or_default().to_vec();
        let command = String::from_utf8_lossy(octets.get(..4).unwrap_or(octets)).into_owned();
        let shown = self.discretion.sends(&lines);
        self.put_down_content(&shown);
        let Some(stream) = self.stream.as_mut() else {
            return Err(Mishap::Closed { command, how: "already closed".to_owned(), refused: false });
        };
        self.journal.sent(self.number, octets);
        match timeout(patience, stream.write_all(octets)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Mishap::Closed { command, how: error.to_string(), refused: false }),
            Err(_) => Err(Mishap::TimedOut { command, probe: None }),
        }
    }

    /// The next thing the server says, if it begins in this time.
    pub(crate) async fn item(&mut self, wait: Duration) -> Result<Item, Quiet> {
        self.item_until(Instant::now() + wait).await
    }

    /// The same, until a moment.
    pub(crate) async fn item_until(&mut self, deadline: Instant) -> Result<Item, Quiet> {
        loop {
            let step = self.machine.step(&self.unread[self.used..]);
            let (consumed, item) = (step.consumed, step.event.map(Item::of));
            self.consume(consumed, item.as_ref());
            if let Some(item) = item {
                return Ok(item);
            }
            // A machine that was broken by a line without end swallows the rest of it, which is nothing to wait for.
            if consumed > 0 {
                return Err(Quiet::Silent);
            }
            if !self.machine.may_have_ended(self.unread()) {
                let filled = self.fill(deadline).await;
                if matches!(filled, Err(Quiet::Silent)) {
                    self.journal.happened(self.number, Step::Silence);
                }
                filled?;
                continue;
            }
            let quiet = self.silences.behind_dot_line(self.quiet);
            let more = self.fill(deadline.min(Instant::now() + quiet)).await;
            self.silences.dot_line_was_end(more.is_err());
            match more {
                Ok(()) => {}
                // Nor does more come where the connection has ended; that is for who asks next.
                Err(Quiet::Silent | Quiet::Closed(_)) => return Ok(self.end_at_line_feed()),
            }
        }
    }

    /// What was read and not looked at.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread[self.used..]
    }

    /// Octets as they come, where no line of POP3 is due: the answer to a handshake that is none.
    pub(crate) async fn octets(&mut self, deadline: Instant) -> Result<Vec<u8>, Quiet> {
        if self.unread().is_empty() {
            self.fill(deadline).await?;
        }
        let octets = self.unread().to_vec();
        // What is random or encrypted tells nobody anything.
        let begins = client_hello::is_opaque(&octets);
        if begins && !self.opaque {
            self.journal.note(self.number, "server sends records of TLS");
        }
        self.opaque |= begins;
        if !self.opaque {
            self.put_down_rest(&octets);
        }
        self.used += octets.len();
        self.taken += octets.len() as u64;
        Ok(octets)
    }

    /// Content whose dot line ended with LF alone, and nothing came behind it.
    fn end_at_line_feed(&mut self) -> Item {
        let mut deviations = self.machine.leave_content().unwrap_or_default();
        deviations.insert(Deviation::DotLineBareLf);
        let end = Item::End(deviations);
        self.consume(self.unread().len(), Some(&end));
        end
    }

    fn consume(&mut self, octets: usize, item: Option<&Item>) {
        match item {
            Some(Item::Status { .. }) => self.credentials.answered(false),
            Some(Item::Continuation { .. }) => self.credentials.answered(true),
            _ => {}
        }
        let taken = self.unread[self.used..self.used + octets].to_vec();
        self.put_down(item, &taken);
        self.used += octets;
        self.taken += octets as u64;
    }

    /// Puts down what came, as far as it may be seen.
    fn put_down(&mut self, item: Option<&Item>, octets: &[u8]) {
        if !matches!(item, None | Some(Item::Content(_))) {
            self.end_mail();
        }
        match item {
            Some(Item::Content(text)) => {
                self.journal.received_content(self.number, octets.len() as u64, false);
                let shown = self.discretion.content(text, octets);
                self.put_down_content(&shown);
            }
            Some(Item::End(_)) => {
                self.journal.received_content(self.number, octets.len() as u64, true);
                self.put_down_content(octets);
            }
            Some(_) if self.discretion.may_show_line(octets) => {
                self.journal.received_line(self.number, octets);
            }
            Some(_) => self.journal.received_unshown_line(self.number, octets.len()),
            None => self.put_down_rest(octets),
        }
    }

    fn put_down_content(&self, octets: &[u8]) {
        if !self.off_the_record {
            self.journal.content(self.number, octets);
        }
    }

    /// Puts down octets that are nothing whole.
    fn put_down_rest(&self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        if self.discretion.may_show_line(octets) {
            self.journal.received(self.number, octets);
        } else {
            self.journal.unshown_content(self.number, octets.len());
        }
    }

    /// A message has ended, or what will come of it.
    fn end_mail(&mut self) {
        let (shown, hidden) = self.discretion.end();
        self.put_down_content(&shown);
        if hidden > 0 {
            self.journal.unshown_content(self.number, hidden);
        }
    }

    /// Reads on. At a moment that has passed nothing is read, however much has come.
    async fn fill(&mut self, deadline: Instant) -> Result<(), Quiet> {
        let Some(stream) = self.stream.as_mut() else {
            return Err(Quiet::Closed("already closed".to_owned()));
        };
        if Instant::now() >= deadline {
            return Err(Quiet::Silent);
        }
        self.unread.drain(..self.used);
        self.used = 0;
        let kept = self.unread.len();
        self.unread.resize(kept + READ_PIECE, 0);
        let result = timeout_at(deadline, stream.read(&mut self.unread[kept..])).await;
        let got = match &result {
            Ok(Ok(octets)) => *octets,
            _ => 0,
        };
        self.unread.truncate(kept + got);
        match result {
            Err(_) => Err(Quiet::Silent),
            Ok(Ok(octets)) if octets > 0 => Ok(()),
            Ok(_) => {
                let how = stream.ending().map_or("RST", ending_word).to_owned();
                let word = stream.ending().unwrap_or(Ending::Reset).to_string();
                let rest = std::mem::take(&mut self.unread);
                self.put_down_rest(&rest);
                self.end_mail();
                self.taken += rest.len() as u64;
                self.journal.ended(
                    self.number,
                    &format!("closed by server, {how}"),
                    &word,
                    Some(Step::Ended),
                );
                Err(Quiet::Closed(how))
            }
        }
    }

    /// How the server ended the connection, if it did.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.stream.as_ref().and_then(Stream::ending)
    }
}

/// A connection that is merely let go ends without QUIT: nothing is committed.
impl Drop for Wire {
    fn drop(&mut self) {
        self.end_mail();
        if self.stream.as_ref().is_some_and(|stream| stream.ending().is_none()) {
            self.journal.ended(self.number, "closed by client", "client", Some(Step::End(End::Abandon)));
        }
    }
}

impl Item {
    fn of(event: Event<'_>) -> Self {
        match event {
            Event::Status { status, deviations, content_follows, .. } => Self::Status {
                line: status.line.to_vec(),
                indicator: status.indicator,
                deviations,
                content_follows,
            },
            Event::Continuation { line, deviations, .. } => {
                Self::Continuation { line: line.to_vec(), deviations }
            }
            Event::Content(octets) => Self::Content(octets.to_vec()),
            Event::End { deviations } => Self::End(deviations),
            Event::Unsolicited { line } => Self::Unsolicited(line.to_vec()),
            Event::Endless => Self::Endless,
        }
    }

    /// The octets of what came where nothing was due; a line has its line end, so that an empty one is something too.
    pub(crate) fn into_surplus(self) -> Vec<u8> {
        match self {
            content @ Self::Content(_) => content.into_octets(),
            line => [line.into_octets(), b"\r\n".to_vec()].concat(),
        }
    }

    /// The octets, for quoting.
    pub(crate) fn into_octets(self) -> Vec<u8> {
        match self {
            Self::Status { line, .. } | Self::Continuation { line, .. } | Self::Unsolicited(line) => line,
            Self::Content(octets) => octets,
            Self::End(_) => b".".to_vec(),
            Self::Endless => b"(more than any line may have)".to_vec(),
        }
    }
}

/// How a connection ended, for records and transcripts.
fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Fin => "FIN",
        Ending::Reset => "RST",
        Ending::TlsClose => "TLS close",
        Ending::Truncated => "FIN without close_notify",
    }
}

//! One session with the target: commands and their replies in order.
//!
//! One thing is settled here and nowhere else: how silence is told from slowness (a NOOP is sent as a probe after a
//! long wait). Octets are `wire`'s matter, logging in is [`crate::login`]'s; what a reply means for a
//! requirement is the checks'.

mod aside;
mod ended;
pub(crate) mod farewell;
mod greeting;
mod idle;
mod login;
mod next_answer;
mod probe;
mod raw;
mod tls;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use net::{Ending, Stream, TlsFacts};
use proto::{Deviation, Deviations, Indicator, Shape, Verb};
use tokio::time::{Instant, timeout};

pub(crate) use farewell::Farewells;
pub(crate) use idle::Idled;
pub(crate) use next_answer::NextAnswer;
pub(crate) use raw::Heard;
pub(crate) use tls::Negotiation;

use crate::accounts::{Account, OpenSession};
use crate::credentials::Credentials;
use crate::crowd::Place;
use crate::discretion::Discretion;
use crate::journal::{Journal, Seen};
use crate::outcome::{Judged, Mishap, Stop};
use crate::receiving::{Bounds, Kept, deadline};
use crate::reply::{COMMAND_SHOWN, Origin, Reply, unshown};
use crate::reproduce::{End, Step};
use crate::site::Site;
use crate::wire::{Item, Purpose, Quiet, Wire};

/// Octets that a server may send where none are due, before it is listened to no longer.
const SURPLUS_AT_MOST: u64 = 16 * 1024;

/// What the greeting answers, for people.
const GREETING: &str = "(greeting)";
/// Things that are waited for, as [`crate::silence`] knows them.
const END: &str = "end of the connection";
const PROBE: &str = "answer to a probe";
const CONTENT: &str = "content";

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For an answer that is due.
    pub answer: Duration,
    /// For making sure that nothing comes.
    pub quiet: Duration,
}

/// One connection of a check.
pub struct Session {
    wire: Wire,
    awaited: VecDeque<Awaited>,
    patience: Patience,
    account: Option<OpenSession>,
    language: bool,
    refusals: usize,
    /// The last reply was a refusal.
    refused_last: bool,
    place: Place,
    quit_keeps_lock: bool,
    /// Where it goes when it is let go; nowhere, if the server notices by itself.
    farewells: Option<Farewells>,
}

struct Awaited {
    command: String,
    verb: Option<Verb>,
    eight_bit: bool,
    since: Instant,
}

/// What came when the server was expected to close.
#[derive(Debug)]
pub struct Closing {
    /// How the connection ended, or `None` if it stayed open for all the patience.
    pub how: Option<Ending>,
    /// Octets that came before the end.
    pub extra: Vec<u8>,
}

impl Session {
    /// A session over a fresh connection, awaiting the greeting.
    pub(crate) fn new(
        stream: Stream,
        number: u32,
        journal: Journal,
        site: &Site,
        farewells: &Farewells,
    ) -> Self {
        let mut awaited = VecDeque::new();
        awaited.push_back(Awaited::of(GREETING, None, false));
        let mut wire = Wire::new(stream, number, journal, site.survey.expire_zero());
        wire.quiet = site.patience.quiet;
        wire.knows_capa = site.survey.knows_capa();
        wire.silences = Rc::clone(&site.silences);
        wire.stays = site.survey.quit_keeps_lock && !site.last_round.get();
        wire.credentials = Credentials::new(&site.permissions);
        wire.discretion = Discretion::new(site.permissions.mail_shown);
        Self {
            wire,
            awaited,
            patience: site.patience,
            account: None,
            language: false,
            refusals: 0,
            refused_last: false,
            place: site.crowd.enter(),
            farewells: site.survey.lock_outlives.then(|| Rc::clone(farewells)),
            quit_keeps_lock: site.survey.quit_keeps_lock,
        }
    }

    /// The account this session logged in to.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] before a login.
    pub fn account(&self) -> Result<Rc<Account>, Stop> {
        self.account
            .as_ref()
            .map(OpenSession::account)
            .ok_or_else(|| Stop::Inconclusive("the session is not logged in".to_owned()))
    }

    /// Facts of the TLS connection, if there is one.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.wire.stream.as_ref().and_then(Stream::tls)
    }

    /// The journal this session writes.
    pub fn journal(&self) -> &Journal {
        &self.wire.journal
    }

    /// What the server has said of a line that it did not end.
    pub fn unfinished(&self) -> Option<String> {
        let unread = self.wire.unread();
        (!unread.is_empty()).then(|| self.shown(unread))
    }

    /// How many commands were refused on this connection.
    pub fn refusals(&self) -> usize {
        self.refusals
    }

    /// Whether the server was seen to end the connection.
    pub fn has_ended(&self) -> bool {
        self.wire.ending().is_some()
    }

    /// The waits of this session.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// How long to wait has become known.
    pub(crate) fn be_patient(&mut self, patience: Patience) {
        self.patience = patience;
    }

    pub(crate) fn belongs_to(&mut self, account: Rc<Account>) {
        self.account = Some(OpenSession::of(account));
    }

    /// Sends a command line (CRLF is added) and reads its whole reply.
    ///
    /// # Errors
    /// A [`Mishap`] if no whole reply came.
    pub async fn command(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Mishap> {
        self.send(line).await?;
        self.reply().await
    }

    /// Sends a command line (CRLF is added) without reading; replies come in order from [`Session::reply`].
    ///
    /// # Errors
    /// A [`Mishap`] if it cannot be written.
    pub async fn send(&mut self, line: impl AsRef<[u8]>) -> Result<(), Mishap> {
        let mut octets = line.as_ref().to_vec();
        octets.extend_from_slice(b"\r\n");
        self.batch(&octets).await
    }

    /// Sends octets in one write; each whole line in them is taken for a command and its reply awaited. Before a DELE
    /// in them leaves, the maildrop is looked at again.
    ///
    /// # Errors
    /// A [`Mishap`] if it cannot be written, or is not because mail could be lost.
    pub async fn batch(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        self.look_again(octets).await?;
        self.write_lines(octets).await
    }

    async fn write_lines(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        self.leave(octets).await?;
        self.await_lines(octets);
        Ok(())
    }

    /// Sends octets cut anywhere: each line that becomes whole is taken for a command and its reply awaited.
    ///
    /// # Errors
    /// A [`Mishap`] if they cannot be written.
    pub async fn pieces(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        let mut whole = self.wire.unfinished.clone();
        whole.extend_from_slice(octets);
        self.leave(octets).await?;
        self.await_lines(&whole);
        Ok(())
    }

    /// Sends octets that end in no whole line and await no reply.
    ///
    /// # Errors
    /// A [`Mishap`] if they cannot be written.
    pub async fn fragment(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        self.leave(octets).await
    }

    /// Sends a command whose reply must be `+OK`.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it is refused or not answered.
    pub async fn require_ok(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Stop> {
        self.command(line).await.judged()?.require_ok()
    }

    /// Sends a command whose reply must be `-ERR`.
    ///
    /// # Errors
    /// [`Stop::Fail`] if it is not refused or not answered.
    pub async fn require_err(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Stop> {
        self.command(line).await.judged()?.require_err()
    }

    /// Sends a command that only leads to the point of the check.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it is refused or not answered.
    pub async fn assume_ok(&mut self, line: impl AsRef<[u8]>) -> Result<Reply, Stop> {
        self.command(line).await?.assume_ok()
    }

    /// Reads the reply to the oldest command not yet answered.
    ///
    /// # Errors
    /// A [`Mishap`] if no whole reply came.
    pub async fn reply(&mut self) -> Result<Reply, Mishap> {
        let awaited = self.awaited.pop_front().unwrap_or_else(|| Awaited::of("(nothing)", None, false));
        let due = self.due(awaited.kind()).await;
        let continuation = matches!(due, Ok(Item::Continuation { .. }));
        let (line, indicator, deviations, content) = match due {
            Ok(Item::Status { line, indicator, deviations, content_follows }) => {
                (line, indicator, deviations, content_follows.then(Vec::new))
            }
            Ok(Item::Continuation { line, deviations }) => (line, Indicator::Unknown, deviations, None),
            Ok(Item::Unsolicited(line)) => {
                let (status, deviations) = proto::Status::parse(&line);
                let indicator = status.indicator;
                (line, indicator, deviations, None)
            }
            Ok(Item::Content(_) | Item::End(_)) => {
                let how = "content came where a status line was expected".to_owned();
                return Err(Mishap::Endless { command: awaited.command, how });
            }
            Ok(Item::Endless) => {
                let how = "its line is longer than any line may be".to_owned();
                return Err(Mishap::Endless { command: awaited.command, how });
            }
            Err(Quiet::Closed(how)) => return Err(self.closed(awaited.command, how)),
            Err(Quiet::Silent) => return Err(self.probe(awaited).await),
        };
        let mut reply = Reply {
            origin: self.origin(),
            command: awaited.command.clone(),
            indicator,
            shown: self.shown(&line),
            line,
            deviations,
            after: awaited.since.elapsed(),
            continuation,
            content,
            left_out: 0,
            put_off: false,
            private: false,
        };
        // Among several it may be the answer to another one.
        if awaited.is_noop() && self.awaited.is_empty() {
            self.wire.silences.noop_came();
        }
        self.remember(&awaited, &reply);
        self.refusals += usize::from(reply.is_err());
        self.refused_last = reply.is_err();
        if reply.has_word_of_its_own() && awaited.command != GREETING {
            return Err(Mishap::OddStatus { command: awaited.command, line: reply.shown });
        }
        if reply.content.is_some() {
            self.content(&awaited, &mut reply).await?;
        }
        if matches!(awaited.verb, Some(Verb::Lang | Verb::Utf8)) && reply.is_ok() {
            self.language = true;
        }
        Ok(reply)
    }

    /// Waits the quiet time for anything at all. That the connection ends behind a refusal is nothing.
    ///
    /// # Errors
    /// [`Stop::Fail`] with what came, or that the connection ended, where silence was due.
    pub async fn require_silence(&mut self) -> Result<(), Stop> {
        match self.wire.item(self.patience.quiet).await {
            Err(Quiet::Silent) => match self.unfinished() {
                Some(began) => {
                    Err(Stop::Fail(format!("{began}, a line without end, came although nothing was asked")))
                }
                None => Ok(()),
            },
            // Nothing came.
            Err(Quiet::Closed(_)) if self.refused_last => Ok(()),
            Err(Quiet::Closed(how)) => {
                Err(Stop::Fail(format!("the connection ended ({how}) where the server should wait")))
            }
            Ok(item) => {
                let seen = self.shown(&item.into_octets());
                Err(Stop::Fail(format!("{seen} came although nothing was asked")))
            }
        }
    }

    /// Reads until the server closes, for as long as the patience for one answer lasts and not much longer than what
    /// comes is of interest.
    pub async fn until_closed(&mut self) -> Closing {
        let (mut extra, began, before) = (Vec::new(), Instant::now(), self.wire.taken);
        let end = began + self.wire.silences.wait(END, self.patience.answer);
        loop {
            if self.wire.taken - before > SURPLUS_AT_MOST {
                return Closing { how: None, extra };
            }
            match self.wire.item_until(end).await {
                Ok(item) => extra.extend_from_slice(&item.into_surplus()),
                Err(Quiet::Silent) => {
                    self.wire.silences.in_vain(END);
                    return Closing { how: None, extra };
                }
                Err(Quiet::Closed(_)) => {
                    self.wire.silences.came(END, began.elapsed());
                    let how = self.wire.ending().unwrap_or(Ending::Reset);
                    return Closing { how: Some(how), extra };
                }
            }
        }
    }

    /// Reads at most this many octets of content of the reply that is under way, and no more.
    ///
    /// # Errors
    /// A [`Mishap`] if the octets do not come.
    pub async fn some_content(&mut self, at_least: usize) -> Result<Vec<u8>, Mishap> {
        let command = "(content)".to_owned();
        let (mut octets, began) = (Vec::new(), Instant::now());
        while octets.len() < at_least {
            let end = deadline(began, self.patience.answer, octets.len() as u64);
            match self.wire.item_until(end.min(self.soon())).await {
                Ok(Item::Content(piece)) => octets.extend_from_slice(&piece),
                // As many at most as commands were sent.
                Ok(Item::Status { .. }) => {}
                Ok(_) => break,
                Err(Quiet::Closed(how)) => return Err(self.closed(command, how)),
                Err(Quiet::Silent) => return Err(Mishap::TimedOut { command, probe: None }),
            }
        }
        Ok(octets)
    }

    /// Closes in good order: `close_notify` under TLS, then FIN.
    pub async fn close(mut self) {
        if let Some(stream) = self.wire.stream.take() {
            self.wire.journal.ended(
                self.wire.number,
                "closed by client",
                "client",
                Some(Step::End(End::Close)),
            );
            let _ = timeout(self.patience.answer, stream.close()).await;
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(mut self) {
        if let Some(stream) = self.wire.stream.take() {
            self.wire.journal.ended(
                self.wire.number,
                "reset by client",
                "client",
                Some(Step::End(End::Reset)),
            );
            stream.reset();
        }
    }

    /// Ends the TCP connection without `close_notify`.
    pub fn abandon(mut self) {
        if let Some(stream) = self.wire.stream.take() {
            let note = "closed by client, without close_notify";
            self.wire.journal.ended(self.wire.number, note, "client", Some(Step::End(End::Abandon)));
            stream.abandon();
        }
    }

    /// Shuts the sending side down and keeps reading.
    pub async fn shutdown_write(&mut self) {
        if let Some(stream) = self.wire.stream.as_mut() {
            self.wire.journal.note(self.wire.number, "client shuts down its sending side");
            self.wire.journal.happened(self.wire.number, Step::End(End::Shutdown));
            let _ = timeout(self.patience.answer, stream.shutdown_write()).await;
        }
    }

    /// What comes next of this kind, or silence once the wait for it is over.
    async fn due(&mut self, kind: &str) -> Result<Item, Quiet> {
        let (wait, began) = (self.wire.silences.wait(kind, self.patience.answer), Instant::now());
        let item = self.wire.item(wait).await;
        match &item {
            Ok(_) | Err(Quiet::Closed(_)) => self.wire.silences.came(kind, began.elapsed()),
            Err(Quiet::Silent) => self.wire.silences.in_vain(kind),
        }
        item
    }

    /// Octets of the server for people, unless they may be a part of somebody's mail.
    fn shown(&self, octets: &[u8]) -> String {
        if self.wire.discretion.may_show_line(octets) {
            self.journal().quote(octets)
        } else {
            unshown(octets.len())
        }
    }

    fn origin(&self) -> Origin {
        Origin { journal: self.wire.journal.clone(), session: self.wire.number }
    }

    fn await_lines(&mut self, octets: &[u8]) {
        for line in octets.split_inclusive(|octet| *octet == b'\n').filter(|line| line.ends_with(b"\n")) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.wire.machine.expect(Shape::of(line));
            self.awaited.push_back(self.awaiting(line));
        }
    }

    /// The moment at which an answer that is due now is no longer waited for.
    fn soon(&self) -> Instant {
        Instant::now() + self.patience.answer
    }

    /// Reads the content of a reply. Of what is too long the front is kept, and the rest is read all the same, so that
    /// the conversation can go on.
    async fn content(&mut self, awaited: &Awaited, reply: &mut Reply) -> Result<(), Mishap> {
        let began = Instant::now();
        let bare = reply.deviations.contains(Deviation::BareLf);
        let mut kept = Kept::new(Bounds::of(awaited.verb), bare);
        self.wire.discretion.content_of(awaited.verb);
        let ended = self.rest_of_content(awaited, &mut kept, began).await;
        self.wire.discretion.content_of(None);
        if std::mem::take(&mut self.wire.off_the_record) {
            let note =
                format!("of the {} octets of content that came, only the beginning is shown", kept.came());
            self.wire.journal.note(self.wire.number, &note);
        }
        reply.private = self.wire.discretion.last_was_private();
        reply.deviations = reply.deviations.union(ended?);
        if !kept.is_usable() {
            return Err(Mishap::TooLarge { command: awaited.command.clone(), octets: kept.came() });
        }
        let (octets, left_out) = kept.finish();
        (reply.content, reply.left_out) = (Some(octets), left_out);
        if let Some(verb) = awaited.verb.filter(|_| self.wire.purpose == Purpose::Check) {
            self.wire.journal.latency(&format!("{}-last", verb.as_str()), awaited.since.elapsed());
        }
        Ok(())
    }

    async fn rest_of_content(
        &mut self,
        awaited: &Awaited,
        kept: &mut Kept,
        began: Instant,
    ) -> Result<Deviations, Mishap> {
        let command = || awaited.command.clone();
        loop {
            let end = deadline(began, self.patience.answer, kept.came());
            let soon = Instant::now() + self.wire.silences.wait(CONTENT, self.patience.answer);
            match self.wire.item_until(end.min(soon)).await {
                Ok(Item::Content(piece)) => kept.push(&piece),
                Ok(Item::End(deviations)) => return Ok(deviations),
                Ok(_) => {
                    let how = "the content broke off".to_owned();
                    return Err(Mishap::Endless { command: command(), how });
                }
                Err(Quiet::Closed(how)) => return Err(self.closed(command(), how)),
                Err(Quiet::Silent) if Instant::now() >= end => {
                    let how = format!("{} octets came in {} s", kept.came(), began.elapsed().as_secs());
                    return Err(Mishap::Endless { command: command(), how });
                }
                Err(Quiet::Silent) => {
                    self.wire.silences.in_vain(CONTENT);
                    return Err(self.probe_in_content(command()).await);
                }
            }
            self.wire.off_the_record = kept.is_full();
            if kept.is_endless() {
                let how = format!("{} octets came, without an end", kept.came());
                return Err(Mishap::Endless { command: command(), how });
            }
        }
    }

    fn awaiting(&self, line: &[u8]) -> Awaited {
        let keyword = line.split(|octet| matches!(octet, b' ' | b'\t')).next().unwrap_or_default();
        let shown = self.wire.journal.redact(&String::from_utf8_lossy(line));
        let eight_bit = line.iter().any(|octet| *octet > 0x7e || *octet < 0x20);
        Awaited::of(&shown.chars().take(COMMAND_SHOWN).collect::<String>(), Verb::parse(keyword), eight_bit)
    }

    fn remember(&mut self, awaited: &Awaited, reply: &Reply) {
        let tag = match awaited.verb {
            Some(verb) if reply.content.is_some() => format!("{}-first", verb.as_str()),
            Some(verb) => verb.as_str().to_owned(),
            None if awaited.command == GREETING => "greeting".to_owned(),
            None => "other".to_owned(),
        };
        match (awaited.verb, self.wire.permission.sighting_mut()) {
            (Some(Verb::Dele), Some(sighting)) => sighting.answered(reply.is_ok()),
            (Some(Verb::Rset), Some(sighting)) if reply.is_ok() => sighting.unmarked(),
            _ => {}
        }
        if let Some(left) =
            self.account.as_ref().filter(|_| self.quit_keeps_lock && awaited.verb == Some(Verb::Quit))
        {
            left.account().stick();
        }
        // A look is no part of the check, so its times are not among the latencies of the run.
        if self.wire.purpose == Purpose::Check {
            self.wire.journal.latency(&tag, awaited.since.elapsed());
        }
        self.wire.journal.saw(Seen {
            verb: awaited.verb,
            command: awaited.command.clone(),
            line: reply.line.clone(),
            shown: reply.shown.clone(),
            deviations: reply.deviations,
            language: self.language,
            eight_bit_command: awaited.eight_bit,
            continuation: reply.continuation,
        });
    }
}

impl Awaited {
    /// What is waited for, for learning how long.
    fn kind(&self) -> &'static str {
        match self.verb {
            Some(verb) => verb.as_str(),
            None if self.command == GREETING => "greeting",
            None => "other reply",
        }
    }

    /// Whether it is a NOOP and nothing else: with an argument it may be refused by who does not know it otherwise.
    fn is_noop(&self) -> bool {
        self.command.eq_ignore_ascii_case("NOOP")
    }

    fn of(command: &str, verb: Option<Verb>, eight_bit: bool) -> Self {
        Self { command: command.to_owned(), verb, eight_bit, since: Instant::now() }
    }
}

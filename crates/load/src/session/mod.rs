//! One session with the server: what shipped and custom behaviours are written on.
//!
//! Lock-step: each command awaits its reply before the next. A session owns no buffer; what the server says is read
//! into the thread's scratch buffer and taken in at once, so that an idle session is a few hundred octets. Whatever
//! goes wrong ends the session: a step gives a [`Failure`], the behaviour hands it on, the worker counts it.
//!
//! Mail safety: [`Session::dele`] is the only way a DELE leaves, and it asks first.

mod deletion;
mod desk;
mod exchange;
mod expiry;
mod failure;
mod listing;
mod login;
mod memory;
mod open;
mod recording;
mod room;
mod timer;
mod trail;
mod verification;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use net::Stream;
use proto::Shape;
use scenario::Behaviour;

use crate::plan::Arrival;
use crate::recorder::Step;
use crate::worker::{Context, cut_off, nanoseconds};

use desk::{Asked, Desk};
use exchange::Line;
pub(crate) use expiry::Expiry;
pub use failure::Failure;
pub use listing::Message;
pub(crate) use listing::{ENTRY, Listed};
pub(crate) use memory::Memory;
pub(crate) use recording::Recording;
pub(crate) use room::Room;
pub(crate) use timer::Timer;
pub(crate) use trail::Trail;

/// In how many places those who stay until the end leave one after another.
const PLACES: u64 = 10_007;

/// How long the server is given to close the connection after QUIT before this side does.
const FAREWELL: Duration = Duration::from_secs(1);

/// One session of one user. Times are taken and counted by the steps themselves.
pub struct Session {
    stream: Option<Stream>,
    tail: Vec<u8>,
    timer: Timer,
    desk: Desk,
}

impl Session {
    pub(crate) fn new(context: Rc<Context>, arrival: Arrival, behaviour: u16) -> Session {
        Session {
            stream: None,
            tail: Vec::new(),
            timer: Timer::default(),
            desk: Desk::new(context, arrival, behaviour),
        }
    }

    /// The index of the account in the scenario.
    pub fn user(&self) -> u64 {
        self.desk.arrival.user
    }

    /// The how-manieth session of this user it is, from 0.
    pub fn visit(&self) -> u32 {
        self.desk.arrival.visit
    }

    /// What this user does, as the scenario says.
    pub fn behaviour(&self) -> &Behaviour {
        &self.desk.context.weighted(self.desk.behaviour).behaviour
    }

    /// The next seeded number of this session, from 0 to just below 1: the same in every run with the same seed.
    pub fn uniform(&mut self) -> f64 {
        self.desk.chance.uniform()
    }

    /// What the maildrop holds as far as LIST and UIDL were asked for, in ascending numbers.
    pub fn messages(&self) -> &[Message] {
        self.desk.listed.as_ref().map_or(&[], |listed| &listed.messages)
    }

    /// STAT (RFC 1939 section 5): the number of messages and their octets.
    ///
    /// # Errors
    /// Any [`Failure`], as of every step; a total that contradicts LIST is one.
    pub async fn stat(&mut self) -> Result<(u64, u64), Failure> {
        self.simple(Step::STAT, Asked::Stat, Shape::Single, b"STAT\r\n").await?;
        Ok(self.desk.stat.unwrap_or_default())
    }

    /// LIST without argument: afterwards [`Session::messages`] has numbers and sizes. Timed to the last octet.
    ///
    /// # Errors
    /// As of every step; a listing that contradicts an earlier UIDL is one.
    pub async fn list(&mut self) -> Result<usize, Failure> {
        self.simple(Step::LIST, Asked::List, Shape::Multi, b"LIST\r\n").await?;
        Ok(self.messages().len())
    }

    /// UIDL without argument (RFC 1939 section 7): afterwards [`Session::messages`] has unique-ids. Timed to the last
    /// octet.
    ///
    /// # Errors
    /// As of every step; a listing that contradicts an earlier LIST, or repeats a unique-id of seeded mail, is one.
    pub async fn uidl(&mut self) -> Result<usize, Failure> {
        self.simple(Step::UIDL, Asked::Uidl, Shape::Multi, b"UIDL\r\n").await?;
        Ok(self.messages().len())
    }

    /// RETR: the whole message, verified: framing, its size against LIST if that was asked for, and for seeded mail
    /// the content and whose it is. Gives its octets.
    ///
    /// # Errors
    /// As of every step; wrong data is a `verification:` failure. Where the server announces that retrieving deletes,
    /// nothing is retrieved without the permission to delete.
    pub async fn retr(&mut self, number: u32) -> Result<u64, Failure> {
        if self.asks_before_retrieval()? {
            // On the heap, since it would make every session larger for its whole life.
            Box::pin(self.may_retrieve()).await?;
        }
        self.retrieve(number, Asked::Message).await?;
        self.desk.verdict(number)?;
        self.first_and_last(Step::RETR_FIRST, Step::RETR_LAST);
        Ok(self.desk.reply.octets)
    }

    /// RETR, but the connection is cut off after so many octets of the message. The session is over then, and
    /// nothing went wrong.
    ///
    /// # Errors
    /// As of every step.
    pub async fn retr_and_hang_up(&mut self, number: u32, after_octets: u64) -> Result<(), Failure> {
        if self.asks_before_retrieval()? {
            // On the heap, since it would make every session larger for its whole life.
            Box::pin(self.may_retrieve()).await?;
        }
        self.retrieve(number, Asked::Part(after_octets.max(1))).await?;
        self.desk.now_ns = self.desk.reply.first_ns;
        self.desk.sample(Step::RETR_FIRST);
        self.hang_up();
        Ok(())
    }

    /// TOP (RFC 1939 section 7): the header and so many lines of the body. Of seeded mail the header is verified: that
    /// it is there, and whose it is.
    ///
    /// # Errors
    /// As of every step; wrong data is a `verification:` failure.
    pub async fn top(&mut self, number: u32, lines: u32) -> Result<u64, Failure> {
        let line = Line::Numbered("TOP", number, Some(lines));
        self.desk.ask(Step::TOP_FIRST, Asked::Preview, Shape::Multi, line);
        self.exchange().await?;
        self.desk.preview(number)?;
        self.first_and_last(Step::TOP_FIRST, Step::TOP_LAST);
        Ok(self.desk.reply.octets)
    }

    /// DELE, if that is allowed: the run has the permission; *every* message of this maildrop was listed, retrieved
    /// whole in this session, and is by its marker and its content poplab's own; no two are the same. Before each one
    /// the server is asked whether the maildrop is still the one that was looked at: before the first with STAT and the
    /// whole UIDL or LIST, before a later one with STAT and UIDL or LIST of this message. Those questions are no steps and
    /// have no figures, but the time of the session has them in it.
    ///
    /// # Errors
    /// As of every step; `foreign-mail` if there is other mail, `verification:number` if one message came under two
    /// numbers, `verification:changed` if the maildrop is another one, `verification:mark` if a mark cannot be seen to
    /// have hit the message it was meant for: then no DELE was sent, and what was marked before was taken back by RSET.
    pub async fn dele(&mut self, number: u32) -> Result<(), Failure> {
        self.proven(number)?;
        // On the heap, since it would make every session larger for its whole life.
        Box::pin(self.before_dele(number)).await?;
        self.desk.ask(Step::DELE, Asked::Word, Shape::Single, Line::Numbered("DELE", number, None));
        self.exchange().await?;
        self.desk.deleted(number);
        self.desk.sample(Step::DELE);
        Ok(())
    }

    /// NOOP.
    ///
    /// # Errors
    /// As of every step.
    pub async fn noop(&mut self) -> Result<(), Failure> {
        self.simple(Step::NOOP, Asked::Word, Shape::Single, b"NOOP\r\n").await
    }

    /// RSET.
    ///
    /// # Errors
    /// As of every step.
    pub async fn rset(&mut self) -> Result<(), Failure> {
        self.simple(Step::RSET, Asked::Word, Shape::Single, b"RSET\r\n").await?;
        self.desk.restored();
        Ok(())
    }

    /// CAPA (RFC 2449 section 5).
    ///
    /// # Errors
    /// As of every step.
    pub async fn capa(&mut self) -> Result<(), Failure> {
        self.simple(Step::CAPA, Asked::Content, Shape::Multi, b"CAPA\r\n").await
    }

    /// QUIT, and the end of the session. It is complete with the reply; after it the server is given a second to
    /// close first, which keeps this machine's ports free. Where something was marked as deleted, which QUIT carries out,
    /// the maildrop is looked at before: it must hold what was not marked, and nothing else.
    ///
    /// # Errors
    /// As of every step: what was deleted may not be deleted then (RFC 1939 section 6). `verification:changed` and
    /// `verification:mark` as of [`Session::dele`]: then RSET was sent instead.
    pub async fn quit(&mut self) -> Result<(), Failure> {
        if self.desk.has_marks() {
            // On the heap, since it would make every session larger for its whole life.
            Box::pin(self.before_commit()).await?;
        }
        self.simple(Step::QUIT, Asked::Word, Shape::Single, b"QUIT\r\n").await?;
        self.desk.sample_whole(Step::SESSION);
        let Session { stream, timer, desk, tail } = self;
        let until = desk.now_ns.saturating_add(nanoseconds(FAREWELL));
        poll_fn(|task| {
            let Some(stream) = stream else { return Poll::Ready(()) };
            match stream.poll_receive(task, tail, usize::MAX, &mut |octets| octets.len()) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => timer.poll(task, &desk.context, until),
            }
        })
        .await;
        if let (Some(stream), Some(recording)) = (&self.stream, &mut self.desk.recording) {
            recording.note(&stream.ending().map_or_else(
                || "closed by client".to_owned(),
                |ending| format!("closed by server, {ending}"),
            ));
        }
        self.stream = None;
        Ok(())
    }

    /// Ends the connection at once, without QUIT, as a client that lost its network. Nothing went wrong.
    pub fn hang_up(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.abandon();
            if let Some(recording) = &mut self.desk.recording {
                recording.note("closed by client without QUIT");
            }
        }
    }

    /// Pauses as long as the scenario's think time says.
    ///
    /// # Errors
    /// The session's own deadline passed.
    pub async fn think(&mut self) -> Result<(), Failure> {
        let desk = &mut self.desk;
        let seconds = desk.context.weighted(desk.behaviour).think.sample(&mut desk.chance);
        self.think_s(seconds).await
    }

    /// Pauses that long; the next step is wanted then.
    ///
    /// # Errors
    /// The session's own deadline passed.
    pub async fn hold(&mut self, lasting: Duration) -> Result<(), Failure> {
        self.think_s(lasting.as_secs_f64()).await
    }

    /// When the step before was complete, counted from the start of the plan.
    pub fn clock(&self) -> Duration {
        Duration::from_nanos(self.desk.now_ns)
    }

    /// How much time the plan has left.
    pub fn time_left(&self) -> Duration {
        Duration::from_nanos(self.desk.context.end_ns.saturating_sub(self.desk.now_ns))
    }

    /// Times what happens within as a step of this name, beside the steps it is made of: from when the plan wanted
    /// its first step, and from when that was begun.
    ///
    /// # Errors
    /// Those of what happens within; then there is no sample.
    pub async fn step<T>(
        &mut self,
        name: &str,
        within: impl AsyncFnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (wanted_ns, begun_ns) = (self.desk.wanted_ns, self.desk.now_ns);
        let done = within(self).await?;
        let desk = &mut self.desk;
        let mut recorder = desk.context.recorder.borrow_mut();
        let step = recorder.named(name);
        recorder.sample(step, desk.now_ns.saturating_sub(wanted_ns), desk.now_ns.saturating_sub(begun_ns));
        drop(recorder);
        Ok(done)
    }

    /// When after the plan's end this session leaves, if it stays until then: were they all to leave at the same moment,
    /// nobody could, and the server would be measured by the crowd at this end.
    pub(crate) fn turn_to_leave(&self) -> Duration {
        let part = (self.desk.arrival.number % PLACES) as f64 / PLACES as f64;
        self.desk.context.leaving.mul_f64(part)
    }

    /// The behaviour, borrowed from the worker instead of from the session.
    pub(crate) fn behaviour_of<'a>(&self, context: &'a Context) -> &'a Behaviour {
        &context.weighted(self.desk.behaviour).behaviour
    }

    /// The session has ended, well or not.
    pub(crate) fn end(&mut self) {
        self.desk.open = false;
    }

    /// What is wrong with a session that has not ended long after the plan has.
    pub(crate) fn unfinished(&self) -> Failure {
        let desk = &self.desk;
        let after = Duration::from_nanos(desk.context.clock().saturating_sub(desk.context.end_ns));
        let seen = format!(
            "still under way {:.0} s after the end of the plan, and cut off; `timeouts: {{session: …}}` gives it longer",
            after.as_secs_f64()
        );
        Failure::new("unfinished", desk.reply.step, seen)
    }

    /// The session begins now, wherever its task was in the queue.
    pub(crate) fn begin(&mut self) {
        self.desk.open = true;
        self.desk.now_ns = self.desk.context.clock();
        self.desk.begun_ns = self.desk.now_ns;
    }

    pub(crate) fn arrival(&self) -> Arrival {
        self.desk.arrival
    }

    pub(crate) fn number_of_behaviour(&self) -> usize {
        self.desk.behaviour.into()
    }

    pub(crate) fn context(&self) -> &Rc<Context> {
        &self.desk.context
    }

    pub(crate) fn record(&mut self, recording: Recording) {
        self.desk.recording = Some(Box::new(recording));
    }

    pub(crate) fn take_recording(&mut self) -> Option<Box<Recording>> {
        self.desk.recording.take()
    }

    /// A command that always reads the same.
    async fn simple(
        &mut self,
        step: Step,
        asked: Asked,
        shape: Shape,
        line: &'static [u8],
    ) -> Result<(), Failure> {
        self.desk.ask(step, asked, shape, Line::Fixed(line));
        self.exchange().await?;
        self.desk.sample(self.desk.reply.step);
        Ok(())
    }

    async fn retrieve(&mut self, number: u32, asked: Asked) -> Result<(), Failure> {
        self.desk.ask(Step::RETR_FIRST, asked, Shape::Multi, Line::Numbered("RETR", number, None));
        self.exchange().await
    }

    /// Counts the two times of a command with content.
    fn first_and_last(&mut self, first: Step, last: Step) {
        let desk = &mut self.desk;
        let first_ns = desk.reply.first_ns;
        let response = first_ns.saturating_sub(desk.wanted_ns);
        let service = first_ns.saturating_sub(desk.step_begun_ns);
        desk.context.recorder.borrow_mut().sample(first, response, service);
        desk.sample(last);
    }
}

/// A session that is dropped before its end was cut off with the run.
impl Drop for Session {
    fn drop(&mut self) {
        if self.desk.open {
            cut_off(self);
        }
    }
}

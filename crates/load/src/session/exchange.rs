//! One command and its reply: think, send, read, give up in time.
//!
//! Written as one polled function instead of nested async ones: a session spends its life in here, and what it
//! holds while it waits is what a hundred thousand idle ones cost.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use net::Stream;
use proto::Shape;

use crate::recorder::Step;
use crate::worker::nanoseconds;

use super::Session;
use super::desk::{Asked, Desk};
use super::failure::Failure;
use super::timer::Timer;

/// What a slow link takes in at once, so that its pace is even.
const SLOW_READ: usize = 2048;

/// How far a command has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The user thinks.
    Think,
    /// The line is on its way.
    Latency,
    /// To be sent.
    Send,
    /// Sent in part.
    Sending,
    /// The reply is awaited.
    Read,
}

/// A command line that is still to be written; kept instead of its octets, since it is written anew into the thread's
/// buffer should it not be taken at once. No `Debug`: a password may be in it.
pub(super) enum Line {
    /// Always the same, line end included.
    Fixed(&'static [u8]),
    /// A keyword, a message number, and perhaps a number of lines.
    Numbered(&'static str, u32, Option<u32>),
    /// USER with the account's name.
    User,
    /// PASS with the account's password.
    Password,
    /// Anything else, without its line end.
    Text(Box<str>),
}

impl Session {
    /// Carries out the command that [`Desk::ask`] was told: waits as the user does (think time once logged in, then the
    /// link's latency), sends the line, and awaits the reply. The clock is read when it is complete. The step begins
    /// before the latency: the user waits for that too.
    pub(super) async fn exchange(&mut self) -> Result<(), Failure> {
        poll_fn(|task| self.poll_exchange(task)).await
    }

    /// Awaits a reply that is due without a command.
    pub(super) async fn reply(&mut self) -> Result<(), Failure> {
        self.desk.await_some();
        poll_fn(|task| self.poll_reply(task)).await
    }

    fn poll_exchange(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
        loop {
            let Session { stream, timer, desk, .. } = self;
            match desk.stage {
                Stage::Think => {
                    ready!(poll_wait(timer, desk, task))?;
                    desk.wanted_ns = desk.until_ns;
                    desk.travel();
                }
                Stage::Latency => {
                    ready!(poll_wait(timer, desk, task))?;
                    desk.stage = Stage::Send;
                }
                Stage::Send | Stage::Sending => {
                    let Some(stream) = stream else { return Poll::Ready(Err(over(desk.reply.step))) };
                    let mut line = desk.context.buffer();
                    desk.write(&mut line);
                    if !is_one_line(&line) {
                        desk.context.return_buffer(line);
                        return Poll::Ready(Err(several_lines(desk.reply.step)));
                    }
                    if desk.stage == Stage::Send {
                        desk.sending(&line);
                    }
                    // A line of a few octets: the first try takes it, unless the peer has stopped reading long ago.
                    let sent = stream.poll_write_all(task, &line, &mut desk.written);
                    desk.context.return_buffer(line);
                    if sent.is_pending() {
                        ready!(timer.poll(task, &desk.context, desk.until_ns));
                        return Poll::Ready(Err(timed_out(desk.reply.step)));
                    }
                    // A write learns of the peer's end first; what it said before it went may still be there.
                    desk.stage = Stage::Read;
                }
                Stage::Read => return self.poll_reply(task),
            }
        }
    }

    fn poll_reply(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
        let Session { stream, tail, timer, desk } = self;
        let Some(stream) = stream else { return Poll::Ready(Err(over(desk.reply.step))) };
        let bandwidth = desk.context.weighted(desk.behaviour).link.bandwidth;
        let most = if bandwidth.is_some() { SLOW_READ } else { usize::MAX };
        loop {
            if desk.link_busy_ns > 0 {
                ready!(timer.poll_punctually(task, &desk.context, desk.link_busy_ns));
                desk.awake(desk.link_busy_ns);
                desk.link_busy_ns = 0;
            } else {
                let Poll::Ready(result) =
                    stream.poll_receive(task, tail, most, &mut |octets| desk.take(octets))
                else {
                    ready!(timer.poll(task, &desk.context, desk.until_ns));
                    return Poll::Ready(Err(timed_out(desk.reply.step)));
                };
                let count = match result {
                    Ok(0) => return Poll::Ready(Err(closed(stream, desk.reply.step, desk.client.end(tail)))),
                    Ok(count) => count,
                    Err(error) => return Poll::Ready(Err(Failure::reading(desk.reply.step, &error))),
                };
                desk.context.recorder.borrow_mut().counters.octets_received += count as u64;
                desk.now_ns = desk.context.clock();
                if let Some(bandwidth) = bandwidth {
                    let busy = u128::from(count as u64) * 1_000_000_000 / u128::from(bandwidth.max(1));
                    desk.link_busy_ns = desk.now_ns.saturating_add(u64::try_from(busy).unwrap_or(u64::MAX));
                    continue;
                }
            }
            if desk.reply.begun && desk.reply.first_ns == 0 {
                desk.reply.first_ns = desk.now_ns;
            }
            if let Some(failure) = desk.failure.take() {
                return Poll::Ready(Err(failure));
            }
            if desk.reply.done {
                return Poll::Ready(Ok(()));
            }
            desk.await_some();
        }
    }

    /// Pauses for so many seconds; the next step is wanted then.
    pub(super) async fn think_s(&mut self, seconds: f64) -> Result<(), Failure> {
        let Session { timer, desk, .. } = self;
        desk.until_ns = desk.now_ns.saturating_add(pause_ns(seconds));
        poll_fn(|task| poll_wait(timer, desk, task)).await?;
        self.desk.wanted_ns = self.desk.until_ns;
        Ok(())
    }

    /// Waits for something else than a reply, at most so long.
    pub(super) async fn within<T>(
        &mut self,
        step: Step,
        at_most: Duration,
        mut work: Pin<Box<dyn Future<Output = T> + '_>>,
    ) -> Result<T, Failure> {
        let Session { timer, desk, .. } = self;
        let until = desk.deadline_ns.min(desk.now_ns.saturating_add(nanoseconds(at_most)));
        let done = poll_fn(|task| match work.as_mut().poll(task) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => timer.poll(task, &desk.context, until).map(|()| None),
        })
        .await;
        desk.now_ns = desk.context.clock();
        done.ok_or_else(|| timed_out(step))
    }
}

impl Desk {
    /// The next command: what it is, and what its reply is good for. It begins with a think time if there is any.
    pub(super) fn ask(&mut self, step: Step, asked: Asked, shape: Shape, line: Line) {
        self.expect(asked, step);
        self.shape = shape;
        self.line = line;
        self.written = 0;
        self.begin();
    }

    /// A command that no user sends: it waits for no think time.
    pub(super) fn ask_at_once(&mut self, step: Step, asked: Asked, shape: Shape, line: Line) {
        self.expect(asked, step);
        self.shape = shape;
        self.line = line;
        self.written = 0;
        self.travel();
    }

    fn begin(&mut self) {
        let think = &self.context.weighted(self.behaviour).think;
        if !self.logged_in || matches!(think, chance::Distribution::Fixed(seconds) if *seconds <= 0.0) {
            self.travel();
        } else {
            let pause = pause_ns(think.sample(&mut self.chance));
            self.until_ns = self.now_ns.saturating_add(pause);
            self.stage = Stage::Think;
        }
    }

    /// The step begins, and its line travels as long as the link says.
    fn travel(&mut self) {
        self.step_begun_ns = self.now_ns;
        let latency = nanoseconds(self.context.weighted(self.behaviour).link.latency);
        self.until_ns = self.now_ns.saturating_add(latency);
        self.stage = if latency > 0 { Stage::Latency } else { Stage::Send };
    }

    /// A line is sent from now on, and its reply awaited.
    fn sending(&mut self, line: &[u8]) {
        self.sent(line);
        {
            let counters = &mut self.context.recorder.borrow_mut().counters;
            counters.commands += 1;
            counters.octets_sent += line.len() as u64;
        }
        self.client.expect(self.shape);
        self.stage = Stage::Sending;
        self.await_some();
    }

    /// Writes the command line into a buffer.
    fn write(&self, out: &mut Vec<u8>) {
        let accounts = &self.context.scenario().accounts;
        let user = self.arrival.user;
        match &self.line {
            Line::Fixed(line) => return out.extend_from_slice(line),
            Line::Numbered(keyword, number, more) => {
                out.extend_from_slice(keyword.as_bytes());
                put_number(out, *number);
                if let Some(more) = more {
                    put_number(out, *more);
                }
            }
            Line::User => {
                out.extend_from_slice(b"USER ");
                out.extend_from_slice(accounts.user(user).unwrap_or_default().as_bytes());
            }
            Line::Password => {
                out.extend_from_slice(b"PASS ");
                out.extend_from_slice(
                    accounts.password(user).map_or(b"", |secret| secret.reveal().as_bytes()),
                );
            }
            Line::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }

    /// A pause is over, or should have been by then: what it was too long is the generator's own doing.
    fn awake(&mut self, until_ns: u64) {
        self.now_ns = self.context.clock();
        self.context.recorder.borrow_mut().late(self.now_ns.saturating_sub(until_ns));
    }

    /// From now on the time for (more of) a reply counts.
    fn await_some(&mut self) {
        let reply = nanoseconds(self.context.scenario().timeouts.reply);
        self.until_ns = self.deadline_ns.min(self.now_ns.saturating_add(reply));
    }
}

/// Ready at the moment the desk waits for; an error if the session's deadline comes first.
fn poll_wait(timer: &mut Timer, desk: &mut Desk, task: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
    let until = desk.until_ns.min(desk.deadline_ns);
    ready!(timer.poll_punctually(task, &desk.context, until));
    desk.awake(until);
    Poll::Ready(if until < desk.until_ns { Err(timed_out(Step::SESSION)) } else { Ok(()) })
}

/// Whether a line ends where it should and nowhere before. A name with a line end in it would bring a second command
/// to the server, and that could delete mail; readers of accounts refuse such names, and this is the wire's own guard.
fn is_one_line(line: &[u8]) -> bool {
    line.strip_suffix(b"\r\n").is_some_and(|inside| memchr::memchr3(b'\r', b'\n', 0, inside).is_none())
}

/// A space and the number, without the machinery of formatting: there is one in every RETR.
fn put_number(out: &mut Vec<u8>, number: u32) {
    out.push(b' ');
    let mut place = number.checked_ilog10().unwrap_or(0);
    loop {
        let digit = number / 10_u32.pow(place) % 10;
        out.push(b'0' + digit as u8);
        if place == 0 {
            return;
        }
        place -= 1;
    }
}

fn pause_ns(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(u64::MAX, nanoseconds)
}

fn over(step: Step) -> Failure {
    Failure::new("closed", step, "the session was over before")
}

fn several_lines(step: Step) -> Failure {
    let seen = "the account's name or password has a line end or a NUL in it, so the line was not sent";
    Failure::new("not-sent", step, seen)
}

fn timed_out(step: Step) -> Failure {
    Failure::new("timeout", step, "nothing came in time")
}

fn closed(stream: &Stream, step: Step, cut: Option<proto::Deviation>) -> Failure {
    let ending = stream.ending().map_or_else(String::new, |ending| format!(" ({ending})"));
    let cut = cut.map_or_else(String::new, |cut| format!(": {cut}"));
    Failure::new("closed", step, format!("the server closed the connection{ending}{cut}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_line_end_in_it_is_not_one_line() {
        assert!(is_one_line(b"PASS open sesame\r\n") && is_one_line(b"\r\n"));
        for line in
            [&b"PASS x\r\nDELE 1\r\n"[..], b"PASS x\nDELE 1\r\n", b"PASS x\r\r\n", b"PASS \0\r\n", b"QUIT"]
        {
            assert!(!is_one_line(line), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u32::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            assert_eq!(out, format!(" {number}").into_bytes());
        }
    }
}

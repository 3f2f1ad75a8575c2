//! One command and its reply: write, wait, read, give up in time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use net::Stream;
use proto::Shape;

use crate::recorder::Step;
use crate::worker::nanoseconds;

use super::Session;
use super::desk::Asked;
use super::failure::Failure;

/// What a slow link takes in at once, so that its pace is even.
const SLOW_READ: usize = 2048;

impl Session {
    /// Waits as the user does before the next command: think time once logged in, then the link's latency. Gives
    /// the time at which the step begins, which is before the latency: the user waits for that too.
    pub(super) async fn pause(&mut self) -> Result<u64, Failure> {
        let desk = &mut self.desk;
        if desk.logged_in {
            let think = &desk.context.weighted(desk.behaviour).think;
            if !matches!(think, stats::Distribution::Fixed(seconds) if *seconds <= 0.0) {
                let seconds = think.sample(&mut desk.chance);
                self.think_s(seconds).await?;
            }
        }
        let begun_ns = self.desk.now_ns;
        self.latency().await?;
        Ok(begun_ns)
    }

    /// Waits as long as a line takes on this user's link.
    pub(super) async fn latency(&mut self) -> Result<(), Failure> {
        let latency = nanoseconds(self.desk.context.weighted(self.desk.behaviour).link.latency);
        if latency > 0 {
            let until = self.desk.now_ns.saturating_add(latency);
            self.wait_until(until).await?;
        }
        Ok(())
    }

    /// Puts a command line together and sends it, then awaits the reply. The clock is read when it is complete.
    ///
    /// `compose` runs after every pause, since the buffer belongs to the thread.
    pub(super) async fn exchange(
        &mut self,
        step: Step,
        asked: Asked,
        shape: Shape,
        compose: &dyn Fn(&mut Vec<u8>),
    ) -> Result<(), Failure> {
        let Some(stream) = &mut self.stream else { return Err(over(step)) };
        let desk = &mut self.desk;
        let mut line = desk.context.buffer();
        compose(&mut line);
        if let Some(recording) = &mut desk.recording {
            recording.sent(&line);
        }
        {
            let counters = &mut desk.context.recorder.borrow_mut().counters;
            counters.commands += 1;
            counters.octets_sent += line.len() as u64;
        }
        desk.expect(asked, step, Some(shape));
        // A line of a few octets: the first try takes it, unless the peer has stopped reading long ago.
        let mut written = 0;
        let deadline = desk.deadline_ns.min(desk.now_ns.saturating_add(nanoseconds(
            desk.context.scenario().timeouts.reply,
        )));
        let timer = &mut self.timer;
        let sent = poll_fn(|task| match stream.poll_write_all(task, &line, &mut written) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => timer.poll(task, &desk.context, deadline).map(|()| None),
        })
        .await;
        desk.context.return_buffer(line);
        match sent {
            // A write learns of the peer's end first; what it said before it went may still be there.
            Some(_) => self.reply().await,
            None => Err(timed_out(step)),
        }
    }

    /// Awaits the reply that is due.
    pub(super) async fn reply(&mut self) -> Result<(), Failure> {
        let reply_ns = nanoseconds(self.desk.context.scenario().timeouts.reply);
        let mut deadline = self.desk.deadline_ns.min(self.desk.now_ns.saturating_add(reply_ns));
        poll_fn(|task| self.poll_reply(task, reply_ns, &mut deadline)).await
    }

    fn poll_reply(
        &mut self,
        task: &mut TaskContext<'_>,
        reply_ns: u64,
        deadline: &mut u64,
    ) -> Poll<Result<(), Failure>> {
        let Session { stream, tail, timer, desk } = self;
        let Some(stream) = stream else { return Poll::Ready(Err(over(desk.reply.step))) };
        let bandwidth = desk.context.weighted(desk.behaviour).link.bandwidth;
        let most = if bandwidth.is_some() { SLOW_READ } else { usize::MAX };
        loop {
            if desk.link_busy_ns > 0 {
                ready!(timer.poll(task, &desk.context, desk.link_busy_ns));
                desk.link_busy_ns = 0;
                desk.now_ns = desk.context.clock();
            } else {
                let Poll::Ready(result) =
                    stream.poll_receive(task, tail, most, &mut |octets| desk.take(octets))
                else {
                    ready!(timer.poll(task, &desk.context, *deadline));
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
            *deadline = desk.deadline_ns.min(desk.now_ns.saturating_add(reply_ns));
        }
    }

    /// Pauses for so many seconds; the next step is wanted then.
    pub(super) async fn think_s(&mut self, seconds: f64) -> Result<(), Failure> {
        let pause = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).map_or(u64::MAX, nanoseconds);
        let until = self.desk.now_ns.saturating_add(pause);
        self.wait_until(until).await?;
        self.desk.wanted_ns = until;
        Ok(())
    }

    /// Waits until that moment, or until the session's deadline.
    pub(super) async fn wait_until(&mut self, at_ns: u64) -> Result<(), Failure> {
        let Session { timer, desk, .. } = self;
        let until = at_ns.min(desk.deadline_ns);
        poll_fn(|task| timer.poll(task, &desk.context, until)).await;
        desk.now_ns = desk.context.clock();
        if until < at_ns { Err(timed_out(Step::SESSION)) } else { Ok(()) }
    }

    /// Waits for something else than a reply, at most so long.
    pub(super) async fn within<T>(
        &mut self,
        step: Step,
        at_most: std::time::Duration,
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

fn over(step: Step) -> Failure {
    Failure::new("closed", step, "the session was over before")
}

fn timed_out(step: Step) -> Failure {
    Failure::new("timeout", step, "nothing came in time")
}

fn closed(stream: &Stream, step: Step, cut: Option<proto::Deviation>) -> Failure {
    let ending = stream.ending().map_or_else(String::new, |ending| format!(" ({ending})"));
    let cut = cut.map_or_else(String::new, |cut| format!(": {cut}"));
    Failure::new("closed", step, format!("the server closed the connection{ending}{cut}"))
}

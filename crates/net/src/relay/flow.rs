//! The octets of a relayed session on their way: read, judged by the tap, written, in both directions at once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Act, Event, FAREWELL, Pair, Side, Tap};
use crate::stream::Stream;
use crate::{Ending, ReadError};

/// How much is held of what a side said and has not passed, and as much of what has passed and is not written.
const PIECE: usize = 16 * 1024;

/// Why octets no longer flow.
pub(super) enum Leave {
    /// TLS begins on these sides.
    Secure { client: bool, upstream: bool },
    /// Both sides have ended, or the tap ends them.
    Over,
    /// Nothing moved for too long.
    Idle,
    /// This side was reset, or its TLS was cut off, after which nothing can be said to it.
    Broken(Side, Ending),
}

impl Leave {
    /// Ends both sides as it came.
    pub(super) async fn part(self, pair: Pair) {
        let Pair { client, upstream } = pair;
        match self {
            Leave::Broken(side, ending) => {
                let other = if side == Side::Client { upstream } else { client };
                if ending == Ending::Reset { other.reset() } else { other.abandon() }
            }
            Leave::Idle => {
                client.abandon();
                upstream.abandon();
            }
            Leave::Over | Leave::Secure { .. } => {
                tokio::join!(client.farewell(FAREWELL), upstream.farewell(FAREWELL));
            }
        }
    }
}

/// Both directions of a session.
#[derive(Default)]
pub(super) struct Flow {
    client: Lane,
    upstream: Lane,
    /// What the tap wants as soon as all that has passed is written.
    wanted: Option<Wanted>,
}

#[derive(Clone, Copy)]
enum Wanted {
    Secure { client: bool, upstream: bool },
    End,
}

/// What one side says, on its way to the other.
struct Lane {
    /// Said, and not passed.
    held: Vec<u8>,
    /// Passed, and not written.
    out: Vec<u8>,
    /// So many of them are written.
    written: usize,
    /// Something changed since the tap held it back.
    is_fresh: bool,
    /// How the side ended.
    ended: Option<Ending>,
    /// The end was passed on, or the other side is gone.
    is_closed: bool,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane { held: Vec::new(), out: Vec::new(), written: 0, is_fresh: true, ended: None, is_closed: false }
    }
}

impl Flow {
    /// Lets octets flow until there is a reason not to.
    pub(super) async fn run(&mut self, pair: &mut Pair, tap: &mut impl Tap, idle: Duration) -> Leave {
        self.client.is_fresh = true;
        self.upstream.is_fresh = true;
        let mut alarm = pin!(sleep(idle));
        poll_fn(|context| {
            let mut moved = false;
            let polled = self.poll(context, pair, tap, &mut moved);
            if moved {
                alarm.as_mut().reset(Instant::now() + idle);
            }
            if polled.is_pending() && alarm.as_mut().poll(context).is_ready() {
                tap.note(Event::TimedOut("neither side said anything for longer than a session may be idle"));
                return Poll::Ready(Leave::Idle);
            }
            polled
        })
        .await
    }

    /// Throws away what a side said and has not passed, where that is wanted.
    pub(super) fn throw_away(&mut self, side: Side, wanted: bool, tap: &mut impl Tap) {
        let held = &mut self.lane(side).held;
        if wanted && !held.is_empty() {
            let count = held.len();
            *held = Vec::new();
            tap.note(Event::ThrownAway(side, count));
        }
    }

    fn lane(&mut self, from: Side) -> &mut Lane {
        match from {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        pair: &mut Pair,
        tap: &mut impl Tap,
        moved: &mut bool,
    ) -> Poll<Leave> {
        loop {
            let mut progress = false;
            for from in [Side::Client, Side::Upstream] {
                progress |= self.write(context, pair, from);
                progress |= self.read(context, pair, tap, from);
                progress |= self.judge(tap, from);
                progress |= self.pass_on_the_end(context, pair, from);
            }
            *moved |= progress;
            if let Some(leave) = self.leave() {
                return Poll::Ready(leave);
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    /// Whether there is a reason to leave, and nothing left to write before.
    fn leave(&mut self) -> Option<Leave> {
        for (side, lane) in [(Side::Client, &self.client), (Side::Upstream, &self.upstream)] {
            let broken = lane.ended.filter(|ending| matches!(ending, Ending::Reset | Ending::Truncated));
            if let Some(ending) = broken.filter(|_| lane.out.is_empty() && !lane.is_fresh) {
                return Some(Leave::Broken(side, ending));
            }
        }
        if self.client.is_closed && self.upstream.is_closed {
            return Some(Leave::Over);
        }
        let is_written = self.client.out.is_empty() && self.upstream.out.is_empty();
        match self.wanted.filter(|_| is_written)? {
            Wanted::Secure { client, upstream } => {
                self.wanted = None;
                Some(Leave::Secure { client, upstream })
            }
            Wanted::End => Some(Leave::Over),
        }
    }

    /// Writes what has passed from this side to the other.
    fn write(&mut self, context: &mut Context<'_>, pair: &mut Pair, from: Side) -> bool {
        let lane = self.lane(from);
        if lane.out.is_empty() {
            return false;
        }
        let before = lane.written;
        let done = match pair.stream(from.other()).poll_write_all(context, &lane.out, &mut lane.written) {
            Poll::Pending => return lane.written > before,
            Poll::Ready(done) => done,
        };
        lane.out.clear();
        lane.written = 0;
        if done.is_err() {
            // Nobody hears this side any more. What the other one still had to say, and how it ended, comes by reading.
            lane.is_closed = true;
        }
        true
    }

    /// Reads from this side, as much as may be held.
    fn read(&mut self, context: &mut Context<'_>, pair: &mut Pair, tap: &mut impl Tap, from: Side) -> bool {
        let leaving = self.wanted.is_some();
        let lane = self.lane(from);
        if leaving || lane.ended.is_some() || lane.is_closed || lane.held.len() >= PIECE {
            return false;
        }
        let most = PIECE - lane.held.len();
        let polled = pair.stream(from).poll_receive(context, &mut lane.held, most, &mut |_| 0);
        let ending = match polled {
            Poll::Pending => return false,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.client.is_fresh = true;
                self.upstream.is_fresh = true;
                return true;
            }
            Poll::Ready(Ok(_)) => pair.stream(from).ending().unwrap_or(Ending::Fin),
            Poll::Ready(Err(ReadError::Reset)) => Ending::Reset,
            Poll::Ready(Err(ReadError::Truncated)) => Ending::Truncated,
            Poll::Ready(Err(error)) => {
                tap.note(Event::Failed(from, error.to_string()));
                Ending::Truncated
            }
        };
        tap.note(Event::Ended(from, ending));
        lane.ended = Some(ending);
        // Knowing of it, the tap may pass what it held back.
        self.client.is_fresh = true;
        self.upstream.is_fresh = true;
        true
    }

    /// Asks the tap what becomes of what this side said.
    fn judge(&mut self, tap: &mut impl Tap, from: Side) -> bool {
        let mut progress = false;
        // The tap may answer a side itself, so both directions must have room.
        while self.wanted.is_none()
            && self.client.out.len() < PIECE
            && self.upstream.out.len() < PIECE
            && self.lane(from).is_fresh
        {
            let lane = self.lane(from);
            match tap.next(from, &lane.held) {
                Act::Pass(count) if (1..=lane.held.len()).contains(&count) => {
                    let passed = lane.held.drain(..count);
                    if lane.is_closed {
                        drop(passed);
                    } else {
                        lane.out.extend(passed);
                    }
                }
                Act::Take(count) if (1..=lane.held.len()).contains(&count) => drop(lane.held.drain(..count)),
                Act::Say(side, octets) => self.lane(side.other()).out.extend_from_slice(&octets),
                Act::Secure { client, upstream } => self.wanted = Some(Wanted::Secure { client, upstream }),
                Act::End => self.wanted = Some(Wanted::End),
                Act::Hold | Act::Pass(_) | Act::Take(_) => {
                    lane.is_fresh = false;
                    return progress;
                }
            }
            progress = true;
            self.lane(from.other()).is_fresh = true;
        }
        progress
    }

    /// Tells the other side that this one says no more, when all is passed that will.
    fn pass_on_the_end(&mut self, context: &mut Context<'_>, pair: &mut Pair, from: Side) -> bool {
        let other_ended = self.lane(from.other()).ended.is_some();
        let lane = self.lane(from);
        let ended = matches!(lane.ended, Some(Ending::Fin | Ending::TlsClose));
        // What is held back may yet pass when the other side says something.
        let all_passed = lane.held.is_empty() || (other_ended && !lane.is_fresh);
        if !ended || lane.is_closed || !lane.out.is_empty() || !all_passed {
            return false;
        }
        if pair.stream(from.other()).poll_shutdown_write(context).is_pending() {
            return false;
        }
        lane.is_closed = true;
        true
    }
}

impl Pair {
    fn stream(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }
}

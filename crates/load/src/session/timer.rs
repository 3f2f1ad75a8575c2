//! One timer for each session, for deadlines and pauses alike.
//!
//! A deadline that moves on with every reply would cost an operation on the timer wheel for each command. So the
//! timer stays armed for an earlier deadline; when it fires too early, which is seldom, it is armed anew.
//!
//! A pause ends at a moment of the plan, from which a response time counts, so that a timer with the grain of a
//! millisecond brings it near its end only, and the worker's agenda does the rest.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use tokio::task::coop;
use tokio::time::Sleep;

use crate::worker::{Agenda, Context};

#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// What it is armed for, nanoseconds since the start of the plan; 0 once that has passed.
    armed: u64,
    /// For what it is on the agenda, in the same way; 0 once that has passed.
    entered: u64,
}

impl Timer {
    /// Ready once that moment has come, and then at once, where the worker has an agenda.
    pub(crate) fn poll_punctually(
        &mut self,
        task: &mut TaskContext<'_>,
        context: &Context,
        at: u64,
    ) -> Poll<()> {
        let Some(agenda) = &context.agenda else { return self.poll(task, context, at) };
        // As tokio's timers do: whoever never waits, since he is always late, must let others have their turn.
        let turn = ready!(coop::poll_proceed(task));
        loop {
            let now = context.clock();
            if now >= at {
                turn.made_progress();
                self.entered = 0;
                return Poll::Ready(());
            }
            if Agenda::is_near(at - now) {
                agenda.enter(at, task, self.entered == at);
                self.entered = at;
                return Poll::Pending;
            }
            ready!(self.poll(task, context, Agenda::shortly_before(at)));
        }
    }

    /// Ready once that moment has come, or a millisecond or two later.
    pub(crate) fn poll(&mut self, task: &mut TaskContext<'_>, context: &Context, at: u64) -> Poll<()> {
        loop {
            let sleep = if let Some(sleep) = &mut self.sleep {
                if self.armed == 0 || self.armed > at {
                    sleep.as_mut().reset(context.moment(at));
                    self.armed = at;
                }
                sleep
            } else {
                self.armed = at;
                self.sleep.insert(Box::pin(tokio::time::sleep_until(context.moment(at))))
            };
            ready!(sleep.as_mut().poll(task));
            let armed = std::mem::take(&mut self.armed);
            if armed >= at {
                return Poll::Ready(());
            }
        }
    }
}

//! One timer for each session, for deadlines and pauses alike.
//!
//! A deadline that moves on with every reply would cost an operation on the timer wheel for each command. So the
//! timer stays armed for an earlier deadline; when it fires too early, which is seldom, it is armed anew.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use tokio::time::Sleep;

use crate::worker::Context;

#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// What it is armed for, nanoseconds since the start of the plan; 0 once that has passed.
    armed: u64,
}

impl Timer {
    /// Ready once that moment has come.
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

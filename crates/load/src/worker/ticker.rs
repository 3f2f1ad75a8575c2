//! The clockwork of a worker: releases arrivals, tells seconds, finds the end.

use std::future::poll_fn;
use std::iter::Peekable;
use std::rc::Rc;

use tokio::sync::watch;

use crate::Measured;
use crate::plan::Arrival;
use crate::session::Timer;

use super::sessions::Sessions;
use super::{Context, Ended, nanoseconds};

const SECOND_NS: u64 = 1_000_000_000;

/// Runs the plan to its end, or until it is stopped.
pub(super) async fn run(
    context: &Rc<Context>,
    mut stop: watch::Receiver<bool>,
    mut report: impl FnMut(Measured),
) -> Ended {
    let sessions = Sessions::new(context.clone());
    let worker = context.assignment.worker;
    let workers = context.assignment.workers;
    let mut watch = SelfWatch::new(context.assignment.watch_self);
    let mut second = 0;

    // Everything before the start belongs to the start: the clock stands at 0 until then.
    let started = tokio::select! {
        biased;
        () = stopped(&mut stop) => false,
        () = start(context) => true,
    };
    let own = |arrival: &Arrival| context.plan.worker(arrival.user, workers) == worker;
    let mut arrivals = context.plan.arrivals(context.scenario()).filter(own).peekable();
    if started {
        let slots = context.plan.slots().unwrap_or(0);
        (0..slots)
            .filter(|slot| slot % u64::from(workers.max(1)) == u64::from(worker))
            .for_each(|slot| sessions.slot(slot));
    }

    let timeouts = context.scenario().timeouts;
    let grace_ns = nanoseconds(timeouts.session.unwrap_or(timeouts.reply));
    let last_ns = context.end_ns.saturating_add(grace_ns);
    let mut timer = Timer::default();
    let mut early = !started;
    while !early {
        let now = context.clock();
        let border = u64::from(second + 1) * SECOND_NS;
        // What is due in a second is asked for in that second, however late the ticker is.
        release(&sessions, &mut arrivals, now.min(border - 1));
        let over = now >= context.end_ns && arrivals.peek().is_none() && sessions.is_idle();
        if now >= border {
            report(watch.second(context, second));
            second += 1;
            continue;
        }
        if over || now >= last_ns {
            break;
        }
        let mut next = border.min(last_ns);
        if let Some(arrival) = arrivals.peek() {
            next = next.min(arrival.intended_ns.max(now + 1));
        } else if now < context.end_ns {
            next = next.min(context.end_ns);
        }
        let drained = now >= context.end_ns && arrivals.peek().is_none();
        tokio::select! {
            biased;
            () = stopped(&mut stop) => early = true,
            () = sessions.idle.notified(), if drained => {}
            () = poll_fn(|task| timer.poll_punctually(task, context, next)) => {}
            () = keep_agenda(context) => {}
        }
    }

    let left = if context.plan.slots().is_some() { 0 } else { arrivals.count() as u64 };
    context.overdue.set(!early);
    let (unfinished, waiting) = sessions.end().await;
    let ended = Ended { early, unfinished, not_begun: left + waiting };
    let mut last = watch.second(context, second);
    last.counted.unfinished = ended.unfinished;
    last.counted.not_begun = ended.not_begun;
    report(last);
    ended
}

/// Ready at the start of the plan.
async fn start(context: &Context) {
    match &context.agenda {
        Some(agenda) => poll_fn(|task| agenda.poll_start(task)).await,
        None => tokio::time::sleep_until(context.moment(0)).await,
    }
}

/// Wakes whoever waits for a moment of the plan. Never ready.
async fn keep_agenda(context: &Context) {
    match &context.agenda {
        Some(agenda) => match poll_fn(|task| agenda.poll_keep(task)).await {},
        None => std::future::pending().await,
    }
}

/// Begins every session that is due by that moment.
fn release(sessions: &Rc<Sessions>, arrivals: &mut Peekable<impl Iterator<Item = Arrival>>, until_ns: u64) {
    while let Some(arrival) = arrivals.next_if(|arrival| arrival.intended_ns <= until_ns) {
        let late = sessions.context.clock().saturating_sub(arrival.intended_ns);
        {
            let mut recorder = sessions.context.recorder.borrow_mut();
            recorder.counters.asked += 1;
            recorder.late(late);
        }
        sessions.arrive(arrival);
    }
}

/// Ready once the run is to stop. A controller that is gone wants no more either.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What the worker uses of the machine, by the second.
struct SelfWatch {
    on: bool,
    before: net::limits::ThreadTime,
}

impl SelfWatch {
    fn new(on: bool) -> SelfWatch {
        let before = if on {
            net::limits::thread_time().unwrap_or_default()
        } else {
            net::limits::ThreadTime::default()
        };
        SelfWatch { on, before }
    }

    fn second(&mut self, context: &Context, number: u32) -> Measured {
        let mut second = context.recorder.borrow_mut().take(number);
        if self.on {
            let now = net::limits::thread_time().unwrap_or_default();
            let counted = &mut second.counted;
            counted.cpu_ns = nanoseconds(now.running.saturating_sub(self.before.running));
            counted.run_queue_ns = nanoseconds(now.waiting.saturating_sub(self.before.waiting));
            counted.resident_bytes = net::limits::memory_resident().unwrap_or(0);
            self.before = now;
        }
        second
    }
}

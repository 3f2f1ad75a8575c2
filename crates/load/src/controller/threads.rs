//! Workers as threads of this process: for programs that have no second program to start. All share one limit of
//! descriptors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use net::Alarm;
use tokio::sync::{mpsc, watch};

use super::{Course, Event, News, Order, Outcome, StartError};
use crate::{Assignment, Behaviours};

type Teller = mpsc::UnboundedSender<(u32, Event)>;

/// Carries out a run in threads of its own, one for each worker, each with a runtime of its own. `custom` makes the
/// behaviours written in Rust, once for each thread; `news` is told what is to be written down, and of every complete second;
/// `stop` ends the run early and says why.
///
/// # Errors
/// A thread cannot be started, or TLS not be set up. Nothing has been sent then.
pub async fn run_threads(
    order: &Order,
    custom: impl Fn() -> Behaviours + Clone + Send + 'static,
    mut news: impl FnMut(News<'_>),
    stop: impl Future<Output = String>,
) -> Result<Outcome, StartError> {
    // More descriptors are needed before the first socket, and not getting them is no reason to give up.
    let _ = net::limits::raise_descriptors();
    let mut course = Course::new(order, &mut news);
    let (teller, mut told) = mpsc::unbounded_channel();
    // Workers wait for `true` before they begin; dropping it sends them home.
    let (go, started) = watch::channel(false);
    let (stopping, stopped) = watch::channel(false);
    for worker in 0..order.workers.max(1) {
        let (assignment, custom, teller) = (order.of(worker), custom.clone(), teller.clone());
        let (started, stopped) = (started.clone(), stopped.clone());
        let whole_life = move || live_through(worker, assignment, custom, &teller, started, stopped);
        std::thread::Builder::new()
            .name(format!("load-worker-{worker}"))
            .spawn(whole_life)
            .map_err(|error| StartError::Worker { worker, reason: error.to_string() })?;
    }
    drop(teller);

    let mut ready = 0;
    while ready < order.workers.max(1) {
        match told.recv().await {
            Some((_, Event::Ready)) => ready += 1,
            Some((worker, Event::Lost(reason))) => return Err(StartError::Worker { worker, reason }),
            Some(_) => {}
            None => break,
        }
    }
    go.send_replace(true);
    course.begin();

    let mut stop = pin!(stop);
    let mut listening = true;
    while course.is_open() {
        tokio::select! {
            biased;
            why = &mut stop, if listening => {
                listening = false;
                course.stop(why);
                stopping.send_replace(true);
            }
            event = told.recv() => match event {
                Some((worker, event)) => if course.tell(worker, event) {
                    stopping.send_replace(true);
                },
                None => break,
            },
        }
    }
    Ok(course.finish())
}

/// The life of one thread. Whatever happens in it, it is told.
fn live_through(
    worker: u32,
    assignment: Assignment,
    custom: impl Fn() -> Behaviours,
    teller: &Teller,
    mut started: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) {
    let life = || -> Result<Event, String> {
        let dialer = crate::dialer(&assignment).map_err(|error| error.to_string())?;
        let runtime = crate::runtime().map_err(|error| error.to_string())?;
        let alarm = runtime.block_on(async { Alarm::new() }).map_err(|error| error.to_string())?;
        let _ = teller.send((worker, Event::Ready));
        let ended = runtime.block_on(async {
            if started.wait_for(|go| *go).await.is_err() {
                return None;
            }
            let report = |second| {
                let _ = teller.send((worker, Event::Measured(Box::new(second))));
            };
            Some(crate::work(assignment, dialer, Some(alarm), custom(), stopped, report).await)
        });
        Ok(Event::Ended { early: ended.is_none_or(|ended| ended.early) })
    };
    // A panic of a behaviour that somebody wrote ends one worker, not the run.
    let event = match catch_unwind(AssertUnwindSafe(life)) {
        Ok(Ok(event)) => event,
        Ok(Err(reason)) => Event::Lost(reason),
        Err(_) => Event::Lost("its thread panicked".to_owned()),
    };
    let _ = teller.send((worker, event));
}

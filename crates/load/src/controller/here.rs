//! Workers as futures in the caller's runtime: no process, no thread, and time is whatever tokio says it is.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use net::Dialer;
use tokio::sync::watch;

use super::{Course, Event, News, Order, Outcome};
use crate::{Assignment, Behaviours, Ended, Measured};

/// Carries out a run within the calling task, which must stand in a [`tokio::runtime::LocalRuntime`] or a
/// [`tokio::task::LocalSet`]; under a paused clock it takes no time, and its records are the same each time. `news`
/// is told what is to be written down, and of every complete second; `stop` ends the run early and says why.
///
/// All workers share one thread, so that the records leave out how busy each of them was. Since the clock may be a paused
/// one, none has an alarm of its own: on the machine's clock, waits end at the next whole millisecond or two.
pub async fn run_here(
    order: &Order,
    dialer: &Dialer,
    custom: &Behaviours,
    mut news: impl FnMut(News<'_>),
    stop: impl Future<Output = String>,
) -> Outcome {
    let mut course = Course::new(order, &mut news);
    course.begin();
    let told: Rc<RefCell<VecDeque<(u32, Measured)>>> = Rc::default();
    let (stopping, stopped) = watch::channel(false);
    let mut parts: Vec<Option<Pin<Box<dyn Future<Output = Ended>>>>> = Vec::new();
    for worker in 0..order.workers.max(1) {
        let told = Rc::clone(&told);
        let report = move |second| told.borrow_mut().push_back((worker, second));
        let assignment = Assignment { watch_self: false, ..order.of(worker) };
        let part = crate::work(assignment, dialer.clone(), None, custom.clone(), stopped.clone(), report);
        parts.push(Some(Box::pin(part)));
    }
    let mut stop = pin!(stop);
    let mut listening = true;
    poll_fn(|context| {
        if listening && let Poll::Ready(why) = stop.as_mut().poll(context) {
            listening = false;
            course.stop(why);
            stopping.send_replace(true);
        }
        let mut events = Vec::new();
        for (worker, slot) in (0..).zip(&mut parts) {
            let Some(part) = slot else { continue };
            if let Poll::Ready(ended) = part.as_mut().poll(context) {
                *slot = None;
                events.push((worker, Event::Ended { early: ended.early }));
            }
        }
        // What was told comes before the ends of those who told it.
        let seconds = std::mem::take(&mut *told.borrow_mut());
        let seconds = seconds.into_iter().map(|(worker, second)| (worker, Event::Measured(Box::new(second))));
        for (worker, event) in seconds.chain(events) {
            if course.tell(worker, event) {
                stopping.send_replace(true);
            }
        }
        if course.is_open() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    course.finish()
}

//! The waits of a worker that are nearly over, and the one alarm that ends them all.
//!
//! tokio's timers end at the next whole millisecond, and a response time counts from the moment of the plan: a fast
//! server would be measured by how late its user was woken. So whoever waits for a moment of the plan does so with a
//! timer of his own until shortly before it, and is on the agenda from then on. A hundred thousand that wait for long
//! cost nothing here, and the few that are nearly due have one descriptor between them.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::task::{Context as TaskContext, Poll, Waker, ready};

use std::time::Duration;

use net::Alarm;
use tokio::time::Instant;

use super::nanoseconds;

/// How long before its moment a wait comes here. tokio rounds a moment up to a millisecond, and then what is left until
/// it once more; the third one is for a worker that is busy.
const NEARLY_NS: u64 = 3_000_000;

/// How long the alarm is silent after it has woken somebody. What falls due meanwhile goes together, so that it rings
/// five thousand times a second at most; a wait without another shortly before it is woken at its moment.
const SILENCE_NS: u64 = 200_000;

/// Who is woken when. Moments are nanoseconds since the start of the plan.
pub(crate) struct Agenda {
    start: Instant,
    alarm: RefCell<Alarm>,
    waits: RefCell<Waits>,
    /// Until when the alarm is silent.
    silent_until_ns: Cell<u64>,
    /// What the alarm is set for.
    next_ns: Cell<u64>,
    /// Who waits for the alarm.
    keeper: RefCell<Waker>,
}

impl Agenda {
    pub(super) fn new(alarm: Alarm, start: Instant) -> Agenda {
        Agenda {
            start,
            alarm: RefCell::new(alarm),
            waits: RefCell::default(),
            silent_until_ns: Cell::new(0),
            next_ns: Cell::new(u64::MAX),
            keeper: RefCell::new(Waker::noop().clone()),
        }
    }

    /// Whether a wait of so many nanoseconds is nearly over, so that it should [`Agenda::enter`].
    pub(crate) fn is_near(left_ns: u64) -> bool {
        left_ns <= NEARLY_NS
    }

    /// The moment at which a wait for this one is nearly over.
    pub(crate) fn shortly_before(at_ns: u64) -> u64 {
        at_ns.saturating_sub(NEARLY_NS)
    }

    /// Has the task woken at that moment. Whoever says so `again` for the same moment stands on the agenda once
    /// nevertheless. A task that is over by then is woken in vain.
    pub(crate) fn enter(&self, at_ns: u64, task: &TaskContext<'_>, again: bool) {
        let entered = self.waits.borrow_mut().enter(at_ns, task.waker(), again);
        if entered && at_ns.max(self.silent_until_ns.get()) < self.next_ns.get() {
            self.keeper.borrow().wake_by_ref();
        }
    }

    /// Ready at the start of the plan, before which its clock stands still.
    pub(super) fn poll_start(&self, task: &mut TaskContext<'_>) -> Poll<()> {
        self.alarm.borrow_mut().poll_at(task, self.start)
    }

    /// Wakes whoever is due, for as long as the worker lives.
    pub(super) fn poll_keep(&self, task: &mut TaskContext<'_>) -> Poll<Infallible> {
        loop {
            let now = nanoseconds(Instant::now().saturating_duration_since(self.start));
            if self.wake_due(now) {
                self.silent_until_ns.set(now.saturating_add(SILENCE_NS));
            }
            self.keeper.borrow_mut().clone_from(task.waker());
            let Some(first_ns) = self.waits.borrow().first_ns() else {
                self.next_ns.set(u64::MAX);
                return Poll::Pending;
            };
            let next_ns = first_ns.max(self.silent_until_ns.get());
            self.next_ns.set(next_ns);
            ready!(self.alarm.borrow_mut().poll_at(task, self.start + Duration::from_nanos(next_ns)));
        }
    }

    fn wake_due(&self, now_ns: u64) -> bool {
        let mut woken = false;
        // Nothing is borrowed while a waker runs: what that does is not known here.
        let due = || self.waits.borrow_mut().take_due(now_ns);
        while let Some(waker) = due() {
            waker.wake();
            woken = true;
        }
        woken
    }
}

/// Moments and who waits for them, the next one first.
#[derive(Default)]
struct Waits {
    waits: BinaryHeap<Wait>,
}

impl Waits {
    /// Whether it was not there before.
    fn enter(&mut self, at_ns: u64, waker: &Waker, again: bool) -> bool {
        let there = |wait: &Wait| wait.at_ns == at_ns && wait.waker.will_wake(waker);
        if again && self.waits.iter().any(there) {
            return false;
        }
        self.waits.push(Wait { at_ns, waker: waker.clone() });
        true
    }

    fn first_ns(&self) -> Option<u64> {
        self.waits.peek().map(|wait| wait.at_ns)
    }

    fn take_due(&mut self, now_ns: u64) -> Option<Waker> {
        self.first_ns().filter(|first_ns| *first_ns <= now_ns)?;
        self.waits.pop().map(|wait| wait.waker)
    }
}

struct Wait {
    at_ns: u64,
    waker: Waker,
}

/// The earlier wait is the greater one, as the heap gives the greatest first.
impl Ord for Wait {
    fn cmp(&self, other: &Wait) -> Ordering {
        other.at_ns.cmp(&self.at_ns)
    }
}

impl PartialOrd for Wait {
    fn partial_cmp(&self, other: &Wait) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Wait {
    fn eq(&self, other: &Wait) -> bool {
        self.at_ns == other.at_ns
    }
}

impl Eq for Wait {}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;

    const HOUR_NS: u64 = 3_600_000_000_000;

    /// A task that only counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicUsize);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Some tasks, and how often each has been woken.
    struct Sleepers(Vec<Arc<Sleeper>>);

    impl Sleepers {
        fn new(count: usize) -> Sleepers {
            Sleepers((0..count).map(|_| Arc::default()).collect())
        }

        fn waker(&self, of: usize) -> Waker {
            self.0[of].clone().into()
        }

        fn woken(&self) -> Vec<usize> {
            self.0.iter().map(|sleeper| sleeper.0.load(Relaxed)).collect()
        }
    }

    /// An agenda whose plan begins now.
    fn agenda() -> Agenda {
        Agenda::new(Alarm::new().unwrap(), Instant::now())
    }

    fn clock(agenda: &Agenda) -> u64 {
        nanoseconds(agenda.start.elapsed())
    }

    fn enter(agenda: &Agenda, at_ns: u64, waker: &Waker) {
        agenda.enter(at_ns, &TaskContext::from_waker(waker), false);
    }

    fn keep(agenda: &Agenda, keeper: &Waker) {
        assert!(agenda.poll_keep(&mut TaskContext::from_waker(keeper)).is_pending());
    }

    #[test]
    fn the_earliest_comes_first_and_none_before_its_moment() {
        let moments = [50, 10, 40, 10, 30, 20];
        let (sleepers, mut waits) = (Sleepers::new(moments.len()), Waits::default());
        for (of, at_ns) in moments.into_iter().enumerate() {
            assert!(waits.enter(at_ns, &sleepers.waker(of), false));
        }
        let mut taken = Vec::new();
        for now_ns in 0..100 {
            assert!(waits.first_ns().is_none_or(|first_ns| first_ns >= now_ns));
            while let Some(waker) = waits.take_due(now_ns) {
                let of = (0..moments.len()).find(|of| waker.will_wake(&sleepers.waker(*of))).unwrap();
                taken.push((now_ns, moments[of]));
            }
        }
        assert_eq!(taken, [(10, 10), (10, 10), (20, 20), (30, 30), (40, 40), (50, 50)]);
    }

    #[test]
    fn who_asks_again_stands_there_once() {
        let (sleepers, mut waits) = (Sleepers::new(2), Waits::default());
        let (one, other) = (sleepers.waker(0), sleepers.waker(1));
        assert!(waits.enter(10, &one, false));
        assert!((0..100).all(|_| !waits.enter(10, &one, true)));
        assert!(waits.enter(10, &other, true), "it is another task");
        assert!(waits.enter(20, &one, true), "it is another moment");
        assert_eq!(waits.waits.len(), 3);
        while waits.take_due(20).is_some() {}
        assert!(waits.enter(20, &one, true), "it was taken");
    }

    #[tokio::test]
    async fn who_is_due_is_woken_at_once_and_nobody_else() {
        let (agenda, sleepers) = (agenda(), Sleepers::new(3));
        enter(&agenda, 0, &sleepers.waker(0));
        enter(&agenda, HOUR_NS, &sleepers.waker(1));
        keep(&agenda, &sleepers.waker(2));
        assert_eq!(sleepers.woken(), [1, 0, 0]);
    }

    #[tokio::test]
    async fn the_alarm_is_set_anew_for_an_earlier_moment_only() {
        let (agenda, sleepers) = (agenda(), Sleepers::new(2));
        keep(&agenda, &sleepers.waker(1));
        for (hours, woken) in [(5, 1), (6, 1), (4, 2), (5, 2), (3, 3)] {
            enter(&agenda, hours * HOUR_NS, &sleepers.waker(0));
            assert_eq!(sleepers.woken(), [0, woken], "{hours} hours");
            keep(&agenda, &sleepers.waker(1));
        }
    }

    #[tokio::test]
    async fn the_alarm_wakes_the_keeper_and_the_keeper_whoever_is_due() {
        let (agenda, sleepers) = (agenda(), Sleepers::new(3));
        let last_ns = clock(&agenda) + 4_000_000;
        for (of, before_ns) in [0, 3_000_000, 1_000_000].into_iter().enumerate() {
            enter(&agenda, last_ns - before_ns, &sleepers.waker(of));
        }
        poll_fn(|task| {
            let before = clock(&agenda);
            let _ = agenda.poll_keep(task);
            let woken = sleepers.woken();
            assert!(woken[0] <= woken[2] && woken[2] <= woken[1], "{woken:?}");
            assert!(clock(&agenda) >= last_ns || woken[0] == 0, "woken before the moment");
            assert!(before < last_ns || woken == [1, 1, 1], "{woken:?}");
            if woken == [1, 1, 1] { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[tokio::test]
    async fn what_falls_due_soon_after_another_waits_for_the_silence_to_end() {
        let (agenda, sleepers) = (agenda(), Sleepers::new(2));
        enter(&agenda, 0, &sleepers.waker(0));
        keep(&agenda, &sleepers.waker(1));
        let silent_until_ns = agenda.silent_until_ns.get();
        assert!(silent_until_ns >= SILENCE_NS);
        enter(&agenda, silent_until_ns - 1, &sleepers.waker(0));
        keep(&agenda, &sleepers.waker(1));
        // A machine that is slow has come so far by itself.
        assert!(agenda.next_ns.get() == silent_until_ns || sleepers.woken()[0] == 2);
    }

    #[tokio::test]
    async fn a_task_that_is_over_is_woken_in_vain() {
        let local = tokio::task::LocalSet::new();
        let (agenda, sleepers) = (std::rc::Rc::new(agenda()), Sleepers::new(2));
        let entered = agenda.clone();
        let waits = local.spawn_local(poll_fn(move |task| {
            entered.enter(0, task, false);
            Poll::<()>::Pending
        }));
        local.run_until(tokio::task::yield_now()).await;
        assert_eq!(agenda.waits.borrow().first_ns(), Some(0));
        waits.abort();
        assert!(local.run_until(waits).await.unwrap_err().is_cancelled());
        enter(&agenda, 1, &sleepers.waker(0));
        keep(&agenda, &sleepers.waker(1));
        assert_eq!(sleepers.woken(), [1, 0]);
    }
}

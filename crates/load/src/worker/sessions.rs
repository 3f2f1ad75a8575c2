//! From an arrival to a session that was counted.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use crate::behaviour;
use crate::plan::Arrival;
use crate::recorder::Keep;
use crate::session::{Failure, Recording, Session};

use super::Context;
use super::accounts::Accounts;

/// The kind of error of a session whose task panicked.
pub const PANIC: &str = "panic";

/// How long a slot of a closed loop waits after a failed session, so that a dead server is not hammered.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The sessions of one worker.
pub(super) struct Sessions {
    pub(super) context: Rc<Context>,
    pub(super) accounts: RefCell<Accounts>,
    /// Whether no further session may begin.
    closed: Cell<bool>,
    /// Slots of a closed loop that go on.
    slots: Cell<u64>,
    /// Told when the last session is over.
    pub(super) idle: Notify,
}

impl Sessions {
    pub(super) fn new(context: Rc<Context>) -> Rc<Sessions> {
        Rc::new(Sessions {
            context,
            accounts: RefCell::default(),
            closed: Cell::new(false),
            slots: Cell::new(0),
            idle: Notify::new(),
        })
    }

    /// An arrival is due: its session begins, or waits for the one before it.
    pub(super) fn arrive(self: &Rc<Self>, arrival: Arrival) {
        if self.accounts.borrow().is_busy(arrival.user) {
            self.accounts.borrow_mut().wait(arrival);
            self.context.recorder.borrow_mut().counters.waited_for_account += 1;
        } else {
            self.begin(arrival);
        }
    }

    /// A slot of a closed loop: one session after the other until the plan's end.
    pub(super) fn slot(self: &Rc<Self>, slot: u64) {
        let sessions = self.clone();
        let slots = self.context.plan.slots().unwrap_or(1);
        self.slots.set(self.slots.get() + 1);
        let (first, _) = self.context.plan.turn(slot, 0);
        let task = tokio::task::spawn_local(async move {
            let context = &sessions.context;
            for n in 0.. {
                let now = context.clock();
                if now >= context.end_ns || sessions.closed.get() {
                    break;
                }
                let (user, visit) = context.plan.turn(slot, n);
                context.recorder.borrow_mut().counters.asked += 1;
                let arrival = Arrival { number: n * slots + slot, intended_ns: now, user, visit };
                let mut session = sessions.open(arrival);
                sessions.begun(&mut session);
                let result = carry_out(&mut session).await;
                sessions.ended(&mut session, &result);
                drop(session);
                if result.is_err() {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
            sessions.accounts.borrow_mut().release(first);
            sessions.note_idle();
        });
        // A slot's users belong to nobody else, so that its first one can stand for all of them.
        self.accounts.borrow_mut().occupy(first, task.abort_handle());
    }

    /// Whether sessions are open, or arrivals wait.
    pub(super) fn is_idle(&self) -> bool {
        self.accounts.borrow().open() == 0
    }

    /// Ends everything that is open, and waits until it is gone. Gives how many sessions were unfinished, and how many
    /// arrivals still waited.
    pub(super) async fn end(&self) -> (u64, u64) {
        self.closed.set(true);
        let waiting = self.accounts.borrow().waiting();
        let unfinished = self.context.recorder.borrow().open;
        self.accounts.borrow_mut().abort();
        // Tasks are dropped when they are looked at once more, some of them at each turn.
        for _ in 0..=unfinished {
            if self.context.recorder.borrow().open == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        (unfinished, waiting)
    }

    fn begin(self: &Rc<Self>, arrival: Arrival) {
        let sessions = self.clone();
        // Made here and moved into the task: as an argument of an async function it would be in there twice.
        let mut session = self.open(arrival);
        let task = tokio::task::spawn_local(async move {
            sessions.begun(&mut session);
            let result = carry_out(&mut session).await;
            sessions.ended(&mut session, &result);
            let user = session.user();
            drop(session);
            let next = sessions.accounts.borrow_mut().release(user);
            match next {
                Some(next) if !sessions.closed.get() => sessions.begin(next),
                _ => sessions.note_idle(),
            }
        });
        self.accounts.borrow_mut().occupy(arrival.user, task.abort_handle());
    }

    fn open(&self, arrival: Arrival) -> Session {
        let behaviour = self.context.plan.behaviour(self.context.scenario(), arrival.user);
        Session::new(self.context.clone(), arrival, behaviour as u16)
    }

    /// Counts a session that begins now, and has it recorded if that is wanted.
    fn begun(&self, session: &mut Session) {
        let (context, arrival, behaviour) = (&self.context, session.arrival(), session.number_of_behaviour());
        let sample = context.plan.is_sample(arrival.number);
        let wanted = {
            let mut recorder = context.recorder.borrow_mut();
            recorder.begun(behaviour);
            recorder.errors.records(behaviour)
        };
        if sample || wanted {
            session.record(recording(context, arrival, behaviour, sample));
        }
        session.begin();
    }

    /// Counts a session that is over.
    fn ended(&self, session: &mut Session, result: &Result<(), Failure>) {
        session.end();
        {
            let now_ns = self.context.clock();
            let mut recorder = self.context.recorder.borrow_mut();
            recorder.open -= 1;
            recorder.counters.last_end_ns = now_ns;
            match result {
                Ok(()) => recorder.counters.completed += 1,
                Err(_) => recorder.counters.failed += 1,
            }
        }
        match result {
            Ok(()) => keep_sample(session),
            Err(failure) => keep_failure(session, failure),
        }
    }

    fn note_idle(&self) {
        if self.is_idle() {
            self.idle.notify_one();
        }
    }
}

/// Runs the behaviour. A panic in it, which is a fault of poplab's own or of a behaviour of the user's, ends this session
/// with an error of its own kind, so that nobody takes the run for a good one.
async fn carry_out(session: &mut Session) -> Result<(), Failure> {
    let mut behaviour = pin!(behaviour::run(session));
    poll_fn(|task| {
        // What has panicked is not polled again.
        catch_unwind(AssertUnwindSafe(|| behaviour.as_mut().poll(task)))
            .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let seen = format!(
        "the session's own task panicked, which is not the server's fault: {}",
        text.unwrap_or("it did not say why")
    );
    Failure::custom(PANIC, seen)
}

/// Counts a session that was dropped before its end. Where the run was stopped that is as it should be; where it had
/// all the time of the plan and more, it never ended, and whoever waited for it would still wait.
pub(crate) fn cut_off(session: &mut Session) {
    session.end();
    let context = session.context().clone();
    context.recorder.borrow_mut().open -= 1;
    if context.overdue.get() {
        let failure = session.unfinished();
        keep_failure(session, &failure);
    }
}

fn recording(context: &Context, arrival: Arrival, behaviour: usize, sample: bool) -> Recording {
    let user = context.scenario().accounts.user(arrival.user).unwrap_or_default();
    let name = context.scenario().behaviours[behaviour].behaviour.name();
    let title = format!("load {name}, {user}, visit {}", arrival.visit);
    Recording::new(&title, context.assignment.seed, sample, context.secrets())
}

fn keep_sample(session: &mut Session) {
    let arrival = session.arrival();
    if let Some(recording) = session.take_recording()
        && recording.sample
    {
        let name = format!("good-{:06}", arrival.number);
        session.context().recorder.borrow_mut().transcript(recording.finish(&name, None));
    }
}

/// Counts the error and keeps the transcript, if this one is wanted. Only the first of a kind that was not recorded
/// is told from the worker's trail.
fn keep_failure(session: &mut Session, failure: &Failure) {
    let (arrival, behaviour) = (session.arrival(), session.number_of_behaviour());
    let context = session.context().clone();
    let mut full = session.take_recording();
    let fault = failure.fault();
    let redacting = || recording(&context, arrival, behaviour, false);
    // A response code may be anything, too; it becomes part of reports and of file names.
    let kind = match context.secrets().redact(&fault.kind) {
        clean if clean == fault.kind => fault.kind.clone(),
        _ => Cow::Borrowed("err"),
    };
    let mut recorder = context.recorder.borrow_mut();
    recorder.counters.verified.failures += u64::from(failure.is_wrong_data());
    let at_s = context.clock() as f64 / 1e9;
    let example = || match &full {
        Some(recording) => recording.redact(&fault.seen),
        None => redacting().redact(&fault.seen),
    };
    let kind = recorder.errors.count(kind, fault.step, at_s, example);
    let keep = recorder.errors.transcript(kind.clone(), fault.step, behaviour, full.is_some());
    let step = recorder.tag(fault.step).to_owned();
    let recording = match keep {
        Keep::No => return,
        Keep::Recorded => full.take(),
        Keep::First => {
            let mut recording = redacting();
            context.trail.borrow().tell(arrival.number, &mut recording);
            recording.note(
                "shown as far as the worker still had it; the next ones of this kind are recorded in full",
            );
            Some(Box::new(recording))
        }
    };
    if let Some(mut recording) = recording {
        recording.note(&format!("failed, {kind} at {step}: {}", fault.seen));
        let name = format!("{kind}-{step}-{:06}", arrival.number);
        recorder.transcript(recording.finish(&name, Some((&kind, &step))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that the function makes.
    fn size_of<Given, Made>(_: impl FnOnce(Given) -> Made) -> usize {
        std::mem::size_of::<Made>()
    }

    /// A task has some hundred octets more, and the socket's own memory is the kernel's.
    #[test]
    fn a_session_is_small() {
        let what_it_knows = std::mem::size_of::<Session>();
        let what_it_does = size_of(|session: &'static mut Session| behaviour::run(session));
        assert!(what_it_knows <= 480, "{what_it_knows}");
        assert!(what_it_does <= 320, "{what_it_does}");
    }
}

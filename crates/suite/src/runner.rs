//! Runs checks at one entrance side by side: those that give wrong passwords last and from loopback addresses of
//! their own, and at the very end the watching of all status lines.
//!
//! The runner emits events and keeps evidence; it prints and writes nothing. It can be stopped at any time:
//! what has a verdict keeps it, the rest is inconclusive.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use record::{CheckResult, Event, Level, Verdict};
use stats::Latencies;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::Instant;
use transcript::{Entry, Transcript};

use crate::check::Check;
use crate::deviation;
use crate::journal::{Leavings, Seen};
use crate::lab::Lab;
use crate::needs;
use crate::outcome::{Outcome, Stop};
use crate::reproduce::{self, Reproduction};
use crate::site::Site;

/// A check's verdict and the conversation that led to it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The verdict.
    pub result: CheckResult,
    /// The conversation; `None` if there was none, as for a skipped check. In that of a finding the line that the
    /// verdict is about is marked.
    pub transcript: Option<Transcript>,
    /// How a finding is seen again; `None` for a pass, and where that cannot be told.
    pub reproduction: Option<Reproduction>,
}

/// A run at one entrance.
pub struct Runner {
    site: Rc<Site>,
    checks: Vec<Check>,
    jobs: usize,
    done: RefCell<Vec<Finished>>,
    latencies: RefCell<Latencies>,
}

struct Finished {
    evidence: Evidence,
    seen: Vec<Seen>,
    /// The conversation, for what another check finds in it.
    conversation: Option<Reproduction>,
}

/// Where the runner tells what happens.
pub type Listener = Rc<dyn Fn(Event)>;

impl Runner {
    /// A run of these checks, at most `jobs` at a time.
    pub fn new(site: Rc<Site>, checks: Vec<Check>, jobs: usize) -> Rc<Self> {
        Rc::new(Self {
            site,
            checks,
            jobs: jobs.max(1),
            done: RefCell::default(),
            latencies: RefCell::new(Latencies::new()),
        })
    }

    /// Runs all checks to their verdicts. May be dropped half-way; [`Runner::evidence`] then tells how far it got.
    pub async fn run(self: &Rc<Self>, listener: &Listener) {
        let (late, ordinary): (Vec<Check>, Vec<Check>) =
            self.checks.iter().partition(|check| check.fails_logins());
        self.side_by_side(ordinary, listener, |_| None).await;
        let loopback = self.site.permissions.loopback;
        let jobs_source = |index: usize| loopback.then(|| u8::try_from(index % 100).unwrap_or_default());
        self.side_by_side(late, listener, jobs_source).await;
        self.watch(listener);
    }

    /// The evidence so far, in the order of the checks; a check without a verdict is inconclusive.
    pub fn evidence(&self) -> Vec<Evidence> {
        let done = self.done.borrow();
        let found = |check: &Check| done.iter().find(|finished| finished.evidence.result.id == check.id);
        self.checks
            .iter()
            .map(|check| {
                found(check).map_or_else(|| self.unfinished(check), |finished| finished.evidence.clone())
            })
            .collect()
    }

    fn unfinished(&self, check: &Check) -> Evidence {
        let stop = Stop::Inconclusive("the run was stopped before this check had a verdict".to_owned());
        let result = self.result(check, &Err(stop), None, Duration::ZERO);
        Evidence { result, transcript: None, reproduction: None }
    }

    /// The latencies of all conversations so far.
    pub fn latencies(&self) -> Latencies {
        self.latencies.borrow().clone()
    }

    async fn side_by_side(
        self: &Rc<Self>,
        checks: Vec<Check>,
        listener: &Listener,
        source: impl Fn(usize) -> Option<u8>,
    ) {
        let turns = Arc::new(Semaphore::new(self.jobs));
        let local = LocalSet::new();
        for (index, check) in checks.into_iter().enumerate() {
            let (runner, turns, listener) = (Rc::clone(self), Arc::clone(&turns), Rc::clone(listener));
            let source = source(index);
            local.spawn_local(async move {
                let turn = turns.acquire_owned().await;
                runner.one(check, source, &listener).await;
                drop(turn);
            });
        }
        local.await;
    }

    async fn one(self: &Rc<Self>, check: Check, source: Option<u8>, listener: &Listener) {
        if let Some(reason) = needs::missing(&check, &self.site) {
            let result = self.result(&check, &Err(Stop::Skipped(reason)), None, Duration::ZERO);
            let evidence = Evidence { result, transcript: None, reproduction: None };
            self.keep(Finished { evidence, seen: Vec::new(), conversation: None }, listener);
            return;
        }
        listener(Event::CheckStarted { id: check.id.to_owned() });
        let began = Instant::now();
        let lab = Lab::new(Rc::clone(&self.site), check.id, source);
        let mut outcome = (check.run)(&lab).await;
        if let (Ok(()), Some(watch)) = (&outcome, check.watch) {
            let seen = lab.journal().seen();
            outcome =
                seen.iter().find_map(|seen| watch(seen, &lab)).map_or(Ok(()), |wrong| Err(Stop::Fail(wrong)));
        }
        let outcome = redacted(outcome, &lab);
        let conversation = lab.journal().reproduction(&self.site);
        let leavings = lab.journal().close();
        self.latencies.borrow_mut().merge(&leavings.latencies);
        let result = self.result(&check, &outcome, Some(&leavings), began.elapsed());
        let evidence = evidence(result, leavings.transcript, conversation.clone());
        self.keep(Finished { evidence, seen: leavings.seen, conversation }, listener);
    }

    fn keep(&self, finished: Finished, listener: &Listener) {
        listener(Event::CheckFinished(finished.evidence.result.clone()));
        self.done.borrow_mut().push(finished);
    }

    /// Passive checks look at every status line of every conversation.
    fn watch(self: &Rc<Self>, listener: &Listener) {
        for check in self.checks.iter().filter(|check| check.watch.is_some()) {
            let Some(watch) = check.watch else { continue };
            let lab = Lab::new(Rc::clone(&self.site), check.id, None);
            let found = {
                let done = self.done.borrow();
                done.iter().find_map(|finished| {
                    let wrong = finished.seen.iter().find_map(|seen| watch(seen, &lab))?;
                    let Evidence { result, transcript, .. } = &finished.evidence;
                    Some((result.id.clone(), transcript.clone(), finished.conversation.clone(), wrong))
                })
            };
            let Some((elsewhere, transcript, conversation, wrong)) = found else { continue };
            let mut done = self.done.borrow_mut();
            let Some(own) = done.iter_mut().find(|finished| finished.evidence.result.id == check.id) else {
                continue;
            };
            if own.evidence.result.verdict != Verdict::Pass {
                continue;
            }
            let outcome = Err(Stop::Fail(format!("{wrong} (in the conversation of {elsewhere})")));
            let result = self.result(check, &outcome, None, own.evidence.result.duration());
            own.evidence = match transcript {
                Some(transcript) => evidence(result, unmarked(transcript), conversation),
                None => Evidence { result, transcript: None, reproduction: None },
            };
            listener(Event::CheckFinished(own.evidence.result.clone()));
        }
    }

    fn result(
        &self,
        check: &Check,
        outcome: &Outcome,
        leavings: Option<&Leavings>,
        took: Duration,
    ) -> CheckResult {
        let requirement = check.requirement();
        let (verdict, observed) = verdict(outcome, requirement.level);
        CheckResult {
            id: check.id.to_owned(),
            area: requirement.area.clone(),
            entrance: self.site.label(),
            verdict,
            level: requirement.level,
            severity: requirement.severity,
            requirement: requirement.sentence.clone(),
            reference: requirement.reference.clone(),
            quote: requirement.quote.clone(),
            reproduce: String::new(),
            observed,
            expected: requirement.pass.clone(),
            ending: leavings.and_then(|leavings| leavings.ending.clone()),
            transcript: None,
            duration_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
            approved: None,
        }
    }
}

/// The verdict with its conversation: the line that it is about is marked, and how it is seen again follows from that.
fn evidence(
    mut result: CheckResult,
    mut transcript: Transcript,
    conversation: Option<Reproduction>,
) -> Evidence {
    // A skipped check has no verdict to prove; what little it said is no evidence.
    if result.verdict == Verdict::Skipped {
        return Evidence { result, transcript: None, reproduction: None };
    }
    if result.verdict == Verdict::Pass {
        return Evidence { result, transcript: Some(unmarked(transcript)), reproduction: None };
    }
    // Where either way is right no line is the one in question.
    if result.verdict != Verdict::Info {
        deviation::mark(&mut transcript, &result.observed);
    }
    if conversation.is_none() {
        reproduce::NONE.clone_into(&mut result.reproduce);
    }
    let reproduction = conversation.map(|conversation| conversation.of(&result, &transcript));
    Evidence { result, transcript: Some(transcript), reproduction }
}

/// What a check pointed out before it passed, or for a verdict of its own.
fn unmarked(mut transcript: Transcript) -> Transcript {
    transcript.entries.retain(|entry| !matches!(entry, Entry::Mark { .. }));
    transcript
}

fn redacted(outcome: Outcome, lab: &Lab) -> Outcome {
    let clean = |text: String| lab.journal().redact(&text);
    outcome.map_err(|stop| match stop {
        Stop::Fail(text) => Stop::Fail(clean(text)),
        Stop::Warn(text) => Stop::Warn(clean(text)),
        Stop::Info(text) => Stop::Info(clean(text)),
        Stop::Inconclusive(text) => Stop::Inconclusive(clean(text)),
        Stop::Skipped(text) => Stop::Skipped(clean(text)),
    })
}

fn verdict(outcome: &Outcome, level: Level) -> (Verdict, String) {
    match outcome {
        Ok(()) => (Verdict::Pass, "as required".to_owned()),
        Err(Stop::Fail(seen)) => {
            let verdict = match level {
                Level::Must => Verdict::Fail,
                Level::Should | Level::Practice => Verdict::Warn,
                Level::May => Verdict::Info,
            };
            (verdict, seen.clone())
        }
        Err(Stop::Warn(seen)) => (Verdict::Warn, seen.clone()),
        Err(Stop::Info(seen)) => (Verdict::Info, seen.clone()),
        Err(Stop::Inconclusive(why)) => (Verdict::Inconclusive, why.clone()),
        Err(Stop::Skipped(why)) => (Verdict::Skipped, why.clone()),
    }
}

/// A status line for a passive check's words.
pub(crate) fn told(seen: &Seen) -> String {
    format!("`{}` was answered {}", seen.command, seen.shown)
}

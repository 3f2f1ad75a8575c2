//! Runs checks at one entrance side by side: those that give wrong passwords late and from loopback addresses of
//! their own, then once more, alone, those that could not be carried out, and at the very end the watching of all
//! status lines.
//!
//! The runner emits events and keeps evidence; it prints and writes nothing. It can be stopped at any time:
//! what has a verdict keeps it, the rest is inconclusive. A server that turns connections away is met with fewer checks
//! side by side, and what was hit is repeated.

mod gone;
mod kept;
mod knock;

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use record::{CheckResult, Event, Level, Verdict};
use stats::Latencies;
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout_at};
use transcript::{Entry, Transcript};

use crate::causes;
use crate::check::{Check, Cost, Running, WrongPasswords};
use crate::deviation;
use crate::journal::{Leavings, Seen};
use crate::lab::Lab;
use crate::needs;
use crate::outcome::{Outcome, Stop, inconclusive};
use crate::reproduce::{self, Reproduction};
use crate::site::Site;

/// A check may take this many times the patience in all; what it waits for an account is not counted.
const PATIENCE_PER_CHECK: u32 = 9;
/// What a check may take for which somebody waits on purpose: twice the ten minutes of RFC 1939 section 3, and then some.
const SLOW: Duration = Duration::from_mins(30);
/// What could not be carried out is tried once more for at least this long.
const ONCE_MORE: Duration = Duration::from_secs(30);

/// So many times more checks run side by side where most of the time goes by in the pauses of servers behind a wrong password,
/// and each check comes from an address of its own.
const MORE_WITH_PAUSES: usize = 3;

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
    /// So many checks may run side by side, at present.
    jobs: Cell<usize>,
    /// By how much they are more at the moment.
    more: Cell<usize>,
    running: Cell<usize>,
    done: RefCell<Vec<Finished>>,
    kept: RefCell<kept::Kept>,
    /// What was hit by a limit on connections, to be repeated.
    again: RefCell<Vec<Turn>>,
    /// What checks found that left nobody served, until they are repeated.
    down: RefCell<Vec<Finished>>,
    /// The user has been told that the server is gone.
    down_told: Cell<bool>,
    latencies: RefCell<Latencies>,
    notices: RefCell<Vec<String>>,
    /// The time for the whole run was over.
    late: Cell<bool>,
}

/// A check that is to be carried out.
#[derive(Clone)]
struct Turn {
    check: Check,
    source: Option<u8>,
    /// Users whose accounts it had before: others are better.
    avoid: Vec<String>,
}

struct Finished {
    evidence: Evidence,
    seen: Vec<Seen>,
    /// The conversation, for what another check finds in it.
    conversation: Option<Reproduction>,
    /// It asked whether anybody is served still, and nobody was.
    left_nobody: bool,
    turn: Turn,
}

/// Where the runner tells what happens.
pub type Listener = Rc<dyn Fn(Event)>;

impl Runner {
    /// A run of these checks, at most `jobs` at a time.
    pub fn new(site: Rc<Site>, checks: Vec<Check>, jobs: usize) -> Rc<Self> {
        Rc::new(Self {
            site,
            checks,
            jobs: Cell::new(jobs.max(1)),
            more: Cell::new(1),
            running: Cell::new(0),
            done: RefCell::default(),
            kept: RefCell::default(),
            again: RefCell::default(),
            down: RefCell::default(),
            down_told: Cell::new(false),
            latencies: RefCell::new(Latencies::new()),
            notices: RefCell::default(),
            late: Cell::new(false),
        })
    }

    /// Runs all checks to their verdicts, for as long as the site's time lasts. May be dropped half-way;
    /// [`Runner::evidence`] then tells how far it got.
    pub async fn run(self: &Rc<Self>, listener: &Listener) {
        let whole = self.phases(listener);
        match self.site.until {
            Some(until) => self.late.set(timeout_at(until, whole).await.is_err()),
            None => whole.await,
        }
        self.look_back(listener);
        self.watch(listener);
        self.kept.borrow_mut().make_room(&mut self.done.borrow_mut());
    }

    async fn phases(self: &Rc<Self>, listener: &Listener) {
        let began = Instant::now();
        let (alone, others): (Vec<Check>, Vec<Check>) = self.checks.iter().partition(|check| check.alone);
        let (last, others): (Vec<Check>, Vec<Check>) =
            others.into_iter().partition(|check| check.may_leave_lock);
        let (slow, others): (Vec<Check>, Vec<Check>) =
            others.into_iter().partition(|check| self.is_slow(check.cost));
        let (mut late, ordinary): (Vec<Check>, Vec<Check>) =
            others.into_iter().partition(|check| check.wrong_passwords != WrongPasswords::None);
        late.sort_by_key(|check| Reverse(check.wrong_passwords));
        // What waits some seconds whatever the server does begins first and keeps nobody from going on. Where checks run one
        // by one that is what somebody wants: a server with one connection at a time.
        let (waiting, ordinary): (Vec<Check>, Vec<Check>) =
            ordinary.into_iter().partition(|check| check.cost == Cost::Waits && self.jobs.get() > 1);
        let turn = |check, source| Turn { check, source, avoid: Vec::new() };
        let waiting = waiting.into_iter().map(|check| turn(check, None)).collect();
        let ordinary = ordinary.into_iter().map(|check| turn(check, None)).collect();
        let waited = self.phase(waiting, listener);
        let loopback = self.site.permissions.loopback;
        let source = |index: usize| loopback.then(|| u8::try_from(index % 100).unwrap_or_default());
        let late = late.into_iter().enumerate().map(|(index, check)| turn(check, source(index))).collect();
        let others = async {
            self.phase(ordinary, listener).await;
            self.more.set(if loopback && self.jobs.get() > 1 { MORE_WITH_PAUSES } else { 1 });
            self.phase(late, listener).await;
            self.more.set(1);
        };
        tokio::join!(waited, others);
        // They keep accounts for minutes, which others would wait for.
        let slow = slow.into_iter().enumerate();
        let slow = slow.map(|(index, check)| {
            turn(check, source(index).filter(|_| check.wrong_passwords != WrongPasswords::None))
        });
        self.phase(slow.collect(), listener).await;
        self.once_more(began.elapsed().max(ONCE_MORE), listener).await;
        self.phase(last.into_iter().map(|check| turn(check, None)).collect(), listener).await;
        // One at a time since `once_more`: what they do to the server hurts whoever else is connected.
        self.phase(alone.into_iter().map(|check| turn(check, None)).collect(), listener).await;
        self.knock(listener).await;
    }

    /// Were connections lost without a greeting, whoever else was connected?
    async fn knock(&self, listener: &Listener) {
        let Some(check) = self.checks.iter().find(|check| check.id == knock::ID) else { return };
        let Some((seen, leavings, conversation)) = knock::knock(&self.site).await else { return };
        self.latencies.borrow_mut().merge(&leavings.latencies);
        let result = self.result(check, &Err(Stop::Fail(seen)), Some(&leavings), Duration::ZERO);
        let mut done = self.done.borrow_mut();
        let own = done.iter_mut().find(|finished| finished.evidence.result.id == knock::ID);
        // A failure of its own has the better evidence.
        if let Some(own) = own.filter(|own| own.evidence.result.verdict != Verdict::Fail) {
            listener(Event::CheckFinished(result.clone()));
            own.evidence = evidence(result, leavings.transcript, conversation);
        }
    }

    /// The evidence so far, in the order of the checks; a check without a verdict is inconclusive. What probably follows
    /// from another finding names it.
    pub fn evidence(&self) -> Vec<Evidence> {
        let done = self.done.borrow();
        let found = |check: &Check| done.iter().find(|finished| finished.evidence.result.id == check.id);
        let mut all: Vec<Evidence> = self
            .checks
            .iter()
            .map(|check| {
                found(check).map_or_else(|| self.unfinished(check), |finished| finished.evidence.clone())
            })
            .collect();
        let verdicts = all.iter().map(|evidence| (evidence.result.id.as_str(), evidence.result.verdict));
        let causes = causes::causes(verdicts);
        for Evidence { result, .. } in &mut all {
            result.follows = causes.get(result.id.as_str()).map(|cause| (*cause).to_owned());
        }
        all
    }

    fn unfinished(&self, check: &Check) -> Evidence {
        let why = if self.late.get() { "the time for the run was over" } else { "the run was stopped" };
        let stop = Stop::Inconclusive(format!("{why} before this check had a verdict"));
        let result = self.result(check, &Err(stop), None, Duration::ZERO);
        Evidence { result, transcript: None, reproduction: None }
    }

    /// The latencies of all conversations so far.
    pub fn latencies(&self) -> Latencies {
        self.latencies.borrow().clone()
    }

    /// What people should know of how the run went, one sentence each.
    pub fn notices(&self) -> Vec<String> {
        let crowd = &self.site.crowd;
        let lost = (crowd.lost() > 0).then(|| {
            format!(
                "{} closed {} of {} connections without a greeting, and greeted the next one at once ({})",
                self.site.entrance.endpoint,
                crowd.lost(),
                crowd.made(),
                knock::ID
            )
        });
        self.notices.borrow().iter().cloned().chain(lost).collect()
    }

    /// About how long the run will take if every answer takes as long as the first did.
    pub fn estimate(&self) -> Duration {
        /// Round trips of an ordinary check with its login, and how often it makes sure that nothing comes.
        const ROUND_TRIPS: u32 = 14;
        const QUIET_IN: u32 = 6;
        let checks = self.checks.iter().filter(|check| needs::missing(check, &self.site).is_none()).count();
        let one = self.site.survey.round_trip * ROUND_TRIPS + self.site.patience.quiet / QUIET_IN;
        // Half of the checks want the fixtures, and an account is one check's at a time.
        let fixtures = self.site.pool.accounts().filter(|account| account.role == Role::Fixtures).count();
        let side_by_side = self.jobs.get().min((2 * fixtures).max(1));
        let rounds = u32::try_from(checks.div_ceil(side_by_side.max(1))).unwrap_or(u32::MAX);
        one.saturating_mul(rounds)
    }

    /// Carries out turns side by side, and repeats what a limit on connections hit.
    async fn phase(self: &Rc<Self>, mut turns: Vec<Turn>, listener: &Listener) {
        while !turns.is_empty() {
            self.side_by_side(turns, listener).await;
            turns = self.again.take();
        }
    }

    async fn side_by_side(self: &Rc<Self>, turns: Vec<Turn>, listener: &Listener) {
        if self.jobs.get() == 1 {
            self.site.crowd.only_one_check();
        }
        let queue = Rc::new(RefCell::new(VecDeque::from(turns)));
        let local = LocalSet::new();
        for place in 0..self.places() {
            let (runner, queue, listener) = (Rc::clone(self), Rc::clone(&queue), Rc::clone(listener));
            local.spawn_local(async move {
                while place < runner.places() {
                    let Some(turn) = queue.borrow_mut().pop_front() else { break };
                    runner.one(turn, &listener).await;
                }
            });
        }
        local.await;
    }

    fn places(&self) -> usize {
        self.jobs.get().saturating_mul(self.more.get())
    }

    async fn one(&self, turn: Turn, listener: &Listener) {
        let crowd = &self.site.crowd;
        let (generation, turned_away) = (crowd.generation(), crowd.turned_away());
        // What only waits takes nobody's place.
        let takes_place = usize::from(turn.check.cost != Cost::Waits);
        self.running.set(self.running.get() + takes_place);
        // Those of a larger number than is allowed now may still be ending.
        let settled = self.running.get() <= self.places();
        let side_by_side = self.jobs.get() > 1;
        let finished = self.carried_out(turn, listener).await;
        self.running.set(self.running.get().saturating_sub(takes_place));
        let hit = crowd.turned_away() > turned_away && side_by_side;
        if hit && settled && generation == crowd.generation() {
            self.thin_out();
        }
        if hit && !matches!(finished.evidence.result.verdict, Verdict::Pass | Verdict::Skipped) {
            self.again.borrow_mut().push(finished.turn.clone());
            self.keep_until_repeated(finished);
            return;
        }
        let finished = if side_by_side { finished } else { self.settled(finished, listener).await };
        listener(Event::CheckFinished(finished.evidence.result.clone()));
        let mut done = self.done.borrow_mut();
        done.push(finished);
        self.kept.borrow_mut().one_more(&mut done);
    }

    /// The server turns connections away: fewer checks run side by side from now on.
    fn thin_out(&self) {
        let jobs = self.jobs.get();
        self.jobs.set((jobs / 2).max(1));
        self.site.crowd.thin_out();
        self.site.silences.forget();
        self.notices.borrow_mut().push(format!(
            "{} turned connections away while others of this run were open: the number of checks side by \
             side is {} from now on instead of {jobs}, and those that were hit are repeated",
            self.site.entrance.endpoint,
            self.jobs.get()
        ));
    }

    async fn carried_out(&self, mut turn: Turn, listener: &Listener) -> Finished {
        let check = turn.check;
        if let Some(missing) = needs::missing(&check, &self.site) {
            let result = self.result(&check, &Err(missing), None, Duration::ZERO);
            let evidence = Evidence { result, transcript: None, reproduction: None };
            return Finished { evidence, seen: Vec::new(), conversation: None, left_nobody: false, turn };
        }
        listener(Event::CheckStarted { id: check.id.to_owned() });
        let began = Instant::now();
        let lab = Lab::avoiding(Rc::clone(&self.site), check.id, turn.source, &turn.avoid);
        let mut outcome = self.bounded(&lab, check.cost, (check.run)(&lab)).await;
        if let (Ok(()), Some(watch)) = (&outcome, check.watch) {
            let seen = lab.journal().seen();
            outcome =
                seen.iter().find_map(|seen| watch(seen, &lab)).map_or(Ok(()), |wrong| Err(Stop::Fail(wrong)));
        }
        if let Some(left) = lab.mend().await {
            self.notices.borrow_mut().push(format!("after {}: {left}", check.id));
        }
        let outcome = redacted(outcome, &lab);
        let conversation = lab.journal().reproduction(&self.site).filter(|_| !lab.has_operated());
        let leavings = lab.journal().close();
        lab.farewell().await;
        self.latencies.borrow_mut().merge(&leavings.latencies);
        let result = self.result(&check, &outcome, Some(&leavings), began.elapsed());
        turn.avoid = lab.users();
        let mut evidence = evidence(result, leavings.transcript, conversation.clone());
        if lab.has_operated() && !evidence.result.reproduce.is_empty() {
            reproduce::BY_HOOKS.clone_into(&mut evidence.result.reproduce);
        }
        let Leavings { seen, left_nobody, .. } = leavings;
        Finished { evidence, seen, conversation, left_nobody, turn }
    }

    /// Whether a check may take minutes: where these were asked for, what waits takes its time too.
    fn is_slow(&self, cost: Cost) -> bool {
        cost == Cost::Slow || (cost == Cost::Waits && self.site.permissions.costs.slow)
    }

    /// No check runs for ever. What it waits for an account that others have is not its own time.
    async fn bounded(&self, lab: &Lab, cost: Cost, mut running: Running<'_>) -> Outcome {
        let usual = self.site.patience.answer * PATIENCE_PER_CHECK;
        let bound = if self.is_slow(cost) { usual.max(SLOW) } else { usual };
        let began = Instant::now();
        loop {
            let until = began + bound + lab.waited();
            match timeout_at(until, &mut running).await {
                Ok(outcome) => return outcome,
                Err(_) if began + bound + lab.waited() > until => {}
                Err(_) => return inconclusive(format!("the check did not end within {} s", bound.as_secs())),
            }
        }
    }

    /// What could not be carried out is tried once more, alone and in other accounts if there are any: what stood in its
    /// way may have been our own other checks. The better founded verdict stays, with its conversation.
    async fn once_more(&self, at_most: Duration, listener: &Listener) {
        self.jobs.set(1);
        self.site.crowd.only_one_check();
        self.site.last_round.set(true);
        let unsure = |finished: &Finished| {
            finished.evidence.result.verdict == Verdict::Inconclusive
                && finished.evidence.transcript.is_some()
        };
        let turns: Vec<Turn> = {
            let done = self.done.borrow();
            done.iter().filter(|finished| unsure(finished)).map(|finished| finished.turn.clone()).collect()
        };
        let until = Instant::now() + at_most;
        for turn in turns {
            let id = turn.check.id;
            let carried_out = async { self.settled(self.carried_out(turn, listener).await, listener).await };
            let Ok(mut again) = timeout_at(until, carried_out).await else { return };
            // Where QUIT was put off the first round had no reason of its own.
            let unsure = again.evidence.result.verdict == Verdict::Inconclusive;
            if unsure && !self.site.survey.quit_keeps_lock {
                continue;
            }
            listener(Event::CheckFinished(again.evidence.result.clone()));
            let mut done = self.done.borrow_mut();
            if let Some(first) = done.iter_mut().find(|finished| finished.evidence.result.id == id) {
                again.seen.append(&mut first.seen);
                *first = again;
            }
        }
    }

    /// What the first look saw to be wrong, and its check could not be carried out because of, has been seen twice.
    fn look_back(&self, listener: &Listener) {
        for observation in &self.site.survey.observations {
            let mut done = self.done.borrow_mut();
            let mut results = done.iter_mut().map(|finished| &mut finished.evidence.result);
            let Some(own) = results.find(|result| result.id == observation.id) else { continue };
            let Some(check) = self.checks.iter().find(|check| check.id == observation.id) else { continue };
            if own.verdict != Verdict::Inconclusive {
                continue;
            }
            let seen = format!("in the first look, {}; then once more, {}", observation.seen, own.observed);
            let (ending, reproduce) = (own.ending.take(), std::mem::take(&mut own.reproduce));
            let result = self.result(check, &Err(Stop::Fail(seen)), None, own.duration());
            *own = CheckResult { ending, reproduce, ..result };
            listener(Event::CheckFinished(own.clone()));
        }
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
            follows: None,
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

//! Carrying out a plan: looking at the server, loading it, watching, and keeping what has been seen when something
//! breaks off. Writes no files.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use load::capacity::{Judgement, SearchOptions, find_capacity};
use load::{Assignment, Order, Outcome, Retrieval};
use record::{Entrance, Fact, LoadResults};
use report::{LiveFigures, LiveStep};
use scenario::{Arrivals, Scenario};
use stats::Series;

use super::arguments::Arguments;
use super::live::Live;
use super::look::{self, Seen};
use super::metrics::Metrics;
use super::plan::{self, Plan, Server};
use super::target::{self, Entrances};
use super::verdict;
use crate::exit::{self, Failure};
use crate::interrupt::INTERRUPTED;
use crate::records::{Conclusion, Records};
use crate::{environment, folder, interrupt, terminal};

/// A trial of fewer sessions says nothing about a rate.
const FEWEST_SESSIONS: f64 = 10.0;

/// What a run has seen.
#[derive(Default)]
pub(super) struct Course {
    /// The entrances that could be looked at.
    pub(super) entrances: Vec<Entrance>,
    /// The figures.
    pub(super) results: LoadResults,
    /// The response times of each second.
    pub(super) series: Series,
    /// The conversations, by their path in the run's folder.
    pub(super) transcripts: Vec<(String, String)>,
    /// What kept the run from its end.
    pub(super) error: Option<String>,
}

/// Plans and loads. Whatever goes wrong, what was seen until then is kept. The records begin when the plan stands.
pub(super) fn carry_out(
    arguments: &Arguments,
    name: &str,
    records: &Records,
) -> (Course, anyhow::Result<Conclusion>) {
    let mut course = Course::default();
    let conclusion = course.plan_and_load(arguments, name, records);
    (course, conclusion)
}

impl Course {
    fn plan_and_load(
        &mut self,
        arguments: &Arguments,
        name: &str,
        records: &Records,
    ) -> anyhow::Result<Conclusion> {
        let mut scenario = plan::scenario(arguments, name)?;
        self.results.plan.scenario.clone_from(&scenario.name);
        self.results.plan.description.clone_from(&scenario.description);
        self.results.plan.seed = scenario.seed;
        records.run.borrow_mut().target.name = target::name(arguments, &scenario);
        target::protect(arguments, &mut scenario);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                Failure::not_carried_out(format!("the system refused an event queue: {error}"))
            })?;
        let interrupt = runtime.block_on(async { interrupt::Listener::start() });
        runtime.block_on(async {
            tokio::select! {
                found = look::discover(arguments, &mut scenario) => found,
                () = interrupt.interrupted() => Err(Failure::not_carried_out(INTERRUPTED)),
            }
        })?;
        let watch = Watch::new(arguments, &scenario, records, interrupt)?;
        if arguments.find_capacity {
            runtime.block_on(self.search(arguments, &scenario, &watch))
        } else {
            runtime.block_on(self.load(arguments, &scenario, &watch))
        }
    }

    /// One run.
    async fn load(
        &mut self,
        arguments: &Arguments,
        scenario: &Scenario,
        watch: &Watch<'_>,
    ) -> anyhow::Result<Conclusion> {
        let plan = watch.accepted(Plan::new(arguments, scenario.clone()))?;
        let seen = self.look(&plan, watch, arguments).await?;
        if !arguments.quiet {
            tell_plan(&plan, &watch.target());
        }
        watch.announce(arguments.quiet);
        let outcome = watch.run(&order(&plan, arguments, seen.retrieval), &plan.server).await?;
        let reached = outcome.reached();
        self.keep(outcome);
        Ok(self.conclude(reached, watch))
    }

    /// Runs at one rate after the other until the thresholds' limit is found.
    async fn search(
        &mut self,
        arguments: &Arguments,
        scenario: &Scenario,
        watch: &Watch<'_>,
    ) -> anyhow::Result<Conclusion> {
        let Some(start_per_s) = scenario.arrivals.peak_per_s() else {
            return Err(Failure::input(
                "--find-capacity raises the rate of an open loop, and the scenario is a closed one",
            ));
        };
        if let Arrivals::Open { most: Some(most), .. } = scenario.arrivals {
            return Err(Failure::input(format!(
                "--find-capacity raises the rate, and the scenario ends after {most} sessions, so a trial gets \
                 shorter as its rate rises; leave `sessions` out"
            )));
        }
        if scenario.thresholds.is_empty() {
            return Err(Failure::input(
                "--find-capacity raises the rate until a threshold breaks, and the scenario has none; add `thresholds`",
            ));
        }
        watch.announce(arguments.quiet);
        let failed = RefCell::new(None);
        let best = RefCell::new(None);
        let looked = RefCell::new(Vec::new());
        let trial = async |rate: f64| {
            let tried = self_trial(arguments, scenario, watch, rate, &looked).await;
            match tried {
                Ok(Trial::Done(outcome, judgement)) => {
                    let held = judgement == Judgement::Holds;
                    watch.say(&told(rate, &judgement));
                    // The figures in the files are those of the highest rate that held, or else of the last.
                    let mut best = best.borrow_mut();
                    let higher =
                        |(before, rate_before): &(bool, f64)| (held, rate) >= (*before, *rate_before);
                    if best.as_ref().is_none_or(|(rank, _): &((bool, f64), Box<Outcome>)| higher(rank)) {
                        *best = Some(((held, rate), outcome));
                    }
                    (!watch.interrupted()).then_some(judgement)
                }
                Ok(Trial::Refused(judgement)) => {
                    watch.say(&told(rate, &judgement));
                    Some(judgement)
                }
                Err(error) => {
                    *failed.borrow_mut() = Some(error);
                    None
                }
            }
        };
        let planned = scenario.planned_sessions() as f64;
        let options = SearchOptions {
            start_per_s,
            lowest_per_s: start_per_s * (FEWEST_SESSIONS / planned).min(1.0),
            ..SearchOptions::default()
        };
        let capacity = find_capacity(options, trial).await;
        self.entrances = looked.into_inner();
        if let Some((_, outcome)) = best.into_inner() {
            self.keep(*outcome);
        }
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let (found, sentence) = (capacity.sessions_per_s > 0.0, capacity.sentence.clone());
        self.results.capacity = Some(capacity);
        if watch.interrupted() {
            self.error = Some(INTERRUPTED.to_owned());
            return Ok((exit::NOT_CARRIED_OUT, INTERRUPTED.to_owned()));
        }
        Ok((if found { exit::GOOD } else { exit::FALLS_SHORT }, sentence))
    }

    async fn look(&mut self, plan: &Plan, watch: &Watch<'_>, arguments: &Arguments) -> anyhow::Result<Seen> {
        let Server::Foreign(entrances) = &plan.server else {
            return Ok(Seen { entrances: Vec::new(), retrieval: Retrieval::Keeps });
        };
        let seen = watch.look(entrances, plan, arguments).await?;
        self.entrances.clone_from(&seen.entrances);
        Ok(seen)
    }

    fn keep(&mut self, outcome: Outcome) {
        self.results = outcome.results;
        self.series = outcome.response;
        let named = outcome.transcripts.into_iter().map(|transcript| {
            (
                format!("{}/{}", folder::TRANSCRIPTS, transcript.name.replace(['/', '\\'], "-")),
                transcript.text,
            )
        });
        self.transcripts = named.collect();
    }

    fn conclude(&mut self, reached: bool, watch: &Watch<'_>) -> Conclusion {
        let results = &self.results;
        let lost = results.generator.workers.iter().find(|worker| !is_orderly(&worker.ended));
        let panicked = results.errors.iter().find(|row| row.kind == load::PANIC);
        let error = if let Some(lost) = watch.lost() {
            lost
        } else if watch.interrupted() {
            INTERRUPTED.to_owned()
        } else if let Some(row) = panicked {
            format!("{} of poplab's own sessions ended in a panic: {}", row.count, row.example)
        } else if !reached && results.sessions.begun > 0 {
            let first = results.errors.first();
            let why = first.map(|row| format!(": {} at {}: {}", row.kind, row.step, row.example));
            format!("the target could not be reached{}", why.unwrap_or_default())
        } else if let Some(worker) = lost {
            format!("worker {} was lost: {}", worker.number, worker.ended)
        } else {
            return verdict(results);
        };
        let error = terminal::visible(&error);
        self.error = Some(error.clone());
        (exit::NOT_CARRIED_OUT, error)
    }
}

/// Whether a worker ended as workers should.
fn is_orderly(ended: &str) -> bool {
    matches!(ended, "done" | "stopped")
}

/// How a trial of the search went.
enum Trial {
    /// It was run.
    Done(Box<Outcome>, Judgement),
    /// This machine cannot do it.
    Refused(Judgement),
}

async fn self_trial(
    arguments: &Arguments,
    scenario: &Scenario,
    watch: &Watch<'_>,
    rate: f64,
    looked: &RefCell<Vec<Entrance>>,
) -> anyhow::Result<Trial> {
    let mut scenario = scenario.clone();
    scenario.arrivals.set_peak(rate);
    // What cannot hold any more ends the trial: the search wants to know no more of it.
    scenario.stop_early = true;
    let plan = match watch.accepted(Plan::new(arguments, scenario)) {
        Ok(plan) => plan,
        // Below the first rate that was carried out it is an error like any other.
        Err(error) if looked.borrow().is_empty() && !watch.has_run() => return Err(error),
        Err(error) => return Ok(Trial::Refused(Judgement::Generator(error.to_string()))),
    };
    let mut retrieval = Retrieval::Keeps;
    if let Server::Foreign(entrances) = &plan.server {
        let seen = watch.look(entrances, &plan, arguments).await?;
        retrieval = seen.retrieval;
        *looked.borrow_mut() = seen.entrances;
    }
    let outcome = watch.run(&order(&plan, arguments, retrieval), &plan.server).await?;
    if let Some(lost) = watch.lost() {
        return Err(Failure::not_carried_out(lost));
    }
    if !outcome.reached() && !watch.interrupted() {
        let first = outcome.results.errors.first();
        let why = first.map(|row| format!(": {}", row.example)).unwrap_or_default();
        return Err(Failure::not_carried_out(format!("the target could not be reached{why}")));
    }
    let judgement = outcome.judgement(&plan.scenario);
    Ok(Trial::Done(Box::new(outcome), judgement))
}

/// A trial in one line.
fn told(rate: f64, judgement: &Judgement) -> String {
    match judgement {
        Judgement::Holds => format!("{rate:.1}/s holds"),
        Judgement::Breaks(broken) => {
            let broken: Vec<&str> = broken.iter().map(|broken| broken.threshold.as_str()).collect();
            format!("{rate:.1}/s breaks {}", broken.join(", "))
        }
        Judgement::Generator(why) => format!("{rate:.1}/s is too much for the generator: {why}"),
        Judgement::Accounts(why) => format!("{rate:.1}/s is too much for the accounts: {why}"),
    }
}

/// What the workers are told.
fn order(plan: &Plan, arguments: &Arguments, retrieval: Retrieval) -> Order {
    let (share, shares) = arguments.shard.unwrap_or((1, 1));
    let mut environment = plan.machine.facts();
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    if let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") {
        environment.insert(0, fact("kernel", format!("{} {}", std::env::consts::OS, release.trim())));
    }
    if let Some((share, shares)) = arguments.shard {
        environment.push(fact("share of the run", format!("{share} of {shares}")));
    }
    Order {
        assignment: Assignment {
            seed: plan.scenario.seed,
            scenario: plan.scenario.clone(),
            targets: plan.targets.clone(),
            server_name: plan.server_name.clone(),
            worker: share - 1,
            workers: shares,
            sources: plan.budget.sources.clone(),
            ca_pem: plan.ca_pem.clone(),
            insecure: plan.insecure,
            retrieval,
            allow_delete: plan.allow_delete,
            start_in: Duration::ZERO,
            watch_self: true,
        },
        workers: plan.budget.workers,
        budget: plan.budget.rows.clone(),
        environment,
    }
}

/// What will be done and what it needs, before it begins.
fn tell_plan(plan: &Plan, target: &str) {
    let scenario = &plan.scenario;
    terminal::tell(&format!(
        "{} → {}: {} sessions in {:.0} s by {} accounts, seed {}",
        scenario.name,
        target,
        scenario.planned_sessions(),
        scenario.duration().as_secs_f64(),
        scenario.accounts_count(),
        scenario.seed
    ));
    for Fact { name, value } in &plan.budget.rows {
        terminal::tell(&format!("  {name:<17} {value}"));
    }
    for warning in &plan.budget.warnings {
        terminal::tell(&format!("warning: {warning}"));
    }
}

/// Who watches a run: the screen, Prometheus, and the user who may want it to end.
struct Watch<'a> {
    records: &'a Records,
    live: RefCell<Live>,
    figures: Arc<Mutex<LiveFigures>>,
    metrics: Option<Metrics>,
    /// Whether the load is a closed loop, which asks for no rate.
    closed: bool,
    interrupt: interrupt::Listener,
    /// What becomes of mail that is retrieved, once somebody has logged in.
    retrieval: Cell<Option<Retrieval>>,
    /// How the embedded server was lost.
    lost: RefCell<Option<String>>,
    has_run: Cell<bool>,
}

impl<'a> Watch<'a> {
    fn new(
        arguments: &Arguments,
        scenario: &Scenario,
        records: &'a Records,
        interrupt: interrupt::Listener,
    ) -> anyhow::Result<Self> {
        let empty = LiveFigures {
            scenario: scenario.name.clone(),
            target: records.run.borrow().target.name.clone(),
            ..LiveFigures::default()
        };
        let figures = Arc::new(Mutex::new(empty));
        let served = Arc::clone(&figures);
        let text = move || report::prometheus(&served.lock().unwrap_or_else(PoisonError::into_inner));
        let metrics = arguments.metrics.map(|port| {
            Metrics::start(port, text).map_err(|error| {
                Failure::not_carried_out(format!(
                    "cannot serve the figures on 127.0.0.1, port {port}: {error}"
                ))
            })
        });
        Ok(Self {
            records,
            live: RefCell::new(Live::new(arguments.quiet)),
            figures,
            metrics: metrics.transpose()?,
            closed: scenario.arrivals.peak_per_s().is_none(),
            interrupt,
            retrieval: Cell::new(None),
            lost: RefCell::default(),
            has_run: Cell::new(false),
        })
    }

    /// What the target is called.
    fn target(&self) -> String {
        self.records.run.borrow().target.name.clone()
    }

    /// With the first plan that stands the records begin.
    fn accepted(&self, plan: anyhow::Result<Plan>) -> anyhow::Result<Plan> {
        let plan = plan?;
        self.records.begin()?;
        Ok(plan)
    }

    /// Says where Prometheus finds the figures.
    fn announce(&self, quiet: bool) {
        if let Some(metrics) = self.metrics.as_ref().filter(|_| !quiet) {
            terminal::tell(&format!("metrics at http://{}/metrics", metrics.address()));
        }
    }

    /// The first look, unless the user wants an end before it is over.
    async fn look(&self, entrances: &Entrances, plan: &Plan, arguments: &Arguments) -> anyhow::Result<Seen> {
        let look = async {
            let mut seen = look::look(entrances, plan).await?;
            seen.retrieval = match self.retrieval.get() {
                // One login is enough, however many trials a search has.
                Some(known) => known,
                None => {
                    look::log_in(order(plan, arguments, seen.retrieval).assignment, seen.retrieval).await?
                }
            };
            self.retrieval.set(Some(seen.retrieval));
            anyhow::Ok(seen)
        };
        tokio::select! {
            seen = look => seen,
            () = self.interrupt.interrupted() => Err(Failure::not_carried_out(INTERRUPTED)),
        }
    }

    async fn run(&self, order: &Order, server: &Server) -> anyhow::Result<Outcome> {
        let program = environment::poplab("load-worker")
            .map_err(|error| Failure::not_carried_out(format!("poplab cannot find itself: {error}")))?;
        let spawn = |_| environment::again(&program);
        let stop = async {
            tokio::select! {
                () = self.interrupt.interrupted() => {
                    self.live
                        .borrow_mut()
                        .say("interrupted: closing the open sessions, then writing the reports");
                    INTERRUPTED.to_owned()
                }
                lost = server.lost() => lost,
            }
        };
        let outcome = load::run_processes(order, spawn, |live| self.show(live), stop).await;
        self.live.borrow_mut().finish();
        self.has_run.set(true);
        *self.lost.borrow_mut() = server.is_lost();
        outcome.map_err(|error| Failure::not_carried_out(error.to_string()))
    }

    /// How the embedded server was lost, if it was.
    fn lost(&self) -> Option<String> {
        self.lost.borrow().clone()
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_interrupted()
    }

    /// Whether anything was carried out.
    fn has_run(&self) -> bool {
        self.has_run.get()
    }

    fn say(&self, line: &str) {
        self.live.borrow_mut().say(&terminal::visible(line));
    }

    fn show(&self, live: &load::Live) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let steps =
            live.steps.iter().map(|step| LiveStep { tag: step.tag.clone(), response: step.response.clone() });
        *figures = LiveFigures {
            scenario: std::mem::take(&mut figures.scenario),
            target: std::mem::take(&mut figures.target),
            elapsed_s: live.elapsed.as_secs_f64(),
            duration_s: live.duration.as_secs_f64(),
            planned: live.planned,
            asked: live.asked,
            begun: live.begun,
            completed: live.completed,
            failed: live.failed,
            open: live.last.open,
            commands: live.commands,
            octets_received: live.octets_received,
            verification_failures: live.verification_failures,
            asked_per_s: if self.closed { 0.0 } else { live.last.asked as f64 },
            achieved_per_s: live.last.begun as f64,
            errors: live.errors.clone(),
            steps: steps.collect(),
            lateness_max_ns: live.lateness_max_ns,
            broken: live.broken.clone(),
        };
        self.live.borrow_mut().show(&figures);
    }
}

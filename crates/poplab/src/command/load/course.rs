//! Carrying out a plan: looking at the server, loading it, watching, and keeping what has been seen when something
//! breaks off. Writes no files.

use std::cell::RefCell;
use std::time::Duration;

use load::capacity::{Judgement, SearchOptions, find_capacity};
use load::{Assignment, Order, Outcome, Retrieval};
use record::{Chosen, Entrance, Fact, LoadLine, LoadResults};
use scenario::{Arrivals, Scenario};
use stats::Series;

use super::arguments::Arguments;
use super::look::{self, Seen};
use super::plan::{self, Plan, Server};
use super::target;
use super::verdict;
use super::watch::Watch;
use crate::exit::{self, Failure};
use crate::interrupt::INTERRUPTED;
use crate::records::{Conclusion, Records};
use crate::{folder, interrupt, terminal};

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
    pub(super) response: Series,
    /// The service times of each second.
    pub(super) service: Series,
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
        {
            let mut run = records.run.borrow_mut();
            run.seed = scenario.seed;
            run.target.name = target::name(arguments, &scenario);
        }
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
        let start_per_s = first_rate(scenario)?;
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
                    if best.as_ref().is_none_or(|best: &Best| higher(&best.rank)) {
                        *best = Some(Best { rank: (held, rate), run: watch.runs() - 1, outcome });
                    }
                    (!watch.interrupted()).then_some(judgement)
                }
                Ok(Trial::Broken(outcome, error)) => {
                    // Better than no figures.
                    best.borrow_mut().get_or_insert(Best {
                        rank: (false, rate),
                        run: watch.runs() - 1,
                        outcome,
                    });
                    *failed.borrow_mut() = Some(error);
                    None
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
        let failed = failed.into_inner();
        if let Some(Best { run, outcome, .. }) = best.into_inner() {
            self.keep(*outcome);
            let capacity = failed.is_none().then(|| capacity.clone());
            watch.write(&mut LoadLine::Chosen(Box::new(Chosen { run, capacity })));
        }
        if let Some(error) = failed {
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
        self.response = outcome.response;
        self.service = outcome.service;
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

/// The rate that a search for the capacity begins with.
///
/// # Errors
/// The scenario is none in which a rate could be raised until a threshold breaks.
fn first_rate(scenario: &Scenario) -> anyhow::Result<f64> {
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
    Ok(start_per_s)
}

/// Whether a worker ended as workers should.
fn is_orderly(ended: &str) -> bool {
    matches!(ended, "done" | "stopped")
}

/// The trial whose figures are kept.
struct Best {
    /// Whether it held, and its rate.
    rank: (bool, f64),
    /// Which of the runs it was, from 0.
    run: u32,
    outcome: Box<Outcome>,
}

/// How a trial of the search went.
enum Trial {
    /// It was run.
    Done(Box<Outcome>, Judgement),
    /// It was run and says nothing, and no other will.
    Broken(Box<Outcome>, anyhow::Error),
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
        return Ok(Trial::Broken(Box::new(outcome), Failure::not_carried_out(lost)));
    }
    if !outcome.reached() && !watch.interrupted() {
        let first = outcome.results.errors.first();
        let why = first.map(|row| format!(": {}", row.example)).unwrap_or_default();
        let error = Failure::not_carried_out(format!("the target could not be reached{why}"));
        return Ok(Trial::Broken(Box::new(outcome), error));
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
pub(super) fn order(plan: &Plan, arguments: &Arguments, retrieval: Retrieval) -> Order {
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

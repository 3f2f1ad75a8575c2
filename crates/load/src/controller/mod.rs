//! The controller: starts the workers, listens to them, merges what they tell, and ends with records in every case.
//!
//! Workers are processes ([`run_processes`], what the command line uses: descriptors are limited per process), threads
//! ([`run_threads`], for programs that build a scenario in Rust), or futures in the caller's own runtime ([`run_here`],
//! for tests and the virtual clock). All three take the same path from a worker's [`Second`] to the records.
//!
//! A run ends when its last worker does: at the plan's end, soon after `stop` says why, when a threshold is lost and the
//! scenario wants to stop early, or when the workers die. What is missing then is said in
//! [`record::LoadResults::missing`]. Deliberately without a terminal, files and signals, which are the caller's.

mod here;
mod processes;
#[cfg(test)]
mod tests;
mod threads;

use std::time::Duration;

use record::{ErrorCount, Fact, LoadResults, Quantiles, SecondRow};
use stats::Series;

use crate::merge::{Facts, Merge, Planned};
use crate::{Assignment, Second, TranscriptSeen, is_lost};

pub use here::run_here;
pub use processes::run_processes;
pub use threads::run_threads;

/// A run to be carried out.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is to be done. `worker` and `workers` name the share of a run on several machines, 0 and 1 for all of it;
    /// it is shared out further between the workers here.
    pub assignment: Assignment,
    /// How many workers share it.
    pub workers: u32,
    /// The budget's rows, for the report.
    pub budget: Vec<Fact>,
    /// The machine, for the report.
    pub environment: Vec<Fact>,
}

/// How a run stands, told when another second is complete. All totals count since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// The seconds that are complete.
    pub elapsed: Duration,
    /// How long the arrivals last by plan.
    pub duration: Duration,
    /// Sessions of the plan; 0 in a closed loop.
    pub planned: u64,
    /// Sessions the plan wanted so far.
    pub asked: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Sessions that ended as planned.
    pub completed: u64,
    /// Sessions that ended with something wrong.
    pub failed: u64,
    /// Commands sent.
    pub commands: u64,
    /// Octets received.
    pub octets_received: u64,
    /// Messages that were verified and wrong.
    pub verification_failures: u64,
    /// Errors by kind, in the order of the kinds.
    pub errors: Vec<ErrorCount>,
    /// Response times by step, in the order of the tables.
    pub steps: Vec<LiveStep>,
    /// By how much the tickers were late at most.
    pub lateness_max_ns: u64,
    /// Thresholds that do not hold at present, as written.
    pub broken: Vec<String>,
    /// Workers at work.
    pub workers: usize,
    /// The last complete second by itself: rates, sessions open, steps.
    pub last: SecondRow,
}

/// The response times of one step so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveStep {
    /// The step's tag.
    pub tag: String,
    /// The figures.
    pub response: Quantiles,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `results.json`.
    pub results: LoadResults,
    /// Response times by second and step.
    pub response: Series,
    /// Service times by second and step.
    pub service: Series,
    /// The transcripts that the results refer to as `transcripts/NAME`.
    pub transcripts: Vec<TranscriptSeen>,
    /// Whether the run ended before its plan did.
    pub early: bool,
}

impl Outcome {
    /// Whether the target was reached at all: at least one step went well. Otherwise the run says nothing about it.
    pub fn reached(&self) -> bool {
        self.results.steps.iter().any(|step| step.response.count > 0)
    }

    /// The judgement of this run as a trial of the search for the capacity.
    pub fn judgement(&self, scenario: &scenario::Scenario) -> crate::capacity::Judgement {
        use crate::capacity::{Broken, Judgement};
        let broken: Vec<Broken> = scenario
            .thresholds
            .iter()
            .zip(&self.results.thresholds)
            .filter(|(_, row)| !row.holds)
            .map(|(threshold, row)| Broken {
                threshold: row.text.clone(),
                subject: crate::subject(threshold),
            })
            .collect();
        match (&self.results.generator.bottleneck, &self.results.sessions.shortage) {
            (Some(sentence), _) => Judgement::Generator(sentence.clone()),
            // A slow target keeps the accounts busy too, and then a threshold says so.
            (None, _) if !broken.is_empty() => Judgement::Breaks(broken),
            (None, Some(sentence)) => Judgement::Accounts(sentence.clone()),
            (None, None) => Judgement::Holds,
        }
    }
}

/// Why a run could not be begun. Nothing has been sent to the target.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A worker did not start.
    #[error("worker {worker} could not be started: {reason}")]
    Worker {
        /// Its number.
        worker: u32,
        /// What happened.
        reason: String,
    },
    /// The assignment cannot be told.
    #[error("the assignment cannot be written for the workers: {0}")]
    Assignment(#[from] serde_json::Error),
}

/// What a worker tells or what becomes of it.
#[derive(Debug)]
enum Event {
    Ready,
    Second(Box<Second>),
    Ended { early: bool },
    Lost(String),
}

/// A run under way: what all three ways of running share.
struct Course<'a> {
    order: &'a Order,
    merge: Merge,
    stopped: Option<String>,
    live: &'a mut dyn FnMut(&Live),
}

impl<'a> Course<'a> {
    fn new(order: &'a Order, live: &'a mut dyn FnMut(&Live)) -> Self {
        let planned = Planned::of(&order.assignment);
        let merge = Merge::new(order.workers.max(1), order.assignment.scenario.samples, planned);
        Self { order, merge, stopped: None, live }
    }

    /// Takes what a worker tells. True when the run should now be stopped.
    fn tell(&mut self, worker: u32, event: Event) -> bool {
        let complete = match event {
            Event::Ready => false,
            Event::Second(second) => self.merge.add(worker, *second),
            Event::Ended { early } => self.merge.ended(worker, if early { "stopped" } else { "done" }),
            Event::Lost(why) => self.merge.lost(worker, &why),
        };
        if complete {
            (self.live)(&self.merge.live(&self.order.assignment));
        }
        complete && self.is_lost()
    }

    /// Whether a threshold is lost, and the scenario wants no more then.
    fn is_lost(&mut self) -> bool {
        let scenario = &self.order.assignment.scenario;
        if !scenario.stop_early || self.stopped.is_some() || !self.merge.is_open() {
            return false;
        }
        let observed = self.merge.observed();
        let Some(lost) = scenario.thresholds.iter().find(|threshold| is_lost(threshold, &observed)) else {
            return false;
        };
        self.stopped = Some(format!("`{}` cannot hold any more", lost.text));
        true
    }

    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }

    fn is_open(&self) -> bool {
        self.merge.is_open()
    }

    fn finish(self) -> Outcome {
        let results = self.merge.results(&Facts {
            assignment: &self.order.assignment,
            budget: &self.order.budget,
            environment: &self.order.environment,
            stopped: self.stopped.as_deref(),
        });
        Outcome {
            early: !results.missing.is_empty(),
            results,
            response: self.merge.response,
            service: self.merge.service,
            transcripts: self.merge.transcripts,
        }
    }
}

impl Order {
    /// The assignment of one worker. The share of a machine stays the same however many workers it has.
    fn of(&self, worker: u32) -> Assignment {
        let (share, shares) = (self.assignment.worker, self.assignment.workers.max(1));
        Assignment {
            worker: share + shares * worker,
            workers: shares * self.workers.max(1),
            ..self.assignment.clone()
        }
    }
}

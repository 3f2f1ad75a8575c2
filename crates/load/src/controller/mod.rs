//! The controller: starts the workers, listens to them, merges what they tell, and ends with records in every case.
//!
//! Workers are processes ([`run_processes`], what the command line uses: descriptors are limited per process), threads
//! ([`run_threads`], for programs that build a scenario in Rust), or futures in the caller's own runtime ([`run_here`],
//! for tests and the virtual clock). All three take the same path from a worker's [`Second`] to the records: each line is
//! shown to the caller, who may write it down, and then counted; [`crate::Replay`] counts written lines in the same way.
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

use record::{
    ErrorCount, Fact, LoadEnd, LoadLine, LoadResults, Quantiles, Second, SecondRow, TranscriptSeen, WorkerEnd,
};
use stats::Series;

use crate::merge::{Heard, Merge, beginning};
use crate::{Assignment, Measured, is_lost};

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

/// What is told of a run while it goes on.
#[derive(Debug)]
pub enum News<'a> {
    /// A line of `seconds.jsonl`, before it is counted: what is changed in it, because it must not be shown, is changed in
    /// all figures.
    Line(&'a mut LoadLine),
    /// Another second is complete.
    Live(&'a Live),
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
#[derive(Clone, Debug, Default)]
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
    Measured(Box<Measured>),
    Second(Box<Second>),
    Ended { early: bool },
    Lost(String),
}

/// A run under way: what all three ways of running share.
struct Course<'a> {
    order: &'a Order,
    merge: Merge,
    began: bool,
    stopped: Option<String>,
    news: &'a mut dyn FnMut(News<'_>),
}

impl<'a> Course<'a> {
    fn new(order: &'a Order, news: &'a mut dyn FnMut(News<'_>)) -> Self {
        let merge = Merge::new(beginning(order), order.assignment.scenario.thresholds.clone());
        Self { order, merge, began: false, stopped: None, news }
    }

    /// The run is carried out: from now on there is something to write down.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.began, true) {
            let mut line = LoadLine::Began(Box::new(self.merge.beginning.clone()));
            (self.news)(News::Line(&mut line));
            if let LoadLine::Began(beginning) = line {
                self.merge.beginning = *beginning;
            }
        }
    }

    /// Takes what a worker tells. True when the run should now be stopped.
    fn tell(&mut self, worker: u32, event: Event) -> bool {
        let end = |how: &str, lost| WorkerEnd { worker, how: how.to_owned(), lost };
        let complete = match event {
            Event::Ready => false,
            Event::Measured(second) => self.second(worker, second.into_record()),
            Event::Second(second) => self.second(worker, *second),
            Event::Ended { early } => self.end(end(if early { "stopped" } else { "done" }, false)),
            Event::Lost(why) => self.end(end(&why, true)),
        };
        if complete {
            (self.news)(News::Live(&self.merge.live()));
        }
        complete && self.is_lost()
    }

    fn second(&mut self, worker: u32, mut second: Second) -> bool {
        if !self.merge.hears(worker) {
            return false;
        }
        second.worker = worker;
        self.merge.choose(&mut second.transcripts);
        // Before it is written down: what cannot be read must not be there.
        let heard = match Heard::of(&second) {
            Ok(heard) => heard,
            Err(error) => {
                let how = format!("it told second {} wrongly: {error}", second.second);
                return self.end(WorkerEnd { worker, how, lost: true });
            }
        };
        match self.written(LoadLine::Second(Box::new(second))) {
            LoadLine::Second(second) => self.merge.add(*second, heard),
            _ => false,
        }
    }

    fn end(&mut self, end: WorkerEnd) -> bool {
        if !self.merge.hears(end.worker) {
            return false;
        }
        match self.written(LoadLine::WorkerEnded(end)) {
            LoadLine::WorkerEnded(end) => self.merge.end(&end),
            _ => false,
        }
    }

    /// A line as it was written down.
    fn written(&mut self, mut line: LoadLine) -> LoadLine {
        self.begin();
        (self.news)(News::Line(&mut line));
        line
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

    fn finish(mut self) -> Outcome {
        for worker in self.merge.living() {
            self.end(WorkerEnd { worker, how: "nothing more was heard of it".to_owned(), lost: true });
        }
        let stopped = self.stopped.take();
        match self.written(LoadLine::Ended(LoadEnd { stopped })) {
            LoadLine::Ended(end) => self.merge.outcome(end.stopped.as_deref()),
            _ => self.merge.outcome(None),
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

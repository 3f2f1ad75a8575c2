//! Records from what was written down: the lines of a `seconds.jsonl` give what the run itself gave, to the octet.
//!
//! A pure function of the lines, taken one by one since there may be many. It believes no more of them than the controller
//! believes of its workers: what does not fit is refused before it is counted.

use record::{Chosen, LoadBeginning, LoadLine, Second, WorkerEnd};
use scenario::Threshold;
use stats::EncodingError;

use super::{Heard, Merge};
use crate::Outcome;

/// No run has more workers.
const MOST_WORKERS: u32 = 10_000;

/// So many more seconds there may be than lines. Each second of a run has its line.
const GAP: u64 = 100_000;

/// Why a line cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Misplaced {
    /// The first line of a run is missing.
    #[error("no run has begun before this line")]
    NotBegun,
    /// A run begins within another one, or behind the end of all.
    #[error("this line does not belong behind the one before it")]
    Behind,
    /// There are too many to keep their figures apart.
    #[error("a run has at most {MOST_WORKERS} workers, and this one has {workers}")]
    Workers {
        /// How many.
        workers: u32,
    },
    /// The plan has a threshold that nobody can judge.
    #[error("the threshold `{text}` cannot be read: {reason}")]
    Threshold {
        /// As it stands there.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The run has no such worker, or it has ended.
    #[error("worker {worker} is not at work in this run")]
    Worker {
        /// Its number.
        worker: u32,
    },
    /// Seconds follow each other: counted twice they would falsify the sums.
    #[error("second {second} of worker {worker} is out of turn")]
    OutOfTurn {
        /// The worker.
        worker: u32,
        /// The second.
        second: u32,
    },
    /// A histogram cannot be read.
    #[error(transparent)]
    Samples(#[from] EncodingError),
    /// The figures are said to be those of a run that is not there.
    #[error("run {run} is chosen, and there are {runs}, counted from 0")]
    Chosen {
        /// Its number.
        run: u32,
        /// How many there are.
        runs: usize,
    },
}

/// The runs of a `seconds.jsonl`, as far as they have been read.
#[derive(Default)]
pub struct Replay {
    done: Vec<Outcome>,
    open: Option<Merge>,
    chosen: Option<Chosen>,
    lines: u64,
}

/// What was written down.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    /// What came of the run, or of the one that was chosen.
    pub outcome: Outcome,
    /// Whether the run ended before its record did. Otherwise the figures are those of the seconds that are whole.
    pub ended: bool,
}

impl Replay {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line. After an error nothing more may be fed.
    ///
    /// # Errors
    /// The line does not belong there, or says what cannot be.
    pub fn take(&mut self, line: LoadLine) -> Result<(), Misplaced> {
        self.lines += 1;
        match line {
            _ if self.chosen.is_some() => Err(Misplaced::Behind),
            LoadLine::Began(_) | LoadLine::Chosen(_) if self.open.is_some() => Err(Misplaced::Behind),
            LoadLine::Began(began) => self.begin(*began),
            LoadLine::Second(second) => self.second(*second),
            LoadLine::WorkerEnded(end) => self.end(&end),
            LoadLine::Ended(end) => {
                let merge = self.open.take().ok_or(Misplaced::NotBegun)?;
                self.done.push(merge.outcome(end.stopped.as_deref()));
                Ok(())
            }
            LoadLine::Chosen(chosen) => {
                let runs = self.done.len();
                if self.done.get(chosen.run as usize).is_none() {
                    return Err(Misplaced::Chosen { run: chosen.run, runs });
                }
                self.chosen = Some(*chosen);
                Ok(())
            }
        }
    }

    /// All lines were read. `cut` says, of a record without an end, why there is no more. Nothing where no run began.
    pub fn finish(mut self, cut: &str) -> Option<Derived> {
        let ended = self.open.is_none();
        if let Some(mut merge) = self.open {
            merge.cut(cut);
            self.done.push(merge.outcome(None));
        }
        let chosen = self.chosen;
        let mut outcome = match &chosen {
            Some(chosen) => self.done.into_iter().nth(chosen.run as usize)?,
            None => self.done.pop()?,
        };
        outcome.results.capacity = chosen.and_then(|chosen| chosen.capacity);
        Some(Derived { outcome, ended })
    }

    fn begin(&mut self, began: LoadBeginning) -> Result<(), Misplaced> {
        let workers = began.plan.workers;
        if workers > MOST_WORKERS {
            return Err(Misplaced::Workers { workers });
        }
        let threshold = |asked: &record::ThresholdAsked| match Threshold::parse_any_step(&asked.text) {
            Ok(threshold) => Ok(Threshold { place: asked.place.clone(), ..threshold }),
            Err(error) => Err(Misplaced::Threshold { text: asked.text.clone(), reason: error.to_string() }),
        };
        let thresholds = began.thresholds.iter().map(threshold).collect::<Result<_, _>>()?;
        self.open = Some(Merge::new(began, thresholds));
        Ok(())
    }

    fn second(&mut self, second: Second) -> Result<(), Misplaced> {
        let merge = self.open.as_mut().ok_or(Misplaced::NotBegun)?;
        let Second { worker, second: number, .. } = second;
        if !merge.hears(worker) {
            return Err(Misplaced::Worker { worker });
        }
        if merge.last(worker).is_some_and(|last| number <= last) || u64::from(number) > self.lines + GAP {
            return Err(Misplaced::OutOfTurn { worker, second: number });
        }
        let heard = Heard::of(&second)?;
        merge.add(second, heard);
        Ok(())
    }

    fn end(&mut self, end: &WorkerEnd) -> Result<(), Misplaced> {
        let merge = self.open.as_mut().ok_or(Misplaced::NotBegun)?;
        if !merge.hears(end.worker) {
            return Err(Misplaced::Worker { worker: end.worker });
        }
        merge.end(end);
        Ok(())
    }
}

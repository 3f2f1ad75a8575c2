//! Many workers' seconds become one run: figures while it goes on, and the records at its end.
//!
//! Everything adds up: histograms merge bucket by bucket, so that a run of several workers has exactly the histograms
//! that one worker would have had. A second is *complete* when every worker that still lives has told it; only then is
//! it counted, so that no figure is ever taken back, and in the order of the workers, so that it does not matter who told
//! first. A worker that is lost loses what it had not told, and the records say so.
//!
//! It is fed with the lines of `seconds.jsonl` and knows of the run what stands in them and nothing else: the controller
//! feeds it while the run goes on, [`Replay`] when it is over, and both get the same records.
//!
//! Deliberately without processes, pipes and clocks: it is fed values.

mod planned;
mod replay;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use record::{ErrorSeen, LoadBeginning, Second, SecondRow, Traffic, TranscriptSeen, Verified, WorkerEnd};
use scenario::Threshold;
use stats::{Counts, EncodingError, Latencies, Series};

use crate::bottleneck::BUSY;
use crate::{Observed, Outcome};

pub(crate) use planned::beginning;
pub use replay::{Derived, Misplaced, Replay};

/// Kinds of errors at steps that are told apart; a server can invent response codes without end.
const MOST_ERRORS: usize = 500;

/// The kind under which further ones are counted.
const OTHER: &str = "other";

/// Steps that are told apart; custom behaviours name their own.
const MOST_STEPS: usize = 500;

/// Transcripts that are kept at all.
const MOST_TRANSCRIPTS: usize = 2_000;

/// What has been told so far.
pub(crate) struct Merge {
    /// What was known before, as it was written down.
    pub(crate) beginning: LoadBeginning,
    thresholds: Vec<Threshold>,
    workers: Vec<Worker>,
    /// Seconds that not all workers have told, by what each told of them.
    open: BTreeMap<u32, Vec<(Second, Heard)>>,
    rows: BTreeMap<u32, SecondRow>,
    response: Series,
    service: Series,
    response_total: Latencies,
    service_total: Latencies,
    total: Sums,
    /// When the last session ended, nanoseconds since the start of the plan.
    last_end_ns: u64,
    lateness: Counts,
    errors: BTreeMap<(String, String), Error>,
    tls: BTreeMap<(String, String, String, bool), u64>,
    transcripts: Vec<TranscriptSeen>,
    /// Why there is no end to what was written down.
    cut: Option<String>,
}

/// The latencies of a [`Second`], read: the steps in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    steps: Vec<(Counts, Counts)>,
    lateness: Counts,
}

/// What one worker has told.
#[derive(Clone, Debug, Default)]
struct Worker {
    last: Option<u32>,
    /// How it ended; `None` while it lives.
    ended: Option<String>,
    lost: bool,
    seconds: u32,
    busy: u32,
    cpu_ns: u64,
    run_queue_ns: u64,
    busiest_ns: u64,
    peak_open: u64,
    resident_bytes: u64,
    begun: u64,
}

/// What adds up and is no histogram.
#[derive(Clone, Debug, Default)]
struct Sums {
    begun: u64,
    completed: u64,
    failed: u64,
    waited: u64,
    traffic: Traffic,
    verified: Verified,
    behaviours: Vec<u64>,
}

/// A second that is being put together.
#[derive(Clone, Debug, Default)]
struct Part {
    row: SecondRow,
    errors: BTreeMap<String, u64>,
    steps: BTreeMap<String, (Counts, Counts)>,
}

#[derive(Clone, Debug, Default)]
struct Error {
    count: u64,
    first_s: f64,
    example: String,
}

impl Heard {
    /// The latencies of a second.
    ///
    /// # Errors
    /// One of its texts is no histogram.
    pub(crate) fn of(second: &Second) -> Result<Self, EncodingError> {
        let both = |step: &record::StepSamples| {
            Ok((Counts::decode(&step.response)?, Counts::decode(&step.service)?))
        };
        Ok(Self {
            steps: second.steps.iter().map(both).collect::<Result<_, _>>()?,
            lateness: Counts::decode(&second.lateness)?,
        })
    }
}

impl Merge {
    /// Nothing told yet of the run that begins so, and whose thresholds are these.
    pub(crate) fn new(beginning: LoadBeginning, thresholds: Vec<Threshold>) -> Self {
        Self {
            workers: vec![Worker::default(); beginning.plan.workers as usize],
            beginning,
            thresholds,
            open: BTreeMap::new(),
            rows: BTreeMap::new(),
            response: Series::new(),
            service: Series::new(),
            response_total: Latencies::new(),
            service_total: Latencies::new(),
            total: Sums::default(),
            last_end_ns: 0,
            lateness: Counts::default(),
            errors: BTreeMap::new(),
            tls: BTreeMap::new(),
            transcripts: Vec::new(),
            cut: None,
        }
    }

    /// Whether there is such a worker, and it has not ended: nobody else is heard.
    pub(crate) fn hears(&self, worker: u32) -> bool {
        self.workers.get(worker as usize).is_some_and(|worker| worker.ended.is_none())
    }

    /// The last second that a worker told.
    fn last(&self, worker: u32) -> Option<u32> {
        self.workers.get(worker as usize)?.last
    }

    /// Leaves those transcripts for which there is room beside what was told before.
    pub(crate) fn choose(&mut self, transcripts: &mut Vec<TranscriptSeen>) {
        let before = self.transcripts.len();
        for transcript in transcripts.drain(..) {
            self.keep(transcript);
        }
        transcripts.extend(self.transcripts.drain(before..));
    }

    /// Takes a worker's second and the latencies that were read from it. The caller sees to it that each comes once and
    /// in order, from a worker that is heard. True when at least one more second is complete.
    pub(crate) fn add(&mut self, mut second: Second, heard: Heard) -> bool {
        let Some(teller) = self.workers.get_mut(second.worker as usize) else { return false };
        teller.last = Some(second.second);
        for transcript in std::mem::take(&mut second.transcripts) {
            self.keep(transcript);
        }
        // They have been read, and are the most of it.
        second.steps.iter_mut().for_each(|step| (step.response, step.service) = Default::default());
        self.open.entry(second.second).or_default().push((second, heard));
        self.close()
    }

    /// A worker has ended, or is lost: it died, hung or spoke rubbish.
    pub(crate) fn end(&mut self, end: &WorkerEnd) -> bool {
        if let Some(worker) =
            self.workers.get_mut(end.worker as usize).filter(|worker| worker.ended.is_none())
        {
            worker.ended = Some(end.how.clone());
            worker.lost = end.lost;
        }
        self.close()
    }

    /// What was written down ends here, for this reason, and the run went on: what was told of seconds that are not
    /// complete does not count.
    pub(crate) fn cut(&mut self, why: &str) {
        self.open.clear();
        self.cut = Some(why.to_owned());
        for worker in self.workers.iter_mut().filter(|worker| worker.ended.is_none()) {
            worker.ended = Some("not recorded".to_owned());
        }
    }

    /// The workers that are still at work.
    pub(crate) fn living(&self) -> Vec<u32> {
        (0..)
            .zip(&self.workers)
            .filter(|(_, worker)| worker.ended.is_none())
            .map(|(number, _)| number)
            .collect()
    }

    /// What came of the run; `stopped` says why it ended before its plan did, if it did.
    pub(crate) fn outcome(self, stopped: Option<&str>) -> Outcome {
        let results = self.results(stopped);
        Outcome {
            early: !results.missing.is_empty(),
            results,
            response: self.response,
            service: self.service,
            transcripts: self.transcripts,
        }
    }

    /// Whether any worker is still at work.
    pub(crate) fn is_open(&self) -> bool {
        self.workers.iter().any(|worker| worker.ended.is_none())
    }

    /// How many seconds are complete, counted to the last one.
    pub(crate) fn seconds(&self) -> u32 {
        self.rows.last_key_value().map_or(0, |(second, _)| second.saturating_add(1))
    }

    /// What thresholds look at. Kinds of errors at different steps stand one by one.
    pub(crate) fn observed(&self) -> Observed<'_> {
        Observed {
            response: Some(&self.response_total),
            service: Some(&self.service_total),
            errors: self.errors.iter().map(|((kind, _), error)| (kind.as_str(), error.count)).collect(),
            planned: self.beginning.plan.planned_sessions.max(self.total.begun),
            asked: self.asked_so_far(),
            achieved: self.begun_in_plan(),
            begun: self.total.begun,
            messages: self.total.verified.messages,
            wrong: self.total.verified.failures,
        }
    }

    /// Sessions the plan wanted in the seconds that are complete.
    fn asked_so_far(&self) -> u64 {
        self.rows.values().map(|row| row.asked).sum()
    }

    /// Sessions begun while the plan lasted: what is begun after it was begun too late. Those of its last tenth of a
    /// second may begin just after its end, since timers have a grain, and are counted.
    fn begun_in_plan(&self) -> u64 {
        let seconds = self.planned_seconds();
        let within: u64 = self.rows.range(..seconds).map(|(_, row)| row.begun).sum();
        let last = seconds.checked_sub(1).and_then(|second| self.rows.get(&second));
        let after = self.rows.get(&seconds).map_or(0, |row| row.begun);
        within + after.min(last.map_or(0, |row| row.asked.div_ceil(10)))
    }

    /// How long the arrivals last by plan.
    fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.beginning.plan.duration_s).unwrap_or_default()
    }

    /// In how many seconds something may begin.
    fn planned_seconds(&self) -> u32 {
        let whole = self.duration().as_nanos().div_ceil(1_000_000_000);
        u32::try_from(whole.max(self.beginning.asked.len() as u128)).unwrap_or(u32::MAX)
    }

    /// Completes the seconds that all living workers have told. True if there was one.
    fn close(&mut self) -> bool {
        let living = self.workers.iter().filter(|worker| worker.ended.is_none());
        let told = living.map(|worker| worker.last).min();
        let mut closed = false;
        while let Some(entry) = self.open.first_entry() {
            // Without a living worker (`None`) all seconds are complete; a worker that has told nothing holds all up.
            if told.is_some_and(|told| told.is_none_or(|last| *entry.key() > last)) {
                break;
            }
            let (second, mut told) = entry.remove_entry();
            told.sort_by_key(|(of_worker, _)| of_worker.worker);
            let mut part = Part { row: SecondRow { second, ..SecondRow::default() }, ..Part::default() };
            for (of_worker, heard) in told {
                self.put_together(&mut part, of_worker, &heard);
            }
            self.finish(second, part);
            closed = true;
        }
        closed
    }

    /// Adds what one worker told to a second and to all of the run.
    fn put_together(&mut self, part: &mut Part, second: Second, heard: &Heard) {
        if let Some(teller) = self.workers.get_mut(second.worker as usize) {
            teller.hear(&second);
        }
        self.total.add(&second);
        self.last_end_ns = self.last_end_ns.max(second.last_end_ns);
        self.lateness.add(&heard.lateness);
        for seen in second.tls {
            let key = (seen.version, seen.group, seen.certificate, seen.resumed);
            *self.tls.entry(key).or_default() += seen.count.min(u64::MAX >> 16);
        }
        let row = &mut part.row;
        for (sum, number) in [
            (&mut row.asked, second.asked),
            (&mut row.begun, second.begun),
            (&mut row.completed, second.completed),
            (&mut row.failed, second.failed),
            (&mut row.open, second.open),
            (&mut row.commands, second.commands),
            (&mut row.octets_received, second.octets_received),
        ] {
            *sum = sum.saturating_add(number);
        }
        row.lateness_max_ns = row.lateness_max_ns.max(heard.lateness.max());
        for error in &second.errors {
            let known = part.errors.contains_key(&error.kind) || part.errors.len() < MOST_ERRORS;
            let count = part.errors.entry(if known { &error.kind } else { OTHER }.to_owned()).or_default();
            *count = count.saturating_add(error.count);
        }
        for (step, (response, service)) in second.steps.into_iter().zip(&heard.steps) {
            let known =
                self.response_total.histogram(&step.tag).is_some() || part.steps.contains_key(&step.tag);
            if known || self.response_total.iter().count() + part.steps.len() < MOST_STEPS {
                let both = part.steps.entry(step.tag).or_default();
                both.0.add(response);
                both.1.add(service);
            }
        }
        for error in second.errors {
            self.count(error);
        }
    }

    fn finish(&mut self, second: u32, part: Part) {
        let mut row = part.row;
        // What a lost worker should have begun was asked for all the same.
        let gone =
            self.workers.iter().any(|worker| worker.lost && worker.last.is_none_or(|last| last < second));
        if let Some(asked) = self.beginning.asked.get(second as usize).filter(|_| gone) {
            row.asked = *asked;
        }
        for (tag, (response, service)) in &part.steps {
            for (counts, series, total) in [
                (response, &mut self.response, &mut self.response_total),
                (service, &mut self.service, &mut self.service_total),
            ] {
                if !counts.is_empty() {
                    series.add_counts(second, tag, counts);
                    total.add_counts(tag, counts);
                }
            }
        }
        row.steps = rows::second_steps(&part.steps);
        row.errors = rows::error_counts(&part.errors);
        self.rows.insert(second, row);
    }

    fn count(&mut self, seen: ErrorSeen) {
        let mut key = (seen.kind, seen.step);
        if !self.errors.contains_key(&key) && self.errors.len() >= MOST_ERRORS {
            key = (OTHER.to_owned(), OTHER.to_owned());
        }
        let known =
            self.errors.entry(key).or_insert_with(|| Error { first_s: f64::INFINITY, ..Error::default() });
        known.count = known.count.saturating_add(seen.count);
        if seen.first_s < known.first_s {
            known.first_s = seen.first_s;
            known.example = seen.example;
        }
    }

    /// Keeps a transcript if there is room for one of its kind. Its name becomes a file's, so it must be one.
    fn keep(&mut self, transcript: TranscriptSeen) {
        let Self { beginning, .. } = self;
        let good = transcript.kind.is_none();
        let most = if good { beginning.good_transcripts } else { beginning.bad_transcripts_per_kind };
        let alike = self.transcripts.iter().filter(|kept| kept.kind == transcript.kind).count();
        let known = self.transcripts.iter().any(|kept| kept.name == transcript.name);
        if alike < most as usize
            && self.transcripts.len() < MOST_TRANSCRIPTS
            && !known
            && rows::is_file_name(&transcript.name)
        {
            self.transcripts.push(transcript);
        }
    }
}

impl Worker {
    fn hear(&mut self, second: &Second) {
        self.seconds += 1;
        self.busy += u32::from(second.cpu_ns as f64 > BUSY * 1e9);
        self.cpu_ns = self.cpu_ns.saturating_add(second.cpu_ns);
        self.run_queue_ns = self.run_queue_ns.saturating_add(second.run_queue_ns);
        self.busiest_ns = self.busiest_ns.max(second.cpu_ns);
        self.peak_open = self.peak_open.max(second.peak_open);
        self.resident_bytes = self.resident_bytes.max(second.resident_bytes);
        self.begun = self.begun.saturating_add(second.begun);
    }
}

impl Sums {
    fn add(&mut self, second: &Second) {
        let (traffic, verified) = (&mut self.traffic, &mut self.verified);
        for (sum, number) in [
            (&mut self.begun, second.begun),
            (&mut self.completed, second.completed),
            (&mut self.failed, second.failed),
            (&mut self.waited, second.waited_for_account),
            (&mut traffic.commands, second.commands),
            (&mut traffic.octets_sent, second.octets_sent),
            (&mut traffic.octets_received, second.octets_received),
            (&mut verified.messages, second.verified.messages),
            (&mut verified.octets, second.verified.octets),
            (&mut verified.content, second.verified.content),
            (&mut verified.unverifiable, second.verified.unverifiable),
            (&mut verified.failures, second.verified.failures),
        ] {
            *sum = sum.saturating_add(number);
        }
        if self.behaviours.len() < second.behaviours.len() {
            self.behaviours.resize(second.behaviours.len().min(10_000), 0);
        }
        for (sum, number) in self.behaviours.iter_mut().zip(&second.behaviours) {
            *sum = sum.saturating_add(*number);
        }
    }
}

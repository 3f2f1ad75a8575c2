//! Many workers' seconds become one run: figures while it goes on, and the records at its end.
//!
//! Everything adds up: histograms merge bucket by bucket, so that a run of several workers has exactly the histograms
//! that one worker would have had. A second is *complete* when every worker that still lives has told it; only then is
//! it shown, so that no figure is ever taken back. A worker that is lost loses what it had not told, and the records
//! say so.
//!
//! Deliberately without processes, pipes and clocks: it is fed values.

mod planned;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use record::{SecondRow, Traffic, Verified};
use stats::{Latencies, Series};

use crate::bottleneck::BUSY;
use crate::{ErrorSeen, Observed, Samples, Second, TranscriptSeen};

pub(crate) use planned::Planned;
pub(crate) use rows::Facts;

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
    workers: Vec<Worker>,
    /// Seconds that not all workers have told.
    open: BTreeMap<u32, Part>,
    rows: BTreeMap<u32, SecondRow>,
    pub(crate) response: Series,
    pub(crate) service: Series,
    response_total: Latencies,
    service_total: Latencies,
    total: Sums,
    /// When the last session ended, nanoseconds since the start of the plan.
    last_end_ns: u64,
    lateness: Samples,
    errors: BTreeMap<(String, String), Error>,
    tls: BTreeMap<(String, String, String, bool), u64>,
    pub(crate) transcripts: Vec<TranscriptSeen>,
    /// Transcripts kept: of good sessions, and of each kind of error.
    samples: scenario::Samples,
    planned: Planned,
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
    sums: Sums,
}

/// What adds up and is no histogram.
#[derive(Clone, Debug, Default)]
struct Sums {
    begun: u64,
    completed: u64,
    failed: u64,
    not_begun: u64,
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
    response: BTreeMap<String, Samples>,
    service: BTreeMap<String, Samples>,
}

#[derive(Clone, Debug, Default)]
struct Error {
    count: u64,
    first_s: f64,
    example: String,
}

impl Merge {
    /// Nothing told yet, by so many workers that carry out this plan.
    pub(crate) fn new(workers: u32, samples: scenario::Samples, planned: Planned) -> Self {
        Self {
            workers: vec![Worker::default(); workers as usize],
            open: BTreeMap::new(),
            rows: BTreeMap::new(),
            response: Series::new(),
            service: Series::new(),
            response_total: Latencies::new(),
            service_total: Latencies::new(),
            total: Sums::default(),
            last_end_ns: 0,
            lateness: Samples::default(),
            errors: BTreeMap::new(),
            tls: BTreeMap::new(),
            transcripts: Vec::new(),
            samples,
            planned,
        }
    }

    /// Takes a worker's second. The caller sees to it that each comes once and in order. True when at least one more
    /// second is complete.
    pub(crate) fn add(&mut self, worker: u32, mut second: Second) -> bool {
        let Some(teller) = self.workers.get_mut(worker as usize) else { return false };
        teller.hear(&second);
        self.total.add(&second);
        self.last_end_ns = self.last_end_ns.max(second.last_end_ns);
        self.lateness.add(&second.lateness);
        for seen in &second.tls {
            let key = (seen.version.clone(), seen.group.clone(), seen.certificate.clone(), seen.resumed);
            *self.tls.entry(key).or_default() += seen.count.min(u64::MAX >> 16);
        }
        for transcript in std::mem::take(&mut second.transcripts) {
            self.keep(transcript);
        }
        let errors = std::mem::take(&mut second.errors);
        let part = self.open.entry(second.second).or_default();
        part.row.second = second.second;
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
        part.row.lateness_max_ns =
            part.row.lateness_max_ns.max(second.lateness.histogram().map_or(0, Histogram::max));
        for error in &errors {
            let known = part.errors.contains_key(&error.kind) || part.errors.len() < MOST_ERRORS;
            let count = part.errors.entry(if known { &error.kind } else { OTHER }.to_owned()).or_default();
            *count = count.saturating_add(error.count);
        }
        for step in std::mem::take(&mut second.steps) {
            if part.response.contains_key(&step.tag) || part.response.len() < MOST_STEPS {
                part.response.entry(step.tag.clone()).or_default().add(&step.response);
                part.service.entry(step.tag).or_default().add(&step.service);
            }
        }
        for error in errors {
            self.count(error);
        }
        self.close()
    }

    /// A worker has ended as it should.
    pub(crate) fn ended(&mut self, worker: u32, how: &str) -> bool {
        self.end(worker, how, false)
    }

    /// A worker is lost: it died, hung or spoke rubbish.
    pub(crate) fn lost(&mut self, worker: u32, why: &str) -> bool {
        self.end(worker, why, true)
    }

    fn end(&mut self, worker: u32, how: &str, lost: bool) -> bool {
        if let Some(worker) = self.workers.get_mut(worker as usize).filter(|worker| worker.ended.is_none()) {
            worker.ended = Some(how.to_owned());
            worker.lost = lost;
        }
        self.close()
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
            planned: self.planned.sessions.max(self.total.begun),
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
        let within: u64 = self.rows.range(..self.planned.seconds).map(|(_, row)| row.begun).sum();
        let last = self.planned.seconds.checked_sub(1).and_then(|second| self.rows.get(&second));
        let after = self.rows.get(&self.planned.seconds).map_or(0, |row| row.begun);
        within + after.min(last.map_or(0, |row| row.asked.div_ceil(10)))
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
            let (second, part) = entry.remove_entry();
            self.finish(second, part);
            closed = true;
        }
        closed
    }

    fn finish(&mut self, second: u32, part: Part) {
        let mut row = part.row;
        // What a lost worker should have begun was asked for all the same.
        let gone =
            self.workers.iter().any(|worker| worker.lost && worker.last.is_none_or(|last| last < second));
        if let Some(asked) = self.planned.asked.get(second as usize).filter(|_| gone) {
            row.asked = *asked;
        }
        for (tag, samples) in &part.response {
            let Some(histogram) = samples.histogram() else { continue };
            self.response.add_histogram(second, tag, histogram);
            self.response_total.add_histogram(tag, histogram);
        }
        for (tag, samples) in &part.service {
            let Some(histogram) = samples.histogram() else { continue };
            self.service.add_histogram(second, tag, histogram);
            self.service_total.add_histogram(tag, histogram);
        }
        row.steps = rows::second_steps(&part.response);
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
        let most = if transcript.kind.is_some() { self.samples.bad_per_kind } else { self.samples.good };
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
        self.last = Some(second.second);
        self.seconds += 1;
        self.busy += u32::from(second.cpu_ns as f64 > BUSY * 1e9);
        self.cpu_ns += second.cpu_ns;
        self.run_queue_ns += second.run_queue_ns;
        self.busiest_ns = self.busiest_ns.max(second.cpu_ns);
        self.peak_open = self.peak_open.max(second.peak_open);
        self.resident_bytes = self.resident_bytes.max(second.resident_bytes);
        self.sums.add(second);
    }
}

impl Sums {
    fn add(&mut self, second: &Second) {
        let (traffic, verified) = (&mut self.traffic, &mut self.verified);
        for (sum, number) in [
            (&mut self.begun, second.begun),
            (&mut self.completed, second.completed),
            (&mut self.failed, second.failed),
            (&mut self.not_begun, second.not_begun),
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

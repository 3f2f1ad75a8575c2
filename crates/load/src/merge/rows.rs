//! The merged run as records: for the screen while it goes on, and for `results.json` at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use record::{
    ErrorCount, ErrorRow, Fact, Generator, LoadRate, LoadResults, LoadSessions, SecondRow, SecondStep,
    StepRow, TlsRow, WorkerRow,
};
use scenario::{Limit, Subject};
use stats::{Latencies, encode_histogram_deflated, quantiles};

use super::Merge;
use crate::bottleneck::OWN_ERRORS;
use crate::figures::{count, counted, span};
use crate::recorder::TAGS;
use crate::worker::PANIC;
use crate::{Assignment, Live, LiveStep, Samples, SelfWatch, WorkerLoad, bottleneck, judge, shortage};

/// What a run's records say beside what the workers told.
pub(crate) struct Facts<'a> {
    /// What was assigned, before it was shared out to the workers.
    pub(crate) assignment: &'a Assignment,
    /// The budget's rows.
    pub(crate) budget: &'a [Fact],
    /// The machine.
    pub(crate) environment: &'a [Fact],
    /// Why the run ended before its plan; `None` if it did not.
    pub(crate) stopped: Option<&'a str>,
}

impl Merge {
    /// The figures of the complete seconds.
    pub(crate) fn live(&self, assignment: &Assignment) -> Live {
        let scenario = &assignment.scenario;
        let observed = self.observed();
        let last = self.rows.last_key_value().map(|(_, row)| row.clone()).unwrap_or_default();
        let mut errors = BTreeMap::new();
        for ((kind, _), error) in &self.errors {
            *errors.entry(kind.clone()).or_default() += error.count;
        }
        Live {
            elapsed: Duration::from_secs(u64::from(self.seconds())),
            duration: scenario.duration(),
            planned: self.planned.sessions,
            asked: observed.asked,
            begun: self.rows.values().map(|row| row.begun).sum(),
            completed: self.rows.values().map(|row| row.completed).sum(),
            failed: self.rows.values().map(|row| row.failed).sum(),
            commands: self.rows.values().map(|row| row.commands).sum(),
            octets_received: self.rows.values().map(|row| row.octets_received).sum(),
            verification_failures: observed.wrong,
            errors: error_counts(&errors),
            steps: in_order(&self.response_total)
                .into_iter()
                .map(|(tag, histogram)| LiveStep { tag: tag.to_owned(), response: quantiles(histogram) })
                .collect(),
            lateness_max_ns: self.lateness.histogram().map_or(0, Histogram::max),
            // Without samples nothing holds, which is no news so early.
            broken: scenario
                .thresholds
                .iter()
                .map(|threshold| judge(threshold, &observed))
                .filter(|row| !row.holds && row.samples > 0)
                .map(|row| row.text)
                .collect(),
            workers: self.workers.iter().filter(|worker| worker.ended.is_none()).count(),
            last,
        }
    }

    /// The whole run. `capacity` is left to the search for it.
    pub(crate) fn results(&self, facts: &Facts<'_>) -> LoadResults {
        let workers = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        let observed = self.observed();
        let scenario = &facts.assignment.scenario;
        let watch = self.watch(scenario);
        let sessions = LoadSessions { shortage: shortage(&watch), ..self.sessions() };
        LoadResults {
            plan: self.planned.record(
                facts.assignment,
                workers,
                facts.budget.to_vec(),
                &self.total.behaviours,
            ),
            rate: self.rate(scenario.duration()),
            steps: self.steps(),
            errors: self.error_rows(),
            verified: self.total.verified.clone(),
            traffic: self.total.traffic.clone(),
            tls: self.tls_rows(),
            thresholds: scenario.thresholds.iter().map(|threshold| judge(threshold, &observed)).collect(),
            series: self.series(),
            generator: self.generator(&watch),
            environment: facts.environment.to_vec(),
            samples: self
                .transcripts
                .iter()
                .filter(|kept| kept.kind.is_none())
                .map(|kept| path(&kept.name))
                .collect(),
            missing: self.missing(facts, &sessions),
            sessions,
            ..LoadResults::default()
        }
    }

    fn sessions(&self) -> LoadSessions {
        let total = &self.total;
        let planned = self.planned.sessions.max(total.begun);
        let at_once = self.rows.values().map(|row| row.open).max().unwrap_or(0);
        LoadSessions {
            planned,
            begun: total.begun,
            completed: total.completed,
            failed: total.failed,
            unfinished: total.begun.saturating_sub(total.completed).saturating_sub(total.failed),
            not_begun: planned - total.begun,
            waited_for_account: total.waited,
            shortage: None,
            // Within a second each worker knows its own peak only.
            peak_open: self.workers.iter().map(|worker| worker.peak_open).max().unwrap_or(0).max(at_once),
        }
    }

    /// What was asked for and begun, per second of the plan or of the part of it that ran; what was done, per second until
    /// the last of it was done: sessions that go on after the plan make nobody faster.
    fn rate(&self, duration: Duration) -> LoadRate {
        let planned = duration.as_secs_f64().min(f64::from(self.seconds()));
        let done = planned.max(self.last_end_ns as f64 / 1e9);
        let per_s = |number: u64, seconds: f64| if seconds > 0.0 { number as f64 / seconds } else { 0.0 };
        LoadRate {
            asked_per_s: per_s(self.asked_so_far(), planned),
            achieved_per_s: per_s(self.begun_in_plan(), planned),
            completed_per_s: per_s(self.total.completed, done),
            commands_per_s: per_s(self.total.traffic.commands, done),
            done_within_s: done,
        }
    }

    fn steps(&self) -> Vec<StepRow> {
        let nothing = crate::second::empty();
        let row = |(tag, response): (&str, &Histogram<u64>)| {
            let service = self.service_total.histogram(tag).unwrap_or(&nothing);
            StepRow {
                tag: tag.to_owned(),
                response: quantiles(response),
                service: quantiles(service),
                response_histogram: encode_histogram_deflated(response),
                service_histogram: encode_histogram_deflated(service),
            }
        };
        in_order(&self.response_total).into_iter().map(row).collect()
    }

    fn error_rows(&self) -> Vec<ErrorRow> {
        let mut rows: Vec<ErrorRow> = self
            .errors
            .iter()
            .map(|((kind, step), error)| ErrorRow {
                kind: kind.clone(),
                step: step.clone(),
                count: error.count,
                first_s: if error.first_s.is_finite() { error.first_s } else { 0.0 },
                example: error.example.clone(),
                transcript: self
                    .transcripts
                    .iter()
                    .find(|kept| kept.kind.as_deref() == Some(kind) && kept.step.as_deref() == Some(step))
                    .map(|kept| path(&kept.name)),
            })
            .collect();
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.kind, &a.step).cmp(&(&b.kind, &b.step))));
        rows
    }

    fn tls_rows(&self) -> Vec<TlsRow> {
        let row =
            |((version, group, certificate, resumed), count): (&(String, String, String, bool), &u64)| {
                TlsRow {
                    version: version.clone(),
                    group: group.clone(),
                    certificate: certificate.clone(),
                    resumed: *resumed,
                    count: *count,
                }
            };
        self.tls.iter().map(row).collect()
    }

    /// A row for each second, those without news too.
    fn series(&self) -> Vec<SecondRow> {
        let row = |second| match self.rows.get(&second) {
            Some(row) => row.clone(),
            None => SecondRow { second, ..SecondRow::default() },
        };
        (0..self.seconds()).map(row).collect()
    }

    fn generator(&self, watch: &SelfWatch) -> Generator {
        let workers = (0..).zip(&self.workers).map(|(number, worker)| WorkerRow {
            number,
            cpu_s: worker.cpu_ns as f64 / 1e9,
            run_queue_s: worker.run_queue_ns as f64 / 1e9,
            // The last second of a worker may be a longer one.
            busiest_second_percent: (worker.busiest_ns as f64 / 1e7).min(100.0),
            peak_open: worker.peak_open,
            resident_bytes: worker.resident_bytes,
            sessions: worker.sums.begun,
            ended: worker.ended.clone().unwrap_or_else(|| "still at work".to_owned()),
        });
        Generator {
            lateness: self.lateness.histogram().map(quantiles).unwrap_or_default(),
            workers: workers.collect(),
            bottleneck: bottleneck(watch),
            own_errors: watch.own_errors.iter().map(|(_, count)| count).sum(),
        }
    }

    /// What the generator, and not the target, could not do.
    fn watch(&self, scenario: &scenario::Scenario) -> SelfWatch {
        let own_errors = OWN_ERRORS.iter().map(|own| {
            let of_kind = self.errors.iter().filter(|((kind, _), _)| kind == own);
            ((*own).to_owned(), of_kind.map(|(_, error)| error.count).sum())
        });
        let loads = (0..).zip(&self.workers).map(|(number, worker)| WorkerLoad {
            number,
            seconds: worker.seconds,
            busy: worker.busy,
        });
        let (asked, begun) = (self.asked_so_far(), self.begun_in_plan());
        let lost = self.workers.iter().any(|worker| worker.lost);
        SelfWatch {
            lateness_p99_ns: self.lateness.histogram().map_or(0, |late| late.value_at_quantile(0.99)),
            timers: self.lateness.count(),
            smallest_limit: smallest_limit(scenario),
            workers: loads.collect(),
            asked,
            begun,
            waited: self.total.waited,
            excused: if lost { asked.saturating_sub(begun) } else { 0 },
            own_errors: own_errors.collect(),
        }
    }

    /// What an early end left out.
    fn missing(&self, facts: &Facts<'_>, sessions: &LoadSessions) -> Vec<String> {
        let mut missing = Vec::new();
        let (elapsed, planned) =
            (Duration::from_secs(u64::from(self.seconds())), facts.assignment.scenario.duration());
        // After its plan a run still waits for the sessions that are open.
        let elapsed = if elapsed > planned {
            format!(
                "{}, which is {} after the end of the plan",
                span(elapsed),
                span(elapsed.saturating_sub(planned))
            )
        } else {
            format!("{} of {}", span(elapsed), span(planned))
        };
        if let Some(why) = facts.stopped {
            missing.push(format!(
                "the run was ended after {elapsed} ({why}): {} of the plan never began, and {} cut off",
                counted(sessions.not_begun, "session"),
                match sessions.unfinished {
                    1 => "1 was".to_owned(),
                    number => format!("{} were", count(number)),
                }
            ));
        }
        for (number, worker) in self.workers.iter().enumerate().filter(|(_, worker)| worker.lost) {
            let why = worker.ended.as_deref().unwrap_or_default();
            missing.push(match worker.last {
                Some(last) => format!(
                    "worker {number} was lost ({why}): what it did after second {last} of the run is not in the figures, \
                     and the rest of its sessions never began"
                ),
                None => format!("worker {number} was lost ({why}) before it told anything: its share of the plan is missing"),
            });
        }
        let panics = self.errors.iter().filter(|((kind, _), _)| kind == PANIC);
        let panics: u64 = panics.map(|(_, error)| error.count).sum();
        if panics > 0 {
            missing.push(format!(
                "{} ended in a panic of the generator's own or of a behaviour written in Rust: what {} would have done is \
                 not in the figures",
                counted(panics, "session"),
                if panics == 1 { "it" } else { "they" }
            ));
        }
        if self.errors.contains_key(&(super::OTHER.to_owned(), super::OTHER.to_owned())) {
            missing.push(format!(
                "more than {} kinds of errors were seen; further ones are counted as `{}`",
                super::MOST_ERRORS,
                super::OTHER
            ));
        }
        missing
    }
}

/// The response times of one second, steps in the order of the tables.
pub(super) fn second_steps(samples: &BTreeMap<String, Samples>) -> Vec<SecondStep> {
    let mut rows: Vec<SecondStep> = samples
        .iter()
        .filter_map(|(tag, samples)| {
            let figures = quantiles(samples.histogram().filter(|histogram| !histogram.is_empty())?);
            Some(SecondStep {
                tag: tag.clone(),
                count: figures.count,
                p50_ns: figures.p50_ns,
                p95_ns: figures.p95_ns,
                p99_ns: figures.p99_ns,
                max_ns: figures.max_ns,
            })
        })
        .collect();
    rows.sort_by_key(|row| place(&row.tag));
    rows
}

/// Errors by kind, in the order of the kinds.
pub(super) fn error_counts(errors: &BTreeMap<String, u64>) -> Vec<ErrorCount> {
    errors.iter().map(|(kind, count)| ErrorCount { kind: kind.clone(), count: *count }).collect()
}

/// Whether a name is a file's and nothing else: no folder, nothing hidden, no surprises on any file system.
pub(super) fn is_file_name(name: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 150 && !name.starts_with('.') && name.bytes().all(plain)
}

fn path(name: &str) -> String {
    format!("transcripts/{name}")
}

fn in_order(latencies: &Latencies) -> Vec<(&str, &Histogram<u64>)> {
    let mut steps: Vec<_> = latencies.iter().map(|(tag, histogram)| (tag.as_str(), histogram)).collect();
    // Stable, so that steps of custom behaviours, which have no place, stay in the order of their names.
    steps.sort_by_key(|(tag, _)| place(tag));
    steps
}

/// The smallest limit on latencies.
fn smallest_limit(scenario: &scenario::Scenario) -> Option<Duration> {
    let limits =
        scenario.thresholds.iter().filter(|threshold| matches!(threshold.subject, Subject::Step { .. }));
    limits
        .filter_map(|threshold| match threshold.limit {
            Limit::Nanoseconds(limit) => Some(Duration::from_nanos(limit)),
            Limit::Share(_) | Limit::Count(_) => None,
        })
        .min()
}

/// Where a step stands in tables: the built-in ones in the order in which a session takes them, then the others.
fn place(tag: &str) -> usize {
    TAGS.iter().position(|known| *known == tag).unwrap_or(TAGS.len())
}

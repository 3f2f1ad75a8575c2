//! The merged run as records: for the screen while it goes on, and for `results.json` at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use record::{
    ErrorCount, ErrorRow, Generator, LoadPlan, LoadRate, LoadResults, LoadSessions, SecondRow, SecondStep,
    StepRow, TlsRow, WorkerRow,
};
use scenario::{Limit, Subject, Threshold};
use stats::{Counts, Latencies, encode_histogram_deflated, quantiles};

use super::Merge;
use crate::bottleneck::OWN_ERRORS;
use crate::figures::{count, counted, span};
use crate::recorder::TAGS;
use crate::worker::PANIC;
use crate::{Live, LiveStep, SelfWatch, WorkerLoad, bottleneck, judge, shortage};

impl Merge {
    /// The figures of the complete seconds.
    pub(crate) fn live(&self) -> Live {
        let observed = self.observed();
        let last = self.rows.last_key_value().map(|(_, row)| row.clone()).unwrap_or_default();
        let mut errors = BTreeMap::new();
        for ((kind, _), error) in &self.errors {
            *errors.entry(kind.clone()).or_default() += error.count;
        }
        Live {
            elapsed: Duration::from_secs(u64::from(self.seconds())),
            duration: self.duration(),
            planned: self.beginning.plan.planned_sessions,
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
            lateness_max_ns: self.lateness.max(),
            // Without samples nothing holds, which is no news so early.
            broken: self
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

    /// The whole run, which ended before its plan for the reason `stopped`, if it did. `capacity` is left to the search
    /// for it.
    pub(crate) fn results(&self, stopped: Option<&str>) -> LoadResults {
        let observed = self.observed();
        let watch = self.watch();
        let sessions = LoadSessions { shortage: shortage(&watch), ..self.sessions() };
        LoadResults {
            plan: self.plan(),
            rate: self.rate(),
            steps: self.steps(),
            errors: self.error_rows(),
            verified: self.total.verified.clone(),
            traffic: self.total.traffic.clone(),
            tls: self.tls_rows(),
            thresholds: self.thresholds.iter().map(|threshold| judge(threshold, &observed)).collect(),
            series: self.series(),
            generator: self.generator(&watch),
            environment: self.beginning.environment.clone(),
            samples: self
                .transcripts
                .iter()
                .filter(|kept| kept.kind.is_none())
                .map(|kept| path(&kept.name))
                .collect(),
            missing: self.missing(stopped, &sessions),
            sessions,
            ..LoadResults::default()
        }
    }

    /// The plan; in a closed loop with the sessions that came of it.
    fn plan(&self) -> LoadPlan {
        let mut plan = self.beginning.plan.clone();
        if plan.planned_sessions == 0 {
            plan.planned_sessions =
                self.total.behaviours.iter().fold(0, |sum, begun| sum.saturating_add(*begun));
            for (share, begun) in plan.behaviours.iter_mut().zip(&self.total.behaviours) {
                share.sessions = *begun;
            }
        }
        plan
    }

    fn sessions(&self) -> LoadSessions {
        let total = &self.total;
        let planned = self.beginning.plan.planned_sessions.max(total.begun);
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
    fn rate(&self) -> LoadRate {
        let planned = self.duration().as_secs_f64().min(f64::from(self.seconds()));
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
            sessions: worker.begun,
            ended: worker.ended.clone().unwrap_or_else(|| "still at work".to_owned()),
        });
        Generator {
            lateness: self.lateness.quantiles(),
            workers: workers.collect(),
            bottleneck: bottleneck(watch),
            own_errors: watch.own_errors.iter().map(|(_, count)| count).sum(),
        }
    }

    /// What the generator, and not the target, could not do.
    fn watch(&self) -> SelfWatch {
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
            lateness_p99_ns: self.lateness.quantile(0.99),
            timers: self.lateness.len(),
            smallest_limit: smallest_limit(&self.thresholds),
            workers: loads.collect(),
            asked,
            begun,
            waited: self.total.waited,
            excused: if lost { asked.saturating_sub(begun) } else { 0 },
            own_errors: own_errors.collect(),
        }
    }

    /// How long the run went on, in words.
    fn elapsed(&self) -> String {
        let (elapsed, planned) = (Duration::from_secs(u64::from(self.seconds())), self.duration());
        // After its plan a run still waits for the sessions that are open.
        if elapsed > planned {
            let after = span(elapsed.saturating_sub(planned));
            format!("{}, which is {after} after the end of the plan", span(elapsed))
        } else {
            format!("{} of {}", span(elapsed), span(planned))
        }
    }

    /// What an early end left out.
    fn missing(&self, stopped: Option<&str>, sessions: &LoadSessions) -> Vec<String> {
        let mut missing = Vec::new();
        if let Some(why) = &self.cut {
            missing.push(format!(
                "the record of the run ends after {} ({why}): what came after that is not in the figures",
                self.elapsed()
            ));
        }
        if let Some(why) = stopped {
            missing.push(format!(
                "the run was ended after {} ({why}): {} of the plan never began, and {} cut off",
                self.elapsed(),
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

/// The response times of one second, the first of each pair, steps in the order of the tables.
pub(super) fn second_steps(steps: &BTreeMap<String, (Counts, Counts)>) -> Vec<SecondStep> {
    let row = |(tag, (response, _)): (&String, &(Counts, Counts))| SecondStep {
        tag: tag.clone(),
        count: response.len(),
        p50_ns: response.quantile(0.5),
        p95_ns: response.quantile(0.95),
        p99_ns: response.quantile(0.99),
        max_ns: response.max(),
    };
    let counted = steps.iter().filter(|(_, (response, _))| !response.is_empty());
    let mut rows: Vec<SecondStep> = counted.map(row).collect();
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
fn smallest_limit(thresholds: &[Threshold]) -> Option<Duration> {
    let limits = thresholds.iter().filter(|threshold| matches!(threshold.subject, Subject::Step { .. }));
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

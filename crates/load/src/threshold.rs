//! Whether thresholds hold: of a finished run, and of one that goes on, to end it early.
//!
//! A threshold without samples fails: what was not measured was not met. Deliberately without a way to say "almost".

use hdrhistogram::Histogram;
use record::ThresholdRow;
use scenario::{Limit, Quantile, Subject, Threshold};
use stats::Latencies;

use crate::figures::{count, counted, latency, percent, rounded, whole};

/// What thresholds look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed<'a> {
    /// All response times by step; `None` for no samples at all.
    pub response: Option<&'a Latencies>,
    /// All service times by step.
    pub service: Option<&'a Latencies>,
    /// Errors by kind.
    pub errors: Vec<(&'a str, u64)>,
    /// Sessions the whole plan has; in a closed loop those begun.
    pub planned: u64,
    /// Sessions the plan wanted begun so far.
    pub asked: u64,
    /// Of them, those begun.
    pub achieved: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Messages retrieved.
    pub messages: u64,
    /// Messages that were wrong.
    pub wrong: u64,
}

/// Judges one threshold.
pub fn judge(threshold: &Threshold, observed: &Observed<'_>) -> ThresholdRow {
    let (samples, figure) = figure(threshold, observed);
    let doubt = doubt(threshold, samples);
    let row = |said: String, holds: bool| ThresholdRow {
        doubt: doubt.clone(),
        text: threshold.text.clone(),
        place: threshold.place.clone(),
        observed: said,
        samples,
        holds,
    };
    match figure {
        None => row("no samples".to_owned(), false),
        Some(figure) => row(shown(threshold.limit, figure), threshold.holds(figure)),
    }
}

/// A quantile of so few samples that none is expected beyond it is only the longest of them: the threshold is judged by
/// that, and the reader is told.
fn doubt(threshold: &Threshold, samples: u64) -> Option<String> {
    let Subject::Step { quantile: Quantile::Part(part), .. } = threshold.subject else { return None };
    let needed = record::fewest_samples(part);
    (samples > 0 && samples < needed).then(|| {
        format!(
            "{} for p{}, which needs {}: it is the longest of them that was compared",
            counted(samples, "sample"),
            rounded(part * 100.0),
            count(needed)
        )
    })
}

/// What a threshold is about, for the sentence about the capacity: `login`, `errors[timeout]`, `achieved`.
pub fn subject(threshold: &Threshold) -> String {
    match &threshold.subject {
        Subject::Step { tag, .. } => tag.clone(),
        Subject::Errors { kind: None } => "errors".to_owned(),
        Subject::Errors { kind: Some(kind) } => format!("errors[{kind}]"),
        Subject::Achieved => "achieved".to_owned(),
        Subject::Verification => "verification".to_owned(),
    }
}

/// Whether a threshold cannot hold any more, whatever the rest of the run brings: then there is nothing to wait for.
/// Only upper limits can be lost for good; a lower one may still be reached.
pub fn is_lost(threshold: &Threshold, observed: &Observed<'_>) -> bool {
    // Figures over the limit must be impossible to take back.
    let over = |figure: f64| {
        figure > threshold.limit.value() && !threshold.holds(figure)
            || matches!(threshold.comparison, scenario::Comparison::Less) && figure >= threshold.limit.value()
    };
    let upper =
        !matches!(threshold.comparison, scenario::Comparison::Greater | scenario::Comparison::AtLeast);
    if !upper {
        return false;
    }
    match &threshold.subject {
        Subject::Errors { .. } => match threshold.limit {
            // The share can only sink by sessions that are still to come.
            Limit::Share(_) => {
                let sessions = observed.planned.max(observed.begun);
                sessions > 0 && over(errors(threshold, observed) as f64 / sessions as f64)
            }
            Limit::Count(_) | Limit::Nanoseconds(_) => over(errors(threshold, observed) as f64),
        },
        // How many messages are still to come is not known, so that only a number can be lost.
        Subject::Verification => !matches!(threshold.limit, Limit::Share(_)) && over(observed.wrong as f64),
        Subject::Step { quantile, service, .. } => {
            let Some(samples) = samples(threshold, observed, *service) else { return false };
            match quantile {
                Quantile::Max => over(samples.max() as f64),
                Quantile::Part(part) => {
                    // As if every session to come brought as many samples as those so far, each of them quick.
                    let rest = observed.planned.max(observed.begun) as f64 / observed.begun.max(1) as f64;
                    let all = samples.len() as f64 * rest;
                    let Limit::Nanoseconds(limit) = threshold.limit else { return false };
                    let slow = samples.len() - samples.count_between(0, limit);
                    slow as f64 > all * (1.0 - part) + 1.0
                }
                Quantile::Mean => false,
            }
        }
        Subject::Achieved => false,
    }
}

/// The number of samples and the figure in the limit's unit; no figure without samples.
fn figure(threshold: &Threshold, observed: &Observed<'_>) -> (u64, Option<f64>) {
    let share = |part: u64, whole: u64| match threshold.limit {
        _ if whole == 0 => None,
        Limit::Share(_) => Some(part as f64 / whole as f64),
        Limit::Count(_) | Limit::Nanoseconds(_) => Some(part as f64),
    };
    match &threshold.subject {
        Subject::Step { quantile, service, .. } => match samples(threshold, observed, *service) {
            Some(samples) => (samples.len(), Some(of(&samples, *quantile))),
            None => (0, None),
        },
        Subject::Errors { .. } => (observed.begun, share(errors(threshold, observed), observed.begun)),
        Subject::Achieved => (observed.asked, share(observed.achieved, observed.asked)),
        Subject::Verification => (observed.messages, share(observed.wrong, observed.messages)),
    }
}

fn errors(threshold: &Threshold, observed: &Observed<'_>) -> u64 {
    let counts = observed.errors.iter().filter(|(kind, _)| threshold.subject.covers_error(kind));
    counts.map(|(_, count)| count).sum()
}

/// All samples of the steps that a threshold covers, added up.
fn samples(threshold: &Threshold, observed: &Observed<'_>, service: bool) -> Option<Histogram<u64>> {
    let latencies = if service { observed.service } else { observed.response }?;
    let mut sum: Option<Histogram<u64>> = None;
    for (_, histogram) in latencies.iter().filter(|(tag, _)| threshold.subject.covers_step(tag)) {
        match &mut sum {
            // All histograms of `Latencies` have the same bounds.
            Some(sum) => sum.add(histogram).ok()?,
            None => sum = Some(histogram.clone()),
        }
    }
    sum.filter(|sum| !sum.is_empty())
}

fn of(samples: &Histogram<u64>, quantile: Quantile) -> f64 {
    match quantile {
        Quantile::Part(part) => samples.value_at_quantile(part).min(samples.max()) as f64,
        Quantile::Mean => samples.mean(),
        Quantile::Max => samples.max() as f64,
    }
}

fn shown(limit: Limit, figure: f64) -> String {
    match limit {
        Limit::Nanoseconds(_) => latency(whole(figure.round())),
        Limit::Share(_) => percent(figure),
        Limit::Count(_) => count(whole(figure)),
    }
}

#[cfg(test)]
mod tests {
    use scenario::Comparison;

    use super::*;

    const MS: u64 = 1_000_000;

    fn threshold(subject: Subject, comparison: Comparison, limit: Limit) -> Threshold {
        Threshold {
            text: "as written".to_owned(),
            place: Some("a.yaml:3".to_owned()),
            subject,
            comparison,
            limit,
        }
    }

    fn step(tag: &str, quantile: Quantile, limit_ms: u64) -> Threshold {
        let subject = Subject::Step { tag: tag.to_owned(), quantile, service: false };
        threshold(subject, Comparison::Less, Limit::Nanoseconds(limit_ms * MS))
    }

    fn latencies(tag: &str, milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new();
        milliseconds.into_iter().for_each(|value| latencies.record(tag, value * MS));
        latencies
    }

    fn said(threshold: &Threshold, observed: &Observed<'_>) -> (String, u64, bool) {
        let row = judge(threshold, observed);
        (row.observed, row.samples, row.holds)
    }

    #[test]
    fn login_is_every_way_of_logging_in() {
        let mut both = latencies("login-user", 1..=98);
        both.merge(&latencies("login-plain", [500, 600]));
        both.merge(&latencies("STAT", [9_000]));
        let observed = Observed { response: Some(&both), ..Observed::default() };
        assert_eq!(
            said(&step("login", Quantile::Part(0.98), 99), &observed),
            ("98 ms".to_owned(), 100, true)
        );
        assert_eq!(
            said(&step("login", Quantile::Part(0.99), 250), &observed),
            ("500 ms".to_owned(), 100, false)
        );
        assert_eq!(said(&step("login-plain", Quantile::Max, 700), &observed), ("600 ms".to_owned(), 2, true));
        assert_eq!(said(&step("STAT", Quantile::Mean, 9_001), &observed).1, 1);
    }

    #[test]
    fn a_quantile_of_too_few_samples_is_told_as_what_it_is() {
        let doubt = |quantile, samples| {
            let latencies = latencies("STAT", 1..=samples);
            let observed = Observed { response: Some(&latencies), ..Observed::default() };
            let row = judge(&step("STAT", quantile, 10_000), &observed);
            assert!(row.holds);
            row.doubt
        };
        let told = "5 samples for p99.9, which needs 1,000: it is the longest of them that was compared";
        assert_eq!(doubt(Quantile::Part(0.999), 5).as_deref(), Some(told));
        assert_eq!(doubt(Quantile::Part(0.999), 1000), None);
        assert!(doubt(Quantile::Part(0.99), 99).is_some());
        assert_eq!(doubt(Quantile::Part(0.99), 100), None);
        assert_eq!((doubt(Quantile::Part(0.5), 1), doubt(Quantile::Max, 1)), (None, None));
    }

    #[test]
    fn service_times_are_looked_at_when_asked_for() {
        let (response, service) = (latencies("STAT", [900]), latencies("STAT", [3]));
        let observed = Observed { response: Some(&response), service: Some(&service), ..Observed::default() };
        let mut threshold = step("STAT", Quantile::Max, 10);
        assert!(!judge(&threshold, &observed).holds);
        threshold.subject = Subject::Step { tag: "STAT".to_owned(), quantile: Quantile::Max, service: true };
        assert_eq!(said(&threshold, &observed), ("3 ms".to_owned(), 1, true));
    }

    #[test]
    fn without_samples_nothing_holds() {
        let none = Observed::default();
        let other = latencies("STAT", [1]);
        let elsewhere = Observed { response: Some(&other), ..Observed::default() };
        let lenient = [
            step("RETR-last", Quantile::Part(0.99), 1_000_000),
            threshold(Subject::Errors { kind: None }, Comparison::AtMost, Limit::Share(1.0)),
            threshold(Subject::Errors { kind: None }, Comparison::AtMost, Limit::Count(9)),
            threshold(Subject::Achieved, Comparison::AtLeast, Limit::Share(0.0)),
            threshold(Subject::Verification, Comparison::Equal, Limit::Count(0)),
        ];
        for threshold in &lenient {
            for observed in [&none, &elsewhere] {
                assert_eq!(said(threshold, observed), ("no samples".to_owned(), 0, false), "{threshold:?}");
            }
        }
    }

    #[test]
    fn errors_are_a_number_or_a_share_of_the_sessions() {
        let observed = Observed {
            errors: vec![("timeout", 3), ("err:IN-USE", 1), ("err", 1)],
            begun: 10_000,
            ..Observed::default()
        };
        let of = |kind: Option<&str>, limit| {
            let subject = Subject::Errors { kind: kind.map(str::to_owned) };
            said(&threshold(subject, Comparison::Less, limit), &observed)
        };
        assert_eq!(of(None, Limit::Share(0.001)), ("0.05 %".to_owned(), 10_000, true));
        assert_eq!(of(Some("timeout"), Limit::Count(3)), ("3".to_owned(), 10_000, false));
        assert_eq!(of(Some("err"), Limit::Count(3)), ("2".to_owned(), 10_000, true));
        assert_eq!(of(Some("tls"), Limit::Count(1)), ("0".to_owned(), 10_000, true));
    }

    #[test]
    fn achieved_and_verification_compare_with_what_was_asked_and_retrieved() {
        let observed =
            Observed { asked: 1_000, achieved: 991, messages: 20_000, wrong: 1, ..Observed::default() };
        let achieved = threshold(Subject::Achieved, Comparison::Greater, Limit::Share(0.99));
        assert_eq!(said(&achieved, &observed), ("99.1 %".to_owned(), 1_000, true));
        let verified = threshold(Subject::Verification, Comparison::Equal, Limit::Count(0));
        assert_eq!(said(&verified, &observed), ("1".to_owned(), 20_000, false));
        let share = threshold(Subject::Verification, Comparison::Less, Limit::Share(0.000_1));
        assert_eq!(said(&share, &observed), ("0.005 %".to_owned(), 20_000, true));
    }

    #[test]
    fn a_number_of_errors_is_lost_when_it_is_reached() {
        let fewer = threshold(Subject::Errors { kind: None }, Comparison::Less, Limit::Count(5));
        let observed = |errors| Observed {
            errors: vec![("reset", errors)],
            begun: 100,
            planned: 1_000,
            ..Observed::default()
        };
        assert!(!is_lost(&fewer, &observed(4)));
        assert!(is_lost(&fewer, &observed(5)));
        // 0.5 % of the 1,000 planned sessions are five, though it is 5 % of those begun.
        let share = threshold(Subject::Errors { kind: None }, Comparison::AtMost, Limit::Share(0.005));
        assert!(!is_lost(&share, &observed(5)));
        assert!(is_lost(&share, &observed(6)));
        let zero = threshold(Subject::Verification, Comparison::Equal, Limit::Count(0));
        assert!(!is_lost(&zero, &Observed::default()));
        assert!(is_lost(&zero, &Observed { wrong: 1, ..Observed::default() }));
    }

    #[test]
    fn a_quantile_is_lost_when_the_rest_of_the_plan_cannot_save_it() {
        let mut slow = latencies("connect", (0..90).map(|_| 1));
        slow.merge(&latencies("connect", (0..10).map(|_| 400)));
        let observed =
            |planned| Observed { response: Some(&slow), begun: 100, planned, ..Observed::default() };
        let p99 = step("connect", Quantile::Part(0.99), 250);
        // One in a hundred of 500 are five; of 5,000 they are fifty.
        assert!(is_lost(&p99, &observed(500)));
        assert!(!is_lost(&p99, &observed(5_000)));
        assert!(is_lost(&step("connect", Quantile::Max, 250), &observed(5_000)));
        assert!(!is_lost(&step("connect", Quantile::Max, 500), &observed(5_000)));
        let faster = Threshold { comparison: Comparison::Greater, ..p99 };
        assert!(!is_lost(&faster, &observed(500)));
    }

    #[test]
    fn the_subject_is_named_as_people_write_it() {
        assert_eq!(subject(&step("login", Quantile::Max, 1)), "login");
        let errors = Subject::Errors { kind: Some("timeout".to_owned()) };
        assert_eq!(subject(&threshold(errors, Comparison::Less, Limit::Count(1))), "errors[timeout]");
    }
}

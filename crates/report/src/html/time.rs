//! The run over time: throughput, sessions open, latencies, errors. Long runs are drawn in buckets of several
//! seconds, in which the worst second counts.

use std::collections::BTreeMap;

use maud::{Markup, html};
use record::{LoadResults, SecondRow, SecondStep};

use super::safe;
use crate::load::UNTOLD;
use crate::number::{counted, rate, span, whole};
use crate::svg::{Axis, Chart, Hint, Layer, Shape, Stroke};
use crate::text::nanoseconds;

/// More points than this are no longer told apart, and make the page heavy.
const MOST_BUCKETS: usize = 240;

/// Kinds of errors with a colour of their own; the rest is put together.
const MOST_KINDS: usize = 6;

pub(super) fn section(results: &LoadResults) -> Markup {
    let buckets = buckets(&results.series, MOST_BUCKETS);
    let width = buckets.first().map_or(1.0, Bucket::seconds);
    html! {
        section aria-labelledby="time" {
            h2 id="time" { "Over time" }
            @if buckets.is_empty() { p class="note" { "No second of the run was recorded." } }
            @else {
                @if width > 1.0 {
                    p class="note" {
                        "Each point stands for " (span(width)) ": rates are means, latencies and open sessions those \
                         of the worst second. The seconds themselves are in " code { "series.csv" } "."
                    }
                }
                (throughput(&buckets))
                @for tag in ["ready", "session"] { (latency(&buckets, tag)) }
                (errors(&buckets))
                (open(&buckets))
                (lateness(&buckets))
            }
        }
    }
}

/// One or more seconds put together.
#[derive(Debug, Default)]
struct Bucket<'a> {
    from: f64,
    to: f64,
    asked: u64,
    begun: u64,
    completed: u64,
    failed: u64,
    open: u64,
    lateness_max_ns: u64,
    errors: BTreeMap<&'a str, u64>,
    steps: BTreeMap<&'a str, Worst>,
}

/// A step in the worst of some seconds.
#[derive(Debug, Default)]
struct Worst {
    count: u64,
    p50_ns: u64,
    /// Of the seconds whose samples are enough for it.
    p99_ns: Option<u64>,
    max_ns: u64,
}

impl Worst {
    fn add(&mut self, step: &SecondStep) {
        self.count += step.count;
        self.p50_ns = self.p50_ns.max(step.p50_ns);
        self.p99_ns = self.p99_ns.max(step.tell(0.99).then_some(step.p99_ns));
        self.max_ns = self.max_ns.max(step.max_ns);
    }
}

impl Bucket<'_> {
    fn seconds(&self) -> f64 {
        self.to - self.from
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.to)
    }

    fn per_second(&self, number: u64) -> f64 {
        number as f64 / self.seconds()
    }

    fn when(&self) -> String {
        if self.seconds() > 1.0 {
            format!("{} to {}", span(self.from), span(self.to))
        } else {
            format!("second {}", self.from)
        }
    }
}

/// At most `most` buckets of equal length; the last one can be shorter.
fn buckets(series: &[SecondRow], most: usize) -> Vec<Bucket<'_>> {
    let length = series.len().div_ceil(most.max(1)).max(1);
    series
        .chunks(length)
        .map(|rows| {
            let mut bucket = Bucket::default();
            bucket.from = rows.first().map_or(0.0, |row| f64::from(row.second));
            bucket.to = bucket.from + rows.len() as f64;
            for row in rows {
                bucket.asked += row.asked;
                bucket.begun += row.begun;
                bucket.completed += row.completed;
                bucket.failed += row.failed;
                bucket.open = bucket.open.max(row.open);
                bucket.lateness_max_ns = bucket.lateness_max_ns.max(row.lateness_max_ns);
                for error in &row.errors {
                    *bucket.errors.entry(&error.kind).or_default() += error.count;
                }
                for step in &row.steps {
                    bucket.steps.entry(&step.tag).or_default().add(step);
                }
            }
            bucket
        })
        .collect()
}

fn throughput(buckets: &[Bucket<'_>]) -> Markup {
    let asked = |bucket: &Bucket<'_>| bucket.per_second(bucket.asked);
    let begun = |bucket: &Bucket<'_>| bucket.per_second(bucket.begun);
    let completed = |bucket: &Bucket<'_>| bucket.per_second(bucket.completed);
    let line = |name: &str, color, points: Vec<(f64, f64)>| Layer {
        name: name.to_owned(),
        color,
        shape: Shape::Line { points: points.into_iter().map(Some).collect(), stroke: Stroke::Solid },
    };
    let mut layers =
        vec![line("completed", 3, steps(buckets, completed)), line("begun", 1, steps(buckets, begun))];
    // Behind the others: what was asked for and not begun shows as grey above the line.
    if buckets.iter().any(|bucket| bucket.asked > 0) {
        let shape = Shape::Area { points: steps(buckets, asked) };
        layers.insert(0, Layer { name: "asked".into(), color: 7, shape });
    }
    let high = buckets
        .iter()
        .flat_map(|bucket| [asked(bucket), begun(bucket), completed(bucket)])
        .fold(0.0, f64::max);
    let total: u64 = buckets.iter().map(|bucket| bucket.begun).sum();
    let chart = Chart {
        id: "throughput".into(),
        title: "Throughput over time".into(),
        description: format!("{} begun; at most {} of any kind.", counted(total, "session"), rate(high)),
        layers,
        hints: hints(buckets, |bucket| {
            let [asked, begun, completed] = [asked(bucket), begun(bucket), completed(bucket)].map(rate);
            format!("asked {asked}, begun {begun}, completed {completed}")
        }),
        ..frame(buckets, Axis::counts("sessions per second", high))
    };
    figure("Throughput", &chart)
}

fn latency(buckets: &[Bucket<'_>], tag: &str) -> Markup {
    type Value = fn(&Worst) -> Option<u64>;
    let values: [(&str, u8, Stroke, Value); 3] = [
        ("longest", 4, Stroke::Thin, |step| Some(step.max_ns)),
        ("p99", 2, Stroke::Solid, |step| step.p99_ns),
        ("p50", 1, Stroke::Solid, |step| Some(step.p50_ns)),
    ];
    let found: Vec<&Worst> = buckets.iter().filter_map(|bucket| bucket.steps.get(tag)).collect();
    if found.is_empty() {
        return html! {};
    }
    let all = found.iter().flat_map(|step| values.iter().filter_map(|(.., value)| Some(value(step)? as f64)));
    let layers = values
        .iter()
        // A line without a point would be a name in the legend and nothing else.
        .filter(|(.., value)| found.iter().any(|step| value(step).is_some()))
        .map(|(name, color, stroke, value)| Layer {
            name: (*name).to_owned(),
            color: *color,
            shape: Shape::Line {
                points: buckets
                    .iter()
                    .map(|bucket| Some((bucket.middle(), value(bucket.steps.get(tag)?)? as f64)))
                    .collect(),
                stroke: *stroke,
            },
        })
        .collect();
    let longest = found.iter().map(|step| step.max_ns).max().unwrap_or(0);
    let name = if tag == "ready" { "Time until logged in" } else { "Time of whole sessions" };
    let chart = Chart {
        id: format!("latency-{tag}"),
        title: format!("{name}, over time"),
        description: format!("Response time for each second; the longest was {}.", nanoseconds(longest)),
        layers,
        hints: hints(buckets, |bucket| match bucket.steps.get(tag) {
            Some(step) => format!(
                "{}, p50 {}, p99 {}, longest {}",
                counted(step.count, "sample"),
                nanoseconds(step.p50_ns),
                step.p99_ns.map_or_else(|| UNTOLD.to_owned(), nanoseconds),
                nanoseconds(step.max_ns)
            ),
            None => "no samples".to_owned(),
        }),
        ..frame(buckets, Axis::latency("response time, logarithmic", all))
    };
    figure(name, &chart)
}

fn errors(buckets: &[Bucket<'_>]) -> Markup {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for bucket in buckets {
        for (kind, count) in &bucket.errors {
            *totals.entry(kind).or_default() += count;
        }
    }
    let total: u64 = totals.values().sum();
    if total == 0 {
        return html! {};
    }
    let mut kinds: Vec<(&str, u64)> = totals.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let named: Vec<&str> = kinds.iter().take(MOST_KINDS).map(|(kind, _)| *kind).collect();
    let mut layers: Vec<Layer> = named
        .iter()
        .map(|kind| (safe(kind), *kind))
        .chain((kinds.len() > MOST_KINDS).then(|| ("other kinds".to_owned(), "")))
        .enumerate()
        .map(|(at, (name, _))| Layer {
            name,
            color: [4, 2, 5, 6, 1, 3, 7][at.min(MOST_KINDS)],
            shape: Shape::Bars { bars: Vec::new() },
        })
        .collect();
    let mut high: f64 = 0.0;
    for bucket in buckets {
        let mut base = 0.0;
        let mut counts = vec![0; layers.len()];
        for (kind, count) in &bucket.errors {
            let at = named.iter().position(|named| named == kind).unwrap_or(MOST_KINDS);
            counts[at] += count;
        }
        for (layer, count) in layers.iter_mut().zip(counts).filter(|(_, count)| *count > 0) {
            let top = base + bucket.per_second(count);
            if let Shape::Bars { bars } = &mut layer.shape {
                bars.push([bucket.from, bucket.to, base, top]);
            }
            base = top;
        }
        high = high.max(base);
    }
    let chart = Chart {
        id: "errors-time".into(),
        title: "Errors over time".into(),
        description: format!("{} in all, stacked by kind; at most {}.", counted(total, "error"), rate(high)),
        layers,
        hints: hints(buckets, |bucket| {
            let kinds: Vec<String> = bucket
                .errors
                .iter()
                .map(|(kind, count)| format!("{} {}", whole(*count), safe(kind)))
                .collect();
            if kinds.is_empty() { "no errors".to_owned() } else { kinds.join(", ") }
        }),
        ..frame(buckets, Axis::counts("errors per second", high))
    };
    figure("Errors", &chart)
}

fn open(buckets: &[Bucket<'_>]) -> Markup {
    let most = buckets.iter().map(|bucket| bucket.open).max().unwrap_or(0);
    let mut points: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    points.extend(buckets.iter().map(|bucket| (bucket.to, bucket.open as f64)));
    let chart = Chart {
        id: "open".into(),
        title: "Sessions open over time".into(),
        description: format!("At the end of each second; at most {}.", whole(most)),
        layers: vec![Layer { name: "open".into(), color: 5, shape: Shape::Area { points } }],
        hints: hints(buckets, |bucket| format!("{} open", whole(bucket.open))),
        ..frame(buckets, Axis::counts("sessions open", most as f64))
    };
    figure("Sessions open", &chart)
}

/// Only when it is worth a look: the ticker was late by more than ten milliseconds.
fn lateness(buckets: &[Bucket<'_>]) -> Markup {
    let most = buckets.iter().map(|bucket| bucket.lateness_max_ns).max().unwrap_or(0);
    if most < 10_000_000 {
        return html! {};
    }
    let late = |bucket: &Bucket<'_>| (bucket.middle(), bucket.lateness_max_ns as f64);
    let points = buckets.iter().map(|bucket| (bucket.lateness_max_ns > 0).then(|| late(bucket))).collect();
    let axis = Axis::latency("late by at most, logarithmic", buckets.iter().map(|bucket| late(bucket).1));
    let chart = Chart {
        id: "lateness".into(),
        title: "Lateness of the generator over time".into(),
        description: format!("By how much the ticker was late; at most {}.", nanoseconds(most)),
        layers: vec![Layer {
            name: "lateness".into(),
            color: 6,
            shape: Shape::Line { points, stroke: Stroke::Solid },
        }],
        hints: hints(buckets, |bucket| format!("late by at most {}", nanoseconds(bucket.lateness_max_ns))),
        ..frame(buckets, axis)
    };
    figure("Lateness of the generator itself", &chart)
}

/// All charts of the section have the same width and the same time axis, so that they can be read downwards.
fn frame(buckets: &[Bucket<'_>], y: Axis) -> Chart {
    Chart {
        id: String::new(),
        title: String::new(),
        description: String::new(),
        width: 1040.0,
        height: 250.0,
        x: Axis::elapsed(buckets.last().map_or(1.0, |bucket| bucket.to)),
        y,
        layers: Vec::new(),
        hints: Vec::new(),
    }
}

fn figure(name: &str, chart: &Chart) -> Markup {
    html! { figure { figcaption { strong { (name) } (chart.legend()) } (chart.render()) } }
}

fn hints(buckets: &[Bucket<'_>], words: impl Fn(&Bucket<'_>) -> String) -> Vec<Hint> {
    buckets
        .iter()
        .map(|bucket| Hint {
            from: bucket.from,
            to: bucket.to,
            text: format!("{}: {}", bucket.when(), words(bucket)),
        })
        .collect()
}

/// A level for each bucket, as a line with steps.
fn steps(buckets: &[Bucket<'_>], value: impl Fn(&Bucket<'_>) -> f64) -> Vec<(f64, f64)> {
    buckets.iter().flat_map(|bucket| [(bucket.from, value(bucket)), (bucket.to, value(bucket))]).collect()
}

#[cfg(test)]
mod tests {
    use record::ErrorCount;

    use super::*;

    fn second(second: u32) -> SecondRow {
        SecondRow {
            second,
            begun: 10,
            open: u64::from(second),
            errors: vec![ErrorCount { kind: "timeout".into(), count: 1 }],
            steps: vec![SecondStep {
                tag: "ready".into(),
                count: 10,
                max_ns: u64::from(second % 7),
                ..Default::default()
            }],
            ..SecondRow::default()
        }
    }

    #[test]
    fn a_long_run_is_put_together_without_losing_its_worst() {
        let series: Vec<SecondRow> = (0..1001).map(second).collect();
        let buckets = buckets(&series, 240);
        assert_eq!(buckets.len(), 201);
        assert_eq!(buckets.iter().map(|bucket| bucket.begun).sum::<u64>(), 10_010);
        assert_eq!(buckets.iter().map(|bucket| bucket.errors["timeout"]).sum::<u64>(), 1001);
        assert_eq!((buckets[0].from, buckets[0].to, buckets[0].open), (0.0, 5.0, 4));
        assert_eq!((buckets[1].steps["ready"].max_ns, buckets[1].steps["ready"].count), (6, 50));
        assert_eq!((buckets[200].from, buckets[200].to), (1000.0, 1001.0));
        assert!((buckets[0].per_second(buckets[0].begun) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_short_run_keeps_its_seconds() {
        let series: Vec<SecondRow> = (0..60).map(second).collect();
        assert_eq!(buckets(&series, 240).len(), 60);
        assert!(buckets(&[], 240).is_empty());
    }

    #[test]
    fn many_kinds_of_errors_are_put_together() {
        let errors =
            (0..9).map(|kind| ErrorCount { kind: format!("err:{kind}"), count: 20 - kind }).collect();
        let series = [SecondRow { errors, ..SecondRow::default() }];
        let text = super::errors(&buckets(&series, 240)).into_string();
        assert!(text.contains("other kinds"), "{text}");
        assert_eq!(text.matches("class=\"swatch\"").count(), 7);
    }

    #[test]
    fn a_second_tells_no_quantile_that_its_samples_are_too_few_for() {
        let of = |counts: &[u64]| {
            let step =
                |count| SecondStep { tag: "ready".into(), count, p50_ns: 1, p95_ns: 2, p99_ns: 3, max_ns: 4 };
            let row = |count: &u64| SecondRow { steps: vec![step(*count)], ..SecondRow::default() };
            let series: Vec<SecondRow> = counts.iter().map(row).collect();
            latency(&buckets(&series, 240), "ready").into_string()
        };
        let few = of(&[5, 99]);
        assert!(few.contains("99 samples, p50 1 ns, p99 ·, longest 4 ns") && !few.contains("p99</"), "{few}");
        let enough = of(&[5, 100]);
        assert!(enough.contains("5 samples, p50 1 ns, p99 ·") && enough.contains("p99 3 ns"), "{enough}");
    }
}

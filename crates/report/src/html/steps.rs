//! How long users wait: percentile curves, and the table of steps.

use std::fmt::Write as _;

use maud::{Markup, html};
use record::{LoadResults, Quantiles, StepRow, fewest_samples};
use stats::decode_histogram;

use super::safe;
use crate::load::{columns, service_differs};
use crate::number::{nearest, whole};
use crate::svg::{Axis, Chart, Hint, Layer, Shape, Stroke, range};
use crate::text::nanoseconds;

pub(super) fn section(results: &LoadResults) -> Markup {
    let curves: Vec<Curves> = results.steps.iter().filter_map(Curves::of).collect();
    let unread: Vec<&str> = results
        .steps
        .iter()
        .filter(|step| step.response.count > 0 && !curves.iter().any(|curves| curves.tag == step.tag))
        .map(|step| step.tag.as_str())
        .collect();
    let (whole_session, each): (Vec<&Curves>, Vec<&Curves>) =
        curves.iter().partition(|curves| matches!(curves.tag, "ready" | "session"));
    let of_sessions = axis("time, logarithmic scale", &whole_session);
    let of_steps = axis("", &each).sparse();
    html! {
        section aria-labelledby="steps" {
            h2 id="steps" { "How long users wait" }
            p {
                strong { "Response time" } " runs from the moment the plan wanted a session or step to begin, so a \
                server that stands still is charged for everyone who would have come meanwhile. "
                strong { "Service time" } " runs from the moment it was really begun. Only correct steps are timed."
            }
            @if results.steps.is_empty() { p class="note" { "No step was timed." } }
            @else {
                div class="pair" { @for curves in &whole_session { (curves.figure(&of_sessions, false)) } }
                (table(&results.steps))
                @if !each.is_empty() {
                    h3 { "Each step" }
                    p class="note" {
                        "Vertical: time, on one logarithmic scale for all steps, so that they can be compared. Horizontal: the \
                         part of all samples; at 99 % a curve shows how long 99 of 100 took at most. Dotted: service time."
                    }
                    div class="many" { @for curves in &each { (curves.figure(&of_steps, true)) } }
                }
            }
            @if !unread.is_empty() {
                p class="note" { "Without a curve, since its histogram cannot be read: " (safe(&unread.join(", "))) "." }
            }
        }
    }
}

/// The two percentile curves of a step.
struct Curves<'a> {
    tag: &'a str,
    count: u64,
    response: Vec<(f64, f64)>,
    service: Vec<(f64, f64)>,
}

impl<'a> Curves<'a> {
    fn of(step: &'a StepRow) -> Option<Self> {
        let response = curve(&step.response_histogram)?;
        let service = curve(&step.service_histogram).unwrap_or_default();
        Some(Self { tag: &step.tag, count: step.response.count, response, service })
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.response.iter().chain(&self.service).map(|(_, value)| *value)
    }

    /// A small one has no labels and no legend.
    fn figure(&self, common: &Axis, small: bool) -> Markup {
        let (width, height) = if small { (330.0, 180.0) } else { (520.0, 300.0) };
        let name = name(self.tag);
        let layer = |name: &str, color, points: &[(f64, f64)], stroke| Layer {
            name: name.to_owned(),
            color,
            shape: Shape::Line { points: points.iter().copied().map(Some).collect(), stroke },
        };
        let mut x = Axis::tail(self.count);
        if small {
            x.label.clear();
            // Less room: every other nine of a long tail is named.
            let named = x.ticks.len();
            let mut at = 0;
            x.ticks.retain(|_| {
                at += 1;
                at != 2 && (named <= 6 || at % 2 == 1)
            });
        }
        let chart = Chart {
            id: format!("curve-{}", slug(self.tag)),
            title: format!("Percentiles of {}", safe(self.tag)),
            description: format!("Response time: {}.", self.words()),
            width,
            height,
            x,
            y: common.clone(),
            layers: vec![
                layer("service time", 2, &self.service, Stroke::Dashed),
                layer("response time", 1, &self.response, Stroke::Solid),
            ],
            hints: self.hints(),
        };
        html! {
            figure {
                figcaption { strong { (safe(&name)) } @if !small { (chart.legend()) } }
                (chart.render())
            }
        }
    }

    fn hints(&self) -> Vec<Hint> {
        const PARTS: [(f64, f64, &str); 6] = [
            (0.0, 0.5, "50 %"),
            (0.5, 0.9, "90 %"),
            (0.9, 0.95, "95 %"),
            (0.95, 0.99, "99 %"),
            (0.99, 0.999, "99.9 %"),
            (0.999, 0.9999, "99.99 %"),
        ];
        // Of the parts that the samples are too few for nothing is known but the longest.
        let known = |to: f64| self.count >= fewest_samples(to);
        let told = PARTS.into_iter().filter(|(_, to, _)| known(*to));
        let end = told.clone().map(|(_, to, _)| to).fold(0.0, f64::max);
        told.chain([(end, 1.0, "all")])
            .map(|(from, to, words)| Hint {
                from,
                to,
                text: format!("{words} took at most {}", nanoseconds(nearest(at(&self.response, to)))),
            })
            .collect()
    }

    fn words(&self) -> String {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| nanoseconds(nearest(at(&self.response, part))));
        let p99 =
            if self.count < fewest_samples(0.99) { String::new() } else { format!(" 99 % at most {p99},") };
        format!("half at most {p50},{p99} all at most {most}, of {} samples", whole(self.count))
    }
}

/// Quantiles and their values, evenly spaced where they are drawn: twenty for each nine, and the longest.
fn curve(encoded: &str) -> Option<Vec<(f64, f64)>> {
    let histogram = decode_histogram(encoded).ok().filter(|histogram| !histogram.is_empty())?;
    let nines = (histogram.len().max(2) as f64).log10();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for step in 0..=nearest((nines * 20.0).ceil()) {
        let part = 1.0 - 10_f64.powf(-(step as f64) / 20.0);
        let value = histogram.value_at_quantile(part).min(histogram.max()) as f64;
        points.push((part, value));
    }
    points.push((1.0, histogram.max() as f64));
    Some(points)
}

/// The value at the first point that is at or beyond `part`.
fn at(points: &[(f64, f64)], part: f64) -> f64 {
    points.iter().find(|(at, _)| *at >= part).or(points.last()).map_or(0.0, |(_, value)| *value)
}

/// One for all, so that they can be compared.
fn axis(label: &str, curves: &[&Curves<'_>]) -> Axis {
    Axis::latency(label, curves.iter().flat_map(|curves| curves.values()))
}

fn table(steps: &[StepRow]) -> Markup {
    let figures = |step: &StepRow| [step.response.min_ns, step.response.max_ns].map(|value| value as f64);
    let axis = Axis::latency("", steps.iter().flat_map(figures)).sparse();
    let marks = axis.ticks.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join(", ");
    html! {
        div class="scroll" { table {
            caption {
                "Every step. Grey rows are service times, where they differ by more than 5 %. The bar reaches from the median to p99, \
                 the line from the shortest to the longest; one logarithmic scale for all, marked at " (marks) ". A · stands for \
                 a quantile for which there are too few samples."
            }
            thead { tr {
                th class="left" scope="col" { "Step" }
                th scope="col" { "Count" }
                th scope="col" { "p50" }
                th scope="col" { "p90" }
                th scope="col" { "p95" }
                th scope="col" { "p99" }
                th scope="col" { "p99.9" }
                th scope="col" { "Longest" }
                th class="left" scope="col" { "p50 to p99" }
            } }
            tbody { @for step in steps {
                tr class=[matches!(step.tag.as_str(), "ready" | "session").then_some("total")] {
                    th scope="row" { (safe(&name(&step.tag))) }
                    td { (whole(step.response.count)) }
                    @for cell in columns(&step.response) { td { (cell) } }
                    td class="left" { @if step.response.count > 0 { (range(&axis, &range_words(step), range_of(&step.response))) } }
                }
                @if service_differs(step) {
                    tr class="service" {
                        th scope="row" { "service time" }
                        td {}
                        @for cell in columns(&step.service) { td { (cell) } }
                        td {}
                    }
                }
            } }
        } }
    }
}

fn range_of(figures: &Quantiles) -> [f64; 4] {
    [figures.min_ns, figures.p50_ns, figures.p99_ns, figures.max_ns].map(|value| value as f64)
}

fn range_words(step: &StepRow) -> String {
    let [low, from, to, high] = range_of(&step.response).map(|value| nanoseconds(nearest(value)));
    format!("{low} to {high}, from {from} at the median to {to} at p99")
}

/// The two composite steps in words; commands keep their names.
fn name(tag: &str) -> String {
    match tag {
        "ready" => "Until logged in".to_owned(),
        "session" => "Whole session".to_owned(),
        _ => tag.to_owned(),
    }
}

/// Letters and digits only, for an id; what is lost is kept apart by its code.
fn slug(tag: &str) -> String {
    let mut slug = String::new();
    for character in tag.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            slug.push(character);
        } else {
            let _ = write!(slug, "_{:x}", u32::from(character));
        }
    }
    slug
}

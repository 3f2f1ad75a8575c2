//! The plan, the generator, the environment, and where each number comes from.

use maud::{Markup, html};
use record::{Fact, LoadResults, Run};

use super::{facts, safe};
use crate::load::{quantile, sessions_words};
use crate::number::{counted, octets, share, span, whole};
use crate::text::nanoseconds;

pub(super) fn plan(results: &LoadResults) -> Markup {
    let plan = &results.plan;
    html! {
        section aria-labelledby="plan" {
            h2 id="plan" { "The plan" }
            p { strong { (safe(&plan.model)) } ": " (safe(&plan.arrivals)) "." }
            @if plan.model == "open loop" {
                p class="note" {
                    "In an open loop arrivals do not wait for the server, just as users do not. The plan is a function of \
                     the scenario and the seed: the same users do the same at the same time in every run."
                }
            }
            (facts(&[
                ("Sessions", sessions_words(&results.sessions)),
                ("Arrivals last", span(plan.duration_s)),
                ("Accounts", whole(plan.accounts)),
                ("Workers", plan.workers.to_string()),
                ("Seed", plan.seed.to_string()),
                ("TLS", plan.tls.clone()),
                ("Addresses", plan.targets.join(", ")),
            ]))
            @if !plan.behaviours.is_empty() {
                div class="scroll" { table {
                    caption { "What the users do." }
                    thead { tr {
                        th class="left" scope="col" { "Behaviour" }
                        th scope="col" { "Share of users" }
                        th scope="col" { "Sessions" }
                        th class="left" scope="col" { "" }
                    } }
                    tbody { @for behaviour in &plan.behaviours { tr {
                        th scope="row" { (safe(&behaviour.name)) }
                        td { (share(behaviour.weight, 1.0)) }
                        td { (whole(behaviour.sessions)) }
                        td class="left" { (bar(behaviour.weight)) }
                    } } }
                } }
            }
            (named("Budget", &plan.budget))
        }
    }
}

pub(super) fn generator(results: &LoadResults) -> Markup {
    let generator = &results.generator;
    let late = &generator.lateness;
    html! {
        section aria-labelledby="generator" {
            h2 id="generator" { "The generator" }
            @match &generator.bottleneck {
                Some(sentence) => div class="alert" { p { strong { (safe(sentence)) } } },
                None => p { "It was not the bottleneck: its own clock was kept and no processor was short." },
            }
            (facts(&[
                ("Timers late by", format!(
                    "{} at the median, {} at p99, {} at most, of {}",
                    nanoseconds(late.p50_ns), quantile(late, 0.99, late.p99_ns), nanoseconds(late.max_ns),
                    counted(late.count, "tick")
                )),
                ("Errors of its own", whole(generator.own_errors)),
            ]))
            @if !generator.workers.is_empty() {
                div class="scroll" { table {
                    caption { "Worker processes." }
                    thead { tr {
                        th class="left" scope="col" { "Worker" }
                        th scope="col" { "Sessions" }
                        th scope="col" { "Open, at most" }
                        th scope="col" { "CPU" }
                        th scope="col" { "Waited for a processor" }
                        th scope="col" { "Busiest second" }
                        th scope="col" { "Memory" }
                        th class="left" scope="col" { "Ended" }
                    } }
                    tbody { @for worker in &generator.workers { tr {
                        th scope="row" { (worker.number) }
                        td { (whole(worker.sessions)) }
                        td { (whole(worker.peak_open)) }
                        td { (span(worker.cpu_s)) }
                        td { (span(worker.run_queue_s)) }
                        td { (share(worker.busiest_second_percent, 100.0)) }
                        td { (octets(worker.resident_bytes)) }
                        td class="wide" { (safe(&worker.ended)) }
                    } } }
                } }
            }
        }
    }
}

pub(super) fn environment(run: &Run, results: &LoadResults) -> Markup {
    html! {
        section aria-labelledby="environment" {
            h2 id="environment" { "Environment" }
            (named("", &results.environment))
            (facts(&[("poplab", run.version.clone())]))
            @if !run.arguments.is_empty() {
                p class="note" { "The command line:" }
                pre { (safe(&command_line(&run.arguments))) }
            }
            @for entrance in &run.target.entrances {
                (facts(&[
                    ("Greeting", entrance.greeting.clone()),
                    ("Offers", entrance.capabilities.join(", ")),
                ]))
            }
        }
    }
}

/// Every number of the page can be computed again from the files beside it.
pub(super) fn sources(results: &LoadResults) -> Markup {
    let rows: [(&str, &str, &str); 10] = [
        (
            "Quantiles, curves",
            "results.json",
            "steps[].response_histogram and service_histogram: HdrHistogram V2, DEFLATE, base64",
        ),
        (
            "The same, second by second",
            "latency.hlog",
            "response times: interval log, a tag for each step; any HdrHistogram viewer adds the intervals up",
        ),
        ("Service times, second by second", "service.hlog", "the same, from when each step was really begun"),
        ("The charts over time", "series.csv", "a row for each second, also in results.json as series[]"),
        ("The table of steps", "steps.csv", "all quantiles in nanoseconds, not rounded"),
        ("Rates", "results.json", "sessions divided by plan.duration_s"),
        ("Errors", "results.json", "errors[], with the transcript of the first of each kind"),
        ("Thresholds", "results.json", "thresholds[], as they are written in the scenario"),
        ("Target, time, version", "run.json", "the frame of the run"),
        (
            "All others",
            "seconds.jsonl",
            "what each worker told each second; all but the frame is derived from it",
        ),
    ];
    html! {
        section aria-labelledby="sources" {
            h2 id="sources" { "Where each number comes from" }
            p {
                "The files lie in the folder of the run. " code { "poplab report FOLDER --format html" }
                " makes this page again from them, and " code { "poplab compare A B" } " sets two runs side by side."
            }
            div class="scroll" { table {
                thead { tr {
                    th class="left" scope="col" { "Number" }
                    th class="left" scope="col" { "File" }
                    th class="left" scope="col" { "How" }
                } }
                tbody { @for (number, file, how) in rows { tr {
                    th scope="row" { (number) }
                    td class="left" { code { (file) } }
                    td class="wide" { (how) }
                } } }
            } }
            p class="note" {
                "Histograms keep three significant digits. A quantile is the value that this part of all samples did \
                 not exceed. The records carry format " (results.format) " and have a JSON Schema."
            }
        }
    }
}

fn named(title: &str, rows: &[Fact]) -> Markup {
    let rows: Vec<(&str, String)> =
        rows.iter().map(|fact| (fact.name.as_str(), fact.value.clone())).collect();
    html! { @if !rows.is_empty() { @if !title.is_empty() { h3 { (title) } } (facts(&rows)) } }
}

/// Words with anything but plain letters are quoted, so that the line can be copied.
fn command_line(arguments: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word.chars().all(|letter| letter.is_alphanumeric() || "-_./:=,@%+".contains(letter))
    };
    let words = arguments
        .iter()
        .map(|word| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) });
    words.collect::<Vec<_>>().join(" ")
}

fn bar(part: f64) -> Markup {
    let width = (part.clamp(0.0, 1.0) * 1600.0).round() / 10.0;
    html! {
        svg class="range" viewBox="0 0 160 16" aria-hidden="true" {
            rect class="fill c1" x="0" y="3" height="10" width=(width) {}
        }
    }
}

//! The head of the page: what a reader with one minute must know.

use std::fmt::Write as _;

use maud::{Markup, html};
use record::{LoadResults, Run, StepRow, ThresholdRow};

use super::{banner, early_end, run_facts, safe};
use crate::load::{alerts, load_outcome, load_verdict_line, quantile};
use crate::number::{counted, octets, rate, share, whole};
use crate::outcome::Outcome;
use crate::text::nanoseconds;

/// Before everything else, when it was so.
pub(super) fn alert(results: &LoadResults) -> Option<Markup> {
    alerts(results).next()?;
    Some(html! {
        div class="alert" role="note" {
            @for sentence in alerts(results) { p { strong { (safe(sentence)) } } }
        }
    })
}

pub(super) fn header(run: &Run, results: &LoadResults) -> Markup {
    let plan = &results.plan;
    html! {
        p class="eyebrow" { "poplab load report" }
        h1 { (safe(&plan.scenario)) }
        @if !plan.description.is_empty() { p class="about" { (safe(&plan.description)) } }
        (run_facts(run))
        (early_end(run.error.as_deref(), &results.missing))
        (verdict(run, results))
        p class="lead" { (sentence(results)) }
        (tiles(results))
        nav aria-label="Parts of this page" {
            @if results.capacity.is_some() { a href="#capacity" { "Capacity" } }
            a href="#steps" { "How long users wait" }
            a href="#time" { "Over time" }
            a href="#errors" { "Errors" }
            a href="#verified" { "Verification" }
            a href="#plan" { "The plan" }
            a href="#generator" { "The generator" }
            a href="#environment" { "Environment" }
            a href="#sources" { "Where each number comes from" }
        }
    }
}

/// The thresholds with what was observed; they decide the verdict, so they come first.
pub(super) fn thresholds(results: &LoadResults) -> Markup {
    html! {
        section aria-labelledby="thresholds" {
            h2 id="thresholds" { "Thresholds" }
            @if results.thresholds.is_empty() {
                p class="note" { "None was set: the run only measured." }
            } @else {
                div class="scroll" { table {
                    thead { tr {
                        th class="left" scope="col" { "Threshold" }
                        th scope="col" { "Observed" }
                        th scope="col" { "Samples" }
                        th class="left" scope="col" { "Outcome" }
                        th class="left" scope="col" { "Set at" }
                    } }
                    tbody { @for row in &results.thresholds { tr {
                        th scope="row" { code { (safe(&row.text)) } }
                        td { (safe(&row.observed)) }
                        td { (whole(row.samples)) }
                        @if row.holds { td class="left holds" { "✓ holds" (doubt(row)) } }
                        @else { td class="left broken" { "✗ broken" (doubt(row)) } }
                        td class="left quiet" { (safe(row.place.as_deref().unwrap_or("command line"))) }
                    } } }
                } }
            }
        }
    }
}

/// What the search for the capacity found.
/// Why the figure of a threshold is less than it seems.
fn doubt(row: &ThresholdRow) -> Markup {
    html! { @if let Some(doubt) = &row.doubt { " (" (safe(doubt)) ")" } }
}

pub(super) fn capacity(results: &LoadResults) -> Markup {
    let Some(capacity) = &results.capacity else { return html! {} };
    html! {
        section aria-labelledby="capacity" {
            h2 id="capacity" { "Capacity" }
            p class="lead" { (safe(&capacity.sentence)) }
            div class="scroll" { table {
                caption {
                    "Each rate that was tried, in order."
                    @if !capacity.limit.is_empty() { " The limit: " (safe(&capacity.limit)) "." }
                }
                thead { tr {
                    th class="left" scope="col" { "Trial" }
                    th scope="col" { "Sessions per second" }
                    th class="left" scope="col" { "Thresholds" }
                    th class="left" scope="col" { "Broken, or why it cannot be judged" }
                } }
                tbody { @for (number, trial) in capacity.trials.iter().enumerate() { tr {
                    th scope="row" { (number + 1) }
                    td { (rate(trial.rate_per_s)) }
                    @if trial.holds { td class="left holds" { "✓ hold" } }
                    @else if trial.untold.is_some() { td class="left quiet" { "? untold" } }
                    @else { td class="left broken" { "✗ broken" } }
                    td class="wide" { (safe(&trial.broken.join("; "))) (safe(trial.untold.as_deref().unwrap_or_default())) }
                } } }
            } }
        }
    }
}

fn verdict(run: &Run, results: &LoadResults) -> Markup {
    let class = match load_outcome(run, results) {
        Outcome::Pass => "good",
        Outcome::NothingJudged => "doubt",
        Outcome::Fail | Outcome::NotCarriedOut | Outcome::WrongInput => "bad",
    };
    banner(class, &load_verdict_line(run, results))
}

/// The run in plain words, for a reader who reads nothing else.
fn sentence(results: &LoadResults) -> String {
    let (found, sessions) = (&results.rate, &results.sessions);
    let mut text = if found.asked_per_s > 0.0 {
        let part = share(found.achieved_per_s, found.asked_per_s);
        format!(
            "{} sessions per second were asked for and {} begun ({part}).",
            per_second(found.asked_per_s),
            per_second(found.achieved_per_s)
        )
    } else {
        format!(
            "In a closed loop, which begins a session when one has ended, {} sessions per second were begun.",
            per_second(found.achieved_per_s)
        )
    };
    if let Some(StepRow { response, .. }) = results.step("ready").filter(|step| step.response.count > 0) {
        let most = if response.tell(0.99) {
            format!(", 99 of 100 within {}", nanoseconds(response.p99_ns))
        } else {
            String::new()
        };
        let _ = write!(
            text,
            " Half of the users were logged in within {}{most}; the slowest waited {}.",
            nanoseconds(response.p50_ns),
            nanoseconds(response.max_ns)
        );
    }
    let _ = match sessions.failed {
        0 => write!(text, " No session failed."),
        failed => write!(text, " {} of {} failed.", whole(failed), counted(sessions.begun, "session")),
    };
    let verified = &results.verified;
    let all = counted(verified.messages, "message");
    let _ = match verified.failures {
        0 if verified.messages == 0 => Ok(()),
        0 => write!(text, " {all} were verified; nothing was wrong."),
        failures => {
            let failures = counted(failures, "verification failure");
            write!(text, " {all} were retrieved whole, with {failures}.")
        }
    };
    text
}

fn per_second(value: f64) -> String {
    rate(value).trim_end_matches("/s").to_owned()
}

fn tiles(results: &LoadResults) -> Markup {
    let (found, sessions, verified) = (&results.rate, &results.sessions, &results.verified);
    let mut tiles = Vec::new();
    if found.asked_per_s > 0.0 {
        let part = share(found.achieved_per_s, found.asked_per_s);
        tiles.push((
            "Rate achieved",
            rate(found.achieved_per_s),
            format!("{part} of {} asked", rate(found.asked_per_s)),
        ));
    } else {
        tiles.push(("Rate achieved", rate(found.achieved_per_s), "closed loop, none asked".to_owned()));
    }
    tiles.push((
        "Sessions completed",
        whole(sessions.completed),
        format!(
            "{} of {} planned",
            share(sessions.completed as f64, sessions.planned as f64),
            whole(sessions.planned)
        ),
    ));
    tiles.push(("Open at once", whole(sessions.peak_open), "at most".to_owned()));
    for (tag, name) in [("ready", "Logged in, p99"), ("session", "Whole session, p99")] {
        if let Some(StepRow { response, .. }) = results.step(tag).filter(|step| step.response.count > 0) {
            let most = format!("at most {}", nanoseconds(response.max_ns));
            tiles.push((name, quantile(response, 0.99, response.p99_ns), most));
        }
    }
    let errors = results.error_count();
    let failed = share(sessions.failed as f64, sessions.begun as f64);
    tiles.push(("Errors", whole(errors), format!("{failed} of sessions failed")));
    if verified.messages > 0 {
        let wrong = format!("{} wrong", whole(verified.failures));
        tiles.push(("Messages verified", whole(verified.messages), wrong));
    }
    tiles.push((
        "Received",
        octets(results.traffic.octets_received),
        format!("{} commands", whole(results.traffic.commands)),
    ));
    html! {
        dl class="tiles" {
            @for (name, value, beside) in tiles {
                div { dt { (name) } dd { (value) small { (beside) } } }
            }
        }
    }
}

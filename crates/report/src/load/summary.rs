//! The summary of a load run in a terminal. Its first line is the generator's, when that was the bottleneck; its
//! last is the verdict.

use std::fmt::Write as _;

use record::{ErrorRow, LoadResults, Quantiles, Run, StepRow};

use super::outcome::load_outcome;
use super::words::{alerts, plan_words, service_differs, sessions_words, tls_words, verified_words};
use super::{columns, load_verdict_line};
use crate::Options;
use crate::number::{counted, rate, share, span, whole};
use crate::outcome::Outcome;
use crate::page::{Page, Tone};
use crate::text::{cut, nanoseconds, visible_line};

/// The whole summary: a bottleneck that was not the target's, if there was one; what kept the run from its end; plan, rates and sessions;
/// the table of steps; errors with an example each; what was verified; thresholds; the generator; and last the line
/// of [`load_verdict_line`]. [`Options::verbose`] cuts nothing and tells every service time, the workers and the
/// environment.
pub fn load_summary(run: &Run, results: &LoadResults, options: &Options<'_>) -> String {
    let mut page = Page::new(options.color, options.width);
    for alert in alerts(results) {
        page.painted(Tone::Bad, &visible_line(alert));
        page.blank();
    }
    early_end(&mut page, run, results);
    header(&mut page, run, results);
    steps(&mut page, &results.steps, options.verbose);
    errors(&mut page, results, options);
    evidence(&mut page, results);
    capacity(&mut page, results);
    thresholds(&mut page, results);
    generator(&mut page, results, options.verbose);
    let tone = match load_outcome(run, results) {
        Outcome::Pass => Tone::Good,
        Outcome::NothingJudged => Tone::Doubt,
        Outcome::Fail | Outcome::NotCarriedOut | Outcome::WrongInput => Tone::Bad,
    };
    page.painted(tone, &load_verdict_line(run, results));
    page.finish()
}

fn early_end(page: &mut Page, run: &Run, results: &LoadResults) {
    if run.error.is_none() && results.missing.is_empty() {
        return;
    }
    page.heading(Tone::Bad, "The run was not carried out to its end");
    if let Some(error) = &run.error {
        page.paragraph(2, error);
    }
    for missing in &results.missing {
        page.field(2, "missing", missing);
    }
    page.blank();
}

fn header(page: &mut Page, run: &Run, results: &LoadResults) {
    page.painted(Tone::Strong, format!("poplab {} {}", run.tool, run.version).trim_end());
    let mut facts = format!("seed {}", results.plan.seed);
    if !run.started.is_empty() {
        let _ = write!(facts, ", started {}", run.started);
    }
    if let Some(took) = run.duration() {
        let _ = write!(facts, ", took {}", span(took.as_secs_f64()));
    }
    page.field(0, "run", &facts);
    page.field(0, "target", &run.target.name);
    let plan = &results.plan;
    let about = if plan.description.is_empty() {
        String::new()
    } else {
        format!(": {}", plan.description.trim_end())
    };
    page.field(0, "scenario", &format!("{}{about}", plan.scenario));
    page.field(0, "plan", &plan_words(plan));
    let shares = plan.behaviours.iter().map(|behaviour| {
        format!(
            "{} {} ({})",
            share(behaviour.weight, 1.0),
            behaviour.name,
            counted(behaviour.sessions, "session")
        )
    });
    page.field(0, "users", &shares.collect::<Vec<_>>().join(", "));
    page.field(0, "rate", &rates(results));
    page.field(0, "sessions", &sessions_words(&results.sessions));
    page.blank();
}

fn rates(results: &LoadResults) -> String {
    let found = &results.rate;
    // What was asked for and begun is per second of the plan; what was done took as long as it took.
    let longer = found.done_within_s > results.plan.duration_s * 1.01;
    let within = if longer { format!(" in {}", span(found.done_within_s)) } else { String::new() };
    let reached = format!(
        "completed {}, {} commands/s{within}",
        rate(found.completed_per_s),
        rate(found.commands_per_s).trim_end_matches("/s")
    );
    if found.asked_per_s > 0.0 {
        let part = share(found.achieved_per_s, found.asked_per_s);
        format!(
            "asked {}, achieved {} ({part}), {reached}",
            rate(found.asked_per_s),
            rate(found.achieved_per_s)
        )
    } else {
        format!("achieved {} (closed loop: no rate was asked for), {reached}", rate(found.achieved_per_s))
    }
}

/// The columns of a row of times behind the name.
const FIGURES: usize = 2 + 9 + 5 * (2 + 8);

/// A row of response times for each step, and one of service times where they differ.
fn steps(page: &mut Page, rows: &[StepRow], verbose: bool) {
    if rows.is_empty() {
        return;
    }
    let longest = rows.iter().map(|row| visible_line(&row.tag).chars().count()).max().unwrap_or(0);
    // The figures are always shown; a long name gives way to them.
    let most = page.width().saturating_sub(FIGURES).clamp("  service".len(), 24);
    let first = longest.clamp("  service".len(), most);
    let head = format!(
        "{:<first$}  {:>9}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}",
        "step", "count", "p50", "p95", "p99", "p99.9", "max"
    );
    page.painted(Tone::Faint, &head);
    let mut differs = false;
    for row in rows {
        let name = cut(&visible_line(&row.tag), first);
        let line = format!("{name:<first$}  {:>9}{}", whole(row.response.count), cells(&row.response));
        page.pieces(&[(None, &line)]);
        if verbose || service_differs(row) {
            differs = true;
            let line = format!("{:<first$}  {:>9}{}", "  service", "", cells(&row.service));
            page.pieces(&[(Some(Tone::Faint), &line)]);
        }
    }
    let service = match (verbose, differs) {
        (true, _) => " below them",
        (false, true) => " below them where they differ by more than 5 %",
        (false, false) => " within 5 % of them",
    };
    let few = if rows.iter().any(|row| !row.response.tell(0.999)) {
        " A · stands for a quantile for which there are too few samples."
    } else {
        ""
    };
    let note = format!(
        "Response times, from when the plan wanted a step; service times, from when it was really begun,{service}.{few}"
    );
    page.toned(Some(Tone::Faint), 0, &note);
    page.blank();
}

fn cells(figures: &Quantiles) -> String {
    let [p50, _, p95, p99, p999, max] = columns(figures);
    format!("  {p50:>8}  {p95:>8}  {p99:>8}  {p999:>8}  {max:>8}")
}

fn errors(page: &mut Page, results: &LoadResults, options: &Options<'_>) {
    const MOST: usize = 12;
    if results.errors.is_empty() {
        return;
    }
    let mut rows: Vec<&ErrorRow> = results.errors.iter().collect();
    // Wrong mail before everything, as the order of worth is; then the most frequent.
    rows.sort_by_key(|row| (!row.kind.starts_with("verification:"), std::cmp::Reverse(row.count)));
    let order = if rows.len() > 1 { ", wrong mail first, then by number" } else { "" };
    page.heading(Tone::Bad, &format!("errors: {}{order}", whole(results.error_count())));
    let shown = if options.verbose { rows.len() } else { MOST.min(rows.len()) };
    for row in &rows[..shown] {
        let head = format!("  {:>8}  ", whole(row.count));
        let place = format!(" at {}, first after {}", row.step, span(row.first_s));
        page.pieces(&[(None, &head), (Some(Tone::Strong), &row.kind), (None, &place)]);
        page.field(12, "seen", &row.example);
        page.unwrapped_field(12, "transcript", row.transcript.as_deref().unwrap_or_default());
    }
    if shown < rows.len() {
        page.paragraph(12, &format!("… and {}", counted((rows.len() - shown) as u64, "other row")));
    }
    page.blank();
}

fn evidence(page: &mut Page, results: &LoadResults) {
    page.field(0, "verified", &verified_words(&results.verified));
    page.field(0, "TLS", &tls_words(&results.tls));
    page.field(0, "samples", &samples(&results.samples));
    page.blank();
}

fn samples(paths: &[String]) -> String {
    match paths {
        [] => String::new(),
        [path] => path.clone(),
        [path, others @ ..] => format!("{path} and {}", counted(others.len() as u64, "other")),
    }
}

fn capacity(page: &mut Page, results: &LoadResults) {
    let Some(capacity) = &results.capacity else { return };
    page.heading(Tone::Strong, &format!("capacity: {}", visible_line(&capacity.sentence)));
    for trial in &capacity.trials {
        let (tone, word) = match (trial.holds, &trial.untold) {
            (true, _) => (Tone::Good, "holds"),
            (false, None) => (Tone::Bad, "breaks"),
            (false, Some(_)) => (Tone::Doubt, "untold"),
        };
        let head = format!("  {:>9}  ", rate(trial.rate_per_s));
        let why: Vec<String> =
            trial.broken.iter().chain(&trial.untold).map(|why| visible_line(why)).collect();
        let why = if why.is_empty() { String::new() } else { format!("  {}", why.join("; ")) };
        page.pieces(&[(None, &head), (Some(tone), &format!("{word:<6}")), (None, &why)]);
    }
    page.blank();
}

fn thresholds(page: &mut Page, results: &LoadResults) {
    if results.thresholds.is_empty() {
        return;
    }
    let texts: Vec<String> = results.thresholds.iter().map(|row| cut(&visible_line(&row.text), 40)).collect();
    let observed: Vec<String> =
        results.thresholds.iter().map(|row| cut(&visible_line(&row.observed), 16)).collect();
    let longest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let first = longest(&texts).max("threshold".len());
    let second = longest(&observed).max("observed".len());
    let head = format!("{:<first$}  {:>second$}  {:>9}", "threshold", "observed", "samples");
    page.painted(Tone::Faint, &head);
    for ((row, text), observed) in results.thresholds.iter().zip(&texts).zip(&observed) {
        let line = format!("{text:<first$}  {observed:>second$}  {:>9}  ", whole(row.samples));
        let (tone, word) = if row.holds { (Tone::Good, "holds") } else { (Tone::Bad, "broken") };
        page.pieces(&[(None, &line), (Some(tone), word)]);
        page.field(2, "doubt", row.doubt.as_deref().unwrap_or_default());
    }
    page.blank();
}

fn generator(page: &mut Page, results: &LoadResults, verbose: bool) {
    let generator = &results.generator;
    let workers = counted(generator.workers.len() as u64, "worker");
    let late = &generator.lateness;
    let most = nanoseconds(late.max_ns);
    let late = if late.tell(0.99) {
        format!("timers late by {} at p99, {most} at most", nanoseconds(late.p99_ns))
    } else {
        format!("timers late by {most} at most")
    };
    let cpu: f64 = generator.workers.iter().map(|worker| worker.cpu_s).sum();
    let waited: f64 = generator.workers.iter().map(|worker| worker.run_queue_s).sum();
    let busiest = generator.workers.iter().map(|worker| worker.busiest_second_percent).fold(0.0, f64::max);
    let mut text = format!(
        "{workers}, {late}; CPU {}, waited {} for a processor, busiest second {}",
        span(cpu),
        span(waited),
        share(busiest, 100.0)
    );
    if generator.own_errors > 0 {
        let _ = write!(text, "; {} of its own", counted(generator.own_errors, "error"));
    }
    page.field(0, "generator", &text);
    if verbose {
        for worker in &generator.workers {
            let facts = format!(
                "{}: {}, {} begun, at most {} open, CPU {}",
                worker.number,
                worker.ended,
                counted(worker.sessions, "session"),
                whole(worker.peak_open),
                span(worker.cpu_s)
            );
            page.field(2, "worker", &facts);
        }
        for fact in results.plan.budget.iter().chain(&results.environment) {
            page.field(2, &cut(&visible_line(&fact.name), 11), &fact.value);
        }
    }
    page.blank();
}

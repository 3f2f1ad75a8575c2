//! The page of a conformance run.

use maud::{Markup, html};
use record::{CheckResult, Entrance, Results, Run, Security, Verdict};

use super::{banner, early_end, facts, page, run_facts, safe, safe_lines, transcript};
use crate::finding::{Finding, findings};
use crate::group::{Group, SAME_CAUSE, cause_words, deviations, groups};
use crate::number::whole;
use crate::outcome::{NOT_EXPLAINED, Outcome, outcome, severity_words, stale_words, verdict_line};

/// Gives the text of a transcript by its path in the run's folder.
type Transcripts<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// One self-contained page: verdict, target, verdicts by area, then what is broken (worst first) with the
/// transcripts, entries of the baseline that are no longer seen, warnings, known deviations, and what was not judged and why.
/// What probably follows from another finding stands under it.
///
/// `transcripts` gives the text of a transcript by its path in the run's folder.
pub fn html(run: &Run, results: &Results, transcripts: &dyn Fn(&str) -> Option<String>) -> String {
    let title = format!("Conformance of {}", run.target.name);
    let header = html! {
        p class="eyebrow" { "poplab conformance report" }
        h1 { (safe(&run.target.name)) }
        (run_facts(run))
        (early_end(run.error.as_deref(), &[]))
        (verdict(run, results))
    };
    let unknown = |verdict: Verdict| move |check: &CheckResult| check.verdict == verdict && !check.is_known();
    let (broken, warnings) = deviations(results);
    let body = html! {
        (entrances(&run.target.entrances))
        (areas(results))
        (told("broken", "Broken", &broken, Some(transcripts)))
        (no_longer_seen(results))
        (told("warnings", "Warnings", &warnings, Some(transcripts)))
        (told("known", "Known deviations", &groups(results, CheckResult::is_known), None))
        (listed("inconclusive", "Inconclusive", &findings(results, unknown(Verdict::Inconclusive))))
        (listed("info", "Observed, either way being right", &findings(results, unknown(Verdict::Info))))
        (listed("skipped", "Skipped, with what was missing", &findings(results, unknown(Verdict::Skipped))))
        (listed("kept", "Kept", &findings(results, unknown(Verdict::Pass))))
    };
    page(&title, None, &header, &body, run)
}

fn verdict(run: &Run, results: &Results) -> Markup {
    let class = match outcome(run, results) {
        Outcome::Pass => "good",
        Outcome::NothingJudged => "doubt",
        Outcome::Fail | Outcome::NotCarriedOut | Outcome::WrongInput => "bad",
    };
    banner(class, &verdict_line(run, results))
}

fn entrances(entrances: &[Entrance]) -> Markup {
    html! {
        @if !entrances.is_empty() {
            section aria-labelledby="target" {
                h2 id="target" { "Target" }
                @for entrance in entrances {
                    h3 { (safe(&entrance.label)) ": " (safe(&entrance.host)) ", port " (entrance.port) }
                    (facts(&[
                        ("Protection", protection(entrance.security).to_owned()),
                        ("TLS", entrance.tls.as_ref().map(|tls| format!(
                            "{}, {}, {}", tls.version, tls.cipher, tls.group.as_deref().unwrap_or("no group named")
                        )).unwrap_or_default()),
                        ("Certificate", entrance.tls.as_ref().and_then(|tls| tls.certificate_subject.clone()).unwrap_or_default()),
                        ("Greeting", entrance.greeting.clone()),
                        ("Software", entrance.implementation().unwrap_or_default().to_owned()),
                        ("Offers", entrance.capabilities.join(", ")),
                    ]))
                }
            }
        }
    }
}

fn protection(security: Security) -> &'static str {
    match security {
        Security::Implicit => "TLS from the first octet",
        Security::Starttls => "clear text, upgraded by STLS",
        Security::None => "clear text",
    }
}

fn areas(results: &Results) -> Markup {
    let mut areas: Vec<&str> = Vec::new();
    for check in &results.checks {
        if !areas.contains(&check.area()) {
            areas.push(check.area());
        }
    }
    let totals = |area: Option<&str>| -> [u64; 7] {
        let checks = results.checks.iter().filter(|check| area.is_none_or(|area| check.area() == area));
        let mut sums = record::Totals::default();
        checks.for_each(|check| sums.add(check));
        [sums.pass, sums.fail, sums.warn, sums.known, sums.info, sums.inconclusive, sums.skipped]
    };
    html! {
        @if !areas.is_empty() {
            section aria-labelledby="areas" {
                h2 id="areas" { "Verdicts by area" }
                div class="scroll" { table {
                    thead { tr {
                        th class="left" scope="col" { "Area" }
                        @for name in ["Pass", "Fail", "Warn", "Known", "Info", "Inconclusive", "Skipped"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody {
                        @for area in &areas { tr { th scope="row" { (safe(area)) } (numbers(totals(Some(area)))) } }
                        tr class="total" { th scope="row" { "All" } (numbers(totals(None))) }
                    }
                } }
            }
        }
    }
}

fn numbers(numbers: [u64; 7]) -> Markup {
    html! {
        @for (at, number) in numbers.into_iter().enumerate() {
            @let class = match (number, at) { (0, _) => "quiet", (_, 0) => "holds", (_, 1) => "broken", _ => "" };
            td class=(class) { @if number == 0 { "·" } @else { (whole(number)) } }
        }
    }
}

/// Entries of the baseline that are no longer seen.
fn no_longer_seen(results: &Results) -> Markup {
    html! {
        @if !results.stale.is_empty() {
            section aria-labelledby="stale" {
                h2 id="stale" { "In the baseline and no longer seen" }
                ul { @for entry in &results.stale { li { (safe(&stale_words(entry))) } } }
            }
        }
    }
}

/// The sentence of the baseline, or that there is none; nothing for what is not known.
fn explained(check: &CheckResult) -> String {
    if check.is_unexplained() { NOT_EXPLAINED.to_owned() } else { check.approved.clone().unwrap_or_default() }
}

/// Everything there is to say about each.
fn told(id: &str, title: &str, groups: &[Group<'_>], transcripts: Option<&Transcripts<'_>>) -> Markup {
    const OPEN: usize = 3;
    html! {
        @if !groups.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                @for (number, group) in groups.iter().enumerate() {
                    article class="finding" {
                        h3 { (heading(&group.first)) }
                        (described(&group.first, transcripts, number < OPEN))
                        @if !group.others.is_empty() { (same_cause(&group.others, transcripts)) }
                    }
                }
            }
        }
    }
}

/// What probably has the cause of another finding, each folded to its name.
fn same_cause(findings: &[Finding<'_>], transcripts: Option<&Transcripts<'_>>) -> Markup {
    html! {
        p class="note" { (SAME_CAUSE) " (" (findings.len()) "):" }
        @for finding in findings {
            details class="follower" {
                summary { (heading(finding)) }
                (described(finding, transcripts, false))
            }
        }
    }
}

fn heading(finding: &Finding<'_>) -> Markup {
    let check = finding.check;
    html! {
        code { (safe(&check.id)) }
        span { " · " (severity_words(check.severity)) " · " (check.level) " · " (safe(&finding.entrances())) }
    }
}

fn described(finding: &Finding<'_>, transcripts: Option<&Transcripts<'_>>, open: bool) -> Markup {
    let check = finding.check;
    html! {
        p { (safe(&check.requirement)) " " span class="quiet" { "(" (safe(&check.reference)) ")" } }
        (facts(&[
            ("Cause", cause_words(check)),
            ("The RFC says", finding.quote()),
            ("Explained", explained(check)),
            ("Seen", check.observed.clone()),
            ("Would pass", check.expected.clone()),
        ]))
        @if !check.reproduce.is_empty() { pre { (safe_lines(&check.reproduce)) } }
        @if let (Some(path), Some(transcripts)) = (&check.transcript, transcripts) {
            (transcript(path, transcripts(path).as_deref(), open))
        }
    }
}

/// One line each.
fn listed(id: &str, title: &str, findings: &[Finding<'_>]) -> Markup {
    html! {
        @if !findings.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                div class="scroll" { table {
                    thead { tr {
                        th class="left" scope="col" { "Check" }
                        th class="left" scope="col" { "Entrances" }
                        th class="left" scope="col" { "Seen" }
                    } }
                    tbody { @for finding in findings { tr {
                        th scope="row" { code { (safe(&finding.check.id)) } }
                        td class="left" { (safe(&finding.entrances())) }
                        td class="wide" { (safe(&finding.check.observed)) }
                    } } }
                } }
            }
        }
    }
}

//! One self-contained page for a run: no script, no resource from elsewhere, for the screen by day and by night and
//! for paper. Escaping is maud's and [`safe`]'s; nothing here judges or computes figures that are recorded.

mod conformance;
mod lead;
mod load;
mod machine;
mod steps;
mod time;
mod trouble;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use record::Run;

use crate::number::span;
use crate::text::{cut, excerpt, visible, visible_line};

pub use conformance::html;
pub use load::load_html;

/// Rendered once into every page.
const STYLE: &str = include_str!("style.css");

/// What the browser may do with the page: show it with its own style. Were something of a server's to slip through
/// the escaping, it could still load and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The frame of a page. `alert` comes before everything else.
fn page(title: &str, alert: Option<&Markup>, header: &Markup, body: &Markup, run: &Run) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "poplab " (safe(&run.version)) };
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { (safe(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if let Some(alert) = alert { (alert) }
                header { (header) }
                main { (body) }
                footer {
                    "Written by poplab " (safe(&run.version)) " from the records of the run. This page is complete in \
                     itself: it loads nothing and runs no script."
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// One line of somebody else's text: nothing in it hides or reorders what is seen.
fn safe(text: &str) -> String {
    visible_line(text)
}

/// Several lines of somebody else's text.
fn safe_lines(text: &str) -> String {
    visible(text.trim_end())
}

/// Names and what is so; those without a value are left out.
fn facts(rows: &[(&str, String)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                dt { (safe(name)) }
                dd { (safe(value)) }
            }
        }
    }
}

/// Target, time, length and seed of a run, side by side.
fn run_facts(run: &Run) -> Markup {
    let took = run.duration().map(|took| span(took.as_secs_f64())).unwrap_or_default();
    let rows = [
        ("Target", run.target.name.clone()),
        ("Started", run.started.replacen('T', " ", 1).replacen('Z', " UTC", 1)),
        ("Took", took),
        ("Seed", run.seed.to_string()),
    ];
    html! {
        dl class="beside" {
            @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (safe(value)) } }
            }
        }
    }
}

/// The verdict: its word, what it stands on, and the numbers, from the line that every form ends with.
fn banner(class: &str, line: &str) -> Markup {
    let (word, rest) = line.split_once(": ").unwrap_or((line, ""));
    let (reason, numbers) = rest.split_once(" · ").unwrap_or((rest, ""));
    html! {
        div class={ "verdict " (class) } {
            strong { (word) }
            div { p { (reason) } p class="note" { (numbers) } }
        }
    }
}

/// What kept a run from its end, and what that left out.
fn early_end(error: Option<&str>, missing: &[String]) -> Markup {
    if error.is_none() && missing.is_empty() {
        return html! {};
    }
    html! {
        div class="alert bad" role="note" {
            p { strong { "The run was not carried out to its end." } @if let Some(error) = error { " " (safe(error)) } }
            @if !missing.is_empty() {
                ul { @for missing in missing { li { (safe(missing)) } } }
            }
        }
    }
}

/// A piece of a transcript, folded unless `open`, with the line that the verdict is about.
fn transcript(path: &str, text: Option<&str>, open: bool) -> Markup {
    const MOST_LINES: usize = 40;
    const LINE_AT_MOST: usize = 400;
    html! {
        @match text {
            Some(text) => {
                details open[open] {
                    summary { "Transcript " code { (safe(path)) } }
                    pre {
                        @for line in excerpt(text, MOST_LINES) {
                            @let text = cut(&safe(&line.text), LINE_AT_MOST);
                            @if line.marked { mark { (text) } } @else { (text) }
                            "\n"
                        }
                    }
                }
            }
            None => p class="note" { "Transcript: " code { (safe(path)) } },
        }
    }
}

//! The figures of a run that is still going on, for the screen and for plain logs. Knows no clock and no terminal:
//! the caller says how much time has passed and how large the screen is.

use record::{ErrorCount, Quantiles};

use super::columns;
use crate::number::{counted, nearest, rate, span, whole};
use crate::text::{cut, nanoseconds, visible_line};

/// What is known of a load run while it goes on. The controller fills it in once a second; all totals count since
/// the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveFigures {
    /// The name of the scenario.
    pub scenario: String,
    /// What is being loaded, as the user named it.
    pub target: String,
    /// Seconds since the start.
    pub elapsed_s: f64,
    /// How long the arrivals last by plan, in seconds.
    pub duration_s: f64,
    /// Sessions the whole plan has.
    pub planned: u64,
    /// Arrivals the plan wanted so far.
    pub asked: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Sessions that ended as planned.
    pub completed: u64,
    /// Sessions that ended with something wrong.
    pub failed: u64,
    /// Sessions open now.
    pub open: u64,
    /// Commands sent.
    pub commands: u64,
    /// Octets received.
    pub octets_received: u64,
    /// Messages that were verified and wrong.
    pub verification_failures: u64,
    /// The rate asked for in the last second, per second; 0 in a closed loop.
    pub asked_per_s: f64,
    /// Sessions begun in the last second.
    pub achieved_per_s: f64,
    /// Errors by kind, in the order of the kinds.
    pub errors: Vec<ErrorCount>,
    /// Response times by step since the start, in the order of the tables.
    pub steps: Vec<LiveStep>,
    /// By how much the generator's ticker was late at most, since the start.
    pub lateness_max_ns: u64,
    /// Thresholds that do not hold at present, as written.
    pub broken: Vec<String>,
}

/// The response times of one step so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveStep {
    /// As in [`record::StepRow::tag`].
    pub tag: String,
    /// The figures since the start.
    pub response: Quantiles,
}

/// One screen: progress, rates, sessions, errors, the table of steps, first those that users feel. No line is longer
/// than `width`, each ends in a line feed, and there are no more than `height`, unless that is less than a head and the
/// first step need.
pub fn load_live(figures: &LiveFigures, width: usize, height: usize) -> String {
    let width = width.max(40);
    let mut lines = vec![
        both_ends(&format!("{} → {}", figures.scenario, figures.target), &time(figures), width),
        bar(figures, width),
        field("rate", &rates(figures)),
        field("sessions", &sessions(figures)),
        field("errors", &errors(figures, 6)),
    ];
    if !figures.broken.is_empty() {
        lines.push(field("broken", &figures.broken.join("; ")));
    }
    if figures.lateness_max_ns >= LATE_NS {
        lines
            .push(field("generator", &format!("ticker up to {} late", nanoseconds(figures.lateness_max_ns))));
    }
    lines.push(String::new());
    let room = height.saturating_sub(lines.len());
    lines.extend(steps(figures, room));
    let mut text = String::new();
    for line in lines {
        text.push_str(cut(&visible_line(&line), width).trim_end());
        text.push('\n');
    }
    text
}

/// The same in one line without a line end, for logs. Steps: only the time until a user is logged in.
pub fn load_live_line(figures: &LiveFigures) -> String {
    let mut parts = vec![
        span(figures.elapsed_s.floor()),
        rates(figures),
        format!("{} open", whole(figures.open)),
        format!("{} completed", whole(figures.completed)),
        format!("{} failed", whole(figures.failed)),
    ];
    let shown = figures.steps.iter().find(|step| step.tag == "ready").or(figures.steps.last());
    if let Some(LiveStep { tag, response }) = shown {
        let [p50, _, _, p99, _, max] = columns(response);
        parts.push(format!("{tag} p50 {p50} p99 {p99} max {max}"));
    }
    if !figures.errors.is_empty() {
        parts.push(format!("errors {}", errors(figures, 3)));
    }
    if figures.lateness_max_ns >= LATE_NS {
        parts.push(format!("generator up to {} late", nanoseconds(figures.lateness_max_ns)));
    }
    parts.push(left(figures));
    visible_line(&parts.join(" · "))
}

/// A ticker that was late by more than this is worth a line while the run goes on.
const LATE_NS: u64 = 10_000_000;

fn field(label: &str, text: &str) -> String {
    format!("{label:<10}{text}")
}

fn both_ends(left: &str, right: &str, width: usize) -> String {
    let room = width.saturating_sub(right.chars().count() + 2);
    format!("{:<room$}  {right}", cut(&visible_line(left), room))
}

fn time(figures: &LiveFigures) -> String {
    format!("{} of {}", span(figures.elapsed_s.floor()), span(figures.duration_s.ceil()))
}

fn left(figures: &LiveFigures) -> String {
    let left = figures.duration_s - figures.elapsed_s;
    match figures.open {
        _ if left > 0.0 => format!("{} left", span(left.ceil())),
        0 => "no sessions left".to_owned(),
        open => format!("waiting for {}", counted(open, "session")),
    }
}

/// Eighths of a character give the bar a step for nearly each second.
fn bar(figures: &LiveFigures, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let part =
        if figures.duration_s > 0.0 { (figures.elapsed_s / figures.duration_s).clamp(0.0, 1.0) } else { 0.0 };
    let words = left(figures);
    let room = width.saturating_sub(words.chars().count() + 2);
    let eighths = usize::try_from(nearest((part * room as f64 * 8.0).floor())).unwrap_or_default();
    let filled = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
    let rest = room.saturating_sub(filled.chars().count());
    format!("{filled}{}  {words}", "░".repeat(rest))
}

fn rates(figures: &LiveFigures) -> String {
    if figures.asked_per_s > 0.0 {
        let behind = figures.asked.saturating_sub(figures.begun);
        let behind =
            if behind > 0 { format!(" ({} behind)", counted(behind, "session")) } else { String::new() };
        format!("asked {}, achieved {}{behind}", rate(figures.asked_per_s), rate(figures.achieved_per_s))
    } else {
        format!("achieved {}", rate(figures.achieved_per_s))
    }
}

fn sessions(figures: &LiveFigures) -> String {
    format!(
        "{} open, {} of {} begun, {} completed, {} failed",
        whole(figures.open),
        whole(figures.begun),
        whole(figures.planned),
        whole(figures.completed),
        whole(figures.failed)
    )
}

/// The most frequent first.
fn errors(figures: &LiveFigures, most: usize) -> String {
    let mut errors: Vec<&ErrorCount> = figures.errors.iter().filter(|error| error.count > 0).collect();
    if errors.is_empty() {
        return "none".to_owned();
    }
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    let total = errors.iter().map(|error| error.count).sum();
    let mut kinds: Vec<String> =
        errors.iter().take(most).map(|error| format!("{} {}", whole(error.count), error.kind)).collect();
    if errors.len() > most {
        kinds.push("…".to_owned());
    }
    format!("{}: {}", whole(total), kinds.join(", "))
}

/// What users feel of a whole session; it comes before the steps that it consists of.
const FELT: [&str; 2] = ["ready", "session"];

/// The table in so many lines, its head and at least one step.
fn steps(figures: &LiveFigures, room: usize) -> Vec<String> {
    let longest = figures.steps.iter().map(|step| step.tag.chars().count()).max().unwrap_or(0);
    let first = longest.clamp("step".len(), 18);
    let mut lines = vec![format!(
        "{:<first$} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "step", "count", "p50", "p95", "p99", "max"
    )];
    let (felt, others): (Vec<&LiveStep>, Vec<&LiveStep>) =
        figures.steps.iter().partition(|step| FELT.contains(&step.tag.as_str()));
    let rows = room.saturating_sub(1).max(1);
    let shown = if figures.steps.len() > rows { rows.saturating_sub(1).max(1) } else { figures.steps.len() };
    for LiveStep { tag, response } in felt.into_iter().chain(others).take(shown) {
        let [p50, _, p95, p99, _, max] = columns(response);
        lines.push(format!(
            "{:<first$} {:>9} {p50:>8} {p95:>8} {p99:>8} {max:>8}",
            cut(&visible_line(tag), first),
            whole(response.count)
        ));
    }
    if shown < figures.steps.len() {
        lines.push(format!("… and {} more", counted((figures.steps.len() - shown) as u64, "step")));
    }
    lines
}

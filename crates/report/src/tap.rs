//! Test Anything Protocol, version 14, for harnesses that read nothing else.

use std::fmt::Write as _;

use record::{CheckResult, Results, Run, Verdict};

use crate::outcome::verdict_line;
use crate::text::{visible, visible_line};

/// One test point for each result. A failure is `not ok`; a known deviation `not ok` with `TODO`, which harnesses
/// do not count; skipped and inconclusive checks are `SKIP` with the reason; a warning is `ok` with a diagnostic
/// block. A run that was not carried out ends with `Bail out!`.
pub fn tap(run: &Run, results: &Results) -> String {
    let mut text = String::from("TAP version 14\n");
    line(&mut text, &format!("# poplab {} {}", run.tool, run.version));
    line(&mut text, &format!("# target {}, seed {}", run.target.name, run.seed));
    match results.checks.len() {
        0 => line(&mut text, "1..0 # SKIP no results"),
        number => line(&mut text, &format!("1..{number}")),
    }
    for (number, check) in results.checks.iter().enumerate() {
        point(&mut text, number + 1, check);
    }
    line(&mut text, &format!("# {}", verdict_line(run, results)));
    if let Some(error) = &run.error {
        line(&mut text, &format!("Bail out! {error}"));
    }
    text
}

fn point(text: &mut String, number: usize, check: &CheckResult) {
    let directive = match (&check.approved, check.verdict) {
        (Some(sentence), _) if check.is_known() => format!(" # TODO known: {}", escape(sentence)),
        (_, Verdict::Skipped) => format!(" # SKIP {}", escape(&check.observed)),
        (_, Verdict::Inconclusive) => format!(" # SKIP inconclusive: {}", escape(&check.observed)),
        _ => String::new(),
    };
    let ok = if check.is_known() || check.verdict == Verdict::Fail { "not ok" } else { "ok" };
    let name = escape(&format!("{} {}", check.id, check.entrance));
    line(text, &format!("{ok} {number} - {name}{directive}"));
    if matches!(check.verdict, Verdict::Fail | Verdict::Warn | Verdict::Info) {
        diagnostics(text, check);
    }
}

/// A YAML block whose values are JSON strings, which YAML reads as they are.
fn diagnostics(text: &mut String, check: &CheckResult) {
    text.push_str("  ---\n");
    for (key, value) in [
        ("verdict", check.verdict.as_str()),
        ("level", check.level.as_str()),
        ("severity", check.severity.as_str()),
        ("requirement", &check.requirement),
        ("reference", &check.reference),
        ("observed", &check.observed),
        ("expected", &check.expected),
        ("reproduce", &check.reproduce),
        ("ending", check.ending.as_deref().unwrap_or_default()),
        ("transcript", check.transcript.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "  {key}: {}", serde_json::Value::from(visible(value)));
        }
    }
    text.push_str("  ...\n");
}

fn line(text: &mut String, content: &str) {
    text.push_str(&visible_line(content));
    text.push('\n');
}

/// `#` begins a directive, so the ones in names and reasons are escaped.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}

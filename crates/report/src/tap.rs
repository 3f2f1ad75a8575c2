//! Test Anything Protocol, version 13: the newest that prove and tap.py read.

use std::fmt::Write as _;

use record::{CheckResult, Results, Run, StaleEntry, Verdict};

use crate::group::{in_order, relation};
use crate::outcome::{run_problem, stale_words, verdict_line};
use crate::text::{visible, visible_line};

/// One test point for each result, one for each entry of the baseline that is no longer seen, and one for the run.
///
/// A failure is `not ok`, and so is an inconclusive check: what was not judged is no success. A known deviation is
/// `not ok` with `TODO`, which harnesses do not count; a skipped check is `SKIP` with the reason; a warning is `ok`
/// with a diagnostic block. What probably follows from another finding comes right behind it, and names it. The run's own point is `not ok` when nothing before it says why its exit code is not 0;
/// a run that was not carried out ends with `Bail out!`.
pub fn tap(run: &Run, results: &Results) -> String {
    let problem = run_problem(run, results);
    let mut points = Points { text: String::new(), number: 0 };
    for check in in_order(results) {
        points.check(check, &relation(results, check));
    }
    for entry in &results.stale {
        points.stale(entry);
    }
    points.point(problem.is_none(), "run", "");
    if let Some(problem) = &problem {
        points.block(&[("reason", &problem.reason)]);
    }
    let mut text = format!("TAP version 13\n1..{}\n", points.number);
    line(&mut text, &format!("# poplab {} {}", run.tool, run.version));
    line(&mut text, &format!("# target {}, seed {}", run.target.name, run.seed));
    text.push_str(&points.text);
    line(&mut text, &format!("# {}", verdict_line(run, results)));
    if let Some(problem) = problem.filter(|problem| problem.is_error) {
        line(&mut text, &format!("Bail out! {}", problem.reason));
    }
    text
}

/// The test points as far as they are written.
struct Points {
    text: String,
    number: usize,
}

impl Points {
    fn check(&mut self, check: &CheckResult, relation: &str) {
        let directive = match check.verdict {
            _ if check.is_known() => {
                let why = check.explanation().map_or_else(|| "not explained yet".to_owned(), str::to_owned);
                format!(" # TODO known: {why}")
            }
            Verdict::Skipped => format!(" # SKIP {}", check.observed),
            _ => String::new(),
        };
        let failed = check.is_known() || matches!(check.verdict, Verdict::Fail | Verdict::Inconclusive);
        self.point(!failed, &format!("{} {}", check.id, check.entrance), &directive);
        if matches!(check.verdict, Verdict::Pass | Verdict::Skipped) {
            return;
        }
        self.block(&[
            ("verdict", check.verdict.as_str()),
            ("level", check.level.as_str()),
            ("severity", check.severity.as_str()),
            ("requirement", &check.requirement),
            ("reference", &check.reference),
            ("quote", &check.quote),
            ("cause", relation),
            ("observed", &check.observed),
            ("expected", &check.expected),
            ("reproduce", &check.reproduce),
            ("ending", check.ending.as_deref().unwrap_or_default()),
            ("transcript", check.transcript.as_deref().unwrap_or_default()),
        ]);
    }

    fn stale(&mut self, entry: &StaleEntry) {
        self.point(false, &format!("baseline {} {} {}", entry.check, entry.entrance, entry.verdict), "");
        self.block(&[
            ("reason", &stale_words(entry)),
            ("place", entry.place.as_deref().unwrap_or_default()),
            ("because", &entry.because),
        ]);
    }

    /// `#` begins a directive, so one in a name is escaped. Behind the directive's word everything is text.
    fn point(&mut self, good: bool, name: &str, directive: &str) {
        self.number += 1;
        let (ok, name) = (if good { "ok" } else { "not ok" }, name.replace('\\', "\\\\").replace('#', "\\#"));
        line(&mut self.text, &format!("{ok} {} - {name}{directive}", self.number));
    }

    /// A diagnostic block in YAML. Its values are JSON strings, which YAML reads as they are.
    fn block(&mut self, values: &[(&str, &str)]) {
        self.text.push_str("  ---\n");
        for (key, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(self.text, "  {key}: {}", serde_json::Value::from(visible(value)));
        }
        self.text.push_str("  ...\n");
    }
}

fn line(text: &mut String, content: &str) {
    text.push_str(&visible_line(content));
    text.push('\n');
}

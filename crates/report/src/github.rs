//! Annotations for GitHub Actions: workflow commands on standard output. No job summary, which is a file.

use std::fmt::Write as _;

use record::{CheckResult, Results, Run, Verdict};

use crate::finding::{Finding, findings};
use crate::outcome::{severity_words, verdict_line};
use crate::text::{visible, visible_line};

/// One annotation a line: failures as errors (worst first, since GitHub shows only the first ten), warnings and
/// inconclusive checks as warnings, known deviations as notices, and the verdict in one line as a notice.
/// Passes, infos and skipped checks are in the numbers of that line only.
pub fn github(run: &Run, results: &Results) -> String {
    let mut text = String::new();
    if let Some(error) = &run.error {
        annotate(&mut text, "error", "", "poplab: not carried out", error);
    }
    let unknown = |verdict: Verdict| move |check: &CheckResult| check.verdict == verdict && !check.is_known();
    for finding in findings(results, unknown(Verdict::Fail)) {
        let title = title(severity_words(finding.check.severity), &finding);
        annotate(&mut text, "error", "", &title, &body(finding.check));
    }
    for finding in findings(results, unknown(Verdict::Warn)) {
        annotate(&mut text, "warning", "", &title("warning", &finding), &body(finding.check));
    }
    for finding in findings(results, unknown(Verdict::Inconclusive)) {
        annotate(&mut text, "warning", "", &title("inconclusive", &finding), &finding.check.observed);
    }
    for finding in findings(results, CheckResult::is_known) {
        let sentence = finding.check.approved.as_deref().unwrap_or_default();
        annotate(&mut text, "notice", "", &title("known", &finding), sentence);
    }
    annotate(&mut text, "notice", "", "poplab", &verdict_line(run, results));
    text
}

fn title(kind: &str, finding: &Finding<'_>) -> String {
    format!("{kind}: {} ({})", finding.check.id, finding.entrances())
}

fn body(check: &CheckResult) -> String {
    let mut body = format!("{} ({})", check.requirement, check.reference);
    for (label, value) in
        [("Seen", &check.observed), ("Would pass", &check.expected), ("Reproduce", &check.reproduce)]
    {
        if !value.is_empty() {
            let _ = write!(body, "\n{label}: {value}");
        }
    }
    body
}

/// One workflow command. `place` is empty or properties that are already escaped and end in a comma.
pub(crate) fn annotate(text: &mut String, command: &str, place: &str, title: &str, message: &str) {
    let title = escape(&visible_line(title)).replace(':', "%3A").replace(',', "%2C");
    let message = escape(visible(message).trim_end());
    let _ = writeln!(text, "::{command} {place}title={title}::{message}");
}

/// The escapes of workflow commands; carriage returns are already visible.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\n', "%0A")
}

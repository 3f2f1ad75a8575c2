//! Annotations for GitHub Actions: workflow commands on standard output. No job summary, which is a file.

use std::fmt::Write as _;

use record::{CheckResult, Results, Run, Severity, Verdict};

use crate::finding::{Finding, findings, quote};
use crate::group::{Group, cause_words, deviations, groups};
use crate::outcome::{run_problem, severity_words, stale_words, verdict_line};
use crate::text::{visible, visible_line};

/// One annotation a line: failures as errors (worst first, since GitHub shows only the first ten) and entries of the
/// baseline that are no longer seen, at their lines; warnings, inconclusive checks and known deviations that nobody has
/// explained as warnings; other known deviations as notices, and the verdict in one line as a notice. Findings of one cause
/// are one annotation, which names all of them. Passes, infos and skipped checks are in the numbers of that line only.
pub fn github(run: &Run, results: &Results) -> String {
    let mut text = String::new();
    if let Some(problem) = run_problem(run, results) {
        annotate(
            &mut text,
            "error",
            "",
            &format!("poplab: {}", problem.kind.replace('-', " ")),
            &problem.reason,
        );
    }
    let (broken, warnings) = deviations(results);
    for group in &broken {
        annotate(&mut text, "error", "", &title(severity_words(worst(group)), group), &body(group));
    }
    for entry in &results.stale {
        let place = entry.place.as_deref().map(place).unwrap_or_default();
        let title = format!("no longer seen: {} ({})", entry.check, entry.entrance);
        annotate(&mut text, "error", &place, &title, &stale_words(entry));
    }
    for group in &warnings {
        annotate(&mut text, "warning", "", &title("warning", group), &body(group));
    }
    for finding in findings(results, |check| check.verdict == Verdict::Inconclusive && !check.is_known()) {
        annotate(&mut text, "warning", "", &name("inconclusive", &finding), &finding.check.observed);
    }
    for group in &groups(results, CheckResult::is_known) {
        known(&mut text, group);
    }
    annotate(&mut text, "notice", "", "poplab", &verdict_line(run, results));
    text
}

/// Known deviations of one cause. As long as one of them has no explanation it is no mere notice.
fn known(text: &mut String, group: &Group<'_>) {
    if group.all().any(|finding| finding.check.is_unexplained()) {
        annotate(text, "warning", "", &title("known, not explained", group), &body(group));
        return;
    }
    let sentence = |finding: &Finding<'_>| finding.check.explanation().unwrap_or_default().to_owned();
    let mut message = sentence(&group.first);
    for other in &group.others {
        let _ = write!(message, "\nProbably the same cause: {}: {}", label(other), sentence(other));
    }
    annotate(text, "notice", "", &title("known", group), &message);
}

/// The worst harm that findings of one cause do.
fn worst(group: &Group<'_>) -> Severity {
    group.all().map(|finding| finding.check.severity).min().unwrap_or_default()
}

/// The first finding, and how many more there are.
fn title(kind: &str, group: &Group<'_>) -> String {
    let more = match group.others.len() {
        0 => String::new(),
        number => format!(" and {number} more"),
    };
    name(kind, &group.first) + &more
}

fn name(kind: &str, finding: &Finding<'_>) -> String {
    format!("{kind}: {}", label(finding))
}

fn label(finding: &Finding<'_>) -> String {
    format!("{} ({})", finding.check.id, finding.entrances())
}

/// All that is to be said of the first finding, and what else probably has its cause.
fn body(group: &Group<'_>) -> String {
    let check = group.first.check;
    let mut body = format!("{} ({})", check.requirement, check.reference);
    for (label, value) in [
        ("It says", &quote(check)),
        ("Seen", &check.observed),
        ("Would pass", &check.expected),
        ("Reproduce", &check.reproduce),
        ("Cause", &cause_words(check)),
    ] {
        if !value.is_empty() {
            let _ = write!(body, "\n{label}: {value}");
        }
    }
    for other in &group.others {
        let requirement = &other.check.requirement;
        let _ = write!(body, "\nProbably the same cause: {}: {requirement}", label(other));
    }
    body
}

/// One workflow command. `place` is empty or comes from [`place`].
pub(crate) fn annotate(text: &mut String, command: &str, place: &str, title: &str, message: &str) {
    let (title, message) = (property(title), escape(visible(message).trim_end()));
    let _ = writeln!(text, "::{command} {place}title={title}::{message}");
}

/// The properties `file`, `line` and `col` of a command, with a comma at their end, from `path`, `path:line` or
/// `path:line:column`.
pub(crate) fn place(place: &str) -> String {
    let mut path = place;
    let mut numbers = Vec::new();
    while numbers.len() < 2
        && let Some((before, last)) = path.rsplit_once(':')
        && !before.is_empty()
        && let Some(number) = number(last)
    {
        numbers.push(number);
        path = before;
    }
    let mut text = format!("file={},", property(path));
    for (name, number) in ["line", "col"].into_iter().zip(numbers.into_iter().rev()) {
        let _ = write!(text, "{name}={number},");
    }
    text
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The escapes of properties, which a colon or a comma would end.
fn property(text: &str) -> String {
    escape(&visible_line(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The escapes of messages.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_apart() {
        for (text, properties) in [
            ("scenarios/smoke.yaml:31:5", "file=scenarios/smoke.yaml,line=31,col=5,"),
            ("own.yaml:16", "file=own.yaml,line=16,"),
            ("scenarios/smoke.yaml", "file=scenarios/smoke.yaml,"),
            ("a,b:1:2", "file=a%2Cb,line=1,col=2,"),
            ("a:b:1", "file=a%3Ab,line=1,"),
            ("100%.yaml:7:1:2", "file=100%25.yaml%3A7,line=1,col=2,"),
        ] {
            assert_eq!(place(text), properties);
        }
    }
}

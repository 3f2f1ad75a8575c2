//! One finding told in full: requirement, source, what was seen, what would have passed, what users suffer from
//! it, and how to see it again. What probably follows from another finding is told more briefly.

use record::{Severity, Verdict};

use crate::finding::Finding;
use crate::group::cause_words;
use crate::outcome::{NOT_EXPLAINED, severity_words};
use crate::page::{Page, Tone};
use crate::text::{cut, excerpt};

/// Lines of a transcript under a failure.
const TRANSCRIPT_LINES: usize = 25;

/// Where the text under a finding begins.
pub(super) const INDENT: usize = 3;

/// Where the text under a finding begins that is told under another one.
const DEEPER: usize = INDENT + 2;

pub(super) fn write(
    page: &mut Page,
    number: Option<usize>,
    finding: &Finding<'_>,
    transcript: Option<&str>,
    verbose: bool,
) {
    let check = finding.check;
    let (mark, tone) = mark(finding);
    let number = number.map(|number| format!("{number}. ")).unwrap_or_default();
    let grade = format!("  {} · {}", check.level, finding.entrances());
    page.pieces(&[
        (None, &number),
        (Some(tone), mark),
        (None, "  "),
        (Some(Tone::Strong), &check.id),
        (Some(Tone::Faint), grade.trim_end_matches(" ·").trim_end_matches("· ")),
    ]);
    page.toned(Some(Tone::Strong), INDENT, &check.requirement);
    page.field(INDENT, "cause", &cause_words(check));
    page.field(INDENT, "source", &check.reference);
    page.field(INDENT, "it says", &finding.quote());
    page.field(INDENT, "seen", &check.observed);
    page.field(INDENT, "would pass", &check.expected);
    if matches!(check.verdict, Verdict::Fail | Verdict::Warn) {
        page.field(INDENT, "users", check.severity.harm());
    }
    if check.is_known() {
        page.field(INDENT, "known", check.explanation().unwrap_or(NOT_EXPLAINED));
    }
    page.field(INDENT, "connection", check.ending.as_deref().map(ending_words).unwrap_or_default());
    page.unwrapped_field(INDENT, "reproduce", &check.reproduce);
    page.unwrapped_field(INDENT, "transcript", check.transcript.as_deref().unwrap_or_default());
    if let Some(transcript) = transcript {
        write_transcript(page, transcript, verbose);
    }
}

/// A finding under its cause: what was found, and where the rest stands. Whoever wants all of it asks for the verbose
/// report.
pub(super) fn write_briefly(page: &mut Page, finding: &Finding<'_>, verbose: bool) {
    let check = finding.check;
    let (mark, tone) = mark(finding);
    let grade = format!("  {} · {}", check.level, finding.entrances());
    page.pieces(&[
        (None, &format!("{:INDENT$}", "")),
        (Some(tone), mark),
        (None, "  "),
        (Some(Tone::Strong), &check.id),
        (Some(Tone::Faint), &grade),
    ]);
    page.paragraph(DEEPER, &format!("{} ({})", check.requirement, check.reference));
    page.field(DEEPER, "seen", &check.observed);
    page.field(DEEPER, "would pass", &check.expected);
    if verbose {
        page.field(DEEPER, "it says", &finding.quote());
        page.field(DEEPER, "users", check.severity.harm());
        page.field(DEEPER, "connection", check.ending.as_deref().map(ending_words).unwrap_or_default());
    }
    page.unwrapped_field(DEEPER, "reproduce", &check.reproduce);
    page.unwrapped_field(DEEPER, "transcript", check.transcript.as_deref().unwrap_or_default());
}

fn mark(finding: &Finding<'_>) -> (&'static str, Tone) {
    let check = finding.check;
    match check.verdict {
        _ if check.is_known() => ("known", Tone::Note),
        Verdict::Fail if check.severity == Severity::Cosmetic => {
            (severity_words(check.severity), Tone::Doubt)
        }
        Verdict::Fail => (severity_words(check.severity), Tone::Bad),
        Verdict::Warn => (severity_words(check.severity), Tone::Doubt),
        Verdict::Pass => ("pass", Tone::Good),
        Verdict::Info => ("info", Tone::Note),
        Verdict::Inconclusive => ("inconclusive", Tone::Doubt),
        Verdict::Skipped => ("skipped", Tone::Faint),
    }
}

/// What the recorded word says to somebody who was not there; an unknown word says itself.
fn ending_words(ending: &str) -> &str {
    match ending {
        "fin" => "closed by the server (FIN)",
        "reset" => "reset by the server (RST)",
        "tls-close" => "closed by the server, TLS properly ended",
        "handshake" => "the TLS handshake failed",
        "truncated" => "closed by the server without ending TLS (FIN without close_notify)",
        "timeout" => "still open when the time was up",
        "client" => "closed by poplab",
        other => other,
    }
}

fn write_transcript(page: &mut Page, transcript: &str, verbose: bool) {
    let most = if verbose { usize::MAX } else { TRANSCRIPT_LINES };
    let width = if verbose { usize::MAX } else { page.width() - INDENT - 2 };
    for line in excerpt(transcript, most) {
        let (mark, tone) = if line.marked { ("→", Tone::Bad) } else { ("│", Tone::Faint) };
        let line = format!("{:INDENT$}{mark} {}", "", cut(&line.text, width));
        page.painted(tone, &line);
    }
}

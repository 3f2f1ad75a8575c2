//! The baseline file: known deviations of a target, each with the sentence that explains it.
//!
//! It approves verdicts and tells which of its entries are no longer seen; it never changes a verdict. Reading and
//! writing files is the caller's.

use std::fmt::Write as _;
use std::path::Path;

use record::{CheckResult, Results, Verdict};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::glob;

/// The version of the file format.
const FORMAT: u32 = 1;
/// The entrance that stands for all.
const ANY: &str = "any";
/// The words for entrances, and the one for all of them.
const ENTRANCES: [&str; 4] = ["implicit-tls", "starttls", "cleartext", ANY];

/// Why a baseline cannot be used; the message has line and column.
#[derive(Debug, thiserror::Error)]
#[error("{path}:{line}:{column}: {message}")]
pub(crate) struct BaselineError {
    path: String,
    line: u64,
    column: u64,
    message: String,
}

/// The known deviations of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// What the target is called.
    pub(crate) target: String,
    /// The deviations.
    pub(crate) deviations: Vec<Deviation>,
}

/// One known deviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// The id of the check.
    pub(crate) check: String,
    /// `implicit-tls`, `starttls`, `cleartext` or `any`.
    pub(crate) entrance: String,
    /// `fail`, `warn` or `inconclusive`.
    pub(crate) verdict: Verdict,
    /// What was seen and why it is as it is.
    pub(crate) because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    format: Spanned<u32>,
    #[serde(default)]
    target: String,
    deviations: Vec<RawDeviation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeviation {
    check: Spanned<String>,
    entrance: Spanned<String>,
    verdict: Spanned<String>,
    because: Spanned<String>,
}

impl Baseline {
    /// Reads a file's text; `path` is for messages.
    ///
    /// # Errors
    /// It is no baseline; the message has line and column.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, BaselineError> {
        let error =
            |line, column, message| BaselineError { path: path.display().to_string(), line, column, message };
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|wrong| {
            let (line, column) = wrong.location().map_or((1, 1), |at| (at.line(), at.column()));
            error(line, column, wrong.without_snippet().to_string())
        })?;
        if raw.format.value != FORMAT {
            let at = raw.format.referenced;
            let message =
                format!("format {} is not known here; this version reads format {FORMAT}", raw.format.value);
            return Err(error(at.line(), at.column(), message));
        }
        let mut deviations: Vec<Deviation> = Vec::new();
        for raw in raw.deviations {
            let wrong = |word: &Spanned<String>, message| {
                Err(error(word.referenced.line(), word.referenced.column(), message))
            };
            let id = &raw.check.value;
            if suite::catalogue::requirement(id).is_none() {
                let near = glob::nearest(id, suite::catalogue::catalogue().keys().map(String::as_str));
                return wrong(&raw.check, format!("there is no check `{id}`{}", glob::suggestion(&near)));
            }
            if !ENTRANCES.contains(&raw.entrance.value.as_str()) {
                let known = ENTRANCES.join(", ");
                return wrong(
                    &raw.entrance,
                    format!("unknown entrance `{}`; an entrance is one of {known}", raw.entrance.value),
                );
            }
            let Some(verdict) = deviating(&raw.verdict.value) else {
                let known = "fail, warn, inconclusive";
                return wrong(
                    &raw.verdict,
                    format!("`{}` is no deviation; a verdict here is one of {known}", raw.verdict.value),
                );
            };
            if raw.because.value.trim().is_empty() {
                return wrong(
                    &raw.because,
                    "`because` needs a sentence: what was seen and why it is so".to_owned(),
                );
            }
            let twice = |other: &Deviation| other.check == *id && other.entrance == raw.entrance.value;
            if deviations.iter().any(twice) {
                return wrong(&raw.check, format!("`{id}` stands here twice for `{}`", raw.entrance.value));
            }
            deviations.push(Deviation {
                check: raw.check.value,
                entrance: raw.entrance.value,
                verdict,
                because: raw.because.value,
            });
        }
        Ok(Self { target: raw.target, deviations })
    }

    /// Approves the verdicts that are listed, and gives the entries that are no longer seen: their check came to a
    /// judgement at the entrance, but not to this verdict.
    pub(crate) fn apply(&self, results: &mut Results) -> Vec<&Deviation> {
        for result in &mut results.checks {
            let known = self.deviations.iter().find(|deviation| deviation.explains(result));
            result.approved = known.map(|deviation| deviation.because.clone());
        }
        self.deviations.iter().filter(|deviation| deviation.is_gone(results)).collect()
    }

    /// The baseline of these results: entries that are no longer seen go, failures and warnings that are not listed
    /// come, with what was seen in place of a reason. Gives how many went and came.
    pub(crate) fn update(&mut self, results: &Results) -> (usize, usize) {
        let before = self.deviations.len();
        self.deviations.retain(|deviation| !deviation.is_gone(results));
        let gone = before - self.deviations.len();
        let mut new = 0;
        for result in &results.checks {
            let listed = self.deviations.iter().any(|deviation| deviation.explains(result));
            if listed || !matches!(result.verdict, Verdict::Fail | Verdict::Warn) {
                continue;
            }
            let entrance = entrance(result).to_owned();
            self.deviations.retain(|old| old.check != result.id || old.entrance != entrance);
            self.deviations.push(Deviation {
                check: result.id.clone(),
                entrance,
                verdict: result.verdict,
                because: format!("Not explained yet. Seen: {}", result.observed),
            });
            new += 1;
        }
        self.deviations
            .sort_by(|one, other| (&one.check, &one.entrance).cmp(&(&other.check, &other.entrance)));
        (gone, new)
    }

    /// The file's text. A JSON string is a YAML string too, whatever is in it.
    pub(crate) fn to_yaml(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut yaml = format!("format: {FORMAT}\ntarget: {}\n", quoted(&self.target));
        yaml.push_str(if self.deviations.is_empty() { "deviations: []\n" } else { "deviations:\n" });
        for Deviation { check, entrance, verdict, because } in &self.deviations {
            // Writing to a string cannot fail.
            let _ = write!(
                yaml,
                "  - check: {check}\n    entrance: {entrance}\n    verdict: {verdict}\n    because: {}\n",
                quoted(because)
            );
        }
        yaml
    }
}

impl Deviation {
    /// Whether this is about the check at the entrance of the result.
    fn concerns(&self, result: &CheckResult) -> bool {
        self.check == result.id && (self.entrance == ANY || self.entrance == entrance(result))
    }

    fn explains(&self, result: &CheckResult) -> bool {
        self.concerns(result) && self.verdict == result.verdict
    }

    fn is_gone(&self, results: &Results) -> bool {
        let mut concerned = results.checks.iter().filter(|result| self.concerns(result)).peekable();
        let judged = results.checks.iter().any(|result| self.concerns(result) && result.is_judged());
        judged && !concerned.any(|result| self.explains(result))
    }
}

/// How the entrance of a result is protected.
fn entrance(result: &CheckResult) -> &str {
    crate::entrance::kind(&result.entrance)
}

fn deviating(word: &str) -> Option<Verdict> {
    let verdict: Verdict = word.parse().ok()?;
    matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive).then_some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "rfc1939.retr.dot-stuffing";

    fn result(entrance: &str, verdict: Verdict) -> CheckResult {
        CheckResult { id: ID.into(), entrance: entrance.into(), verdict, ..CheckResult::default() }
    }

    fn baseline(entrance: &str, verdict: Verdict) -> Baseline {
        let deviation = Deviation {
            check: ID.into(),
            entrance: entrance.into(),
            verdict,
            because: "The vendor \"knows\".".into(),
        };
        Baseline { target: "example".into(), deviations: vec![deviation] }
    }

    fn results(checks: Vec<CheckResult>) -> Results {
        Results { checks, ..Results::default() }
    }

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(Path::new("known.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_listed_deviation_is_approved_at_its_entrance_alone() {
        let mut seen =
            results(vec![result("implicit-tls", Verdict::Fail), result("starttls", Verdict::Fail)]);
        let known = baseline("starttls", Verdict::Fail);
        assert!(known.apply(&mut seen).is_empty());
        assert_eq!(seen.checks[0].approved, None);
        assert_eq!(seen.checks[1].approved.as_deref(), Some("The vendor \"knows\"."));
        let known = baseline("any", Verdict::Fail);
        known.apply(&mut seen);
        assert!(seen.checks.iter().all(CheckResult::is_known));
    }

    #[test]
    fn an_entry_is_gone_only_when_its_check_was_judged_otherwise() {
        let known = baseline("starttls", Verdict::Fail);
        for (entrance, verdict, gone) in [
            ("starttls", Verdict::Pass, 1),
            ("starttls", Verdict::Warn, 1),
            ("starttls", Verdict::Skipped, 0),
            ("starttls", Verdict::Inconclusive, 0),
            ("implicit-tls", Verdict::Pass, 0),
        ] {
            let mut seen = results(vec![result(entrance, verdict)]);
            assert_eq!(known.apply(&mut seen).len(), gone, "{entrance} {verdict}");
        }
    }

    #[test]
    fn an_update_drops_what_is_gone_keeps_the_reasons_and_reads_back() {
        let mut known = baseline("starttls", Verdict::Fail);
        let seen = results(vec![result("starttls", Verdict::Pass), result("implicit-tls", Verdict::Warn)]);
        assert_eq!(known.update(&seen), (1, 1));
        assert_eq!(known.deviations[0].entrance, "implicit-tls");
        let mut kept = baseline("any", Verdict::Warn);
        assert_eq!(kept.update(&seen), (0, 0));
        assert_eq!(parse(&kept.to_yaml()), Ok(kept));
        assert_eq!(parse(&Baseline::default().to_yaml()), Ok(Baseline::default()));
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let entry = |check: &str, entrance: &str, verdict: &str, because: &str| {
            format!(
                "format: 1\ntarget: x\ndeviations:\n  - check: {check}\n    entrance: {entrance}\n    verdict: {verdict}\n    because: \"{because}\"\n"
            )
        };
        assert!(parse(&entry(ID, "any", "fail", "so")).is_ok());
        for (text, said) in [
            (entry("rfc1939.retr.dot-stufing", "any", "fail", "so"), "known.yaml:4:12: there is no check"),
            (entry(ID, "front", "fail", "so"), "known.yaml:5:15: unknown entrance `front`"),
            (entry(ID, "any", "pass", "so"), "known.yaml:6:14: `pass` is no deviation"),
            (entry(ID, "any", "fail", " "), "known.yaml:7:14: `because` needs a sentence"),
            ("format: 2\ndeviations: []\n".to_owned(), "known.yaml:1:9: format 2 is not known"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(parse("format: [\n").unwrap_err().starts_with("known.yaml:"));
    }
}

//! Reading a baseline file. All that is wrong with it is told at once, each mistake with line and column.

use std::path::Path;

use record::Verdict;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{ANY, Baseline, Deviation, FORMAT};
use crate::glob;

/// The words for entrances, and the one for all of them.
const ENTRANCES: [&str; 4] = ["implicit-tls", "starttls", "cleartext", ANY];
/// What earlier versions wrote in place of a reason.
const NO_REASON: &str = "Not explained yet.";

/// Why a baseline cannot be used: one line for each mistake, with file, line and column.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct BaselineError(Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    format: Spanned<u32>,
    target: Option<Spanned<String>>,
    deviations: Vec<RawDeviation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeviation {
    check: Spanned<String>,
    entrance: Spanned<String>,
    verdict: Spanned<String>,
    #[serde(default)]
    seen: Option<String>,
    #[serde(default)]
    because: String,
}

impl Baseline {
    /// Reads a file's text; `path` is for messages and places.
    ///
    /// # Errors
    /// It is no baseline; the message has line and column of each mistake.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, BaselineError> {
        let path = path.display().to_string();
        let raw: RawFile = serde_saphyr::from_str(text).map_err(|wrong| {
            let (line, column) = wrong.location().map_or((1, 1), |at| (at.line(), at.column()));
            BaselineError(vec![format!("{path}:{line}:{column}: {}", wrong.without_snippet())])
        })?;
        let mut reading = Reading { path, deviations: Vec::new(), mistakes: Vec::new() };
        if raw.format.value != FORMAT {
            let format = raw.format.value;
            reading.mistake(
                &raw.format,
                &format!("format {format} is not known here; this version reads format {FORMAT}"),
            );
        }
        for raw in raw.deviations {
            reading.deviation(raw);
        }
        if !reading.mistakes.is_empty() {
            return Err(BaselineError(reading.mistakes));
        }
        let place = raw.target.as_ref().map(|target| reading.place(target));
        let target = raw.target.map(|target| target.value).unwrap_or_default();
        Ok(Self { target, place, deviations: reading.deviations })
    }
}

/// A file that is being read.
struct Reading {
    path: String,
    deviations: Vec<Deviation>,
    mistakes: Vec<String>,
}

impl Reading {
    fn place<T>(&self, word: &Spanned<T>) -> String {
        format!("{}:{}:{}", self.path, word.referenced.line(), word.referenced.column())
    }

    fn mistake<T>(&mut self, word: &Spanned<T>, message: &str) {
        let place = self.place(word);
        self.mistakes.push(format!("{place}: {message}"));
    }

    fn deviation(&mut self, raw: RawDeviation) {
        let (check, entrance) = (&raw.check.value, &raw.entrance.value);
        let mut ids = suite::catalogue::catalogue().keys();
        if !ids.clone().any(|id| glob::matches(check, id)) {
            let near = glob::nearest(check, ids.by_ref().map(String::as_str));
            self.mistake(&raw.check, &format!("there is no check `{check}`{}", glob::suggestion(&near)));
        }
        if !ENTRANCES.contains(&entrance.as_str()) {
            let known = ENTRANCES.join(", ");
            self.mistake(
                &raw.entrance,
                &format!("unknown entrance `{entrance}`; an entrance is one of {known}"),
            );
        }
        let Some(verdict) = deviating(&raw.verdict.value) else {
            let word = &raw.verdict.value;
            return self.mistake(
                &raw.verdict,
                &format!("`{word}` is not a deviation; a verdict here is one of fail, warn, inconclusive"),
            );
        };
        let because = raw.because.trim();
        let deviation = Deviation {
            place: Some(self.place(&raw.check)),
            because: if because.starts_with(NO_REASON) { String::new() } else { because.to_owned() },
            seen: raw.seen,
            verdict,
            check: check.clone(),
            entrance: entrance.clone(),
        };
        if self.deviations.iter().any(|other| other.key() == deviation.key()) {
            self.mistake(&raw.check, &format!("`{check}` is listed twice for `{entrance}`"));
        }
        self.deviations.push(deviation);
    }
}

fn deviating(word: &str) -> Option<Verdict> {
    let verdict: Verdict = word.parse().ok()?;
    matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive).then_some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "rfc1939.retr.dot-stuffing";

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(Path::new("known.yaml"), text).map_err(|error| error.to_string())
    }

    fn entry(check: &str, entrance: &str, verdict: &str, because: &str) -> String {
        format!(
            "  - check: {check}\n    entrance: {entrance}\n    verdict: {verdict}\n    because: \"{because}\"\n"
        )
    }

    fn file(entries: &[String]) -> String {
        format!("format: 1\ntarget: x\ndeviations:\n{}", entries.concat())
    }

    #[test]
    fn every_entry_knows_its_place() {
        let text = file(&[entry(ID, "any", "fail", "so"), entry("rfc1939.list.*", "starttls", "warn", "")]);
        let known = parse(&text).unwrap();
        let places: Vec<_> = known.deviations.iter().filter_map(|known| known.place.as_deref()).collect();
        assert_eq!(places, ["known.yaml:4:12", "known.yaml:8:12"]);
        assert_eq!(known.place.as_deref(), Some("known.yaml:2:9"));
    }

    #[test]
    fn an_entry_without_a_reason_is_not_explained() {
        for because in ["", " ", "Not explained yet. Seen: RETR 5"] {
            let known = parse(&file(&[entry(ID, "any", "fail", because)])).unwrap();
            assert_eq!(known.unexplained().count(), 1, "{because}");
        }
        let without = format!("format: 1\ndeviations:\n  - {{check: {ID}, entrance: any, verdict: fail}}\n");
        assert_eq!(parse(&without).unwrap().unexplained().count(), 1);
        assert_eq!(parse(&file(&[entry(ID, "any", "fail", "so")])).unwrap().unexplained().count(), 0);
    }

    #[test]
    fn all_mistakes_are_told_with_line_and_column() {
        let text = file(&[
            entry("rfc1939.retr.dot-stufing", "any", "fail", "so"),
            entry("nothing.*", "front", "fail", "so"),
            entry(ID, "any", "pass", "so"),
            entry(ID, "any", "fail", "so"),
            entry(ID, "any", "fail", "so"),
        ]);
        let told = parse(&text).unwrap_err();
        let lines: Vec<&str> = told.lines().collect();
        let expected = [
            "known.yaml:4:12: there is no check `rfc1939.retr.dot-stufing`; did you mean rfc1939.retr.dot-stuffing",
            "known.yaml:8:12: there is no check `nothing.*`",
            "known.yaml:9:15: unknown entrance `front`",
            "known.yaml:14:14: `pass` is not a deviation",
            "known.yaml:20:12: `rfc1939.retr.dot-stuffing` is listed twice for `any`",
        ];
        assert_eq!(lines.len(), expected.len(), "{told}");
        for (line, said) in lines.iter().zip(expected) {
            assert!(line.starts_with(said), "{line}");
        }
        assert!(parse("format: [\n").unwrap_err().starts_with("known.yaml:"));
        let newer = parse("format: 2\ndeviations: []\n").unwrap_err();
        assert!(newer.starts_with("known.yaml:1:9: format 2 is not known"), "{newer}");
    }
}

//! JSON text to records and back. Takes and gives text; files are the caller's matter.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Comparison, FORMAT, LoadLine, LoadResults, Results, Run};

/// The whole of a conformance run in one object: what `--format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What was run.
    pub run: Run,
    /// What came of it.
    pub results: Results,
}

/// The whole of a load run in one object: what `--format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadReport {
    /// What was run.
    pub run: Run,
    /// What came of it.
    pub results: LoadResults,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of the right form; the message names line and column.
    #[error("not a record of this kind: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a version of poplab that means something else by the same fields.
    #[error(
        "format {found} is not known here (this version reads format {FORMAT}): use the poplab that wrote it"
    )]
    Format {
        /// The number in the file.
        found: u32,
    },
}

impl Run {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// When the text is no such record, or one of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        versioned(text)
    }

    /// The text of `run.json`, indented, with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

impl Results {
    /// Reads `results.json`.
    ///
    /// # Errors
    /// When the text is no such record, or one of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        versioned(text)
    }

    /// The text of `results.json`, indented, with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

impl Report {
    /// Reads what `--format json` printed.
    ///
    /// # Errors
    /// When the text is no such record, or a part of it is of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let versions: Versions = serde_json::from_str(text)?;
        known(versions.run.format)?;
        known(versions.results.format)?;
        Ok(serde_json::from_str(text)?)
    }

    /// One indented JSON object with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

impl LoadResults {
    /// Reads `results.json` of a load run.
    ///
    /// # Errors
    /// When the text is no such record (that of a conformance run is none), or one of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        versioned(text)
    }

    /// The text of `results.json`, indented, with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

impl LoadReport {
    /// Reads what `--format json` printed of a load run.
    ///
    /// # Errors
    /// When the text is no such record, or a part of it is of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let versions: Versions = serde_json::from_str(text)?;
        known(versions.run.format)?;
        known(versions.results.format)?;
        Ok(serde_json::from_str(text)?)
    }

    /// One indented JSON object with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

impl LoadLine {
    /// Reads a line of `seconds.jsonl`, with or without its end.
    ///
    /// # Errors
    /// When the text is no such line, or one of another format.
    pub fn parse(line: &str) -> Result<Self, ReadError> {
        let read: Result<Self, _> = serde_json::from_str(line);
        // A line of another format may well not be read, and then it is refused for its age.
        let format = match &read {
            Ok(Self::Began(began)) => Some(began.format),
            Ok(Self::Second(second)) => Some(second.format),
            Ok(Self::WorkerEnded(_) | Self::Ended(_) | Self::Chosen(_)) => None,
            Err(_) => serde_json::from_str(line)
                .ok()
                .and_then(|line: LineVersion| line.began.or(line.second).map(|version| version.format)),
        };
        format.map_or(Ok(()), known)?;
        Ok(read?)
    }

    /// The text of the line, with its end, and no other line end in it.
    pub fn to_json(&self) -> String {
        // Serialising fails only for maps with keys that are no strings, and the records have no maps.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl ReadError {
    /// The same of a text that is one line of many: the column is told, and not that it is the first line.
    pub fn in_line(&self) -> String {
        match self {
            Self::Json(error) => {
                let (told, column) = (error.to_string(), error.column());
                let place = format!(" at line {} column {column}", error.line());
                let what = told.strip_suffix(&place).unwrap_or(&told);
                format!("column {column}: not a record of this kind: {what}")
            }
            Self::Format { .. } => self.to_string(),
        }
    }

    /// Whether the text is the beginning of a record, and its end is missing.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Json(error) if error.is_eof())
    }
}

impl Comparison {
    /// Reads a comparison.
    ///
    /// # Errors
    /// When the text is no such record, or one of another format.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        versioned(text)
    }

    /// One indented JSON object with a final line end.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

/// Only the version, so that a newer file is refused for its age and not for a field that changed.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Deserialize)]
struct LineVersion {
    began: Option<Version>,
    second: Option<Version>,
}

#[derive(Deserialize)]
struct Versions {
    run: Version,
    results: Version,
}

fn versioned<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    let version: Version = serde_json::from_str(text)?;
    known(version.format)?;
    Ok(serde_json::from_str(text)?)
}

fn known(found: u32) -> Result<(), ReadError> {
    if found == FORMAT { Ok(()) } else { Err(ReadError::Format { found }) }
}

fn pretty<T: Serialize>(record: &T) -> String {
    // Serialising fails only for maps with keys that are no strings, and the records have no maps.
    let mut text = serde_json::to_string_pretty(record).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ComparisonRow, LoadEnd, LoadRate, Second, WorkerEnd};

    #[test]
    fn records_read_back() {
        let report = Report {
            run: Run { tool: "conformance".into(), error: Some("no route".into()), ..Run::default() },
            results: Results::default(),
        };
        assert_eq!(Run::parse(&report.run.to_json()).unwrap(), report.run);
        assert_eq!(Results::parse(&report.results.to_json()).unwrap(), report.results);
        assert_eq!(Report::parse(&report.to_json()).unwrap(), report);
    }

    #[test]
    fn load_records_read_back_to_the_last_digit() {
        let rate = LoadRate { asked_per_s: 420.0, achieved_per_s: 1.0 / 3.0, ..LoadRate::default() };
        let results = LoadResults { rate, missing: vec!["the last 3 s".into()], ..LoadResults::default() };
        assert_eq!(LoadResults::parse(&results.to_json()).unwrap(), results);
        let report = LoadReport { run: Run { tool: "load".into(), ..Run::default() }, results };
        assert_eq!(LoadReport::parse(&report.to_json()).unwrap(), report);
        let row = ComparisonRow { tag: "ready".into(), ratio: 1.1, ..ComparisonRow::default() };
        let comparison = Comparison { rows: vec![row], ..Comparison::default() };
        assert_eq!(Comparison::parse(&comparison.to_json()).unwrap(), comparison);
    }

    #[test]
    fn lines_read_back_and_are_one_line_each() {
        let end = WorkerEnd { worker: 3, how: "signal: 9\n".into(), lost: true };
        for line in [
            LoadLine::Began(Box::default()),
            LoadLine::Second(Box::new(Second {
                worker: 1,
                second: 7,
                lateness: "HISTF".into(),
                ..Second::default()
            })),
            LoadLine::WorkerEnded(end),
            LoadLine::Ended(LoadEnd { stopped: Some("Ctrl-C".into()) }),
            LoadLine::Chosen(Box::default()),
        ] {
            let text = line.to_json();
            assert_eq!((text.find('\n'), LoadLine::parse(&text).unwrap()), (Some(text.len() - 1), line));
        }
    }

    #[test]
    fn a_line_of_another_format_is_refused_for_its_age_and_a_cut_one_is_known() {
        let second = LoadLine::Second(Box::new(Second { format: FORMAT + 1, ..Second::default() })).to_json();
        for line in [&second, r#"{"second": {"format": 2, "tenths": []}}"#, r#"{"began": {"format": 2}}"#] {
            let error = LoadLine::parse(line).unwrap_err();
            assert!(matches!(error, ReadError::Format { found: 2 }) && !error.is_cut(), "{error}");
        }
        let began = LoadLine::Began(Box::default()).to_json();
        assert!(LoadLine::parse(&began[..began.len() / 2]).unwrap_err().is_cut());
        let error = LoadLine::parse(r#"{"ended": 1}"#).unwrap_err();
        assert!(!error.is_cut());
        assert_eq!(
            error.in_line(),
            "column 11: not a record of this kind: invalid type: integer `1`, expected struct LoadEnd"
        );
    }

    #[test]
    fn results_of_load_and_conformance_are_not_taken_for_each_other() {
        let error = LoadResults::parse(&Results::default().to_json()).unwrap_err();
        assert!(error.to_string().contains("missing field `plan`"), "{error}");
        let error = Results::parse(&LoadResults::default().to_json()).unwrap_err();
        assert!(error.to_string().contains("missing field `checks`"), "{error}");
    }

    #[test]
    fn another_format_is_refused_before_its_fields_are_looked_at() {
        let error = Results::parse(r#"{"format": 2, "verdicts": []}"#).unwrap_err();
        assert!(matches!(error, ReadError::Format { found: 2 }), "{error}");
        let nested = r#"{"run": {"format": 1}, "results": {"format": 7}}"#;
        let error = Report::parse(nested).unwrap_err();
        assert!(matches!(error, ReadError::Format { found: 7 }), "{error}");
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_are_not() {
        assert!(Results::parse(r#"{"format": 1, "checks": [], "later": true}"#).is_ok());
        let error = Results::parse(r#"{"format": 1}"#).unwrap_err();
        assert!(error.to_string().contains("missing field `checks`"), "{error}");
    }
}

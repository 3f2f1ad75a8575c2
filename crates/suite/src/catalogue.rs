//! The catalogue of requirements: what is judged, how strictly, and what a user suffers when it is broken.
//!
//! The text lives in `fixtures/requirements.yaml` and is compiled in. This module only reads it; which requirement
//! is proved by which check stands in [`crate::check`]. It deliberately does not interpret the `send` steps: a
//! check is code, the steps are for people.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use record::{Level, Severity};
use serde::Deserialize;

const TEXT: &str = include_str!("../../../fixtures/requirements.yaml");

/// One requirement on a server.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// The stable id, for example `rfc1939.retr.dot-stuffing`; also the id of the check.
    pub id: String,
    /// The area, for example `retr`.
    pub area: String,
    /// RFC and section, ready for people: `RFC 1939 §5 RETR`.
    pub reference: String,
    /// How binding the RFC makes it.
    pub level: Level,
    /// What a user suffers when it is broken.
    pub severity: Severity,
    /// The release of the catalogue it belongs to: 1, 2 or 3.
    pub wave: u32,
    /// What a check needs of the target, for example `creds` or `cap:TOP`.
    pub needs: Vec<String>,
    /// The requirement in one sentence.
    pub sentence: String,
    /// The conversation in the catalogue's notation.
    pub steps: Vec<String>,
    /// What passes.
    pub pass: String,
    /// What fails.
    pub fail: String,
    /// What a check has to beware of.
    pub traps: Vec<String>,
}

/// All requirements on servers, by id.
///
/// # Panics
/// Only when the compiled-in catalogue does not parse, which a test of this crate rules out.
pub fn catalogue() -> &'static BTreeMap<String, Requirement> {
    static CATALOGUE: OnceLock<BTreeMap<String, Requirement>> = OnceLock::new();
    CATALOGUE.get_or_init(|| parse(TEXT).expect("the compiled-in catalogue parses"))
}

/// The requirement with this id.
pub fn requirement(id: &str) -> Option<&'static Requirement> {
    catalogue().get(id)
}

#[derive(Deserialize)]
struct File {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    side: String,
    area: String,
    rfc: Vec<u32>,
    section: String,
    level: String,
    severity: String,
    wave: u32,
    needs: Option<Vec<String>>,
    requirement: String,
    check: Option<Steps>,
    traps: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
struct Steps {
    send: Option<Vec<String>>,
    pass: Option<Vec<String>>,
    fail: Option<Vec<String>>,
}

fn parse(text: &str) -> Result<BTreeMap<String, Requirement>, String> {
    // The catalogue is larger than what the reader grants an untrusted file.
    let options = serde_saphyr::options! { budget: None };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
    file.entries
        .into_iter()
        .filter(|entry| entry.side == "server")
        .map(|entry| Ok((entry.id.clone(), resolve(entry)?)))
        .collect()
}

fn resolve(entry: Entry) -> Result<Requirement, String> {
    let steps = entry.check.unwrap_or_default();
    let join = |lines: Option<Vec<String>>| lines.unwrap_or_default().join("; ");
    let numbers: Vec<String> = entry.rfc.iter().map(u32::to_string).collect();
    Ok(Requirement {
        reference: format!("RFC {} §{}", numbers.join(", "), entry.section),
        level: level(&entry.level).ok_or_else(|| format!("{}: unknown level `{}`", entry.id, entry.level))?,
        severity: severity(&entry.severity)
            .ok_or_else(|| format!("{}: unknown severity `{}`", entry.id, entry.severity))?,
        id: entry.id,
        area: entry.area,
        wave: entry.wave,
        needs: entry.needs.unwrap_or_default(),
        sentence: entry.requirement,
        steps: steps.send.unwrap_or_default(),
        pass: join(steps.pass),
        fail: join(steps.fail),
        traps: entry.traps.unwrap_or_default(),
    })
}

fn level(name: &str) -> Option<Level> {
    Some(match name {
        "must" => Level::Must,
        "should" => Level::Should,
        "may" => Level::May,
        "practice" => Level::Practice,
        _ => return None,
    })
}

fn severity(name: &str) -> Option<Severity> {
    Some(match name {
        "data-loss" => Severity::DataLoss,
        "security" => Severity::Security,
        "interop" => Severity::Interop,
        "cosmetic" => Severity::Cosmetic,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_parses_whole() {
        assert_eq!(catalogue().len(), 404);
        let entry = requirement("rfc1939.retr.dot-stuffing").unwrap();
        assert_eq!(entry.severity, Severity::DataLoss);
        assert_eq!(entry.reference, "RFC 1939 §3, 5 RETR");
        assert!(entry.needs.contains(&"fixture".to_owned()));
    }
}

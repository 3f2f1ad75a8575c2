//! The catalogue of requirements: what is judged, how strictly, and what a user suffers when it is broken.
//!
//! The text lives in `fixtures/requirements.yaml` and is compiled in. This module only reads it; which requirement
//! is proved by which check stands in [`crate::check`]. It deliberately does not interpret the `send` steps: a
//! check is code, the steps are for people.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use record::{Level, Severity};
use serde::Deserialize;

const TEXT: &str = include_str!("../requirements.yaml");

/// One requirement on a server.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// The stable id, for example `rfc1939.retr.dot-stuffing`; also the id of the check.
    pub id: String,
    /// The area, for example `retr`.
    pub area: String,
    /// RFC and section, ready for people: `RFC 1939 §3, §5 RETR`; `good practice` where no RFC asks for it.
    pub reference: String,
    /// The sentence of the RFC from which it follows, word for word; empty where no RFC has one.
    pub quote: String,
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
    /// Why no check can judge it; empty where one does, or could.
    pub untested: String,
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
    /// What stands behind a practice that no RFC asks for.
    source: Option<String>,
    quote: Option<String>,
    level: String,
    severity: String,
    wave: u32,
    needs: Option<Vec<String>>,
    requirement: String,
    check: Option<Steps>,
    traps: Option<Vec<String>>,
    untested: Option<String>,
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
    Ok(Requirement {
        reference: reference(&entry.rfc, &entry.section, entry.source.as_deref()),
        quote: entry.quote.unwrap_or_default(),
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
        untested: entry.untested.unwrap_or_default(),
    })
}

/// The sections of several RFCs are parted by semicolons, those of one by commas: `[5802, 7677]` and `3, 5; 3`.
fn reference(rfcs: &[u32], sections: &str, source: Option<&str>) -> String {
    if rfcs.is_empty() {
        let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
        return format!("good practice{source}; no RFC asks for it");
    }
    let mut sections = sections.split(';');
    let told: Vec<String> = rfcs
        .iter()
        .map(|rfc| {
            let places: Vec<String> =
                sections.next().unwrap_or_default().split(',').filter_map(place).collect();
            let gap = if places.is_empty() { "" } else { " " };
            format!("RFC {rfc}{gap}{}", places.join(", "))
        })
        .collect();
    told.join("; ")
}

/// `5 RETR` as `§5 RETR`, `App. A` as `Appendix A`; a command alone belongs to the section before it.
fn place(text: &str) -> Option<String> {
    let text = text.trim();
    match text.chars().next()? {
        digit if digit.is_ascii_digit() => Some(format!("§{text}")),
        _ => Some(text.replace("App.", "Appendix")),
    }
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
        assert_eq!(catalogue().len(), 407);
        let entry = requirement("rfc1939.retr.dot-stuffing").unwrap();
        assert_eq!(entry.severity, Severity::DataLoss);
        assert_eq!(entry.reference, "RFC 1939 §3, §5 RETR");
        assert!(entry.quote.starts_with("If any line of the multi-line response begins"), "{}", entry.quote);
        assert!(entry.needs.contains(&"fixture".to_owned()));
    }

    #[test]
    fn sources_are_told_as_people_write_them() {
        for (rfcs, sections, source, told) in [
            (&[1939][..], "5 STAT, RSET", None, "RFC 1939 §5 STAT, RSET"),
            (&[1939], "4, App. A", None, "RFC 1939 §4, Appendix A"),
            (&[5802, 7677], "3, 5; 3", None, "RFC 5802 §3, §5; RFC 7677 §3"),
            (&[6856, 1939], "2", None, "RFC 6856 §2; RFC 1939"),
            (&[1957], "", None, "RFC 1957"),
            (&[], "", None, "good practice; no RFC asks for it"),
            (&[], "", Some("CERT VU#555316"), "good practice (CERT VU#555316); no RFC asks for it"),
        ] {
            assert_eq!(reference(rfcs, sections, source), told);
        }
    }

    #[test]
    fn every_source_is_well_formed() {
        for Requirement { id, reference, .. } in catalogue().values() {
            assert!(is_well_formed(reference), "{id}: {reference}");
        }
        for wrong in ["RFC  §CERT VU#555316", "RFC 1939, 5034 §3, 4", "RFC 1939 §", "RFC 8314 §4.4;", ""]
        {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }

    /// RFCs by number with their sections, or a practice.
    fn is_well_formed(reference: &str) -> bool {
        if let Some(practice) = reference.strip_prefix("good practice") {
            let source = practice.strip_suffix("; no RFC asks for it");
            return source.is_some_and(|source| {
                source.is_empty() || (source.starts_with(" (") && source.ends_with(')'))
            });
        }
        reference.split("; ").all(|rfc| {
            let (number, places) = rfc
                .strip_prefix("RFC ")
                .map_or(("", ""), |rest| rest.split_once(' ').unwrap_or((rest, "Appendix A")));
            number.parse::<u32>().is_ok() && places.split(", ").all(is_place)
        })
    }

    fn is_place(place: &str) -> bool {
        let mut words = place.split(' ');
        let first = words.next().unwrap_or_default();
        let section = |text: &str| text.split('.').all(|part| part.parse::<u32>().is_ok());
        let keyword = |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_uppercase());
        let known = first == "Appendix" || first.strip_prefix('§').is_some_and(section) || keyword(first);
        known && words.all(keyword)
    }

    #[test]
    fn every_check_has_the_sentence_of_its_rfc() {
        for check in crate::check::all() {
            let Requirement { id, reference, quote, .. } = check.requirement();
            let practice = reference.starts_with("good practice");
            assert_eq!(practice, quote.is_empty(), "{id}: {reference}: “{quote}”");
            assert!(quote.chars().count() <= 400, "{id}: a sentence is quoted, not a section");
        }
    }
}

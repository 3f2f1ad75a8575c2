//! Which checks: chosen by pattern, listed, explained. Nothing is judged here.

use std::fmt::Write as _;

use suite::Check;
use suite::catalogue::{Requirement, catalogue, requirement};

use crate::exit::{self, Failure};
use crate::{glob, terminal};

/// The checks that match one of `select` (all, if there is none) and none of `skip`, ordered by id.
///
/// # Errors
/// A pattern of `select` matches nothing, or nothing is left.
pub(super) fn chosen(select: &[String], skip: &[String]) -> anyhow::Result<Vec<Check>> {
    let mut checks = suite::check::all();
    for pattern in select {
        if !checks.iter().any(|check| glob::matches(pattern, check.id)) {
            let near = glob::nearest(pattern, checks.iter().map(|check| check.id));
            let what = if requirement(pattern).is_some() {
                format!("`{pattern}` is in the catalogue, but this version does not judge it")
            } else {
                format!("no check matches --select {pattern}{}", glob::suggestion(&near))
            };
            return Err(Failure::nothing_selected(format!(
                "{what}; `poplab conformance --list` lists all checks"
            )));
        }
    }
    let any = |patterns: &[String], id: &str| patterns.iter().any(|pattern| glob::matches(pattern, id));
    checks.retain(|check| (select.is_empty() || any(select, check.id)) && !any(skip, check.id));
    if checks.is_empty() {
        return Err(Failure::nothing_selected("--skip leaves no check to judge"));
    }
    Ok(checks)
}

/// Prints the chosen checks, a line each.
///
/// # Errors
/// Nothing is chosen.
pub(super) fn list(select: &[String], skip: &[String]) -> anyhow::Result<u8> {
    let checks = chosen(select, skip)?;
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for check in &checks {
        let requirement = check.requirement();
        let (level, severity) = (requirement.level, requirement.severity);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<width$}  {level:<8}  {severity:<9}  {}", check.id, requirement.sentence);
    }
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

/// Prints the requirements that no check judges, and why.
///
/// # Errors
/// Each that is chosen is judged.
pub(super) fn untested(select: &[String], skip: &[String]) -> anyhow::Result<u8> {
    let checks = suite::check::all();
    let judged = |id: &str| checks.iter().any(|check| check.id == id);
    let any = |patterns: &[String], id: &str| patterns.iter().any(|pattern| glob::matches(pattern, id));
    let chosen = |id: &str| (select.is_empty() || any(select, id)) && !any(skip, id);
    let untested: Vec<&Requirement> =
        catalogue().values().filter(|found| !judged(&found.id) && chosen(&found.id)).collect();
    let Some(width) = untested.iter().map(|found| found.id.len()).max() else {
        return Err(Failure::nothing_selected("a check judges each requirement of this selection"));
    };
    let mut text = String::new();
    for found in untested {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<width$}  {}", found.id, not_judged(found));
    }
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

/// Prints everything the catalogue says of one requirement.
///
/// # Errors
/// There is no such requirement.
pub(super) fn explain(id: &str) -> anyhow::Result<u8> {
    let Some(requirement) = requirement(id) else {
        let near = glob::nearest(id, catalogue().keys().map(String::as_str));
        return Err(Failure::nothing_selected(format!(
            "there is no check `{id}`{}; `poplab conformance --list` lists all checks",
            glob::suggestion(&near)
        )));
    };
    let mut text = format!("{id}\n\n  {}\n\n", requirement.sentence);
    let judged = suite::check::all().iter().any(|check| check.id == id);
    let severity = format!("{}: {}", requirement.severity, requirement.severity.harm());
    let needs =
        if requirement.needs.is_empty() { "nothing".to_owned() } else { requirement.needs.join(", ") };
    for (label, value) in [
        ("reference", requirement.reference.as_str()),
        ("quote", requirement.quote.as_str()),
        ("level", requirement.level.as_str()),
        ("severity", severity.as_str()),
        ("needs", needs.as_str()),
        ("judged", if judged { "yes" } else { not_judged(requirement) }),
        ("pass", requirement.pass.as_str()),
        ("fail", requirement.fail.as_str()),
    ] {
        let _ = writeln!(text, "  {label:<9}  {}", value.trim());
    }
    for (label, lines) in [("steps", &requirement.steps), ("traps", &requirement.traps)] {
        for (index, line) in lines.iter().enumerate() {
            let _ = writeln!(text, "  {:<9}  {}", if index == 0 { label } else { "" }, line.trim());
        }
    }
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

fn not_judged(requirement: &Requirement) -> &str {
    if requirement.untested.is_empty() { "not by this version" } else { &requirement.untested }
}

//! Findings of one cause are told as one, and those of two are not. What each defect breaks is known from the reviewed
//! snapshot of all defects, so that every single one, and every two of them, can be looked at without a run.

use std::collections::{BTreeMap, BTreeSet};

use fake::Defect;
use record::Verdict;
use suite::Security;

use crate::laboratory::{accounts, judge, paused, site, world};

/// What the suite says of a server with one defect.
struct Broken {
    defect: &'static str,
    proves: BTreeSet<&'static str>,
    all: BTreeSet<&'static str>,
}

/// The snapshot, read back.
fn reviewed() -> Vec<Broken> {
    let text = include_str!("snapshots/it__defects__mutants.snap");
    let mut defects: Vec<Broken> = Vec::new();
    for line in text.lines().take_while(|line| !line.starts_with("Checks that no defect fails")) {
        let Some(words) = line.strip_prefix("    ") else {
            let defect = line.split_once(": ").map(|(id, _)| id).filter(|id| id.contains('.'));
            defects.extend(defect.map(|defect| Broken {
                defect,
                proves: BTreeSet::new(),
                all: BTreeSet::new(),
            }));
            continue;
        };
        let Some(last) = defects.last_mut() else { continue };
        if let Some(("proves" | "and", id)) = words.split_once(' ') {
            let id = id.trim();
            last.all.insert(id);
            if words.starts_with("proves") {
                last.proves.insert(id);
            }
        }
    }
    assert!(defects.len() > 150, "the snapshot has another form: {}", defects.len());
    defects
}

/// What is told first of these findings, where every other check passes.
fn told_first<'a>(found: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let verdict = |id: &str| if found.contains(id) { Verdict::Fail } else { Verdict::Pass };
    let causes = suite::causes::causes(suite::all().iter().map(|check| (check.id, verdict(check.id))));
    found.iter().filter(|id| !causes.contains_key(*id)).copied().collect()
}

#[test]
fn the_findings_of_one_bug_are_told_as_one_and_under_what_it_is_about() {
    let (mut apart, mut under_another) = (Vec::new(), Vec::new());
    let defects = reviewed();
    for Broken { defect, proves, all } in &defects {
        let first = told_first(all);
        if first.len() > 1 {
            apart.push(format!("{defect}: {first:?}"));
        } else if first.is_disjoint(proves) {
            under_another.push(format!("{defect}: {first:?}"));
        }
    }
    // One in twenty may be told apart, until the table has a row for it; where two kinds of bug break exactly the same
    // nobody can tell which it is.
    let few = defects.len() / 20;
    assert!(apart.len() <= few, "give causes.yaml rows for these:\n{}", apart.join("\n"));
    assert!(under_another.len() <= few, "{}", under_another.join("\n"));
}

/// Between two pairs that are looked at.
const APART: usize = 11;

#[test]
fn two_bugs_at_once_hardly_ever_hide_each_other() {
    let mut defects = reviewed();
    // Where nothing is found nothing is hidden.
    defects.retain(|defect| !defect.all.is_empty());
    let (mut pairs, mut hidden) = (0, Vec::new());
    for (index, one) in defects.iter().enumerate() {
        // Of so many pairs each eleventh is looked at.
        for other in defects[index + 1..].iter().skip(index % APART).step_by(APART) {
            // What proves one of them follows from the other one too: nobody could tell them apart.
            if !one.proves.is_disjoint(&other.all) || !other.proves.is_disjoint(&one.all) {
                continue;
            }
            pairs += 1;
            let first = told_first(&(&one.all | &other.all));
            let own = |all: &BTreeSet<&'static str>, beside: &BTreeSet<&'static str>| {
                first.iter().any(|id| all.contains(id) && !beside.contains(id))
            };
            if !own(&one.all, &other.all) || !own(&other.all, &one.all) {
                hidden.push(format!("{} and {}: {first:?}", one.defect, other.defect));
            }
        }
    }
    assert!(pairs > 10_000, "{pairs}");
    // Among some hundred kinds of bug there are always some that break nearly the same.
    assert!(hidden.len() * 300 <= pairs, "of {pairs} pairs {}:\n{}", hidden.len(), hidden.join("\n"));
}

/// Judges a server with these defects; gives what was found, with the cause that each names.
fn judged(defects: &[&str]) -> BTreeMap<String, Option<String>> {
    let defects: Vec<&'static Defect> = fake::defects().filter(|one| defects.contains(&one.id)).collect();
    paused(async {
        let world = world(defects);
        let site = site(&world, Security::Implicit, accounts(), true).await.expect("a survey");
        let all = judge(&site, suite::all(), 8).await.into_iter().map(|evidence| evidence.result);
        all.filter(|result| matches!(result.verdict, Verdict::Fail | Verdict::Warn))
            .map(|result| (result.id, result.follows))
            .collect()
    })
}

#[test]
fn two_bugs_of_different_areas_are_two_causes_in_a_run() {
    let found = judged(&["rfc1939.frame.double-reply", "rfc1939.uidl.keeps-deleted"]);
    let first: Vec<&str> =
        found.iter().filter(|(_, follows)| follows.is_none()).map(|(id, _)| id.as_str()).collect();
    assert_eq!(first, ["rfc1939.frame.one-reply", "rfc1939.uidl.excludes-deleted"], "{found:?}");
    for (id, cause) in [
        ("rfc2449.pipe.split", "rfc1939.frame.one-reply"),
        ("rfc1939.single.no-terminator", "rfc1939.frame.one-reply"),
        ("rfc1939.dele.all", "rfc1939.uidl.excludes-deleted"),
    ] {
        assert_eq!(found[id].as_deref(), Some(cause), "{id}");
    }
}

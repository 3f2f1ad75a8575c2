//! Each defect of the fake fails the requirements that it proves. What else it fails follows from a plain bug; it is kept
//! in one snapshot, for review: nothing may be in it that is not a consequence.
//!
//! All defects against all checks take most of an hour: that is `cargo xtask mutants`. The ordinary tests judge each defect by
//! the checks of what it proves, and by more of them only where that does not show it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;

use fake::{Configuration, Defect};
use record::{CheckResult, Verdict};
use suite::catalogue::requirement;
use suite::{Check, Security};

use crate::laboratory::{accounts_with_tokens, configured, judge, paused, site};

/// What the suite says of a server with one defect.
struct Judged {
    accused: BTreeSet<String>,
    /// Those of them that follow from no other one, at one entrance or the other.
    causes: BTreeSet<String>,
    /// Checks that could not be carried out.
    inconclusive: usize,
}

impl Judged {
    /// Whether all that the defect proves, and a check judges, was found, but for what is known not to be.
    fn catches(&self, defect: &Defect) -> bool {
        let (checks, known) = (suite::all(), uncaught());
        let judged = |id: &str| checks.iter().any(|check| check.id == id);
        defect
            .proves
            .iter()
            .all(|id| self.accused.contains(*id) || !judged(id) || known.contains(&(defect.id, *id)))
    }
}

/// Which requirement that a defect breaks is known not to be judged sharply enough yet. The list is to become empty; what is
/// caught has to be taken from it.
pub(crate) fn uncaught() -> BTreeSet<(&'static str, &'static str)> {
    known_misses().filter_map(|(pair, among_all)| (!among_all).then_some(pair)).collect()
}

/// All that is known, and whether it is missed only where all checks are run at once.
fn known_misses() -> impl Iterator<Item = ((&'static str, &'static str), bool)> {
    let lines = include_str!("uncaught.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (defect, rest) = line.split_once(' ')?;
        Some(match rest.split_once(' ') {
            Some((id, "among-all")) => ((defect, id), true),
            _ => ((defect, rest), false),
        })
    })
}

/// By which checks defects are judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    All,
    /// Those of the areas of what it proves.
    ItsAreas,
    /// Those of what it proves. What shows in the conversations of others is not seen then.
    ItsOwn,
}

impl By {
    fn checks(self, defects: &[&'static Defect]) -> Vec<Check> {
        let proves = defects.iter().flat_map(|defect| defect.proves);
        let areas: BTreeSet<&str> =
            proves.filter_map(|id| requirement(id)).map(|found| found.area.as_str()).collect();
        let mut checks = suite::all();
        checks.retain(|check| match self {
            By::All => true,
            By::ItsAreas => areas.contains(check.requirement().area.as_str()),
            By::ItsOwn => defects.iter().any(|defect| defect.proves.contains(&check.id)),
        });
        checks
    }
}

fn judged_by(defect: &'static Defect, by: By) -> Judged {
    let mut judged = Judged { accused: BTreeSet::new(), causes: BTreeSet::new(), inconclusive: 0 };
    for result in results(&[defect], by) {
        match result.verdict {
            Verdict::Fail | Verdict::Warn => {
                if result.follows.is_none() {
                    judged.causes.insert(result.id.clone());
                }
                judged.accused.insert(result.id);
            }
            Verdict::Inconclusive => judged.inconclusive += 1,
            _ => {}
        }
    }
    judged
}

/// Where defects are looked for: the entrance, and whether passwords are taken in cleartext there.
const PLACES: [(Security, bool); 3] =
    [(Security::Implicit, true), (Security::Starttls, true), (Security::Starttls, false)];

/// What is said of a server with these defects. Checks that need STLS are only judged at the other entrance, which is
/// therefore looked at for defects that prove one. So it is where something was not found at the first, and so is a server
/// that takes no password in cleartext: what it does wrong then shows nowhere else.
pub(crate) fn results(defects: &[&'static Defect], by: By) -> Vec<CheckResult> {
    // One compares unique-ids with and without TLS.
    let needs_stls = |id: &&str| {
        *id == "practice.uidl.any-entrance"
            || requirement(id).is_some_and(|found| found.needs.contains(&"stls".to_owned()))
    };
    let proves: Vec<&str> = defects.iter().flat_map(|defect| defect.proves).copied().collect();
    let both = proves.iter().any(needs_stls);
    let checks: BTreeSet<&str> = suite::all().iter().map(|check| check.id).collect();
    let mut results: Vec<CheckResult> = Vec::new();
    for (place, (security, cleartext_login)) in PLACES.into_iter().enumerate() {
        let is_accused = |id: &str| {
            results
                .iter()
                .any(|result| result.id == id && matches!(result.verdict, Verdict::Fail | Verdict::Warn))
        };
        let found = proves.iter().all(|id| is_accused(id) || !checks.contains(id));
        if found && place >= if both { 2 } else { 1 } {
            break;
        }
        paused(async {
            let world = configured(Configuration {
                defects: defects.iter().copied().collect(),
                cleartext_login,
                ..Configuration::default()
            });
            let Ok(site) = site(&world, security, accounts_with_tokens(), true).await else { return };
            let judged = judge(&site, by.checks(defects), 8).await;
            results.extend(judged.into_iter().map(|evidence| evidence.result));
        });
    }
    results
}

/// All defects, judged by two threads: tests have two cores.
fn all_judged(chosen: &[&'static Defect], by: By) -> BTreeMap<&'static str, Judged> {
    let queue = Mutex::new(chosen.iter().copied());
    let all = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(defect) = queue.lock().expect("the queue").next() else { return };
                    if by == By::All {
                        // Somebody waits for minutes.
                        let _ = writeln!(std::io::stderr(), "judging {}", defect.id);
                    }
                    let mut judged = judged_by(defect, by);
                    // Some show only in what many conversations have in common.
                    for more in [By::ItsAreas, By::All] {
                        if by == By::ItsOwn && !judged.catches(defect) {
                            judged = judged_by(defect, more);
                        }
                    }
                    all.lock().expect("the results").insert(defect.id, judged);
                }
            });
        }
    });
    all.into_inner().expect("the results")
}

#[test]
fn each_defect_is_caught_by_what_it_proves_and_what_else_fails_was_reviewed() {
    let only = std::env::var("POPLAB_MUTANTS_ONLY").ok();
    let written = std::env::var("POPLAB_MUTANTS").ok();
    let by = if written.is_some() || only.is_some() { By::All } else { By::ItsOwn };
    let is_whole = by == By::All && only.is_none();
    let chosen: Vec<&'static Defect> = fake::defects()
        .filter(|defect| !defect.proves.is_empty())
        .filter(|defect| {
            only.as_deref().is_none_or(|words| words.split(',').any(|word| is_meant(defect, word)))
        })
        .collect();
    let all = all_judged(&chosen, by);
    let known = uncaught();
    let among_all: BTreeSet<_> =
        known_misses().filter_map(|(pair, among_all)| (among_all && by == By::All).then_some(pair)).collect();
    let (mut missed, mut table, mut caught) = (Vec::new(), String::new(), BTreeSet::new());
    let mut apart = Vec::new();
    let checks: BTreeSet<&str> = suite::all().iter().map(|check| check.id).collect();
    for defect in &chosen {
        let judged = &all[defect.id];
        let _ = writeln!(table, "{}: {}", defect.id, defect.summary);
        for id in defect.proves {
            if !checks.contains(id) {
                let _ = writeln!(table, "    no check {id}");
                continue;
            }
            let seen = judged.accused.contains(*id);
            let _ = writeln!(table, "    {} {id}", if seen { "proves" } else { "MISSED" });
            match (seen, known.contains(&(defect.id, *id))) {
                (false, false) if !among_all.contains(&(defect.id, *id)) => {
                    missed.push(format!("{} {id} (accused instead: {:?})", defect.id, judged.accused));
                }
                (true, true) => {
                    missed.push(format!("{} {id} is caught: take it from uncaught.txt", defect.id));
                }
                _ => {}
            }
        }
        for id in judged.accused.iter().filter(|id| !defect.proves.contains(&id.as_str())) {
            let _ = writeln!(table, "    and    {id}");
        }
        if judged.inconclusive > 0 {
            // The exact number depends on the order of checks.
            let _ = writeln!(table, "    others could not be carried out");
        }
        caught.extend(judged.accused.iter().cloned());
        if judged.causes.len() > 1 {
            apart.push(format!("{}: {:?}", defect.id, judged.causes));
        }
    }
    if is_whole {
        let _ = writeln!(table, "\nChecks that no defect fails:");
        for check in suite::all().iter().filter(|check| !caught.contains(check.id)) {
            let _ = writeln!(table, "    {}", check.id);
        }
    }
    if let Some(path) = written {
        std::fs::write(path, &table).expect("a file for the table");
    }
    if is_whole {
        insta::assert_snapshot!("mutants", table);
    }
    assert!(missed.is_empty(), "{} defects are not caught:\n{}", missed.len(), missed.join("\n"));
    // `causes.rs` says the same of what this snapshot says.
    assert!(
        !is_whole || apart.len() <= chosen.len() / 20,
        "told as more than one bug:\n{}",
        apart.join("\n")
    );
}

/// Whether a word means this defect: a part of its id, or with `=` before it all of it.
fn is_meant(defect: &Defect, word: &str) -> bool {
    word.strip_prefix('=').map_or_else(|| defect.id.contains(word), |id| defect.id == id)
}

#[test]
fn defects_prove_known_requirements() {
    for defect in fake::defects() {
        for id in defect.proves {
            assert!(requirement(id).is_some(), "{}: {id} is not in the catalogue", defect.id);
        }
    }
    for ((id, requirement), _) in known_misses() {
        let defect = fake::defects().find(|defect| defect.id == id);
        assert!(defect.is_some_and(|found| found.proves.contains(&requirement)), "{id} {requirement}");
    }
}

//! Two bugs at once: each is found as if it were alone, or the other one keeps its checks from being carried out.
//!
//! A few seeded pairs here; `cargo xtask mutants --pairs 500` judges more of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;

use chance::Chance;
use fake::Defect;
use record::Verdict;

use crate::defects::{By, results, uncaught};
use crate::laboratory::SEED;

/// So many pairs are judged by the ordinary tests.
const PAIRS: usize = 24;

type Pair = [&'static Defect; 2];

#[test]
fn of_two_defects_each_is_found_or_could_not_be_looked_for() {
    let wanted = std::env::var("POPLAB_PAIRS").ok();
    let pairs = pairs(wanted.as_deref().map_or(PAIRS, |number| number.parse().expect("a number of pairs")));
    let queue = Mutex::new(pairs.iter().copied());
    let told = Mutex::new((Vec::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(pair) = queue.lock().expect("the queue").next() else { return };
                    let (mut hidden, mut prevented) = judged(pair, By::ItsAreas);
                    // Some show only in what many conversations have in common.
                    if !hidden.is_empty() {
                        (hidden, prevented) = judged(pair, By::All);
                    }
                    let mut told = told.lock().expect("what is told");
                    told.0.extend(hidden);
                    told.1.extend(prevented);
                }
            });
        }
    });
    let (hidden, prevented) = told.into_inner().expect("what is told");
    let mut table = format!(
        "{} pairs of defects: {} times one is not found though its checks were carried out, {} times they were not\n",
        pairs.len(),
        hidden.len(),
        prevented.len()
    );
    for (title, lines) in [("Not found", &hidden), ("Could not be looked for", &prevented)] {
        let _ = writeln!(table, "\n{title}:");
        for line in lines {
            let _ = writeln!(table, "    {line}");
        }
    }
    if let Ok(path) = std::env::var("POPLAB_MUTANTS") {
        std::fs::write(path, &table).expect("a file for the table");
    }
    // Where one bug takes away what the other one is about (no TOP at all, and a TOP that is wrong), nothing is left to see.
    assert!(hidden.len() * 50 <= pairs.len(), "{table}");
    // Where nothing can be judged nothing is found either.
    assert!(prevented.len() * 8 <= pairs.len(), "{table}");
}

/// Seeded pairs of different defects, each of which is found where it is alone.
fn pairs(count: usize) -> Vec<Pair> {
    let checks: BTreeSet<&str> = suite::all().iter().map(|check| check.id).collect();
    let missed = uncaught();
    let found = |defect: &&'static Defect| {
        defect.proves.iter().any(|id| checks.contains(id) && !missed.contains(&(defect.id, *id)))
    };
    let defects: Vec<&'static Defect> = fake::defects().filter(found).collect();
    let mut chance = Chance::of(&[SEED, 500]);
    let mut drawn = || {
        let index = chance.below(u64::try_from(defects.len()).expect("a number of defects"));
        defects[usize::try_from(index).expect("an index")]
    };
    std::iter::repeat_with(|| [drawn(), drawn()]).filter(|[one, other]| one != other).take(count).collect()
}

/// Which of the two was not found although it was looked for, and which could not be looked for.
fn judged(pair: Pair, by: By) -> (Vec<String>, Vec<String>) {
    let results = results(&pair, by);
    let (mut hidden, mut prevented) = (Vec::new(), Vec::new());
    for (own, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
        let verdicts: Vec<Verdict> = results
            .iter()
            .filter(|result| own.proves.contains(&result.id.as_str()))
            .map(|result| result.verdict)
            .collect();
        let line = format!("{} beside {}: {verdicts:?}", own.id, other.id);
        if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Fail | Verdict::Warn)) {
            continue;
        }
        let carried_out = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Pass | Verdict::Info));
        if carried_out { hidden.push(line) } else { prevented.push(line) }
    }
    (hidden, prevented)
}

//! Which line of its transcript each finding of each defect is about: people look there first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use fake::Defect;
use record::Verdict;
use suite::{Check, Evidence, Security};
use transcript::Entry;

use crate::laboratory::{accounts, judge, paused, site, world};

/// Characters of a line, and of what was observed, that are put down.
const SHOWN: usize = 150;

/// The finding of one requirement that the defect breaks. Some show in the conversations of other checks alone.
fn finding(info: &'static Defect, id: &str) -> Option<Evidence> {
    let own: Vec<Check> = suite::all().into_iter().filter(|check| check.id == id).collect();
    let entrances = [Security::Implicit, Security::Starttls];
    let elsewhere = if own.iter().any(|check| check.watch.is_some()) { suite::all() } else { Vec::new() };
    [own, elsewhere].into_iter().filter(|checks| !checks.is_empty()).find_map(|checks| {
        entrances.into_iter().find_map(|security| {
            let judged = paused(async {
                let site = site(&world([info]), security, accounts(), true).await.ok()?;
                Some(judge(&site, checks.clone(), 1).await)
            });
            let wrong = |one: &Evidence| {
                one.result.id == id && matches!(one.result.verdict, Verdict::Fail | Verdict::Warn)
            };
            judged?.into_iter().find(wrong)
        })
    })
}

/// The marked line, whatever made anew in it by number.
fn marked(evidence: &Evidence) -> String {
    let entries =
        evidence.transcript.as_ref().map(|transcript| transcript.entries.as_slice()).unwrap_or_default();
    let marks: Vec<usize> =
        (0..entries.len()).filter(|at| matches!(entries[*at], Entry::Mark { .. })).collect();
    match marks.as_slice() {
        [] => "nothing is marked".to_owned(),
        [at] => entries[at - 1].render(),
        several => format!("{} marks", several.len()),
    }
}

fn short(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

/// What is found of a defect, for people.
fn findings(info: &'static Defect) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", info.id);
    for id in info.proves {
        let Some(found) = finding(info, id) else {
            let _ = writeln!(out, "  {id} is not found");
            continue;
        };
        let _ = writeln!(out, "  {id}: {}", short(&found.result.observed));
        let _ = writeln!(out, "    > {}", short(&marked(&found)));
    }
    out
}

#[test]
fn the_marked_line_of_each_finding_is_the_one_in_question() {
    let queue = Mutex::new(fake::defects().filter(|info| !info.proves.is_empty()).enumerate());
    let told = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((place, info)) = queue.lock().expect("the queue").next() else { return };
                    let findings = findings(info);
                    told.lock().expect("what is told").insert(place, findings);
                }
            });
        }
    });
    let out: String = told.into_inner().expect("what is told").into_values().collect();
    insta::assert_snapshot!(out);
}

//! Each defect of the fake: exactly the requirements it breaks are failed or warned about, and nothing else.

use std::collections::BTreeSet;

use fake::{DEFECTS, DefectInfo};
use record::Verdict;
use suite::Security;

use crate::laboratory::{accounts, judge, paused, site, world};

/// What a defect breaks, as the suite sees it. Checks that need STLS are only judged at the other entrance, which
/// is therefore looked at for the defects that break one.
fn accused(info: &DefectInfo) -> BTreeSet<String> {
    let mut accused = BTreeSet::new();
    let needs_stls = |id: &&str| {
        suite::catalogue::requirement(id).is_some_and(|found| found.needs.contains(&"stls".to_owned()))
    };
    let both = info.breaks.iter().any(needs_stls);
    for security in [Security::Implicit, Security::Starttls].into_iter().take(if both { 2 } else { 1 }) {
        paused(async {
            let Ok(site) = site(&world([info.defect]), security, accounts(), true).await else { return };
            for evidence in judge(&site, suite::all(), 8).await {
                if matches!(evidence.result.verdict, Verdict::Fail | Verdict::Warn) {
                    accused.insert(evidence.result.id);
                }
            }
        });
    }
    accused
}

/// One half of the defects: two tests run side by side on two cores.
fn every_other(remainder: usize) {
    let mut wrong = Vec::new();
    for info in DEFECTS.iter().skip(remainder).step_by(2) {
        let expected: BTreeSet<String> = info.breaks.iter().map(|id| (*id).to_owned()).collect();
        let accused = accused(info);
        if accused != expected {
            let missed: Vec<_> = expected.difference(&accused).collect();
            let unrelated: Vec<_> = accused.difference(&expected).collect();
            wrong.push(format!("{}: missed {missed:?}, unrelated {unrelated:?}", info.id));
        }
    }
    assert!(wrong.is_empty(), "{} defects are not judged right:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_defect_is_caught_and_nothing_unrelated_is_accused_first_half() {
    every_other(0);
}

#[test]
fn each_defect_is_caught_and_nothing_unrelated_is_accused_second_half() {
    every_other(1);
}

#[test]
fn there_are_enough_defects_and_all_break_known_requirements() {
    assert!(DEFECTS.len() >= 25, "{}", DEFECTS.len());
    for info in DEFECTS {
        for id in info.breaks {
            assert!(suite::catalogue::requirement(id).is_some(), "{}: {id} is not in the catalogue", info.id);
        }
    }
}

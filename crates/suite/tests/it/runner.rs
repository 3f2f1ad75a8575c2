//! How a run goes about its checks: what could not be carried out is tried once more, alone, and when its time is over
//! what has a verdict keeps it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use record::{Event, Verdict};
use suite::{Check, Evidence, Runner};
use tokio::time::Instant;

use crate::between::{Asked, Between};
use crate::laboratory::{accounts, paused};

/// What came of a run, and how long it took from the first look on.
struct Run {
    evidence: Vec<Evidence>,
    /// The verdicts in the order in which they were told.
    told: Vec<(String, Verdict)>,
    took: Duration,
}

impl Run {
    async fn of(between: &Between, checks: Vec<Check>, jobs: usize, within: Option<Duration>) -> Run {
        let began = Instant::now();
        let (site, survey) = between.survey_until(accounts(), within.map(|within| began + within)).await;
        let site = site.unwrap_or_else(|error| panic!("{error}\n{}", survey.render()));
        let runner = Runner::new(site, checks, jobs);
        let told = Rc::new(RefCell::new(Vec::new()));
        let listener: suite::runner::Listener = {
            let told = Rc::clone(&told);
            Rc::new(move |event| {
                if let Event::CheckFinished(result) = event {
                    told.borrow_mut().push((result.id, result.verdict));
                }
            })
        };
        runner.run(&listener).await;
        let told = told.take();
        Run { evidence: runner.evidence(), told, took: began.elapsed() }
    }

    fn verdicts(&self) -> BTreeMap<&str, (Verdict, &str)> {
        let results = self.evidence.iter().map(|evidence| &evidence.result);
        results.map(|result| (result.id.as_str(), (result.verdict, result.observed.as_str()))).collect()
    }
}

#[test]
fn what_could_not_be_carried_out_side_by_side_is_tried_once_more_alone() {
    const IDS: [&str; 2] = ["rfc1939.list.format", "rfc1939.stat.format"];
    let checks: Vec<Check> = suite::all().into_iter().filter(|check| IDS.contains(&check.id)).collect();
    let mut between = Between::answering(|_| Asked::Pass);
    let served = Arc::clone(&between.served);
    // The connection ends at a login if there is another connection.
    between.asked = Arc::new(move || {
        let served = Arc::clone(&served);
        Box::new(move |line| {
            let crowded = line.starts_with("USER") && served.count() > 1;
            if crowded { Asked::Close(Vec::new()) } else { Asked::Pass }
        })
    });
    let run = paused(Run::of(&between, checks, 2, None));
    let passed = |verdict: &(Verdict, &str)| verdict.0 == Verdict::Pass;
    assert!(run.verdicts().values().all(passed), "{:#?}", run.verdicts());
    let told = |verdict| run.told.iter().filter(move |(_, told)| *told == verdict).map(|(id, _)| id.as_str());
    let unsure: Vec<&str> = told(Verdict::Inconclusive).collect();
    assert!(!unsure.is_empty(), "nothing stood in anybody's way: {:#?}", run.told);
    // The better verdict is told, too, and comes with its own conversation.
    for id in unsure {
        assert!(told(Verdict::Pass).any(|passed| passed == id), "{id}: {:#?}", run.told);
        let evidence = run.evidence.iter().find(|evidence| evidence.result.id == id).expect("its evidence");
        let shown = evidence.transcript.as_ref().expect("its conversation").render();
        assert!(shown.contains("C: PASS"), "{shown}");
    }
}

#[test]
fn when_the_time_is_over_what_was_judged_keeps_its_verdict() {
    let whole = paused(Run::of(&Between::answering(|_| Asked::Pass), suite::all(), 2, None));
    for part in [4, 2] {
        let within = whole.took / part;
        let cut = paused(Run::of(&Between::answering(|_| Asked::Pass), suite::all(), 2, Some(within)));
        assert!(cut.took <= within, "{:?} instead of {within:?}", cut.took);
        let (before, after) = (whole.verdicts(), cut.verdicts());
        let over = (Verdict::Inconclusive, "the time for the run was over before this check had a verdict");
        let late: Vec<&str> =
            after.iter().filter(|(id, verdict)| before[*id] != **verdict).map(|(id, _)| *id).collect();
        for id in &late {
            assert_eq!(after[id], over, "{id}");
        }
        let judged = cut.evidence.iter().filter(|evidence| evidence.result.is_judged()).count();
        assert!(judged > 0, "nothing was judged in {within:?}");
        // A run counts as carried out with one in twenty at most.
        assert!(20 * late.len() > judged + late.len(), "{judged} were judged, {} were not", late.len());
    }
}

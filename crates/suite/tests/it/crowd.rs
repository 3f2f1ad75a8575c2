//! Connections that are not served: by a server that takes only so many at once, whose limit is no fault and costs no
//! verdict, and by one that loses some whoever else is there, which is one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use record::{Event, Verdict};
use suite::{Evidence, Runner};

use crate::between::{Admission, Between};
use crate::laboratory::{accounts, paused};

/// Checks side by side at first.
const JOBS: usize = 8;

/// Checks that have three connections at a time, or speak before the greeting, and are told what the greeting is for others.
const NEED_THREE: &[&str] = &["practice.conn.early-data"];

/// Checks that have two sessions at a time, or another connection to see whether the server is still there.
const NEED_TWO: &[&str] = &[
    "practice.conn.early-data",
    "practice.resp.in-use-used",
    "practice.robust.controls",
    "practice.robust.no-read",
    "practice.robust.reset",
    "practice.robust.split-crlf",
    "practice.sec.long-line",
    "rfc1939.apop.replay",
    "rfc1939.cmd.unrecognized",
    "rfc1939.lock.after-auth-only",
    "rfc1939.lock.effect",
    "rfc1939.lock.refusal",
    "rfc1939.quit.removes-marked",
    "rfc1939.quit.reply-after-removal",
    "rfc1957.space",
    "rfc2449.resp.in-use-meaning",
    "rfc3206.auth.only-credentials",
];

/// What becomes of whom there is no room for.
type OrElse = fn() -> Admission;

/// The ways in which servers turn away whom they do not want.
const WAYS: [(&str, OrElse); 4] = [
    ("-ERR", || Admission::TurnedAway("-ERR too many connections from your address\r\n")),
    ("closed", || Admission::TurnedAway("")),
    ("waits", || Admission::Waits),
    ("ignored", || Admission::Ignored),
];

/// What came of a whole run.
struct Run {
    evidence: Vec<Evidence>,
    notices: Vec<String>,
    /// Checks that were told to be inconclusive, at first or for good.
    unsure: Vec<String>,
}

impl Run {
    fn of(between: &Between) -> Run {
        paused(async {
            let (site, survey) = between.survey(accounts()).await;
            let site = site.unwrap_or_else(|error| panic!("{error}\n{}", survey.render()));
            let runner = Runner::new(Rc::clone(&site), suite::all(), JOBS);
            let unsure = Rc::new(RefCell::new(Vec::new()));
            let listener: suite::runner::Listener = {
                let unsure = Rc::clone(&unsure);
                Rc::new(move |event| match event {
                    Event::CheckFinished(result) if result.verdict == Verdict::Inconclusive => {
                        unsure.borrow_mut().push(result.id);
                    }
                    _ => {}
                })
            };
            runner.run(&listener).await;
            Run { evidence: runner.evidence(), notices: runner.notices(), unsure: unsure.take() }
        })
    }

    fn verdicts(&self) -> BTreeMap<&str, Verdict> {
        let results = self.evidence.iter().map(|evidence| &evidence.result);
        results.map(|result| (result.id.as_str(), result.verdict)).collect()
    }

    /// Whether the limit changed its verdict, or made it unsure for a while.
    fn is_hit(&self, id: &str, without_limit: Verdict) -> bool {
        self.verdicts()[id] != without_limit || self.unsure.iter().any(|unsure| unsure == id)
    }

    fn observed(&self, id: &str) -> &str {
        let found = self.evidence.iter().find(|evidence| evidence.result.id == id);
        found.map_or("", |evidence| &evidence.result.observed)
    }

    /// Verdict, identifier and words of all that is not as it should be.
    fn troubles(&self) -> Vec<String> {
        let results = self.evidence.iter().map(|evidence| &evidence.result);
        let troubles = [Verdict::Fail, Verdict::Warn, Verdict::Inconclusive];
        let wanted = results.filter(|result| troubles.contains(&result.verdict));
        wanted.map(|result| format!("{} {}: {}", result.verdict, result.id, result.observed)).collect()
    }
}

/// A run against a server that admits so many connections at once, compared with one against a server without a limit.
fn a_limit_costs_nothing_but(limit: u32, costs: &[&str]) {
    let unlimited = Run::of(&Between::admitting(|_| Admission::Served));
    assert_eq!(unlimited.notices, Vec::<String>::new());
    let (mut wrong, mut needed) = (Vec::new(), BTreeSet::new());
    for (way, or_else) in WAYS {
        let limited =
            Run::of(&Between::admitting(
                move |arrival| {
                    if arrival.served < limit { Admission::Served } else { or_else() }
                },
            ));
        needed.extend(costs.iter().filter(|id| limited.is_hit(id, unlimited.verdicts()[*id])).copied());
        let mut require = |right: bool, what: String| {
            if !right {
                wrong.push(format!("{limit}, {way}: {what}"));
            }
        };
        let (before, after) = (unlimited.verdicts(), limited.verdicts());
        let changed = before.iter().filter(|(id, verdict)| after[*id] != **verdict).map(|(id, _)| *id);
        let unexpected: Vec<_> = changed
            .filter(|id| !costs.contains(id))
            .map(|id| format!("{id}, {} instead of {}: {}", after[id], before[id], limited.observed(id)))
            .collect();
        require(unexpected.is_empty(), format!("changed {unexpected:#?}"));
        // What was hit is repeated before it is told, and what needs more connections than there are is skipped.
        let unsure: Vec<_> = limited.unsure.iter().filter(|id| !costs.contains(&id.as_str())).collect();
        require(unsure.is_empty(), format!("unsure {unsure:?}"));
        let others: Vec<String> =
            limited.troubles().into_iter().filter(|told| !told.starts_with("inconclusive")).collect();
        require(others.is_empty(), format!("others {others:#?}"));
        // A place that was just left may be counted still at the first of two tries, once or twice in a run.
        let of_few_lost = |notice: &&String| {
            ["1", "2"].iter().any(|few| notice.starts_with(&format!("fake.poplab.test:110 closed {few} of ")))
        };
        let notices: Vec<String> =
            limited.notices.iter().filter(|notice| !of_few_lost(notice)).cloned().collect();
        // One check may have several connections, so fewer checks than connections may be too many.
        let expected = [thinned(8, 4), thinned(4, 2), thinned(2, 1)];
        require(expected.starts_with(&notices), format!("notices {:#?}", limited.notices));
        let at_least = match (limit, way) {
            // Four checks in turn wait for a moment at most.
            (4, "waits") => 0,
            (4, _) => 1,
            (2, _) => 2,
            _ => 3,
        };
        require(notices.len() >= at_least, format!("notices {:#?}", limited.notices));
    }
    let unneeded: Vec<_> = costs.iter().filter(|id| !needed.contains(*id)).collect();
    if !unneeded.is_empty() {
        wrong.push(format!("{limit}: these can do with so many: {unneeded:?}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What people are told when fewer checks run side by side.
fn thinned(from: u32, to: u32) -> String {
    format!(
        "fake.poplab.test:110 turned connections away while others of this run were open: the number of checks side \
         by side is {to} from now on instead of {from}, and those that were hit are repeated"
    )
}

#[test]
fn a_limit_of_four_connections_costs_no_verdict() {
    a_limit_costs_nothing_but(4, &[]);
}

#[test]
fn a_limit_of_two_connections_costs_only_what_is_about_three() {
    a_limit_costs_nothing_but(2, NEED_THREE);
}

#[test]
fn a_limit_of_one_connection_costs_only_what_is_about_two() {
    a_limit_costs_nothing_but(1, NEED_TWO);
}

#[test]
fn every_nth_connection_closed_unanswered_is_one_finding() {
    for each in [10, 25] {
        let run = Run::of(&Between::admitting(move |arrival| {
            if arrival.number.is_multiple_of(each) { Admission::TurnedAway("") } else { Admission::Served }
        }));
        let troubles = run.troubles();
        assert_eq!(troubles.len(), 1, "{each}: {troubles:#?}");
        assert!(troubles[0].starts_with("fail rfc1939.greeting.unprompted: of "), "{each}: {troubles:#?}");
        assert!(
            troubles[0].contains("connections made one at a time, 2 were closed without a greeting"),
            "{each}: {troubles:#?}"
        );
        only_losses_are_told(&run);
    }
}

/// That connections were lost is told once. Where the second try of one was lost too, since so many others came in between, it
/// looked like a limit.
fn only_losses_are_told(run: &Run) {
    let (losses, others): (Vec<&String>, Vec<&String>) = run
        .notices
        .iter()
        .partition(|notice| notice.contains("without a greeting, and greeted the next one at once"));
    assert_eq!(losses.len(), 1, "{:#?}", run.notices);
    assert!(others.is_empty() || others == [&thinned(8, 4)], "{:#?}", run.notices);
}

#[test]
fn a_connection_lost_only_while_others_are_open_is_no_finding() {
    let run = Run::of(&Between::admitting(|arrival| {
        let lost = arrival.number.is_multiple_of(10) && arrival.served > 0;
        if lost { Admission::TurnedAway("") } else { Admission::Served }
    }));
    assert_eq!(run.troubles(), Vec::<String>::new());
    // It is told all the same.
    only_losses_are_told(&run);
}

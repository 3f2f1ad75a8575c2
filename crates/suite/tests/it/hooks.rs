//! What the user's hooks do to a server: only what was permitted, at the right time, and nothing is left behind.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use record::{Event, Verdict};
use suite::{Acting, Hook, Operations, Operator, Order, Runner, Security, Site, Unable};

use crate::laboratory::{InCharge, accounts, judge, paused, site, world};

/// The checks that restart the server, kill it or take its store away, and as many others.
fn some_of_each() -> Vec<suite::Check> {
    let (alone, others): (Vec<_>, Vec<_>) = suite::all().into_iter().partition(|check| check.alone);
    let count = alone.len();
    alone.into_iter().chain(others.into_iter().take(count)).collect()
}

#[test]
fn who_hurts_others_comes_when_they_are_done_and_one_at_a_time() {
    let happened = Rc::new(RefCell::new(Vec::new()));
    paused(async {
        let site = site(&world([]), Security::Implicit, accounts(), true).await.expect("surveyed");
        let runner = Runner::new(Rc::clone(&site), some_of_each(), 8);
        let told = Rc::clone(&happened);
        let listener: suite::runner::Listener = Rc::new(move |event| told.borrow_mut().push(event));
        runner.run(&listener).await;
    });
    let alone = |id: &str| suite::all().iter().any(|check| check.id == id && check.alone);
    let (mut running, mut done, mut begun) = (BTreeSet::new(), BTreeSet::new(), 0);
    for event in happened.borrow().iter() {
        match event {
            // One that is tried once more says so, and ends only if it comes to another verdict.
            Event::CheckStarted { id } if !done.contains(id) => {
                assert!(running.is_empty() || !alone(id), "{id} began beside others: {running:?}");
                assert!(begun == 0 || alone(id), "{id} came behind one that hurts others");
                begun += usize::from(alone(id));
                running.insert(id.clone());
            }
            Event::CheckStarted { .. } => {}
            Event::CheckFinished(result) => {
                running.remove(&result.id);
                done.insert(result.id.clone());
            }
        }
    }
    assert!(begun >= 8, "{begun}");
}

/// A site of a world whose operator is this one, or nobody.
async fn operated(operator: Option<Rc<dyn Operator>>, allow_delete: bool) -> Rc<Site> {
    let site = site(&world([]), Security::Implicit, accounts(), allow_delete).await.expect("surveyed");
    with(&site, operator.map(Operations::new))
}

/// The same site, where this can be done to the server.
fn with(site: &Rc<Site>, operations: Option<Rc<Operations>>) -> Rc<Site> {
    let mut site = (**site).clone();
    site.operations = operations;
    Rc::new(site)
}

fn needs_a_hook(check: &suite::Check) -> bool {
    let hooks = ["inject", "restart", "kill", "fault", "other-access", "backup"];
    check.requirement().needs.iter().any(|need| hooks.contains(&need.as_str()))
}

#[test]
fn without_a_hook_its_checks_are_skipped_and_say_what_to_write() {
    let checks: Vec<_> = suite::all().into_iter().filter(needs_a_hook).collect();
    assert!(checks.len() >= 21);
    let evidence = paused(async { judge(&operated(None, true).await, checks, 1).await });
    for result in evidence.iter().map(|evidence| &evidence.result) {
        assert_eq!(result.verdict, Verdict::Skipped, "{}: {}", result.id, result.observed);
        assert!(result.observed.contains("add to the accounts file") && result.observed.contains("hooks: {"));
    }
}

/// Notes what was done, and passes it on.
struct Watched {
    operator: InCharge,
    done: Rc<RefCell<Vec<Hook>>>,
    fails: Rc<Cell<Option<Hook>>>,
}

impl Operator for Watched {
    fn can(&self, hook: Hook) -> bool {
        self.operator.can(hook)
    }

    fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a> {
        self.done.borrow_mut().push(order.hook);
        assert!(order.user.is_empty() || order.user.starts_with("disposable"), "{order:?}");
        if self.fails.get() == Some(order.hook) {
            return Box::pin(std::future::ready(Err(Unable::Failed("it says no".to_owned()))));
        }
        self.operator.act(order)
    }

    fn copy(&self) -> String {
        self.operator.copy()
    }
}

/// What all checks that need hooks did, and what came of them.
fn all_of_them(allow_delete: bool, fails: Option<Hook>) -> (Vec<Hook>, Vec<suite::Evidence>, bool) {
    let done = Rc::new(RefCell::new(Vec::new()));
    let checks: Vec<_> = suite::all().into_iter().filter(needs_a_hook).collect();
    let (evidence, left) = paused(async {
        let world = world([]);
        let site = site(&world, Security::Implicit, accounts(), allow_delete).await.expect("surveyed");
        let operator = InCharge::of(&world);
        let watched = Watched { operator, done: Rc::clone(&done), fails: Rc::new(Cell::new(fails)) };
        let operations = Operations::new(Rc::new(watched));
        let site = with(&site, Some(Rc::clone(&operations)));
        (judge(&site, checks, 4).await, operations.has_to_mend())
    });
    (done.take(), evidence, left)
}

#[test]
fn only_disposable_mailboxes_are_touched_and_only_with_permission() {
    let (done, _, left) = all_of_them(true, None);
    assert!(Hook::ALL.iter().all(|hook| done.contains(hook)), "{done:?}");
    assert!(!left);
    let (done, _, _) = all_of_them(false, None);
    assert!(done.iter().all(|hook| hook.is_about_the_server()), "{done:?}");
}

#[test]
fn a_hook_that_fails_is_no_verdict_and_what_can_be_undone_is() {
    for hook in [Hook::Deliver, Hook::Kill, Hook::ReadOnly, Hook::List, Hook::Restore] {
        let (_, evidence, left) = all_of_them(true, Some(hook));
        let told: Vec<_> = evidence
            .iter()
            .map(|evidence| &evidence.result)
            .filter(|result| result.observed.contains("it says no"))
            .collect();
        assert!(!told.is_empty(), "{hook:?}");
        for result in told {
            assert_eq!(result.verdict, Verdict::Inconclusive, "{}: {}", result.id, result.observed);
        }
        assert!(!left, "{hook:?}");
    }
}

//! A maildrop that is busy with the suite's own sessions, at a server that refuses it without a code as RFC 1939
//! section 4 allows: no account is lost by it, and no defect is hidden. And one that somebody else is in all the time:
//! another account takes its place.

use std::cell::RefCell;
use std::rc::Rc;

use fake::{Channel, Configuration, Connection, Defects, Machine as _, Next, Policy, World};
use record::{Event, Verdict};
use suite::{Runner, Security};

use crate::laboratory::{accounts, configured, judge, password, paused, site};

/// Identifier and verdict of all that was not passed, and how many were judged.
fn verdicts(
    defects: impl IntoIterator<Item = &'static fake::Defect>,
    security: Security,
) -> (Vec<String>, usize) {
    paused(async {
        let world = configured(Configuration {
            defects: defects.into_iter().collect::<Defects>(),
            policy: Policy { busy_without_code: true, ..Policy::default() },
            ..Configuration::default()
        });
        let site = site(&world, security, accounts(), true).await.expect("the fake can be surveyed");
        let evidence = judge(&site, suite::all(), 8).await;
        let judged = evidence.iter().filter(|evidence| evidence.result.is_judged()).count();
        let told =
            |result: record::CheckResult| format!("{} {}: {}", result.verdict, result.id, result.observed);
        let telling = [Verdict::Fail, Verdict::Warn, Verdict::Inconclusive];
        let results = evidence.into_iter().map(|evidence| evidence.result);
        (results.filter(|result| telling.contains(&result.verdict)).map(told).collect(), judged)
    })
}

#[test]
fn a_busy_maildrop_that_is_refused_without_a_code_costs_no_account_and_no_verdict() {
    for security in [Security::Implicit, Security::Starttls] {
        let (wrong, judged) = verdicts([], security);
        assert_eq!(wrong, Vec::<String>::new(), "{security}");
        assert!(judged >= 150, "{security}: only {judged} came to a judgement");
    }
}

#[test]
fn nor_does_it_hide_that_dot_stuffing_is_forgotten() {
    let (wrong, judged) =
        verdicts([fake::Defect::parse("rfc1939.retr.no-stuffing").unwrap()], Security::Implicit);
    assert!(wrong.iter().any(|line| line.starts_with("fail rfc1939.retr.dot-stuffing")), "{wrong:#?}");
    assert!(judged >= 140, "only {judged} came to a judgement");
}

/// Somebody who is in a maildrop for as long as this lives.
fn inside(world: &World, user: &str) -> Connection {
    let mut connection = world.connect(Channel::Clear);
    let said = format!("USER {user}\r\nPASS {}\r\n", password(user));
    let mut rest = said.as_bytes();
    loop {
        match connection.next() {
            Next::Write => connection.transmit(&mut Vec::new(), usize::MAX),
            Next::Read if !rest.is_empty() => rest = &rest[connection.receive(rest)..],
            _ => return connection,
        }
    }
}

#[test]
fn a_maildrop_that_somebody_else_is_in_all_the_time_costs_no_verdict() {
    for policy in [Policy::default(), Policy { busy_without_code: true, ..Policy::default() }] {
        let world = configured(Configuration { policy, ..Configuration::default() });
        let _others = ["disposable1", "disposable2"].map(|user| inside(&world, user));
        let unsure = Rc::new(RefCell::new(Vec::new()));
        paused(async {
            let site =
                site(&world, Security::Implicit, accounts(), true).await.expect("the fake can be surveyed");
            let runner = Runner::new(site, suite::all(), 8);
            let told = Rc::clone(&unsure);
            let listener: suite::runner::Listener = Rc::new(move |event| {
                if let Event::CheckFinished(result) = event
                    && matches!(result.verdict, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive)
                {
                    told.borrow_mut().push(format!("{} {}: {}", result.verdict, result.id, result.observed));
                }
            });
            runner.run(&listener).await;
        });
        // Also not at first: there were others.
        assert_eq!(unsure.take(), Vec::<String>::new());
    }
}

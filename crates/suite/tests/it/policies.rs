//! What servers may do and some do: nobody is accused of it.

use fake::Policy;
use record::Verdict;
use suite::Security;

use crate::laboratory::{accounts, judge, paused, site, world_with};

/// Failures and warnings behind both entrances, and how many requirements came to a judgement there.
fn accused(policy: Policy) -> (Vec<String>, usize) {
    let (mut accused, mut judged) = (Vec::new(), 0);
    for security in [Security::Implicit, Security::Starttls] {
        paused(async {
            let world = world_with(policy);
            let site = site(&world, security, accounts(), true).await.expect("the fake can be surveyed");
            for evidence in judge(&site, suite::all(), 8).await {
                let result = evidence.result;
                judged += usize::from(result.is_judged());
                if matches!(result.verdict, Verdict::Fail | Verdict::Warn) {
                    accused
                        .push(format!("{security}: {} {}: {}", result.verdict, result.id, result.observed));
                }
            }
        });
    }
    (accused, judged)
}

#[test]
fn a_connection_that_ends_at_the_third_refusal_is_replaced() {
    let (accused, judged) = accused(Policy { refusals: Some(3), ..Policy::default() });
    assert_eq!(accused, Vec::<String>::new());
    assert!(judged >= 300, "only {judged} came to a judgement");
}

#[test]
fn logins_that_are_put_off_are_tried_again() {
    for login_delays in [1, 4] {
        let (accused, judged) = accused(Policy { login_delays, ..Policy::default() });
        assert_eq!(accused, Vec::<String>::new());
        assert!(judged >= 300, "only {judged} came to a judgement");
    }
}

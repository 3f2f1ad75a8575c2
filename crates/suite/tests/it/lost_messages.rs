//! Messages that are listed and were seeded, and cannot be had: that is a finding, whatever the server says about it.

use record::Verdict;

use crate::between::{Asked, Between};
use crate::laboratory::{accounts, judge, paused};

/// What the check of all fixtures says where some commands are answered otherwise.
fn fidelity(asked: impl Fn(&str) -> Asked + Send + Sync + 'static) -> (Verdict, String) {
    paused(async {
        let (site, _) = Between::answering(asked).survey(accounts()).await;
        let check = suite::all().into_iter().filter(|check| check.id == "rfc1939.retr.fidelity").collect();
        let evidence = judge(&site.expect("a site"), check, 1).await;
        (evidence[0].result.verdict, evidence[0].result.observed.clone())
    })
}

fn refused() -> Asked {
    Asked::Say(b"-ERR the message cannot be converted\r\n".to_vec())
}

#[test]
fn one_that_only_top_shows() {
    let (verdict, seen) = fidelity(|line| if line == "RETR 12" { refused() } else { Asked::Pass });
    assert_eq!(verdict, Verdict::Fail, "{seen}");
    assert!(seen.contains("RETR 12") && seen.contains("converted"), "{seen}");
}

#[test]
fn one_that_nothing_shows_and_that_the_survey_could_not_recognise() {
    let (verdict, seen) = fidelity(|line| match line {
        "RETR 12" | "TOP 12 0" => refused(),
        _ => Asked::Pass,
    });
    assert_eq!(verdict, Verdict::Fail, "{seen}");
    assert!(seen.contains("message 12") && seen.contains("listed"), "{seen}");
}

#[test]
fn one_in_which_the_connection_ends_each_time() {
    let (verdict, seen) = fidelity(|line| match line {
        "RETR 12" => Asked::Close(b"+OK\r\nSubject: half\r\n".to_vec()),
        _ => Asked::Pass,
    });
    assert_eq!(verdict, Verdict::Fail, "{seen}");
    assert!(seen.contains("another connection"), "{seen}");
}

#[test]
fn one_that_is_refused_for_a_while_or_without_utf8_is_not_lost() {
    for code in ["SYS/TEMP", "UTF8"] {
        let (verdict, seen) = fidelity(move |line| match line {
            "RETR 12" => Asked::Say(format!("-ERR [{code}] not now\r\n").into_bytes()),
            _ => Asked::Pass,
        });
        assert_eq!(verdict, Verdict::Inconclusive, "{seen}");
    }
}

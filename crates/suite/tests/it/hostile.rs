//! Peers without measure: each wait and each loop has an end, what is kept is bounded, and there is a verdict.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use record::Verdict;
use suite::{Check, Evidence};
use tokio::time::Instant;

use crate::between::{Asked, Between};
use crate::laboratory::{accounts, judge, paused};

const AT_ONCE: Duration = Duration::ZERO;

fn checks(ids: &[&str]) -> Vec<Check> {
    let found: Vec<Check> = suite::all().into_iter().filter(|check| ids.contains(&check.id)).collect();
    assert_eq!(found.len(), ids.len(), "{ids:?}");
    found
}

/// Verdict and words of each of these checks, and how long all of it took on the paused clock.
fn verdicts(between: &Between, ids: &[&str]) -> (Vec<(Verdict, String)>, Duration) {
    let (evidence, took) = judged(between, ids);
    let told = |evidence: Evidence| (evidence.result.verdict, evidence.result.observed);
    (evidence.into_iter().map(told).collect(), took)
}

fn judged(between: &Between, ids: &[&str]) -> (Vec<Evidence>, Duration) {
    paused(async {
        let (site, survey) = between.survey(accounts()).await;
        let site = site.unwrap_or_else(|error| panic!("{error}\n{}", survey.render()));
        let began = Instant::now();
        let evidence = judge(&site, checks(ids), 8).await;
        assert!(!between.is_drained(), "a peer was listened to as long as it spoke");
        (evidence, began.elapsed())
    })
}

#[test]
fn challenges_without_end_are_answered_a_few_times_and_then_cancelled() {
    const COMMANDS: &[&str] =
        &["CAPA", "USER", "PASS", "STAT", "LIST", "UIDL", "RETR", "TOP", "NOOP", "QUIT"];
    let challenges = AtomicU32::new(0);
    let between = Between::answering(move |line| {
        if COMMANDS.iter().any(|command| line.starts_with(command)) {
            return Asked::Pass;
        }
        // Who answers more of them than the lines that are allowed below should fail, and not go on for ever.
        let one_more = challenges.fetch_add(1, Ordering::Relaxed) < 1_000;
        if one_more { Asked::Say(b"+ \r\n".to_vec()) } else { Asked::Close(Vec::new()) }
    });
    let ids = ["rfc5034.auth.again", "rfc5034.auth.cancel", "rfc5034.capa.after-auth"];
    let (verdicts, took) = verdicts(&between, &ids);
    assert_eq!(verdicts[1].0, Verdict::Fail, "{verdicts:?}");
    assert!(verdicts[2].1.contains("cancelled"), "{verdicts:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
    let lines = between.lines.lock().expect("the lines").len();
    assert!(lines < 600, "{lines} lines were sent");
}

#[test]
fn whatever_comes_behind_the_reply_to_quit_is_listened_to_for_a_while_only() {
    for (more, pause) in [
        (&b"\r\n"[..], AT_ONCE),
        (b"+OK\r\n", AT_ONCE),
        (b"\r\n", Duration::from_secs(1)),
        (b"x", Duration::from_secs(1)),
        (b"x", AT_ONCE),
    ] {
        let between = Between::answering(move |line| match line {
            "QUIT" => Asked::Flood(b"+OK bye\r\n".to_vec(), more.to_vec(), pause),
            _ => Asked::Pass,
        });
        let (verdicts, took) = verdicts(&between, &["rfc1939.quit.auth", "rfc1939.quit.trans"]);
        assert!(verdicts.iter().all(|(verdict, _)| *verdict == Verdict::Fail), "{more:?}: {verdicts:?}");
        assert!(took < Duration::from_secs(30), "{more:?}, {pause:?}: {took:?}");
    }
}

#[test]
fn a_drip_ends_with_a_verdict() {
    let drip = |command: &'static str, first: &'static [u8]| {
        Between::answering(move |line| {
            if line == command {
                Asked::Flood(first.to_vec(), b"x".to_vec(), Duration::from_secs(1))
            } else {
                Asked::Pass
            }
        })
    };
    let (verdicts, took) = verdicts(&drip("RETR 1", b"+OK\r\n"), &["rfc1939.retr.multiline"]);
    assert_eq!(verdicts[0].0, Verdict::Fail, "{verdicts:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
    let (verdicts, took) = self::verdicts(&drip("NOOP", b""), &["rfc1939.noop.ok"]);
    assert_ne!(verdicts[0].0, Verdict::Pass, "{verdicts:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
}

#[test]
fn of_a_list_without_measure_the_front_is_judged_and_the_conversation_goes_on() {
    let between = Between::answering(|line| match line {
        "CAPA" => Asked::Say(
            [b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\n", "X\r\n".repeat(1_000_000).as_bytes(), b".\r\n"].concat(),
        ),
        "UIDL" => Asked::Say([b"+OK\r\n", "1 a\r\n".repeat(1_000_000).as_bytes(), b".\r\n"].concat()),
        _ => Asked::Pass,
    });
    let ids = ["rfc1939.uidl.complete", "rfc2449.capa.both-states", "rfc2449.capa.format"];
    let (evidence, _) = judged(&between, &ids);
    let told = |index: usize| (evidence[index].result.verdict, evidence[index].result.observed.as_str());
    assert_eq!(told(0).0, Verdict::Inconclusive, "{:?}", told(0));
    assert!(told(0).1.contains("too large"), "{:?}", told(0));
    assert_eq!(told(1).0, Verdict::Pass, "{:?}", told(1));
    assert_eq!(told(2).0, Verdict::Warn, "{:?}", told(2));
    for evidence in &evidence {
        let shown = evidence.transcript.as_ref().map(transcript::Transcript::render).unwrap_or_default();
        assert!(shown.len() < 300_000, "{}: {} octets of transcript", evidence.result.id, shown.len());
    }
}

#[test]
fn a_message_without_end_is_no_message() {
    let between = Between::answering(|line| match line {
        "RETR 1" => Asked::Flood(b"+OK\r\n".to_vec(), "text text text\r\n".repeat(1_000).into(), AT_ONCE),
        _ => Asked::Pass,
    });
    let (verdicts, _) = verdicts(&between, &["rfc1939.retr.multiline"]);
    assert_eq!(verdicts[0].0, Verdict::Fail, "{verdicts:?}");
    assert!(verdicts[0].1.contains("did not end"), "{verdicts:?}");
}

#[test]
fn replies_that_nobody_asked_for_are_kept_in_part_only() {
    let between = Between::answering(|line| match line {
        "NOOP" => {
            Asked::Flood(Vec::new(), format!("+OK {}\r\n", "y".repeat(400)).repeat(100).into(), AT_ONCE)
        }
        _ => Asked::Pass,
    });
    let ids = ["rfc1939.frame.one-reply", "rfc1939.noop.ok"];
    let (evidence, took) = judged(&between, &ids);
    assert_eq!(evidence[0].result.verdict, Verdict::Fail, "{}", evidence[0].result.observed);
    assert!(took < Duration::from_mins(1), "{took:?}");
}

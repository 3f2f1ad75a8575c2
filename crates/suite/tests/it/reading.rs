//! Servers that are wrong in how their lines end, or in their first word: they are read all the same, the fault is named
//! once, and everything else is judged.

use std::time::Duration;

use mail::Role;
use record::Verdict;
use suite::lab::Lab;
use suite::outcome::Mishap;
use suite::{Check, Cost};

use crate::between::{Asked, Between, Said};
use crate::laboratory::{accounts, judge, paused};

/// What one thing that is wrong may cost a run in waiting.
const AT_MOST: Duration = Duration::from_secs(150);

/// The ids of all that fails or warns, and of what is inconclusive.
pub(crate) fn found(between: &Between) -> (Vec<String>, Vec<String>) {
    paused(async {
        let began = tokio::time::Instant::now();
        let (site, survey) = between.survey(accounts()).await;
        let site = site.unwrap_or_else(|error| panic!("{error}\n{}", survey.render()));
        let (mut accused, mut unclear) = (Vec::new(), Vec::new());
        // Those that wait for minutes on purpose would hide what a wrong server costs.
        let checks: Vec<Check> = suite::all().into_iter().filter(|check| check.cost != Cost::Slow).collect();
        for evidence in judge(&site, checks, 8).await {
            match evidence.result.verdict {
                Verdict::Fail | Verdict::Warn => accused.push(evidence.result.id),
                Verdict::Inconclusive => {
                    unclear.push(format!("{}: {}", evidence.result.id, evidence.result.observed));
                }
                _ => {}
            }
        }
        // On a clock that moves only where something is waited for.
        let took = began.elapsed();
        assert!(took < AT_MOST, "{} s, {accused:?}, {unclear:?}", took.as_secs());
        (accused, unclear)
    })
}

/// Each CR LF becomes what `line_end` says of the line before, in any split.
fn line_ends(line_end: fn(&[u8]) -> &'static [u8]) -> Said {
    let (mut line, mut held) = (Vec::new(), false);
    Box::new(move |octets| {
        let mut out = Vec::new();
        for octet in octets {
            if std::mem::take(&mut held) {
                if *octet == b'\n' {
                    out.extend_from_slice(line_end(&line));
                    line.clear();
                    continue;
                }
                out.push(b'\r');
                line.push(b'\r');
            }
            if *octet == b'\r' {
                held = true;
                continue;
            }
            out.push(*octet);
            line.push(*octet);
        }
        out
    })
}

#[test]
fn a_right_server_is_right_through_others_hands() {
    let (accused, unclear) = found(&Between::answering(|_| Asked::Pass));
    assert!(accused.is_empty() && unclear.is_empty(), "{accused:?} {unclear:?}");
}

#[test]
fn of_a_server_that_knows_no_cr_the_line_ends_are_found_and_the_rest_is_judged() {
    let (accused, unclear) = found(&Between::saying(|| line_ends(|_| b"\n")));
    assert_eq!(accused, ["rfc1939.frame.crlf", "rfc1939.retr.line-ends"], "{unclear:?}");
    assert!(unclear.len() <= 3, "{unclear:#?}");
}

#[test]
fn of_a_server_that_ends_only_its_dot_lines_with_a_line_feed_that_is_found_and_the_rest_is_judged() {
    let (accused, unclear) =
        found(&Between::saying(|| line_ends(|line| if line == b"." { b"\n" } else { b"\r\n" })));
    assert_eq!(accused, ["rfc1939.multi.terminator"], "{unclear:?}");
    assert!(unclear.len() <= 3, "{unclear:#?}");
}

#[test]
fn a_refusal_in_a_word_of_the_server_s_own_is_one_finding() {
    let plus = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        if text.starts_with("-ERR [") {
            text.replacen("-ERR", "+ERR", 1).into_bytes()
        } else {
            octets.to_vec()
        }
    };
    let (accused, unclear) = found(&Between::saying(move || Box::new(plus)));
    assert_eq!(accused, ["rfc1939.frame.status-upper"], "{unclear:#?}");
    assert!(unclear.iter().any(|line| line.starts_with("rfc1939.lock.refusal")), "{unclear:#?}");
    assert!(unclear.len() <= 5, "{unclear:#?}");
}

#[test]
fn a_word_that_says_nothing_accuses_nobody_but_itself() {
    let between = Between::saying(|| {
        Box::new(|octets| {
            let text = String::from_utf8_lossy(octets).into_owned();
            let refused = text.starts_with("-ERR No such message");
            if refused { text.replacen("-ERR", "+NIL", 1).into_bytes() } else { octets.to_vec() }
        })
    });
    let (accused, _) = found(&between);
    assert_eq!(accused, ["rfc1939.frame.status-upper"]);
}

#[test]
fn behind_a_list_without_end_the_conversation_goes_on() {
    let between = Between::answering(|line| match line {
        "UIDL" => Asked::Say(b"+OK\r\n1 a\r\n2 b\r\n".to_vec()),
        "LIST" => Asked::Say(b"+OK\r\n1 120\r\n.\n".to_vec()),
        _ => Asked::Pass,
    });
    paused(async {
        let (site, _) = between.survey(accounts()).await;
        let lab = Lab::new(site.expect("a site"), "behind", None);
        let mut session = lab.login(Role::Fixtures).await.expect("a session");
        let stat = session.command("STAT").await.expect("a reply");
        let listed = session.command("LIST").await.expect("a reply");
        assert_eq!(listed.octets(), b"1 120\r\n");
        assert!(listed.deviations.contains(proto::Deviation::DotLineBareLf));
        let unended = session.command("UIDL").await;
        assert!(matches!(unended, Err(Mishap::Unterminated { .. })), "{unended:?}");
        assert_eq!(session.command("STAT").await.expect("a reply").line, stat.line);
    });
}

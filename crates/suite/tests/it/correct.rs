//! The fake server without defects: nothing may fail, warn or stay undecided, at either entrance.

use record::Verdict;
use suite::Security;

use crate::laboratory::{accounts, judge, paused, site, world};

/// Verdicts of a whole run as lines `verdict id: why`, passes left out.
fn remarkable(security: Security) -> (usize, String) {
    let evidence = paused(async {
        let site = site(&world([]), security, accounts(), true).await.expect("the fake can be surveyed");
        judge(&site, suite::all(), 8).await
    });
    let passed = evidence.iter().filter(|evidence| evidence.result.verdict == Verdict::Pass).count();
    let lines: Vec<String> = evidence
        .iter()
        .map(|evidence| &evidence.result)
        .filter(|result| result.verdict != Verdict::Pass)
        .map(|result| format!("{} {}: {}", result.verdict, result.id, result.observed))
        .collect();
    (passed, lines.join("\n"))
}

#[test]
fn nothing_fails_or_warns_behind_implicit_tls() {
    let (passed, rest) = remarkable(Security::Implicit);
    insta::assert_snapshot!("implicit", rest);
    assert!(passed >= 150, "only {passed} requirements passed");
}

#[test]
fn nothing_fails_or_warns_behind_stls() {
    let (passed, rest) = remarkable(Security::Starttls);
    insta::assert_snapshot!("starttls", rest);
    assert!(passed >= 150, "only {passed} requirements passed");
}

#[test]
fn every_verdict_has_a_transcript_that_parses_back() {
    let evidence = paused(async {
        let site =
            site(&world([]), Security::Implicit, accounts(), true).await.expect("the fake can be surveyed");
        judge(&site, suite::all(), 8).await
    });
    for evidence in evidence.iter().filter(|evidence| evidence.result.verdict != Verdict::Skipped) {
        let id = &evidence.result.id;
        let transcript = evidence.transcript.as_ref().unwrap_or_else(|| panic!("{id} has no transcript"));
        let word = evidence.result.ending.as_deref();
        let known = ["fin", "reset", "tls-close", "truncated", "timeout", "handshake", "client"];
        assert!(word.is_none_or(|word| known.contains(&word)), "{id}: ended by `{word:?}`");
        let text = transcript.render();
        assert_eq!(transcript::Transcript::parse(&text).as_ref(), Ok(transcript), "{id}");
        assert!(!text.contains("Secret-of-"), "{id}: a password in the transcript");
        assert!(!evidence.result.reproduce.contains("Secret-of-"), "{id}: a password in the reproduction");
    }
}

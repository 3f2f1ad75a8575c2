//! The transcript of every check against the fake, as a snapshot. Each check has a fresh fake of its own, so that a
//! new check changes no other's transcript.

use std::fmt::Write as _;

use record::Verdict;
use suite::{Check, Security};

use crate::laboratory::{accounts, judge, paused, site, world};

fn transcript(check: Check, security: Security) -> Option<String> {
    let evidence = paused(async {
        let site = site(&world([]), security, accounts(), true).await.expect("the fake can be surveyed");
        judge(&site, vec![check], 1).await
    });
    let evidence = evidence.into_iter().next()?;
    if evidence.result.verdict == Verdict::Skipped {
        return None;
    }
    let transcript = evidence.transcript.map(|transcript| transcript.render()).unwrap_or_default();
    Some(format!("{}: {}\n\n{}", evidence.result.verdict, evidence.result.observed, folded(&transcript)))
}

/// In long conversations, and where hooks are run, nearly all that is said is mail that was seen before: of long content the
/// beginning is kept. The sum of all octets at a transcript's end tells of what is left out.
fn folded(transcript: &str) -> String {
    /// Lines that are kept.
    const KEPT: usize = 2;
    /// Octets of a transcript that people read.
    const READABLE: usize = 64 * 1024;
    if transcript.len() < READABLE && !transcript.contains("== hook `") {
        return transcript.to_owned();
    }
    let (mut text, mut content) = (String::new(), 0);
    for line in transcript.lines().chain([""]) {
        let is_content = line.contains("] S| ") || line.ends_with("] S|");
        if !is_content && content > KEPT {
            let _ = writeln!(text, "    … {content} lines in all");
        }
        content = if is_content { content + 1 } else { 0 };
        if content <= KEPT {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Snapshots of the checks whose index leaves this remainder: tests run side by side.
fn snapshots(remainder: usize) {
    for check in suite::all().into_iter().skip(remainder).step_by(4) {
        let found = transcript(check, Security::Implicit).map(|text| (text, "implicit"));
        let found = found.or_else(|| transcript(check, Security::Starttls).map(|text| (text, "starttls")));
        let Some((text, entrance)) = found else { continue };
        insta::with_settings!({ snapshot_path => format!("snapshots/{entrance}"), prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(check.id, text);
        });
    }
}

#[test]
fn every_check_first_quarter() {
    snapshots(0);
}

#[test]
fn every_check_second_quarter() {
    snapshots(1);
}

#[test]
fn every_check_third_quarter() {
    snapshots(2);
}

#[test]
fn every_check_fourth_quarter() {
    snapshots(3);
}

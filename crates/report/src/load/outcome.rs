//! A load run in one line. Whether it passed was decided by the runner; this only refuses to say "pass" above
//! something that is recorded as wrong.

use record::{LoadResults, Run};

use crate::number::{counted, figure, whole};
use crate::outcome::Outcome;
use crate::text::visible_line;

/// The verdict in words and the numbers that carry it, one line without a line end:
/// `pass: 3 of 3 thresholds hold · 420 of 420 sessions completed · 0 verification failures`.
pub fn load_verdict_line(run: &Run, results: &LoadResults) -> String {
    let sessions = &results.sessions;
    let mut line = format!(
        "{} · {} of {} completed · {}",
        words(run, results),
        whole(sessions.completed),
        counted(sessions.planned, "session"),
        counted(results.verified.failures, "verification failure"),
    );
    if results.generator.bottleneck.is_some() {
        line.push_str(" · the generator was the bottleneck");
    }
    if results.sessions.shortage.is_some() {
        line.push_str(" · the accounts were too few");
    }
    line
}

/// What kind of end a load run came to.
pub(crate) fn load_outcome(run: &Run, results: &LoadResults) -> Outcome {
    let wrong = results.thresholds.iter().any(|threshold| !threshold.holds) || results.verified.failures > 0;
    match run.exit_code {
        _ if run.error.is_some() => Outcome::NotCarriedOut,
        2 => Outcome::WrongInput,
        3 => Outcome::NotCarriedOut,
        1 => Outcome::Fail,
        _ if wrong => Outcome::Fail,
        0 if !results.missing.is_empty() => Outcome::NotCarriedOut,
        0 if results.sessions.begun > 0 || results.capacity.is_some() => Outcome::Pass,
        0 | 4 => Outcome::NothingJudged,
        _ => Outcome::NotCarriedOut,
    }
}

fn words(run: &Run, results: &LoadResults) -> String {
    let thresholds = thresholds(results);
    match load_outcome(run, results) {
        Outcome::Pass => match &results.capacity {
            Some(capacity) => format!("pass: {}", capacity_words(capacity)),
            None => format!("pass: {thresholds}"),
        },
        Outcome::Fail if results.thresholds.iter().all(|threshold| threshold.holds) => {
            let otherwise =
                if results.verified.failures > 0 { "mail was wrong" } else { "the target falls short" };
            format!("fail: {}", reason(run, otherwise))
        }
        Outcome::Fail => format!("fail: {thresholds}"),
        Outcome::NotCarriedOut => {
            let otherwise = results.missing.first().map_or("the run ended early", String::as_str);
            let so_far =
                if results.thresholds.is_empty() { String::new() } else { format!("; {thresholds}") };
            format!("not carried out: {}{so_far}", reason(run, otherwise))
        }
        Outcome::NothingJudged => format!("nothing judged: {}", reason(run, "no session was begun")),
        Outcome::WrongInput => format!("error: {}", reason(run, "the command line or a file is wrong")),
    }
}

/// `3 of 3 thresholds hold`, or which of them do not.
fn thresholds(results: &LoadResults) -> String {
    let all = results.thresholds.len() as u64;
    let broken: Vec<String> = results
        .thresholds
        .iter()
        .filter(|threshold| !threshold.holds)
        .map(|threshold| format!("{}: {}", visible_line(&threshold.text), visible_line(&threshold.observed)))
        .collect();
    match broken.len() {
        0 if all == 0 => "no thresholds set".to_owned(),
        0 => format!("{all} of {} {}", counted(all, "threshold"), if all == 1 { "holds" } else { "hold" }),
        number => format!("{number} of {} broken ({})", counted(all, "threshold"), broken.join("; ")),
    }
}

fn capacity_words(capacity: &record::Capacity) -> String {
    if capacity.sentence.is_empty() {
        return format!("{} sessions/s hold", figure(capacity.sessions_per_s));
    }
    visible_line(&capacity.sentence)
}

fn reason(run: &Run, otherwise: &str) -> String {
    let given = run.error.as_deref().unwrap_or(&run.exit_reason);
    let given = visible_line(given.lines().next().unwrap_or_default());
    if given.is_empty() { visible_line(otherwise) } else { given }
}

#[cfg(test)]
mod tests {
    use record::{LoadSessions, ThresholdRow, Verified};

    use super::*;

    fn line(exit_code: i32, change: impl FnOnce(&mut Run, &mut LoadResults)) -> String {
        let mut run = Run { exit_code, ..Run::default() };
        let sessions = LoadSessions { planned: 420, begun: 420, completed: 420, ..LoadSessions::default() };
        let mut results = LoadResults { sessions, ..LoadResults::default() };
        change(&mut run, &mut results);
        load_verdict_line(&run, &results)
    }

    fn threshold(holds: bool) -> ThresholdRow {
        ThresholdRow {
            text: "login p99 < 250ms".into(),
            observed: "412 ms".into(),
            holds,
            ..Default::default()
        }
    }

    #[test]
    fn a_pass_counts_its_thresholds() {
        assert_eq!(
            line(0, |_, results| results.thresholds = vec![threshold(true)]),
            "pass: 1 of 1 threshold holds · 420 of 420 sessions completed · 0 verification failures"
        );
        assert!(line(0, |_, _| ()).starts_with("pass: no thresholds set · "));
    }

    #[test]
    fn what_is_wrong_outweighs_the_exit_code() {
        assert!(
            line(0, |_, results| results.thresholds = vec![threshold(true), threshold(false)])
                .starts_with("fail: 1 of 2 thresholds broken (login p99 < 250ms: 412 ms) · ")
        );
        assert!(
            line(0, |_, results| results.verified = Verified { failures: 2, ..Verified::default() })
                .starts_with(
                    "fail: mail was wrong · 420 of 420 sessions completed · 2 verification failures"
                )
        );
    }

    #[test]
    fn an_early_end_is_no_pass() {
        let ended = line(0, |_, results| results.missing = vec!["seconds 12 to 60".into()]);
        assert!(ended.starts_with("not carried out: seconds 12 to 60 · "), "{ended}");
        let interrupted = line(3, |run, results| {
            run.error = Some("interrupted by Ctrl-C\nafter 12 s".into());
            results.thresholds = vec![threshold(true)];
        });
        assert!(
            interrupted.starts_with("not carried out: interrupted by Ctrl-C; 1 of 1 threshold holds"),
            "{interrupted}"
        );
        let nothing = line(0, |_, results| results.sessions = LoadSessions::default());
        assert!(nothing.starts_with("nothing judged: no session was begun · 0 of 0 sessions"), "{nothing}");
    }

    #[test]
    fn a_bottleneck_is_in_the_verdict_too() {
        let late = line(0, |_, results| results.generator.bottleneck = Some("late".into()));
        assert!(late.ends_with(" · the generator was the bottleneck"), "{late}");
        let few = line(0, |_, results| results.sessions.shortage = Some("few".into()));
        assert!(few.ends_with(" · the accounts were too few"), "{few}");
    }
}

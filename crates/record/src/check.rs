//! One verdict with its evidence, and the file that holds them all. Judging is done elsewhere.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FORMAT, Level, Severity, Totals, Verdict};

/// The verdict on one requirement at one entrance of the target, with everything needed to believe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The catalogue's id, for instance `rfc1939.retr.dot-stuffing`; it never changes its meaning.
    pub id: String,
    /// The catalogue's area, for instance `retr`; empty in files of older versions.
    #[serde(default)]
    pub area: String,
    /// The label of the entrance it was judged at, as in [`Entrance::label`](crate::Entrance::label).
    pub entrance: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How strongly the requirement binds.
    pub level: Level,
    /// What a user suffers from a deviation.
    pub severity: Severity,
    /// The requirement in one sentence.
    pub requirement: String,
    /// RFC and section, for instance `RFC 1939 §3, §5 RETR`; of what no RFC asks for, what stands behind it.
    pub reference: String,
    /// The sentence of the RFC from which the requirement follows, word for word; empty where no RFC has one.
    #[serde(default)]
    pub quote: String,
    /// What was seen, one paragraph. For `skipped` the missing need, for `inconclusive` what got in the way.
    pub observed: String,
    /// What would have passed.
    pub expected: String,
    /// One line with standard tools that shows the same; empty when there is none.
    pub reproduce: String,
    /// How the connection ended: `fin`, `reset`, `tls-close`, `truncated`, `timeout`, `handshake` or `client`. Recorded apart
    /// from the verdict; null when no connection was made.
    pub ending: Option<String>,
    /// The transcript, as a path below the run's folder.
    pub transcript: Option<String>,
    /// How long the check took, in nanoseconds.
    pub duration_ns: u64,
    /// The sentence of the baseline that explains this deviation, if it is a known one; empty if the baseline lists it
    /// and does not explain it yet.
    pub approved: Option<String>,
    /// The id of the finding at the same entrance from which this one probably follows: the two are told as one. Left out
    /// for what stands alone, and in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
}

impl CheckResult {
    /// The area of the catalogue. Where none is recorded: the second dotted part of the id (`retr` of
    /// `rfc1939.retr.dot-stuffing`), or the whole id when there is no second part.
    pub fn area(&self) -> &str {
        if self.area.is_empty() { self.id.split('.').nth(1).unwrap_or(&self.id) } else { &self.area }
    }

    /// Whether this is a deviation that the baseline explains: it is told, but does not count as broken.
    pub fn is_known(&self) -> bool {
        self.approved.is_some()
            && matches!(self.verdict, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive)
    }

    /// Why this deviation is as it is, if the baseline says so.
    pub fn explanation(&self) -> Option<&str> {
        self.approved.as_deref().filter(|sentence| !sentence.trim().is_empty())
    }

    /// Whether this is a known deviation that nobody has explained yet.
    pub fn is_unexplained(&self) -> bool {
        self.is_known() && self.explanation().is_none()
    }

    /// Whether this counts against the target: a failure that is not a known one.
    pub fn is_broken(&self) -> bool {
        self.verdict == Verdict::Fail && !self.is_known()
    }

    /// Whether the check came to a judgement about the target at all.
    pub fn is_judged(&self) -> bool {
        !matches!(self.verdict, Verdict::Inconclusive | Verdict::Skipped)
    }

    /// [`duration_ns`](Self::duration_ns) as a duration.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.duration_ns)
    }
}

/// An entry of the baseline that is no longer seen: its check came to a judgement, but not to this one. It is told, and
/// the run falls short by it, so that a baseline does not hide what comes back later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StaleEntry {
    /// The id of the check, or a pattern of ids.
    pub check: String,
    /// `implicit-tls`, `starttls`, `cleartext` or `any`.
    pub entrance: String,
    /// What the check was to come to.
    pub verdict: Verdict,
    /// The sentence that explained it; empty if there was none.
    pub because: String,
    /// Where the entry stands: `known.yaml:5:12`.
    pub place: Option<String>,
}

/// `results.json` of a conformance run: one verdict for each check and entrance, in the order they were run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The verdicts.
    pub checks: Vec<CheckResult>,
    /// What the baseline lists and is no longer seen.
    #[serde(default)]
    pub stale: Vec<StaleEntry>,
}

impl Results {
    /// How many verdicts of each kind there are; known deviations are counted apart.
    pub fn counts(&self) -> Totals {
        self.checks.iter().collect()
    }
}

impl Default for Results {
    fn default() -> Self {
        Self { format: FORMAT, checks: Vec::new(), stale: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, verdict: Verdict, approved: bool) -> CheckResult {
        CheckResult {
            id: id.into(),
            verdict,
            approved: approved.then(|| "the vendor knows".into()),
            ..CheckResult::default()
        }
    }

    #[test]
    fn the_area_is_the_second_part() {
        assert_eq!(result("rfc1939.retr.dot-stuffing", Verdict::Pass, false).area(), "retr");
        assert_eq!(result("odd", Verdict::Pass, false).area(), "odd");
    }

    #[test]
    fn an_approval_turns_deviations_into_known_ones_and_nothing_else() {
        for (verdict, known) in [
            (Verdict::Pass, false),
            (Verdict::Fail, true),
            (Verdict::Warn, true),
            (Verdict::Info, false),
            (Verdict::Inconclusive, true),
            (Verdict::Skipped, false),
        ] {
            assert_eq!(result("a.b.c", verdict, true).is_known(), known, "{verdict}");
            assert!(!result("a.b.c", verdict, false).is_known(), "{verdict}");
        }
        assert!(result("a.b.c", Verdict::Fail, false).is_broken());
        assert!(!result("a.b.c", Verdict::Fail, true).is_broken());
    }

    #[test]
    fn every_verdict_is_counted_once() {
        let mut checks: Vec<_> =
            Verdict::ALL.iter().map(|verdict| result("a.b.c", *verdict, false)).collect();
        checks.push(result("a.b.d", Verdict::Fail, true));
        let counts = Results { checks, ..Results::default() }.counts();
        let expected = Totals { pass: 1, fail: 1, warn: 1, info: 1, inconclusive: 1, skipped: 1, known: 1 };
        assert_eq!(counts, expected);
        assert_eq!(counts.total(), 7);
    }
}

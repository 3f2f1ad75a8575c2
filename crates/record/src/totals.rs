//! Numbers of verdicts. Sums only: what they mean for an exit code is decided by the runner.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Verdict};

/// How many verdicts of each kind; each check at each entrance is counted in exactly one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Requirements kept.
    pub pass: u64,
    /// Requirements broken, known deviations left out.
    pub fail: u64,
    /// Recommendations and practices not followed, known deviations left out.
    pub warn: u64,
    /// Observations that are right either way.
    pub info: u64,
    /// Checks that could not be carried out to their end.
    pub inconclusive: u64,
    /// Checks a need of which was missing.
    pub skipped: u64,
    /// Deviations that the baseline explains.
    pub known: u64,
}

impl Totals {
    /// Counts one more result.
    pub fn add(&mut self, result: &CheckResult) {
        let field = if result.is_known() {
            &mut self.known
        } else {
            match result.verdict {
                Verdict::Pass => &mut self.pass,
                Verdict::Fail => &mut self.fail,
                Verdict::Warn => &mut self.warn,
                Verdict::Info => &mut self.info,
                Verdict::Inconclusive => &mut self.inconclusive,
                Verdict::Skipped => &mut self.skipped,
            }
        };
        *field += 1;
    }

    /// All results together.
    pub fn total(&self) -> u64 {
        self.pass + self.fail + self.warn + self.info + self.inconclusive + self.skipped + self.known
    }
}

impl<'a> FromIterator<&'a CheckResult> for Totals {
    fn from_iter<I: IntoIterator<Item = &'a CheckResult>>(results: I) -> Self {
        let mut totals = Self::default();
        for result in results {
            totals.add(result);
        }
        totals
    }
}

//! What two load runs are found to differ in. The statistics are computed elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::FORMAT;

/// Two load runs compared, A the older or the reference, B the newer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// What A is called: its folder, or its target and time.
    pub a: String,
    /// What B is called.
    pub b: String,
    /// One row for each step and quantile that both have.
    pub rows: Vec<ComparisonRow>,
    /// All of it in one clause: `slower: login p99 +34 %`, `no difference shown`.
    pub verdict: String,
    /// What makes the runs hard to compare: another scenario, another seed, errors; one sentence each.
    pub notes: Vec<String>,
}

impl Default for Comparison {
    /// Nothing compared; of the present format.
    fn default() -> Self {
        Self {
            format: FORMAT,
            a: String::new(),
            b: String::new(),
            rows: Vec::new(),
            verdict: String::new(),
            notes: Vec::new(),
        }
    }
}

/// One quantile of one step, in both runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonRow {
    /// The step, as in [`StepRow::tag`](crate::StepRow::tag).
    pub tag: String,
    /// `p50`, `p90`, `p95`, `p99`, `p99.9`.
    pub quantile: String,
    /// The response time in A.
    pub a_ns: u64,
    /// The response time in B.
    pub b_ns: u64,
    /// B as a multiple of A.
    pub ratio: f64,
    /// The lower end of the 95 % confidence interval of the ratio.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// `faster`, `slower`, `no difference shown`, `too few samples`; said of B.
    pub verdict: String,
    /// How many samples A has.
    pub samples_a: u64,
    /// How many samples B has.
    pub samples_b: u64,
}

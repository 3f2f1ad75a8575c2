//! The figures of a run that is still going on, for the screen and for plain logs. Knows no clock and no terminal:
//! the caller says how much time has passed and how wide the screen is.

use record::{ErrorCount, Quantiles};

/// What is known of a load run while it goes on. The controller fills it in once a second; all totals count since
/// the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveFigures {
    /// The name of the scenario.
    pub scenario: String,
    /// What is being loaded, as the user named it.
    pub target: String,
    /// Seconds since the start.
    pub elapsed_s: f64,
    /// How long the arrivals last by plan, in seconds.
    pub duration_s: f64,
    /// Sessions the whole plan has.
    pub planned: u64,
    /// Arrivals the plan wanted so far.
    pub asked: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Sessions that ended as planned.
    pub completed: u64,
    /// Sessions that ended with something wrong.
    pub failed: u64,
    /// Sessions open now.
    pub open: u64,
    /// Commands sent.
    pub commands: u64,
    /// Octets received.
    pub octets_received: u64,
    /// Messages that were verified and wrong.
    pub verification_failures: u64,
    /// The rate asked for in the last second, per second; 0 in a closed loop.
    pub asked_per_s: f64,
    /// Sessions begun in the last second.
    pub achieved_per_s: f64,
    /// Errors by kind, in the order of the kinds.
    pub errors: Vec<ErrorCount>,
    /// Response times by step since the start, in the order of the tables.
    pub steps: Vec<LiveStep>,
    /// By how much the generator's ticker was late at most, since the start.
    pub lateness_max_ns: u64,
    /// Thresholds that do not hold at present, as written.
    pub broken: Vec<String>,
}

/// The response times of one step so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveStep {
    /// As in [`record::StepRow::tag`].
    pub tag: String,
    /// The figures since the start.
    pub response: Quantiles,
}

/// One screen: progress, rates, sessions, errors, the table of steps. No line is longer than `width`.
pub fn load_live(figures: &LiveFigures, width: usize) -> String {
    let _ = (figures, width);
    String::new()
}

/// The same in one line without a line end, for logs.
pub fn load_live_line(figures: &LiveFigures) -> String {
    let _ = figures;
    String::new()
}

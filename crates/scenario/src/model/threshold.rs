//! What must hold for a run to succeed.

use serde::{Deserialize, Serialize};

/// One line such as `login p99 < 250ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// As written.
    pub text: String,
    /// Where: `path:line`; `None` from the builder and the command line.
    pub place: Option<String>,
    /// What is looked at.
    pub subject: Subject,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub limit: Limit,
}

/// What a threshold looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Subject {
    /// A figure of a step's latencies; the limit is in nanoseconds.
    Step {
        /// The step's tag; `login` stands for every `login-…`.
        tag: String,
        /// Which figure.
        quantile: Quantile,
        /// Service time instead of response time.
        service: bool,
    },
    /// Errors: their number, or their share of the sessions begun.
    Errors {
        /// The kind; `err` stands for every `err:…` too. `None`: all.
        kind: Option<String>,
    },
    /// Sessions begun against sessions asked for; the limit is a share.
    Achieved,
    /// Failed verifications: their number, or their share of the messages retrieved.
    Verification,
}

/// A figure of a distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Quantile {
    /// The value that this part (0 to 1) does not exceed; p99 is 0.99.
    Part(f64),
    /// The mean.
    Mean,
    /// The greatest.
    Max,
}

/// How a figure is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `=`
    Equal,
}

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Limit {
    /// A time.
    Nanoseconds(u64),
    /// A share, 0 to 1: `0.1%` is 0.001.
    Share(f64),
    /// A number.
    Count(u64),
}

impl Limit {
    /// The bare number, in nanoseconds, as a part of 1, or as a count.
    pub fn value(self) -> f64 {
        match self {
            Self::Nanoseconds(number) | Self::Count(number) => number as f64,
            Self::Share(share) => share,
        }
    }
}

impl Comparison {
    /// Whether it holds of a figure and a limit; never of a figure that is not a number.
    #[expect(clippy::float_cmp)] // "= 0" means exactly that.
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::Less => figure < limit,
            Self::AtMost => figure <= limit,
            Self::Greater => figure > limit,
            Self::AtLeast => figure >= limit,
            Self::Equal => figure == limit,
        }
    }
}

impl Threshold {
    /// Whether the observed figure (in the limit's unit) keeps it.
    pub fn holds(&self, figure: f64) -> bool {
        self.comparison.holds(figure, self.limit.value())
    }
}

impl Subject {
    /// Whether a step's samples belong to it.
    pub fn covers_step(&self, tag: &str) -> bool {
        match self {
            Self::Step { tag: wanted, .. } => {
                tag == wanted || (wanted == "login" && tag.strip_prefix("login-").is_some())
            }
            _ => false,
        }
    }

    /// Whether an error of this kind counts for it.
    pub fn covers_error(&self, kind: &str) -> bool {
        match self {
            Self::Errors { kind: None } => true,
            Self::Errors { kind: Some(wanted) } => kind
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
            Self::Verification => kind.starts_with("verification:"),
            Self::Step { .. } | Self::Achieved => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_covers_its_family_and_nothing_that_merely_begins_alike() {
        let step = |tag: &str| Subject::Step { tag: tag.to_owned(), quantile: Quantile::Max, service: false };
        assert!(step("login").covers_step("login-apop") && !step("login").covers_step("logins"));
        assert!(step("tls").covers_step("tls") && !step("stls").covers_step("stls-tls"));
        let errors = |kind: Option<&str>| Subject::Errors { kind: kind.map(str::to_owned) };
        assert!(errors(None).covers_error("timeout"));
        assert!(errors(Some("err")).covers_error("err") && errors(Some("err")).covers_error("err:IN-USE"));
        assert!(
            !errors(Some("err:IN-USE")).covers_error("err") && !errors(Some("err")).covers_error("error")
        );
        assert!(Subject::Verification.covers_error("verification:size"));
        assert!(!Subject::Achieved.covers_error("timeout") && !Subject::Verification.covers_step("login"));
    }

    #[test]
    fn a_figure_that_is_no_number_keeps_no_threshold() {
        for line in ["errors < 5", "errors <= 5", "errors > 5", "errors >= 5", "errors = 5"] {
            assert!(!Threshold::parse(line).unwrap().holds(f64::NAN), "{line}");
        }
        let holds = |line: &str, figure: f64| Threshold::parse(line).unwrap().holds(figure);
        assert!(holds("login p99 < 250ms", 249e6) && !holds("login p99 < 250ms", 250e6));
        assert!(holds("achieved >= 99%", 0.99) && !holds("achieved > 99%", 0.99));
        assert!(holds("verification = 0", 0.0) && !holds("verification = 0", 1.0));
    }
}

//! Pure reporters: recorded runs to text, for people ([`human`], [`html()`]) and for machines ([`json`], [`junit`],
//! [`tap`], [`github`]); the same for load runs ([`load_summary`], [`load_html`], [`load_csv`] and others), for one
//! that is still going on ([`load_live`], [`prometheus`]), and for two of them compared ([`compare_human`],
//! [`compare_markdown`]).
//!
//! The contract: a reporter is a function of the records, and of transcript texts and figures the caller hands
//! in, so an old run can be rendered again and gives the same text. Every form tells every verdict. A known
//! deviation ([`record::CheckResult::approved`]) is told apart from a failure and never passes for success
//! silently. What probably follows from another finding ([`record::CheckResult::follows`]) is told under it.
//!
//! What this crate does *not* do: no file, no clock, no terminal, no environment (whether to colour, and the
//! width, are arguments), and no judging. Text that came from a server is made harmless for the form it is put
//! into: no control character of a greeting reaches a terminal, and none ends an annotation or an XML element.
//! A page loads nothing and runs nothing.
//!
//! ```
//! use record::{CheckResult, Results, Run, Verdict};
//!
//! let check = CheckResult { id: "rfc1939.stat.format".into(), verdict: Verdict::Pass, ..Default::default() };
//! let results = Results { checks: vec![check], ..Default::default() };
//! let run = Run { totals: results.counts(), ..Default::default() };
//! let text = report::human(&run, &results, &report::Options::default());
//! assert!(text.ends_with("pass: none of 1 requirement broken · 1 pass\n"));
//! ```

mod finding;
mod github;
mod group;
mod harmless;
mod html;
mod human;
mod json;
mod junit;
mod load;
mod number;
mod outcome;
mod page;
mod svg;
mod tap;
mod text;

pub use github::github;
pub use harmless::{harmless, harmless_annotations, harmless_json, is_hidden};
pub use html::{html, load_html};
pub use human::{Options, human, human_check};
pub use json::json;
pub use junit::junit;
pub use load::{
    LiveFigures, LiveStep, PROMETHEUS_CONTENT_TYPE, compare_human, compare_markdown, load_csv, load_github,
    load_json, load_junit, load_live, load_live_line, load_summary, load_verdict_line, prometheus, steps_csv,
};
pub use outcome::verdict_line;
pub use tap::tap;

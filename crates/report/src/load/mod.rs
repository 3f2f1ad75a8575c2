//! The reports of load runs, and of two of them compared. The page is in [`crate::html`].

mod compare;
mod csv;
mod live;
mod machine;
mod outcome;
mod prometheus;
mod quantiles;
mod summary;
mod words;

pub use compare::{compare_human, compare_markdown};
pub use csv::{load_csv, steps_csv};
pub use live::{LiveFigures, LiveStep, load_live, load_live_line};
pub use machine::{load_github, load_json, load_junit};
pub(crate) use outcome::load_outcome;
pub use outcome::load_verdict_line;
pub use prometheus::{PROMETHEUS_CONTENT_TYPE, prometheus};
pub(crate) use quantiles::{UNTOLD, columns, quantile};
pub use summary::load_summary;
pub(crate) use words::{alerts, service_differs, sessions_words, verified_words};

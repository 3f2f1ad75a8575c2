//! The reports of load runs.

mod live;

pub use live::{LiveFigures, LiveStep, load_live, load_live_line};

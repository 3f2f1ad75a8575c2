//! The bar on stderr while a run goes on; nothing at all where stderr is no terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use record::{Event, Verdict};

use crate::terminal;

/// The bar.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    /// A bar for so many verdicts; hidden when people asked for quiet or are not there.
    pub(super) fn new(verdicts: usize, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), quiet };
        }
        let bar = ProgressBar::new(u64::try_from(verdicts).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, quiet }
    }

    /// The next entrance is looked at.
    pub(super) fn entrance(&self, endpoint: &net::Endpoint) {
        self.bar.set_message(format!("looking at {endpoint}"));
    }

    /// A sentence for people, unless they asked for quiet.
    pub(super) fn tell(&self, sentence: &str) {
        if !self.quiet {
            self.bar.suspend(|| terminal::tell(sentence));
        }
    }

    /// Something happened.
    pub(super) fn hear(&self, event: &Event) {
        match event {
            Event::CheckStarted { id } => self.bar.set_message(id.clone()),
            Event::CheckFinished(result) => {
                self.bar.inc(1);
                if result.verdict == Verdict::Fail {
                    self.bar.println(format!("fail  {} ({})", result.id, result.entrance));
                }
            }
        }
    }

    /// The bar goes; what stays is the report.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

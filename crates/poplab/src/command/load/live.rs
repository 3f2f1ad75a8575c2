//! The figures of a run while it goes on, on stderr: one screen that is drawn anew each second on a terminal, a plain
//! line now and then elsewhere, nothing when people asked for quiet. What the figures look like is `report`'s.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use report::LiveFigures;

use crate::terminal;

/// The first plain line comes after this time, so that people see that something happens.
const FIRST_LINE_S: f64 = 1.0;
/// Seconds between two plain lines.
const LINE_EVERY_S: f64 = 5.0;

/// The view.
pub(super) enum Live {
    /// A screen. It knows the size of the terminal and draws no more than fits.
    Screen(ProgressBar),
    /// Plain lines; when the next is due.
    Lines {
        /// Seconds since the start.
        due_s: f64,
    },
    /// Nothing.
    Quiet,
}

impl Live {
    /// The view that suits stderr.
    pub(super) fn new(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if quiet {
            return Self::Quiet;
        }
        match ProgressStyle::with_template("{msg}") {
            Ok(style) if std::io::stderr().is_terminal() && !dumb => {
                Self::Screen(ProgressBar::new_spinner().with_style(style))
            }
            _ => Self::Lines { due_s: FIRST_LINE_S },
        }
    }

    /// Shows the figures of this second.
    pub(super) fn show(&mut self, figures: &LiveFigures) {
        match self {
            Self::Quiet => {}
            Self::Lines { due_s } => {
                if let Some(next) = next_line(*due_s, figures.elapsed_s) {
                    *due_s = next;
                    terminal::tell(&report::load_live_line(figures));
                }
            }
            Self::Screen(screen) => {
                let (width, height) = terminal::screen();
                // A last line that is full moves the whole screen.
                let text = report::load_live(figures, width.saturating_sub(1), height.saturating_sub(1));
                screen.set_message(terminal::visible(text.trim_end()));
                screen.tick();
            }
        }
    }

    /// A sentence that stays, such as that the run is being ended.
    pub(super) fn say(&mut self, line: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines { .. } => terminal::tell(line),
            Self::Screen(screen) => screen.println(line),
        }
    }

    /// The run is over: the screen goes, what stays is the report. Another run may follow.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Quiet => {}
            Self::Lines { due_s } => *due_s = FIRST_LINE_S,
            Self::Screen(screen) => {
                screen.finish_and_clear();
                screen.reset();
            }
        }
    }
}

/// When the line after this one is due, if one is due now. Seconds are complete a little early or late.
fn next_line(due_s: f64, elapsed_s: f64) -> Option<f64> {
    (elapsed_s + 0.5 >= due_s)
        .then(|| ((elapsed_s + 0.5) / LINE_EVERY_S).floor().mul_add(LINE_EVERY_S, LINE_EVERY_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_at_once_and_then_now_and_then() {
        let (mut due_s, mut shown) = (FIRST_LINE_S, Vec::new());
        for second in 1..=17 {
            if let Some(next) = next_line(due_s, f64::from(second)) {
                (due_s, shown) = (next, [shown, vec![second]].concat());
            }
        }
        assert_eq!(shown, [1, 5, 10, 15]);
        assert_eq!(next_line(5.0, 12.0), Some(15.0), "a gap is not made up for");
    }
}

//! How long to wait for what, learned from the silences of a run.
//!
//! A server that answers in milliseconds and is then silent at one command would cost every check the whole patience
//! there. After two whole waits for the same thing, the next ones for it are short: long beside everything the server
//! did answer. An answer that comes later than a short wait would have lasted makes them long again. It is the same with
//! a server that ends content with a dot line that ends with LF alone: whether that is the end is told by the silence
//! behind it, and hundreds of these would cost a run minutes. Nothing is judged here; a silence is what it was, only
//! shorter.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many whole waits for the same thing are in vain before the next ones are short.
const WHOLE_WAITS: u32 = 2;
/// A short wait is this many times as long as the longest that brought an answer.
const TIMES_SLOWEST: u32 = 4;
/// No wait is shorter than this.
const SHORTEST: Duration = Duration::from_secs(1);
/// Things that are waited for and told apart; the names are our own, so there are not many.
const KINDS_AT_MOST: usize = 200;

/// So many doubtful dot lines in a row were the end of content before the next ones are likely to be.
const DOT_LINES: u32 = 10;
/// By how much the wait behind such a dot line is shorter.
const TIMES_SHORTER: u32 = 10;

/// The silences of a run at one entrance.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    in_vain: RefCell<BTreeMap<String, u32>>,
    slowest: Cell<Duration>,
    /// The server has answered a NOOP.
    noop: Cell<bool>,
    /// Doubtful dot lines that were the end, in a row.
    dot_lines: Cell<u32>,
}

impl Silences {
    /// How long to wait for this, where the patience is `whole`.
    pub(crate) fn wait(&self, what: &str, whole: Duration) -> Duration {
        let in_vain = self.in_vain.borrow().get(what).copied().unwrap_or_default();
        if in_vain < WHOLE_WAITS { whole } else { self.short().min(whole) }
    }

    /// It was waited for in vain for all the time that was meant.
    pub(crate) fn in_vain(&self, what: &str) {
        let mut in_vain = self.in_vain.borrow_mut();
        if in_vain.len() < KINDS_AT_MOST || in_vain.contains_key(what) {
            *in_vain.entry(what.to_owned()).or_default() += 1;
        }
    }

    /// It came after this time.
    pub(crate) fn came(&self, what: &str, after: Duration) {
        if after >= self.short() {
            self.in_vain.borrow_mut().remove(what);
        }
        self.slowest.set(self.slowest.get().max(after));
    }

    /// A NOOP was answered.
    pub(crate) fn noop_came(&self) {
        self.noop.set(true);
    }

    /// Whether the server answers NOOP at all, as far as was seen.
    pub(crate) fn answers_noop(&self) -> bool {
        self.noop.get()
    }

    /// How long nothing must come behind a dot line that ended with LF alone, for it to be the end, where that is `whole`
    /// as long as nothing is known.
    pub(crate) fn behind_dot_line(&self, whole: Duration) -> Duration {
        if self.dot_lines.get() < DOT_LINES { whole } else { whole / TIMES_SHORTER }
    }

    /// Whether such a dot line was the end.
    pub(crate) fn dot_line_was_end(&self, was: bool) {
        self.dot_lines.set(if was { self.dot_lines.get().saturating_add(1) } else { 0 });
    }

    /// What was learned under other circumstances counts no more.
    pub(crate) fn forget(&self) {
        self.in_vain.borrow_mut().clear();
        self.slowest.set(Duration::ZERO);
    }

    fn short(&self) -> Duration {
        (self.slowest.get() * TIMES_SLOWEST).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Duration = Duration::from_secs(10);

    #[test]
    fn two_whole_waits_in_vain_make_the_next_short_for_the_same_thing_alone() {
        let silences = Silences::default();
        silences.came("STAT", Duration::from_millis(5));
        for _ in 0..WHOLE_WAITS {
            assert_eq!(silences.wait("STLS", WHOLE), WHOLE);
            silences.in_vain("STLS");
        }
        assert_eq!(silences.wait("STLS", WHOLE), SHORTEST);
        assert_eq!(silences.wait("STAT", WHOLE), WHOLE);
    }

    #[test]
    fn dot_lines_that_are_always_the_end_are_believed_sooner_until_one_is_not() {
        let silences = Silences::default();
        for _ in 0..DOT_LINES {
            assert_eq!(silences.behind_dot_line(WHOLE), WHOLE);
            silences.dot_line_was_end(true);
        }
        assert_eq!(silences.behind_dot_line(WHOLE), WHOLE / TIMES_SHORTER);
        silences.dot_line_was_end(false);
        assert_eq!(silences.behind_dot_line(WHOLE), WHOLE);
    }

    #[test]
    fn a_slow_server_is_waited_for_and_never_longer_than_the_patience() {
        let silences = Silences::default();
        for _ in 0..WHOLE_WAITS {
            silences.in_vain("QUIT");
        }
        silences.came("QUIT", Duration::from_millis(400));
        assert_eq!(silences.wait("QUIT", WHOLE), Duration::from_millis(1600));
        silences.came("STAT", Duration::from_secs(4));
        assert_eq!(silences.wait("QUIT", WHOLE), WHOLE);
        silences.came("QUIT", Duration::from_secs(40));
        silences.in_vain("QUIT");
        assert_eq!(silences.wait("QUIT", WHOLE), WHOLE);
    }
}

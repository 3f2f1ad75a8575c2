//! Source ports that this process chooses itself.
//!
//! The kernel's own choice becomes four times dearer from 10,000 connections of one address on, and reserves a port
//! for one connection only; one that is bound with `SO_REUSEADDR` can serve a connection to each server.
//! Deliberately no table of what is in use: the kernel says so, and the next port is tried.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use crate::limits;

/// What Linux has where nobody has set another range.
const USUAL: RangeInclusive<u16> = 32_768..=60_999;

thread_local! {
    /// How many ports of the range this thread has gone through. Each thread begins elsewhere, so that neither
    /// threads nor processes often try the same ones.
    static TRIED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The port to try next.
pub(crate) fn next() -> u16 {
    static RANGE: OnceLock<RangeInclusive<u16>> = OnceLock::new();
    let range = RANGE.get_or_init(|| limits::port_range().unwrap_or(USUAL));
    let tried = TRIED.get().unwrap_or_else(|| RandomState::new().hash_one(0) as u32 / 2);
    TRIED.set(Some(tried.wrapping_add(1)));
    nth(range, tried)
}

/// The ports of a range in turn, for ever.
fn nth(range: &RangeInclusive<u16>, number: u32) -> u16 {
    let count = u32::from(*range.end()) - u32::from(*range.start()) + 1;
    range.start() + (number % count) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_the_range_has_its_turn() {
        let all: Vec<u16> = (7..7 + 5).map(|number| nth(&(65_531..=65_535), number)).collect();
        assert_eq!(all, [65_533, 65_534, 65_535, 65_531, 65_532]);
        assert_eq!(nth(&(4000..=4000), u32::MAX), 4000);
    }

    #[test]
    fn a_thread_does_not_repeat_itself() {
        let (first, second) = (next(), next());
        assert_ne!(first, second);
    }
}

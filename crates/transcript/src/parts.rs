//! What recorders saw of secrets at the beginning of lines: where a line end broke one in two, its second part.
//!
//! A word may begin like the end of a secret; a text that quotes a line which began with that part shows it for neither.

use std::collections::BTreeSet;

/// Parts that are known. A server that breaks more secrets than that has every word taken for a part.
const PARTS_AT_MOST: usize = 1_000;

/// The parts of the run, in small letters.
#[derive(Default)]
pub(crate) struct Parts {
    seen: BTreeSet<Box<[u8]>>,
    too_many: bool,
}

impl Parts {
    pub(crate) fn add(&mut self, octets: &[u8]) {
        let part = octets.to_ascii_lowercase().into();
        if self.seen.len() < PARTS_AT_MOST {
            self.seen.insert(part);
        } else {
            self.too_many |= !self.seen.contains(&part);
        }
    }

    /// Whether a part began with these octets.
    pub(crate) fn begins(&self, octets: &[u8]) -> bool {
        let wanted: Box<[u8]> = octets.to_ascii_lowercase().into();
        let next = self.seen.range(wanted.clone()..).next();
        self.too_many || next.is_some_and(|part| part.starts_with(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_in_any_case_and_by_its_beginning_and_beyond_the_bound_all_are() {
        let mut parts = Parts::default();
        parts.add(b"deRLand");
        assert!(parts.begins(b"derland") && parts.begins(b"DERL"));
        assert!(!parts.begins(b"derlands") && !parts.begins(b"erland"));
        for number in 0..=PARTS_AT_MOST {
            parts.add(format!("{number}").as_bytes());
        }
        assert!(parts.begins(b"erland"));
    }
}

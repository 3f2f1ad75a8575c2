//! Names of users. They are public, and shown although a part of one is like a part of somebody's password.
//!
//! It deliberately knows of words alone: a name within a longer word is none.

use std::collections::BTreeSet;

/// Longer names are not known for such.
pub(crate) const NAME_AT_MOST: usize = 255;

/// The names of the run.
#[derive(Clone, Default)]
pub(crate) struct Names(BTreeSet<Box<[u8]>>);

impl Names {
    pub(crate) fn add(&mut self, name: &[u8]) {
        if (1..=NAME_AT_MOST).contains(&name.len()) {
            self.0.insert(name.into());
        }
    }

    /// Whether the text begins with a name, in which the first `length` octets are.
    pub(crate) fn begins(&self, text: &str, length: usize) -> bool {
        let ends_there = |end: &usize| text.get(*end..).is_some_and(|rest| !rest.starts_with(is_word));
        let most = text.len().min(NAME_AT_MOST);
        (length..=most).filter(ends_there).any(|end| self.0.contains(&text.as_bytes()[..end]))
    }

    /// Whether the text ends with a name, in which the last `length` octets are.
    pub(crate) fn ends(&self, text: &str, length: usize) -> bool {
        let (most, last) = (text.len().saturating_sub(NAME_AT_MOST), text.len() - length);
        let begins_there = |start: &usize| text.get(..*start).is_some_and(|rest| !rest.ends_with(is_word));
        (most..=last).filter(begins_there).any(|start| self.0.contains(&text.as_bytes()[start..]))
    }

    /// The same for octets, and what came before them.
    pub(crate) fn end_with(&self, before: &[u8], octets: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let before = &before[before.len().saturating_sub(NAME_AT_MOST + 1)..];
        let all = [before, octets].concat();
        std::str::from_utf8(&all).is_ok_and(|text| self.ends(text, octets.len()))
    }
}

/// Whether a character is one of a word.
pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_of_its_own() {
        let mut names = Names::default();
        names.add(b"ann");
        names.add(b"ann@example.org");
        assert!(names.begins("ann", 2) && names.begins("ann, bob", 3) && names.begins("ann@example.org", 5));
        assert!(!names.begins("anna", 3) && !names.begins("bob", 1) && !names.begins("ann bob", 4));
        assert!(names.ends("USER ann", 2) && names.ends("ann@example.org", 11));
        assert!(!names.ends("joann", 3) && !names.ends("USER ann", 4));
        assert!(names.end_with(b"USER a", b"nn") && names.end_with(b"", b"ann"));
        assert!(!names.end_with(b"USER jo", b"ann") && !names.end_with(b"\xff", b"ann"));
    }
}

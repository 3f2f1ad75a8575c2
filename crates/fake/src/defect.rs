//! Named ways of being wrong, and the set of them a world has.
//!
//! The table is in [`table`], its rows by area below it; where a defect acts is found by its name: the correct code asks
//! for it at the very point where it decides. This module deliberately does not group or combine defects.

mod table;

pub use table::{DEFECTS, Defect};

/// What is known of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefectInfo {
    /// The defect.
    pub defect: Defect,
    /// Its name on the command line and in reports. It never changes its meaning.
    pub id: &'static str,
    /// One sentence: what the server does wrong, and when.
    pub summary: &'static str,
    /// The requirements of the catalogue that this violates: the checks of these, and no others, are to fail or
    /// warn. None for a defect that only load sees, since it touches only mail seeded for load.
    pub breaks: &'static [&'static str],
}

impl Defect {
    /// The defect with this id, or the only one whose id ends with a dot and this: `retr-corrupt` is
    /// `load.retr-corrupt`.
    pub fn parse(id: &str) -> Option<Defect> {
        if let Some(info) = DEFECTS.iter().find(|info| info.id == id) {
            return Some(info.defect);
        }
        let is_end =
            |info: &&DefectInfo| info.id.strip_suffix(id).is_some_and(|before| before.ends_with('.'));
        let mut found = DEFECTS.iter().filter(is_end);
        found.next().filter(|_| found.next().is_none()).map(|info| info.defect)
    }

    /// What is known of it.
    pub fn info(self) -> &'static DefectInfo {
        &DEFECTS[self as usize]
    }

    /// Its name.
    pub fn id(self) -> &'static str {
        self.info().id
    }
}

impl std::fmt::Display for Defect {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.id())
    }
}

/// A set of defects.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Defects([u64; WORDS]);

const WORDS: usize = 4;
const _: () = assert!(DEFECTS.len() <= WORDS * 64, "the set is too small for the table");

impl Defects {
    /// No defect: the correct server.
    pub const NONE: Defects = Defects([0; WORDS]);

    /// Adds a defect.
    pub fn insert(&mut self, defect: Defect) {
        let index = defect as usize;
        self.0[index / 64] |= 1 << (index % 64);
    }

    /// Whether the set has this defect.
    pub fn contains(self, defect: Defect) -> bool {
        let index = defect as usize;
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self == Defects::NONE
    }

    /// The defects in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        DEFECTS.iter().map(|info| info.defect).filter(move |&defect| self.contains(defect))
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<Source: IntoIterator<Item = Defect>>(source: Source) -> Defects {
        let mut defects = Defects::NONE;
        source.into_iter().for_each(|defect| defects.insert(defect));
        defects
    }
}

impl From<Defect> for Defects {
    fn from(defect: Defect) -> Defects {
        [defect].into_iter().collect()
    }
}

impl std::fmt::Debug for Defects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.iter().map(Defect::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{DEFECTS, Defect, Defects};

    #[test]
    fn the_table_is_in_order_and_its_names_are_unique() {
        let ids: BTreeSet<_> = DEFECTS.iter().map(|info| info.id).collect();
        assert_eq!(ids.len(), DEFECTS.len());
        for (index, info) in DEFECTS.iter().enumerate() {
            assert_eq!(info.defect as usize, index, "{}", info.id);
            assert_eq!(Defect::parse(info.id), Some(info.defect));
            assert_eq!(info.defect.info(), info);
        }
        assert_eq!(Defect::parse("rfc1939.no.such"), None);
    }

    #[test]
    fn the_end_of_an_id_is_enough_if_it_is_no_other_s() {
        assert_eq!(Defect::parse("retr-corrupt"), Some(Defect::RetrCorrupt));
        assert_eq!(Defect::parse("greeting.glued"), Some(Defect::GreetingGlued));
        for text in ["two-spaces", "corrupt", "glue", ".glued", "."] {
            assert_eq!(Defect::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_defect_breaks_something_and_says_so_once() {
        for info in DEFECTS {
            let breaks: BTreeSet<_> = info.breaks.iter().collect();
            assert_eq!(breaks.is_empty(), info.id.starts_with("load."), "{}", info.id);
            assert_eq!(breaks.len(), info.breaks.len(), "{}", info.id);
            assert!(!info.summary.is_empty() && !info.summary.ends_with('.'), "{}", info.id);
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let (first, last) = (DEFECTS[0].defect, DEFECTS[DEFECTS.len() - 1].defect);
        let set: Defects = [last, first, last].into_iter().collect();
        assert!(set.contains(first) && set.contains(last) && !set.contains(DEFECTS[1].defect));
        assert_eq!(set.iter().collect::<Vec<_>>(), [first, last]);
        assert!(Defects::NONE.is_empty() && !set.is_empty());
        assert_eq!(format!("{set:?}"), format!("{{{:?}, {:?}}}", first.id(), last.id()));
    }
}

//! Named ways of being wrong, and the set of them that a world has.
//!
//! A defect is a plain bug, as a programmer would make it: in effect always, unless the real bug had a circumstance.
//! Where a plain bug drags half a session along, so be it. One file for each area of the catalogue; a row has the id, one
//! sentence, what it [`proves`](Defect::proves) and the [hooks](Hooks) by which it acts. This module deliberately does not
//! group or combine defects.

mod acts;
mod alteration;
mod announcements;
mod apop;
mod authentication;
mod capabilities;
mod codes;
mod commands;
mod cycles;
mod deletion;
mod digests;
mod ending;
mod exchanges;
mod exposure;
mod framing;
mod greeting;
mod identities;
mod inactivity;
mod languages;
mod limits;
mod lines;
mod listing;
mod load;
mod lock;
mod login;
mod mechanisms;
mod numbers;
mod parsing;
mod passwords;
mod pipelining;
mod promises;
mod refusals;
mod removal;
mod retrieval;
mod sessions;
mod sizes;
mod stat;
mod states;
mod status;
mod stuffing;
mod tls;
mod tokens;
mod top;
mod top_lines;
mod transfer;
mod unicode;
mod unique_id_changes;
mod unique_id_forms;
mod unique_ids;
mod update;
mod upgrades;
mod windows;

use crate::twist::hooks::{self, Hooks};

/// One way of being wrong.
pub struct Defect {
    /// Its name on the command line and in reports. It never changes its meaning.
    pub id: &'static str,
    /// One sentence: what the server does wrong.
    pub summary: &'static str,
    /// The requirements of the catalogue of which the checks must fail or warn. Others may: what follows from a plain
    /// bug is not always known beforehand. None for a defect that only load sees, since it touches only mail seeded for
    /// load.
    pub proves: &'static [&'static str],
    pub(crate) hooks: Hooks,
}

/// All defects, area by area.
const AREAS: &[&[Defect]] = &[
    greeting::ROWS,
    framing::ROWS,
    commands::ROWS,
    states::ROWS,
    login::ROWS,
    apop::ROWS,
    lock::ROWS,
    stat::ROWS,
    listing::ROWS,
    sizes::ROWS,
    retrieval::ROWS,
    stuffing::ROWS,
    transfer::ROWS,
    alteration::ROWS,
    numbers::ROWS,
    top::ROWS,
    top_lines::ROWS,
    unique_ids::ROWS,
    unique_id_forms::ROWS,
    unique_id_changes::ROWS,
    deletion::ROWS,
    update::ROWS,
    removal::ROWS,
    ending::ROWS,
    inactivity::ROWS,
    cycles::ROWS,
    capabilities::ROWS,
    promises::ROWS,
    codes::ROWS,
    pipelining::ROWS,
    tls::ROWS,
    authentication::ROWS,
    mechanisms::ROWS,
    languages::ROWS,
    load::ROWS,
    lines::ROWS,
    parsing::ROWS,
    status::ROWS,
    sessions::ROWS,
    passwords::ROWS,
    digests::ROWS,
    upgrades::ROWS,
    exposure::ROWS,
    exchanges::ROWS,
    identities::ROWS,
    announcements::ROWS,
    refusals::ROWS,
    windows::ROWS,
    unicode::ROWS,
    tokens::ROWS,
    limits::ROWS,
];

/// All defects there are, in the order of the areas.
pub fn defects() -> impl Iterator<Item = &'static Defect> + Clone {
    AREAS.iter().flat_map(|rows| rows.iter())
}

impl Defect {
    /// The defect with this id, or the only one whose id ends with a dot and this: `retr-corrupt` is
    /// `load.retr-corrupt`.
    pub fn parse(id: &str) -> Option<&'static Defect> {
        if let Some(defect) = defects().find(|defect| defect.id == id) {
            return Some(defect);
        }
        let is_end =
            |defect: &&Defect| defect.id.strip_suffix(id).is_some_and(|before| before.ends_with('.'));
        let mut found = defects().filter(is_end);
        found.next().filter(|_| found.next().is_none())
    }
}

impl PartialEq for Defect {
    fn eq(&self, other: &Defect) -> bool {
        self.id == other.id
    }
}

impl Eq for Defect {}

impl std::fmt::Debug for Defect {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.id)
    }
}

impl std::fmt::Display for Defect {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.id)
    }
}

/// A set of defects. Those of one session act in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defects(Vec<&'static Defect>);

impl Defects {
    /// No defect: the correct server.
    pub const NONE: Defects = Defects(Vec::new());

    /// Adds a defect.
    pub fn insert(&mut self, defect: &'static Defect) {
        if !self.contains(defect) {
            self.0.push(defect);
        }
    }

    /// Whether the set has this defect.
    pub fn contains(&self, defect: &Defect) -> bool {
        self.0.contains(&defect)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The defects in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &'static Defect> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<&'static Defect> for Defects {
    fn from_iter<Source: IntoIterator<Item = &'static Defect>>(source: Source) -> Defects {
        let mut defects = Defects::NONE;
        source.into_iter().for_each(|defect| defects.insert(defect));
        defects
    }
}

impl From<&'static Defect> for Defects {
    fn from(defect: &'static Defect) -> Defects {
        Defects(vec![defect])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Defect, Defects, defects};

    #[test]
    fn names_are_unique() {
        let ids: BTreeSet<_> = defects().map(|defect| defect.id).collect();
        assert_eq!(ids.len(), defects().count());
        for defect in defects() {
            assert_eq!(Defect::parse(defect.id), Some(defect));
        }
        assert_eq!(Defect::parse("rfc1939.no.such"), None);
    }

    #[test]
    fn the_end_of_an_id_is_enough_if_it_is_no_other_s() {
        assert_eq!(Defect::parse("retr-corrupt").map(|defect| defect.id), Some("load.retr-corrupt"));
        assert_eq!(Defect::parse("greeting.glued").map(|defect| defect.id), Some("rfc1939.greeting.glued"));
        for text in ["two-spaces", "corrupt", "glue", ".glued", "."] {
            assert_eq!(Defect::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_defect_proves_something_and_says_so_once() {
        for defect in defects() {
            let proves: BTreeSet<_> = defect.proves.iter().collect();
            assert_eq!(proves.is_empty(), defect.id.starts_with("load."), "{}", defect.id);
            assert_eq!(proves.len(), defect.proves.len(), "{}", defect.id);
            assert!(!defect.summary.is_empty() && !defect.summary.ends_with('.'), "{}", defect.id);
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut all = defects();
        let (first, other, last) = (all.next().unwrap(), all.next().unwrap(), all.last().unwrap());
        let set: Defects = [last, first, last].into_iter().collect();
        assert!(set.contains(first) && set.contains(last) && !set.contains(other));
        assert_eq!(set.iter().collect::<Vec<_>>(), [last, first]);
        assert!(Defects::NONE.is_empty() && !set.is_empty());
    }
}

//! The table of all defects: one entry each, in the order of the areas of the catalogue. The entries are in the files
//! below this one, by area.
//!
//! Each is narrow on purpose: where the plain form of a bug would drag half the session along, the entry says under
//! which circumstance it shows. What a defect does is written where the correct code decides, not here.

use super::DefectInfo;

/// Asks one area after the other to put its rows behind those that there are, and makes the table of all of them.
macro_rules! defects {
    ([] $($name:ident $id:literal $summary:literal [$($breaks:literal)*];)+) => {
        /// A way in which the server can be wrong. See [`DEFECTS`] for ids and for what each one breaks.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect { $(#[doc = $summary] $name,)+ }

        /// All defects.
        pub const DEFECTS: &[DefectInfo] = &[$(DefectInfo {
            defect: Defect::$name, id: $id, summary: $summary, breaks: &[$($breaks),*],
        },)+];
    };
    ([$area:ident $($next:ident)*] $($before:tt)*) => { $area! { [$($next)*] $($before)* } };
}

#[macro_use]
mod framing;
#[macro_use]
mod maildrop;
#[macro_use]
mod messages;
#[macro_use]
mod optional;
#[macro_use]
mod login;
#[macro_use]
mod capabilities;
#[macro_use]
mod authentication;
#[macro_use]
mod languages;

defects! { [framing maildrop messages optional login capabilities authentication languages] }

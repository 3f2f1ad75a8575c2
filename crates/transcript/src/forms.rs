//! Many forms of secrets in one sorted table, and looking for all of them at once.
//!
//! At a place in a text the candidates are those forms that begin as the text goes on; with each octet there are fewer.
//! So the cost hardly depends on how many there are.

/// Line ends of so many octets in a row are passed over within a form.
const GAP: usize = 4;

/// Octets at the end of a stream that are taken for the beginning of a secret that was cut off.
const BEGINNING: usize = 3;

/// Of a secret that a line end or a quotation may have cut, so many octets are recognised, and no less than half of it.
const PART: usize = 4;

/// Octets by which a place is told where no form begins, or ends; no form between whose octets line ends may stand is
/// shorter.
const TELLING: usize = 3;

/// What comes after the octets at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Perhaps more.
    Open,
    /// Nothing, and a secret may have been cut off by that.
    Cut,
    /// Nothing.
    Nothing,
}

/// What a form is to the secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Made from it: base64, or how source text would write it. No part of one is an ordinary word.
    Derived,
    /// The secret itself.
    Plain,
    /// The secret itself, which is looked for as a word of its own.
    Word,
}

/// What stands at a place.
#[derive(Default)]
pub(crate) struct Found {
    /// Octets of the longest form, line ends within it included.
    pub(crate) longest: usize,
    /// Octets, up to the end or to line ends behind which the stream ended, of what may be the beginning of one.
    pub(crate) cut: usize,
    /// Octets of the longest form that has line ends of its own.
    pub(crate) hiding_line_ends: usize,
    /// More octets are needed to tell.
    pub(crate) unsure: bool,
}

#[derive(Clone)]
struct Form {
    octets: Box<[u8]>,
    kind: Kind,
}

/// Forms of one kind: with `GAPS` line ends may stand between their octets, with `ANY_CASE` they are kept, and found, as
/// small letters.
#[derive(Clone)]
pub(crate) struct Table<const GAPS: bool, const ANY_CASE: bool> {
    forms: Vec<Form>,
    /// The same, from their end.
    reversed: Vec<Form>,
    first: [bool; 256],
    /// The first octets of forms, and their last ones.
    beginnings: Marks,
    ends: Marks,
    longest: usize,
}

/// Where a form of several tables may begin, whatever the case of letters: one look instead of one for each table.
#[derive(Clone)]
pub(crate) struct Beginnings {
    first: [bool; 256],
    /// First octets of forms that may be shorter than [`TELLING`], or have line ends of their own.
    alone: [bool; 256],
    telling: Marks,
}

impl Default for Beginnings {
    fn default() -> Self {
        Beginnings { first: [false; 256], alone: [false; 256], telling: Marks::default() }
    }
}

impl Beginnings {
    pub(crate) fn add<const GAPS: bool, const ANY_CASE: bool>(&mut self, table: &Table<GAPS, ANY_CASE>) {
        for (octet, may_be) in table.first.iter().enumerate() {
            self.first[octet] |= *may_be;
        }
        for form in &table.forms {
            match form.octets.first_chunk::<TELLING>() {
                Some(beginning) if !beginning.iter().copied().any(is_line_end) => {
                    self.telling.add(beginning.map(|octet| octet.to_ascii_lowercase()));
                }
                _ => {
                    let first = form.octets.first().copied().unwrap_or_default();
                    self.alone[usize::from(first)] = true;
                    self.alone[usize::from(first.to_ascii_uppercase())] |= ANY_CASE;
                }
            }
        }
    }

    /// Whether a form may begin here. Seldom says so where none does.
    pub(crate) fn may_be(&self, octets: &[u8]) -> bool {
        let Some(first) = octets.first().filter(|first| self.first[usize::from(**first)]) else {
            return false;
        };
        match octets {
            [_, second, third, ..] if !is_line_end(*second) && !is_line_end(*third) => {
                self.alone[usize::from(*first)]
                    || self.telling.may_be([
                        first.to_ascii_lowercase(),
                        second.to_ascii_lowercase(),
                        third.to_ascii_lowercase(),
                    ])
            }
            _ => true,
        }
    }
}

/// Which [`TELLING`] octets are possible, nearly: nearly everywhere in a text this says no, at the cost of one look.
#[derive(Clone, Default)]
struct Marks(Vec<u64>);

impl Marks {
    const WORDS: usize = 1024;

    fn add(&mut self, octets: [u8; TELLING]) {
        self.0.resize(Self::WORDS, 0);
        let (word, bit) = Self::place(octets);
        self.0[word] |= bit;
    }

    fn may_be(&self, octets: [u8; TELLING]) -> bool {
        let (word, bit) = Self::place(octets);
        self.0.get(word).is_some_and(|marks| marks & bit != 0)
    }

    fn place([a, b, c]: [u8; TELLING]) -> (usize, u64) {
        let hash = u32::from_be_bytes([0, a, b, c]).wrapping_mul(0x9E37_79B1) >> 16;
        (hash as usize / 64 % Self::WORDS, 1 << (hash % 64))
    }
}

impl<const GAPS: bool, const ANY_CASE: bool> Default for Table<GAPS, ANY_CASE> {
    fn default() -> Self {
        Table {
            forms: Vec::new(),
            reversed: Vec::new(),
            first: [false; 256],
            beginnings: Marks::default(),
            ends: Marks::default(),
            longest: 0,
        }
    }
}

impl<const GAPS: bool, const ANY_CASE: bool> Table<GAPS, ANY_CASE> {
    /// Adds a form; [`Table::settle`] comes after the last one.
    pub(crate) fn insert(&mut self, form: &[u8], kind: Kind) {
        let octets: Box<[u8]> = form.iter().map(|octet| Self::folded(*octet)).collect();
        let Some(first) = octets.first() else { return };
        self.first[usize::from(*first)] = true;
        if ANY_CASE {
            self.first[usize::from(first.to_ascii_uppercase())] = true;
        }
        self.longest = self.longest.max(octets.len());
        if GAPS {
            if let (Some(beginning), Some(end)) = (octets.first_chunk(), octets.last_chunk()) {
                self.beginnings.add(*beginning);
                self.ends.add(*end);
            }
            self.reversed.push(Form { octets: octets.iter().rev().copied().collect(), kind });
        }
        self.forms.push(Form { octets, kind });
    }

    /// Sorts what was added.
    pub(crate) fn settle(&mut self) {
        for forms in [&mut self.forms, &mut self.reversed] {
            // Of two that are alike the one that hides more comes first.
            forms.sort_by(|one, other| (&one.octets, one.kind).cmp(&(&other.octets, other.kind)));
            forms.dedup_by(|later, earlier| later.octets == earlier.octets);
        }
    }

    /// Whether a form may begin here. Seldom says so where none does.
    pub(crate) fn may_begin(&self, octets: &[u8]) -> bool {
        let Some(first) = octets.first().filter(|first| self.first[usize::from(**first)]) else {
            return false;
        };
        match octets {
            [_, second, third, ..] if GAPS && !is_line_end(*second) && !is_line_end(*third) => {
                self.beginnings.may_be([*first, *second, *third].map(Self::folded))
            }
            _ => true,
        }
    }

    /// Looks for the longest form at the beginning of `octets`, after the octet `before`.
    pub(crate) fn look(&self, before: Option<u8>, octets: &[u8], ahead: Ahead, found: &mut Found) {
        if !self.may_begin(octets) {
            return;
        }
        let mut candidates = &self.forms[..];
        let (mut at, mut depth) = (0, 0);
        while !candidates.is_empty() {
            let gap = if GAPS && depth > 0 { line_ends(&octets[at..]) } else { 0 };
            let Some(octet) = octets.get(at + gap) else {
                ran_out(candidates, depth, at, gap > 0, ahead, found);
                return;
            };
            candidates = going_on(candidates, depth, Self::folded(*octet), |form| &form.octets);
            at += gap + 1;
            depth += 1;
            if let Some((whole, longer)) = candidates.split_first()
                && whole.octets.len() == depth
            {
                complete(whole, GAPS, before, &octets[..at], octets.get(at).copied(), ahead, found);
                candidates = longer;
            }
        }
    }

    fn folded(octet: u8) -> u8 {
        if ANY_CASE { octet.to_ascii_lowercase() } else { octet }
    }
}

/// Those of the sorted candidates, alike up to `depth`, that have this octet there.
fn going_on<T>(candidates: &[T], depth: usize, octet: u8, octets: impl Fn(&T) -> &[u8]) -> &[T] {
    let first = candidates.partition_point(|form| octets(form)[depth] < octet);
    let rest = &candidates[first..];
    &rest[..rest.partition_point(|form| octets(form)[depth] == octet)]
}

/// A form stands here, if its surroundings agree.
fn complete(
    form: &Form,
    gaps: bool,
    before: Option<u8>,
    octets: &[u8],
    after: Option<u8>,
    ahead: Ahead,
    found: &mut Found,
) {
    if form.kind == Kind::Word {
        if before.is_some_and(is_of_a_word) || after.is_some_and(is_of_a_word) {
            return;
        }
        if after.is_none() && ahead == Ahead::Open {
            found.unsure = true;
            return;
        }
    }
    found.longest = found.longest.max(octets.len());
    if !gaps {
        found.hiding_line_ends = found.hiding_line_ends.max(octets.len());
    }
}

/// The octets ended where the candidates go on.
fn ran_out(candidates: &[Form], depth: usize, at: usize, line_end: bool, ahead: Ahead, found: &mut Found) {
    match ahead {
        Ahead::Open => found.unsure = true,
        Ahead::Nothing => {}
        Ahead::Cut => {
            let enough = |form: &Form| {
                let enough = if line_end { is_part(depth, form.octets.len()) } else { depth >= BEGINNING };
                enough && form.kind != Kind::Word
            };
            if candidates.iter().any(enough) {
                found.cut = found.cut.max(at);
            }
        }
    }
}

/// Whether so many octets of a form of this length are enough to be taken for a part of it.
fn is_part(octets: usize, length: usize) -> bool {
    octets >= PART && octets * 2 >= length
}

fn line_ends(octets: &[u8]) -> usize {
    octets.iter().take(GAP).take_while(|octet| is_line_end(**octet)).count()
}

pub(crate) fn is_line_end(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n')
}

fn is_of_a_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80
}

/// Parts of forms at the two ends of a text.
pub(crate) mod edges {
    use super::{Form, Kind, TELLING, Table, going_on, is_part};

    /// How many octets at the beginning are the end of a form, as much of it as is recognised. `is_none` says of so
    /// many octets, and of the kind of a form that they are the end of, that they are no part of a secret.
    pub(crate) fn end<const GAPS: bool, const ANY_CASE: bool>(
        table: &Table<GAPS, ANY_CASE>,
        octets: &[u8],
        is_none: &dyn Fn(usize, Kind) -> bool,
    ) -> usize {
        let part = |length: &usize| {
            let Some(last) = octets[..*length].last_chunk::<TELLING>() else { return false };
            if !table.ends.may_be(last.map(Table::<GAPS, ANY_CASE>::folded)) {
                return false;
            }
            let ends = octets[..*length].iter().rev();
            is_part_of_one(
                &table.reversed,
                ends.map(|octet| Table::<GAPS, ANY_CASE>::folded(*octet)),
                is_none,
            )
        };
        (1..=octets.len().min(table.longest)).rev().find(part).unwrap_or(0)
    }

    /// How many octets at the end are the beginning of a form, as much of it as is recognised; `is_none` as in [`end`].
    pub(crate) fn beginning<const GAPS: bool, const ANY_CASE: bool>(
        table: &Table<GAPS, ANY_CASE>,
        octets: &[u8],
        is_none: &dyn Fn(usize, Kind) -> bool,
    ) -> usize {
        let part = |length: &usize| {
            let rest = &octets[octets.len() - length..];
            if rest.len() < TELLING || !table.may_begin(rest) {
                return false;
            }
            let rest = rest.iter().map(|octet| Table::<GAPS, ANY_CASE>::folded(*octet));
            is_part_of_one(&table.forms, rest, is_none)
        };
        (1..=octets.len().min(table.longest)).rev().find(part).unwrap_or(0)
    }

    fn is_part_of_one(
        forms: &[Form],
        octets: impl Iterator<Item = u8>,
        is_none: &dyn Fn(usize, Kind) -> bool,
    ) -> bool {
        let mut candidates = forms;
        let mut depth = 0;
        for octet in octets {
            candidates = going_on(candidates, depth, octet, |form| &form.octets);
            depth += 1;
            let whole = candidates.iter().take_while(|form| form.octets.len() == depth).count();
            candidates = &candidates[whole..];
            if candidates.is_empty() {
                return false;
            }
        }
        candidates.iter().any(|form| is_part(depth, form.octets.len()) && !is_none(depth, form.kind))
    }
}

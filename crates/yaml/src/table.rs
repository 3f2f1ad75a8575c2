//! Tables of keys: every map of a kind of file, its keys, what each holds and what it is for.
//!
//! One source for three readers: the examination (unknown keys, wrong types, wrong units), the JSON Schema, and people.

use crate::document::{Node, Value};

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Any text that is not blank.
    Text,
    /// Any text, also none between its quotation marks.
    AnyText,
    /// Several lines of text.
    Prose,
    /// Any text, which no message and no excerpt shows: a password.
    Secret,
    /// A whole number, at least this.
    Whole(u64),
    /// A number from 0 up.
    Number,
    /// `30%`
    Share,
    /// `250ms`; zero allowed.
    Duration,
    /// `250ms`, more than zero.
    Period,
    /// `13kB`
    Size,
    /// `50/s`
    Rate,
    /// `64kbit/s`
    Bandwidth,
    /// `true` or `false`
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A line in a language of its own, which its reader judges.
    Line(&'static Line),
    /// A map with these keys.
    Map(&'static Table),
    /// A map from values of the first form to values of the second.
    Pairs(&'static Form, &'static Form),
    /// A map from whole numbers, counted from 1, to values of this form.
    Numbered(&'static Form),
    /// A list, not empty.
    List(&'static Form),
    /// Nothing behind the colon; one of [`Form::Either`].
    Nothing,
    /// A list, which may be empty.
    ListOrEmpty(&'static Form),
    /// One of these, told apart by being a single value, a list or a map.
    Either(&'static [Form]),
}

/// A line in a language of its own.
#[derive(Debug)]
pub struct Line {
    /// What it is, with its article: `a threshold`.
    pub name: &'static str,
    /// Lines such as are meant, the simplest first.
    pub examples: &'static [&'static str],
}

/// The keys of a map.
#[derive(Debug)]
pub struct Table {
    /// What the map is, with its article if it has one: `a behaviour`.
    pub name: &'static str,
    /// All its keys, in the order of the manual.
    pub keys: &'static [Key],
    /// Exactly one of these keys must be there.
    pub choice: &'static [&'static str],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value may be.
    pub form: Form,
    /// Whether the map is nothing without it.
    pub needed: bool,
    /// What it is for: a sentence.
    pub note: &'static str,
}

/// A key that may be left out.
pub const fn key(name: &'static str, form: Form, note: &'static str) -> Key {
    Key { name, form, needed: false, note }
}

/// A key that may not.
pub const fn needed(name: &'static str, form: Form, note: &'static str) -> Key {
    Key { name, form, needed: true, note }
}

/// A map whose keys go together as they like; see [`Table::one_of`].
pub const fn table(name: &'static str, keys: &'static [Key]) -> Table {
    Table { name, keys, choice: &[] }
}

impl Table {
    /// The same, with exactly one of these keys.
    #[must_use]
    pub const fn one_of(self, choice: &'static [&'static str]) -> Self {
        Self { choice, ..self }
    }

    /// The keys of the choice that are there and have a value, in the order of the text.
    pub(crate) fn chosen<'a>(&self, node: &'a Node) -> Vec<&'a (Node, Node)> {
        let given = |name: &&str| {
            let entry = node.entry(name)?;
            let absent =
                entry.1.value == Value::Empty && self.key(name).is_some_and(|key| key.form.fits(&entry.1));
            (!absent).then_some(entry)
        };
        let mut chosen: Vec<&(Node, Node)> = self.choice.iter().filter_map(given).collect();
        chosen.sort_by_key(|(name, _)| (name.place.line, name.place.column));
        chosen
    }

    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

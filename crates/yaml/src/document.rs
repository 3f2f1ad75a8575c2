//! A YAML text as a tree with places, whatever is in it.
//!
//! The reader of YAML stops at its first syntax error, and a typed reading would stop at the first wrong type. So the
//! text is read into a tree of scalars (as written), lists and maps, which nothing but broken syntax can refuse;
//! everything else is judged on the tree, so that all of it can be told at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Spanned};

use crate::problem::{Place, Problem};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins.
    pub place: Place,
    /// Whether the scalar stands in the text as it is here, so that a part of it can be pointed at.
    pub(crate) literal: bool,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing after the colon.
    Empty,
    /// Text, number or truth, as written.
    Scalar(String),
    /// Its items.
    List(Vec<Node>),
    /// Keys and values, in the order of the text, duplicates included.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Reads a text; what is wrong is the first syntax error, which repeats nothing of the text if `wary`.
    pub(crate) fn parse(text: &str, wary: bool) -> Result<Self, Problem> {
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            strict_booleans: true,
        };
        let raw: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options);
        match raw {
            Ok(raw) => Ok(settle(raw, text)),
            Err(error) => {
                let place = error.location().map_or(Place::default(), |at| Place {
                    line: usize::try_from(at.line()).unwrap_or(1),
                    column: usize::try_from(at.column()).unwrap_or(1),
                    length: 1,
                });
                Err(Problem::new(place, format!("this is not YAML: {}", told(&error, wary))))
            }
        }
    }

    /// Its text, if it is a single value.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Its items, if it is a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Its keys and values, if it is a map.
    pub fn map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key; the first if it stands twice (which is an error told elsewhere).
    pub fn at(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A key and its value.
    pub fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.map()?.iter().find(|(name, _)| name.scalar() == Some(key))
    }

    /// The items of a key's list; none if there is no such list.
    pub fn items(&self, key: &str) -> &[Node] {
        self.at(key).and_then(Node::list).unwrap_or_default()
    }

    /// A key's text without blanks around it.
    pub fn text(&self, key: &str) -> Option<&str> {
        Some(self.at(key)?.scalar()?.trim())
    }

    /// A key's value as one of [`crate::units`] reads it, or any other function; what it cannot read was told before.
    pub fn read<T>(&self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        read(self.at(key)?.scalar()?).ok()
    }

    /// The one of these keys that is there and has a value, and that: for maps that are one of several things
    /// ([`crate::Table::one_of`]).
    pub fn chosen<'a>(&self, choice: &[&'a str]) -> Option<(&'a str, &Node)> {
        let given = |key: &str| self.at(key).filter(|value| value.value != Value::Empty);
        choice.iter().find_map(|key| Some((*key, given(key)?)))
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Empty => "empty",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// A syntax error in words. If `wary`, only in such words as cannot have come from the text.
fn told(error: &Error, wary: bool) -> String {
    let error = error.without_snippet();
    if !wary {
        return unplaced(error);
    }
    match error {
        Error::AliasError { error, .. } => told(error, wary),
        Error::UnknownAnchor { .. } => {
            "a value that begins with `*` means another one; put it in quotation marks if it is text"
                .to_owned()
        }
        // `unexpected character: …` shows one.
        Error::ExternalMessage { msg, .. } => msg.split(": `").next().unwrap_or_default().to_owned(),
        Error::Eof { .. } | Error::MultipleDocuments { .. } | Error::Budget { .. } => unplaced(error),
        _ => "look for a tag (`!…`), and for a missing quotation mark, bracket or space after a colon"
            .to_owned(),
    }
}

/// The reader's own words without the place at their end: it stands before the message already.
fn unplaced(error: &Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

enum Raw {
    Empty,
    Text(String),
    /// A number or truth, which is taken from the text as written.
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Empty)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// Turns the raw tree into the final one: numbers as written, places in lines and columns.
fn settle(raw: Spanned<Raw>, text: &str) -> Node {
    let at = raw.referenced;
    let span = raw.defined.span();
    let written = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        text.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    });
    let (value, literal) = match raw.value {
        Raw::Empty => (Value::Empty, false),
        Raw::Text(value) => {
            let literal = written == Some(value.as_str());
            (Value::Scalar(value), literal)
        }
        Raw::Plain(number) => match written.map(str::trim).filter(|written| !written.is_empty()) {
            Some(written) if !written.contains(char::is_whitespace) => {
                (Value::Scalar(written.to_owned()), true)
            }
            _ => (Value::Scalar(number), false),
        },
        Raw::List(items) => (Value::List(items.into_iter().map(|item| settle(item, text)).collect()), false),
        Raw::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (settle(key, text), settle(value, text)));
            (Value::Map(entries.collect()), false)
        }
    };
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let one_line = written.filter(|written| !written.contains('\n'));
    let length = match &value {
        Value::Scalar(_) => one_line.map_or(1, |written| written.trim_end().chars().count()),
        _ => 1,
    };
    let place = Place { line: number(at.line()), column: number(at.column()), length };
    Node { value, place, literal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_as_written_and_know_their_place() {
        let node = Node::parse("a: 1.20\nb: [yes, 0x10, 'quoted']\nc:\na: 007\n", false).unwrap();
        let entries = node.map().unwrap();
        assert_eq!(entries[0].1.scalar(), Some("1.20"));
        assert_eq!(entries[0].1.place, Place { line: 1, column: 4, length: 4 });
        let list = entries[1].1.list().unwrap();
        assert_eq!(
            list.iter().map(|item| item.scalar().unwrap()).collect::<Vec<_>>(),
            ["yes", "0x10", "quoted"]
        );
        assert_eq!(list[2].place, Place { line: 2, column: 16, length: 8 });
        assert!(list[1].literal && !list[2].literal);
        assert_eq!(entries[2].1.value, Value::Empty);
        assert_eq!(entries[3].0.place, Place { line: 4, column: 1, length: 1 });
        assert_eq!(entries[3].1.scalar(), Some("007"));
    }
}

//! What reading a file has found wrong so far.

use std::ops::Range;

use crate::document::{Node, Value};
use crate::kind::{Excerpts, Kind};
use crate::problem::{Place, Problem, Problems};
use crate::table::{Form, Table};
use crate::words::{meant, nearest};

/// Stands for a word of the file that may be a secret, whatever its length.
const UNSAID: &str = "`•••`";

/// What is wrong with a file, as far as it has been read: what its table found, and what its reader adds.
#[derive(Debug)]
pub struct Findings<'a> {
    kind: &'static Kind,
    path: &'a str,
    text: &'a str,
    /// All texts of a guarded section that may be a password.
    secrets: Vec<String>,
    found: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(kind: &'static Kind, path: &'a str, text: &'a str, root: &Node) -> Self {
        let mut secrets = Vec::new();
        if let Excerpts::Guarded { section, .. } = kind.excerpts {
            let form = kind.table.key(section).map(|key| &key.form);
            for (name, value) in root.map().unwrap_or_default() {
                if name.scalar().is_some_and(|name| nearest(name, &[section], &[]).is_some()) {
                    gather(value, form, &mut secrets);
                }
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_unstable();
        secrets.dedup();
        Self { kind, path, text, secrets, found: Vec::new() }
    }

    /// Puts down what is wrong with a value or a key. The message is about the node alone; where it stands is told
    /// before it, and its line below. Words of the file belong into it as [`Findings::quote`] gives them.
    pub fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.found.push(Problem::new(node.place, message));
    }

    /// The same, about some octets of a single value. Where it does not stand in the file as it is (a quoted one with
    /// an escape in it, or one of several lines), the whole of it is pointed at.
    pub fn wrong_part(&mut self, node: &Node, part: &Range<usize>, message: impl Into<String>) {
        let text = node.scalar().filter(|text| node.literal && !text.contains('\n')).unwrap_or_default();
        let place = match text.get(..part.start).zip(text.get(part.clone())) {
            Some((before, wrong)) if !text.is_empty() => Place {
                line: node.place.line,
                column: node.place.column + before.chars().count(),
                length: wrong.chars().count().max(1),
            },
            _ => node.place,
        };
        self.found.push(Problem::new(place, message));
    }

    /// Puts down what is wrong with another file that this one names. Its lines are not shown.
    pub fn wrong_elsewhere(&mut self, file: &str, line: usize, column: usize, message: impl Into<String>) {
        self.found.push(Problem::elsewhere(file, line, column, message));
    }

    /// A word of the file for a message, in quotation marks; dots if it has something in it that may be a password, and
    /// always in a file whose lines are hidden.
    pub fn quote(&self, node: &Node) -> String {
        match node.scalar() {
            Some(text) if !self.is_secret(text) => format!("`{text}`"),
            _ => UNSAID.to_owned(),
        }
    }

    /// Whether a text may have a password in it. One of few characters would be found in every second word, so it must
    /// be the whole text.
    pub(crate) fn is_secret(&self, text: &str) -> bool {
        let has = |secret: &String| text == secret || (secret.len() >= 4 && text.contains(secret.as_str()));
        self.kind.excerpts == Excerpts::Hidden || self.secrets.iter().any(has)
    }

    /// An unknown key, and what was meant.
    pub(crate) fn unknown_key(&mut self, name: &Node, value: &Node, table: &Table) {
        let word = name.scalar().unwrap_or_default();
        let known: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
        let glued = word.split_once(':').map(|(key, _)| key).filter(|key| known.contains(key));
        let message = match glued {
            Some(key) if value.value == Value::Empty => {
                format!("`{key}:` needs a space after its colon")
            }
            _ => {
                let shown = if self.is_secret(word) { String::new() } else { format!(" `{word}`") };
                format!("unknown key{shown} in {}{}", table.name, self.meant(word, &known))
            }
        };
        self.wrong(name, message);
    }

    /// What was probably meant, in the words of this kind of file.
    pub(crate) fn meant(&self, word: &str, known: &[&str]) -> String {
        meant(word, known, self.kind.synonyms)
    }

    /// Where a value or a key stands: `known.yaml:4:12`.
    pub fn place(&self, node: &Node) -> String {
        format!("{}:{}:{}", self.path, node.place.line, node.place.column)
    }

    /// How many there are by now.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was read, if nothing was wrong.
    ///
    /// # Errors
    /// All that is wrong, in the order of the text. Nothing read and nothing wrong is wrong, too.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Problems> {
        match read {
            Some(read) if self.found.is_empty() => return Ok(read),
            None if self.found.is_empty() => {
                self.found
                    .push(Problem::new(Place::default(), format!("this is not {}", self.kind.table.name)));
            }
            _ => {}
        }
        Err(Problems::new(self.path, self.text, self.kind.excerpts, self.found))
    }
}

/// All texts below a node that may be a password: values of keys that hold one or are not known, and what stands where
/// no text should be. A missing blank or comma makes an unknown key of a password: one without a value, or with a colon.
fn gather(node: &Node, form: Option<&Form>, secrets: &mut Vec<String>) {
    let form = match form {
        Some(Form::Either(forms)) => forms.iter().find(|form| form.fits(node)),
        form => form.filter(|form| form.fits(node)),
    };
    match (&node.value, form) {
        (Value::Scalar(text), None | Some(Form::Secret)) => secrets.push(text.clone()),
        (Value::Empty, _) | (Value::Scalar(_), Some(_)) => {}
        (Value::List(items), form) => {
            let item = match form {
                Some(Form::List(item) | Form::ListOrEmpty(item)) => Some(*item),
                _ => None,
            };
            for node in items {
                gather(node, item, secrets);
            }
        }
        (Value::Map(entries), Some(Form::Pairs(key, value))) => {
            for (name, node) in entries {
                gather(name, Some(key), secrets);
                gather(node, Some(value), secrets);
            }
        }
        (Value::Map(entries), Some(Form::Numbered(value))) => {
            for (_, node) in entries {
                gather(node, Some(value), secrets);
            }
        }
        (Value::Map(entries), form) => {
            for (name, value) in entries {
                let key = match (form, name.scalar()) {
                    (Some(Form::Map(table)), Some(name)) => table.key(name),
                    _ => None,
                };
                let odd = value.value == Value::Empty || name.scalar().is_none_or(|name| name.contains(':'));
                if key.is_none() && odd {
                    gather(name, None, secrets);
                }
                gather(value, key.map(|key| &key.form), secrets);
            }
        }
    }
}

//! A kind of file: its table, its words, and how much of it may be shown.

use crate::document::Node;
use crate::examine::examine;
use crate::findings::Findings;
use crate::problem::Problems;
use crate::table::{Form, Table};
use crate::words::Synonyms;

/// A kind of file, such as scenarios.
#[derive(Debug)]
pub struct Kind {
    /// What it is called in its JSON Schema.
    pub title: &'static str,
    /// The map that the whole file is.
    pub table: &'static Table,
    /// Words of other tools for the words of this one.
    pub synonyms: Synonyms,
    /// How much of a file is shown with its mistakes.
    pub excerpts: Excerpts,
}

/// How much of a file is shown with its mistakes. Values of keys that sound like a password are shown nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excerpts {
    /// The line that each mistake is in.
    Shown,
    /// The same, with dots for all values in one section, but for those that are known to be no secret.
    Guarded {
        /// The key of the file's own map that the section stands behind.
        section: &'static str,
        /// The keys within it whose values are shown.
        open: &'static [&'static str],
    },
    /// No line, and no word of the file in any message: the file is about passwords, and any line may hold one,
    /// comments and broken ones included. A missing blank, comma or quotation mark makes a key of a password, an alias
    /// anything.
    Hidden,
}

impl Kind {
    /// Files of this kind are this map; their lines are shown.
    pub const fn new(title: &'static str, table: &'static Table) -> Self {
        Self { title, table, synonyms: &[], excerpts: Excerpts::Shown }
    }

    /// The same, with words of other tools.
    #[must_use]
    pub const fn synonyms(self, synonyms: Synonyms) -> Self {
        Self { synonyms, ..self }
    }

    /// The same, with so much shown.
    #[must_use]
    pub const fn excerpts(self, excerpts: Excerpts) -> Self {
        Self { excerpts, ..self }
    }

    /// Reads a text and judges it by the table; `path` is for messages. What the table cannot say is for the caller to
    /// add to the findings, whose [`Findings::finish`] then tells everything at once.
    ///
    /// # Errors
    /// The first syntax error, which hides all that stands behind it.
    pub fn read<'a>(&'static self, text: &'a str, path: &'a str) -> Result<(Node, Findings<'a>), Problems> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = Node::parse(text, self.excerpts == Excerpts::Hidden);
        let root = parsed.map_err(|problem| Problems::new(path, text, self.excerpts, vec![problem]))?;
        let mut findings = Findings::new(self, path, text, &root);
        examine(&root, &Form::Map(self.table), self.table.name, &mut findings);
        Ok((root, findings))
    }
}

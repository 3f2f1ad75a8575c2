//! The files that tidy looks at, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::lexer::Source;
use crate::failure::Failure;

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", ".git", "corpus", "artifacts", "snapshots", "node_modules"];

/// Paths relative to the root, with `/`, and what they hold.
pub(super) struct Tree {
    sources: Vec<Source>,
    texts: BTreeMap<String, String>,
    others: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout at `root`: Rust sources, manifests and prose; of all other files only the name.
    pub(super) fn read(root: &Path) -> Result<Tree, Failure> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        Ok(Tree::build(files))
    }

    /// A tree from texts, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        Tree::build(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    fn build(files: Vec<(String, String)>) -> Tree {
        let mut tree = Tree { sources: Vec::new(), texts: BTreeMap::new(), others: BTreeSet::new() };
        for (path, text) in files {
            match extension(&path) {
                "rs" => tree.sources.push(Source::new(path, text)),
                "toml" | "md" => {
                    tree.texts.insert(path, text);
                }
                _ => {
                    tree.others.insert(path);
                }
            }
        }
        let test_files: BTreeSet<String> = tree.sources.iter().flat_map(Source::test_modules).collect();
        for source in &mut tree.sources {
            if test_files.contains(&source.path) {
                source.exempt();
            }
        }
        tree
    }

    /// Number of files, those included of which only the name is known.
    pub(super) fn len(&self) -> usize {
        self.sources.len() + self.texts.len() + self.others.len()
    }

    /// All Rust sources.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// Manifests and prose.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// One manifest or page.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The names of all files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let sources = self.sources.iter().map(|source| source.path.as_str());
        sources.chain(self.texts.keys().map(String::as_str)).chain(self.others.iter().map(String::as_str))
    }

    /// The folders directly under `crates/`.
    pub(super) fn crates(&self) -> BTreeSet<&str> {
        self.paths()
            .filter_map(|path| path.strip_prefix("crates/")?.split_once('/'))
            .map(|(name, _)| name)
            .collect()
    }
}

/// What follows the last dot of a path.
fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn walk(root: &Path, folder: &str, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let directory = root.join(folder);
    let entries = std::fs::read_dir(&directory).map_err(|error| Failure::file("list", &directory, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::file("list", &directory, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|error| Failure::file("look at", &entry.path(), &error))?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with("poplab-run") {
                walk(root, &path, files)?;
            }
        } else if matches!(extension(&path), "rs" | "toml" | "md") {
            let text = std::fs::read_to_string(entry.path())
                .map_err(|error| Failure::file("read", &entry.path(), &error))?;
            files.push((path, text));
        } else {
            files.push((path, String::new()));
        }
    }
    Ok(())
}

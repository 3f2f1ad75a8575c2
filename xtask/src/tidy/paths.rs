//! The paths a source names, with its imports resolved: `use std::{fs as files}` and `files::read` are both
//! `std::fs::…`.

use std::collections::BTreeMap;

use super::lexer::Source;

/// A path as a source names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// All segments joined by `::`, the first resolved through the file's imports; a macro ends with `!`.
    pub(super) path: String,
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) test: bool,
}

impl Named {
    /// Whether this is `name`, something in it, or a glob import that brings it in; `*::x` stands for any path
    /// whose last segment is `x`.
    pub(super) fn is(&self, name: &str) -> bool {
        if let Some(last) = name.strip_prefix("*::") {
            return self.path.rsplit("::").next() == Some(last);
        }
        let inside =
            self.path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let glob = self.path.strip_suffix("::*").is_some_and(|module| {
            name.strip_prefix(module)
                .and_then(|rest| rest.strip_prefix("::"))
                .is_some_and(|rest| !rest.contains("::"))
        });
        inside || glob
    }
}

/// All imports, all paths of two or more segments and all macro calls of a source.
pub(super) fn named(source: &Source) -> Vec<Named> {
    let mut found = Vec::new();
    let mut imports: BTreeMap<String, String> = BTreeMap::new();
    let mut skipped = vec![false; source.tokens.len()];
    for index in 0..source.tokens.len() {
        // `impl Trait + use<'a>` is not an import.
        if source.token(index) == "use" && source.token(index + 1) != "<" {
            let end = tree(source, index + 1, "", &mut |path, alias, at| {
                imports.insert(alias.to_owned(), path.to_owned());
                found.push(Named {
                    path: path.to_owned(),
                    line: source.tokens[at].line,
                    test: source.is_test(at),
                });
            });
            skipped[index..end].fill(true);
        }
    }
    let mut index = 0;
    while index < source.tokens.len() {
        let start = index;
        index += 1;
        let before = if start == 0 { "" } else { source.token(start - 1) };
        if skipped[start] || !is_word(source.token(start)) || matches!(before, "::" | ".") {
            continue;
        }
        let mut segments = 1;
        while source.token(index) == "::" && is_word(source.token(index + 1)) {
            index += 2;
            segments += 1;
        }
        let is_macro = source.token(index) == "!" && source.token(index + 1) != "=";
        if segments < 2 && !is_macro {
            continue;
        }
        let first = source.token(start);
        let mut path = match imports.get(first) {
            Some(import) if segments > 1 => import.clone(),
            _ => first.to_owned(),
        };
        for at in (start + 2..index).step_by(2) {
            path.push_str("::");
            path.push_str(source.token(at));
        }
        if is_macro {
            path.push('!');
        }
        found.push(Named { path, line: source.tokens[start].line, test: source.is_test(start) });
    }
    found
}

/// Walks one use tree from `index` on, calls `leaf(path, name in this file, index)` for each import, and gives the
/// index behind the tree.
fn tree(source: &Source, mut index: usize, prefix: &str, leaf: &mut impl FnMut(&str, &str, usize)) -> usize {
    let mut path = prefix.to_owned();
    let mut last = prefix.rsplit("::").next().unwrap_or_default().to_owned();
    loop {
        match source.token(index) {
            "::" => index += 1,
            "{" => {
                index += 1;
                while !matches!(source.token(index), "}" | "") {
                    index = tree(source, index, &path, leaf);
                    if source.token(index) == "," {
                        index += 1;
                    }
                }
                return index + 1;
            }
            "as" => {
                leaf(&path, source.token(index + 1), index);
                return index + 2;
            }
            // `self` in a group names the module itself.
            "self" if !path.is_empty() => index += 1,
            word if is_word(word) || word == "*" => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(word);
                word.clone_into(&mut last);
                index += 1;
            }
            _ => {
                leaf(&path, &last, index.saturating_sub(1));
                return index;
            }
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_') && !token.contains(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::new("x.rs".to_owned(), text.to_owned());
        named(&source).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn groups_and_aliases_are_expanded() {
        assert_eq!(
            paths("use std::{fs as files, io::{self, Write}, net::*};"),
            ["std::fs", "std::io", "std::io::Write", "std::net::*"]
        );
        assert_eq!(
            paths("use std::fs as files; fn a() { files::read(x); x.fs::y; }"),
            ["std::fs", "std::fs::read"]
        );
        assert_eq!(
            paths("fn a() -> impl B + use<'c> { std::println!(); a != b; d!() }"),
            ["std::println!", "d!"]
        );
    }

    #[test]
    fn a_name_covers_what_is_in_it_and_the_globs_that_bring_it_in() {
        let is = |path: &str, name: &str| Named { path: path.to_owned(), line: 1, test: false }.is(name);
        assert!(is("std::net::TcpStream::connect", "std::net"));
        assert!(is("std::time::*", "std::time::Instant"));
        assert!(!is("std::network", "std::net"));
        assert!(!is("std::*", "std::time::Instant"));
        assert!(is("rand_chacha::ChaCha8Rng::from_os_rng", "*::from_os_rng"));
    }
}

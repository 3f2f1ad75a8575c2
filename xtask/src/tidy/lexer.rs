//! Rust sources as tokens and comments, enough for rules about names; no syntax tree.
//!
//! Text in strings and comments is not code, and code under `#[cfg(test)]` is not the product: a rule that confused
//! them would either cry wolf or be switched off.

use std::ops::Range;

/// A word, a literal, or a piece of punctuation (`::` is one piece, all other punctuation single characters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// One line of a comment, with its slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: usize,
}

/// One Rust source.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    pub(super) comments: Vec<Comment>,
    /// Which tokens stand under `#[cfg(test)]`, as ranges of indices.
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Source {
        let (tokens, comments) = Lexer::new(&text).run();
        let mut source = Source { tests: Vec::new(), path, text, tokens, comments };
        source.tests = source.find_tests();
        let file = source.path.rsplit('/').next().unwrap_or_default();
        if source.path.contains("/tests/") || source.path.contains("/benches/") || file == "tests.rs" {
            source.exempt();
        }
        source
    }

    /// Declares the whole file to be test code.
    pub(super) fn exempt(&mut self) {
        self.tests.clear();
        self.tests.push(0..self.tokens.len());
    }

    /// Whether the token at `index` is test code.
    pub(super) fn is_test(&self, index: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&index))
    }

    /// The texts of the tokens from `index` on equal `texts`.
    pub(super) fn matches(&self, index: usize, texts: &[&str]) -> bool {
        let end = index + texts.len();
        end <= self.tokens.len()
            && self.tokens[index..end].iter().zip(texts).all(|(token, text)| token.text == *text)
    }

    /// The text of the token at `index`, empty behind the end.
    pub(super) fn token(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }

    /// The files that `#[cfg(test)] mod NAME;` declares in this one.
    pub(super) fn test_modules(&self) -> Vec<String> {
        let Some(folder) = self.module_folder() else { return Vec::new() };
        let mut files = Vec::new();
        for range in &self.tests {
            for index in range.clone() {
                if self.token(index) == "mod" && self.token(index + 2) == ";" {
                    let name = self.token(index + 1);
                    files.push(format!("{folder}/{name}.rs"));
                    files.push(format!("{folder}/{name}/mod.rs"));
                }
            }
        }
        files
    }

    /// Where the files of this one's `mod NAME;` lie.
    fn module_folder(&self) -> Option<String> {
        let (folder, file) = self.path.rsplit_once('/')?;
        match file {
            "lib.rs" | "main.rs" | "mod.rs" => Some(folder.to_owned()),
            _ => Some(format!("{folder}/{}", file.strip_suffix(".rs")?)),
        }
    }

    fn find_tests(&self) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for index in 0..self.tokens.len() {
            if self.matches(index, &["#", "!", "[", "cfg", "(", "test", ")", "]"]) {
                ranges.push(0..self.tokens.len());
            }
            let plain = self.matches(index, &["#", "[", "cfg", "(", "test", ")"]);
            let all = self.matches(index, &["#", "[", "cfg", "(", "all", "(", "test"]);
            if plain || all || self.matches(index, &["#", "[", "test", "]"]) {
                ranges.push(index..self.item_end(index));
            }
        }
        ranges
    }

    /// The end of the item whose attributes begin at `start`.
    fn item_end(&self, start: usize) -> usize {
        let mut index = start;
        while self.token(index) == "#" {
            index = self.group_end(index + 1);
        }
        // These end at their semicolon, whatever braces they hold; the others at their first closing brace.
        let mut to_semicolon = false;
        while index < self.tokens.len() {
            match self.token(index) {
                "use" | "static" => to_semicolon = true,
                "const" => to_semicolon = !matches!(self.token(index + 1), "fn" | "unsafe" | "async"),
                "(" | "[" => index = self.group_end(index) - 1,
                "{" => {
                    let end = self.group_end(index);
                    if !to_semicolon {
                        return end;
                    }
                    index = end - 1;
                }
                ";" => return index + 1,
                _ => {}
            }
            index += 1;
        }
        self.tokens.len()
    }

    /// The index behind the bracket that closes the one at `open`.
    fn group_end(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for index in open..self.tokens.len() {
            match self.token(index) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return index + 1;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }
}

/// Splits a text into tokens and comments.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0, line: 1, tokens: Vec::new(), comments: Vec::new() }
    }

    fn run(mut self) -> (Vec<Token>, Vec<Comment>) {
        while let Some(character) = self.rest().chars().next() {
            let rest = self.rest();
            if rest.starts_with("//") {
                let end = rest.find('\n').unwrap_or(rest.len());
                self.comment(end);
            } else if rest.starts_with("/*") {
                let end = block_comment(rest);
                self.comment(end);
            } else if let Some(end) = string(rest) {
                self.token(end);
            } else if character == '\'' {
                let end = quote(rest);
                self.token(end);
            } else if character.is_alphanumeric() || character == '_' {
                let end =
                    rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
                self.token(end);
            } else if rest.starts_with("::") {
                self.token(2);
            } else if character.is_whitespace() {
                self.skip(character.len_utf8());
            } else {
                self.token(character.len_utf8());
            }
        }
        (self.tokens, self.comments)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, octets: usize) -> &'a str {
        let piece = &self.text[self.at..self.at + octets];
        self.at += octets;
        self.line += piece.matches('\n').count();
        piece
    }

    fn token(&mut self, octets: usize) {
        let line = self.line;
        let text = self.skip(octets).to_owned();
        self.tokens.push(Token { text, line });
    }

    fn comment(&mut self, octets: usize) {
        let first = self.line;
        for (offset, text) in self.skip(octets).lines().enumerate() {
            self.comments.push(Comment { text: text.to_owned(), line: first + offset });
        }
    }
}

/// The length of the block comment that `text` begins with; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string literal that `text` begins with, its prefix included.
fn string(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    if !matches!(&text[..prefix], "" | "b" | "c" | "r" | "br" | "cr") {
        return None;
    }
    let after = &text[prefix..];
    if text[..prefix].contains('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        let inside = after[hashes..].strip_prefix('"')?;
        let closing = format!("\"{}", "#".repeat(hashes));
        let end = inside.find(&closing).map_or(inside.len(), |at| at + closing.len());
        return Some(prefix + hashes + 1 + end);
    }
    let inside = after.strip_prefix('"')?;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the character literal or lifetime that `text` begins with.
fn quote(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match inside.next() {
        Some((_, '\\')) => {
            inside.next();
            inside.find(|(_, character)| *character == '\'').map_or(text.len(), |(at, _)| at + 2)
        }
        Some((_, character)) if text[1 + character.len_utf8()..].starts_with('\'') => {
            character.len_utf8() + 2
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Lexer::new(text).run().0.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn strings_characters_lifetimes_and_comments_are_told_apart() {
        assert_eq!(
            words(r#"a("x \" // y") /* b /* c */ d */ e // f"#),
            ["a", "(", r#""x \" // y""#, ")", "e"]
        );
        assert_eq!(
            words("r#\"a \" b\"# br\"\\\" b'\\'' 'x' '\"' &'a T"),
            ["r#\"a \" b\"#", "br\"\\\"", "b", "'\\''", "'x'", "'\"'", "&", "'", "a", "T"]
        );
        assert_eq!(words("std::net::TcpStream"), ["std", "::", "net", "::", "TcpStream"]);
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let (tokens, comments) = Lexer::new("/* 1\n2 */ a \"\n\" b // c").run();
        let lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [2, 2, 3]);
        let lines: Vec<usize> = comments.iter().map(|comment| comment.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn only_the_item_under_cfg_test_is_test_code() {
        let text = "#[cfg(test)] use a::{b, c}; fn d() {} #[cfg(test)] mod tests { fn e() { f } } fn g() {} \
                    #[cfg(not(test))] fn h() {} #[cfg(test)] const I: [u8; 2] = [1; 2]; fn j() {}";
        let source = Source::new("crates/x/src/lib.rs".to_owned(), text.to_owned());
        let outside: Vec<&str> = (0..source.tokens.len())
            .filter(|index| !source.is_test(*index) && source.token(index.wrapping_sub(1)) == "fn")
            .map(|index| source.token(index))
            .collect();
        assert_eq!(outside, ["d", "g", "h", "j"]);
    }

    #[test]
    fn a_file_declared_under_cfg_test_is_named() {
        let source = Source::new("crates/x/src/a.rs".to_owned(), "#[cfg(test)]\nmod cases;".to_owned());
        assert_eq!(source.test_modules(), ["crates/x/src/a/cases.rs", "crates/x/src/a/cases/mod.rs"]);
    }
}

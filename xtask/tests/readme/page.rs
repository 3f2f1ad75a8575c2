//! The documents as text: pages, what stands between two fences, command lines. It runs nothing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::root;

/// A document.
pub(crate) struct Page {
    /// Its path below the repository's root.
    pub path: String,
    pub(crate) text: String,
}

/// A command line of a page.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) command: String,
    pub(crate) exit_code: i32,
}

/// An `sh` block, and the excerpt of what its last line shows, if a `text` block follows.
pub(crate) struct Block {
    /// The path of its page.
    pub(crate) page: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) excerpt: Option<String>,
}

impl Block {
    /// Whether it judges times, so that nothing else should be at work meanwhile.
    pub(crate) fn is_timed(&self) -> bool {
        self.lines.iter().any(|line| line.command.starts_with("cargo xtask load "))
    }
}

/// Anything between two fences.
pub(crate) struct Fence {
    pub(crate) info: String,
    /// The number of its first line.
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// The pages with command lines: README.md, CONTRIBUTING.md and all of `docs`.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    let mut guides: Vec<String> = std::fs::read_dir(root().join("docs"))
        .expect("the folder docs")
        .map(|entry| format!("docs/{}", entry.expect("an entry of docs").file_name().to_string_lossy()))
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md"))
        .collect();
    guides.sort();
    paths.extend(guides);
    paths.into_iter().map(page).collect()
}

/// The page of this path.
pub(crate) fn page(path: String) -> Page {
    let text = std::fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page { path, text }
}

/// The `sh` blocks of a page with their excerpts.
pub(crate) fn blocks(page: &Page) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for fence in fenced(&page.text) {
        match fence.info.as_str() {
            "sh" => {
                let numbered = fence.text.lines().enumerate();
                let lines = numbered.map(|(index, text)| line(fence.number + index, text)).collect();
                blocks.push(Block { page: page.path.clone(), lines, excerpt: None });
            }
            "text" => {
                let place = format!("{}:{}", page.path, fence.number);
                let block =
                    blocks.last_mut().unwrap_or_else(|| panic!("{place}: an excerpt before any `sh` block"));
                assert!(block.excerpt.is_none(), "{place}: a second excerpt");
                block.excerpt = Some(fence.text);
            }
            _ => {}
        }
    }
    blocks
}

/// The files that the pages show, by name. One name means one file, whatever page shows it.
pub(crate) fn files(pages: &[Page]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for page in pages {
        for fence in fenced(&page.text) {
            let Some(name) = named(&fence.info) else { continue };
            let before = files.insert(name.to_owned(), fence.text);
            assert!(before.is_none(), "{}:{}: a second file {name}", page.path, fence.number);
        }
    }
    files
}

/// The name of the file that stands between fences of this kind, if they say one.
pub(crate) fn named(info: &str) -> Option<&str> {
    info.split_once(' ').filter(|(kind, _)| matches!(*kind, "yaml" | "python" | "sh")).map(|(_, name)| name)
}

/// A command line, with `# exits N` at its end if that is not 0.
fn line(number: usize, text: &str) -> Line {
    let (command, exit_code) = match text.split_once("# exits ") {
        Some((command, code)) => (command, code.trim().parse().expect("`# exits` and a number")),
        None => (text, 0),
    };
    Line { number, command: command.trim().to_owned(), exit_code }
}

/// All that stands between fences.
pub(crate) fn fenced(text: &str) -> impl Iterator<Item = Fence> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (index, info) = lines.find_map(|(index, line)| Some((index, line.strip_prefix("```")?)))?;
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        let text = inside.fold(String::new(), |text, line| text + line + "\n");
        Some(Fence { info: info.to_owned(), number: index + 2, text })
    })
}

//! Every command line of README.md, CONTRIBUTING.md and `docs` is run, and shows what the page says it shows.
//!
//! Each `sh` block is a session of its own in a fresh folder below the repository's root, its lines run in order, and
//! the blocks run side by side, but for those that put load on a server: they come one by one when the others are
//! done, since they judge times. The names that stand for the reader's server, accounts and mail are replaced by those
//! of a server that is started for the line. What cannot run inside a test is looked up where it does run. This judges
//! no server and knows no option of any command but those that name a server.
//!
//! What the prose names is looked up too (`prose.rs`): links, headings, files, commands and options.

mod folder;
mod lines;
mod page;
mod prose;
mod run;
mod server;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lines::LINES;
use page::{Block, Fence, blocks, fenced, files, pages};

/// The password of all accounts, which no output may show.
const PASSWORD: &str = "open-sesame-of-the-readme";

/// How long the first page may be: somebody reads it whole before they decide.
const MOST_LINES_OF_THE_README: usize = 150;

#[test]
fn every_command_line_has_a_rule_and_every_rule_a_line() {
    let blocks: Vec<Block> = pages().iter().flat_map(blocks).collect();
    let lines: Vec<_> =
        blocks.iter().flat_map(|block| block.lines.iter().map(move |line| (&block.page, line))).collect();
    assert!(lines.iter().any(|(page, _)| *page == "README.md"), "README.md has no `sh` block");
    let mut wrong = String::new();
    for (page, line) in &lines {
        if lines::rule(&line.command).is_none() {
            let _ = writeln!(wrong, "{page}:{}: `{}` stands in no row of LINES", line.number, line.command);
        }
    }
    for (command, ..) in LINES {
        if !lines.iter().any(|(_, line)| line.command == *command) {
            let _ = writeln!(wrong, "`{command}` stands in LINES, but on no page");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_command_line_does_what_the_page_says() {
    let pages = pages();
    let files = files(&pages);
    let (timed, others): (Vec<Block>, Vec<Block>) = pages.iter().flat_map(blocks).partition(Block::is_timed);
    let mut wrong: Vec<String> = std::thread::scope(|scope| {
        let sessions: Vec<_> = others
            .into_iter()
            .map(|block| {
                let files = &files;
                scope.spawn(move || run::session(&block, files))
            })
            .collect();
        sessions.into_iter().filter_map(|session| session.join().expect("a session ends").err()).collect()
    });
    wrong.extend(timed.iter().filter_map(|block| run::session(block, &files).err()));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_first_page_is_short_and_begins_with_the_two_commands() {
    let page = page::page("README.md".to_owned());
    let count = page.text.lines().count();
    assert!(count <= MOST_LINES_OF_THE_README, "README.md has {count} lines; move something to `docs`");
    let blocks = blocks(&page);
    let first: Vec<&str> =
        blocks.iter().take(2).flat_map(|block| &block.lines).map(|line| line.command.as_str()).collect();
    assert_eq!(first, ["cargo xtask conformance", "cargo test --workspace"]);
}

#[test]
fn nothing_between_fences_is_left_untested() {
    for page in pages() {
        for Fence { info, number, .. } in fenced(&page.text) {
            let tested = matches!(info.as_str(), "sh" | "text" | "rust") || page::named(&info).is_some();
            assert!(
                tested,
                "{}:{number}: nothing tests what stands here; say `sh`, `text` (what the `sh` block before it \
                 shows), `rust`, `yaml NAME`, `python NAME` or `sh NAME`, or let it be a table",
                page.path
            );
        }
    }
}

/// Nobody listens at the target, so that no hook is carried out.
#[test]
fn the_hooks_that_are_shown_are_read() {
    let files = files(&pages());
    let folder = folder::Folder::new("hooks", 1, &files);
    folder.write("with-hooks.yaml", &format!("{}{}", files["accounts.yaml"], files["hooks.yaml"]));
    let said =
        run::run(&folder, "cargo xtask conformance --target 127.0.0.1:1 --accounts with-hooks.yaml", &[3]);
    assert!(said.as_ref().is_ok_and(|said| said.contains("refused the connection")), "{said:?}");
}

#[test]
fn the_rust_examples_are_the_tested_ones_of_the_library() {
    let libraries = ["crates/poplab/src/load.rs", "crates/server/src/lib.rs"].map(read);
    let test = read("crates/server/tests/example.rs");
    for page in pages() {
        for example in fenced(&page.text).filter(|fence| fence.info == "rust") {
            let tested = libraries.iter().any(|library| contains_example(library, &example.text));
            let tested = tested || test.ends_with(&example.text);
            assert!(tested, "{}:{}: no tested example of a library is this", page.path, example.number);
        }
    }
}

/// Whether all lines of code stand in the documentation of the library, in this order.
fn contains_example(library: &str, example: &str) -> bool {
    let mut tested = library.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    let mut code = example.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.all(|line| tested.any(|other| other == line))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder above xtask").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

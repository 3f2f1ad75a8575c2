//! What the prose of the documents names is there: pages, headings, files, commands, options.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::page::{Page, page, pages};
use crate::root;

/// The folders of the repository that a path in the prose may begin with.
const FOLDERS: &[&str] = &[".ci/", "crates/", "docs/", "fixtures/", "fuzz/", "scenarios/", "xtask/"];

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let mut wrong = Vec::new();
    let mut linked = BTreeSet::new();
    for from in documents() {
        for (number, target) in links(&from.text) {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { from.path.clone() } else { beside(&from.path, path) };
            let place = format!("{}:{number}: `{target}`", from.path);
            if !root().join(&path).exists() {
                wrong.push(format!("{place}: there is no {path}"));
            } else if !anchor.is_empty() && !headings(&page(path.clone()).text).contains(anchor) {
                wrong.push(format!("{place}: {path} has no such heading"));
            }
            if from.path == "README.md" {
                linked.insert(path);
            }
        }
    }
    for page in pages() {
        if page.path != "README.md" && !linked.contains(&page.path) {
            wrong.push(format!("README.md has no link to {}", page.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_file_command_and_option_that_is_named_exists() {
    let commands = commands();
    let options = options(&commands);
    let mut wrong = Vec::new();
    for page in pages() {
        for (number, code) in inline(&page.text) {
            if let Err(why) = exists(&code, &commands, &options) {
                wrong.push(format!("{}:{number}: `{code}`: {why}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// All documents that people read.
fn documents() -> Vec<Page> {
    let others = ["ARCHITECTURE.md", "CHANGELOG.md", "scenarios/README.md"];
    pages().into_iter().chain(others.map(|path| page(path.to_owned()))).collect()
}

/// The target of a link, seen from the root of the repository.
fn beside(from: &str, target: &str) -> String {
    let mut path = Path::new(from).parent().unwrap_or(Path::new("")).to_owned();
    for part in target.split('/') {
        match part {
            ".." => {
                path.pop();
            }
            "." | "" => {}
            name => path.push(name),
        }
    }
    path.display().to_string()
}

/// The lines outside fences, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((index + 1, line))
    })
}

/// The targets of all links.
fn links(text: &str) -> Vec<(usize, String)> {
    prose(text)
        .flat_map(|(number, line)| {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            targets.map(move |(target, _)| (number, target.to_owned()))
        })
        .collect()
}

/// The names under which the headings of a page can be linked to, as code forges make them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|&letter| letter.is_alphanumeric() || " -_".contains(letter));
        let name: String = kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let again = (1..).map(|count| format!("{name}-{count}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

/// What stands between backticks in the prose.
fn inline(text: &str) -> Vec<(usize, String)> {
    prose(text)
        .flat_map(|(number, line)| {
            line.split('`').skip(1).step_by(2).map(move |code| (number, code.to_owned()))
        })
        .collect()
}

fn exists(code: &str, commands: &BTreeSet<String>, options: &BTreeSet<String>) -> Result<(), String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    match words[..] {
        ["cargo", "xtask", command, ..] | ["poplab", command, ..]
            if !command.starts_with('-') && !commands.contains(command) =>
        {
            return Err(format!("there is no command `{command}`"));
        }
        ["cargo", other, ..] if other != "xtask" => return Ok(()),
        [path] if FOLDERS.iter().any(|folder| path.starts_with(folder)) => {
            let is_pattern = path.contains(['*', '{', '<', '…']) || path.contains(char::is_uppercase);
            if !is_pattern && !root().join(path).exists() {
                return Err("there is no such file".to_owned());
            }
        }
        _ => {}
    }
    let unknown = words.iter().find(|word| word.starts_with("--") && !options.contains(**word));
    unknown.map_or(Ok(()), |option| Err(format!("no command has the option `{option}`")))
}

/// The commands of `cargo xtask help`.
fn commands() -> BTreeSet<String> {
    let help = shown(&["help"]);
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The options of all commands, from their help.
fn options(commands: &BTreeSet<String>) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for command in commands {
        let help = shown(&[command, "--help"]);
        let words = help.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
        options.extend(words.filter(|word| word.starts_with("--")).map(str::to_owned));
    }
    options
}

/// What `cargo xtask` prints with these arguments.
fn shown(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.current_dir(root()).arg("xtask").args(arguments).output().expect("cargo xtask runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

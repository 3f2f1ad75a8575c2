//! Runs the lines of a block and compares what they show with the page; looks up elsewhere what cannot run here.

use std::collections::BTreeMap;
use std::process::Stdio;

use crate::folder::Folder;
use crate::lines::{self, Rule};
use crate::page::Block;
use crate::server::{Server, lmtp};
use crate::{PASSWORD, read, root};

/// Runs the lines of a block in a folder of its own.
pub(crate) fn session(block: &Block, files: &BTreeMap<String, String>) -> Result<(), String> {
    let page = &block.page;
    let first = block.lines.first().ok_or_else(|| format!("{page}: an empty `sh` block"))?;
    let folder = Folder::new(page, first.number, files);
    let mut output = String::new();
    for line in &block.lines {
        let told = |what: String| format!("{page}:{}: `{}`: {what}", line.number, line.command);
        let (rule, shown) =
            lines::rule(&line.command).ok_or_else(|| told("stands in no row of LINES".to_owned()))?;
        output = match rule {
            Rule::Elsewhere(found) => {
                found(&line.command).map_err(told)?;
                continue;
            }
            Rule::AsItIs => run(&folder, &line.command.replace("~/Maildir", "Maildir"), &[line.exit_code]),
            Rule::Install => install(&folder, &line.command),
            Rule::EitherVerdict => run(&folder, &line.command, &[0, 1]),
            Rule::Lmtp => {
                let address = lmtp().map_err(told)?;
                run(&folder, &line.command.replace("mail.example.org:24", &address), &[line.exit_code])
            }
            Rule::Against(_) | Rule::Load | Rule::Search => {
                let server = match rule {
                    Rule::Against(arguments) => Server::start(&folder, arguments),
                    _ => Server::start_for_load(&folder),
                }
                .map_err(told)?;
                let codes: &[i32] = if matches!(rule, Rule::Search) { &[0, 1] } else { &[line.exit_code] };
                let output = run(&folder, &server.stand_in(&line.command), codes);
                server.stop().map_err(told)?;
                output
            }
        }
        .map_err(told)?;
        if !output.contains(shown) {
            return Err(told(format!("does not show `{shown}`:\n{}", last_lines(&output))));
        }
        if output.contains(PASSWORD) {
            return Err(told("shows the password".to_owned()));
        }
    }
    let excerpt = block.excerpt.as_deref().unwrap_or_default();
    missing(excerpt, &output).map_or(Ok(()), |missing| {
        Err(format!(
            "{page}:{}: the excerpt has `{missing}`, which is not shown (in this order)",
            first.number
        ))
    })
}

/// Installs from the repository into the folder, and shows the version of what is there then.
fn install(folder: &Folder, command: &str) -> Result<String, String> {
    let from = root().display().to_string();
    let command = format!("export CARGO_INSTALL_ROOT=\"$PWD\"; cd '{from}' && {command}");
    run(folder, &format!("({command}) && bin/poplab --version"), &[0])
}

/// Runs a command line and gives what it printed, standard output first.
pub(crate) fn run(folder: &Folder, command: &str, exit_codes: &[i32]) -> Result<String, String> {
    let output = folder
        .command("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("sh: {error}"))?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code().is_some_and(|code| exit_codes.contains(&code)) {
        return Ok(text);
    }
    Err(format!("{}, but the page says {exit_codes:?}:\n{}", output.status, last_lines(&text)))
}

/// The first line of an excerpt that the output does not have behind the lines before it. Figures may differ, and a
/// line of the output may go on: on a busy machine the verdict of a load run says so.
fn missing<'a>(excerpt: &'a str, output: &str) -> Option<&'a str> {
    let mut shown = output.lines().map(without_figures);
    excerpt.lines().filter(|line| *line != "…").find(|line| {
        let line = without_figures(line);
        !shown.any(|other| other.starts_with(&line))
    })
}

/// A line with one blank between words, and figures and their units replaced.
fn without_figures(line: &str) -> String {
    let masked = line.split_whitespace().map(|word| match word {
        "·" => "#",
        "ns" | "µs" | "ms" | "s" => "#s",
        _ if word.trim_start_matches('(').starts_with(|character: char| character.is_ascii_digit()) => "#",
        _ => word,
    });
    masked.collect::<Vec<_>>().join(" ")
}

/// `cargo WORDS…` is a step of `cargo xtask ci`.
pub(crate) fn a_step_of_ci(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    in_file("xtask/src/ci.rs", &format!("cargo(&{words:?}, &[])"))
}

/// `cargo test --package CRATE …` is a part of `cargo test --workspace`, as long as there is that crate.
pub(crate) fn a_part_of_the_tests(line: &str) -> Result<(), String> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "--package").skip(1);
    let package = words.next().unwrap_or_default();
    let manifest = format!("crates/{}/Cargo.toml", package.trim_start_matches("poplab-"));
    in_file(&manifest, &format!("name = \"{package}\""))
}

/// `cargo xtask servers ACTION dovecot` is carried out by `cargo xtask ci`, as root.
pub(crate) fn an_action_of_ci(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["cargo", "xtask", "servers", action, "dovecot"] = words[..] else {
        return Err("is no action on dovecot".to_owned());
    };
    let (initial, rest) = action.split_at(1);
    let action = format!("servers::carry_out(Action::{}{rest}, ", initial.to_uppercase());
    in_file("xtask/src/ci.rs", &action)
}

/// The line is what `.ci/run` becomes in the end.
pub(crate) fn all_that_ci_runs(line: &str) -> Result<(), String> {
    let script = read(".ci/run");
    let last = script.trim_end().lines().last().unwrap_or_default();
    if last == format!("exec {line}") { Ok(()) } else { Err(format!("`.ci/run` ends with `{last}`")) }
}

/// The line writes into the repository, which no test does; it writes what the same line with `--check` compares.
pub(crate) fn written_if_it_is_not_current(line: &str) -> Result<(), String> {
    let compared = format!("{line} --check");
    lines::rule(&compared).map(|_| ()).ok_or_else(|| format!("no page has `{compared}`"))
}

fn in_file(path: &str, text: &str) -> Result<(), String> {
    if read(path).contains(text) { Ok(()) } else { Err(format!("{path} does not have `{text}`")) }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

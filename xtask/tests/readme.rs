//! Every command line of README.md is run, and shows what the page says it shows.
//!
//! Each `sh` block is a session of its own in a fresh folder below the repository's root, its lines run in order, and
//! the blocks run side by side. The names that stand for the reader's server, accounts and mail are replaced by those
//! of a fake server that is started for the line. What cannot run inside a test is looked up where it does run. This
//! judges no server and knows no option of any command.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What becomes of a command line of the page.
#[derive(Clone, Copy)]
enum Rule {
    /// It is run as it is.
    AsItIs,
    /// It is run against `cargo xtask fake` with these arguments.
    Against(&'static [&'static str]),
    /// It cannot run inside a test; this tells whether it is run elsewhere.
    Elsewhere(fn(line: &str) -> Result<(), String>),
}

/// A server with the page's accounts.
const ACCOUNTS: &[&str] = &["--accounts", "accounts.yaml"];
/// A server with somebody's own mail.
const OWN_MAIL: &[&str] = &["--mail", "Maildir", "--password-env", "POPLAB_PASSWORD"];
/// A server with the deviation that the page's baseline explains.
const DEVIATING: &[&str] = &["--accounts", "accounts.yaml", "--defect", "rfc1939.retr.no-stuffing"];

/// Every command line of the page: the line without its comment, its rule, and what its output must contain.
const LINES: &[(&str, Rule, &str)] = &[
    ("cargo xtask conformance", Rule::AsItIs, "pass: none of "),
    ("cargo test --workspace", Rule::Elsewhere(a_step_of_ci), ""),
    (
        "cargo xtask conformance --defect rfc1939.retr.no-stuffing",
        Rule::AsItIs,
        "data loss  rfc1939.retr.dot-stuffing",
    ),
    ("cargo xtask fake --list-defects", Rule::AsItIs, "rfc1939.retr.no-stuffing  "),
    (
        "cargo xtask conformance --target mail.example.org:995 --user alice --password-env POPLAB_PASSWORD",
        Rule::Against(OWN_MAIL),
        "which is done only to accounts with role `disposable`",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml",
        Rule::Against(ACCOUNTS),
        "sends DELE, so it needs --allow-delete",
    ),
    (
        "cargo xtask conformance --target mail.example.org:110 --accounts accounts.yaml --allow-delete",
        Rule::Against(ACCOUNTS),
        "clear text, upgraded by STLS",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --also mail.example.org:110 --accounts accounts.yaml",
        Rule::Against(ACCOUNTS),
        "clear text, upgraded by STLS",
    ),
    ("cargo xtask conformance --select '*.retr.*' --list", Rule::AsItIs, "rfc1939.retr.dot-stuffing"),
    ("cargo xtask conformance --explain rfc1939.retr.dot-stuffing", Rule::AsItIs, "RFC 1939 §3"),
    ("cargo xtask seed --accounts accounts.yaml", Rule::AsItIs, "disposable2 (disposable): "),
    ("cargo xtask conformance --select '*.list.*' --format human,junit", Rule::AsItIs, "pass: none of "),
    ("cargo xtask report poplab-run --format json", Rule::AsItIs, "\"rfc1939.list.format\""),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml \
         --baseline known.yaml --update-baseline",
        Rule::Against(DEVIATING),
        "known.yaml: ",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml \
         --baseline known.yaml --format human,junit",
        Rule::Against(DEVIATING),
        "explained   RETR sends a line \".\" as it is",
    ),
    ("cargo xtask fake", Rule::AsItIs, "\"tls_port\":"),
    (
        "cargo xtask fake --mail ~/Maildir --defect rfc1939.retr.no-stuffing",
        Rule::AsItIs,
        "\"user\":\"alice\"",
    ),
    ("cargo xtask servers up dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask servers check dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask servers down dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask ci", Rule::Elsewhere(all_that_ci_runs), ""),
    ("cargo xtask tidy", Rule::AsItIs, "keep the invariants"),
];

/// The password of all accounts, which no output may show.
const PASSWORD: &str = "open-sesame-of-the-readme";

#[test]
fn every_command_line_has_a_rule_and_every_rule_a_line() {
    let blocks = blocks();
    let lines: Vec<&Line> = blocks.iter().flat_map(|block| &block.lines).collect();
    assert!(!lines.is_empty(), "README.md has no `sh` block");
    let mut wrong = String::new();
    for line in &lines {
        if rule(&line.command).is_none() {
            let _ =
                writeln!(wrong, "README.md:{}: `{}` stands in no row of LINES", line.number, line.command);
        }
    }
    for (command, ..) in LINES {
        if !lines.iter().any(|line| line.command == *command) {
            let _ = writeln!(wrong, "`{command}` stands in LINES, but not in README.md");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_command_line_does_what_the_page_says() {
    let page = page();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let sessions: Vec<_> = blocks()
            .into_iter()
            .map(|block| {
                let page = &page;
                scope.spawn(move || session(&block, page))
            })
            .collect();
        sessions.into_iter().filter_map(|session| session.join().expect("a session ends").err()).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_rust_example_is_the_tested_one_of_the_library() {
    let library = read("crates/poplab/src/lib.rs");
    let mut tested = library.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    let page = page();
    let example = fenced(&page).find(|fence| fence.info == "rust").expect("an example in Rust");
    let code = example.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    for line in code {
        assert!(
            tested.any(|other| other == line),
            "`{line}` is not in the example of crates/poplab/src/lib.rs"
        );
    }
}

/// A command line of the page.
struct Line {
    number: usize,
    command: String,
    exit_code: i32,
}

/// An `sh` block, and the excerpt of what its last line shows, if a `text` block follows.
struct Block {
    lines: Vec<Line>,
    excerpt: Option<String>,
}

/// Anything between two fences.
struct Fence {
    info: String,
    /// The number of its first line.
    number: usize,
    text: String,
}

fn blocks() -> Vec<Block> {
    let page = page();
    let mut blocks: Vec<Block> = Vec::new();
    for fence in fenced(&page) {
        match fence.info.as_str() {
            "sh" => {
                let numbered = fence.text.lines().enumerate();
                let lines = numbered.map(|(index, text)| line(fence.number + index, text)).collect();
                blocks.push(Block { lines, excerpt: None });
            }
            "text" => {
                let block = blocks.last_mut().expect("an excerpt follows an `sh` block");
                assert!(block.excerpt.is_none(), "README.md:{}: a second excerpt", fence.number);
                block.excerpt = Some(fence.text);
            }
            _ => {}
        }
    }
    blocks
}

/// A command line, with `# exits N` at its end if that is not 0.
fn line(number: usize, text: &str) -> Line {
    let (command, exit_code) = match text.split_once("# exits ") {
        Some((command, code)) => (command, code.trim().parse().expect("`# exits` and a number")),
        None => (text, 0),
    };
    Line { number, command: command.trim().to_owned(), exit_code }
}

fn fenced(page: &str) -> impl Iterator<Item = Fence> {
    let mut lines = page.lines().enumerate();
    std::iter::from_fn(move || {
        let (index, info) = lines.find_map(|(index, line)| Some((index, line.strip_prefix("```")?)))?;
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        let text = inside.fold(String::new(), |text, line| text + line + "\n");
        Some(Fence { info: info.to_owned(), number: index + 2, text })
    })
}

fn rule(command: &str) -> Option<(Rule, &'static str)> {
    LINES.iter().find(|(line, ..)| *line == command).map(|(_, rule, shown)| (*rule, *shown))
}

/// Runs the lines of a block in a folder of its own.
fn session(block: &Block, page: &str) -> Result<(), String> {
    let first = block.lines.first().ok_or("README.md: an empty `sh` block")?;
    let folder = Folder::new(first.number, page);
    let mut output = String::new();
    for line in &block.lines {
        let told = |what: String| format!("README.md:{}: `{}`: {what}", line.number, line.command);
        let (rule, shown) =
            rule(&line.command).ok_or_else(|| told("stands in no row of LINES".to_owned()))?;
        output = match rule {
            Rule::Elsewhere(found) => {
                found(&line.command).map_err(told)?;
                continue;
            }
            Rule::AsItIs => run(&folder, line, &line.command.replace("~/Maildir", "Maildir")),
            Rule::Against(arguments) => {
                let server = Server::start(&folder, arguments).map_err(told)?;
                let output = run(&folder, line, &server.stand_in(&line.command));
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
            "README.md:{}: the excerpt has `{missing}`, which is not shown (in this order)",
            first.number
        ))
    })
}

/// Runs a command line and gives what it printed, standard output first.
fn run(folder: &Folder, line: &Line, command: &str) -> Result<String, String> {
    let output = folder
        .command("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("sh: {error}"))?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() == Some(line.exit_code) {
        return Ok(text);
    }
    Err(format!("{}, but the page says {}:\n{}", output.status, line.exit_code, last_lines(&text)))
}

/// The first line of an excerpt that the output does not have behind the lines before it. Figures may differ.
fn missing<'a>(excerpt: &'a str, output: &str) -> Option<&'a str> {
    let mut shown = output.lines().map(without_figures);
    excerpt.lines().filter(|line| *line != "…").find(|line| {
        let line = without_figures(line);
        !shown.any(|other| other == line)
    })
}

/// A line with one blank between words, and figures and their units replaced.
fn without_figures(line: &str) -> String {
    let masked = line.split_whitespace().map(|word| match word {
        "·" => "#",
        "ns" | "µs" | "ms" | "s" => "#s",
        _ if word.starts_with(|character: char| character.is_ascii_digit()) => "#",
        _ => word,
    });
    masked.collect::<Vec<_>>().join(" ")
}

/// `cargo WORDS…` is a step of `cargo xtask ci`.
fn a_step_of_ci(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    in_file("xtask/src/ci.rs", &format!("cargo(&{words:?}, &[])"))
}

/// `cargo xtask servers ACTION dovecot` is carried out by `cargo xtask ci`, as root.
fn an_action_of_ci(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["cargo", "xtask", "servers", action, "dovecot"] = words[..] else {
        return Err("is no action on dovecot".to_owned());
    };
    let (initial, rest) = action.split_at(1);
    let action = format!("servers::carry_out(Action::{}{rest}, ", initial.to_uppercase());
    in_file("xtask/src/ci.rs", &action)
}

/// The line is what `.ci/run` becomes in the end.
fn all_that_ci_runs(line: &str) -> Result<(), String> {
    let script = read(".ci/run");
    let last = script.trim_end().lines().last().unwrap_or_default();
    if last == format!("exec {line}") { Ok(()) } else { Err(format!("`.ci/run` ends with `{last}`")) }
}

fn in_file(path: &str, text: &str) -> Result<(), String> {
    if read(path).contains(text) { Ok(()) } else { Err(format!("{path} does not have `{text}`")) }
}

/// A folder below the repository's root, where `cargo xtask` works as it does in the root itself. It holds the files
/// that the page shows, and somebody's mail; it is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(number: usize, page: &str) -> Folder {
        let path = root().join(format!("target/readme/{}-line-{number}", std::process::id()));
        let folder = Folder(path);
        folder.write("Maildir/new/1700000001.M1P1.host", "Subject: from grandmother\n\nDear child\n");
        std::fs::create_dir_all(folder.0.join("Maildir/cur")).expect("a folder");
        std::fs::create_dir_all(folder.0.join("mail")).expect("a folder");
        for fence in fenced(page) {
            if let Some(("yaml", name)) = fence.info.split_once(' ') {
                let mail = folder.0.join("mail").display().to_string();
                folder.write(name, &fence.text.replace("/var/mail/poplab", &mail));
            }
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).env("POPLAB_PASSWORD", PASSWORD);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The last one to go takes the folder of all with it.
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = std::fs::remove_dir(root().join("target/readme"));
    }
}

/// A running fake server.
struct Server {
    child: Child,
    /// What the page writes, and what stands for it here.
    names: BTreeMap<&'static str, String>,
    authority: String,
}

impl Server {
    fn start(folder: &Folder, arguments: &[&str]) -> Result<Server, String> {
        let mut child = folder
            .command("cargo")
            .args(["xtask", "fake"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a fake server: {error}"))?;
        let mut first = String::new();
        let stdout = child.stdout.take().ok_or("the fake server has no standard output")?;
        BufReader::new(stdout).read_line(&mut first).map_err(|error| format!("the fake server: {error}"))?;
        let value = |key: &str| {
            let (_, after) = first.split_once(&format!("\"{key}\":"))?;
            Some(after.split([',', '}']).next()?.trim_matches('"').to_owned())
        };
        let entrance = |key| {
            let port = value(key).ok_or_else(|| format!("the fake server told no `{key}`: {first}"))?;
            Ok::<_, String>(format!("127.0.0.1:{port}"))
        };
        let names = BTreeMap::from([
            ("mail.example.org:110", entrance("port")?),
            ("mail.example.org:995", entrance("tls_port")?),
        ]);
        let authority = value("ca").ok_or("the fake server told no certificate")?;
        Ok(Server { child, names, authority })
    }

    /// The line with this server in place of the reader's.
    fn stand_in(&self, line: &str) -> String {
        let named = self.names.iter().fold(line.to_owned(), |line, (name, own)| line.replace(name, own));
        format!("{named} --ca '{}'", self.authority)
    }

    fn stop(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the fake server ended with {status}")) }
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder above xtask").to_owned()
}

fn page() -> String {
    read("README.md")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

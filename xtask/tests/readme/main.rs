//! Every command line of README.md is run, and shows what the page says it shows.
//!
//! Each `sh` block is a session of its own in a fresh folder below the repository's root, its lines run in order, and
//! the blocks run side by side, but for those that put load on a server: they come one by one when the others are
//! done, since they judge times. The names that stand for the reader's server, accounts and mail are replaced by those
//! of a server that is started for the line. What cannot run inside a test is looked up where it does run. This judges
//! no server and knows no option of any command but those that name a server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What becomes of a command line of the page.
#[derive(Clone, Copy)]
enum Rule {
    /// It is run as it is.
    AsItIs,
    /// It is run against `cargo xtask fake` with these arguments.
    Against(&'static [&'static str]),
    /// It is run against a fake server with the page's load accounts and their mail.
    Load,
    /// Likewise, and it may exit with 0 or 1: how much this machine holds is not for a page to say.
    Search,
    /// It is run against an LMTP server that takes everything and keeps nothing.
    Lmtp,
    /// It is run as it is, and may exit with 0 or 1: which of two runs is faster is not for a page to say.
    EitherVerdict,
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
    (
        "cargo xtask load scenarios/smoke.yaml",
        Rule::AsItIs,
        "pass: 5 of 5 thresholds hold · 300 of 300 sessions completed",
    ),
    (
        "cargo xtask load scenarios/smoke.yaml --duration 3s --defect load.retr-corrupt",
        Rule::AsItIs,
        "verification:checksum at RETR-last",
    ),
    ("cargo xtask load --list", Rule::AsItIs, "isp-morning  "),
    ("cargo xtask load isp-morning --show", Rule::AsItIs, "name: isp-morning"),
    (
        "cargo xtask seed --scenario isp-morning --lmtp mail.example.org:24",
        Rule::Lmtp,
        "500 accounts: 10000 messages",
    ),
    (
        "cargo xtask load isp-morning --target mail.example.org:995 --password-env POPLAB_PASSWORD \
         --allow-delete --duration 5s",
        Rule::Load,
        " by content and owner, 0 wrong",
    ),
    (
        "cargo xtask load morning.yaml --target mail.example.org:995 --also mail.example.org:110 \
         --find-capacity --duration 2s",
        Rule::Search,
        "capacity: ",
    ),
    (
        "cargo xtask load morning.yaml --duration 12s --out before",
        Rule::AsItIs,
        "pass: 4 of 4 thresholds hold",
    ),
    (
        "cargo xtask load morning.yaml --duration 12s --out after",
        Rule::AsItIs,
        "pass: 4 of 4 thresholds hold",
    ),
    ("cargo xtask compare before after", Rule::EitherVerdict, "poplab compare"),
    ("cargo xtask compare before after --format markdown", Rule::EitherVerdict, "| step | quantile |"),
    ("cargo xtask bench --help", Rule::AsItIs, "usage: cargo xtask bench"),
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
    let (timed, others): (Vec<Block>, Vec<Block>) = blocks().into_iter().partition(Block::is_timed);
    let mut wrong: Vec<String> = std::thread::scope(|scope| {
        let sessions: Vec<_> = others
            .into_iter()
            .map(|block| {
                let page = &page;
                scope.spawn(move || session(&block, page))
            })
            .collect();
        sessions.into_iter().filter_map(|session| session.join().expect("a session ends").err()).collect()
    });
    wrong.extend(timed.iter().filter_map(|block| session(block, &page).err()));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_rust_examples_are_the_tested_ones_of_the_library() {
    let page = page();
    let mut examples = fenced(&page).filter(|fence| fence.info == "rust");
    for library in ["crates/poplab/src/load.rs", "crates/poplab/src/lib.rs"] {
        let example = examples.next().unwrap_or_else(|| panic!("README.md shows nothing of {library}"));
        let documented = read(library);
        let mut tested = documented.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
        let code = example.text.lines().map(str::trim);
        for line in code.filter(|line| !line.is_empty() && !line.starts_with("//")) {
            assert!(tested.any(|other| other == line), "`{line}` is not in the example of {library}");
        }
    }
    assert!(examples.next().is_none(), "README.md has an example in Rust that no test runs");
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

impl Block {
    /// Whether it judges times, so that nothing else should be at work meanwhile.
    fn is_timed(&self) -> bool {
        self.lines.iter().any(|line| line.command.starts_with("cargo xtask load "))
    }
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
            Rule::AsItIs => run(&folder, &line.command.replace("~/Maildir", "Maildir"), &[line.exit_code]),
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
            "README.md:{}: the excerpt has `{missing}`, which is not shown (in this order)",
            first.number
        ))
    })
}

/// Runs a command line and gives what it printed, standard output first.
fn run(folder: &Folder, command: &str, exit_codes: &[i32]) -> Result<String, String> {
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
/// that the page shows, the shipped scenarios, and somebody's mail; it is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(number: usize, page: &str) -> Folder {
        let path = root().join(format!("target/readme/{}-line-{number}", std::process::id()));
        let folder = Folder(path);
        folder.write("Maildir/new/1700000001.M1P1.host", "Subject: from grandmother\n\nDear child\n");
        std::fs::create_dir_all(folder.0.join("Maildir/cur")).expect("a folder");
        std::fs::create_dir_all(folder.0.join("mail")).expect("a folder");
        std::os::unix::fs::symlink(root().join("scenarios"), folder.0.join("scenarios")).expect("a link");
        for fence in fenced(page) {
            if let Some(("yaml", name)) = fence.info.split_once(' ') {
                let mail = folder.0.join("mail").display().to_string();
                let text = fence.text.replace("/var/mail/poplab", &mail);
                folder.write(name, &text.replace("target: mail.example.org", "target: 127.0.0.1"));
            }
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// A program that is ended when it goes on for too long, and that is started with the usual signals and umask, whatever
    /// `nohup` or a runner made of ours.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("env");
        let usual = ["--default-signal", "timeout", "--kill-after=10", "1200", "sh", "-c"];
        command.args(usual).args(["umask 022; exec \"$0\" \"$@\"", program]);
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

/// What the embedded server of load runs is told here: the accounts of the page, more than any of its lines needs.
const LOAD_ACCOUNTS: &str = r#"{"number":0,"seed":1,"defects":[],"latency":null,"freeze":null,"most_connections":2000,
    "population":{"seed":1,"user":"load{n:05}","first":1,"count":500,"messages":20,"sizes":{"fixed":13000.0}}"#;

/// A running fake server.
struct Server {
    child: Child,
    /// What the page writes, and what stands for it here.
    names: BTreeMap<&'static str, String>,
    authority: String,
    /// Load takes a port with another number than 995 for one in the clear.
    told_how: bool,
}

impl Server {
    fn start(folder: &Folder, arguments: &[&str]) -> Result<Server, String> {
        let mut command = folder.command("cargo");
        let (child, first) = first_line(command.args(["xtask", "fake"]).args(arguments), "")?;
        let authority = value(&first, "ca")?.to_owned();
        Ok(Server { child, names: names(&first)?, authority, told_how: true })
    }

    /// A server with accounts by pattern, which only load runs need: a process as `load` itself starts it.
    fn start_for_load(folder: &Folder) -> Result<Server, String> {
        let mut command = folder.command("cargo");
        command.args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "poplab",
            "--bin",
            "poplab",
            "--",
            "load-fake",
        ]);
        let order = format!("{},\"password\":\"{PASSWORD}\"}}\n", LOAD_ACCOUNTS.replace('\n', ""));
        let (child, first) = first_line(&mut command, &order)?;
        folder.write("ca.pem", &value(&first, "ca_pem")?.replace("\\n", "\n"));
        Ok(Server { child, names: names(&first)?, authority: "ca.pem".to_owned(), told_how: false })
    }

    /// The line with this server in place of the reader's.
    fn stand_in(&self, line: &str) -> String {
        let named = self.names.iter().fold(line.to_owned(), |line, (name, own)| line.replace(name, own));
        let tls = if self.told_how || line.contains(" --also ") { "" } else { " --tls implicit" };
        format!("{named} --ca '{}'{tls}", self.authority)
    }

    fn stop(mut self) -> Result<(), String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the fake server ended with {status}")) }
    }
}

/// Starts a server, tells it this, and gives the first line it prints, one JSON object.
fn first_line(command: &mut Command, told: &str) -> Result<(Child, String), String> {
    let failed = |error: std::io::Error| format!("the fake server: {error}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(stdin) = &mut child.stdin {
        stdin.write_all(told.as_bytes()).map_err(failed)?;
    }
    let mut first = String::new();
    let stdout = child.stdout.take().ok_or("the fake server has no standard output")?;
    BufReader::new(stdout).read_line(&mut first).map_err(failed)?;
    Ok((child, first))
}

/// The value of a key in the first line of a server.
fn value<'line>(first: &'line str, key: &str) -> Result<&'line str, String> {
    first
        .split_once(&format!("\"{key}\":"))
        .and_then(|(_, after)| after.split([',', '}']).next())
        .map(|value| value.trim().trim_matches('"'))
        .ok_or_else(|| format!("the fake server told no `{key}`: {first}"))
}

/// The entrances of a server under the names that the page has for them.
fn names(first: &str) -> Result<BTreeMap<&'static str, String>, String> {
    let entrance = |key| value(first, key).map(|port| format!("127.0.0.1:{port}"));
    Ok(BTreeMap::from([
        ("mail.example.org:110", entrance("port")?),
        ("mail.example.org:995", entrance("tls_port")?),
    ]))
}

/// Starts an LMTP server that accepts every message and forgets it, and gives its address. It goes with the test.
fn lmtp() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("an LMTP server: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("an LMTP server: {error}"))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away early ends its own conversation only.
            std::thread::spawn(move || converse(&stream));
        }
    });
    Ok(address.to_string())
}

fn converse(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"220 localhost\r\n")?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut content) = (Vec::new(), false);
    while {
        line.clear();
        reader.read_until(b'\n', &mut line)?
    } > 0
    {
        let reply: &[u8] = match (content, &line[..]) {
            (true, b".\r\n") => {
                content = false;
                b"250 kept by nobody\r\n"
            }
            (true, _) => continue,
            (false, b"DATA\r\n") => {
                content = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT\r\n") => return stream.write_all(b"221 bye\r\n"),
            (false, _) => b"250 well\r\n",
        };
        stream.write_all(reply)?;
    }
    Ok(())
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

//! Every fault script that is shipped, against a client that says what every client says, on the three ways in: what it
//! sees is a snapshot, and no fault may be idle. On a paused clock, so that what takes minutes takes none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fake::{Account, Configuration, Script, World};
use net::{Dialer, Endpoint, Listening, MemoryNetwork, Stream, TlsOptions, Trust};
use tokio::time::{Instant, timeout};

/// How long the client waits for an answer.
const PATIENCE: Duration = Duration::from_mins(5);

/// What the client says. `RETR 1` and `TOP 2 0` bring more than a line.
const COMMANDS: [&str; 11] = [
    "CAPA",
    "USER alice",
    "PASS wonderland",
    "STAT",
    "LIST",
    "UIDL",
    "RETR 1",
    "RETR 2",
    "TOP 2 0",
    "DELE 1",
    "QUIT",
];

/// What a client says that asks for everything, against a server of which the whole difference is what it says.
const INQUISITIVE: [&str; 17] = [
    "CAPA",
    "UTF8",
    "LANG",
    "USER alice",
    "PASS wonderland",
    "CAPA",
    "STAT",
    "LIST",
    "LIST 2",
    "UIDL",
    "UIDL 2",
    "UIDL",
    "RETR 1",
    "RETR 2",
    "RETR 3",
    "TOP 1 0",
    "QUIT",
];

/// What a client says that has tokens: a wrong one, for want of an initial response the other way round, and a right one.
const TOKENS: [&str; 9] = [
    "CAPA",
    "AUTH XOAUTH2",
    "dXNlcj1hbGljZQFhdXRoPUJlYXJlciBsb29raW5nAQE=",
    "",
    "AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciBsb29raW5nAQE=",
    "AQ==",
    "AUTH OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB3b25kZXJsYW5kAQE=",
    "STAT",
    "QUIT",
];

/// What a client says that has another password, and goes on.
const MISTAKEN: [&str; 6] = ["USER alice", "PASS looking", "USER alice", "PASS glass", "STAT", "QUIT"];

/// The ways in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Mistaken,
    Inquisitive,
    Tokens,
    Clear,
    Stls,
    Tls,
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/faults");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    scripts.sort();
    scripts
}

fn world(script: Script) -> World {
    let mail = |number: u32| {
        let lines =
            (0..8).map(|line| format!("line {line} of message {number}, which is long enough to be cut\r\n"));
        format!("Subject: message {number}\r\n\r\n.dotted\r\n{}", lines.collect::<String>()).into_bytes()
    };
    let accounts = vec![Account::new("alice", "wonderland", [mail(1), mail(2), mail(3)])];
    World::new(Configuration { accounts, script: Some(script), ..Configuration::default() })
}

/// What a client sees: a line for each thing that it waited for, with the seconds it waited.
struct Client {
    seen: String,
    /// The middle of listings is shown too.
    whole: bool,
    begun: Instant,
}

impl Client {
    /// Everything until nothing comes for a moment; false when that was the end.
    async fn hear(&mut self, stream: &mut Stream, after: &str) -> bool {
        let (mut segments, mut buffer, asked) = (Vec::new(), [0; 4096], Instant::now());
        let ended = loop {
            let patience = if segments.is_empty() { PATIENCE } else { Duration::from_secs(1) };
            match timeout(patience, stream.read(&mut buffer)).await {
                Err(_) if segments.is_empty() => break Some("nothing".to_owned()),
                Err(_) => break None,
                Ok(Ok(0)) => {
                    break Some(format!(
                        "ended: {}",
                        stream.ending().map_or_else(String::new, |end| end.to_string())
                    ));
                }
                Ok(Ok(count)) => segments.push(buffer[..count].to_vec()),
                Ok(Err(error)) => break Some(format!("ended: {}", dateless(&error.to_string()))),
            }
        };
        let octets = segments.concat();
        // The segments of a trickle are many, and alike.
        let shown = match segments.len() {
            _ if self.whole && matches!(after, "CAPA" | "LIST" | "UIDL") => octets.escape_ascii().to_string(),
            0..=8 => segments.iter().map(|segment| short(segment)).collect::<Vec<_>>().join(" | "),
            many => format!("{} in {many} segments", short(&octets)),
        };
        let waited = asked.elapsed().as_secs();
        let waited = if waited > 1 { format!(" ({waited} s)") } else { String::new() };
        let _ = writeln!(
            self.seen,
            "  {after}: {shown}{waited}{}",
            ended.as_deref().map(|end| format!(" {end}")).unwrap_or_default()
        );
        ended.is_none()
    }

    async fn session(&mut self, dialer: &Dialer, endpoint: &Endpoint, way: Way) {
        let _ = writeln!(self.seen, "{way:?}");
        let Ok(mut stream) = dialer.connect(endpoint, None).await else { return };
        if way == Way::Tls {
            let Some(secured) = self.secure(dialer, stream).await else { return };
            stream = secured;
        }
        if !self.hear(&mut stream, "greeting").await {
            return;
        }
        if way == Way::Stls {
            let sent = stream.write_all(b"STLS\r\n").await;
            if sent.is_err() || !self.hear(&mut stream, "STLS").await {
                return;
            }
            let Some(secured) = self.secure(dialer, stream).await else { return };
            stream = secured;
        }
        let commands = match way {
            Way::Mistaken => &MISTAKEN[..],
            Way::Inquisitive => &INQUISITIVE[..],
            Way::Tokens => &TOKENS[..],
            Way::Clear | Way::Stls | Way::Tls => &COMMANDS[..],
        };
        for command in commands {
            let sent = stream.write_all(format!("{command}\r\n").as_bytes()).await;
            if sent.is_err() || !self.hear(&mut stream, command.split(' ').next().unwrap_or_default()).await {
                return;
            }
        }
    }

    async fn secure(&mut self, dialer: &Dialer, stream: Stream) -> Option<Stream> {
        match timeout(PATIENCE, dialer.start_tls(stream, &TlsOptions::named(MemoryNetwork::HOST))).await {
            Ok(Ok(secured)) => return Some(secured),
            Ok(Err(error)) => _ = writeln!(self.seen, "  handshake: {}", dateless(&error.to_string())),
            Err(_) => _ = writeln!(self.seen, "  handshake: nothing"),
        }
        None
    }
}

/// Without the number of days, which is another every day.
fn dateless(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let days = |place: usize| words.get(place + 1).is_some_and(|word| *word == "days");
    let word = |(place, word): (usize, &&str)| if days(place) { "N".to_owned() } else { (*word).to_owned() };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// Octets as text, the middle left out.
fn short(octets: &[u8]) -> String {
    let text = octets.escape_ascii().to_string();
    match text.len() {
        0..=80 => text,
        _ => format!("{}…{} ({} octets)", &text[..40], &text[text.len() - 20..], octets.len()),
    }
}

#[test]
fn every_shipped_fault_shows_what_it_says() {
    let scripts = scripts();
    assert!(scripts.len() >= 25, "{}", scripts.len());
    let mut idle = Vec::new();
    for path in scripts {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let script = Script::read(&text, &name).unwrap_or_else(|problems| panic!("{problems}"));
        // First, as long as there is mail.
        let mut ways = Vec::from_iter(script.faults.is_empty().then_some(Way::Inquisitive));
        ways.extend([Way::Clear, Way::Stls, Way::Tls, Way::Mistaken]);
        ways.extend((script.policy.tokens != script::Tokens::Unknown).then_some(Way::Tokens));
        let world = world(script);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let seen = runtime.block_on(seen(&world, &ways));
        insta::assert_snapshot!(format!("fault-{name}"), seen);
        idle.extend(
            world
                .faults()
                .into_iter()
                .filter(|(_, acted)| *acted == 0)
                .map(|(fault, _)| format!("{name}: {fault}")),
        );
    }
    assert!(idle.is_empty(), "these never acted: {idle:?}");
}

/// What the client sees that comes in on these ways.
async fn seen(world: &World, ways: &[Way]) -> String {
    let identities = poplab::identities().unwrap();
    let shown: Vec<_> = identities.iter().collect();
    let network = MemoryNetwork::start_with(world.clone(), Listening::default(), &shown).unwrap();
    let trust = Trust::Only { ca_pem: network.ca_pem().into() };
    let dialer = Dialer::memory(&network, trust).unwrap();
    let mut client =
        Client { seen: String::new(), whole: ways.contains(&Way::Inquisitive), begun: Instant::now() };
    for &way in ways {
        let endpoint = if way == Way::Tls { network.tls() } else { network.clear() };
        client.session(&dialer, &endpoint, way).await;
    }
    let _ = writeln!(client.seen, "alice has {} messages", world.messages("alice").len());
    assert!(client.begun.elapsed() < Duration::from_hours(2), "the clock is paused");
    network.stop().await;
    client.seen
}

/// The command line: a script that is wrong is refused as a whole, and a fault that never acted is told.
#[test]
fn a_script_is_read_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("faults.yaml");
    std::fs::write(&path, "faults:\n  - {when: {command: RERT}, do: shut}\n").unwrap();
    let poplab = || std::process::Command::new(env!("CARGO_BIN_EXE_poplab"));
    let refused = poplab().args(["fake", "--fault"]).arg(&path).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("did you mean `RETR`") && told.contains("unknown word `shut`"), "{told}");
    std::fs::write(&path, "faults:\n  - {when: {command: RETR}, do: close}\n").unwrap();
    for (strict, code) in [(false, 0), (true, 1)] {
        let mut command = poplab();
        command.args(["fake", "--fault"]).arg(&path).stdin(std::process::Stdio::null());
        command.args(strict.then_some("--strict"));
        let ended = command.output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{told}");
        assert!(told.contains("the fault `close at RETR` never acted"), "{told}");
    }
}

/// A command beside the server finds it in its environment, and its exit code is the program's.
#[test]
fn a_command_runs_beside_the_server() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/faults/drop-mid-retr.yaml");
    let fetch = "import os, poplib\n\
        client = poplib.POP3(os.environ['POPLAB_HOST'], int(os.environ['POPLAB_PORT']))\n\
        client.user(os.environ['POPLAB_USER']); client.pass_(os.environ['POPLAB_PASSWORD'])\n\
        try: client.retr(1); print('whole')\n\
        except poplib.error_proto as error: print('cut', error)\n\
        raise SystemExit(7)";
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_poplab"))
        .args(["fake", "--strict", "--fault", script, "--", "python3", "-c", fetch])
        .output()
        .unwrap();
    let (told, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!((ended.status.code(), &told[..3]), (Some(7), "cut"), "{told}{error}");
    let missing = std::process::Command::new(env!("CARGO_BIN_EXE_poplab"))
        .args(["fake", "--", "no-such-program"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{error}");
    assert!(error.contains("`no-such-program` cannot be started"), "{error}");
}

/// A password that poplab was given is not handed on to the command, in no variable.
#[test]
fn a_command_does_not_inherit_a_password_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.eml"), "Subject: tea\r\n\r\nAt five.\r\n").unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_poplab"))
        .args(["fake", "--mail"])
        .arg(folder.path())
        .args(["--password-env", "SESAME", "--", "env"])
        .env("SESAME", "open-the-door")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(told.contains("POPLAB_USER=alice") && told.contains("POPLAB_PORT="), "{told}");
    assert!(!told.contains("open-the-door") && !told.contains("POPLAB_PASSWORD"), "{told}");
}

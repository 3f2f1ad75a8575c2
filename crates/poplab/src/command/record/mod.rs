//! `poplab record`: stands between mail programs and a real server, and leaves what they said: a transcript, and a
//! recording that `poplab fake --replay` says again and `--verify` compares with the server of today.

mod keeper;
mod replay;
mod tap;
mod verify;

use std::ffi::OsString;
use std::io::{Read as _, StdinLock};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use machine::Channel;
use net::{DialError, Dialer, Endpoint, Identity, Listening, Patience, Ports, Relay, TlsOptions, Upstream};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::companion::{self, Place};
use super::conformance::{self, Tls};
use super::fake;
use crate::exit::{self, Failure};
use crate::{secrets, terminal};

use keeper::Keeper;
pub(super) use replay::replay;
use tap::{Manner, Watcher};

/// The version of the first line.
const FORMAT: u32 = 1;

/// Clients at once; further ones wait.
const CLIENTS: usize = 100;

/// How long a server may take to greet in the clear, where that is not known beforehand.
const GREETING: Duration = Duration::from_secs(3);

/// How long the look at it may take in all.
const LOOK: Duration = Duration::from_secs(20);

/// The recording, line by line.
const RECORDING: &str = "recording.jsonl";
/// The same for people.
const TRANSCRIPT: &str = "transcript.txt";

/// Record what mail programs and a server say to each other
///
/// Listens on 127.0.0.1 and passes on what is said to the server and back. The first line on stdout is JSON: `port`
/// (cleartext, with STLS where the server has it), `tls_port`, `ca` (a PEM file to trust) and `pid`. It stops, with exit code
/// 0, when its standard input ends, and on SIGTERM and Ctrl-C; what was said until then is kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab record --upstream mail.example.org:995
  poplab record --upstream mail.example.org:110 --out monday -- fetchmail -c
  poplab fake --replay poplab-recording          the same replies again, without the server
  poplab record --verify poplab-recording --upstream mail.example.org:995 --password-env PASSWORD

The folder (--out) gets transcript.txt, for people, and recording.jsonl. Passwords, digests,
tokens and the lines of SASL exchanges are in neither: they are replaced before they are
written, also where the server repeats them. MAIL IS IN THE RECORDING, as it was fetched
but for passwords: folder and files are yours alone (0700, 0600). Nothing is changed on the
way, so a client that deletes mail deletes it.

--verify says the recorded commands to the server and shows what it says otherwise (exit
code 1). Only CAPA, USER, PASS, STAT, LIST, UIDL, RETR, TOP, NOOP, RSET, LANG and UTF8 are
sent: no DELE, nothing unknown, and no QUIT. A login that was refused is not repeated.

A recording has at most 1000 sessions, 256 MiB and a transcript's 10000 lines; what comes
later is passed on and not recorded, which is said at the end. A client and a server that say
nothing for 11 minutes, and a session of 12 hours, are ended.")]
pub(crate) struct Arguments {
    /// The server
    #[arg(long, value_name = "HOST:PORT", help_heading = "Server")]
    upstream: Endpoint,

    /// How the server's port is protected. With auto STLS is the client's choice, but for clients on the port with TLS, for
    /// whom poplab asks for it. With starttls poplab itself always asks for it, with none never
    #[arg(long, value_enum, default_value_t = Tls::Auto, value_name = "HOW", help_heading = "Server")]
    tls: Tls,

    /// Trust the certificates in this PEM file too
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = "Server")]
    ca: Option<PathBuf>,

    /// Trust any certificate
    #[arg(long, help_heading = "Server")]
    insecure: bool,

    /// The port for clients without TLS; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, help_heading = "Clients")]
    port: u16,

    /// The port for clients with TLS from the first octet; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, help_heading = "Clients")]
    tls_port: u16,

    /// Where to write the certificate that clients must trust, PEM; without it a file among the temporary ones, removed at
    /// the end
    #[arg(long, value_name = "FILE", help_heading = "Clients")]
    ca_out: Option<PathBuf>,

    /// The folder for the recording; an older recording in it is replaced
    #[arg(long, value_name = "DIR", default_value = "poplab-recording", help_heading = "Output")]
    out: PathBuf,

    /// The environment variable that holds the password. Recording needs it only to cover it in mail where no client says it
    /// (APOP, CRAM-MD5, SCRAM); --verify logs in with it
    #[arg(long, value_name = "VARIABLE", help_heading = "Server")]
    password_env: Option<String>,

    /// Record nothing, but compare the recording in this folder with what the server says now
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["port", "tls_port", "ca_out", "out", "command"],
        help_heading = "Verify"
    )]
    verify: Option<PathBuf>,

    /// The user to log in as where the recorded client used AUTH, which hides its name
    #[arg(long, value_name = "NAME", requires = "verify", help_heading = "Verify")]
    user: Option<String>,

    /// Run this command beside it and end with its exit code. It finds the ports in its environment: `POPLAB_HOST`,
    /// `POPLAB_PORT`, `POPLAB_TLS_PORT`, `POPLAB_CA`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The first line on stdout.
#[derive(Serialize)]
struct FirstLine {
    format: u32,
    port: Option<u16>,
    tls_port: Option<u16>,
    ca: String,
    pid: u32,
}

/// Records until its time is over.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let trust = conformance::trust(arguments.ca.as_deref(), arguments.insecure)?;
    let dialer = Dialer::tcp(trust).map_err(|error| {
        let file = arguments.ca.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        Failure::input(format!("{file}{error}"))
    })?;
    if let Some(folder) = &arguments.verify {
        return verify::verify(arguments, folder, dialer);
    }
    if let Some(variable) = &arguments.password_env {
        let password = crate::environment::password(variable).map_err(|_| {
            Failure::input(format!("the environment has no variable `{variable}` with a password"))
        })?;
        secrets::of_the_run().add(password);
    }
    let keeper = Keeper::begin(&arguments.out, &arguments.upstream)?;
    runtime()?.block_on(record(arguments, dialer, &keeper))
}

async fn record(arguments: &Arguments, dialer: Dialer, keeper: &Keeper) -> anyhow::Result<u8> {
    let upstream = &arguments.upstream;
    let implicit_tls = greets_under_tls(arguments, &dialer).await;
    let manner = |channel| Manner {
        channel,
        upgrades: match arguments.tls {
            Tls::Starttls => true,
            // Who asks for TLS of us must not be passed on in the clear.
            Tls::Auto => !implicit_tls && channel == Channel::Tls,
            Tls::Implicit | Tls::None => false,
        },
        password_in_clear: arguments.tls == Tls::None || conformance::is_loopback(&upstream.host),
    };
    let manners = [Channel::Clear, Channel::Tls].map(manner);
    let taps = {
        let keeper = keeper.clone();
        move |channel| {
            let [clear, tls] = &manners;
            Watcher::new(keeper.clone(), if channel == Channel::Tls { tls.clone() } else { clear.clone() })
        }
    };
    let identity = Identity::throwaway()?;
    let ports = Ports { clear: Some(arguments.port), tls: Some(arguments.tls_port) };
    let listening = Listening { ports, most_connections: CLIENTS, ..Listening::default() };
    let server = Upstream { dialer, endpoint: upstream.clone(), implicit_tls };
    let relay = Relay::start(taps, server, Patience::default(), listening, &identity)
        .await
        .map_err(|error| cannot_listen(ports, &error))?;
    let stands = Stands {
        port: relay.clear().map(|address| address.port()),
        tls_port: relay.tls().map(|address| address.port()),
        ca_pem: relay.ca_pem(),
    };
    let code = stand(&stands, arguments.ca_out.as_deref(), &arguments.command).await;
    relay.stop().await;
    keeper.end()?;
    let code = code?;
    match keeper.obstacle() {
        Some(reason) if code == exit::GOOD => Err(Failure::not_carried_out(reason)),
        _ => Ok(code),
    }
}

/// Whether TLS begins with the server's first octet. Where neither the command line nor the port tells, one connection
/// does: a server that says nothing in the clear and takes a handshake.
async fn greets_under_tls(arguments: &Arguments, dialer: &Dialer) -> bool {
    let upstream = &arguments.upstream;
    match arguments.tls {
        Tls::Implicit => return true,
        Tls::Starttls | Tls::None => return false,
        Tls::Auto => {}
    }
    if matches!(upstream.port, 110 | 995) {
        return upstream.port == 995;
    }
    let look = async {
        let mut stream = dialer.connect(upstream, None).await.ok()?;
        if timeout(GREETING, stream.read(&mut [0])).await.is_ok() {
            return None;
        }
        let secured = dialer.start_tls(stream, &TlsOptions::named(&upstream.host)).await;
        match secured {
            // A certificate that is not trusted is one all the same; the clients will be told.
            Ok(_) | Err(DialError::Certificate { .. }) => Some(()),
            Err(_) => None,
        }
    };
    matches!(timeout(LOOK, look).await, Ok(Some(())))
}

/// What listens.
struct Stands<'a> {
    port: Option<u16>,
    tls_port: Option<u16>,
    ca_pem: &'a str,
}

/// Tells where it listens and waits until its time is over, or runs the command beside it.
async fn stand(stands: &Stands<'_>, ca_out: Option<&Path>, command: &[OsString]) -> anyhow::Result<u8> {
    let ended = if command.is_empty() { Some(fake::end_of_input(ignore)?) } else { None };
    // Before the first line, so that a signal right after it is heard.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let temporary = ca_out.is_none();
    let ca = ca_out.map_or_else(
        || std::env::temp_dir().join(format!("poplab-ca-{}.pem", std::process::id())),
        Path::to_owned,
    );
    fake::write_certificate(&ca, stands.ca_pem, temporary)?;
    let shown = ca.display().to_string();
    let Stands { port, tls_port, .. } = *stands;
    let code = if let Some(ended) = ended {
        let first = FirstLine { format: FORMAT, port, tls_port, ca: shown, pid: std::process::id() };
        terminal::print(&format!("{}\n", serde_json::to_string(&first)?))?;
        tokio::select! {
            _ = ended => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(exit::GOOD)
    } else {
        let address = Ipv4Addr::LOCALHOST;
        let place = Place { address, control_port: None, port, tls_port, ca: &shown, account: None };
        companion::run(command, &place, &mut terminate).await
    };
    if temporary {
        // Somebody may have tidied up before us.
        let _ = std::fs::remove_file(&ca);
    }
    code
}

/// Reads to the end; what is written there means nothing.
fn ignore(mut stdin: StdinLock<'static>) {
    let mut ignored = [0; 512];
    while stdin.read(&mut ignored).is_ok_and(|octets| octets > 0) {}
}

fn cannot_listen(ports: Ports, error: &std::io::Error) -> anyhow::Error {
    Failure::not_carried_out(format!(
        "cannot listen on 127.0.0.1, ports {} and {}: {error}; port 0 takes a free one",
        ports.clear.unwrap_or_default(),
        ports.tls.unwrap_or_default()
    ))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::not_carried_out(format!("the system refused an event queue: {error}")))
}

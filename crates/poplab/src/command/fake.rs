//! `poplab fake`: the deterministic server as a process, for the tests of mail programs in any language.
//!
//! The first line on stdout is JSON with everything a test needs. What the server does stands in the crate `fake`.

mod accounts;
mod certificate;
mod control;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::StdinLock;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use ::fake::{Configuration, World};
use anyhow::Context as _;
use clap::Args;
use net::{Listening, Ports};
use serde::Serialize;
use server::FakeServer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub(super) use certificate::write_certificate;

use super::companion::{self, Place};
use crate::embedded;
use crate::exit::{self, Failure};
use crate::faults;
use crate::folder::{self, Readers};
use crate::terminal;

/// The version of the first line.
const FORMAT: u32 = 1;

/// Run a fake POP3 server on 127.0.0.1
///
/// The first line on stdout is JSON: `port` (cleartext with STLS), `tls_port`, `ca` (a PEM file to trust), `accounts`
/// and `pid`. The server stops, with exit code 0, when its standard input ends, and on SIGTERM and Ctrl-C.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(after_help = "\
Examples:
  poplab fake                                    accounts of every role, our own mail
  poplab fake --mail ~/Maildir --port 11000      alice has this mail; it is only read
  poplab fake --defect rfc1939.retr.no-stuffing  a server that is wrong in one way
  poplab fake --list-defects
  poplab fake --persona texts.none               a server that is right, though unusual
  poplab fake --fault drop-mid-retr.yaml         the connection breaks in the middle of a message
  poplab fake --replay poplab-recording          what `poplab record` has recorded, once more
  poplab fake -- sh -c 'curl -s -u $POPLAB_USER:$POPLAB_PASSWORD pop3://$POPLAB_HOST:$POPLAB_PORT'

Passwords of generated accounts follow from the seed and are shown in the first line:
they protect nothing. Those from --accounts and --password-env are not shown.")]
pub(crate) struct Arguments {
    /// The port without TLS; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// The port with TLS from the first octet; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    tls_port: u16,

    /// Accounts with their roles, YAML; they get the mail of their roles
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,

    /// Have the accounts that `poplab conformance` gives its embedded server
    #[arg(long, conflicts_with_all = ["accounts", "mail", "user", "password_env"])]
    conformance_accounts: bool,

    /// Mail for --user: a Maildir, a folder of .eml files, an mbox file or one .eml file. The first line says how
    /// many messages were found, and lines of an mbox that could be meant otherwise are named on stderr
    #[arg(long, value_name = "PATH")]
    mail: Option<PathBuf>,

    /// The user whose mail --mail is
    #[arg(long, value_name = "NAME", default_value = "alice")]
    user: String,

    /// The environment variable that holds that user's password; without it one is generated
    #[arg(long, value_name = "VARIABLE")]
    password_env: Option<String>,

    /// Be wrong in this way; may be repeated
    #[arg(long, value_name = "ID")]
    defect: Vec<String>,

    /// Be unusual in this way, as servers may be; may be repeated
    #[arg(long, value_name = "ID")]
    persona: Vec<String>,

    /// Let go wrong what this script says; may be repeated
    #[arg(long, value_name = "FILE")]
    fault: Vec<PathBuf>,

    /// Say what `poplab record` has recorded in this folder: to the same commands the same replies, -ERR to others. Any
    /// password logs in where the recorded one did
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "accounts", "conformance_accounts", "mail", "user", "password_env", "defect", "persona", "fault", "seed",
            "listen", "control_port"
        ]
    )]
    replay: Option<PathBuf>,

    /// Exit code 1 if a fault never acted
    #[arg(long, requires = "fault")]
    strict: bool,

    /// List the defects and do nothing else
    #[arg(long)]
    list_defects: bool,

    /// List the personas and do nothing else
    #[arg(long)]
    list_personas: bool,

    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Listen on this address instead of 127.0.0.1, as in a container. Beyond this machine everybody who reaches it can
    /// talk to it: it is made for tests
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST)]
    listen: Ipv4Addr,

    /// Take control messages by HTTP, too, on this port of 127.0.0.1; 0 for a free one. They are those of standard
    /// input: docs/fake.md has them
    #[arg(long, value_name = "PORT")]
    control_port: Option<u16>,

    /// Write the conversations to this file at the end, without secrets
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,

    /// Where to write the certificate to trust, PEM; without it a file among the temporary ones, removed at the end
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,

    /// Run this command beside the server and end with its exit code. It finds the server in its environment:
    /// `POPLAB_HOST`, `POPLAB_PORT`, `POPLAB_TLS_PORT`, `POPLAB_CA`, `POPLAB_CONTROL` (the address for control messages, if
    /// there is one), and the first account in `POPLAB_USER` and `POPLAB_PASSWORD`, if that password was generated
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// The first line on stdout.
#[derive(Serialize)]
struct FirstLine {
    format: u32,
    port: Option<u16>,
    tls_port: Option<u16>,
    /// Left out unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    control_port: Option<u16>,
    ca: String,
    accounts: Vec<ShownAccount>,
    pid: u32,
}

/// An account as the first line shows it.
#[derive(Clone, Serialize)]
struct ShownAccount {
    user: String,
    /// Left out unless it was generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// Left out for mail of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    /// How many messages were found in that mail; left out for mail of poplab's.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<usize>,
}

/// Serves until its time is over.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    if arguments.list_defects {
        return list(::fake::defects().map(|defect| (defect.id, defect.summary)));
    }
    if arguments.list_personas {
        return list(::fake::personas().map(|persona| (persona.id, persona.summary)));
    }
    if let Some(folder) = &arguments.replay {
        let ports = Ports { clear: Some(arguments.port), tls: Some(arguments.tls_port) };
        return super::record::replay(folder, ports, arguments.ca_out.as_deref(), &arguments.command);
    }
    let defects = embedded::defects(&arguments.defect)?;
    let personas = embedded::personas(&arguments.persona)?;
    let (accounts, shown) = accounts::population(arguments)?;
    let seed = arguments.seed;
    let script = faults::read(&arguments.fault)?;
    let world = World::new(Configuration {
        seed,
        accounts,
        defects,
        personas,
        script,
        recorded: true,
        ..Configuration::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::not_carried_out(format!("the system refused an event queue: {error}")))?;
    runtime.block_on(serve(arguments, world, shown))
}

async fn serve(arguments: &Arguments, world: World, accounts: Vec<ShownAccount>) -> anyhow::Result<u8> {
    let controlled = world.clone();
    let ended = if arguments.command.is_empty() {
        Some(end_of_input(move |stdin| control::by_lines(&controlled, stdin))?)
    } else {
        None
    };
    // Before the first line, so that a signal right after it is heard.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let ports = Ports { clear: Some(arguments.port), tls: Some(arguments.tls_port) };
    let address = arguments.listen;
    let listening = Listening { address, beyond_loopback: true, ports, ..Listening::default() };
    let server = FakeServer::start_on(world.clone(), listening).await.map_err(|error| {
        Failure::not_carried_out(format!(
            "cannot listen on {address}, ports {} and {}: {error}; port 0 takes a free one",
            arguments.port, arguments.tls_port
        ))
    })?;
    let control = arguments.control_port.map(|port| {
        control::by_http(&world, port).map_err(|error| {
            Failure::not_carried_out(format!(
                "cannot take control messages on port {port}: {error}; port 0 takes a free one"
            ))
        })
    });
    let control = control.transpose()?;
    let temporary = arguments.ca_out.is_none();
    let ca = arguments
        .ca_out
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("poplab-ca-{}.pem", std::process::id())));
    write_certificate(&ca, server.ca_pem(), temporary)?;
    let first = FirstLine {
        format: FORMAT,
        port: server.clear().map(|address| address.port()),
        tls_port: server.tls().map(|address| address.port()),
        control_port: control.as_ref().map(|endpoint| endpoint.address().port()),
        ca: ca.display().to_string(),
        accounts,
        pid: std::process::id(),
    };
    let code = if let Some(ended) = ended {
        terminal::print(&format!("{}\n", serde_json::to_string(&first)?))?;
        tokio::select! {
            _ = ended => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(exit::GOOD)
    } else {
        let account = first.accounts.first();
        let place = Place {
            address,
            control_port: first.control_port,
            port: first.port,
            tls_port: first.tls_port,
            ca: &first.ca,
            account: account.map(|account| (account.user.as_str(), account.password.as_deref())),
        };
        companion::run(&arguments.command, &place, &mut terminate).await
    };
    server.stop().await;
    if temporary {
        // Somebody may have tidied up before us.
        let _ = std::fs::remove_file(&ca);
    }
    drop(control);
    let good = conclude(arguments, &world)?;
    let code = code?;
    Ok(if !good && code == exit::GOOD { exit::FALLS_SHORT } else { code })
}

/// Says at the end what did not come about, and keeps what was said; false if that is a reason to fail.
fn conclude(arguments: &Arguments, world: &World) -> anyhow::Result<bool> {
    let idle = faults::idle(world);
    for sentence in &idle {
        terminal::tell(&format!("note: {sentence}"));
    }
    let unmet = world.verify().err().unwrap_or_default();
    for sentence in &unmet {
        terminal::tell(&format!("unmet: {sentence}"));
    }
    if let Some(path) = &arguments.transcript {
        let transcript = world.transcript().unwrap_or_default().render();
        folder::put(path, transcript.as_bytes(), Readers::ByUmask)
            .with_context(|| format!("cannot write the transcript to {}", path.display()))?;
    }
    Ok(unmet.is_empty() && (idle.is_empty() || !arguments.strict))
}

/// Tells when standard input has ended. `read` is given it, in a thread of its own, and reads it to its end.
///
/// # Errors
/// The system gives no thread to watch it: whoever started this could not end it as is promised.
pub(super) fn end_of_input(
    read: impl FnOnce(StdinLock<'static>) + Send + 'static,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let (tell, told) = oneshot::channel();
    let watch = move || {
        read(std::io::stdin().lock());
        // Nobody waits any more when a signal came first.
        let _ = tell.send(());
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).map_err(|error| {
        Failure::not_carried_out(format!("the system refused a thread to watch standard input: {error}"))
    })?;
    Ok(told)
}

fn list(all: impl Iterator<Item = (&'static str, &'static str)> + Clone) -> anyhow::Result<u8> {
    let width = all.clone().map(|(id, _)| id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (id, summary) in all {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{id:<width$}  {summary}");
    }
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

//! A command that runs beside a server of poplab's: a mail program, or the test of one.
//!
//! It finds the server in its environment. Only passwords that were generated are there: they protect nothing, and every
//! other one the caller knows already. What the command does is deliberately not looked at, but for its exit code.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::Signal as Signals;
use tokio::sync::oneshot;

use crate::environment;
use crate::exit::Failure;

/// What a shell adds to the number of the signal that ended a command.
const KILLED: i32 = 128;

/// Where the command finds the server.
pub(super) struct Place<'a> {
    /// Where it listens.
    pub(super) address: Ipv4Addr,
    /// The port of its control channel.
    pub(super) control_port: Option<u16>,
    /// The port without TLS.
    pub(super) port: Option<u16>,
    /// The port with TLS from the first octet.
    pub(super) tls_port: Option<u16>,
    /// The file of the certificate to trust.
    pub(super) ca: &'a str,
    /// A user, and the password if that was generated; of none nothing is said.
    pub(super) account: Option<(&'a str, Option<&'a str>)>,
}

/// Runs the command to its end and gives its exit code. SIGTERM is handed on to it; Ctrl-C reaches it from the terminal.
pub(super) async fn run(
    words: &[OsString],
    server: &Place<'_>,
    terminate: &mut Signals,
) -> anyhow::Result<u8> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::input("there is no command behind `--`"));
    };
    let mut command = environment::program(program);
    // Who listens everywhere is found on this machine.
    let host = if server.address.is_unspecified() { Ipv4Addr::LOCALHOST } else { server.address };
    command.args(arguments).env("POPLAB_HOST", host.to_string()).env("POPLAB_CA", server.ca);
    if let Some(port) = server.control_port {
        command.env("POPLAB_CONTROL", format!("http://127.0.0.1:{port}"));
    }
    for (name, port) in [("POPLAB_PORT", server.port), ("POPLAB_TLS_PORT", server.tls_port)] {
        command.env(name, port.map_or_else(String::new, |port| port.to_string()));
    }
    if let Some((user, password)) = server.account {
        command.env("POPLAB_USER", user);
        // One that stands there for something else is no password of this account.
        match password {
            Some(password) => command.env("POPLAB_PASSWORD", password),
            None => command.env_remove("POPLAB_PASSWORD"),
        };
    }
    let shown = program.to_string_lossy().into_owned();
    let mut child =
        command.spawn().map_err(|error| Failure::input(format!("`{shown}` cannot be started: {error}")))?;
    let process = Pid::from_child(&child);
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("command".to_owned())
        // Nobody waits any more only where this process is about to end.
        .spawn(move || drop(tell.send(child.wait())))
        .map_err(|error| {
            Failure::not_carried_out(format!("the system gives no thread to wait for `{shown}`: {error}"))
        })?;
    tokio::pin!(told);
    let status = loop {
        tokio::select! {
            status = &mut told => break status,
            _ = terminate.recv() => {
                // It may have ended at this very moment.
                let _ = kill_process(process, Signal::TERM);
            }
        }
    };
    let status = status.map_err(|_| Failure::not_carried_out(format!("nobody waited for `{shown}`")))??;
    let code = status.code().or(status.signal().map(|signal| KILLED + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

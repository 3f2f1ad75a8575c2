//! The ports of a server on loopback, and whether it greets there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::PROGRAMS;
use crate::failure::Failure;

/// How long the server may take to greet.
const START: Duration = Duration::from_secs(30);

/// The two entrances, and the way in for mail where a server has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) clear: u16,
    pub(super) tls: u16,
    pub(super) lmtp: u16,
}

/// Free loopback ports.
pub(super) fn free_ports() -> Result<Ports, Failure> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    // All are held until all are known, so that they differ.
    let ports = bind().and_then(|clear| {
        let (tls, lmtp) = (bind()?, bind()?);
        Ok(Ports { clear: port(&clear)?, tls: port(&tls)?, lmtp: port(&lmtp)? })
    });
    ports.map_err(|error| Failure::environment(format!("there is no free port on 127.0.0.1: {error}")))
}

/// Waits until both entrances greet.
pub(super) fn greets(ports: Ports, authority: &Path, child: &mut Child) -> Result<(), String> {
    let start = Instant::now();
    while !greets_in_clear(ports.clear) {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended at once ({status})"));
        }
        if start.elapsed() > START {
            return Err(format!("no greeting on port {} within {} s", ports.clear, START.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    greets_with_tls(ports.tls, authority)
}

fn greets_in_clear(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, START) else { return false };
    let _ = stream.set_read_timeout(Some(START));
    let mut greeting = String::new();
    let read = BufReader::new(&stream).read_line(&mut greeting);
    let _ = stream.write_all(b"QUIT\r\n");
    read.is_ok() && greeting.starts_with("+OK")
}

fn greets_with_tls(port: u16, authority: &Path) -> Result<(), String> {
    // `-ign_eof` waits for the server's end after our QUIT.
    let mut child = Command::new("openssl")
        .env("PATH", PROGRAMS)
        .args(["s_client", "-quiet", "-ign_eof", "-verify_return_error", "-verify_hostname", "localhost"])
        .args(["-connect", &format!("127.0.0.1:{port}"), "-CAfile"])
        .arg(authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run openssl: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(b"QUIT\r\n");
    }
    let output = child.wait_with_output().map_err(|error| format!("openssl: {error}"))?;
    if output.stdout.starts_with(b"+OK") {
        return Ok(());
    }
    Err(format!("no greeting on the TLS port {port}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let ports = free_ports().expect("free ports");
        assert!(ports.clear != ports.tls && ports.tls != ports.lmtp && ports.clear != ports.lmtp);
    }
}

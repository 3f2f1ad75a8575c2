//! The servers that stand for the reader's: `cargo xtask fake`, the fake of load runs, and an LMTP server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::PASSWORD;
use crate::folder::Folder;

/// What the embedded server of load runs is told here: the accounts of the page, more than any of its lines needs.
const LOAD_ACCOUNTS: &str = r#"{"number":0,"seed":1,"defects":[],"latency":null,"freeze":null,"most_connections":2000,
    "population":{"seed":1,"user":"load{n:05}","first":1,"count":500,"messages":20,"sizes":{"fixed":13000.0}}"#;

/// A running fake server.
pub(crate) struct Server {
    child: Child,
    /// What the page writes, and what stands for it here.
    names: BTreeMap<&'static str, String>,
    authority: String,
    /// Load takes a port with another number than 995 for one in the clear.
    told_how: bool,
}

impl Server {
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Result<Server, String> {
        let mut command = folder.command("cargo");
        let (child, first) = first_line(command.args(["xtask", "fake"]).args(arguments), "")?;
        let authority = value(&first, "ca")?.to_owned();
        Ok(Server { child, names: names(&first)?, authority, told_how: true })
    }

    /// A server with accounts by pattern, which only load runs need: a process as `load` itself starts it.
    pub(crate) fn start_for_load(folder: &Folder) -> Result<Server, String> {
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
    pub(crate) fn stand_in(&self, line: &str) -> String {
        let named = self.names.iter().fold(line.to_owned(), |line, (name, own)| line.replace(name, own));
        let tls = if self.told_how || line.contains(" --also ") { "" } else { " --tls implicit" };
        let more = format!(" --ca '{}'{tls}", self.authority);
        // What stands behind two hyphens is another command's.
        match named.split_once(" -- ") {
            Some((own, command)) => format!("{own}{more} -- {command}"),
            None => named + &more,
        }
    }

    pub(crate) fn stop(mut self) -> Result<(), String> {
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
pub(crate) fn lmtp() -> Result<String, String> {
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

//! Puts a small load on a running server, on both entrances: seeds its load accounts by LMTP, then every kind of session.
//!
//! It asks whether all is right with a real server, not how fast the server is: no time decides.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use super::check::number;
use super::instance::Instance;
use super::table::Server;
use crate::failure::Failure;
use crate::{forward, workspace};

/// What is put on it, in the repository.
const SCENARIO: &str = "fixtures/servers/load.yaml";

/// The accounts that the scenario needs.
pub(crate) const ACCOUNTS: u32 = 60;

/// Exit code 0 if nothing failed on either entrance; the output of one that failed is printed.
pub(super) fn load(instance: &Instance, server: &Server) -> Result<ExitCode, Failure> {
    let description = instance.read_description(server)?;
    let port = |key: &str| {
        number(&description, key).ok_or_else(|| {
            Failure::environment(format!("{} names no {key}", instance.description().display()))
        })
    };
    let binary = forward::build()?;
    let mut seed = Command::new(&binary);
    seed.args(["seed", "--scenario", SCENARIO, "--lmtp", &format!("127.0.0.1:{}", port("lmtp_port")?)]);
    seed.arg("--again").arg("--state").arg(instance.directory().join("seeded.txt"));
    if !carried_out(seed, &binary, "seeding")? {
        return Ok(ExitCode::from(1));
    }
    let mut good = true;
    for (entrance, key) in [("clear", "port"), ("tls", "tls_port")] {
        let mut load = Command::new(&binary);
        load.args(["load", SCENARIO, "--quiet", "--target", &format!("127.0.0.1:{}", port(key)?)]);
        load.args(["--allow-delete", "--password-file"]).arg(instance.load_password());
        load.arg("--ca").arg(instance.certificates().join("ca.pem"));
        load.arg("--out").arg(instance.directory().join(format!("load-{entrance}")));
        good &= carried_out(load, &binary, &format!("load on {}, {entrance}", server.name))?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether it went well; its last line is told, or everything if it did not.
fn carried_out(mut command: Command, binary: &Path, what: &str) -> Result<bool, Failure> {
    let output = command
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file("run", binary, &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        let last = text.trim_end().lines().last().unwrap_or_default();
        println!("{what}: {last}");
    } else {
        print!("{text}{}", String::from_utf8_lossy(&output.stderr));
        println!("{what}: FAILED ({})", output.status);
    }
    Ok(output.status.success())
}

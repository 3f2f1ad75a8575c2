//! Judges a running server on both entrances against the results that were approved by hand.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use super::instance::Instance;
use super::table::Server;
use super::up;
use crate::failure::Failure;
use crate::{forward, workspace};

/// Exit code 0 if both entrances are as approved; the output of one that is not is printed.
pub(super) fn check(instance: &Instance, server: &Server) -> Result<ExitCode, Failure> {
    let description = instance.read_description(server)?;
    let (name, baseline) = (server.name, server.baseline());
    let binary = forward::build()?;
    let mut good = true;
    for (entrance, key) in [("clear", "port"), ("tls", "tls_port")] {
        let port = number(&description, key).ok_or_else(|| {
            Failure::environment(format!("{} names no {key}", instance.description().display()))
        })?;
        up::reset(instance, server)?;
        let start = Instant::now();
        let output = conformance(instance, &baseline, entrance, port, &binary)?;
        let seconds = start.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            let last = text.trim_end().lines().last().unwrap_or_default();
            println!("{name}, {entrance}: as approved, in {seconds:.1} s ({last})");
        } else {
            good = false;
            print!("{text}{}", String::from_utf8_lossy(&output.stderr));
            println!("{name}, {entrance}: NOT as approved in {baseline} ({}, {seconds:.1} s)", output.status);
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn conformance(
    instance: &Instance,
    baseline: &str,
    entrance: &str,
    port: u16,
    binary: &PathBuf,
) -> Result<std::process::Output, Failure> {
    Command::new(binary)
        .current_dir(workspace::root())
        .args(["conformance", "--target", &format!("127.0.0.1:{port}"), "--accounts"])
        .arg(instance.accounts())
        .arg("--ca")
        .arg(instance.certificates().join("ca.pem"))
        .args(["--baseline", baseline, "--strict", "--allow-delete", "--out"])
        .arg(instance.directory().join(format!("run-{entrance}")))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file("run", binary, &error))
}

/// The number behind `"key":` in the one line of JSON that we wrote ourselves.
pub(super) fn number(description: &str, key: &str) -> Option<u16> {
    let (_, after) = description.split_once(&format!("\"{key}\":"))?;
    let end = after.find(|character: char| !character.is_ascii_digit())?;
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_are_told_apart() {
        let description = "{\"name\":\"dovecot\",\"port\":4001,\"tls_port\":4002,\"pids\":[1]}\n";
        assert_eq!((number(description, "port"), number(description, "tls_port")), (Some(4001), Some(4002)));
        assert_eq!(number(description, "clear"), None);
    }
}

//! cargo-deny: finding one that understands `deny.toml`, and telling its objections from its not having looked.
//!
//! `cargo deny` runs whichever comes first in the search path, and package managers of other languages carry old
//! ones, which read none of today's configuration. So we look for a program ourselves, and say which it is.
//! Advisories are not asked for here, since they need the network.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace;

/// The oldest version that reads `deny.toml`: its licence list has SPDX names that older ones do not know.
const OLDEST: Version = (0, 16, 0);

type Version = (u32, u32, u32);

/// A cargo-deny that reads our configuration.
pub(crate) struct Deny {
    program: PathBuf,
}

/// How cargo-deny ended, and what it said.
pub(crate) struct Denied {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Deny {
    /// The first one that is new enough: cargo's own folder first, then the search path.
    ///
    /// # Errors
    ///
    /// A sentence for people, if there is none, with those that are too old.
    pub(crate) fn find() -> Result<Deny, String> {
        let mut too_old = Vec::new();
        for folder in folders() {
            let program = folder.join("cargo-deny");
            match version_of(&program) {
                Some(version) if version >= OLDEST => return Ok(Deny { program }),
                Some((major, minor, patch)) => {
                    too_old.push(format!("; {major}.{minor}.{patch} at {} is too old", program.display()));
                }
                None => {}
            }
        }
        let (major, minor, _) = OLDEST;
        Err(format!(
            "there is no cargo-deny of version {major}.{minor} or newer (cargo install cargo-deny --locked){}",
            too_old.concat()
        ))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Checks licences, sources and bans.
    pub(crate) fn check(&self) -> Result<Denied, Failure> {
        let output = Command::new(&self.program)
            .current_dir(workspace::root())
            .args(["--log-level", "error", "check", "bans", "licenses", "sources"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::file("run", &self.program, &error))?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok(Denied { code: output.status.code(), text })
    }
}

impl Denied {
    /// Whether it came to a judgement: 2, 4 and 8 are bits for bans, licences and sources; 1 is anything that kept
    /// it from looking, which is our own fault only where it names its configuration.
    pub(crate) fn judged(&self) -> bool {
        match self.code {
            Some(0) => true,
            Some(code) => code & 0b1110 != 0 || self.text.contains("deny.toml"),
            None => false,
        }
    }
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("CARGO_HOME").or_else(|| variable("HOME").map(|home| home.join(".cargo")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    home.map(|home| home.join("bin")).into_iter().chain(path)
}

fn version_of(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    output.status.success().then_some(())?;
    parse_version(OsStr::to_str(program.file_name()?)?, &String::from_utf8_lossy(&output.stdout))
}

/// Reads `NAME MAJOR.MINOR.PATCH`.
fn parse_version(name: &str, text: &str) -> Option<Version> {
    let numbers = text.trim().strip_prefix(name)?.trim();
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_could_not_be_carried_out_is_told_from_an_objection() {
        let seen = |code, text: &str| Denied { code, text: text.to_owned() }.judged();
        assert!(seen(Some(0), "bans ok"));
        assert!(seen(Some(2), "") && seen(Some(4), "") && seen(Some(12), ""));
        assert!(seen(Some(1), "error: unknown key in deny.toml"));
        assert!(!seen(Some(1), "failed to fetch crates"));
        assert!(!seen(None, ""), "killed");
    }

    #[test]
    fn an_old_version_is_told_from_a_new_one() {
        let version = |text| parse_version("cargo-deny", text);
        assert!(version("cargo-deny 0.14.2\n").is_some_and(|version| version < OLDEST));
        assert!(version("cargo-deny 0.20.2\n").is_some_and(|version| version >= OLDEST));
        assert_eq!(version("pyenv: cargo-deny: command not found"), None);
        assert_eq!(version("cargo-deny 1"), None);
    }
}

//! The environment as far as it has passwords: they are read here, and no process that poplab starts inherits them, since
//! `/proc/PID/environ` shows them to whoever may look.
//!
//! What the kernel shows of poplab's own environment is the caller's doing, and cannot be undone.

use std::collections::BTreeSet;
use std::env::VarError;
use std::ffi::OsStr;
use std::io;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What poplab's own processes are told of the environment: where authorities are, and what a developer set.
const TOLD: [&str; 8] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
    "RUST_BACKTRACE",
    "RUST_LOG",
];

/// The variables of which a password was asked.
static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The password in this variable.
///
/// # Errors
/// There is no such variable, or it is not UTF-8.
pub(crate) fn password(variable: &str) -> Result<String, VarError> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner).insert(variable.to_owned());
    std::env::var(variable)
}

/// The command that starts poplab once more, for this subcommand, with next to nothing of the environment: what such a
/// process has to know comes through its pipe.
///
/// # Errors
/// The system does not say where this program is.
pub(crate) fn poplab(subcommand: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(subcommand).env_clear();
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    for variable in TOLD.into_iter().filter(|variable| !asked.contains(*variable)) {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    Ok(command)
}

/// The same command, to be started once more.
pub(crate) fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args()).env_clear();
    copy.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    copy
}

/// A line of the user's own for the shell, which has the user's environment as [`program`] gives it.
pub(crate) fn shell(line: &str) -> Command {
    let mut command = program(OsStr::new("sh"));
    command.args(["-c", line]);
    command
}

/// A program of the user's own, which has the user's environment, but for the passwords that poplab took from it.
pub(crate) fn program(name: &OsStr) -> Command {
    let mut command = Command::new(name);
    for variable in ASKED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        command.env_remove(variable);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_asked_for_is_in_no_child_s_environment() {
        // Any variable of this process will do; PATH is in every environment.
        assert!(password("PATH").is_ok());
        let after = shell("");
        assert!(after.get_envs().any(|(name, value)| name == "PATH" && value.is_none()));
        let ours = poplab("load-worker").unwrap();
        for command in [again(&ours), ours] {
            assert!(command.get_envs().all(|(name, _)| TOLD.iter().any(|told| name == *told)), "{command:?}");
        }
    }
}

//! Why a command ended early: one sentence for a person, and the exit code that poplab uses for its kind.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// A command that could not be carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The command line or a file is wrong: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { code: 2, message: message.into() }
    }

    /// The command could not be carried out here: exit code 3.
    pub(crate) fn environment(message: impl Into<String>) -> Failure {
        Failure { code: 3, message: message.into() }
    }

    /// A message cannot be delivered now: exit code 75, as delivery agents have it (`EX_TEMPFAIL`).
    pub(crate) fn later(message: impl Into<String>) -> Failure {
        Failure { code: 75, message: message.into() }
    }

    /// An operation on a file failed: exit code 3. `doing` reads as in "cannot write FILE".
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::environment(format!("cannot {doing} {}: {error}", path.display()))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

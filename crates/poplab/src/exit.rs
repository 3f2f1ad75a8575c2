//! The exit codes, the same for every command, and the errors that carry one. Printing is done by `main`.

/// All as required.
pub(crate) const GOOD: u8 = 0;
/// The target falls short.
pub(crate) const FALLS_SHORT: u8 = 1;
/// The command line or a file is wrong.
pub(crate) const WRONG_INPUT: u8 = 2;
/// The target could not be reached, or the run could not be carried out.
pub(crate) const NOT_CARRIED_OUT: u8 = 3;
/// Nothing was selected.
pub(crate) const NOTHING_SELECTED: u8 = 4;

/// An error with an exit code. The message says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// For people.
    pub(crate) message: String,
}

impl Failure {
    /// The command line or a file is wrong.
    pub(crate) fn input(message: impl Into<String>) -> anyhow::Error {
        Self { code: WRONG_INPUT, message: message.into() }.into()
    }

    /// The run could not be carried out.
    pub(crate) fn not_carried_out(message: impl Into<String>) -> anyhow::Error {
        Self { code: NOT_CARRIED_OUT, message: message.into() }.into()
    }

    /// Nothing was selected.
    pub(crate) fn nothing_selected(message: impl Into<String>) -> anyhow::Error {
        Self { code: NOTHING_SELECTED, message: message.into() }.into()
    }
}

/// The exit code of an error: its own, or "wrong input" for what the file system refuses.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Failure>().map_or(WRONG_INPUT, |failure| failure.code)
}

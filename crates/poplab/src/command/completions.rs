//! `poplab completions`: the command line for a shell. Nothing is installed.

use clap::{Args, CommandFactory as _};

use crate::exit;
use crate::terminal;

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  poplab completions bash > ~/.local/share/bash-completion/completions/poplab")]
pub(crate) struct Arguments {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints them.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::CommandLine::command(), "poplab", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::GOOD)
}

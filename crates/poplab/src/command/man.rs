//! `poplab man`: manual pages, generated from the command line's own help.

use clap::{Args, CommandFactory as _};

use crate::exit::{self, Failure};
use crate::terminal;

/// Print a manual page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab man | man -l -
  poplab man conformance | man -l -")]
pub(crate) struct Arguments {
    /// The command to print the page of; without it the page of poplab itself
    command: Option<String>,
}

/// Prints it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let mut whole = super::CommandLine::command();
    whole.build();
    let command = match &arguments.command {
        None => whole,
        Some(name) => whole.find_subcommand(name).cloned().ok_or_else(|| {
            let shown = whole.get_subcommands().filter(|command| !command.is_hide_set());
            let names: Vec<&str> = shown.map(clap::Command::get_name).collect();
            Failure::input(format!("there is no command `{name}`; the commands are {}", names.join(", ")))
        })?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    terminal::print(&String::from_utf8_lossy(&page))?;
    Ok(exit::GOOD)
}

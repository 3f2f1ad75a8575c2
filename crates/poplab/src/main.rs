//! The `poplab` command: reads the command line, runs one command, ends with its exit code. What a command does
//! stands in its file under `command`; nothing of POP3 is here.

mod accounts;
mod baseline;
mod command;
mod embedded;
mod entrance;
mod exit;
mod folder;
mod glob;
mod interrupt;
mod records;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match command::run(command::CommandLine::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::complain(&error);
            ExitCode::from(exit::code(&error))
        }
    }
}

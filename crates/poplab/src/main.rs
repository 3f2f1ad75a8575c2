//! The `poplab` command: reads the command line, runs one command, ends with its exit code. What a command does
//! stands in its file under `command`; nothing of POP3 is here.

mod accounts;
mod baseline;
mod command;
mod directory;
mod embedded;
mod entrance;
mod environment;
mod exit;
mod faults;
mod folder;
mod glob;
mod growing;
mod http;
mod input;
mod interrupt;
mod limits;
mod loaded;
mod operator;
mod records;
mod secrets;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if limits::is_stack_enough() {
        return work();
    }
    // Reading a command line takes more than `ulimit -s` may leave.
    let thread = std::thread::Builder::new().stack_size(limits::STACK).spawn(work);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => {
            terminal::tell(&format!("error: the system has no memory for a thread: {error}"));
            ExitCode::from(exit::NOT_CARRIED_OUT)
        }
    }
}

fn work() -> ExitCode {
    let line = match command::CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    match command::run(line) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::complain(&error);
            ExitCode::from(exit::code(&error))
        }
    }
}

/// What clap says: help and versions as it is, and a mistake, which may repeat a name that somebody else chose, so that
/// nothing in it does anything to who reads it.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() || report::harmless(&text) == text {
        error.exit()
    }
    terminal::tell(text.trim_end());
    ExitCode::from(exit::WRONG_INPUT)
}

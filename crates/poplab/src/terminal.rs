//! The two streams: results on stdout, words for people on stderr. A reader that goes away (`| head`) is no error.

use std::io::{self, IsTerminal as _, Write as _};

use crate::exit::Failure;
use crate::{interrupt, secrets};

/// What the system says of a terminal that is gone (EIO).
const GONE: i32 = 5;

/// Writes results to stdout. Quietly stops when nobody reads any more.
///
/// # Errors
/// stdout cannot be written for another reason, such as a full disk.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if interrupt::hung_up() && error.raw_os_error() == Some(GONE) => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::not_carried_out(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// A line for people, on stderr, without secrets and without commands of a CI system.
pub(crate) fn tell(line: &str) {
    let line = report::harmless(&secrets::of_the_run().redact(line));
    // Nobody is left to be told when stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// An error for people, on stderr, with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    tell(&format!("error: {}", visible(&format!("{error:#}"))));
}

/// Whether stdout takes colours: a terminal, and nobody said `NO_COLOR`.
pub(crate) fn color() -> bool {
    let said = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !said("NO_COLOR") && !dumb
}

/// The width to wrap text to, within reason: that of the terminal on stdout, or 100 columns.
pub(crate) fn width() -> usize {
    // A user who exports COLUMNS wants it so.
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let asked = || {
        terminal_size::terminal_size_of(io::stdout())
            .map(|(width, _)| usize::from(width.0))
            .filter(|width| *width > 0)
    };
    let columns = io::stdout().is_terminal().then(|| told().or_else(asked)).flatten();
    columns.map_or(100, |columns: usize| columns.clamp(60, 120))
}

/// Columns and lines of the terminal on stderr; those of old if it does not tell.
pub(crate) fn screen() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.filter(|(width, height)| width.0 > 0 && height.0 > 0)
        .map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)))
}

/// Text with its control and other hidden characters made visible, but for line feeds: nothing a server sent steers a
/// terminal.
pub(crate) fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if report::is_hidden(character) && character != '\n' {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

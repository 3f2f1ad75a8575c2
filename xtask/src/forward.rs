//! Forwards the users' commands: builds the release binary of `poplab` if need be, then becomes it.
//!
//! The arguments are passed on untouched and uninterpreted, in the directory the user stands in.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Failure;
use crate::workspace;

/// Builds and becomes `poplab COMMAND ARGUMENTS…`. Comes back only if that was not possible.
pub(crate) fn forward(command: &str, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let binary = build()?;
    let error = Command::new(&binary).arg(command).args(arguments).exec();
    Err(Failure::file("run", &binary, &error))
}

/// Builds and becomes the program of the benchmarks, with `poplab` built beside it.
pub(crate) fn bench(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let poplab = build()?;
    let binary = program("poplab-bench")?;
    let error = Command::new(&binary).args(arguments).env("POPLAB", poplab).exec();
    Err(Failure::file("run", &binary, &error))
}

/// The variable that names a `poplab` to use as it is, so that nothing is built.
const BUILT: &str = "POPLAB";

/// Builds the release binary and gives its path; prints the compiler's messages only when the build fails.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    match std::env::var_os(BUILT) {
        Some(binary) if !binary.is_empty() => Ok(PathBuf::from(binary)),
        _ => program("poplab"),
    }
}

/// Builds the program of the package of that name.
fn program(name: &str) -> Result<PathBuf, Failure> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--package", name, "--bin", name]);
    // Only cargo knows where the binary lands (target directory, platform), so cargo is asked.
    cargo.arg("--message-format=json-render-diagnostics");
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error: std::io::Error| Failure::environment(format!("cannot run cargo: {error}"));
    let mut child = cargo.spawn().map_err(failed)?;

    let stderr = child.stderr.take();
    let said = name.to_owned();
    let messages = std::thread::Builder::new().spawn(move || listen(stderr, &said)).map_err(failed)?;
    let mut artifacts = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut artifacts).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    let messages = messages.join().unwrap_or_default();
    if !status.success() {
        eprint!("{messages}");
        return Err(Failure::environment(format!(
            "`{name}` does not compile; the compiler's messages are above"
        )));
    }
    executable(&artifacts).ok_or_else(|| {
        Failure::environment(format!("cargo built `{name}`, but did not say where the binary is"))
    })
}

/// Keeps what cargo says, and tells the user once that compiling takes its time.
fn listen(stderr: Option<impl std::io::Read>, name: &str) -> String {
    let mut kept = String::new();
    let Some(stderr) = stderr else { return kept };
    let mut told = false;
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if !told && line.trim_start().starts_with("Compiling") {
            eprintln!("building {name} (release); the first build takes a minute or two");
            told = true;
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    kept
}

/// The path in the last `"executable":"…"` of cargo's messages.
fn executable(artifacts: &str) -> Option<PathBuf> {
    let (_, after) = artifacts.rsplit_once("\"executable\":\"")?;
    let mut path = String::new();
    let mut characters = after.chars();
    loop {
        match characters.next()? {
            '"' => return Some(PathBuf::from(path)),
            '\\' => path.push(characters.next()?),
            character => path.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_executable_of_cargos_messages_is_the_binary() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"poplab"},"executable":"/a b/\"c\"/poplab","fresh":true}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages), Some(PathBuf::from("/a b/\"c\"/poplab")));
        assert_eq!(executable(r#"{"reason":"build-finished"}"#), None);
    }
}

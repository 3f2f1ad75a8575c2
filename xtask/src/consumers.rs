//! `cargo xtask consumers`: hands the reports of real runs to the parsers that CI systems read them with.
//!
//! What is compared stands in `xtask/consumers/read.py`: this makes the runs, good and bad, and finds the parsers.
//! `.ci/run` installs them into a folder of their own; nothing is fetched here. Where they are missing the step is left
//! out loudly, and on a CI system it fails.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::failure::Failure;
use crate::{forward, workspace};

/// Where `.ci/run` puts the parsers: a virtual environment of Python.
const PYTHON: &str = "target/ci/consumers/bin/python";
/// Perl's harness, in the place where Debian has it.
const PROVE: &str = "/usr/bin/prove";
/// Reports of a record that has everything that would harm a careless reporter.
const SNAPSHOTS: [&str; 3] = ["golden__junit.snap", "golden__tap.snap", "load__junit.snap"];

/// A run: its folder's name, its arguments, and its exit code.
type Example = (&'static str, &'static [&'static str], i32);

const EXAMPLES: [Example; 7] = [
    ("good", &["conformance"], 0),
    ("broken", &["conformance", "--select", "*.retr.*", "--defect", "rfc1939.retr.no-stuffing"], 1),
    (
        "stale-beside-broken",
        &[
            "conformance",
            "--select",
            "*.retr.*",
            "--defect",
            "rfc1939.retr.no-stuffing",
            "--baseline",
            "known.yaml",
        ],
        1,
    ),
    ("stale-alone", &["conformance", "--select", "*.stat.format", "--baseline", "known.yaml"], 1),
    ("not-there", &["conformance", "--target", "127.0.0.1:1", "--tls", "none"], 3),
    ("nothing-selected", &["conformance", "--select", "nothing.at.all"], 4),
    ("load", &["load", "smoke", "--duration", "2s", "--defect", "load.retr-corrupt"], 1),
];

/// Entries that are no longer seen, one of them with a pattern.
const BASELINE: &str = "\
format: 1
target: embedded fake server
deviations:
  - {check: rfc1939.stat.format, entrance: any, verdict: fail, because: It was once.}
  - {check: 'rfc1939.retr.*', entrance: any, verdict: warn}
";

/// Exit code 0 if the parsers agree with the records.
///
/// # Errors
/// As [`read`]; and there are no parsers.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    match read()? {
        Some(true) => Ok(ExitCode::SUCCESS),
        Some(false) => Ok(ExitCode::from(1)),
        None => Err(Failure::environment("nothing was read; `.ci/run` installs the parsers")),
    }
}

/// Whether the parsers agree with the records; `None` where there are no parsers.
///
/// # Errors
/// A run could not be made, or did not end as it should.
pub(crate) fn read() -> Result<Option<bool>, Failure> {
    let python = workspace::root().join(PYTHON);
    for program in [python.as_path(), Path::new(PROVE)] {
        if !program.exists() {
            let missing = format!("{} is missing; `.ci/run` installs it", program.display());
            if std::env::var_os("CI").is_some_and(|value| value == "true") {
                return Err(Failure::environment(missing));
            }
            println!("!!! the reports are NOT read by the parsers of CI systems: {missing}");
            return Ok(None);
        }
    }
    let poplab = forward::build()?;
    let folder = workspace::root().join("target/ci/reports");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    let baseline = folder.join("known.yaml");
    std::fs::write(&baseline, BASELINE).map_err(|error| Failure::file("write", &baseline, &error))?;
    let mut places: Vec<PathBuf> = Vec::new();
    for (name, arguments, code) in EXAMPLES {
        example(&poplab, &folder, name, arguments, code)?;
        places.push(folder.join(name));
    }
    let snapshots = workspace::root().join("crates/report/tests/snapshots");
    places.extend(SNAPSHOTS.map(|name| snapshots.join(name)));
    let mut reader = Command::new(&python);
    reader.arg(workspace::root().join("xtask/consumers/read.py")).args(&places).stdin(Stdio::null());
    let status = reader.status().map_err(|error| Failure::file("run", &python, &error))?;
    Ok(Some(status.success()))
}

/// Makes one run with all its reports.
fn example(poplab: &Path, folder: &Path, name: &str, arguments: &[&str], code: i32) -> Result<(), Failure> {
    let forms = if arguments.first() == Some(&"load") { "human,junit" } else { "human,junit,tap" };
    let output = Command::new(poplab)
        .current_dir(folder)
        .args(arguments)
        .args(["--out", name, "--format", forms])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file("run", poplab, &error))?;
    if output.status.code() == Some(code) {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(Failure::environment(format!("`{name}` ended with {}, not with {code}:\n{told}", output.status)))
}

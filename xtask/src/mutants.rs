//! `cargo xtask mutants`: every defect of the fake against every check, by the test of the suite that does it.
//!
//! Prints what the test wrote down: what each defect proves, what else it fails, and the checks that no defect fails. The
//! reviewed table is a snapshot of the suite; this command does not judge anything itself.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::failure::Failure;
use crate::workspace;

const USAGE: &str = "\
usage: cargo xtask mutants [WORDS | --pairs N]

  judges the fake server once for each of its defects, prints the table of defects and checks, and compares it
  with the one that was reviewed (most of an hour on two cores)

  WORDS      only the defects with one of these words in their id, as `uidl,top.` or `=rfc1939.uidl.complete`; nothing is
             compared then
  --pairs N  N seeded pairs of defects instead: is each of the two found beside the other one?

exit code 1: a defect is not caught by what it proves, or the table is another than the reviewed one
";

/// The test that makes the table.
const TABLE: &str = "defects::each_defect_is_caught_by_what_it_proves_and_what_else_fails_was_reviewed";

/// The test of pairs.
const PAIRS: &str = "pairs::of_two_defects_each_is_found_or_could_not_be_looked_for";

/// Makes the table and prints it.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let (name_of_test, chosen) = match words[..] {
        [] if arguments.is_empty() => (TABLE, None),
        ["-h" | "--help"] => {
            print!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        ["--pairs", number] if number.parse::<u32>().is_ok() => (PAIRS, Some(("POPLAB_PAIRS", number))),
        [word] if !word.starts_with('-') => (TABLE, Some(("POPLAB_MUTANTS_ONLY", word))),
        _ => return Err(Failure::usage(USAGE)),
    };
    let root = workspace::root();
    let folder = root.join("target");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    let table = folder.join("mutants.txt");
    // What an earlier run left must not be taken for this one's.
    let _ = std::fs::remove_file(&table);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The same selection as `cargo test --workspace`, which has been built most likely.
    command.current_dir(&root).args(["test", "--quiet", "--workspace", "--test", "it", "--"]);
    command.args([name_of_test, "--exact"]).env("POPLAB_MUTANTS", &table);
    if let Some((name, value)) = chosen {
        command.env(name, value);
    }
    let status =
        command.status().map_err(|error| Failure::environment(format!("cargo cannot be run: {error}")))?;
    match std::fs::read_to_string(&table) {
        Ok(text) => println!("{text}"),
        Err(error) => return Err(Failure::file("read", &table, &error)),
    }
    Ok(ExitCode::from(u8::from(!status.success())))
}

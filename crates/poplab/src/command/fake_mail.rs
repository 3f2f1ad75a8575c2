//! The mail that `poplab fake --mail` serves: a Maildir, a folder of `.eml` files, an mbox file or one message, in the
//! order of delivery. It is only read; what may have been meant otherwise in it is told on stderr.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::Failure;
use crate::{input, terminal};

/// More is not read of a file; the fake holds all of it in memory.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Reads the messages.
///
/// # Errors
/// The path cannot be read, or there is no mail in the folder.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    if path.is_dir() { of_folder(path) } else { of_file(path) }
}

fn of_file(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let file = octets(path)?;
    let message = path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("eml"));
    if !mail::mbox::is_mbox(&file) && (message || !file.trim_ascii().is_empty()) {
        return Ok(vec![mail::eml::message(&file)]);
    }
    let mbox = mail::mbox::read(&file);
    let shown = path.display();
    for doubt in &mbox.doubts {
        terminal::tell(&format!("{shown}:{}: {}", doubt.line, doubt.taken));
    }
    let untold = mbox.doubtful - mbox.doubts.len();
    if untold > 0 {
        terminal::tell(&format!("{shown}: and {untold} more such lines"));
    }
    if mbox.doubtful > 0 || mbox.messages.is_empty() {
        let count = mbox.messages.len();
        terminal::tell(&format!("{shown}: {count} message{}", if count == 1 { "" } else { "s" }));
    }
    Ok(mbox.messages)
}

fn of_folder(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let is_maildir = path.join("cur").is_dir() && path.join("new").is_dir();
    let folders: Vec<PathBuf> =
        if is_maildir { vec![path.join("cur"), path.join("new")] } else { vec![path.to_owned()] };
    let mut files = HashMap::new();
    for folder in &folders {
        let list = || format!("cannot list {}", folder.display());
        for entry in std::fs::read_dir(folder).with_context(list)? {
            let path = entry.with_context(list)?.path();
            let wanted = is_maildir || path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("eml"));
            if let Some(name) = path.file_name().filter(|_| wanted && path.is_file()) {
                files.insert(name.to_string_lossy().into_owned(), path.clone());
            }
        }
    }
    if files.is_empty() && !is_maildir {
        return Err(Failure::input(format!(
            "{} is not a Maildir (it has no cur and new), and has no .eml files",
            path.display()
        )));
    }
    let sorted = mail::maildir::sorted(files.keys().cloned().collect());
    sorted.iter().map(|name| Ok(mail::eml::message(&octets(&files[name])?))).collect()
}

fn octets(path: &Path) -> anyhow::Result<Vec<u8>> {
    input::octets(path, LARGEST).with_context(|| format!("cannot read {}", path.display()))
}

//! What has been given to whom, kept in a file, so that seeding that was cut short goes on where it stopped.
//!
//! A line for each message that was taken, written at once and whole. A message that was taken while this process
//! was killed is given once more. It is no log: of each account only the last line counts.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::OFlags;

use crate::exit::Failure;

/// A memory of more octets is none.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// How every memory begins; behind it stands the plan.
const MARK: &str = "poplab seed 1 ";

/// The memory of one seeding.
pub(super) struct Progress {
    path: PathBuf,
    file: File,
    given: HashMap<String, u32>,
}

impl Progress {
    /// Opens the memory, or begins a new one; `plan` tells this seeding from others. `again` forgets what it says.
    ///
    /// # Errors
    /// The file is no memory, or that of another seeding, or in use, or cannot be used.
    pub(super) fn open(path: &Path, plan: &str, again: bool) -> anyhow::Result<Progress> {
        let trouble = || format!("cannot use {} as the memory of seeding", path.display());
        // It names users, who are nobody else's business.
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true).mode(0o600);
        // No link of somebody's leads us to another file, and no pipe makes us wait.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
        let file = options.open(path).with_context(trouble)?;
        if !file.metadata().with_context(trouble)?.is_file() {
            return Err(Failure::input(format!(
                "{} is not a file; name another one with --state",
                path.display()
            )));
        }
        // A file system without locks has the memory all the same.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Failure::input(format!(
                "another `poplab seed` is at work with {}; wait for its end",
                path.display()
            )));
        }
        let mut octets = Vec::new();
        (&file).take(LARGEST).read_to_end(&mut octets).with_context(trouble)?;
        let Some((known, whole)) = read(&octets) else {
            return Err(Failure::input(format!(
                "{} is not a memory of seeding, and is left alone; name another file with --state",
                path.display()
            )));
        };
        let given = if again { HashMap::new() } else { known.given };
        if given.is_empty() {
            // One in which nothing stands belongs to nobody.
            file.set_len(0).with_context(trouble)?;
        } else if known.plan == plan {
            file.set_len(whole).with_context(trouble)?;
        } else {
            return Err(Failure::input(format!(
                "{} is the memory of another seeding (other accounts or mail, another seed, or another way); give \
                 this one a file of its own with --state, or begin anew with --again",
                path.display()
            )));
        }
        let begun = !given.is_empty();
        let mut progress = Progress { path: path.to_owned(), file, given };
        if !begun {
            progress.line(&format!("{MARK}{plan}"))?;
        }
        Ok(progress)
    }

    /// How many messages this user had been given when the memory was opened.
    pub(super) fn given(&self, user: &str) -> u32 {
        self.given.get(user).copied().unwrap_or_default()
    }

    /// The user has been given so many messages now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn note(&mut self, user: &str, number: u32) -> anyhow::Result<()> {
        self.line(&format!("{user} {number}"))
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        // In one piece: a line is there as a whole or not at all.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// What a memory says.
struct Known {
    plan: String,
    given: HashMap<String, u32>,
}

/// Reads a memory, and how many of its octets are whole lines; `None` if it is none. A line that was cut off when the
/// machine died counts as not written, since half a number is another number.
fn read(octets: &[u8]) -> Option<(Known, u64)> {
    let text = std::str::from_utf8(octets).ok()?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines();
    let Some(header) = lines.next() else {
        let begun = text.starts_with(MARK) || MARK.starts_with(text);
        return begun.then(|| (Known { plan: String::new(), given: HashMap::new() }, 0));
    };
    let mut known = Known { plan: header.strip_prefix(MARK)?.to_owned(), given: HashMap::new() };
    for (user, number) in lines.filter_map(|line| line.rsplit_once(' ')) {
        if let Ok(number) = number.parse() {
            known.given.insert(user.to_owned(), number);
        }
    }
    Some((known, whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a memory of plan a in it.
    fn memory() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut progress = Progress::open(&path, "a", false).unwrap();
        for (user, number) in [("load1", 1), ("load1", 2), ("load2", 7)] {
            progress.note(user, number).unwrap();
        }
        (folder, path)
    }

    fn told(path: &Path, plan: &str, again: bool) -> String {
        Progress::open(path, plan, again).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn what_was_given_is_remembered_and_a_cut_line_is_not() {
        let (_folder, path) = memory();
        let text = std::fs::read_to_string(&path).unwrap();
        // Of `load2 12`, and of `load3 1`.
        for cut in ["load2 1", "load3 "] {
            std::fs::write(&path, format!("{text}{cut}")).unwrap();
            let progress = Progress::open(&path, "a", false).unwrap();
            assert_eq!(["load1", "load2", "load3"].map(|user| progress.given(user)), [2, 7, 0]);
        }
        let mut progress = Progress::open(&path, "a", false).unwrap();
        progress.note("load3", 1).unwrap();
        drop(progress);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{text}load3 1\n"));
    }

    #[test]
    fn another_plan_is_refused_until_it_is_begun_anew() {
        let (_folder, path) = memory();
        assert!(told(&path, "b", false).contains("another seeding"));
        assert_eq!(
            Progress::open(&path, "a", false).unwrap().given("load2"),
            7,
            "the refusal changed nothing"
        );
        assert_eq!(Progress::open(&path, "b", true).unwrap().given("load1"), 0);
        // Nothing stands in it yet, as after a server that was not there.
        assert_eq!(told(&path, "c", false), "");
    }

    #[test]
    fn what_is_no_memory_is_left_alone() {
        let (_folder, path) = memory();
        for precious in ["years of work\n", "no line end", "\n", "poplab seeds\n"] {
            std::fs::write(&path, precious).unwrap();
            for again in [false, true] {
                assert!(told(&path, "a", again).contains("left alone"), "{precious}");
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), precious);
        }
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert!(told(&path, "a", true).contains("left alone"));
        for begun in ["", "poplab s", "poplab seed 1 0123"] {
            std::fs::write(&path, begun).unwrap();
            assert_eq!(told(&path, "a", false), "", "{begun}");
        }
    }

    #[test]
    fn nobody_else_reads_who_was_given_mail() {
        let (_folder, path) = memory();
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn neither_a_link_nor_a_pipe_is_a_memory() {
        let (folder, path) = memory();
        let before = std::fs::read_to_string(&path).unwrap();
        let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
        std::os::unix::fs::symlink("state", &link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        for other in [&link, &pipe] {
            assert_ne!(told(other, "a", true), "", "{}", other.display());
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn one_at_a_time() {
        let (_folder, path) = memory();
        let first = Progress::open(&path, "a", false).unwrap();
        assert!(told(&path, "a", false).contains("another `poplab seed` is at work"));
        drop(first);
        assert_eq!(told(&path, "a", false), "");
    }
}

//! One Maildir on disk: what in it is poplab's, and how that is replaced.
//!
//! It never opens, changes or removes a file that poplab did not make, and follows no symbolic link: a Maildir
//! belongs to a mail user, and poplab may run as root. Reading mail for other purposes is not done here.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use mail::Marker;

use crate::exit::Failure;

/// The folders of a Maildir.
const FOLDERS: [&str; 3] = ["cur", "new", "tmp"];
/// Those that hold messages.
const MESSAGES: [&str; 2] = ["cur", "new"];
/// A marker stands in the header, which is within so many octets.
const HEAD: u64 = 64 * 1024;

/// A Maildir that was looked at and not yet changed.
pub(super) struct Maildir {
    path: PathBuf,
    own: Vec<PathBuf>,
    foreign: usize,
}

impl Maildir {
    /// Tells the messages apart. The Maildir need not exist yet.
    ///
    /// # Errors
    /// It is there but no Maildir, or cannot be read.
    pub(super) fn look(path: &Path) -> anyhow::Result<Self> {
        let mut maildir = Self { path: path.to_owned(), own: Vec::new(), foreign: 0 };
        for folder in std::iter::once(path.to_owned()).chain(FOLDERS.iter().map(|name| path.join(name))) {
            match fs::symlink_metadata(&folder) {
                Ok(facts) if facts.is_dir() => {}
                Ok(_) => {
                    return Err(Failure::input(format!(
                        "{} is no folder of a Maildir (a symbolic link is not followed); nothing was changed",
                        folder.display()
                    )));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused("look at", &folder, error)),
            }
        }
        for name in MESSAGES {
            let folder = path.join(name);
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(|error| refused("list", &folder, error))?,
            };
            for entry in entries {
                let entry = entry.map_err(|error| refused("list", &folder, error))?;
                let name = entry.file_name();
                // Such names are no messages.
                if name.to_string_lossy().starts_with('.') {
                    continue;
                }
                let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
                if regular && (is_own_name(&name.to_string_lossy()) || is_marked(&entry.path())) {
                    maildir.own.push(entry.path());
                } else {
                    maildir.foreign += 1;
                }
            }
        }
        Ok(maildir)
    }

    /// How many messages are not poplab's.
    pub(super) fn foreign(&self) -> usize {
        self.foreign
    }

    /// How many are.
    pub(super) fn own(&self) -> usize {
        self.own.len()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes poplab's messages and puts these in their place, in this order, into `new`.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn fill(self, messages: impl ExactSizeIterator<Item = Vec<u8>>) -> anyhow::Result<()> {
        let owner = self.make()?;
        // Seconds that no message of an earlier seeding has: servers keep what they know of a message by its name.
        let count = u64::try_from(messages.len()).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let last = self.own.iter().filter_map(|path| second(path)).max().unwrap_or_default();
        let base = now.saturating_sub(count).max(last);
        for path in &self.own {
            fs::remove_file(path).map_err(|error| refused("remove", path, error))?;
        }
        for (ordinal, message) in (1..).zip(messages) {
            let name = mail::maildir::file_name(ordinal, base + ordinal);
            self.deliver(&name, &message, owner)?;
        }
        Ok(())
    }

    /// As delivery does it: written whole into `tmp`, then renamed, so that no server sees half a message.
    fn deliver(&self, name: &str, message: &[u8], owner: Option<(u32, u32)>) -> anyhow::Result<()> {
        let (draft, place) = (self.path.join("tmp").join(name), self.path.join("new").join(name));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            file.write_all(message)?;
            give(&draft, owner)?;
            fs::rename(&draft, &place)
        };
        write().map_err(|error| {
            // What is left of the draft is ours.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = fs::remove_file(&draft);
            }
            refused("write", &place, error)
        })
    }

    /// Makes what is missing; gives the owner for new files, if they are to be given away.
    fn make(&self) -> anyhow::Result<Option<(u32, u32)>> {
        let parent =
            self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let facts = fs::metadata(parent).with_context(|| {
            format!("the folder {} for the Maildirs cannot be used; make it first", parent.display())
        })?;
        let wanted = (facts.uid(), facts.gid());
        let mut owner = None;
        for folder in
            std::iter::once(self.path.clone()).chain(FOLDERS.iter().map(|name| self.path.join(name)))
        {
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => {
                    let made =
                        fs::symlink_metadata(&folder).map_err(|error| refused("look at", &folder, error))?;
                    give(&folder, (made.uid() == 0).then_some(wanted))
                        .map_err(|error| refused("give away", &folder, error))?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused("make", &folder, error)),
            }
        }
        // Whether this process is root is seen from what it makes.
        let probe = self.path.join("tmp").join(format!(".poplab-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe);
        let made = file.and_then(|file| file.metadata()).map_err(|error| refused("write", &probe, error))?;
        fs::remove_file(&probe).map_err(|error| refused("remove", &probe, error))?;
        if made.uid() == 0 {
            owner = Some(wanted);
        }
        Ok(owner)
    }
}

fn give(path: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    owner.map_or(Ok(()), |(user, group)| lchown(path, Some(user), Some(group)))
}

/// Whether the name is one that [`mail::maildir::file_name`] gives, whatever flags and sizes a server added.
fn is_own_name(name: &str) -> bool {
    let base = name.split([':', ',']).next().unwrap_or_default();
    let mut parts = base.split('.');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
    parts.next().is_some_and(digits)
        && parts.next().and_then(|part| part.strip_prefix('Q')).is_some_and(digits)
        && parts.next() == Some("poplab")
        && parts.next().is_none()
}

fn is_marked(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && Marker::parse(&head).is_some()
}

/// The second of delivery in a file name.
fn second(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.split('.').next()?.parse().ok()
}

fn refused(what: &str, path: &Path, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("cannot {what} {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let list = |folder: &str| {
            let entries = fs::read_dir(path.join(folder)).unwrap();
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let mut names = [list("cur"), list("new"), list("tmp")].concat();
        names.sort();
        names
    }

    #[test]
    fn filling_twice_replaces_own_mail_under_new_names_and_leaves_other_mail() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("alice");
        Maildir::look(&path).unwrap().fill(vec![b"one\n".to_vec(), b"two\n".to_vec()].into_iter()).unwrap();
        let first = names(&path);
        assert_eq!(first.len(), 2);
        assert_eq!(fs::read(path.join("new").join(&first[1])).unwrap(), b"two\n");
        // A server has seen one of them and noted its size; somebody else's mail came.
        fs::rename(path.join("new").join(&first[0]), path.join(format!("cur/{},S=4:2,S", first[0]))).unwrap();
        fs::write(path.join("cur/1700000000.M1P2.host:2,S"), "Subject: mine\n\nkeep\n").unwrap();
        let looked = Maildir::look(&path).unwrap();
        assert_eq!((looked.own(), looked.foreign()), (2, 1));
        looked.fill(vec![b"three\n".to_vec()].into_iter()).unwrap();
        let second = names(&path);
        assert_eq!(second.len(), 2);
        assert!(second.contains(&"1700000000.M1P2.host:2,S".to_owned()));
        assert!(second.iter().all(|name| !first.contains(name)), "{first:?} {second:?}");
    }

    #[test]
    fn marked_mail_under_any_name_is_own_mail() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("cur")).unwrap();
        let marked = mail::ordinary(42, 1, 600);
        fs::write(place.path().join("cur/1700000000.V1.server"), mail::lines_to_lf(&marked)).unwrap();
        assert_eq!(Maildir::look(place.path()).unwrap().own(), 1);
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let path = place.path().join("alice");
        fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path.join("new")).unwrap();
        assert!(Maildir::look(&path).is_err());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn own_names_are_told_from_others() {
        for name in
            ["1700000000.Q1.poplab", "1700000000.Q12.poplab:2,S", "1700000000.Q12.poplab,S=12,W=13:2,"]
        {
            assert!(is_own_name(name), "{name}");
        }
        for name in
            ["1700000000.M1P2.poplab", "1700000000.Q1.poplab.example.org", "x.Q1.poplab", "1.Q.poplab"]
        {
            assert!(!is_own_name(name), "{name}");
        }
    }
}

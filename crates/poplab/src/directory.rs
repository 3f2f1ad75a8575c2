//! Folders that are held, not named: whoever owns what is in them may exchange it for symbolic links at any moment, and
//! poplab may be root. Once a folder is open, everything below it is reached through its descriptor, one component at a
//! time, and no link is followed.
//!
//! It knows nothing of runs or of mail, and deliberately has no way to open a path of several components below a folder.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RawMode, Stat, Uid, fchown, fstat, linkat, mkdirat,
    openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

/// What is added to a name while its file is being written: what bears its own name is whole.
pub(crate) const PART: &str = ".part";

/// How deep folders that are removed whole may lie in each other; poplab makes no deeper ones.
const DEEPEST: usize = 16;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
}

/// What tells one file or folder from all others of the machine, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// To whom a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Directory {
    /// The folder at a path that somebody named to us; links in it are theirs, and are followed.
    ///
    /// # Errors
    /// There is none, or it cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(Self { descriptor: openat(CWD, path, flags(OFlags::DIRECTORY), Mode::empty())? })
    }

    /// The folder of this name in it.
    ///
    /// # Errors
    /// There is none, or it is no folder: [`is_no_folder`] tells. A link is none, wherever it leads to.
    pub(crate) fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let flags = flags(OFlags::DIRECTORY | OFlags::NOFOLLOW);
        Ok(Self { descriptor: openat(&self.descriptor, component(name)?, flags, Mode::empty())? })
    }

    /// Makes a folder, which must not be there yet. The umask takes from the mode.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn make(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(mkdirat(&self.descriptor, component(name)?, Mode::from_raw_mode(mode as RawMode))?)
    }

    /// The names in it, in no order.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// What is in a regular file, if that is not more than so many octets. Nothing else is opened for longer than a
    /// look at what it is: no link, no pipe, no device.
    ///
    /// # Errors
    /// There is none, it is not regular, it is larger, or the file system refuses.
    pub(crate) fn read(&self, name: &OsStr, most: u64) -> io::Result<Vec<u8>> {
        read_whole(self.regular(name, OFlags::RDONLY)?, most)
    }

    /// The first octets of a regular file, and the file, to be read on.
    ///
    /// # Errors
    /// As [`Directory::read`].
    pub(crate) fn read_head(&self, name: &OsStr, most: u64) -> io::Result<(Vec<u8>, File)> {
        let file = self.regular(name, OFlags::RDONLY)?;
        let mut head = Vec::new();
        (&file).take(most).read_to_end(&mut head)?;
        Ok((head, file))
    }

    /// A new file, to be written. The umask takes from the mode.
    ///
    /// # Errors
    /// The name is taken, be it by a link that leads nowhere; or the file system refuses.
    pub(crate) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode as RawMode);
        Ok(openat(&self.descriptor, component(name)?, flags, mode)?.into())
    }

    /// Puts a file in the place of an older one, or of none, or leaves all as it is. A link of that name is replaced and
    /// not followed. `lasting` waits until the content is on the disk, so that no crash leaves an empty file.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn replace(&self, name: &OsStr, content: &[u8], mode: u32, lasting: bool) -> io::Result<()> {
        let mut part = component(name)?.to_owned();
        part.push(PART);
        // Somebody's, or one that a killed process left.
        self.remove(&part)?;
        let mut file = self.create(&part, mode)?;
        let write = || -> io::Result<()> {
            file.write_all(content)?;
            if lasting {
                file.sync_data()?;
            }
            Ok(renameat(&self.descriptor, &part, &self.descriptor, name)?)
        };
        let mut write = write;
        write().inspect_err(|_| {
            let _ = self.remove(&part);
        })
    }

    /// Writes into the room that a file has on the disk already.
    ///
    /// # Errors
    /// It is no regular file of one name, or the file system refuses.
    pub(crate) fn overwrite(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        let mut file = self.regular(name, OFlags::WRONLY)?;
        let facts = fstat(&file)?;
        if facts.st_nlink != 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file has other names elsewhere"));
        }
        let room = usize::try_from(facts.st_size).unwrap_or_default();
        let mut text = content.to_vec();
        text.resize(text.len().max(room), b' ');
        file.write_all(&text)?;
        file.set_len(content.len() as u64)
    }

    /// Gives a file a name in another folder, where it must not be taken, and takes the old one from it.
    ///
    /// # Errors
    /// The name is taken, or the file system refuses.
    pub(crate) fn pass_on(&self, name: &OsStr, to: &Directory) -> io::Result<()> {
        let name = component(name)?;
        match linkat(&self.descriptor, name, &to.descriptor, name, AtFlags::empty()) {
            Ok(()) => self.remove(name),
            // A file system on which a file has one name.
            Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK) if to.identity_of(name).is_err() => {
                Ok(renameat(&self.descriptor, name, &to.descriptor, name)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file, or the link of that name; that there is none is no error.
    ///
    /// # Errors
    /// It is a folder, or the file system refuses.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.descriptor, component(name)?, AtFlags::empty()) {
            Err(Errno::NOENT) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes whatever bears this name, a folder with all that is in it, and nothing that a link leads to.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        self.remove_below(name, DEEPEST)
    }

    fn remove_below(&self, name: &OsStr, deepest: usize) -> io::Result<()> {
        match self.enter(name) {
            Ok(folder) => {
                let deeper = deepest
                    .checked_sub(1)
                    .ok_or_else(|| io::Error::other("folders nested deeper than poplab makes them"))?;
                for inner in folder.names()? {
                    folder.remove_below(&inner, deeper)?;
                }
                match unlinkat(&self.descriptor, component(name)?, AtFlags::REMOVEDIR) {
                    Err(Errno::NOENT) | Ok(()) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if is_no_folder(&error) => self.remove(name),
            Err(error) => Err(error),
        }
    }

    /// What this folder is.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Ok(identity(&fstat(&self.descriptor)?))
    }

    /// What the file of this name is; of a link, the link.
    ///
    /// # Errors
    /// There is none, or the file system refuses.
    pub(crate) fn identity_of(&self, name: &OsStr) -> io::Result<Identity> {
        Ok(identity(&statat(&self.descriptor, component(name)?, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// To whom it belongs.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn owner(&self) -> io::Result<Owner> {
        Ok(owner(&fstat(&self.descriptor)?))
    }

    /// Gives it to somebody.
    ///
    /// # Errors
    /// Only root may.
    pub(crate) fn give(&self, owner: Owner) -> io::Result<()> {
        give(&self.descriptor, owner)
    }

    /// Keeps others that ask for it from having this folder, until the process ends, however it ends. Whether it could be
    /// had; a file system without locks gives it to everybody.
    pub(crate) fn lock(&self) -> bool {
        rustix::fs::flock(&self.descriptor, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            != Err(Errno::WOULDBLOCK)
    }

    fn regular(&self, name: &OsStr, access: OFlags) -> io::Result<File> {
        // Nothing waits here for the other end of a pipe.
        let flags = flags(access | OFlags::NOFOLLOW | OFlags::NONBLOCK);
        let file = openat(&self.descriptor, component(name)?, flags, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        }
    }
}

impl Identity {
    /// What this open file is.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(identity(&fstat(file)?))
    }

    /// Which process has the lock of it, as far as the system tells.
    pub(crate) fn locked_by(self) -> Option<u32> {
        holder(&std::fs::read_to_string("/proc/locks").ok()?, self.inode)
    }
}

/// Gives an open file to somebody.
///
/// # Errors
/// Only root may.
pub(crate) fn give(file: impl std::os::fd::AsFd, owner: Owner) -> io::Result<()> {
    Ok(fchown(file, Some(Uid::from_raw(owner.user)), Some(Gid::from_raw(owner.group)))?)
}

/// To whom an open file belongs.
///
/// # Errors
/// The file system refuses.
pub(crate) fn owner_of(file: &File) -> io::Result<Owner> {
    Ok(owner(&fstat(file)?))
}

/// Whether a folder could not be entered because something else bears its name.
pub(crate) fn is_no_folder(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOTDIR | Errno::LOOP | Errno::MLINK))
}

/// What is in an open file, up to its end, if that is not more than so many octets.
///
/// # Errors
/// It is larger, or the file system refuses.
pub(crate) fn read_whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        let words = format!("it has more than {most} octets, the most that is read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(content)
}

fn flags(more: OFlags) -> OFlags {
    more | OFlags::CLOEXEC | OFlags::NOCTTY
}

fn component(name: &OsStr) -> io::Result<&OsStr> {
    if name.is_empty() || name == "." || name == ".." || name.as_bytes().contains(&b'/') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a single file"));
    }
    Ok(name)
}

fn identity(facts: &Stat) -> Identity {
    #[expect(clippy::useless_conversion, reason = "the type is another one on other systems")]
    Identity { device: facts.st_dev.into(), inode: facts.st_ino.into() }
}

fn owner(facts: &Stat) -> Owner {
    Owner { user: facts.st_uid, group: facts.st_gid }
}

/// The process that holds a lock of this file: `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`. The device is written
/// there in another way than the files tell it, so that it is left out of account: this is a hint for people.
fn holder(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip_while(|field| *field != "FLOCK").skip(3);
        let process = fields.next()?.parse().ok().filter(|process| *process > 0)?;
        let place: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
        (place == inode).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn no_link_is_followed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("elsewhere/inner")).unwrap();
        fs::write(place.path().join("elsewhere/precious"), "kept").unwrap();
        fs::create_dir(place.path().join("held")).unwrap();
        symlink("../elsewhere", place.path().join("held/folder")).unwrap();
        symlink("../elsewhere/precious", place.path().join("held/file")).unwrap();
        symlink("../elsewhere/precious", place.path().join("held/file.part")).unwrap();
        let held = Directory::open(&place.path().join("held")).unwrap();
        assert!(is_no_folder(&held.enter(name("folder")).unwrap_err()));
        assert!(held.read(name("file"), 10).is_err());
        assert!(held.create(name("file"), 0o600).is_err());
        assert!(held.overwrite(name("file"), b"new").is_err());
        held.replace(name("file"), b"new", 0o600, false).unwrap();
        held.remove_all(name("folder")).unwrap();
        assert_eq!(fs::read_to_string(place.path().join("held/file")).unwrap(), "new");
        assert_eq!(fs::read_to_string(place.path().join("elsewhere/precious")).unwrap(), "kept");
        assert_eq!(held.names().unwrap(), ["file"]);
    }

    #[test]
    fn a_folder_that_is_exchanged_for_a_link_stays_the_one_that_was_opened() {
        let place = tempfile::tempdir().unwrap();
        for folder in ["held", "elsewhere"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let held = Directory::open(&place.path().join("held")).unwrap();
        fs::rename(place.path().join("held"), place.path().join("moved")).unwrap();
        symlink("elsewhere", place.path().join("held")).unwrap();
        held.replace(name("file"), b"new", 0o600, true).unwrap();
        assert!(place.path().join("moved/file").is_file());
        assert_eq!(fs::read_dir(place.path().join("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("ten"), "0123456789").unwrap();
        fs::create_dir(place.path().join("folder")).unwrap();
        let held = Directory::open(place.path()).unwrap();
        rustix::fs::mkfifoat(&held.descriptor, "pipe", Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(held.read(name("ten"), 10).unwrap(), b"0123456789");
        assert_eq!(held.read(name("ten"), 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for other in ["pipe", "folder", "../ten", "", ".."] {
            assert!(held.read(name(other), 10).is_err(), "{other}");
        }
        assert!(held.overwrite(name("pipe"), b"x").is_err(), "nobody reads it");
    }

    #[test]
    fn a_taken_name_is_never_passed_on_to() {
        let place = tempfile::tempdir().unwrap();
        for folder in ["from", "to"] {
            fs::create_dir(place.path().join(folder)).unwrap();
            fs::write(place.path().join(folder).join("taken"), folder).unwrap();
        }
        let folder = |which: &str| Directory::open(&place.path().join(which)).unwrap();
        assert!(folder("from").pass_on(name("taken"), &folder("to")).is_err());
        assert_eq!(fs::read_to_string(place.path().join("to/taken")).unwrap(), "to");
        fs::remove_file(place.path().join("to/taken")).unwrap();
        folder("from").pass_on(name("taken"), &folder("to")).unwrap();
        assert_eq!(fs::read_to_string(place.path().join("to/taken")).unwrap(), "from");
        assert_eq!(folder("from").names().unwrap(), [""; 0]);
    }

    #[test]
    fn a_locked_folder_tells_by_whom() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) =
            (Directory::open(place.path()).unwrap(), Directory::open(place.path()).unwrap());
        assert!(first.lock() && !second.lock());
        assert_eq!(second.identity().unwrap().locked_by(), Some(std::process::id()));
        drop(first);
        // A child that another test has just started has the first one's descriptor until it is a program of its own.
        let given_back = (0..1_000_000).any(|_| {
            std::thread::yield_now();
            second.lock()
        });
        assert!(given_back);
        let locks =
            "1: POSIX  ADVISORY  WRITE 11 08:01:7 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 12 08:01:7 0 EOF\n";
        assert_eq!((holder(locks, 7), holder(locks, 8), holder("1: FLOCK", 7)), (Some(12), None, None));
    }
}

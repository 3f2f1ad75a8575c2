//! One Maildir on disk: what in it is poplab's, and how that is replaced.
//!
//! It never changes or removes a message that poplab did not make, and reads no more of it than tells that. A Maildir
//! belongs to a mail user, and poplab may run as root: from the first component of the path that is the user's own, no
//! symbolic link is followed, and the folders that were looked at are held until they are filled, so that it does not
//! matter what their owner puts in their place. Reading mail for other purposes is not done here.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use crate::directory::{self, Directory, Identity, Owner, is_no_folder};
use crate::exit::Failure;

/// The folders of a Maildir.
const FOLDERS: [&str; 3] = [CUR, NEW, TMP];
const CUR: &str = "cur";
const NEW: &str = "new";
const TMP: &str = "tmp";
/// A marker stands in the header, which is within so many octets.
const HEAD: u64 = 64 * 1024;
/// No message of poplab's has more octets, with all that delivery may add.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Where the Maildirs are: a path with `{user}` in it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The part of the path that is the same for all; its links are the administrator's, and are followed.
    base: PathBuf,
    /// Then, one by one, what may be a user's. Never empty.
    below: Vec<String>,
}

/// A Maildir that was looked at and not yet changed. What was looked at is held open.
pub(super) struct Maildir {
    path: PathBuf,
    parent: Directory,
    name: OsString,
    root: Option<Directory>,
    folders: [Option<Directory>; 3],
    own: Vec<Own>,
    foreign: usize,
}

/// A message of poplab's.
struct Own {
    /// The number of its folder.
    folder: usize,
    name: OsString,
    identity: Identity,
}

/// Which Maildir it was, for another look later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    parent: Identity,
    root: Option<Identity>,
}

impl Template {
    /// Reads `/home/{user}/Maildir`.
    ///
    /// # Errors
    /// It has a `..` behind `{user}`, or ends in no name.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let own = parts.iter().position(|part| part.contains("{user}")).unwrap_or(parts.len());
        // Without a `{user}` the last name is the Maildir.
        let own = own.min(parts.len().saturating_sub(1));
        let below: Vec<String> = parts[own..].iter().map(ToString::to_string).collect();
        if below.is_empty() || below.iter().any(|part| part == "..") {
            return Err(Failure::input(format!(
                "`{text}` cannot be the path of a Maildir; it must end in a name, and have no `..` after `{{user}}`"
            )));
        }
        let root = if text.starts_with('/') { "/" } else { "" };
        Ok(Self { base: PathBuf::from(format!("{root}{}", parts[..own].join("/"))), below })
    }

    /// Where the Maildir of this user is; nothing is opened by it.
    #[cfg(test)]
    pub(super) fn path(&self, user: &str) -> PathBuf {
        self.below.iter().fold(self.base.clone(), |path, part| path.join(part.replace("{user}", user)))
    }

    /// Tells the messages of a user's Maildir apart. It need not exist yet.
    ///
    /// # Errors
    /// It is there but no Maildir, or cannot be read.
    pub(super) fn look(&self, user: &str) -> anyhow::Result<Maildir> {
        let mut path = self.base.clone();
        let unusable = |path: &Path| {
            format!("the folder {} for the Maildirs cannot be used; make it first", shown(path).display())
        };
        let mut parent = Directory::open(&path).with_context(|| unusable(&path))?;
        let names: Vec<OsString> =
            self.below.iter().map(|part| part.replace("{user}", user).into()).collect();
        let (last, before) = names.split_last().context("a path without a name")?;
        for name in before {
            path.push(name);
            parent = match parent.enter(name) {
                Err(error) if is_no_folder(&error) => return Err(no_folder(&path)),
                entered => entered.with_context(|| unusable(&path))?,
            };
        }
        Maildir::look(parent, last, path.join(last))
    }
}

impl Maildir {
    fn look(parent: Directory, name: &OsStr, path: PathBuf) -> anyhow::Result<Self> {
        let root = entered(&parent, name, &path)?;
        let mut maildir = Self {
            path,
            parent,
            name: name.to_owned(),
            root,
            folders: [None, None, None],
            own: Vec::new(),
            foreign: 0,
        };
        for (number, name) in FOLDERS.iter().enumerate() {
            let Some(root) = &maildir.root else { break };
            let path = maildir.path.join(name);
            let folder = entered(root, OsStr::new(name), &path)?;
            if let Some(folder) = folder.as_ref().filter(|_| *name != TMP) {
                maildir.tell_apart(number, folder, &path)?;
            }
            maildir.folders[number] = folder;
        }
        Ok(maildir)
    }

    /// Whose the messages of a folder are.
    fn tell_apart(&mut self, number: usize, folder: &Directory, path: &Path) -> anyhow::Result<()> {
        for name in folder.names().map_err(|error| refused("list", path, error))? {
            // Such names are no messages.
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            match own(folder, &name) {
                Some(identity) => self.own.push(Own { folder: number, name, identity }),
                None => self.foreign += 1,
            }
        }
        Ok(())
    }

    /// How many messages are not poplab's, or not as poplab made them.
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

    /// Which one it is.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn place(&self) -> io::Result<Place> {
        let root = self.root.as_ref().map(Directory::identity).transpose()?;
        Ok(Place { parent: self.parent.identity()?, root })
    }

    /// Removes poplab's messages and puts these in their place, in this order, into `new`.
    ///
    /// # Errors
    /// The file system refuses.
    pub(super) fn fill(mut self, messages: impl ExactSizeIterator<Item = Vec<u8>>) -> anyhow::Result<()> {
        let owner = self.parent.owner().map_err(|error| refused("look at", &self.path, error))?;
        let root = self.root.take();
        let root = made(root, &self.parent, &self.name, &self.path, owner)?;
        let mut folders = Vec::new();
        for (name, folder) in FOLDERS.iter().zip(self.folders) {
            folders.push(made(folder, &root, OsStr::new(name), &self.path.join(name), owner)?);
        }
        let (new, tmp) = (&folders[1], &folders[2]);
        // Before the first message is removed: whether anything can be written.
        let probe = OsString::from(format!(".poplab-{}", std::process::id()));
        let at = self.path.join(TMP).join(&probe);
        tmp.create(&probe, 0o600).map_err(|error| refused("write", &at, error))?;
        tmp.remove(&probe).map_err(|error| refused("remove", &at, error))?;
        // Seconds that no message of an earlier seeding has: servers keep what they know of a message by its name.
        let count = u64::try_from(messages.len()).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let last = self.own.iter().filter_map(|own| second(&own.name)).max().unwrap_or_default();
        let base = now.saturating_sub(count).max(last);
        for own in &self.own {
            let folder = &folders[own.folder];
            // Another file may have the name by now. It is not the one that was read.
            if folder.identity_of(&own.name).is_ok_and(|now| now == own.identity) {
                let path = self.path.join(FOLDERS[own.folder]).join(&own.name);
                folder.remove(&own.name).map_err(|error| refused("remove", &path, error))?;
            }
        }
        for (ordinal, message) in (1..).zip(messages) {
            let name = mail::maildir::file_name(ordinal, base + ordinal);
            deliver(tmp, new, OsStr::new(&name), &message, owner)
                .map_err(|error| refused("write", &self.path.join(NEW).join(&name), error))?;
        }
        Ok(())
    }
}

/// As delivery does it: written whole into `tmp`, then passed on, so that no server sees half a message.
fn deliver(tmp: &Directory, new: &Directory, name: &OsStr, message: &[u8], owner: Owner) -> io::Result<()> {
    let mut file = tmp.create(name, 0o600)?;
    let mut write = || -> io::Result<()> {
        file.write_all(message)?;
        // Whether this process is root is seen from what it makes.
        if directory::owner_of(&file)?.user == 0 {
            directory::give(&file, owner)?;
        }
        tmp.pass_on(name, new)
    };
    write().inspect_err(|_| {
        // What is left of the draft is ours.
        let _ = tmp.remove(name);
    })
}

/// The folder, made if it is missing; it then belongs to whom the folder around it does, if poplab is root.
fn made(
    folder: Option<Directory>,
    around: &Directory,
    name: &OsStr,
    path: &Path,
    owner: Owner,
) -> anyhow::Result<Directory> {
    if let Some(folder) = folder {
        return Ok(folder);
    }
    around.make(name, 0o700).map_err(|error| refused("make", path, error))?;
    let folder = entered(around, name, path)?.with_context(|| format!("{} is gone", path.display()))?;
    let new = || Ok(folder.owner()?.user == 0 && folder.names()?.is_empty());
    // What somebody put there in the meantime is not given away.
    if new().map_err(|error| refused("look at", path, error))? {
        folder.give(owner).map_err(|error| refused("give away", path, error))?;
    }
    Ok(folder)
}

/// The folder of this name, if there is one.
fn entered(around: &Directory, name: &OsStr, path: &Path) -> anyhow::Result<Option<Directory>> {
    match around.enter(name) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if is_no_folder(&error) => Err(no_folder(path)),
        Err(error) => Err(refused("look at", path, error)),
    }
}

fn no_folder(path: &Path) -> anyhow::Error {
    Failure::input(format!(
        "{} is not a folder of a Maildir (a symbolic link is not followed); nothing was changed",
        path.display()
    ))
}

/// What the file is, if it is a message of poplab's, as poplab made it.
fn own(folder: &Directory, name: &OsStr) -> Option<Identity> {
    let (mut content, file) = folder.read_head(name, HEAD).ok()?;
    let identity = Identity::of(&file).ok()?;
    if content.is_empty() {
        // A fixture is the empty message. Nobody has words in it to lose, and the name is poplab's.
        return is_own_name(&name.to_string_lossy()).then_some(identity);
    }
    // Of other people's mail no more is read than the beginning.
    if content.len() as u64 == HEAD && mail::Marker::parse(&content).is_none() {
        return None;
    }
    file.take(LARGEST - HEAD).read_to_end(&mut content).ok()?;
    ((content.len() as u64) < LARGEST && mail::is_own(&content)).then_some(identity)
}

/// Whether the name is one that [`mail::maildir::file_name`] gives, whatever flags and sizes a server added. By itself it
/// says nothing of what is in the file.
fn is_own_name(name: &str) -> bool {
    let base = name.split([':', ',']).next().unwrap_or_default();
    let mut parts = base.split('.');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
    parts.next().is_some_and(digits)
        && parts.next().and_then(|part| part.strip_prefix('Q')).is_some_and(digits)
        && parts.next() == Some("poplab")
        && parts.next().is_none()
}

/// The second of delivery in a file name.
fn second(name: &OsStr) -> Option<u64> {
    name.to_str()?.split('.').next()?.parse().ok()
}

fn shown(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn refused(what: &str, path: &Path, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("cannot {what} {}", path.display()))
}

#[cfg(test)]
mod tests;

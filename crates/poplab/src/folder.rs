//! A run's folder: claimed, emptied only of an older run and only when the next one begins, and filled. It knows the
//! names of the files and who may read them, and nothing of what is in them.
//!
//! The folder is held open and locked from the claim to the end of the process, so that two runs never mix in it, and
//! nothing in it is followed that is a link: it may lie where others can write.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::directory::{Directory, PART, is_no_folder};
use crate::exit::Failure;

/// The file by which a folder is known to be a run of poplab.
pub(crate) const RUN: &str = "run.json";
/// The verdicts.
pub(crate) const RESULTS: &str = "results.json";
/// The latencies; of a load run, from when the plan wanted each step.
pub(crate) const LATENCIES: &str = "latency.hlog";
/// The latencies of a load run, from when each step was really begun.
pub(crate) const SERVICE_TIMES: &str = "service.hlog";
/// What the workers of a load run told, second by second; everything else is derived from it.
pub(crate) const SECONDS: &str = "seconds.jsonl";
/// The folder of the transcripts.
pub(crate) const TRANSCRIPTS: &str = "transcripts";
/// The folder of the files that show a finding again.
pub(crate) const REPRODUCE: &str = "reproduce";
/// The page for people.
pub(crate) const PAGE: &str = "report.html";
/// The seconds of a load run, for spreadsheets.
pub(crate) const SERIES: &str = "series.csv";
/// The steps of a load run, for spreadsheets.
pub(crate) const STEPS: &str = "steps.csv";

/// What poplab itself puts into a run's folder; nothing else is ever removed.
const OWN: &[&str] = &[
    RUN,
    RESULTS,
    LATENCIES,
    SERVICE_TIMES,
    SECONDS,
    TRANSCRIPTS,
    REPRODUCE,
    PAGE,
    SERIES,
    STEPS,
    "report.txt",
    "report.json",
    "junit.xml",
    "report.tap",
    "github.txt",
];

/// What `run.json` takes on the disk while a run goes on, so that there is room for its end when nothing else has room.
const ROOM: usize = 16 * 1024;

/// How every `run.json` begins. A crash of the machine may have left no more of it.
const BEGINNING: &[u8] = b"{\n  \"format\"";

/// No file of a run has more octets.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Who may read what is written. A run has host names, user names and words of a server in it, so nobody else may
/// unless that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever runs poplab. Files and folders are made so: at no moment they are anybody else's.
    Owner,
    /// Whoever the umask lets, as with the files of other programs.
    ByUmask,
}

impl Readers {
    /// As asked for on the command line.
    pub(crate) fn asked(readable: bool) -> Self {
        if readable { Self::ByUmask } else { Self::Owner }
    }

    fn of_file(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::ByUmask => 0o666,
        }
    }

    fn of_folder(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::ByUmask => 0o777,
        }
    }
}

/// The folder of one run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    readers: Readers,
    /// The folder itself, once it is there.
    held: RefCell<Option<Directory>>,
}

impl RunFolder {
    /// The folder for a run to come. Nothing is made and nothing removed yet.
    ///
    /// # Errors
    /// It holds something that is not a run of poplab, is in use by another run, or cannot be looked at.
    pub(crate) fn claim(path: &Path, readers: Readers) -> anyhow::Result<Self> {
        let folder = Self { path: path.to_owned(), readers, held: RefCell::default() };
        match Directory::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(anyhow::Error::new(error).context(folder.unusable())),
            Ok(directory) => folder.hold(directory)?,
        }
        Ok(folder)
    }

    /// An older run's folder, for reading.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        let directory = Directory::open(path).ok();
        if let Some(directory) = directory.filter(|directory| directory.identity_of(RUN.as_ref()).is_ok()) {
            let held = RefCell::new(Some(directory));
            return Ok(Self { path: path.to_owned(), readers: Readers::Owner, held });
        }
        Err(Failure::input(format!(
            "{} is not the folder of a run: there is no {RUN} in it; give the folder that --out named",
            path.display()
        )))
    }

    /// Whether there is a run in it.
    pub(crate) fn holds_run(&self) -> bool {
        self.held.borrow().as_ref().is_some_and(holds_run)
    }

    /// Makes the folder, or removes the older run in it and nothing but what poplab wrote. `frame` is its `run.json`
    /// until the run is over.
    ///
    /// # Errors
    /// Another run was faster, or the file system refuses.
    pub(crate) fn begin(&self, frame: &str) -> anyhow::Result<()> {
        let unusable = |error: io::Error| anyhow::Error::new(error).context(self.unusable());
        if !self.is_held().map_err(unusable)? {
            self.hold(self.made().map_err(unusable)?)?;
        }
        // The older run.json stays until there is a new one: at no moment the folder is nobody's.
        for name in OWN.iter().filter(|name| **name != RUN) {
            for own in [(*name).to_owned(), format!("{name}{PART}")] {
                self.with(|directory| {
                    if matches!(*name, TRANSCRIPTS | REPRODUCE) {
                        directory.remove_all(own.as_ref())
                    } else {
                        directory.remove(own.as_ref())
                    }
                })
                .with_context(|| format!("cannot replace {}", self.path.join(&own).display()))?;
            }
        }
        self.replace(RUN, format!("{frame:<ROOM$}").as_bytes())
            .or_else(|_| self.replace(RUN, frame.as_bytes()))
            .map_err(|error| self.unwritten(RUN, &error))
    }

    /// Writes a file; the name may have folders in it. It is there whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        self.replace(name, content.as_ref()).map_err(|error| {
            // What an earlier attempt left there is no longer so.
            let _ = self.inside(name, false, Directory::remove);
            self.unwritten(name, &error)
        })
    }

    /// Writes the `run.json` of a run that is over; if there is no room for another file, into the old one.
    ///
    /// # Errors
    /// The file system refuses both.
    pub(crate) fn end(&self, frame: &str) -> anyhow::Result<()> {
        self.replace(RUN, frame.as_bytes())
            .or_else(|_| self.with(|directory| directory.overwrite(RUN.as_ref(), frame.as_bytes())))
            .map_err(|error| self.unwritten(RUN, &error))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file system refuses, or it is no text.
    pub(crate) fn read(&self, name: &str) -> anyhow::Result<String> {
        let octets = self.inside(name, false, |folder, file| folder.read(file, LARGEST));
        octets
            .and_then(|octets| {
                String::from_utf8(octets).map_err(|_| io::Error::other("it is not UTF-8 text"))
            })
            .with_context(|| format!("cannot read {}", self.path.join(name).display()))
    }

    /// A file that grows while the run goes on, empty: whoever writes it sees to it that what is there can be read.
    ///
    /// # Errors
    /// It is there already, or the file system refuses.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        self.with(|directory| directory.create(name.as_ref(), self.readers.of_file()))
    }

    /// A file to be read piece by piece; none if there is none of this name.
    ///
    /// # Errors
    /// It is no regular file, or the file system refuses.
    pub(crate) fn open(&self, name: &str) -> anyhow::Result<Option<File>> {
        match self.with(|directory| directory.read_head(name.as_ref(), 0)) {
            Ok((_, file)) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let place = self.path.join(name);
                Err(anyhow::Error::new(error).context(format!("cannot read {}", place.display())))
            }
        }
    }

    /// Reads a transcript that the records of the run name, and no other file, whatever the name: the records may be
    /// somebody else's.
    pub(crate) fn transcript(&self, name: &str) -> Option<String> {
        let below = name.split('/').next() == Some(TRANSCRIPTS);
        below.then(|| self.read(name).ok()).flatten()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the folder for this run alone, as long as this process lives.
    fn hold(&self, directory: Directory) -> anyhow::Result<()> {
        let path = self.path.display();
        if !directory.lock() {
            let holder = directory.identity().ok().and_then(crate::directory::Identity::locked_by);
            let holder = holder.map(|process| format!(" (process {process})")).unwrap_or_default();
            return Err(Failure::not_carried_out(format!(
                "the folder {path} is in use by another run of poplab{holder}; wait for its end, or give another --out"
            )));
        }
        if !is_ours(&directory).with_context(|| self.unusable())? {
            return Err(Failure::input(format!(
                "the folder {path} holds something that is not a run of poplab, so it is left alone; give another --out"
            )));
        }
        *self.held.borrow_mut() = Some(directory);
        Ok(())
    }

    /// Whether the folder that is held is still the one of that path.
    fn is_held(&self) -> io::Result<bool> {
        let Some(held) = self.held.borrow().as_ref().map(Directory::identity).transpose()? else {
            return Ok(false);
        };
        match Directory::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            opened => Ok(opened?.identity()? == held),
        }
    }

    /// The folder, made together with those above it. One that is there stays as its owner made it.
    fn made(&self) -> io::Result<Directory> {
        DirBuilder::new().recursive(true).mode(self.readers.of_folder()).create(&self.path)?;
        Directory::open(&self.path)
    }

    fn with<T>(&self, act: impl FnOnce(&Directory) -> io::Result<T>) -> io::Result<T> {
        match self.held.borrow().as_ref() {
            Some(directory) => act(directory),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Does something in the folder that the name leads to, with the last part of the name.
    fn inside<T>(
        &self,
        name: &str,
        make: bool,
        act: impl FnOnce(&Directory, &OsStr) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut parts: Vec<&OsStr> = name.split('/').map(OsStr::new).collect();
        let file = parts.pop().unwrap_or_default();
        self.with(|directory| {
            let mut folder: Option<Directory> = None;
            for part in parts {
                let around = folder.as_ref().unwrap_or(directory);
                let entered = match around.enter(part) {
                    Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                        around.make(part, self.readers.of_folder())?;
                        around.enter(part)
                    }
                    Err(error) if is_no_folder(&error) => {
                        let words = format!(
                            "{} is not a folder, and a symbolic link is not followed",
                            part.display()
                        );
                        Err(io::Error::new(io::ErrorKind::NotADirectory, words))
                    }
                    entered => entered,
                };
                folder = Some(entered?);
            }
            act(folder.as_ref().unwrap_or(directory), file)
        })
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mode = self.readers.of_file();
        let put = || self.inside(name, true, |folder, file| folder.replace(file, content, mode, name == RUN));
        put().or_else(|error| {
            // Somebody tidied the folder away while the run went on. Its records are written all the same.
            if error.kind() != io::ErrorKind::NotFound || self.is_held()? {
                return Err(error);
            }
            self.hold(self.made()?).map_err(|refused| io::Error::other(refused.to_string()))?;
            put()
        })
    }

    fn unusable(&self) -> String {
        format!("cannot use the folder {} for the run", self.path.display())
    }

    /// That a file could not be written, for people.
    pub(crate) fn unwritten(&self, name: &str, error: &io::Error) -> anyhow::Error {
        Failure::not_carried_out(format!("cannot write {}: {error}", self.path.join(name).display()))
    }
}

fn holds_run(directory: &Directory) -> bool {
    let text = directory.read(RUN.as_ref(), LARGEST).ok().and_then(|octets| String::from_utf8(octets).ok());
    text.is_some_and(|text| record::Run::parse(&text).is_ok())
}

/// Whether there is nothing in a folder, or a run, or what a process that was killed, or a machine that died, left of
/// one. What poplab did not make beside its own files makes a run of it only if there is a whole `run.json`.
fn is_ours(directory: &Directory) -> io::Result<bool> {
    let names = directory.names()?;
    if names.is_empty() || holds_run(directory) {
        return Ok(true);
    }
    let first = OsString::from(format!("{RUN}{PART}"));
    if names.iter().all(|name| *name == first) {
        return Ok(true);
    }
    let own = |name: &OsString| {
        let name = name.to_str().unwrap_or_default();
        OWN.contains(&name.strip_suffix(PART).unwrap_or(name))
    };
    // A run.json that was begun, and nothing that poplab has no name for.
    let begun = || {
        let (head, _) = directory.read_head(RUN.as_ref(), BEGINNING.len() as u64).ok()?;
        Some(BEGINNING.starts_with(&head))
    };
    Ok(names.iter().all(own) && begun().unwrap_or_default())
}

/// Replaces a file, or leaves it as it is. A link of that name is replaced, and not followed.
///
/// # Errors
/// The file system refuses.
pub(crate) fn put(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // The names there are the machine's, such as /dev/stdin, and root could replace them.
    if folder.canonicalize().is_ok_and(|folder| folder == Path::new("/dev")) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no file is made in /dev"));
    }
    Directory::open(folder)?.replace(name, content, readers.of_file(), false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn frame(reason: &str) -> String {
        record::Run { exit_reason: reason.to_owned(), ..record::Run::default() }.to_json()
    }

    #[test]
    fn no_name_of_the_machine_is_replaced() {
        for path in ["/dev/poplab-test", "/dev/../dev/poplab-test"] {
            let refused = put(Path::new(path), b"mine", Readers::Owner).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{refused}");
            assert!(!Path::new(path).exists());
        }
    }

    #[test]
    fn an_older_run_is_replaced_when_the_next_begins_and_other_files_stay() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/run");
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        assert!(!path.exists(), "a claim makes nothing");
        folder.begin(&frame("first")).unwrap();
        folder.write("transcripts/995/a.pop", "old").unwrap();
        folder.write("notes.txt", "mine").unwrap();
        drop(folder);
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        assert!(path.join("transcripts").exists(), "a claim removes nothing");
        folder.begin(&frame("second")).unwrap();
        assert!(!path.join("transcripts").exists() && folder.holds_run());
        assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "mine");
        fs::remove_file(path.join(RUN)).unwrap();
        drop(folder);
        // Now it holds something else, and no run.
        assert!(
            RunFolder::claim(&path, Readers::Owner).unwrap_err().to_string().contains("not a run of poplab")
        );
    }

    #[test]
    fn a_transcript_is_read_from_nowhere_else() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("secret"), "of the house").unwrap();
        let folder = RunFolder::claim(&place.path().join("run"), Readers::Owner).unwrap();
        folder.begin(&frame("so")).unwrap();
        folder.write("transcripts/tls/a.pop", "said").unwrap();
        symlink("../../secret", place.path().join("run/transcripts/link.pop")).unwrap();
        assert_eq!(folder.transcript("transcripts/tls/a.pop").as_deref(), Some("said"));
        let absolute = place.path().join("secret").display().to_string();
        for name in ["transcripts/../../secret", "../secret", "run.json", "transcripts/link.pop", &absolute] {
            assert_eq!(folder.transcript(name), None, "{name}");
        }
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::claim(place.path(), Readers::Owner).unwrap();
        folder.write(PAGE, "an older page").unwrap();
        // Nothing can be written there.
        fs::create_dir(place.path().join("report.html.part")).unwrap();
        let told = folder.write(PAGE, "a new page").unwrap_err();
        assert!(told.to_string().ends_with("report.html: Is a directory (os error 21)"), "{told}");
        assert_eq!(crate::exit::code(&told), crate::exit::NOT_CARRIED_OUT);
        assert!(!place.path().join(PAGE).exists(), "the old one is no longer so");
    }

    #[test]
    fn without_room_the_end_is_written_into_the_beginning() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::claim(place.path(), Readers::Owner).unwrap();
        folder.begin(&frame("under way")).unwrap();
        let room = fs::metadata(place.path().join(RUN)).unwrap().len();
        assert_eq!(room, ROOM as u64);
        fs::create_dir(place.path().join("run.json.part")).unwrap();
        folder.end(&frame("no room for the rest")).unwrap();
        assert_eq!(folder.read(RUN).unwrap(), frame("no room for the rest"));
    }

    /// Links that somebody laid where poplab will write: they are replaced or refused, and what they lead to stays.
    #[test]
    fn no_link_in_the_folder_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let (path, precious) = (place.path().join("run"), place.path().join("precious"));
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("file"), "kept").unwrap();
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        folder.begin(&frame("first")).unwrap();
        drop(folder);
        for name in ["run.json.part", "results.json.part", "report.html"] {
            symlink("../precious/file", path.join(name)).unwrap();
        }
        symlink("../precious", path.join("transcripts")).unwrap();
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        symlink("../precious/file", path.join("junit.xml.part")).unwrap();
        folder.begin(&frame("second")).unwrap();
        for name in ["run.json.part", "junit.xml.part", "report.html.part"] {
            symlink("../precious/file", path.join(name)).unwrap();
        }
        symlink("../precious", path.join("transcripts")).unwrap();
        for name in ["junit.xml", "report.html", "results.json"] {
            folder.write(name, "new").unwrap();
        }
        let told = folder.write("transcripts/tls/a.pop", "said").unwrap_err().to_string();
        assert!(told.contains("transcripts is not a folder, and a symbolic link is not followed"), "{told}");
        folder.end(&frame("ended")).unwrap();
        assert_eq!(fs::read_to_string(precious.join("file")).unwrap(), "kept");
        assert_eq!(fs::read_dir(&precious).unwrap().count(), 1);
        let list = place.path().join("known.yaml");
        symlink("precious/file", place.path().join("known.yaml.part")).unwrap();
        put(&list, b"list", Readers::ByUmask).unwrap();
        assert_eq!(
            (fs::read_to_string(&list).unwrap(), fs::read_to_string(precious.join("file")).unwrap()),
            ("list".to_owned(), "kept".to_owned())
        );
    }

    /// Whatever a process that was killed at any step, or a machine that died, left behind is a run's folder.
    #[test]
    fn what_a_killed_run_left_is_ours() {
        assert!(frame("so").as_bytes().starts_with(BEGINNING), "{}", frame("so"));
        for left in [
            &[("run.json.part", "")][..],
            &[("run.json.part", "{\n  \"form")],
            &[("run.json", "")],
            &[
                ("run.json", "{\n  \"format\": 1,\n"),
                ("transcripts/tls/a.pop.part", "x"),
                ("report.html", ""),
            ],
            &[("run.json", "{\n"), ("run.json.part", ""), ("junit.xml.part", "")],
        ] {
            let place = tempfile::tempdir().unwrap();
            for (name, content) in left {
                let path = place.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            let folder = RunFolder::claim(place.path(), Readers::Owner).unwrap();
            folder.begin(&frame("next")).unwrap();
            assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{left:?}");
        }
        for foreign in [
            &[("run.json.part", ""), ("notes.txt", "")][..],
            &[("report.html", "of a book")],
            &[("run.json", "{}")],
            &[("run.json", ""), ("notes.txt", "")],
        ] {
            let place = tempfile::tempdir().unwrap();
            for (name, content) in foreign {
                fs::write(place.path().join(name), content).unwrap();
            }
            assert!(RunFolder::claim(place.path(), Readers::Owner).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn one_run_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let (first, second) = [(); 2].map(|()| RunFolder::claim(&path, Readers::Owner).unwrap()).into();
        first.begin(&frame("first")).unwrap();
        let told = second.begin(&frame("second")).unwrap_err();
        let holder = format!("in use by another run of poplab (process {})", std::process::id());
        assert!(told.to_string().contains(&holder), "{told}");
        assert_eq!(crate::exit::code(&told), crate::exit::NOT_CARRIED_OUT);
        assert!(RunFolder::claim(&path, Readers::Owner).is_err(), "not even a claim");
        assert_eq!(
            RunFolder::existing(&path).unwrap().read(RUN).unwrap().trim_end(),
            frame("first").trim_end()
        );
        drop(first);
        RunFolder::claim(&path, Readers::Owner).unwrap().begin(&frame("third")).unwrap();
    }

    #[test]
    fn a_folder_that_was_tidied_away_is_made_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        folder.begin(&frame("first")).unwrap();
        fs::remove_dir_all(&path).unwrap();
        folder.write(RESULTS, "results").unwrap();
        folder.end(&frame("ended")).unwrap();
        assert_eq!(RunFolder::existing(&path).unwrap().read(RUN).unwrap(), frame("ended"));
    }
}

//! A run's folder: claimed, emptied only of an older run and only when the next one begins, and filled. It knows the
//! names of the files and who may read them, and nothing of what is in them.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::Failure;

/// The file by which a folder is known to be a run of poplab.
pub(crate) const RUN: &str = "run.json";
/// The verdicts.
pub(crate) const RESULTS: &str = "results.json";
/// The latencies.
pub(crate) const LATENCIES: &str = "latency.hlog";
/// The folder of the transcripts.
pub(crate) const TRANSCRIPTS: &str = "transcripts";
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
    TRANSCRIPTS,
    PAGE,
    SERIES,
    STEPS,
    "report.txt",
    "report.json",
    "junit.xml",
    "report.tap",
    "github.txt",
];

/// A file is written under this name and then given its own: what bears its own name is whole.
const PART: &str = ".part";

/// What `run.json` takes on the disk while a run goes on, so that there is room for its end when nothing else has room.
const ROOM: usize = 16 * 1024;

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
}

impl RunFolder {
    /// The folder for a run to come. Nothing is made and nothing removed yet.
    ///
    /// # Errors
    /// It holds something that is not a run of poplab, or cannot be looked at.
    pub(crate) fn claim(path: &Path, readers: Readers) -> anyhow::Result<Self> {
        let folder = Self { path: path.to_owned(), readers };
        let foreign = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(anyhow::Error::new(error).context(folder.unusable())),
            Ok(mut entries) => entries.next().is_some() && !folder.holds_run(),
        };
        if foreign {
            return Err(Failure::input(format!(
                "the folder {} holds something that is not a run of poplab, so it is left alone; give another --out",
                path.display()
            )));
        }
        Ok(folder)
    }

    /// An older run's folder, for reading.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        if path.join(RUN).is_file() {
            return Ok(Self { path: path.to_owned(), readers: Readers::Owner });
        }
        Err(Failure::input(format!(
            "{} is not the folder of a run: there is no {RUN} in it; give the folder that --out named",
            path.display()
        )))
    }

    /// Whether there is a run in it.
    pub(crate) fn holds_run(&self) -> bool {
        fs::read_to_string(self.path.join(RUN)).is_ok_and(|text| record::Run::parse(&text).is_ok())
    }

    /// Makes the folder, or removes the older run in it and nothing but what poplab wrote. `frame` is its `run.json`
    /// until the run is over.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn begin(&self, frame: &str) -> anyhow::Result<()> {
        self.make(&self.path).with_context(|| self.unusable())?;
        // The older run.json stays until there is a new one: at no moment the folder is nobody's.
        for name in OWN.iter().filter(|name| **name != RUN) {
            for own in [self.path.join(name), self.path.join(format!("{name}{PART}"))] {
                let removed =
                    if *name == TRANSCRIPTS { fs::remove_dir_all(&own) } else { fs::remove_file(&own) };
                match removed {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(
                            anyhow::Error::new(error).context(format!("cannot replace {}", own.display()))
                        );
                    }
                    _ => {}
                }
            }
        }
        let path = self.path.join(RUN);
        let written = self
            .put(&path, format!("{frame:<ROOM$}").as_bytes())
            .or_else(|_| self.put(&path, frame.as_bytes()));
        written.map_err(|error| Failure::not_carried_out(unwritten(&path, &error)))
    }

    /// Writes a file; the name may have folders in it. It is there whole or not at all.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.path.join(name);
        let folder = path.parent().unwrap_or(&self.path);
        let written = self.make(folder).and_then(|()| self.put(&path, content.as_ref()));
        written.map_err(|error| {
            // What an earlier attempt left there is no longer so.
            let _ = fs::remove_file(&path);
            Failure::not_carried_out(unwritten(&path, &error))
        })
    }

    /// Writes the `run.json` of a run that is over; if there is no room for another file, into the old one.
    ///
    /// # Errors
    /// The file system refuses both.
    pub(crate) fn end(&self, frame: &str) -> anyhow::Result<()> {
        let path = self.path.join(RUN);
        self.put(&path, frame.as_bytes())
            .or_else(|_| put_into(&path, frame.as_bytes()))
            .map_err(|error| Failure::not_carried_out(unwritten(&path, &error)))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file system refuses, or it is no text.
    pub(crate) fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.path.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Reads a transcript that the records of the run name, and no other file, whatever the name: the records may be
    /// somebody else's.
    pub(crate) fn transcript(&self, name: &str) -> Option<String> {
        let home = fs::canonicalize(self.path.join(TRANSCRIPTS)).ok()?;
        let path = fs::canonicalize(self.path.join(name)).ok()?;
        if !path.starts_with(home) {
            return None;
        }
        fs::read_to_string(path).ok()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder and those above it. One that is there stays as its owner made it.
    fn make(&self, folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(self.readers.of_folder()).create(folder)
    }

    fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        put(path, content, self.readers)
    }

    fn unusable(&self) -> String {
        format!("cannot use the folder {} for the run", self.path.display())
    }
}

/// Replaces a file, or leaves it as it is.
///
/// # Errors
/// The file system refuses.
pub(crate) fn put(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(PART);
    let part = PathBuf::from(part);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(readers.of_file());
    let written = options
        .open(&part)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes into the room that a file has on the disk already.
fn put_into(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let room = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut text = content.to_vec();
    text.resize(text.len().max(room), b' ');
    file.write_all(&text)?;
    file.set_len(content.len() as u64)
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(reason: &str) -> String {
        record::Run { exit_reason: reason.to_owned(), ..record::Run::default() }.to_json()
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
        let folder = RunFolder::claim(&path, Readers::Owner).unwrap();
        assert!(path.join("transcripts").exists(), "a claim removes nothing");
        folder.begin(&frame("second")).unwrap();
        assert!(!path.join("transcripts").exists() && folder.holds_run());
        assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "mine");
        fs::remove_file(path.join(RUN)).unwrap();
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
        std::os::unix::fs::symlink("../../secret", place.path().join("run/transcripts/link.pop")).unwrap();
        assert_eq!(folder.transcript("transcripts/tls/a.pop").as_deref(), Some("said"));
        let absolute = place.path().join("secret").display().to_string();
        for name in ["transcripts/../../secret", "../secret", "run.json", "transcripts/link.pop", &absolute] {
            assert_eq!(folder.transcript(name), None, "{name}");
        }
    }

    #[test]
    fn on_a_full_disk_a_file_is_whole_or_not_there() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::claim(place.path(), Readers::Owner).unwrap();
        folder.write(PAGE, "an older page").unwrap();
        // What is written there finds no room, by the very error of a full disk.
        std::os::unix::fs::symlink("/dev/full", place.path().join("report.html.part")).unwrap();
        let told = folder.write(PAGE, "a new page").unwrap_err();
        assert!(told.to_string().ends_with("report.html: No space left on device (os error 28)"), "{told}");
        assert_eq!(crate::exit::code(&told), crate::exit::NOT_CARRIED_OUT);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "neither the old one nor a piece is left");
    }

    #[test]
    fn without_room_the_end_is_written_into_the_beginning() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::claim(place.path(), Readers::Owner).unwrap();
        folder.begin(&frame("under way")).unwrap();
        let room = fs::metadata(place.path().join(RUN)).unwrap().len();
        assert_eq!(room, ROOM as u64);
        std::os::unix::fs::symlink("/dev/full", place.path().join("run.json.part")).unwrap();
        folder.end(&frame("no room for the rest")).unwrap();
        assert_eq!(folder.read(RUN).unwrap(), frame("no room for the rest"));
    }
}

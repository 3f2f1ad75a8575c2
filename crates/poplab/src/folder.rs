//! A run's folder: opened, replaced only when it holds an older run, and filled. It knows the names of the files
//! and nothing of what is in them.

use std::fs;
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

/// The folder of one run.
#[derive(Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder, or empties it of an older run.
    ///
    /// # Errors
    /// The folder holds something that is not a run of poplab, or cannot be made or emptied.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let place = || format!("cannot use the folder {} for the run", path.display());
        match fs::read_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(path).with_context(place)?;
            }
            Err(error) => return Err(anyhow::Error::new(error).context(place())),
            Ok(mut entries) => {
                if entries.next().is_some() {
                    replace(path)?;
                }
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// An older run's folder, for reading.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        if path.join(RUN).is_file() {
            return Ok(Self(path.to_owned()));
        }
        Err(Failure::input(format!(
            "{} is not the folder of a run: there is no {RUN} in it; give the folder that --out named",
            path.display()
        )))
    }

    /// Writes a file; the name may have folders in it.
    ///
    /// # Errors
    /// The file system refuses.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file system refuses, or it is no text.
    pub(crate) fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.0.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Removes an older run, and nothing but what poplab wrote.
fn replace(path: &Path) -> anyhow::Result<()> {
    let is_run = fs::read_to_string(path.join(RUN)).is_ok_and(|text| record::Run::parse(&text).is_ok());
    if !is_run {
        return Err(Failure::input(format!(
            "the folder {} holds something that is not a run of poplab, so it is left alone; give another --out",
            path.display()
        )));
    }
    for name in OWN {
        let own = path.join(name);
        let removed = if *name == TRANSCRIPTS { fs::remove_dir_all(&own) } else { fs::remove_file(&own) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(anyhow::Error::new(error).context(format!("cannot replace {}", own.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_run_is_replaced_and_other_files_stay() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/run");
        let folder = RunFolder::open(&path).unwrap();
        folder.write(RUN, record::Run::default().to_json()).unwrap();
        folder.write("transcripts/995/a.pop", "old").unwrap();
        folder.write("notes.txt", "mine").unwrap();
        RunFolder::open(&path).unwrap();
        assert!(!path.join("transcripts").exists() && !path.join(RUN).exists());
        assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "mine");
        // Now it holds something else, and no run.
        assert!(RunFolder::open(&path).unwrap_err().to_string().contains("not a run of poplab"));
    }
}

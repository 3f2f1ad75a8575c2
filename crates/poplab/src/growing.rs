//! A file of a run that grows while the run goes on, line by line. Nothing waits for the disk, and what is there can be read:
//! a line that could not be written whole is taken back, and none is written behind it.

use std::fs::File;
use std::io::{self, Write as _};

use crate::folder::RunFolder;

/// The file.
pub(crate) struct Growing {
    name: &'static str,
    /// Made with the first line: without one there is no file.
    file: Option<File>,
    /// Octets of whole lines.
    length: u64,
    refused: Option<anyhow::Error>,
}

impl Growing {
    /// The file of this name in the folder of the run, once there is something to write.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, file: None, length: 0, refused: None }
    }

    /// Writes a line, its end included. If that cannot be done, it is told at the end: the run goes on.
    pub(crate) fn append(&mut self, folder: &RunFolder, line: &str) {
        if self.refused.is_some() {
            return;
        }
        if let Err(error) = self.write(folder, line) {
            self.refused = Some(folder.unwritten(self.name, &error));
            if let Some(file) = &self.file {
                let _ = file.set_len(self.length);
            }
        }
    }

    /// Its name, and why not all of it could be written.
    pub(crate) fn refused(&self) -> Option<(&'static str, &anyhow::Error)> {
        self.refused.as_ref().map(|error| (self.name, error))
    }

    fn write(&mut self, folder: &RunFolder, line: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(folder.create(self.name)?),
        };
        // At once, so that a process that is killed has written either all of it or its beginning.
        file.write_all(line.as_bytes())?;
        self.length += line.len() as u64;
        Ok(())
    }
}

//! The folder of a recording while it grows. All sessions write into it, one line at a time.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use net::Endpoint;
use observer::Log;
use recording::{Channel, OCTETS, SESSIONS, Scribe};

use super::{RECORDING, TRANSCRIPT};
use crate::directory::{Directory, PART};
use crate::exit::Failure;
use crate::{secrets, terminal};

/// Files are their owner's alone: there is mail in them.
const OWNER_ALONE: u32 = 0o600;

/// The folder itself, likewise.
const FOLDER: u32 = 0o700;

/// Where sessions are written down. Clones are the same.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Mutex<Kept>>);

struct Kept {
    path: PathBuf,
    folder: Directory,
    log: Log,
    /// Nothing once there is no room for more, or writing has failed.
    file: Option<File>,
    failed: Option<io::Error>,
    written: u64,
    sessions: u32,
    /// Sessions and pieces that were passed on without being kept.
    is_full: bool,
    reached: bool,
    unreached: Option<String>,
    refused: Option<&'static str>,
}

impl Keeper {
    /// Makes the folder, or takes an older recording out of it, and begins.
    ///
    /// # Errors
    /// It holds something else, is in use, or the file system refuses.
    pub(super) fn begin(path: &Path, upstream: &Endpoint) -> anyhow::Result<Self> {
        let unusable = || format!("cannot use the folder {} for the recording", path.display());
        DirBuilder::new().recursive(true).mode(FOLDER).create(path).with_context(unusable)?;
        let folder = Directory::open(path).with_context(unusable)?;
        if !folder.lock() {
            return Err(Failure::not_carried_out(format!(
                "the folder {} is in use by another poplab; wait for its end, or give another --out",
                path.display()
            )));
        }
        let own: Vec<String> = [RECORDING, TRANSCRIPT]
            .iter()
            .flat_map(|name| [(*name).to_owned(), format!("{name}{PART}")])
            .collect();
        let names = folder.names().with_context(unusable)?;
        if names.iter().any(|name| !own.iter().any(|own| name == own.as_str())) {
            return Err(Failure::input(format!(
                "the folder {} holds something that is not a recording of poplab, so it is left alone; give another \
                 --out",
                path.display()
            )));
        }
        for name in &own {
            folder.remove(name.as_ref()).with_context(unusable)?;
        }
        let mut file = folder.create(RECORDING.as_ref(), OWNER_ALONE).with_context(unusable)?;
        let header = recording::header(&upstream.to_string());
        file.write_all(header.as_bytes()).with_context(unusable)?;
        let log = Log::knowing(&format!("recording of {upstream}"), None, secrets::of_the_run());
        Ok(Self(Arc::new(Mutex::new(Kept {
            path: path.to_owned(),
            folder,
            log,
            file: Some(file),
            failed: None,
            written: header.len() as u64,
            sessions: 0,
            is_full: false,
            reached: false,
            unreached: None,
            refused: None,
        }))))
    }

    /// A session begins; `None` if there is no room for another one.
    pub(super) fn open(&self, channel: Channel) -> Option<Scribe> {
        let mut kept = self.kept();
        if kept.sessions >= SESSIONS || kept.file.is_none() {
            kept.stop();
            return None;
        }
        kept.sessions += 1;
        let mut lines = String::new();
        let scribe = Scribe::open(channel, &mut kept.log, secrets::of_the_run(), &mut lines);
        kept.put(&lines);
        scribe
    }

    /// Lets a session write.
    pub(super) fn write<Heard>(&self, act: impl FnOnce(&mut Log, &mut String) -> Heard) -> Heard {
        let mut kept = self.kept();
        let mut lines = String::new();
        let heard = act(&mut kept.log, &mut lines);
        kept.put(&lines);
        heard
    }

    /// A client was passed on to the server, or the server could not be reached.
    pub(super) fn reached(&self, outcome: Result<(), &str>) {
        let mut kept = self.kept();
        match outcome {
            Ok(()) => kept.reached = true,
            Err(reason) => {
                // Told once, and again when it is another reason.
                if kept.unreached.as_deref() != Some(reason) {
                    terminal::tell(&format!("a client could not be served: {}", terminal::visible(reason)));
                    kept.unreached = Some(reason.to_owned());
                }
            }
        }
    }

    /// Poplab itself sent a client away.
    pub(super) fn refused(&self, reason: &'static str) {
        let mut kept = self.kept();
        if kept.refused != Some(reason) {
            terminal::tell(&format!("a client was sent away: {reason}"));
            kept.refused = Some(reason);
        }
    }

    /// Why clients were not passed on: the server was never reached, or poplab itself sent one away.
    pub(super) fn obstacle(&self) -> Option<String> {
        let kept = self.kept();
        let unreached = kept.unreached.clone().filter(|_| !kept.reached);
        kept.refused.map(str::to_owned).or(unreached)
    }

    /// Writes the transcript and says what there is.
    ///
    /// # Errors
    /// The recording or the transcript could not be written.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        let kept = self.kept();
        let path = kept.path.display();
        let unwritten = |name: &str, error: &io::Error| {
            Failure::not_carried_out(format!("cannot write {}: {error}", kept.path.join(name).display()))
        };
        let transcript = kept.log.transcript().render();
        kept.folder
            .replace(TRANSCRIPT.as_ref(), transcript.as_bytes(), OWNER_ALONE, false)
            .map_err(|error| unwritten(TRANSCRIPT, &error))?;
        if let Some(error) = &kept.failed {
            return Err(unwritten(RECORDING, error));
        }
        let sessions = if kept.sessions == 1 { "1 session" } else { &format!("{} sessions", kept.sessions) };
        terminal::tell(&format!(
            "{path}: {sessions}; mail that was fetched is in {RECORDING}, passwords are not"
        ));
        if kept.is_full {
            terminal::tell(&format!(
                "note: the recording is full; what came later was passed on and is not in {path}"
            ));
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Appends lines. Where the log is full secrets are no longer found, so that nothing more may be kept.
    fn put(&mut self, lines: &str) {
        let room = OCTETS - recording::full().len() as u64;
        if self.log.is_full() || self.written + lines.len() as u64 > room {
            return self.stop();
        }
        self.append(lines);
    }

    /// Keeps nothing more.
    fn stop(&mut self) {
        if !self.is_full {
            self.is_full = true;
            self.append(&recording::full());
        }
        self.file = None;
    }

    fn append(&mut self, lines: &str) {
        let Some(file) = &mut self.file else { return };
        match file.write_all(lines.as_bytes()) {
            Ok(()) => self.written += lines.len() as u64,
            Err(error) => {
                // The clients go on; it is told at the end.
                self.failed = Some(error);
                self.file = None;
            }
        }
    }
}

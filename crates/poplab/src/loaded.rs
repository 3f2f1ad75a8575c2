//! A load run as it is read back from its folder: from `seconds.jsonl`, or of an older poplab from the files that it
//! derived itself.

use std::io::{BufRead as _, BufReader, Read as _};

use anyhow::Context as _;
use load::{Derived, LONGEST_SAID, Outcome, Replay};
use record::{LoadLine, LoadResults};
use stats::Series;

use crate::exit::Failure;
use crate::folder::{self, RunFolder};

/// What a load run left.
pub(crate) struct Loaded {
    /// The figures.
    pub(crate) results: LoadResults,
    /// Conversations that were found with the figures, by their path in the folder.
    pub(crate) transcripts: Vec<(String, String)>,
    /// What is odd about the files.
    pub(crate) warning: Option<String>,
    /// Response times, where they were found with the figures.
    response: Option<Series>,
}

impl Loaded {
    /// Reads the run of this folder.
    ///
    /// # Errors
    /// A file is missing or is not what it should be; the message says where.
    pub(crate) fn read(folder: &RunFolder) -> anyhow::Result<Self> {
        if let Some((derived, warning)) = seconds(folder)? {
            let Outcome { results, response, transcripts, .. } = derived.outcome;
            let path = |name: &str| format!("{}/{name}", folder::TRANSCRIPTS);
            let transcripts =
                transcripts.into_iter().map(|transcript| (path(&transcript.name), transcript.text)).collect();
            return Ok(Self { results, transcripts, warning, response: Some(response) });
        }
        let results = LoadResults::parse(&folder.read(folder::RESULTS)?)
            .with_context(|| cannot_read(folder, folder::RESULTS))?;
        Ok(Self { results, transcripts: Vec::new(), warning: None, response: None })
    }

    /// The response times by second and step.
    ///
    /// # Errors
    /// The log of an older run is missing or no log.
    pub(crate) fn response(&mut self, folder: &RunFolder) -> anyhow::Result<Series> {
        match self.response.take() {
            Some(response) => Ok(response),
            None => Series::parse(folder.read(folder::LATENCIES)?.as_bytes())
                .with_context(|| cannot_read(folder, folder::LATENCIES)),
        }
    }

    /// A conversation by its path in the folder.
    pub(crate) fn transcript(&self, folder: &RunFolder, path: &str) -> Option<String> {
        let kept = self.transcripts.iter().find(|(own, _)| own == path);
        kept.map(|(_, text)| text.clone()).or_else(|| folder.transcript(path))
    }
}

fn cannot_read(folder: &RunFolder, name: &str) -> String {
    format!("cannot read {}", folder.path().join(name).display())
}

/// What `seconds.jsonl` tells, and what is odd about it; nothing if there is none, or it was cut before anything was told.
fn seconds(folder: &RunFolder) -> anyhow::Result<Option<(Derived, Option<String>)>> {
    let Some(file) = folder.open(folder::SECONDS)? else { return Ok(None) };
    let (mut lines, mut replay) = (BufReader::new(file), Replay::new());
    let (mut number, mut line, mut torn) = (0_u64, Vec::new(), false);
    let path = folder.path().join(folder::SECONDS);
    let wrong = |number: u64, what: &dyn std::fmt::Display| {
        Failure::input(format!("{}, line {number}: {what}", path.display()))
    };
    while !torn {
        line.clear();
        let read = (&mut lines).take(LONGEST_SAID as u64).read_until(b'\n', &mut line);
        if read.with_context(|| cannot_read(folder, folder::SECONDS))? == 0 {
            break;
        }
        number += 1;
        let last = lines.fill_buf().map_or(true, <[u8]>::is_empty);
        if line.pop_if(|octet| *octet == b'\n').is_none() {
            if !last {
                return Err(wrong(number, &"it is longer than a line of such a file can be"));
            }
            torn = true;
            continue;
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong(number, &"it is not UTF-8 text"))?;
        match LoadLine::parse(text) {
            Ok(line) => replay.take(line).map_err(|misplaced| wrong(number, &misplaced))?,
            Err(error) if last && error.is_cut() => torn = true,
            Err(error) => return Err(wrong(number, &error.in_line())),
        }
    }
    let cut = if torn {
        format!("line {number} of {} is cut off", folder::SECONDS)
    } else {
        format!("{} has no line behind line {number}", folder::SECONDS)
    };
    let Some(mut derived) = replay.finish(&cut) else { return Ok(None) };
    if torn && derived.ended {
        derived.outcome.results.missing.push(format!("{cut}: what it said is not in the figures"));
    }
    let place = path.display();
    let warning = (torn || !derived.ended).then(|| {
        format!(
            "{place} does not go to the end of the run ({cut}): the figures are those of the seconds before"
        )
    });
    Ok(Some((derived, warning)))
}

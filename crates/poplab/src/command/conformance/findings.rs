//! What a run of conformance leaves: its files and its texts. Judges nothing, writes nothing.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use record::Run;

use super::judge::Course;
use crate::command::Format;
use crate::folder;
use crate::records::Findings;

/// What was judged.
pub(super) struct Judged {
    course: Course,
    /// The transcripts as texts, by their path in the run's folder.
    texts: HashMap<String, String>,
    started: Timestamp,
    verbose: bool,
}

impl Judged {
    /// Of this course.
    pub(super) fn new(course: Course, started: Timestamp, verbose: bool) -> Self {
        let texts =
            course.transcripts.iter().map(|(path, transcript)| (path.clone(), transcript.render())).collect();
        Self { course, texts, started, verbose }
    }
}

impl Findings for Judged {
    type Form = Format;

    fn change_foreign_texts(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.course.results.change_foreign_texts(change);
    }

    fn files(&self, run: &Run, write: &mut dyn FnMut(&str, &[u8])) {
        write(folder::RESULTS, ::report::harmless_json(&self.course.results.to_json()).as_bytes());
        let interval = run.duration().unwrap_or(Duration::ZERO);
        let header = format!("poplab {} {} {}", run.version, run.tool, run.target.name);
        let start = self.started.as_duration().as_secs_f64();
        write(folder::LATENCIES, &self.course.latencies.interval_log(start, interval, &[&header]));
        for (path, _) in &self.course.transcripts {
            write(path, self.texts[path].as_bytes());
        }
        for (path, script) in &self.course.scripts {
            write(path, script.as_bytes());
        }
    }

    fn render(&self, form: Format, run: &Run) -> String {
        let transcripts = |path: &str| self.texts.get(path).cloned();
        form.render(run, &self.course.results, &self.course.latencies, self.verbose, &transcripts)
    }

    fn verdict_line(&self, run: &Run) -> String {
        ::report::verdict_line(run, &self.course.results)
    }

    fn is_bare(&self, _: &Run) -> bool {
        self.course.results.checks.is_empty()
    }

    fn place(&self, folder: &Path) -> String {
        format!("the run is in {}", folder.display())
    }
}

//! What a load run leaves: its files and its texts. Writes nothing.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use record::Run;

use super::Form;
use super::course::Course;
use crate::folder;
use crate::records::Findings;

/// What was seen under load.
pub(super) struct Loaded {
    course: Course,
    /// Where a transcript stands in the course, by its path in the run's folder.
    places: HashMap<String, usize>,
    started: Timestamp,
}

impl Loaded {
    /// Of this course.
    pub(super) fn new(course: Course, started: Timestamp) -> Self {
        let places =
            course.transcripts.iter().enumerate().map(|(place, (path, _))| (path.clone(), place)).collect();
        Self { course, places, started }
    }
}

impl Findings for Loaded {
    type Form = Form;

    fn change_foreign_texts(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.course.results.change_foreign_texts(change);
    }

    fn files(&self, run: &Run, write: &mut dyn FnMut(&str, &[u8])) {
        write(folder::RESULTS, ::report::harmless_json(&self.course.results.to_json()).as_bytes());
        let header = format!("poplab {} {} {}", run.version, run.tool, run.target.name);
        let start = self.started.as_duration().as_secs_f64();
        write(folder::LATENCIES, &self.course.response.interval_log(start, &[&header]));
        let service = [&*header, "service times: from when each step was really begun"];
        write(folder::SERVICE_TIMES, &self.course.service.interval_log(start, &service));
        for (path, text) in &self.course.transcripts {
            write(path, text.as_bytes());
        }
        write(folder::STEPS, report::steps_csv(&self.course.results).as_bytes());
    }

    fn render(&self, form: Form, run: &Run) -> String {
        let transcripts =
            |path: &str| self.places.get(path).map(|place| self.course.transcripts[*place].1.clone());
        form.render(run, &self.course.results, false, &transcripts)
    }

    fn verdict_line(&self, run: &Run) -> String {
        report::load_verdict_line(run, &self.course.results)
    }

    fn is_bare(&self, run: &Run) -> bool {
        self.course.results.sessions.begun == 0 && run.error.is_some()
    }

    fn place(&self, folder: &Path) -> String {
        format!("the run is in {}; its page is {}", folder.display(), folder.join(folder::PAGE).display())
    }
}

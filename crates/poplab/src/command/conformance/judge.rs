//! Carrying out a plan: each entrance is surveyed and judged, and what has been seen is kept when something breaks
//! off. Writes no files and decides no exit code.

use std::rc::Rc;

use record::{Event, Results};
use stats::Latencies;
use suite::{Evidence, Runner};
use transcript::Transcript;

use super::plan::Plan;
use super::progress::Progress;
use super::reproduction::Reproductions;
use crate::terminal::visible;
use crate::{entrance, folder, interrupt};

/// What a run has seen.
#[derive(Default)]
pub(super) struct Course {
    /// The entrances that could be surveyed.
    pub(super) entrances: Vec<record::Entrance>,
    /// The verdicts.
    pub(super) results: Results,
    /// The conversations, by their path in the run's folder.
    pub(super) transcripts: Vec<(String, Transcript)>,
    /// The files that show findings again, by their path in the run's folder.
    pub(super) scripts: Vec<(String, String)>,
    /// The latencies of all conversations.
    pub(super) latencies: Latencies,
    /// What kept the run from its end.
    pub(super) error: Option<String>,
}

/// Characters of an entrance's label in a path; file systems take 255 octets for a name.
const LABEL_AT_MOST: usize = 100;
/// Why a run was broken off by the user.
const INTERRUPTED: &str = "interrupted";

/// Judges every entrance of the plan in turn.
pub(super) async fn judge(plan: &Plan, seed: u64, progress: Progress) -> Course {
    let mut course = Course::default();
    let progress = Rc::new(progress);
    let stopped = interrupt::interrupted();
    tokio::pin!(stopped);
    for entrance in &plan.entrances {
        progress.entrance(&entrance.endpoint);
        let (surveyed, leavings) = tokio::select! {
            surveyed = suite::survey(plan.survey(entrance, seed)) => surveyed,
            () = &mut stopped => {
                course.error = Some(INTERRUPTED.to_owned());
                break;
            }
        };
        let security = surveyed.as_ref().ok().map(|site| site.entrance.security).or(entrance.security);
        let label = entrance::label(security, &entrance.endpoint, &course.entrances);
        if let Some(leavings) = leavings {
            course.latencies.merge(&leavings.latencies);
            course.transcripts.push((path(&label, "survey"), leavings.transcript));
        }
        let site = match surveyed {
            Ok(site) => site,
            Err(error) => {
                course.error = Some(visible(&error.to_string()));
                break;
            }
        };
        course.entrances.push(entrance::described(&site, &label));
        let runner = Runner::new(site, plan.checks.clone(), plan.jobs);
        let listener: suite::runner::Listener = {
            let progress = Rc::clone(&progress);
            Rc::new(move |event: Event| progress.hear(&event))
        };
        let whole = tokio::select! {
            () = runner.run(&listener) => true,
            () = &mut stopped => false,
        };
        course.latencies.merge(&runner.latencies());
        course.keep(&label, runner.evidence(), &plan.reproductions);
        if !whole {
            course.error = Some(INTERRUPTED.to_owned());
            break;
        }
    }
    progress.finish();
    course
}

impl Course {
    fn keep(&mut self, label: &str, evidence: Vec<Evidence>, reproductions: &Reproductions) {
        for Evidence { mut result, transcript, reproduction } in evidence {
            label.clone_into(&mut result.entrance);
            self.scripts.extend(reproductions.complete(
                &folder_name(label),
                &mut result,
                reproduction.as_ref(),
            ));
            if let Some(transcript) = transcript {
                let path = path(label, &result.id);
                result.transcript = Some(path.clone());
                self.transcripts.push((path, transcript));
            }
            self.results.checks.push(result);
        }
    }
}

/// Where a transcript lies in the run's folder.
fn path(label: &str, id: &str) -> String {
    format!("{}/{}/{id}.pop", folder::TRANSCRIPTS, folder_name(label))
}

/// The label of an entrance, made fit for a file name. Of one that is too long the end is kept, where the port stands.
fn folder_name(label: &str) -> String {
    let fit = |character: char| character.is_ascii_alphanumeric() || ".-".contains(character);
    let label: String = label.chars().map(|character| if fit(character) { character } else { '-' }).collect();
    label[label.len().saturating_sub(LABEL_AT_MOST)..].to_owned()
}

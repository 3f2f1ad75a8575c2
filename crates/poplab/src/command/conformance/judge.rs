//! Carrying out a plan: each entrance is surveyed and judged, and what has been seen is kept when something breaks
//! off. Writes no files and decides no exit code.

use std::rc::Rc;
use std::time::Duration;

use record::{Event, Results};
use stats::Latencies;
use suite::{Evidence, Runner, Site};
use tokio::time::Instant;
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
    /// Whether the time of an entrance was over before all its checks had a verdict.
    pub(super) out_of_time: bool,
    /// What kept the run from its end.
    pub(super) error: Option<String>,
}

/// Characters of an entrance's label in a path; file systems take 255 octets for a name.
const LABEL_AT_MOST: usize = 100;
/// Octets that are kept of the first look; what is kept of the checks is bounded by the suite.
const LOOK_AT_MOST: usize = 1 << 20;

/// Judges every entrance of the plan in turn. One that cannot be judged does not keep the others from it.
pub(super) async fn judge(
    plan: &Plan,
    seed: u64,
    progress: Progress,
    interrupt: &interrupt::Listener,
) -> Course {
    let mut course = Course::default();
    let progress = Rc::new(progress);
    let stopped = interrupt.interrupted();
    tokio::pin!(stopped);
    let ends = Instant::now() + plan.within;
    for (index, entrance) in plan.entrances.iter().enumerate() {
        progress.entrance(&entrance.endpoint);
        // What is left of the time is shared with the entrances to come.
        let to_come = u32::try_from(plan.entrances.len() - index).unwrap_or(1);
        let until = Instant::now() + ends.saturating_duration_since(Instant::now()) / to_come;
        let (surveyed, leavings) =
            suite::survey_until(plan.survey(entrance, seed, until), stopped.as_mut()).await;
        let security = surveyed.as_ref().ok().map(|site| site.entrance.security).or(entrance.security);
        let label = entrance::label(security, &entrance.endpoint, &course.entrances);
        if let Some(mut leavings) = leavings {
            course.latencies.merge(&leavings.latencies);
            leavings.transcript.shorten(LOOK_AT_MOST, "only 1 MiB of the first look at an entrance is kept");
            course.transcripts.push((path(&label, "survey"), leavings.transcript));
        }
        let site = match surveyed {
            Ok(site) => site,
            Err(suite::SurveyError::Stopped) => {
                course.besides(interrupt::INTERRUPTED.to_owned());
                break;
            }
            Err(error) => {
                course.besides(visible(&error.to_string()));
                continue;
            }
        };
        course.entrances.push(entrance::described(&site, &label));
        let runner = Runner::new(Rc::clone(&site), plan.checks.clone(), plan.jobs);
        progress.tell(&announced(&site, plan, runner.estimate()));
        let listener: suite::runner::Listener = {
            let progress = Rc::clone(&progress);
            Rc::new(move |event: Event| progress.hear(&event))
        };
        let whole = tokio::select! {
            () = runner.run(&listener) => true,
            () = &mut stopped => false,
        };
        for notice in site.survey.notices.iter().chain(&runner.notices()) {
            progress.tell(&format!("note: {}", visible(notice)));
        }
        course.out_of_time |= Instant::now() >= until;
        course.latencies.merge(&runner.latencies());
        course.keep(&label, runner.evidence(), &plan.reproductions);
        if !whole {
            course.besides(interrupt::INTERRUPTED.to_owned());
            break;
        }
    }
    progress.finish();
    course
}

/// What is about to be done, and how long it will and may take.
fn announced(site: &Site, plan: &Plan, estimate: Duration) -> String {
    let minutes = |time: Duration| match time.as_secs() {
        ..60 => "less than a minute".to_owned(),
        seconds => format!("about {} min", seconds.div_ceil(60)),
    };
    let bound = match plan.within.as_secs() {
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", plan.within.as_secs_f64()),
    };
    let checks = match plan.checks.len() {
        1 => "1 check".to_owned(),
        many => format!("{many} checks"),
    };
    format!(
        "{}: {checks}, {}; the run ends after {bound} at the latest (--within)",
        site.entrance.endpoint,
        minutes(estimate)
    )
}

impl Course {
    /// One more thing that kept the run from its end.
    fn besides(&mut self, error: String) {
        self.error = Some(match self.error.take() {
            Some(before) => format!("{before}; besides, {error}"),
            None => error,
        });
    }

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

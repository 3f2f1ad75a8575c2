//! Carrying out a plan: each entrance is surveyed and judged, and what has been seen is kept when something breaks
//! off. Writes no files and decides no exit code.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use record::{Event, Results};
use stats::Latencies;
use suite::{Evidence, Operations, Pool, Runner, Site};
use tokio::sync::oneshot;
use tokio::time::Instant;
use transcript::Transcript;

use super::plan::{Entrance, Target, Terms};
use super::progress::Progress;
use super::reproduction::Reproductions;
use crate::embedded::Embedded;
use crate::terminal::visible;
use crate::{entrance, folder, interrupt, secrets, terminal};

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

/// Judges every entrance of a target: those of somebody's server in turn, those of our own at once, since they have nothing
/// in common. One that cannot be judged does not keep the others from it.
///
/// However it ends, the server is left as it was found. Our own are given back running.
pub(super) async fn judge(
    target: Target,
    terms: &Arc<Terms>,
    reproductions: &Reproductions,
    progress: Progress,
    interrupt: &interrupt::Listener,
) -> (Course, Vec<Embedded>) {
    let ends = Instant::now() + terms.within;
    let judging = Judging { terms: Arc::clone(terms), progress, interrupt: interrupt.clone() };
    let (mut course, mut servers) = (Course::default(), Vec::new());
    match target {
        Target::Embedded(entrances) => {
            let judged: Vec<_> = entrances
                .into_iter()
                .map(|(at, server)| judging.clone().on_a_thread(at, server, ends))
                .collect();
            for judged in judged {
                match judged.await {
                    Ok((part, server)) => {
                        course.add(part, reproductions);
                        servers.push(server);
                    }
                    Err(_) => course.besides("the system gave no thread to judge an entrance".to_owned()),
                }
            }
        }
        Target::Server { entrances, accounts, operations } => {
            for (index, entrance) in entrances.iter().enumerate() {
                if interrupt.is_interrupted() {
                    break;
                }
                // What is left of the time is shared with the entrances to come.
                let to_come = u32::try_from(entrances.len() - index).unwrap_or(1);
                let until = Instant::now() + ends.saturating_duration_since(Instant::now()) / to_come;
                let part = judging.entrance(entrance, accounts.clone(), operations.clone(), until).await;
                course.add(part, reproductions);
            }
            if let Some(operations) = operations.filter(|operations| operations.has_to_mend())
                && let Err(left) = operations.mend().await
            {
                terminal::tell(&format!("warning: {}", visible(&left)));
            }
        }
    }
    judging.progress.finish();
    (course, servers)
}

/// What all entrances are judged with.
#[derive(Clone)]
struct Judging {
    terms: Arc<Terms>,
    progress: Progress,
    interrupt: interrupt::Listener,
}

/// What came of one entrance.
struct Part {
    endpoint: net::Endpoint,
    security: Option<suite::Security>,
    /// The first look; also where nothing else came of it.
    looked: Option<suite::Leavings>,
    /// What was found, or why it could not be judged.
    found: Result<Found, String>,
}

struct Found {
    /// Without its label, which depends on the others.
    entrance: record::Entrance,
    evidence: Vec<Evidence>,
    latencies: Latencies,
    out_of_time: bool,
    is_whole: bool,
}

impl Judging {
    /// An entrance of a server of our own, in its own thread: both are judged in the time of one.
    fn on_a_thread(
        self,
        entrance: Entrance,
        server: Embedded,
        until: Instant,
    ) -> oneshot::Receiver<(Part, Embedded)> {
        let (tell, told) = oneshot::channel();
        let judged = move || {
            // Without an event queue nothing is told.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            let accounts = Pool::among(server.tenants(), secrets::of_the_run());
            let operations = Operations::new(Rc::new(server.operator()));
            let part = runtime.block_on(self.entrance(&entrance, accounts, Some(operations), until));
            // Nobody listens once the process goes down.
            let _ = tell.send((part, server));
        };
        // A thread that was refused has dropped its end, which is told where it is waited for.
        let _ = std::thread::Builder::new().name("judge".to_owned()).spawn(judged);
        told
    }

    async fn entrance(
        &self,
        entrance: &Entrance,
        accounts: Pool,
        operations: Option<Rc<Operations>>,
        until: Instant,
    ) -> Part {
        self.progress.entrance(&entrance.endpoint);
        let stopped = self.interrupt.interrupted();
        tokio::pin!(stopped);
        let survey = self.terms.survey(entrance, accounts, operations, until);
        let (surveyed, looked) = suite::survey_until(survey, stopped.as_mut()).await;
        let security = surveyed.as_ref().ok().map(|site| site.entrance.security).or(entrance.security);
        let found = match surveyed {
            Ok(site) => Ok(self.checks(site, until).await),
            Err(suite::SurveyError::Stopped) => Err(interrupt::INTERRUPTED.to_owned()),
            Err(error) => Err(visible(&error.to_string())),
        };
        Part { endpoint: entrance.endpoint.clone(), security, looked, found }
    }

    async fn checks(&self, site: Rc<Site>, until: Instant) -> Found {
        let (terms, progress) = (&self.terms, &self.progress);
        let runner = Runner::new(Rc::clone(&site), terms.checks.clone(), terms.jobs);
        progress.tell(&announced(&site, terms, runner.estimate()));
        let listener: suite::runner::Listener = {
            let progress = progress.clone();
            Rc::new(move |event: Event| progress.hear(&event))
        };
        let is_whole = tokio::select! {
            () = runner.run(&listener) => true,
            () = self.interrupt.interrupted() => false,
        };
        for notice in site.survey.notices.iter().chain(&runner.notices()) {
            progress.tell(&format!("note: {}", visible(notice)));
        }
        Found {
            entrance: entrance::described(&site),
            out_of_time: Instant::now() >= until,
            latencies: runner.latencies(),
            evidence: runner.evidence(),
            is_whole,
        }
    }
}

/// What is about to be done, and how long it will and may take.
fn announced(site: &Site, terms: &Terms, estimate: Duration) -> String {
    let minutes = |time: Duration| match time.as_secs() {
        ..60 => "less than a minute".to_owned(),
        seconds => format!("about {} min", seconds.div_ceil(60)),
    };
    let bound = match terms.within.as_secs() {
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", terms.within.as_secs_f64()),
    };
    let checks = match terms.checks.len() {
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
    /// What came of one more entrance.
    fn add(&mut self, part: Part, reproductions: &Reproductions) {
        let label = entrance::label(part.security, &part.endpoint, &self.entrances);
        if let Some(mut looked) = part.looked {
            self.latencies.merge(&looked.latencies);
            looked.transcript.shorten(LOOK_AT_MOST, "only 1 MiB of the first look at an entrance is kept");
            self.transcripts.push((path(&label, "survey"), looked.transcript));
        }
        let found = match part.found {
            Ok(found) => found,
            Err(error) => return self.besides(error),
        };
        self.entrances.push(record::Entrance { label: label.clone(), ..found.entrance });
        self.out_of_time |= found.out_of_time;
        self.latencies.merge(&found.latencies);
        self.keep(&label, found.evidence, reproductions);
        if !found.is_whole {
            self.besides(interrupt::INTERRUPTED.to_owned());
        }
    }

    /// One more thing that kept the run from its end.
    fn besides(&mut self, error: String) {
        // Two that were interrupted were interrupted once.
        if self.error.as_deref().is_some_and(|before| before.ends_with(&error)) {
            return;
        }
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

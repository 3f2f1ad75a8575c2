//! Who watches a load run: what is written down of it while it goes on, the screen, Prometheus, and the user who may want
//! it to end.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};

use load::{News, Order, Outcome, Retrieval};
use record::LoadLine;
use report::{LiveFigures, LiveStep};
use scenario::Scenario;

use super::arguments::Arguments;
use super::course::order;
use super::live::Live;
use super::look::{self, Seen};
use super::metrics;
use super::plan::{Plan, Server};
use super::target::Entrances;
use crate::exit::Failure;
use crate::http::Endpoint;
use crate::interrupt::INTERRUPTED;
use crate::records::Records;
use crate::{environment, interrupt, terminal};

/// The watch over one command.
pub(super) struct Watch<'a> {
    records: &'a Records,
    live: RefCell<Live>,
    figures: Arc<Mutex<LiveFigures>>,
    metrics: Option<Endpoint>,
    /// Whether the load is a closed loop, which asks for no rate.
    closed: bool,
    interrupt: interrupt::Listener,
    /// What becomes of mail that is retrieved, once somebody has logged in.
    retrieval: Cell<Option<Retrieval>>,
    /// How the embedded server was lost.
    lost: RefCell<Option<String>>,
    has_run: Cell<bool>,
    /// How many runs have begun.
    runs: Cell<u32>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        arguments: &Arguments,
        scenario: &Scenario,
        records: &'a Records,
        interrupt: interrupt::Listener,
    ) -> anyhow::Result<Self> {
        let empty = LiveFigures {
            scenario: scenario.name.clone(),
            target: records.run.borrow().target.name.clone(),
            ..LiveFigures::default()
        };
        let figures = Arc::new(Mutex::new(empty));
        let served = Arc::clone(&figures);
        let text = move || report::prometheus(&served.lock().unwrap_or_else(PoisonError::into_inner));
        let metrics = arguments.metrics.map(|port| {
            metrics::start(port, text).map_err(|error| {
                Failure::not_carried_out(format!(
                    "cannot serve the figures on 127.0.0.1, port {port}: {error}"
                ))
            })
        });
        Ok(Self {
            records,
            live: RefCell::new(Live::new(arguments.quiet)),
            figures,
            metrics: metrics.transpose()?,
            closed: scenario.arrivals.peak_per_s().is_none(),
            interrupt,
            retrieval: Cell::new(None),
            lost: RefCell::default(),
            has_run: Cell::new(false),
            runs: Cell::new(0),
        })
    }

    /// What the target is called.
    pub(super) fn target(&self) -> String {
        self.records.run.borrow().target.name.clone()
    }

    /// With the first plan that stands the records begin.
    pub(super) fn accepted(&self, plan: anyhow::Result<Plan>) -> anyhow::Result<Plan> {
        let plan = plan?;
        self.records.begin()?;
        Ok(plan)
    }

    /// Says where Prometheus finds the figures.
    pub(super) fn announce(&self, quiet: bool) {
        if let Some(metrics) = self.metrics.as_ref().filter(|_| !quiet) {
            terminal::tell(&format!("metrics at http://{}/metrics", metrics.address()));
        }
    }

    /// The first look, unless the user wants an end before it is over.
    pub(super) async fn look(
        &self,
        entrances: &Entrances,
        plan: &Plan,
        arguments: &Arguments,
    ) -> anyhow::Result<Seen> {
        let look = async {
            let mut seen = look::look(entrances, plan).await?;
            seen.retrieval = match self.retrieval.get() {
                // One login is enough, however many trials a search has.
                Some(known) => known,
                None => {
                    look::log_in(order(plan, arguments, seen.retrieval).assignment, seen.retrieval).await?
                }
            };
            self.retrieval.set(Some(seen.retrieval));
            anyhow::Ok(seen)
        };
        tokio::select! {
            seen = look => seen,
            () = self.interrupt.interrupted() => Err(Failure::not_carried_out(INTERRUPTED)),
        }
    }

    pub(super) async fn run(&self, order: &Order, server: &Server) -> anyhow::Result<Outcome> {
        let program = environment::poplab("load-worker")
            .map_err(|error| Failure::not_carried_out(format!("poplab cannot find itself: {error}")))?;
        let spawn = |_| environment::again(&program);
        let stop = async {
            tokio::select! {
                () = self.interrupt.interrupted() => {
                    self.live
                        .borrow_mut()
                        .say("interrupted: closing the open sessions, then writing the reports");
                    INTERRUPTED.to_owned()
                }
                lost = server.lost() => lost,
            }
        };
        let outcome = load::run_processes(order, spawn, |news| self.hear(news), stop).await;
        self.live.borrow_mut().finish();
        self.has_run.set(true);
        *self.lost.borrow_mut() = server.is_lost();
        outcome.map_err(|error| Failure::not_carried_out(error.to_string()))
    }

    /// How the embedded server was lost, if it was.
    pub(super) fn lost(&self) -> Option<String> {
        self.lost.borrow().clone()
    }

    pub(super) fn interrupted(&self) -> bool {
        self.interrupt.is_interrupted()
    }

    /// How many runs have begun, which `seconds.jsonl` has one behind the other.
    pub(super) fn runs(&self) -> u32 {
        self.runs.get()
    }

    /// Writes a line of `seconds.jsonl`.
    pub(super) fn write(&self, line: &mut LoadLine) {
        self.records.second(line);
    }

    fn hear(&self, news: News<'_>) {
        match news {
            News::Line(line) => {
                self.runs.update(|runs| runs + u32::from(matches!(line, LoadLine::Began(_))));
                self.write(line);
            }
            News::Live(live) => self.show(live),
        }
    }

    /// Whether anything was carried out.
    pub(super) fn has_run(&self) -> bool {
        self.has_run.get()
    }

    pub(super) fn say(&self, line: &str) {
        self.live.borrow_mut().say(&terminal::visible(line));
    }

    fn show(&self, live: &load::Live) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let steps =
            live.steps.iter().map(|step| LiveStep { tag: step.tag.clone(), response: step.response.clone() });
        *figures = LiveFigures {
            scenario: std::mem::take(&mut figures.scenario),
            target: std::mem::take(&mut figures.target),
            elapsed_s: live.elapsed.as_secs_f64(),
            duration_s: live.duration.as_secs_f64(),
            planned: live.planned,
            asked: live.asked,
            begun: live.begun,
            completed: live.completed,
            failed: live.failed,
            open: live.last.open,
            commands: live.commands,
            octets_received: live.octets_received,
            verification_failures: live.verification_failures,
            asked_per_s: if self.closed { 0.0 } else { live.last.asked as f64 },
            achieved_per_s: live.last.begun as f64,
            errors: live.errors.clone(),
            steps: steps.collect(),
            lateness_max_ns: live.lateness_max_ns,
            broken: live.broken.clone(),
        };
        self.live.borrow_mut().show(&figures);
    }
}

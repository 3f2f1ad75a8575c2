//! What was planned, worked out by the controller itself: arrivals by second, shares of behaviours, and the plan in words
//! for the report.

use std::fmt::Write as _;
use std::time::Duration;

use record::{LoadBeginning, LoadPlan, Share, ThresholdAsked};
use scenario::{Arrivals, Mode, Modes, Process, Scenario, Stage, Verify};

use crate::figures::{counted, percent, rounded, span};
use crate::plan::Plan;
use crate::{Assignment, Order};

/// The plan of a run, or of its share of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Sessions; 0 in a closed loop, where it is the result.
    pub(crate) sessions: u64,
    /// Arrivals by second; empty in a closed loop.
    pub(crate) asked: Vec<u64>,
    /// Arrivals by behaviour; all 0 in a closed loop.
    pub(crate) behaviours: Vec<u64>,
}

/// What is written down of a run before it begins.
pub(crate) fn beginning(order: &Order) -> LoadBeginning {
    let assignment = &order.assignment;
    let planned = Planned::of(assignment);
    let samples = assignment.scenario.samples;
    let thresholds = assignment.scenario.thresholds.iter();
    LoadBeginning {
        plan: planned.record(order),
        asked: planned.asked,
        thresholds: thresholds
            .map(|asked| ThresholdAsked { text: asked.text.clone(), place: asked.place.clone() })
            .collect(),
        good_transcripts: samples.good,
        bad_transcripts_per_kind: samples.bad_per_kind,
        environment: order.environment.clone(),
        ..LoadBeginning::default()
    }
}

impl Planned {
    /// Walks through the plan once. `assignment` names the share, as for a single worker.
    pub(crate) fn of(assignment: &Assignment) -> Self {
        let scenario = &assignment.scenario;
        let mut planned = Self { behaviours: vec![0; scenario.behaviours.len()], ..Self::default() };
        let plan = Plan::new(scenario, assignment.seed);
        for arrival in plan.arrivals(scenario) {
            if plan.worker(arrival.user, assignment.workers) != assignment.worker {
                continue;
            }
            let second = usize::try_from(arrival.intended_ns / 1_000_000_000).unwrap_or(usize::MAX);
            if second >= planned.asked.len() {
                planned.asked.resize(second + 1, 0);
            }
            planned.asked[second] += 1;
            planned.sessions += 1;
            if let Some(count) = planned.behaviours.get_mut(plan.behaviour(scenario, arrival.user)) {
                *count += 1;
            }
        }
        planned
    }

    /// The plan as a record. The sessions of a closed loop come of it.
    pub(crate) fn record(&self, order: &Order) -> LoadPlan {
        let assignment = &order.assignment;
        let scenario = &assignment.scenario;
        let open = matches!(scenario.arrivals, Arrivals::Open { .. });
        let weights: f64 = scenario.behaviours.iter().map(|weighted| weighted.weight).sum();
        let shares = scenario.behaviours.iter().zip(&self.behaviours).map(|(weighted, sessions)| Share {
            name: weighted.behaviour.name().to_owned(),
            weight: if weights > 0.0 { weighted.weight / weights } else { 0.0 },
            sessions: *sessions,
        });
        let targets = assignment.targets.implicit.iter().chain(&assignment.targets.clear);
        LoadPlan {
            scenario: scenario.name.clone(),
            description: scenario.description.clone(),
            model: if open { "open loop" } else { "closed loop" }.to_owned(),
            arrivals: arrivals(&scenario.arrivals),
            planned_sessions: self.sessions,
            duration_s: scenario.duration().as_secs_f64(),
            seed: assignment.seed,
            accounts: scenario.accounts_count(),
            tls: tls(scenario, assignment),
            behaviours: shares.collect(),
            workers: order.workers.max(1),
            targets: targets.map(ToString::to_string).collect(),
            budget: order.budget.clone(),
        }
    }
}

/// The arrivals in one sentence.
fn arrivals(arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Closed { sessions, lasting } => {
            format!(
                "{} at once, each user starting again when done, for {}",
                counted(*sessions, "session"),
                span(*lasting)
            )
        }
        Arrivals::Open { process, stages, most } => {
            let shown: Vec<String> = stages.iter().take(SHOWN_STAGES).map(stage).collect();
            let mut text = shown.join(", then ");
            if stages.len() > SHOWN_STAGES {
                let rest: Duration = stages[SHOWN_STAGES..].iter().map(|stage| stage.lasting).sum();
                let further = counted((stages.len() - SHOWN_STAGES) as u64, "further stage");
                let _ = write!(text, ", then {further} of {} together", span(rest));
            }
            text.push_str(match process {
                Process::Even => ", evenly spaced",
                Process::Poisson => ", independent of each other (Poisson)",
            });
            if let Some(most) = most {
                let _ = write!(text, ", {} at most", counted(*most, "session"));
            }
            text
        }
    }
}

/// A recorded curve has hundreds of stages.
const SHOWN_STAGES: usize = 5;

fn stage(stage: &Stage) -> String {
    let (from, to, lasting) = (rounded(stage.from_per_s), rounded(stage.to_per_s), span(stage.lasting));
    if from == to {
        format!("{from}/s for {lasting}")
    } else {
        format!("from {from}/s to {to}/s in {lasting}")
    }
}

/// How connections are protected, in one clause.
fn tls(scenario: &Scenario, assignment: &Assignment) -> String {
    let name = |mode: Mode| match mode {
        Mode::Implicit => "implicit",
        Mode::Starttls => "STLS",
        Mode::None => "none",
    };
    let mut text = match &scenario.tls.mode {
        Modes::Auto if assignment.targets.implicit.is_empty() => "STLS".to_owned(),
        Modes::Auto => "implicit".to_owned(),
        Modes::Mix(mix) => {
            let all: f64 = mix.iter().map(|(weight, _)| weight).sum();
            let used: Vec<_> = mix.iter().filter(|(weight, _)| *weight > 0.0).collect();
            match &used[..] {
                [(_, mode)] => name(*mode).to_owned(),
                several => {
                    let part =
                        |(weight, mode): &&(f64, Mode)| format!("{} {}", percent(weight / all), name(*mode));
                    several.iter().map(part).collect::<Vec<_>>().join(", ")
                }
            }
        }
    };
    if text == "none" {
        return text;
    }
    if scenario.tls.resumed > 0.0 {
        let _ = write!(text, ", {} of the users resume", percent(scenario.tls.resumed));
    } else {
        text.push_str(", full handshakes");
    }
    text.push_str(match scenario.tls.verify {
        _ if assignment.insecure => ", certificates not verified",
        Verify::Always => "",
        Verify::Once => ", certificate verified once and pinned",
        Verify::Never => ", certificates not verified",
    });
    text
}

//! The search for the capacity: the highest rate at which all thresholds hold.
//!
//! [`Search`] is a pure state machine: it says which rate to try, is told how that went, and knows when it is done.
//! It doubles the rate until a threshold breaks, halves the gap until it is narrow, and then *repeats*: a staircase
//! goes up a step after each trial that held and down after each that did not, so that it hovers around the edge, and
//! one lucky or unlucky trial cannot decide. The figure is the middle of the turning points, its margin their range.
//!
//! Deliberately without a clock, a server or an opinion on how long a trial should be; [`find_capacity`] runs trials
//! through a closure of the caller's.

use record::{Capacity, Trial};

use crate::figures::{counted, percent, rounded};

/// Within which bounds, and how finely, is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    /// The rate of the first trial, sessions per second.
    pub start_per_s: f64,
    /// Below this rate nothing is tried.
    pub lowest_per_s: f64,
    /// Above this rate nothing is tried.
    pub highest_per_s: f64,
    /// A step of the staircase as a part of the rate; the margin is never less than half of it.
    pub step: f64,
    /// Turning points of the staircase after which the figure is believed.
    pub turns: usize,
    /// Trials after which the search ends with what it has.
    pub most_trials: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            start_per_s: 50.0,
            lowest_per_s: 0.1,
            highest_per_s: 1e6,
            step: 0.04,
            turns: 6,
            most_trials: 40,
        }
    }
}

/// How a trial went.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// All thresholds held.
    Holds,
    /// These did not.
    Breaks(Vec<Broken>),
    /// The generator was the bottleneck, so the trial says nothing about the target; with the sentence that says so.
    Generator(String),
    /// There were too few accounts for the rate, so the target was not asked for it; with the sentence that says so.
    Accounts(String),
}

/// A threshold that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// As written: `login p99 < 250ms`.
    pub threshold: String,
    /// What it is about: `login`.
    pub subject: String,
}

/// The search. Ask [`Search::rate`], try it, [`Search::tell`], until there is no rate.
#[derive(Clone, Debug)]
pub struct Search {
    options: SearchOptions,
    phase: Phase,
    rate: f64,
    trials: Vec<(f64, Judgement)>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Until there is a rate that holds and one that breaks.
    Raise {
        low: Option<f64>,
        high: Option<f64>,
    },
    /// Until they are near.
    Narrow {
        low: f64,
        high: f64,
    },
    /// The staircase: which way it went last, how often in a row, and where it turned.
    Repeat {
        up: Option<bool>,
        in_a_row: u32,
        turns: Vec<f64>,
    },
    Done(End),
}

#[derive(Clone, Debug)]
enum End {
    /// The turning points of the staircase.
    Found(Vec<f64>),
    /// It held at this rate, and why nothing higher was tried.
    AtLeast(f64, String),
    /// Not even the lowest rate held.
    Never,
    /// The search was broken off.
    BrokenOff,
}

impl Search {
    /// A search that has tried nothing yet. Options that make no sense are brought within sense.
    pub fn new(options: SearchOptions) -> Self {
        let lowest = if options.lowest_per_s > 0.0 { options.lowest_per_s } else { 0.1 };
        let highest = options.highest_per_s.max(lowest);
        let options = SearchOptions {
            start_per_s: options.start_per_s.clamp(lowest, highest),
            lowest_per_s: lowest,
            highest_per_s: highest,
            step: options.step.clamp(0.005, 0.5),
            turns: options.turns.max(2),
            most_trials: options.most_trials.max(1),
        };
        let rate = significant(options.start_per_s);
        Self { options, phase: Phase::Raise { low: None, high: None }, rate, trials: Vec::new() }
    }

    /// The next rate to try, in sessions per second; `None` when the search is over.
    pub fn rate(&self) -> Option<f64> {
        (!matches!(self.phase, Phase::Done(_))).then_some(self.rate)
    }

    /// How the trial at [`Search::rate`] went. Without effect once the search is over.
    pub fn tell(&mut self, judgement: Judgement) {
        let Some(rate) = self.rate() else { return };
        let holds = judgement == Judgement::Holds;
        let why = untold(&judgement);
        self.trials.push((rate, judgement));
        if let Some(why) = why {
            return self.end_below(rate, &why);
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Done(End::Never));
        self.phase = match phase {
            Phase::Raise { low, high } => {
                let (low, high) = if holds { (Some(rate), high) } else { (low, Some(rate)) };
                self.raise(low, high)
            }
            Phase::Narrow { low, high } => {
                let (low, high) = if holds { (rate, high) } else { (low, rate) };
                self.narrow(low, high)
            }
            Phase::Repeat { up, in_a_row, turns } => self.repeat(rate, holds, up, in_a_row, turns),
            done @ Phase::Done(_) => done,
        };
        if self.trials.len() >= self.options.most_trials && !matches!(self.phase, Phase::Done(_)) {
            self.break_off();
        }
    }

    /// Ends the search early: with the figure so far if the staircase has turned at least twice, else with what held.
    pub fn break_off(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Done(End::Never)) {
            Phase::Repeat { turns, .. } if turns.len() >= 2 => Phase::Done(End::Found(turns)),
            done @ Phase::Done(_) => done,
            _ => Phase::Done(End::BrokenOff),
        };
    }

    /// What was found, with a sentence for people.
    pub fn capacity(&self) -> Capacity {
        let trials = self.trials.iter().map(|(rate, judgement)| trial(*rate, judgement)).collect();
        let bare = |rate: f64, sentence: String| Capacity {
            sessions_per_s: rate,
            margin_percent: 0.0,
            limit: String::new(),
            first_to_break: String::new(),
            sentence,
            trials: Vec::new(),
        };
        let capacity = match &self.phase {
            Phase::Done(End::Found(turns)) => self.found(turns),
            Phase::Done(End::AtLeast(rate, why)) => {
                bare(*rate, format!("at least {} sessions/s; {why}", rounded(*rate)))
            }
            Phase::Done(End::Never) => {
                let lowest = self.trials.iter().map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min);
                let (limit, subject) = self.first_to_break(f64::INFINITY);
                let sentence = if limit.is_empty() {
                    // Nothing was broken: no trial said anything about the target.
                    let why = self.trials.iter().rev().find_map(|(_, judgement)| untold(judgement));
                    let why = why.unwrap_or_else(|| "no trial gave a result".to_owned());
                    format!("no capacity found: at {} sessions/s {why}", rounded(lowest))
                } else {
                    format!("not even {} sessions/s hold {limit}; first to break: {subject}", rounded(lowest))
                };
                Capacity { limit, first_to_break: subject, ..bare(0.0, sentence) }
            }
            Phase::Done(End::BrokenOff)
            | Phase::Raise { .. }
            | Phase::Narrow { .. }
            | Phase::Repeat { .. } => {
                let held = self.highest_held();
                let tried = counted(self.trials.len() as u64, "trial");
                let sentence = match held {
                    Some(rate) => format!(
                        "no capacity found: the search ended after {tried}; {} sessions/s held",
                        rounded(rate)
                    ),
                    None => {
                        format!("no capacity found: the search ended after {tried}, and none of them held")
                    }
                };
                bare(held.unwrap_or(0.0), sentence)
            }
        };
        Capacity { trials, ..capacity }
    }

    /// A limit that is not the target's ends the search from below: what held, held.
    fn end_below(&mut self, rate: f64, why: &str) {
        self.phase = match self.highest_held().filter(|held| *held < rate) {
            Some(held) => Phase::Done(End::AtLeast(held, format!("at {} {why}", rounded(rate)))),
            None => match std::mem::replace(&mut self.phase, Phase::Done(End::Never)) {
                // Lower than that the generator may keep up, and the accounts suffice.
                Phase::Raise { low, .. } => self.raise(low, Some(rate)),
                _ => Phase::Done(End::BrokenOff),
            },
        };
    }

    fn raise(&mut self, low: Option<f64>, high: Option<f64>) -> Phase {
        match (low, high) {
            (Some(low), Some(high)) => return self.narrow(low, high),
            (Some(low), None) if low >= self.options.highest_per_s => {
                return Phase::Done(End::AtLeast(low, "nothing higher was tried".to_owned()));
            }
            (None, Some(high)) if high <= self.options.lowest_per_s => return Phase::Done(End::Never),
            (Some(low), None) => self.go(low * 2.0),
            (None, Some(high)) => self.go(high / 2.0),
            (None, None) => {}
        }
        Phase::Raise { low, high }
    }

    fn narrow(&mut self, low: f64, high: f64) -> Phase {
        self.go((low * high).sqrt());
        if high <= low * (1.0 + self.options.step).powi(2) || self.rate <= low || self.rate >= high {
            return Phase::Repeat { up: None, in_a_row: 0, turns: Vec::new() };
        }
        Phase::Narrow { low, high }
    }

    fn repeat(
        &mut self,
        rate: f64,
        holds: bool,
        up: Option<bool>,
        in_a_row: u32,
        mut turns: Vec<f64>,
    ) -> Phase {
        let in_a_row = if up == Some(holds) { in_a_row + 1 } else { 1 };
        if up.is_some_and(|up| up != holds) {
            turns.push(rate);
        }
        if turns.len() >= self.options.turns {
            return Phase::Done(End::Found(turns));
        }
        if holds && rate >= self.options.highest_per_s {
            return Phase::Done(End::AtLeast(rate, "nothing higher was tried".to_owned()));
        }
        if !holds && rate <= self.options.lowest_per_s {
            return Phase::Done(End::Never);
        }
        // When the search before was misled, the edge is far: longer steps until the staircase turns.
        let step = (1.0 + self.options.step).powi(1 << (in_a_row / 3).min(4));
        self.go(if holds { rate * step } else { rate / step });
        Phase::Repeat { up: Some(holds), in_a_row, turns }
    }

    fn go(&mut self, rate: f64) {
        self.rate = significant(rate).clamp(self.options.lowest_per_s, self.options.highest_per_s);
    }

    fn highest_held(&self) -> Option<f64> {
        let held = self.trials.iter().filter(|(_, judgement)| *judgement == Judgement::Holds);
        held.map(|(rate, _)| *rate).reduce(f64::max)
    }

    fn found(&self, turns: &[f64]) -> Capacity {
        let logarithms: Vec<f64> = turns.iter().map(|rate| rate.ln()).collect();
        let middle = logarithms.iter().sum::<f64>() / logarithms.len().max(1) as f64;
        let farthest = logarithms.iter().map(|rate| (rate - middle).abs()).fold(0.0, f64::max);
        let margin = farthest.max((1.0 + self.options.step).ln() / 2.0).exp_m1();
        let rate = middle.exp();
        let (limit, subject) = self.first_to_break(rate * (1.0 + margin));
        let sentence = format!(
            "{} sessions/s (±{}) with {limit}; first to break: {subject}",
            rounded(significant(rate)),
            percent((margin * 100.0).round().max(1.0) / 100.0),
        );
        Capacity {
            sessions_per_s: rate,
            margin_percent: margin * 100.0,
            limit,
            first_to_break: subject,
            sentence,
            trials: Vec::new(),
        }
    }

    /// The threshold broken most often up to a rate, or at all if none was, and its subject: far above the edge
    /// everything breaks, which says nothing.
    fn first_to_break(&self, up_to: f64) -> (String, String) {
        let broken = |up_to: f64| {
            let mut counts: Vec<(&Broken, usize)> = Vec::new();
            for (_, judgement) in self.trials.iter().filter(|(rate, _)| *rate <= up_to) {
                let Judgement::Breaks(broken) = judgement else { continue };
                for broken in broken {
                    match counts.iter_mut().find(|(known, _)| *known == broken) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((broken, 1)),
                    }
                }
            }
            // The first of those broken most often.
            counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(broken, _)| broken.clone())
        };
        broken(up_to)
            .or_else(|| broken(f64::INFINITY))
            .map_or_else(Default::default, |broken| (broken.threshold, broken.subject))
    }
}

/// Runs the trials of a search: `trial` is given a rate in sessions per second and says how it went, or `None` when the
/// user has had enough. It should let the target come to rest before it returns.
pub async fn find_capacity(
    options: SearchOptions,
    mut trial: impl AsyncFnMut(f64) -> Option<Judgement>,
) -> Capacity {
    let mut search = Search::new(options);
    while let Some(rate) = search.rate() {
        match trial(rate).await {
            Some(judgement) => search.tell(judgement),
            None => search.break_off(),
        }
    }
    search.capacity()
}

fn trial(rate: f64, judgement: &Judgement) -> Trial {
    let broken = match judgement {
        Judgement::Breaks(broken) => broken.iter().map(|broken| broken.threshold.clone()).collect(),
        Judgement::Holds | Judgement::Generator(_) | Judgement::Accounts(_) => Vec::new(),
    };
    Trial { rate_per_s: rate, holds: *judgement == Judgement::Holds, broken, untold: untold(judgement) }
}

/// Why a trial says nothing about the target.
fn untold(judgement: &Judgement) -> Option<String> {
    let (what, sentence) = match judgement {
        Judgement::Generator(sentence) => ("the generator was the bottleneck", sentence),
        Judgement::Accounts(sentence) => ("the accounts were too few", sentence),
        Judgement::Holds | Judgement::Breaks(_) => return None,
    };
    // The figures only; what to do about it stands on the report's first line.
    let figures = sentence.strip_prefix("The generator was the bottleneck: ");
    let figures = figures.or_else(|| sentence.strip_prefix("The accounts were too few for this rate: "));
    let figures = figures.unwrap_or(sentence);
    let first = figures.split_once(". ").map_or(figures, |(first, _)| first);
    Some(format!("{what}, so the target's own limit is not known: {first}"))
}

/// Three significant digits: nobody reads more, and two searches then try the same rates.
fn significant(rate: f64) -> f64 {
    if rate <= 0.0 || !rate.is_finite() {
        return rate;
    }
    let scale = 10f64.powi(2 - rate.log10().floor() as i32);
    (rate * scale).round() / scale
}

#[cfg(test)]
mod tests;

//! Arrivals: whatever way they are written, stages of straight lines come out.

use std::time::Duration;

use yaml::{Node, units};

use super::{Reader, period};
use crate::check::MOST;
use crate::model::{Arrivals, Process, Stage};

impl Reader<'_> {
    pub(super) fn arrivals(&mut self, node: &Node) -> Option<Arrivals> {
        if let (Some((name, _)), None) = (node.entry("for"), node.at("rate")) {
            self.wrong(name, "`for` belongs to `rate`; ramps, stages and closed loops have their own inside");
        }
        // Each way that is given is read, also when they exclude each other, so that its own mistakes are told too.
        let closed = node.at("closed").map(|closed| self.closed(node, closed));
        let rate = node.entry("rate").map(|(name, _)| self.rate(node, name));
        let ramp = node.at("ramp").map(|ramp| self.stage(ramp).map(|stage| vec![stage]));
        let stages = node.at("stages").map(|stages| self.stages(stages));
        let recorded = node.at("recorded").map(|file| self.recorded(file));
        if let Some(closed) = closed {
            return closed;
        }
        let stages = rate.or(ramp).or(stages).or(recorded)??;
        let process = match node.at("process").and_then(Node::scalar) {
            Some("even") => Process::Even,
            _ => Process::Poisson,
        };
        let arrivals = Arrivals::Open { process, stages, most: node.read("sessions", units::whole) };
        if arrivals.planned_sessions() == 0 {
            self.wrong(node, "these arrivals plan no session: raise the rate or the time");
            return None;
        }
        if arrivals.planned_sessions() > MOST {
            self.wrong(
                node,
                "these arrivals plan more than a thousand million sessions; are the units right?",
            );
            return None;
        }
        Some(arrivals)
    }

    fn closed(&mut self, node: &Node, closed: &Node) -> Option<Arrivals> {
        for key in ["process", "sessions"] {
            if let Some((name, _)) = node.entry(key) {
                self.wrong(name, format!("`{key}` belongs to an open loop, not to `closed`"));
            }
        }
        let sessions = closed.read("sessions", units::whole)?;
        Some(Arrivals::Closed { sessions, lasting: period(closed, "for")? })
    }

    fn rate(&mut self, node: &Node, name: &Node) -> Option<Vec<Stage>> {
        if node.at("for").is_none() {
            self.wrong(name, "for how long? `rate` needs a `for`, such as `for: 30s`");
        }
        let rate = node.read("rate", units::rate)?;
        Some(vec![Stage { from_per_s: rate, to_per_s: rate, lasting: period(node, "for")? }])
    }

    fn stages(&mut self, node: &Node) -> Option<Vec<Stage>> {
        let items = node.list()?;
        let stages: Vec<Stage> = items.iter().filter_map(|item| self.stage(item)).collect();
        (stages.len() == items.len()).then_some(stages)
    }

    fn stage(&mut self, node: &Node) -> Option<Stage> {
        let lasting = period(node, "for");
        if let Some(rate) = node.read("rate", units::rate) {
            if let Some((name, _)) = node.entry("to") {
                self.wrong(name, "`to` goes with `from`; a constant rate has only `rate`");
            }
            return Some(Stage { from_per_s: rate, to_per_s: rate, lasting: lasting? });
        }
        if let (Some((name, _)), None) = (node.entry("from"), node.at("to")) {
            self.wrong(name, "to what rate? `from` needs a `to`");
        }
        let (from_per_s, to_per_s) = (node.read("from", units::rate)?, node.read("to", units::rate)?);
        Some(Stage { from_per_s, to_per_s, lasting: lasting? })
    }

    /// A curve of `seconds,rate` lines: between two lines the rate changes evenly.
    fn recorded(&mut self, node: &Node) -> Option<Vec<Stage>> {
        let file = node.scalar()?;
        let content = match (self.files)(file) {
            Ok(content) => content,
            Err(reason) => {
                self.wrong(node, format!("the recorded curve `{file}` cannot be read: {reason}"));
                return None;
            }
        };
        let mut points: Vec<(f64, f64)> = Vec::new();
        let before = self.findings.len();
        let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
        for (index, line) in content.lines().enumerate() {
            let line = line.trim();
            if line.is_empty()
                || line.starts_with('#')
                || (index == 0 && line.replace(' ', "") == "seconds,rate")
            {
                continue;
            }
            match point(line, points.last().copied()) {
                Ok(point) => points.push(point),
                Err(message) => self.findings.wrong_elsewhere(file, index + 1, 1, message),
            }
        }
        if self.findings.len() > before {
            return None;
        }
        if points.len() < 2 {
            self.wrong(node, format!("the recorded curve `{file}` needs at least two lines `seconds,rate`"));
            return None;
        }
        let stage = |pair: &[(f64, f64)]| {
            let [(start, from_per_s), (end, to_per_s)] = *pair else { return None };
            let lasting = Duration::try_from_secs_f64(end - start).ok()?;
            Some(Stage { from_per_s, to_per_s, lasting })
        };
        points.windows(2).map(stage).collect()
    }
}

fn point(line: &str, before: Option<(f64, f64)>) -> Result<(f64, f64), String> {
    let (seconds, rate) =
        line.split_once(',').ok_or_else(|| format!("`{line}` is not `seconds,rate`, such as `60,12.5`"))?;
    let number = |text: &str, what: &str| units::number(text).map_err(|message| format!("{what}: {message}"));
    let (seconds, rate) = (number(seconds, "seconds")?, number(rate, "rate")?);
    // The same bounds as of durations and rates with units.
    units::seconds(&format!("{seconds}s"))?;
    units::rate(&format!("{rate}/s"))?;
    match before {
        Some((earlier, _)) if seconds <= earlier => {
            Err(format!("{seconds} seconds is not after the line before ({earlier})"))
        }
        _ => Ok((seconds, rate)),
    }
}

//! From the tree to the model: what the tables cannot say (what belongs together, what contradicts itself, what
//! stands in other files), told together with all that they found.

mod accounts;
mod arrivals;
mod behaviours;
mod distribution;

use std::time::Duration;

use chance::Distribution;
use yaml::{Findings, Node, Problems, units};

use crate::check;
use crate::grammar::ThresholdError;
use crate::model::{
    Mode, Modes, Samples, Scenario, SeededMail, Subject, Threshold, Timeouts, Tls, Verify, Versions,
};
use crate::table::FILE;

/// Reads a scenario's text. `path` is for messages; `environment` looks up variables (`password_env`); `files` reads
/// the files a scenario names, by their path relative to it, and says in words why it cannot.
///
/// # Errors
/// All that is wrong, at once, each with its place; only broken YAML syntax is told alone.
pub fn parse(
    text: &str,
    path: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    files: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Scenario, Problems> {
    let (root, findings) = FILE.read(text, path)?;
    let mut reader = Reader { environment, files, findings };
    let scenario = reader.scenario(&root, path);
    let mut findings = reader.findings;
    if let (Some(scenario), true) = (&scenario, findings.is_empty()) {
        // What no single place shows, such as a plan without a session.
        for fault in check::faults(scenario) {
            findings.wrong(&root, fault);
        }
    }
    findings.finish(scenario)
}

/// The JSON Schema (draft 2020-12) of a scenario file, for completion and marks in editors.
pub fn schema() -> serde_json::Value {
    FILE.schema()
}

/// What reading a scenario needs, and what it found wrong.
struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    files: &'a dyn Fn(&str) -> Result<String, String>,
    findings: Findings<'a>,
}

impl Reader<'_> {
    fn scenario(&mut self, root: &Node, path: &str) -> Option<Scenario> {
        let own_steps = root.at("behaviours").and_then(Node::list).is_some_and(|list| {
            list.iter().any(|item| item.at("behaviour").and_then(Node::scalar) == Some("custom"))
        });
        if let (Some((also, _)), None) = (root.entry("also"), root.at("target")) {
            self.wrong(also, "`also` is the second entrance of the `target`, which is missing");
        }
        // Each section is read whether or not those before it were right, so that all is told at once.
        let accounts = root.at("accounts").and_then(|node| self.accounts(node));
        let arrivals = root.at("arrivals").and_then(|node| self.arrivals(node));
        let behaviours = self.behaviours(root);
        let mail = root.at("mail").and_then(|node| self.mail(node));
        let tls = root.at("tls").map_or_else(|| Some(Tls::default()), |node| self.tls(node));
        let thresholds = self.thresholds(root, path, own_steps);
        Some(Scenario {
            name: root.text("name").map_or_else(|| stem(path), str::to_owned),
            description: root.text("description").unwrap_or_default().to_owned(),
            seed: root.read("seed", units::whole).unwrap_or(1),
            target: root.text("target").map(str::to_owned),
            also: root.text("also").map(str::to_owned),
            accounts: accounts?,
            mail,
            arrivals: arrivals?,
            behaviours: behaviours?,
            tls: tls?,
            timeouts: root.at("timeouts").map_or_else(Timeouts::default, timeouts),
            thresholds,
            samples: root.at("samples").map_or_else(Samples::default, samples),
            stop_early: root.text("stop_early") == Some("true"),
        })
    }

    fn mail(&mut self, node: &Node) -> Option<SeededMail> {
        let messages = node.read("messages", units::whole)?;
        if messages > 1_000_000 {
            self.wrong(node.at("messages")?, "more than a million messages in one maildrop");
        }
        let sizes = match node.at("sizes") {
            Some(sizes) => self.distribution(sizes, units::octets)?,
            None => {
                Distribution::LogNormal { median: 13_000.0, sigma: distribution::sigma(13_000.0, 80_000.0) }
            }
        };
        Some(SeededMail { messages: u32::try_from(messages).ok()?, sizes })
    }

    fn tls(&mut self, node: &Node) -> Option<Tls> {
        let mix = node.at("mix").map(|mix| self.mix(mix));
        if let (Some((name, _)), Some(_)) = (node.entry("mix"), node.at("mode")) {
            self.wrong(name, "`mix` and `mode` exclude each other");
        }
        let alone = |name: &str| Mode::ALL.into_iter().find(|mode| mode.name() == name);
        let mode = match mix {
            Some(mix) => mix?,
            None => match node.text("mode").and_then(alone) {
                Some(mode) => Modes::Mix(vec![(1.0, mode)]),
                None => Modes::Auto,
            },
        };
        let verify = match node.text("verify") {
            Some("once") => Verify::Once,
            Some("never") => Verify::Never,
            _ => Verify::Always,
        };
        let versions = match node.text("versions") {
            Some("1.2") => Versions::Tls12,
            Some("1.3") => Versions::Tls13,
            _ => Versions::Any,
        };
        Some(Tls { mode, resumed: node.read("resumed", units::share).unwrap_or(0.0), verify, versions })
    }

    fn mix(&mut self, node: &Node) -> Option<Modes> {
        let shares: Vec<&(Node, Node)> = match node.list() {
            Some(items) => items.iter().filter_map(Node::map).flatten().collect(),
            None => node.map()?.iter().collect(),
        };
        let mut mix: Vec<(f64, Mode)> = Vec::new();
        for (name, weight) in shares {
            let mode = Mode::ALL.into_iter().find(|mode| name.scalar() == Some(mode.name()))?;
            if mix.iter().any(|(_, known)| *known == mode) && node.list().is_some() {
                self.wrong(name, format!("`{}` is listed twice in the mix", mode.name()));
            }
            mix.push((weight.scalar().and_then(|text| units::number(text).ok())?, mode));
        }
        if mix.iter().all(|(weight, _)| *weight == 0.0) {
            self.wrong(node, "nothing in the mix has a weight");
            return None;
        }
        Some(Modes::Mix(mix))
    }

    fn thresholds(&mut self, root: &Node, path: &str, own_steps: bool) -> Vec<Threshold> {
        let closed = root.at("arrivals").is_some_and(|arrivals| arrivals.at("closed").is_some());
        let mut thresholds = Vec::new();
        for node in root.items("thresholds") {
            let read = if own_steps { Threshold::parse_any_step } else { Threshold::parse };
            let threshold = match node.scalar().map(read) {
                Some(Ok(threshold)) => threshold,
                Some(Err(ThresholdError { message, at })) => {
                    self.findings.wrong_part(node, &at, message);
                    continue;
                }
                None => continue,
            };
            if closed && threshold.subject == Subject::Achieved {
                self.wrong(node, "a closed loop asks for no rate, so there is nothing to be achieved");
            }
            thresholds.push(Threshold { place: Some(format!("{path}:{}", node.place.line)), ..threshold });
        }
        thresholds
    }

    fn wrong(&mut self, node: &Node, message: impl Into<String>) {
        self.findings.wrong(node, message);
    }
}

fn timeouts(node: &Node) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        connect: period(node, "connect").unwrap_or(default.connect),
        reply: period(node, "reply").unwrap_or(default.reply),
        session: period(node, "session").or(default.session),
    }
}

fn samples(node: &Node) -> Samples {
    let default = Samples::default();
    let number =
        |key: &str| node.read(key, units::whole).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Samples {
        good: number("good").unwrap_or(default.good),
        bad_per_kind: number("bad_per_kind").unwrap_or(default.bad_per_kind),
    }
}

/// A duration that is not zero.
fn period(node: &Node, key: &str) -> Option<Duration> {
    node.read(key, units::duration).filter(|time| !time.is_zero())
}

/// The file's name without folder and ending.
fn stem(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    if stem.is_empty() { "scenario".to_owned() } else { stem.to_owned() }
}

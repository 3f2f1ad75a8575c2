//! The baseline file: known deviations of a target, each with the sentence that explains it.
//!
//! It approves verdicts and tells which of its entries are no longer seen; it never changes a verdict. How the file is
//! read stands in [`read`]; opening and writing it is the caller's.

mod read;

use std::fmt::Write as _;

use record::{CheckResult, Results, StaleEntry, Verdict};

use crate::glob;

/// The version of the file format.
const FORMAT: u32 = 1;
/// The entrance that stands for all.
const ANY: &str = "any";

/// The known deviations of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Baseline {
    /// What the target is called: a pattern for `host` or `host:port`; empty for every target.
    pub(crate) target: String,
    /// Where the target stands: `known.yaml:2:9`; nothing for what was not read from a file.
    pub(crate) place: Option<String>,
    /// The deviations.
    pub(crate) deviations: Vec<Deviation>,
}

/// One known deviation, or those of all checks that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// The id of the check; `*` stands for anything.
    pub(crate) check: String,
    /// `implicit-tls`, `starttls`, `cleartext` or `any`.
    pub(crate) entrance: String,
    /// `fail`, `warn` or `inconclusive`.
    pub(crate) verdict: Verdict,
    /// What was seen when the entry was made by an update.
    pub(crate) seen: Option<String>,
    /// Why it is as it is; empty as long as nobody has said so.
    pub(crate) because: String,
    /// Where the entry stands.
    pub(crate) place: Option<String>,
}

impl Baseline {
    /// An empty one for the target of this name.
    pub(crate) fn for_target(name: &str) -> Self {
        Self { target: name.to_owned(), ..Self::default() }
    }

    /// Whether it was made for a target that goes by these names.
    pub(crate) fn is_for(&self, names: &[String]) -> bool {
        let target = self.target.to_lowercase();
        target.is_empty() || names.iter().any(|name| glob::matches(&target, &name.to_lowercase()))
    }

    /// Approves the verdicts that are listed, and puts down the entries that are no longer seen: their check came to a
    /// judgement at the entrance, but not to this verdict.
    pub(crate) fn apply(&self, results: &mut Results) {
        for result in &mut results.checks {
            result.approved = self.known(result).map(|deviation| deviation.because.clone());
        }
        let gone = self.deviations.iter().filter(|deviation| deviation.is_gone(results));
        results.stale = gone.map(Deviation::stale).collect();
    }

    /// The entries that nobody has explained.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = &Deviation> {
        self.deviations.iter().filter(|deviation| deviation.because.is_empty())
    }

    /// The baseline of these results: entries that are no longer seen go, failures and warnings that are not listed
    /// come, with what was seen and without a reason. What all entrances of the run show alike comes as one entry.
    /// Gives how many went and came.
    pub(crate) fn update(&mut self, results: &Results) -> (usize, usize) {
        let before = self.deviations.len();
        self.deviations.retain(|deviation| !deviation.is_gone(results));
        let gone = before - self.deviations.len();
        let mut new: Vec<Deviation> = Vec::new();
        for result in results.checks.iter().filter(|result| deviates(result)) {
            if self.known(result).is_some() || new.iter().any(|deviation| deviation.explains(result)) {
                continue;
            }
            let everywhere = self.is_everywhere(result, results);
            new.push(Deviation {
                check: result.id.clone(),
                entrance: if everywhere { ANY } else { entrance(result) }.to_owned(),
                verdict: result.verdict,
                seen: Some(result.observed.clone()),
                because: String::new(),
                place: None,
            });
        }
        let came = new.len();
        self.deviations.extend(new);
        self.deviations.sort_by(|one, other| one.key().cmp(&other.key()));
        (gone, came)
    }

    /// Whether several kinds of entrances judged the check and all have this deviation, none of them listed.
    fn is_everywhere(&self, result: &CheckResult, results: &Results) -> bool {
        let same_check = |other: &&CheckResult| other.id == result.id && other.is_judged();
        let mut judged = results.checks.iter().filter(same_check);
        let several = judged.clone().any(|other| entrance(other) != entrance(result));
        several && judged.all(|other| other.verdict == result.verdict && self.known(other).is_none())
    }

    /// The entry that explains a result: one of this very check before a pattern, one of this entrance before `any`.
    fn known(&self, result: &CheckResult) -> Option<&Deviation> {
        let explaining = self.deviations.iter().filter(|deviation| deviation.explains(result));
        explaining.min_by_key(|deviation| (deviation.check != result.id, deviation.entrance == ANY))
    }

    /// The file's text. A JSON string is a YAML string too, whatever is in it.
    pub(crate) fn to_yaml(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut yaml = format!("format: {FORMAT}\n");
        // Writing to a string cannot fail.
        if !self.target.is_empty() {
            let _ = writeln!(yaml, "target: {}", quoted(&self.target));
        }
        yaml.push_str(if self.deviations.is_empty() { "deviations: []\n" } else { "deviations:\n" });
        for Deviation { check, entrance, verdict, seen, because, .. } in &self.deviations {
            let _ = writeln!(
                yaml,
                "  - check: {}\n    entrance: {entrance}\n    verdict: {verdict}",
                quoted(check)
            );
            if let Some(seen) = seen {
                let _ = writeln!(yaml, "    seen: {}", quoted(seen));
            }
            let _ = writeln!(yaml, "    because: {}", quoted(because));
        }
        yaml
    }
}

impl Deviation {
    fn key(&self) -> (&str, &str, &str) {
        (&self.check, &self.entrance, self.verdict.as_str())
    }

    /// Whether this is about the check at the entrance of the result.
    fn concerns(&self, result: &CheckResult) -> bool {
        glob::matches(&self.check, &result.id) && (self.entrance == ANY || self.entrance == entrance(result))
    }

    fn explains(&self, result: &CheckResult) -> bool {
        self.concerns(result) && self.verdict == result.verdict
    }

    /// Whether its checks came to a judgement, and none of them to this one.
    pub(crate) fn is_gone(&self, results: &Results) -> bool {
        let mut concerned = results.checks.iter().filter(|result| self.concerns(result));
        let judged = concerned.clone().any(CheckResult::is_judged);
        judged && !concerned.any(|result| self.explains(result))
    }

    fn stale(&self) -> StaleEntry {
        StaleEntry {
            check: self.check.clone(),
            entrance: self.entrance.clone(),
            verdict: self.verdict,
            because: self.because.clone(),
            place: self.place.clone(),
        }
    }
}

fn deviates(result: &CheckResult) -> bool {
    matches!(result.verdict, Verdict::Fail | Verdict::Warn)
}

/// How the entrance of a result is protected.
fn entrance(result: &CheckResult) -> &str {
    crate::entrance::kind(&result.entrance)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ID: &str = "rfc1939.retr.dot-stuffing";
    const OTHER: &str = "rfc1939.retr.fidelity";

    fn result(entrance: &str, verdict: Verdict) -> CheckResult {
        CheckResult { id: ID.into(), entrance: entrance.into(), verdict, ..CheckResult::default() }
    }

    fn deviation(check: &str, entrance: &str, verdict: Verdict, because: &str) -> Deviation {
        Deviation {
            check: check.into(),
            entrance: entrance.into(),
            verdict,
            seen: None,
            because: because.into(),
            place: None,
        }
    }

    fn baseline(entrance: &str, verdict: Verdict) -> Baseline {
        let deviations = vec![deviation(ID, entrance, verdict, "The vendor \"knows\".")];
        Baseline { target: "example".into(), deviations, ..Baseline::default() }
    }

    fn results(checks: Vec<CheckResult>) -> Results {
        Results { checks, ..Results::default() }
    }

    fn stale(known: &Baseline, seen: &mut Results) -> usize {
        known.apply(seen);
        seen.stale.len()
    }

    fn reread(known: &Baseline) -> Baseline {
        Baseline::parse(Path::new("known.yaml"), &known.to_yaml()).unwrap()
    }

    #[test]
    fn a_listed_deviation_is_approved_at_its_entrance_alone() {
        let mut seen =
            results(vec![result("implicit-tls", Verdict::Fail), result("starttls", Verdict::Fail)]);
        assert_eq!(stale(&baseline("starttls", Verdict::Fail), &mut seen), 0);
        assert_eq!(seen.checks[0].approved, None);
        assert_eq!(seen.checks[1].approved.as_deref(), Some("The vendor \"knows\"."));
        baseline("any", Verdict::Fail).apply(&mut seen);
        assert!(seen.checks.iter().all(CheckResult::is_known));
    }

    #[test]
    fn an_entrance_is_known_by_its_protection_whatever_its_port() {
        let mut seen = results(vec![result("starttls mail.example.org:1110", Verdict::Fail)]);
        baseline("starttls", Verdict::Fail).apply(&mut seen);
        assert!(seen.checks[0].is_known());
    }

    #[test]
    fn an_entry_is_gone_only_when_its_check_was_judged_otherwise() {
        let known = baseline("starttls", Verdict::Fail);
        for (entrance, verdict, gone) in [
            ("starttls", Verdict::Pass, 1),
            ("starttls", Verdict::Warn, 1),
            ("starttls", Verdict::Skipped, 0),
            ("starttls", Verdict::Inconclusive, 0),
            ("implicit-tls", Verdict::Pass, 0),
        ] {
            assert_eq!(
                stale(&known, &mut results(vec![result(entrance, verdict)])),
                gone,
                "{entrance} {verdict}"
            );
        }
    }

    #[test]
    fn a_pattern_explains_many_and_the_narrower_entry_speaks() {
        let mut known = baseline("any", Verdict::Fail);
        known.deviations.insert(0, deviation("rfc1939.retr.*", "any", Verdict::Fail, "All of RETR."));
        let other = CheckResult { id: OTHER.into(), ..result("starttls", Verdict::Fail) };
        let mut seen = results(vec![result("starttls", Verdict::Fail), other]);
        assert_eq!(stale(&known, &mut seen), 0);
        let sentences: Vec<_> = seen.checks.iter().map(|check| check.approved.as_deref()).collect();
        assert_eq!(sentences, [Some("The vendor \"knows\"."), Some("All of RETR.")]);
        // One of them is right now: the pattern still holds for the other.
        seen.checks[1].verdict = Verdict::Pass;
        assert_eq!(stale(&known, &mut seen), 0);
        seen.checks[0].verdict = Verdict::Pass;
        assert_eq!(stale(&known, &mut seen), 2);
        assert_eq!(reread(&known).to_yaml(), known.to_yaml());
    }

    #[test]
    fn an_update_drops_what_is_gone_keeps_the_reasons_and_reads_back() {
        let mut known = baseline("starttls", Verdict::Fail);
        let seen = results(vec![result("starttls", Verdict::Pass), result("implicit-tls", Verdict::Warn)]);
        assert_eq!(known.update(&seen), (1, 1));
        assert_eq!(known.deviations[0].entrance, "implicit-tls");
        let mut kept = baseline("any", Verdict::Warn);
        assert_eq!(kept.update(&seen), (0, 0));
        assert_eq!(reread(&kept).to_yaml(), kept.to_yaml());
        assert_eq!(reread(&Baseline::default()).deviations, []);
    }

    #[test]
    fn an_update_says_once_what_all_entrances_show() {
        let both = |one, other| results(vec![result("implicit-tls", one), result("starttls", other)]);
        let entrances = |known: &Baseline| -> Vec<String> {
            known.deviations.iter().map(|deviation| deviation.entrance.clone()).collect()
        };
        let mut known = Baseline::default();
        assert_eq!(known.update(&both(Verdict::Fail, Verdict::Fail)), (0, 1));
        assert_eq!(entrances(&known), ["any"]);
        // It stays whole as long as it is seen at one of them.
        assert_eq!(known.update(&both(Verdict::Fail, Verdict::Pass)), (0, 0));
        assert_eq!(entrances(&known), ["any"]);
        let mut known = Baseline::default();
        assert_eq!(known.update(&both(Verdict::Fail, Verdict::Warn)), (0, 2));
        assert_eq!(entrances(&known), ["implicit-tls", "starttls"]);
        // Two of one kind may differ, and the file can still be read.
        let mut known = Baseline::default();
        let seen = results(vec![result("starttls", Verdict::Fail), result("starttls b:1", Verdict::Warn)]);
        assert_eq!(known.update(&seen), (0, 2));
        assert_eq!(reread(&known).to_yaml(), known.to_yaml());
    }

    #[test]
    fn what_an_update_adds_is_known_and_not_explained() {
        let mut known = Baseline::default();
        let mut seen = results(vec![result("starttls", Verdict::Fail)]);
        seen.checks[0].observed = "RETR 5: 0 lines came".into();
        known.update(&seen);
        let known = reread(&known);
        known.apply(&mut seen);
        assert!(seen.checks[0].is_known() && seen.checks[0].explanation().is_none());
        assert_eq!(known.unexplained().count(), 1);
        assert_eq!(known.deviations[0].seen.as_deref(), Some("RETR 5: 0 lines came"));
    }

    #[test]
    fn it_is_for_its_target_alone() {
        let names = ["Mail.example.org:995", "mail.example.org"].map(str::to_owned);
        for (target, own) in [
            ("mail.example.org", true),
            ("mail.example.org:995", true),
            ("*.Example.org", true),
            ("", true),
            ("*", true),
            ("mail.example.org:110", false),
            ("example.org", false),
        ] {
            assert_eq!(Baseline::for_target(target).is_for(&names), own, "{target}");
        }
    }
}

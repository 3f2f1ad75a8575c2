//! Reading a baseline file. All that is wrong with it is told at once, each mistake with line and column.

use std::path::Path;

use record::Verdict;
use yaml::{Findings, Form, Kind, Node, Problems, Table, key, needed, table, units};

use super::{ANY, Baseline, Deviation, FORMAT};
use crate::glob;

/// What earlier versions wrote in place of a reason.
const NO_REASON: &str = "Not explained yet.";

static FILE: Kind = Kind::new("poplab baseline", &BASELINE);

static BASELINE: Table = table(
    "a baseline",
    &[
        needed("format", Form::Whole(1), "The version of the file format: 1."),
        key(
            "target",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "Which target it is for: `host` or `host:port`, `*` stands for anything. Default every target.",
        ),
        needed(
            "deviations",
            Form::ListOrEmpty(&Form::Map(&DEVIATION)),
            "What the target is known to do otherwise.",
        ),
    ],
);

static DEVIATION: Table = table(
    "a deviation",
    &[
        needed("check", Form::Text, "The id of the check; `*` stands for anything."),
        needed(
            "entrance",
            Form::Word(&["implicit-tls", "starttls", "cleartext", ANY]),
            "The entrance where it is seen, or `any` for all.",
        ),
        needed("verdict", Form::Word(&["fail", "warn", "inconclusive"]), "The verdict that is known."),
        key(
            "seen",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "What was seen when an update of the baseline made the entry.",
        ),
        key(
            "because",
            Form::Either(&[Form::AnyText, Form::Nothing]),
            "Why it is as it is. Without a reason the entry counts as not explained.",
        ),
    ],
);

impl Baseline {
    /// Reads a file's text; `path` is for messages and places.
    ///
    /// # Errors
    /// It is no baseline; the message has line and column of each mistake.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let path = path.display().to_string();
        let (root, mut findings) = FILE.read(text, &path)?;
        if let Some(format) = root.read("format", units::whole)
            && format != u64::from(FORMAT)
            && let Some(place) = root.at("format")
        {
            let message = format!("format {format} is not known here; this version reads format {FORMAT}");
            findings.wrong(place, message);
        }
        let mut deviations: Vec<Deviation> = Vec::new();
        for node in root.items("deviations") {
            if let Some(deviation) = deviation(node, &deviations, &mut findings) {
                deviations.push(deviation);
            }
        }
        let target = root.at("target").filter(|target| target.scalar().is_some());
        let place = target.map(|target| findings.place(target));
        let target = target.and_then(Node::scalar).unwrap_or_default().to_owned();
        findings.finish(Some(Self { target, place, deviations }))
    }
}

/// One entry; those before it must not be about the same.
fn deviation(node: &Node, before: &[Deviation], findings: &mut Findings<'_>) -> Option<Deviation> {
    let text = |key: &str| node.at(key).and_then(Node::scalar).map(str::to_owned);
    let (place, check) = (node.at("check")?, text("check")?);
    let mut ids = suite::catalogue::catalogue().keys();
    if !check.trim().is_empty() && !ids.clone().any(|id| glob::matches(&check, id)) {
        let near = glob::nearest(&check, ids.by_ref().map(String::as_str));
        findings.wrong(place, format!("there is no check `{check}`{}", glob::suggestion(&near)));
    }
    let because = text("because").unwrap_or_default();
    let because = because.trim();
    let deviation = Deviation {
        place: Some(findings.place(place)),
        because: if because.starts_with(NO_REASON) { String::new() } else { because.to_owned() },
        seen: text("seen"),
        verdict: node.read("verdict", |word| word.parse::<Verdict>().map_err(|_| String::new()))?,
        entrance: text("entrance")?,
        check,
    };
    if before.iter().any(|other| other.key() == deviation.key()) {
        let message = format!("`{}` is listed twice for `{}`", deviation.check, deviation.entrance);
        findings.wrong(place, message);
    }
    Some(deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "rfc1939.retr.dot-stuffing";

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(Path::new("known.yaml"), text).map_err(|error| error.to_string())
    }

    fn entry(check: &str, entrance: &str, verdict: &str, because: &str) -> String {
        format!(
            "  - check: {check}\n    entrance: {entrance}\n    verdict: {verdict}\n    because: \"{because}\"\n"
        )
    }

    fn file(entries: &[String]) -> String {
        format!("format: 1\ntarget: x\ndeviations:\n{}", entries.concat())
    }

    #[test]
    fn every_entry_knows_its_place() {
        let text = file(&[entry(ID, "any", "fail", "so"), entry("rfc1939.list.*", "starttls", "warn", "")]);
        let known = parse(&text).unwrap();
        let places: Vec<_> = known.deviations.iter().filter_map(|known| known.place.as_deref()).collect();
        assert_eq!(places, ["known.yaml:4:12", "known.yaml:8:12"]);
        assert_eq!(known.place.as_deref(), Some("known.yaml:2:9"));
    }

    #[test]
    fn an_entry_without_a_reason_is_not_explained() {
        for because in ["", " ", "Not explained yet. Seen: RETR 5"] {
            let known = parse(&file(&[entry(ID, "any", "fail", because)])).unwrap();
            assert_eq!(known.unexplained().count(), 1, "{because}");
        }
        let without = format!("format: 1\ndeviations:\n  - {{check: {ID}, entrance: any, verdict: fail}}\n");
        assert_eq!(parse(&without).unwrap().unexplained().count(), 1);
        assert_eq!(parse(&file(&[entry(ID, "any", "fail", "so")])).unwrap().unexplained().count(), 0);
    }

    #[test]
    fn all_mistakes_are_told_with_line_and_column() {
        let text = file(&[
            entry("rfc1939.retr.dot-stufing", "any", "fail", "so"),
            entry("nothing.*", "front", "fail", "so"),
            entry(ID, "any", "pass", "so"),
            entry(ID, "any", "fail", "so"),
            entry(ID, "any", "fail", "so"),
            "  - {chek: x, entrance: starttls, verdict: warn, because: [so]}\n".to_owned(),
        ]);
        let told = parse(&text.replace("format: 1", "format: 2")).unwrap_err();
        insta::assert_snapshot!(told);
        assert!(parse("format: [\n").unwrap_err().starts_with("known.yaml:"));
        let newer = parse("format: 2\ndeviations: []\n").unwrap_err();
        assert!(newer.starts_with("known.yaml:1:9: format 2 is not known"), "{newer}");
    }

    #[test]
    fn what_is_left_empty_is_not_given() {
        let text = format!(
            "format: 1\ntarget:\ndeviations:\n  - {{check: {ID}, entrance: any, verdict: fail, seen: , because: }}\n"
        );
        let known = parse(&text).unwrap();
        assert_eq!((known.target.as_str(), &known.place, &known.deviations[0].seen), ("", &None, &None));
    }

    #[test]
    fn the_committed_schema_is_the_one_of_the_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/baseline.schema.json");
        if std::env::var_os("POPLAB_ACCEPT_SCHEMA").is_some() {
            std::fs::write(&path, FILE.schema_text()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == FILE.schema_text(),
            "scenarios/baseline.schema.json is not what the tables say; run this test with POPLAB_ACCEPT_SCHEMA=1"
        );
    }
}

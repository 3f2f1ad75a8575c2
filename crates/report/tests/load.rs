//! Every form of the report of a load run, rendered from made-up runs. The snapshots show what changed; the other
//! tests say what must hold for any record.

#[path = "fixture/load.rs"]
mod fixture;

use fixture::{bottleneck, broken, ended_early, good, run, transcripts};
use record::{Comparison, ComparisonRow, ErrorCount, LoadReport, LoadResults, Run};
use report::{LiveFigures, LiveStep, Options};

fn summary(run: &Run, results: &LoadResults) -> String {
    report::load_summary(run, results, &Options::default())
}

/// The page with a line for each element, so that a change can be read.
fn page(run: &Run, results: &LoadResults) -> String {
    report::load_html(run, results, &transcripts).replace("><", ">\n<")
}

fn live() -> LiveFigures {
    let results = broken();
    LiveFigures {
        scenario: results.plan.scenario.clone(),
        target: "mail.example.org:995".into(),
        elapsed_s: 42.3,
        duration_s: 60.0,
        planned: results.sessions.planned,
        asked: 8_640,
        begun: 8_637,
        completed: 8_590,
        failed: 24,
        open: 23,
        commands: 77_733,
        octets_received: 235_790_100,
        verification_failures: 0,
        asked_per_s: 312.0,
        achieved_per_s: 311.0,
        errors: vec![
            ErrorCount { kind: "err:IN-USE".into(), count: 1 },
            ErrorCount { kind: "timeout".into(), count: 23 },
        ],
        steps: results
            .steps
            .iter()
            .map(|step| LiveStep { tag: step.tag.clone(), response: step.response.clone() })
            .collect(),
        lateness_max_ns: 12_000_000,
        broken: vec!["errors < 0.1%".into()],
    }
}

fn comparison() -> Comparison {
    let row = |tag: &str, quantile: &str, a_ns: u64, percent: u64, verdict: &str| ComparisonRow {
        tag: tag.into(),
        quantile: quantile.into(),
        a_ns,
        b_ns: a_ns * percent / 100,
        ratio: percent as f64 / 100.0,
        low: percent as f64 * 0.0094,
        high: percent as f64 * 0.0107,
        verdict: verdict.into(),
        samples_a: 25_200,
        samples_b: 25_188,
    };
    Comparison {
        a: "runs/2026-01-01".into(),
        b: "runs/2026-01-02 @<b>".into(),
        rows: vec![
            row("login-plain", "p50", 7_510_000, 101, "no difference shown"),
            row("login-plain", "p99", 21_300_000, 134, "slower"),
            row("RETR-last", "p99", 7_900_000, 82, "faster"),
            row("session", "p99.9", 90_000_000, 510, "too few samples"),
        ],
        verdict: "slower: login-plain p99 +34 %".into(),
        notes: vec!["B had 24 errors, A had none".into()],
        ..Comparison::default()
    }
}

#[test]
fn summary_of_a_run_with_a_broken_threshold() {
    insta::assert_snapshot!(summary(&run(), &broken()));
}

#[test]
fn summary_of_a_good_run_with_its_capacity() {
    let (run, results) = good();
    insta::assert_snapshot!(summary(&run, &results));
}

#[test]
fn summary_of_a_run_that_ended_early() {
    let (run, results) = ended_early();
    insta::assert_snapshot!(summary(&run, &results));
}

#[test]
fn summary_of_a_run_in_which_the_generator_was_the_bottleneck() {
    let (run, results) = bottleneck();
    let text = summary(&run, &results);
    assert!(text.starts_with("The generator was the bottleneck: "), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_last_line_is_the_verdict() {
    for (run, results) in [(run(), broken()), good(), ended_early(), bottleneck()] {
        let text = summary(&run, &results);
        assert_eq!(text.lines().last(), Some(report::load_verdict_line(&run, &results).as_str()));
    }
}

#[test]
fn summary_keeps_to_the_width() {
    for width in [90, 100, 132] {
        let options = Options { width, ..Options::default() };
        let text = report::load_summary(&run(), &broken(), &options);
        let last = text.lines().count() - 1;
        let long = text
            .lines()
            .enumerate()
            .find(|(number, line)| line.chars().count() > width && *number != last && !line.contains("│ "));
        assert_eq!(long, None, "at {width} columns");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let options = Options { color: true, ..Options::default() };
    let coloured = report::load_summary(&run(), &broken(), &options);
    let mut stripped = String::new();
    for (number, part) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if number == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, summary(&run(), &broken()));
}

#[test]
fn html_of_a_run_with_a_broken_threshold() {
    insta::assert_snapshot!(page(&run(), &broken()));
}

#[test]
fn html_says_first_that_the_generator_was_the_bottleneck() {
    let (run, results) = bottleneck();
    let text = page(&run, &results);
    let body = text.split("<body>").nth(1).unwrap();
    let first = body.split("</p>").next().unwrap();
    assert!(first.contains("The generator was the bottleneck: "), "{first}");
    assert!(text.contains("Lateness of the generator itself"));
}

#[test]
fn html_of_a_run_that_ended_early_says_what_is_missing() {
    let (run, results) = ended_early();
    let text = page(&run, &results);
    assert!(text.contains("The run was not carried out to its end."));
    for missing in &results.missing {
        assert!(text.contains(missing.as_str()), "{missing}");
    }
}

#[test]
fn html_is_self_contained() {
    for (run, results) in [(run(), broken()), good(), ended_early(), bottleneck()] {
        let text = report::load_html(&run, &results, &transcripts);
        let references = text.replace("http-equiv=", "");
        assert!(!references.contains("http"), "a reference to somewhere else");
        assert!(!text.contains("<script") && !text.contains("url(") && !text.contains("@import"));
        for attribute in ["src=\"", "href=\""] {
            for part in text.split(attribute).skip(1) {
                assert!(part.starts_with(['#']) || part.starts_with("data:,"), "{attribute}{part:.40}");
            }
        }
    }
}

#[test]
fn html_escapes_what_a_server_said() {
    let text = page(&run(), &broken());
    assert!(text.contains("-ERR [IN-USE] ␛[31mlocked &lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(text.contains("slow link &lt;3&gt;"));
    assert!(text.contains("+OK ready &lt;&amp;]]&gt; ␛[2J"));
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
}

#[test]
fn every_id_is_unique_and_every_reference_is_met() {
    let (run, results) = good();
    let text = report::load_html(&run, &results, &transcripts);
    let mut ids: Vec<&str> =
        text.split(" id=\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all);
    let labels =
        text.split("aria-labelledby=\"").skip(1).flat_map(|part| part.split('"').next().unwrap().split(' '));
    let anchors = text.split("href=\"#").skip(1).map(|part| part.split('"').next().unwrap());
    for reference in labels.chain(anchors) {
        assert!(ids.binary_search(&reference).is_ok(), "{reference}");
    }
}

#[test]
fn a_histogram_that_cannot_be_read_is_told() {
    let mut results = broken();
    results.steps[3].response_histogram = "broken".into();
    let text = page(&run(), &results);
    assert!(text.contains("Without a curve, since its histogram cannot be read: login-plain."));
}

#[test]
fn nothing_at_all_is_rendered_too() {
    let (run, results) = (Run::default(), LoadResults::default());
    insta::assert_snapshot!(summary(&run, &results));
    assert!(page(&run, &results).contains("No second of the run was recorded."));
    assert_eq!(report::load_csv(&results).lines().count(), 1);
}

#[test]
fn csv_of_the_series() {
    let text = report::load_csv(&broken());
    let columns = text.lines().next().unwrap().split(',').count();
    assert_eq!(text.lines().count(), 61);
    assert!(text.lines().all(|line| line.split(',').count() == columns));
    insta::assert_snapshot!(text.lines().take(4).collect::<Vec<_>>().join("\n"));
}

#[test]
fn csv_of_the_steps() {
    insta::assert_snapshot!(report::steps_csv(&broken()));
}

#[test]
fn json_reads_back() {
    let text = report::load_json(&run(), &broken());
    assert_eq!(LoadReport::parse(&text).unwrap(), LoadReport { run: run(), results: broken() });
}

#[test]
fn junit() {
    insta::assert_snapshot!(report::load_junit(&run(), &broken()));
}

#[test]
fn github() {
    insta::assert_snapshot!(report::load_github(&run(), &broken()));
}

#[test]
fn live_on_a_screen() {
    insta::assert_snapshot!(report::load_live(&live(), 80, 40));
}

#[test]
fn live_on_a_small_screen() {
    insta::assert_snapshot!(report::load_live(&live(), 60, 14));
}

#[test]
fn live_keeps_to_the_screen_whatever_it_is() {
    let all = report::load_live(&live(), 80, 100).lines().count();
    for (width, height) in [(40, 24), (60, 16), (80, 12), (132, all), (80, all - 1), (80, 60)] {
        let text = report::load_live(&live(), width, height);
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        assert_eq!(text.lines().count(), all.min(height), "{text}");
        assert!(text.contains("\nready "), "{text}");
    }
}

#[test]
fn live_in_a_line() {
    insta::assert_snapshot!(report::load_live_line(&live()));
    insta::assert_snapshot!(report::load_live_line(&LiveFigures { open: 7, ..LiveFigures::default() }));
}

#[test]
fn prometheus() {
    insta::assert_snapshot!(report::prometheus(&live()));
}

#[test]
fn compare_for_people() {
    insta::assert_snapshot!(report::compare_human(&comparison(), &Options::default()));
}

#[test]
fn compare_for_a_pull_request() {
    insta::assert_snapshot!(report::compare_markdown(&comparison()));
}

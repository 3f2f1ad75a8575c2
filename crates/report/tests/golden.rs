//! Every form of the report, rendered from one fixed record. The snapshots show what changed; the other tests
//! say what must hold for any record.

mod fixture;

use fixture::{latencies, of_one_cause, results, run, transcripts};
use record::{Results, Run, Verdict};
use report::Options;

fn interrupted() -> Run {
    Run {
        error: Some("connection refused by mail.example.org:995\nis the server running?".into()),
        exit_code: 3,
        ..run()
    }
}

fn human(run: &Run, results: &Results, width: usize, verbose: bool) -> String {
    let options =
        Options { width, verbose, latencies: &latencies(), transcripts: &transcripts, color: false };
    report::human(run, results, &options)
}

#[test]
fn human_at_100_columns() {
    insta::assert_snapshot!(human(&run(), &results(), 100, false));
}

#[test]
fn human_at_60_columns_verbose() {
    insta::assert_snapshot!(human(&run(), &results(), 60, true));
}

#[test]
fn human_in_colour() {
    let options = Options { color: true, ..Options::default() };
    insta::assert_snapshot!(report::human(&run(), &results(), &options).replace('\x1b', "␛"));
}

#[test]
fn human_of_a_run_that_was_not_carried_out() {
    let text = human(&interrupted(), &Results::default(), 100, false);
    assert!(text.starts_with("The run was not carried out to its end\n  connection refused"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn human_of_a_clean_run() {
    let checks: Vec<_> =
        results().checks.into_iter().filter(|check| check.verdict == Verdict::Pass).collect();
    let results = Results { checks, ..Results::default() };
    let run = Run { exit_code: 0, totals: results.counts(), ..run() };
    insta::assert_snapshot!(report::human(&run, &results, &Options::default()));
}

#[test]
fn human_of_one_check() {
    let results = results();
    let check = results.checks.iter().find(|check| check.transcript.is_some()).unwrap();
    let transcript = check.transcript.as_deref().and_then(transcripts);
    insta::assert_snapshot!(report::human_check(check, transcript.as_deref(), &Options::default()));
}

#[test]
fn json() {
    insta::assert_snapshot!(report::json(&run(), &results()));
}

#[test]
fn junit() {
    insta::assert_snapshot!(report::junit(&run(), &results(), &transcripts));
}

#[test]
fn tap() {
    insta::assert_snapshot!(report::tap(&run(), &results()));
}

#[test]
fn github() {
    insta::assert_snapshot!(report::github(&run(), &results()));
}

#[test]
fn html() {
    insta::assert_snapshot!(report::html(&run(), &results(), &transcripts).replace("><", ">\n<"));
}

#[test]
fn findings_of_one_cause_are_told_as_one() {
    let (run, results) = (run(), of_one_cause());
    insta::assert_snapshot!("one_cause_human", human(&run, &results, 100, false));
    insta::assert_snapshot!("one_cause_github", report::github(&run, &results));
    insta::assert_snapshot!("one_cause_tap", report::tap(&run, &results));
    insta::assert_snapshot!("one_cause_junit", report::junit(&run, &results, &transcripts));
    let page = report::html(&run, &results, &transcripts).replace("><", ">\n<");
    let told = page.split_once("<h2 id=\"broken\">").unwrap().1.split_once("</section>").unwrap().0;
    insta::assert_snapshot!("one_cause_html", told);
    for text in [human(&run, &results, 60, true), report::json(&run, &results), page] {
        assert!(results.checks.iter().all(|check| text.contains(&check.id)), "{text}");
    }
}

#[test]
fn telling_findings_as_one_hides_none_and_changes_no_count() {
    let (run, together, apart) = (run(), of_one_cause(), results());
    assert_eq!(together.counts(), apart.counts());
    let numbers = |results: &Results| {
        let line = report::verdict_line(&run, results);
        let (words, numbers) =
            line.split_once(" · ").map(|(one, two)| (one.to_owned(), two.to_owned())).unwrap();
        (words.replace(", probably from 2 causes", ""), numbers)
    };
    assert_eq!(numbers(&together), numbers(&apart));
    let cases = |results: &Results| {
        let xml = report::junit(&run, results, &transcripts);
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let cases = read.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let mut names: Vec<String> =
            cases.map(|case| format!("{:?} {:?}", case.classname, case.name)).collect();
        names.sort();
        (read.tests, read.failures, read.errors, names)
    };
    assert_eq!(cases(&together), cases(&apart));
    let points = |results: &Results| {
        let text = report::tap(&run, results);
        let ok = text.lines().filter(|line| line.starts_with("ok ")).count();
        (ok, text.lines().filter(|line| line.starts_with("not ok ")).count())
    };
    assert_eq!(points(&together), points(&apart));
}

#[test]
fn a_run_that_was_recorded_without_causes_is_told_as_ever() {
    let old = report::json(&run(), &results());
    assert!(!old.contains("follows"), "{old}");
    let read = record::Report::parse(&old).unwrap();
    assert_eq!(human(&read.run, &read.results, 100, false), human(&run(), &results(), 100, false));
    let new = record::Report::parse(&report::json(&run(), &of_one_cause())).unwrap();
    assert_eq!(new.results, of_one_cause());
}

#[test]
fn the_line_that_a_verdict_is_about_is_seen_at_once() {
    let marked = |_: &str| {
        let mut recorder = transcript::Recorder::new("check", None);
        for number in 0..100 {
            recorder.received(1, format!("+OK {number} <b>\r\n").as_bytes());
        }
        let mut transcript = recorder.finish();
        transcript.mark(50, "here");
        Some(transcript.render())
    };
    let page = report::html(&run(), &results(), &marked);
    assert!(page.contains("<mark>[1] S: +OK 50 &lt;b&gt;</mark>"), "{page}");
    let options =
        Options { width: 100, verbose: false, latencies: &latencies(), transcripts: &marked, color: false };
    let text = report::human(&run(), &results(), &options);
    assert!(text.contains("   → [1] S: +OK 50 <b>\n"), "{text}");
    assert!(text.contains("   │ [1] S: +OK 51 <b>\n"), "{text}");
}

#[test]
fn html_is_self_contained_and_tells_every_result() {
    let text = report::html(&run(), &results(), &transcripts);
    assert!(!text.replace("http-equiv=", "").contains("http") && !text.contains("<script"));
    for check in results().checks {
        assert!(text.contains(&check.id), "{}", check.id);
    }
    let text = report::html(&interrupted(), &Results::default(), &transcripts);
    assert!(text.contains("The run was not carried out to its end."), "{text}");
}

#[test]
fn no_form_lets_a_control_character_through() {
    for text in [
        human(&run(), &results(), 100, true),
        report::junit(&run(), &results(), &transcripts),
        report::tap(&run(), &results()),
        report::github(&run(), &results()),
        report::html(&run(), &results(), &transcripts),
        report::json(&run(), &results()),
    ] {
        let stray = text.chars().find(|character| character.is_control() && *character != '\n');
        assert_eq!(stray, None, "{text}");
        assert!(text.ends_with('\n'));
    }
}

#[test]
fn human_text_keeps_to_the_width() {
    for width in [72, 80, 132] {
        let text = human(&run(), &results(), width, false);
        // A command to copy stays one line, and so does the verdict.
        let last = text.lines().count() - 1;
        let long = text.lines().enumerate().find(|(number, line)| {
            line.chars().count() > width && !line.contains("reproduce") && *number != last
        });
        assert_eq!(long, None, "at {width} columns");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = Options { latencies: &latencies(), ..Options::default() };
    let coloured = report::human(&run(), &results(), &Options { color: true, ..plain });
    let mut stripped = String::new();
    for (number, part) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if number == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, report::human(&run(), &results(), &plain));
}

#[test]
fn every_result_is_told_in_the_verbose_report() {
    let text = human(&run(), &results(), 100, true);
    for check in results().checks {
        assert!(text.contains(&check.id), "{} is missing", check.id);
    }
}

#[test]
fn json_reads_back() {
    let report = record::Report::parse(&report::json(&run(), &results())).unwrap();
    assert_eq!((report.run, report.results), (run(), results()));
}

#[test]
fn junit_is_well_formed_and_counts_as_the_record_does() {
    let xml = report::junit(&run(), &results(), &transcripts);
    let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    let counts = results().counts();
    // The run itself is one more case, which has nothing to add.
    assert_eq!(read.tests as u64, counts.total() + 2);
    assert_eq!(read.failures as u64, counts.fail + 1, "the failures, and the entry that is no longer seen");
    assert_eq!(read.errors as u64, counts.inconclusive, "what was not judged is no success");
    let skipped: usize = read.test_suites.iter().map(|suite| suite.skipped).sum();
    assert_eq!(skipped as u64, counts.skipped + counts.known);
    let root = xml.lines().nth(1).unwrap();
    assert!(root.starts_with("<testsuites ") && !root.contains("skipped="), "Jenkins refuses that: {root}");
}

/// Good verdicts alone, with this exit code and reason.
fn with_exit_code(exit_code: i32, stale: Vec<record::StaleEntry>) -> (Run, Results) {
    let checks = results().checks.into_iter().filter(|check| check.verdict == Verdict::Pass).collect();
    let results = Results { checks, stale, ..Results::default() };
    let reason = "the reason in words".into();
    (Run { exit_code, exit_reason: reason, totals: results.counts(), ..run() }, results)
}

#[test]
fn a_file_is_green_only_where_the_exit_code_is_0() {
    let stale = results().stale;
    for (exit_code, stale, is_error) in [
        (0, vec![], false),
        (1, vec![], false),
        (1, stale, false),
        (2, vec![], true),
        (3, vec![], true),
        (4, vec![], true),
    ] {
        let is_stale = !stale.is_empty();
        let (run, results) = with_exit_code(exit_code, stale);
        let xml = report::junit(&run, &results, &transcripts);
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!(read.failures + read.errors, usize::from(exit_code != 0), "{exit_code}: {xml}");
        assert_eq!(read.errors, usize::from(is_error), "{exit_code}: {xml}");
        let tap = report::tap(&run, &results);
        let failed = tap.lines().filter(|line| line.starts_with("not ok ")).count();
        assert_eq!(failed, usize::from(exit_code != 0), "{tap}");
        assert_eq!(tap.contains("\nBail out! the reason in words\n"), is_error, "{tap}");
        let github = report::github(&run, &results);
        assert_eq!(github.starts_with("::error "), exit_code != 0, "{github}");
        let texts =
            [human(&run, &results, 400, false), report::html(&run, &results, &transcripts), xml, tap, github];
        let told = if is_stale { "rfc1939.greeting.*" } else { "the reason in words" };
        for text in texts.iter().filter(|_| exit_code != 0) {
            assert!(text.contains(told), "{exit_code}: {text}");
        }
    }
}

#[test]
fn tap_counts_as_the_record_does() {
    let text = report::tap(&run(), &results());
    let counts = results().counts();
    let points: Vec<&str> =
        text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
    // Plans behind comments are read by few.
    assert!(text.starts_with(&format!("TAP version 13\n1..{}\n", points.len())), "{text}");
    assert_eq!(points.len() as u64, counts.total() + 2, "the stale entry, and the run itself");
    let failed = points.iter().filter(|line| line.starts_with("not ok ") && !line.contains(" # TODO "));
    assert_eq!(failed.count() as u64, counts.fail + counts.inconclusive + 1);
    assert!(
        report::tap(&interrupted(), &Results::default())
            .ends_with("Bail out! connection refused by mail.example.org:995␊is the server running?\n")
    );
}

#[test]
fn github_makes_only_annotations_of_its_own() {
    let text = report::github(&interrupted(), &results());
    for line in text.lines() {
        let known = [
            "::error title=",
            "::error file=ci/known%2Cdeviations.yaml,line=12,col=5,title=",
            "::warning title=",
            "::notice title=",
        ];
        assert!(known.iter().any(|command| line.starts_with(command)), "{line}");
    }
    assert!(text.starts_with("::error title=poplab%3A not carried out::connection refused"), "{text}");
}

#[test]
fn human_text_gives_a_ci_log_no_commands() {
    for width in [40, 60, 100] {
        for line in human(&run(), &results(), width, true).lines() {
            let start = line.trim_start();
            assert!(!start.starts_with("::") && !start.starts_with("##["), "{line}");
        }
    }
}

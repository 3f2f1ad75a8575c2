//! What people read when a scenario is wrong: whole error texts, as snapshots, one for each file of `bad/`.

use std::path::Path;

use proptest::prelude::*;

fn files(name: &str) -> Result<String, String> {
    match name {
        "users.csv" => Ok("user,password\nann,secret\nbob secret\nann,other\n".to_owned()),
        "line-ends.csv" => Ok("ann,secret\r\nbob,sec\rDELE 1\n".to_owned()),
        "empty.csv" => Ok("user,password\n".to_owned()),
        "curve.csv" => Ok("seconds,rate\n0,5\n60;7\n50,x\n40,5\n30,5\n".to_owned()),
        _ => Err("No such file or directory".to_owned()),
    }
}

fn told(text: &str, path: &str) -> String {
    match scenario::parse(text, path, &|_| None, &files) {
        Ok(_) => panic!("{path} was read without complaint"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 10);
    for name in names {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let told = told(&text, &format!("bad/{name}"));
        // The passwords of these files.
        assert!(!told.contains("hunter2") && !told.contains("tr0ub4dor"), "a password is shown:\n{told}");
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), told);
    }
}

/// Pieces of scenarios, good ones and broken ones, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("accounts: {pattern: \"u{n}\", count: 3}\n"),
        Just("accounts: {list: [{user: a, password: b}, {user: , password: [x]}]}\n"),
        Just("arrivals: {rate: 5/s, for: 3s}\n"),
        Just("arrivals: {stages: [{rate: 5/s, for: 1h}, {from: 1/s}]}\n"),
        Just("behaviours: [{behaviour: poll, weight: 1e400}, {behaviour: custom}]\n"),
        Just("behaviours:\n  - {behaviour: hold-idle}\n"),
        Just("thresholds: [\"login p99 < 1s\", \"é <\", \"errors[\"]\n"),
        Just("think: {histogram: {1s: 1, 2s: .nan}}\n"),
        Just("mail: {messages: 99999999999, sizes: {lognormal: {median: 0, p95: 1kB}}}\n"),
        Just("x: &a [*a]\n"),
        Just("? {a: b}\n: c\n"),
        Just("tls: {mix: [{implicit: 0}], resumed: 101%}\n"),
        Just("  - \t{\n"),
        Just("<<: {seed: 1}\n"),
        Just("\"\\u0000\": !!binary x\n"),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![pieces(), "\\PC{0,200}", "[ -~\n]{0,200}"]) {
        if let Err(problems) = scenario::parse(&text, "any.yaml", &|_| None, &files) {
            prop_assert!(problems.len() > 0, "{text}");
            prop_assert_eq!(problems.iter().count(), problems.len());
            for problem in problems.iter().filter(|problem| problem.file.is_none()) {
                prop_assert!((1..=text.split('\n').count()).contains(&problem.line), "{problem:?}");
                prop_assert!(problem.column >= 1 && problem.length >= 1, "{problem:?}");
            }
            prop_assert!(problems.to_string().starts_with("any.yaml:") || problems.iter().any(|one| one.file.is_some()));
        }
    }

    #[test]
    fn any_threshold_is_read_or_refused_with_a_place_inside_it(
        text in "\\PC{0,30}|[a-z]{1,8} p[0-9.]{1,5} ?[<>=]{1,2} ?[0-9.a-z%]{0,6}",
    ) {
        if let Err(error) = scenario::Threshold::parse(&text) {
            prop_assert!(text.get(error.at.clone()).is_some(), "{text:?} {:?}", error.at);
        }
    }
}

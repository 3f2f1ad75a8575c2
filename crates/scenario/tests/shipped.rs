//! The shipped scenarios, the committed schema, and that the schema and the reader agree.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scenario::{Accounts, Arrivals, Scenario};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// Name and text of each shipped scenario.
fn shipped() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the folder of the scenarios") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|ending| ending == "yaml") && name != "accounts.example.yaml" {
            all.push((name, std::fs::read_to_string(path).expect("a text")));
        }
    }
    all.sort();
    all
}

fn parse(text: &str, path: &str) -> Result<Scenario, String> {
    let files = |_: &str| Err("there are no files here".to_owned());
    scenario::parse(text, path, &|_| None, &files).map_err(|problems| problems.to_string())
}

#[test]
fn every_shipped_scenario_is_read_and_begins_with_its_schema_and_its_question() {
    let names: Vec<String> = shipped().into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "bad-links.yaml",
        "download-and-delete.yaml",
        "isp-morning.yaml",
        "leave-on-server.yaml",
        "smoke.yaml",
        "soak.yaml",
        "thousand-idle.yaml",
        "tls-storm.yaml",
    ];
    assert_eq!(names, wanted);
    for (name, text) in shipped() {
        let scenario = parse(&text, &name).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(text.starts_with("# yaml-language-server: $schema=schema.json\n"), "{name}");
        assert_eq!(format!("{}.yaml", scenario.name), name);
        assert!(scenario.description.contains('?'), "{name} says no question");
        assert!(
            text.contains("What to change") || name == "smoke.yaml",
            "{name} does not say what to change"
        );
        assert!(!scenario.thresholds.is_empty(), "{name} has no threshold");
        assert!(matches!(scenario.accounts, Accounts::Pattern { .. }), "{name}");
    }
}

#[test]
fn the_plans_of_the_shipped_scenarios_are_what_they_promise() {
    let figures: Vec<String> = shipped()
        .iter()
        .map(|(name, text)| {
            let scenario = parse(text, name).unwrap();
            let (planned, lasting) = (scenario.planned_sessions(), scenario.duration().as_secs());
            let peak = scenario.arrivals.peak_per_s().unwrap();
            format!(
                "{}: {planned} sessions in {lasting} s, at most {peak}/s, {} accounts",
                scenario.name,
                scenario.accounts_count()
            )
        })
        .collect();
    insta::assert_snapshot!(figures.join("\n"));
}

#[test]
fn a_scenario_is_the_same_after_the_pipe_to_a_worker() {
    for (name, text) in shipped() {
        let scenario = parse(&text, &name).unwrap();
        let sent = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&sent).unwrap(), scenario, "{name}");
    }
}

#[test]
fn the_committed_schema_is_the_one_of_the_tables() {
    let path = folder().join("schema.json");
    let now = serde_json::to_string_pretty(&scenario::schema()).unwrap() + "\n";
    if std::env::var_os("POPLAB_ACCEPT_SCHEMA").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == now,
        "scenarios/schema.json is not what the tables say; run this test with POPLAB_ACCEPT_SCHEMA=1"
    );
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = scenario::schema();
    for (name, text) in shipped() {
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        judge(&schema, &value).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
    let full: Value = serde_saphyr::from_str(include_str!("full.yaml")).unwrap();
    judge(&schema, &full).unwrap();
    let mut misspelt = full.clone();
    misspelt["seeed"] = 1.into();
    assert!(judge(&schema, &misspelt).is_err(), "the judge of this test judges nothing");
    let mut both = full;
    both["arrivals"]["recorded"] = "curve.csv".into();
    assert!(judge(&schema, &both).is_err());
}

#[test]
fn every_key_there_is_can_be_said() {
    let environment = |name: &str| (name == "ANN").then(|| "wonderland".to_owned());
    let files = |_: &str| Err("there are no files here".to_owned());
    let scenario = scenario::parse(include_str!("full.yaml"), "full.yaml", &environment, &files)
        .unwrap_or_else(|problems| panic!("{problems}"));
    insta::assert_debug_snapshot!(scenario);
}

#[test]
fn accounts_and_curves_come_from_files_too() {
    let text =
        "accounts: {csv: users.csv}\narrivals: {recorded: curve.csv}\nbehaviours: [{behaviour: poll}]\n";
    let files = |name: &str| match name {
        "users.csv" => Ok("user,password\r\nann,secret,with comma\r\n\n# none\nbob, spaced\n".to_owned()),
        "curve.csv" => Ok("seconds,rate\n0,0\n10,20\n30,20\n".to_owned()),
        other => Err(format!("no {other}")),
    };
    let scenario = scenario::parse(text, "folder/morning.yaml", &|_| None, &files).unwrap();
    assert_eq!(scenario.name, "morning");
    assert_eq!(scenario.accounts_count(), 2);
    assert_eq!(scenario.accounts.password(0).unwrap().reveal(), "secret,with comma");
    assert_eq!(scenario.accounts.password(1).unwrap().reveal(), " spaced");
    assert!(!format!("{scenario:?}").contains("secret"));
    assert_eq!(scenario.planned_sessions(), 500);
    assert_eq!(scenario.duration(), Duration::from_secs(30));
    let Arrivals::Open { stages, .. } = &scenario.arrivals else { panic!("{:?}", scenario.arrivals) };
    assert_eq!(stages.len(), 2);
}

/// The small part of JSON Schema that ours uses; patterns are left out.
fn judge(schema: &Value, value: &Value) -> Result<(), String> {
    let fail = |reason: &str| Err(format!("{reason}: {value}"));
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return fail("not one of the words");
    }
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        return fail("not the constant");
    }
    for (key, exactly) in [("anyOf", false), ("oneOf", true)] {
        if let Some(options) = schema[key].as_array() {
            let fitting = options.iter().filter(|option| judge(option, value).is_ok()).count();
            if fitting == 0 || (exactly && fitting > 1) {
                return fail(key);
            }
        }
    }
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        _ => panic!("this test does not know the type {name}"),
    };
    let typed = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if !typed {
        return fail("wrong type");
    }
    if let Some(needed) = schema["required"].as_array()
        && let Some(missing) =
            needed.iter().find(|key| key.as_str().is_none_or(|key| value.get(key).is_none()))
    {
        return fail(&format!("{missing} is missing"));
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(property), _) => judge(property, inner)?,
            (None, Value::Bool(false)) => return fail(&format!("unknown key {key}")),
            (None, Value::Null) => {}
            (None, other) => judge(other, inner)?,
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(items) = schema.get("items") {
            judge(items, item)?;
        }
    }
    Ok(())
}

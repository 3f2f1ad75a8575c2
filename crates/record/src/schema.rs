//! The JSON Schemas of the files, generated from the types. Writing them to disk is the drift test's matter.

use schemars::Schema;

use crate::{Comparison, LoadLine, LoadReport, LoadResults, Report, Results, Run};

/// Every schema with the name of its file: `run`, `results`, `report`, and those of load
/// runs; `seconds` is that of one line. The text is indented JSON with a final line end, the same on every machine.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("run", text(&schemars::schema_for!(Run))),
        ("results", text(&schemars::schema_for!(Results))),
        ("report", text(&schemars::schema_for!(Report))),
        ("seconds", text(&schemars::schema_for!(LoadLine))),
        ("load-results", text(&schemars::schema_for!(LoadResults))),
        ("load-report", text(&schemars::schema_for!(LoadReport))),
        ("comparison", text(&schemars::schema_for!(Comparison))),
    ]
}

fn text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
}

//! The series and the steps as comma-separated values (RFC 4180), for spreadsheets and plotting programs. Times
//! are in nanoseconds as recorded; nothing is rounded.

use std::collections::BTreeSet;

use record::{LoadResults, Quantiles, SecondRow};

use crate::text::visible_line;

/// One row for each second: counters, one column for each kind of error, and for each step the number of samples
/// and response times. Cells of a step without samples in that second are empty.
pub fn load_csv(results: &LoadResults) -> String {
    let kinds: BTreeSet<&str> =
        results.series.iter().flat_map(|row| &row.errors).map(|error| error.kind.as_str()).collect();
    let tags = tags(results);

    let mut head: Vec<String> = [
        "second",
        "asked",
        "begun",
        "completed",
        "failed",
        "open",
        "commands",
        "octets_received",
        "lateness_max_ns",
    ]
    .map(str::to_owned)
    .into();
    head.extend(kinds.iter().map(|kind| format!("error {kind}")));
    for tag in &tags {
        head.extend(
            ["count", "p50_ns", "p95_ns", "p99_ns", "max_ns"].map(|figure| format!("{tag} {figure}")),
        );
    }

    let mut text = String::new();
    line(&mut text, &head);
    for row in &results.series {
        line(&mut text, &second(row, &kinds, &tags));
    }
    text
}

/// One row for each step, with all quantiles of response time and service time that there are samples enough for; the
/// cells of others are empty.
pub fn steps_csv(results: &LoadResults) -> String {
    let mut head = vec!["step".to_owned()];
    for time in ["response", "service"] {
        let figures =
            ["count", "min_ns", "mean_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "max_ns"];
        head.extend(figures.map(|figure| format!("{time} {figure}")));
    }
    let mut text = String::new();
    line(&mut text, &head);
    for step in &results.steps {
        let mut cells = vec![step.tag.clone()];
        cells.extend(quantiles(&step.response));
        cells.extend(quantiles(&step.service));
        line(&mut text, &cells);
    }
    text
}

/// The tags in the order of the tables; those that only the series has come last.
fn tags(results: &LoadResults) -> Vec<&str> {
    let mut tags: Vec<&str> = results.steps.iter().map(|step| step.tag.as_str()).collect();
    for step in results.series.iter().flat_map(|row| &row.steps) {
        if !tags.contains(&step.tag.as_str()) {
            tags.push(&step.tag);
        }
    }
    tags
}

fn second(row: &SecondRow, kinds: &BTreeSet<&str>, tags: &[&str]) -> Vec<String> {
    let mut cells: Vec<String> = [
        u64::from(row.second),
        row.asked,
        row.begun,
        row.completed,
        row.failed,
        row.open,
        row.commands,
        row.octets_received,
        row.lateness_max_ns,
    ]
    .iter()
    .map(u64::to_string)
    .collect();
    for kind in kinds {
        let found = row.errors.iter().find(|error| error.kind == *kind);
        cells.push(found.map_or(0, |error| error.count).to_string());
    }
    for tag in tags {
        match row.steps.iter().find(|step| step.tag == *tag) {
            Some(step) => {
                // An empty cell is a quantile that so few samples do not tell.
                let quantiles = [(0.5, step.p50_ns), (0.95, step.p95_ns), (0.99, step.p99_ns)];
                cells.push(step.count.to_string());
                cells.extend(quantiles.map(|(part, value)| told(step.tell(part), value)));
                cells.push(step.max_ns.to_string());
            }
            None => cells.extend(std::iter::repeat_n(String::new(), 5)),
        }
    }
    cells
}

fn quantiles(figures: &Quantiles) -> Vec<String> {
    let mut cells = vec![figures.count.to_string(), figures.min_ns.to_string(), figures.mean_ns.to_string()];
    let quantiles = [
        (0.5, figures.p50_ns),
        (0.9, figures.p90_ns),
        (0.95, figures.p95_ns),
        (0.99, figures.p99_ns),
        (0.999, figures.p999_ns),
        (0.0, figures.max_ns),
    ];
    // An empty cell is a quantile that so few samples do not tell.
    cells.extend(quantiles.map(|(part, value)| told(figures.tell(part), value)));
    cells
}

fn told(enough: bool, value: u64) -> String {
    if enough { value.to_string() } else { String::new() }
}

fn line(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push('\n');
}

/// Names of custom steps may hold anything. What a spreadsheet would take for a formula is marked as text.
fn quoted(cell: &str) -> String {
    let cell = visible_line(cell);
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use record::{ErrorCount, SecondStep, StepRow};

    use super::*;

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let busy = SecondRow {
            second: 1,
            begun: 3,
            errors: vec![ErrorCount { kind: "timeout".into(), count: 2 }],
            steps: vec![SecondStep { tag: "buy, \"now\"".into(), count: 1, p50_ns: 5, ..Default::default() }],
            ..SecondRow::default()
        };
        let results = LoadResults { series: vec![SecondRow::default(), busy], ..LoadResults::default() };
        let text = load_csv(&results);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("error timeout,\"buy, \"\"now\"\" count\",\"buy, \"\"now\"\" p50_ns\",\"buy, \"\"now\"\" p95_ns\",\"buy, \"\"now\"\" p99_ns\",\"buy, \"\"now\"\" max_ns\""), "{}", lines[0]);
        assert_eq!(lines[1], "0,0,0,0,0,0,0,0,0,0,,,,,");
        assert_eq!(lines[2], "1,0,3,0,0,0,0,0,0,2,1,5,,,0");
    }

    #[test]
    fn a_second_tells_no_quantile_that_its_samples_are_too_few_for() {
        let cells = |count| {
            let step = SecondStep { tag: "STAT".into(), count, p50_ns: 1, p95_ns: 2, p99_ns: 3, max_ns: 4 };
            let row = SecondRow { steps: vec![step], ..SecondRow::default() };
            second(&row, &BTreeSet::new(), &["STAT"])[9..].join(",")
        };
        assert_eq!(
            [1, 19, 20, 99, 100].map(cells),
            ["1,1,,,4", "19,1,,,4", "20,1,2,,4", "99,1,2,,4", "100,1,2,3,4"]
        );
    }

    #[test]
    fn a_name_is_no_formula() {
        let step = StepRow { tag: "=cmd()".into(), ..StepRow::default() };
        let text = steps_csv(&LoadResults { steps: vec![step], ..LoadResults::default() });
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("'=cmd(),0,0,0")), "{text}");
    }
}

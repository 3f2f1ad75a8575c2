//! The two tables: verdicts by area, and latencies.

use std::fmt::Write as _;

use record::{LatencyRow, Results, Totals};

use crate::load::UNTOLD;
use crate::page::{Page, Tone};
use crate::text::nanoseconds;

/// One row for each area in the order of the run, one column for each verdict that occurred, and the sums.
pub(super) fn areas(page: &mut Page, results: &Results) {
    if results.checks.is_empty() {
        return;
    }
    let mut rows: Vec<(&str, Totals)> = Vec::new();
    for check in &results.checks {
        match rows.iter_mut().find(|(area, _)| *area == check.area()) {
            Some((_, totals)) => totals.add(check),
            None => rows.push((check.area(), [check].into_iter().collect())),
        }
    }
    let sums = results.counts();
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| column.always || (column.number)(&sums) > 0).collect();
    let first = rows.iter().map(|(area, _)| area.chars().count()).max().unwrap_or(0).max("area".len());

    let mut head = format!("{:<first$}", "area");
    for column in &columns {
        let _ = write!(head, "  {:>1$}", column.title, column.width());
    }
    page.painted(Tone::Faint, &head);
    for (area, totals) in &rows {
        row(page, area, first, totals, &columns, None);
    }
    if rows.len() > 1 {
        row(page, "all", first, &sums, &columns, Some(Tone::Strong));
    }
    page.blank();
}

/// Count, quantiles and maximum of each tag; no quantile that its samples are too few for.
pub(super) fn latencies(page: &mut Page, rows: &[LatencyRow]) {
    if rows.is_empty() {
        return;
    }
    let first = rows.iter().map(|row| row.tag.chars().count()).max().unwrap_or(0).max("latency".len());
    let head = format!(
        "{:<first$}  {:>9}  {:>8}  {:>8}  {:>8}  {:>8}",
        "latency", "count", "p50", "p90", "p99", "max"
    );
    page.painted(Tone::Faint, &head);
    for row in rows {
        let quantile = |part, value| if row.tell(part) { nanoseconds(value) } else { UNTOLD.to_owned() };
        let (p50, max) = (nanoseconds(row.p50_ns), nanoseconds(row.max_ns));
        let (p90, p99) = (quantile(0.9, row.p90_ns), quantile(0.99, row.p99_ns));
        let line = format!("{:<first$}  {:>9}  {p50:>8}  {p90:>8}  {p99:>8}  {max:>8}", row.tag, row.count);
        page.pieces(&[(None, &line)]);
    }
    if rows.iter().any(|row| !row.tell(0.99)) {
        page.toned(Some(Tone::Faint), 0, "A · stands for a quantile for which there are too few samples.");
    }
    page.blank();
}

struct Column {
    title: &'static str,
    number: fn(&Totals) -> u64,
    tone: Option<Tone>,
    /// Shown even if nothing of the kind occurred: that nothing failed is worth a column.
    always: bool,
}

impl Column {
    fn width(&self) -> usize {
        self.title.len().max(5)
    }
}

const COLUMNS: [Column; 7] = [
    Column { title: "pass", number: |totals| totals.pass, tone: Some(Tone::Good), always: true },
    Column { title: "fail", number: |totals| totals.fail, tone: Some(Tone::Bad), always: true },
    Column { title: "warn", number: |totals| totals.warn, tone: Some(Tone::Doubt), always: false },
    Column { title: "known", number: |totals| totals.known, tone: Some(Tone::Note), always: false },
    Column { title: "info", number: |totals| totals.info, tone: None, always: false },
    Column {
        title: "inconcl.",
        number: |totals| totals.inconclusive,
        tone: Some(Tone::Doubt),
        always: false,
    },
    Column { title: "skipped", number: |totals| totals.skipped, tone: Some(Tone::Faint), always: false },
];

fn row(page: &mut Page, area: &str, first: usize, totals: &Totals, columns: &[&Column], tone: Option<Tone>) {
    let area = format!("{area:<first$}");
    let cells: Vec<(Option<Tone>, String)> = columns
        .iter()
        .map(|column| match (column.number)(totals) {
            0 => (Some(Tone::Faint), format!("  {:>1$}", "·", column.width())),
            number => (column.tone, format!("  {number:>0$}", column.width())),
        })
        .collect();
    let mut pieces: Vec<(Option<Tone>, &str)> = vec![(tone, &area)];
    pieces.extend(cells.iter().map(|(tone, cell)| (*tone, cell.as_str())));
    page.pieces(&pieces);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_no_quantile_that_its_samples_are_too_few_for() {
        let row = |count| LatencyRow {
            tag: "STAT".into(),
            count,
            p50_ns: 1_000_000,
            p90_ns: 2_000_000,
            p99_ns: 3_000_000,
            max_ns: 4_000_000,
        };
        let table = |count| {
            let mut page = Page::new(false, 100);
            latencies(&mut page, &[row(count)]);
            let text = page.finish();
            let line = text.lines().nth(1).unwrap_or_default();
            (line.split_whitespace().skip(2).collect::<Vec<_>>().join(" "), text.contains("too few samples"))
        };
        assert_eq!(table(9), ("1.00 ms · · 4.00 ms".to_owned(), true));
        assert_eq!(table(10), ("1.00 ms 2.00 ms · 4.00 ms".to_owned(), true));
        assert_eq!(table(100), ("1.00 ms 2.00 ms 3.00 ms 4.00 ms".to_owned(), false));
    }
}

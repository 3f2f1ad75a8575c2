//! Two load runs beside each other. The verdicts are in the record; nothing is judged here.

use std::fmt::Write as _;

use record::{Comparison, ComparisonRow};

use crate::Options;
use crate::number::whole;
use crate::page::{Page, Tone};
use crate::text::{cut, nanoseconds, visible_line};

/// For a terminal: what was compared, what makes it doubtful, a row for each step and quantile (without `verbose`
/// those that show no difference are only counted), and last the verdict.
pub fn compare_human(comparison: &Comparison, options: &Options<'_>) -> String {
    let mut page = Page::new(options.color, options.width);
    page.painted(Tone::Strong, "poplab compare");
    page.field(0, "A", &comparison.a);
    page.field(0, "B", &comparison.b);
    for note in &comparison.notes {
        page.field(0, "note", note);
    }
    page.blank();
    let shown: Vec<&ComparisonRow> =
        comparison.rows.iter().filter(|row| options.verbose || is_difference(row)).collect();
    if !shown.is_empty() {
        table(&mut page, &shown);
    }
    let left_out = comparison.rows.len() - shown.len();
    if left_out > 0 {
        let text = format!("{} rows without a difference are not listed.", whole(left_out as u64));
        page.toned(Some(Tone::Faint), 0, &text);
    }
    if left_out > 0 || !shown.is_empty() {
        page.blank();
    }
    page.painted(tone(&comparison.verdict), &visible_line(&comparison.verdict));
    page.finish()
}

/// For a pull request: the verdict as a heading, the differences as a table, everything else folded away.
pub fn compare_markdown(comparison: &Comparison) -> String {
    let mut text = format!("### {}\n\n", markdown(&comparison.verdict));
    let _ = writeln!(text, "A: {}  \nB: {}\n", markdown(&comparison.a), markdown(&comparison.b));
    for note in &comparison.notes {
        let _ = writeln!(text, "> {}\n", markdown(note));
    }
    let (shown, others): (Vec<_>, Vec<_>) = comparison.rows.iter().partition(|row| is_difference(row));
    if !shown.is_empty() {
        markdown_table(&mut text, &shown);
        text.push('\n');
    }
    if !others.is_empty() {
        let count = whole(others.len() as u64);
        let _ = writeln!(text, "<details><summary>{count} without a difference shown</summary>\n");
        markdown_table(&mut text, &others);
        text.push_str("\n</details>\n\n");
    }
    text.push_str(
        "Response times, from when the plan wanted a step. Change: B against A; in brackets the 95 % confidence \
         interval.\n",
    );
    text
}

fn table(page: &mut Page, rows: &[&ComparisonRow]) {
    let first = rows.iter().map(|row| visible_line(&row.tag).chars().count()).max().unwrap_or(0).clamp(4, 20);
    let head = format!(
        "{:<first$}  {:<5}  {:>8}  {:>8}  {:>7}  {:<18}  B is",
        "step", "", "A", "B", "change", "95 % interval"
    );
    page.painted(Tone::Faint, &head);
    for row in rows {
        let line = format!(
            "{:<first$}  {:<5}  {:>8}  {:>8}  {:>7}  {:<18}  ",
            cut(&visible_line(&row.tag), first),
            visible_line(&row.quantile),
            nanoseconds(row.a_ns),
            nanoseconds(row.b_ns),
            change(row.ratio),
            interval(row)
        );
        page.pieces(&[(None, &line), (Some(tone(&row.verdict)), &row.verdict)]);
    }
    page.blank();
}

fn markdown_table(text: &mut String, rows: &[&ComparisonRow]) {
    text.push_str("| step | quantile | A | B | change | B is |\n|---|---|--:|--:|--:|---|\n");
    for row in rows {
        let bold = if is_difference(row) { "**" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} [{}] | {bold}{}{bold} |",
            markdown(&row.tag),
            markdown(&row.quantile),
            nanoseconds(row.a_ns),
            nanoseconds(row.b_ns),
            change(row.ratio),
            interval(row),
            markdown(&row.verdict)
        );
    }
}

fn is_difference(row: &ComparisonRow) -> bool {
    matches!(row.verdict.as_str(), "faster" | "slower")
}

fn tone(verdict: &str) -> Tone {
    match verdict.split([':', ' ', ',']).next() {
        Some("faster") => Tone::Good,
        Some("slower") => Tone::Bad,
        Some("too") => Tone::Doubt,
        _ => Tone::Strong,
    }
}

/// A ratio as a change: `+34 %`, `-3.2 %`, `×4.50` from four times on.
fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent {
        _ if !ratio.is_finite() => "–".to_owned(),
        _ if ratio >= 4.0 => format!("×{}", crate::number::figure(ratio)),
        _ if percent.abs() < 0.05 => "0 %".to_owned(),
        _ if percent.abs() < 9.95 => format!("{percent:+.1} %"),
        _ => format!("{percent:+.0} %"),
    }
}

/// From where on an interval is so wide that it tells nothing: its end over its beginning.
const TOO_WIDE: f64 = 10_000.0;

fn interval(row: &ComparisonRow) -> String {
    if row.low > 0.0 && row.high / row.low > TOO_WIDE {
        "not known".to_owned()
    } else if row.low.is_finite() && row.high.is_finite() && row.high > 0.0 {
        format!("{} to {}", change(row.low), change(row.high))
    } else {
        "–".to_owned()
    }
}

/// One line of plain text: what Markdown or HTML would take as its own is escaped.
fn markdown(text: &str) -> String {
    let mut safe = String::new();
    for character in visible_line(text).chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A zero-width break would do for names to be notified, but an entity is visible in the source.
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_percent_and_large_ones_as_multiples() {
        for (ratio, text) in [
            (1.0, "0 %"),
            (1.034, "+3.4 %"),
            (0.966, "-3.4 %"),
            (1.34, "+34 %"),
            (0.5, "-50 %"),
            (4.5, "×4.50"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(change(ratio), text);
        }
    }

    #[test]
    fn an_interval_that_tells_nothing_is_not_told_as_a_figure() {
        let row = |low, high| interval(&ComparisonRow { low, high, ..ComparisonRow::default() });
        assert_eq!(row(0.9, 1.2), "-10 % to +20 %");
        assert_eq!(row(1e-6, 16_759_713_514_317.0), "not known");
        assert_eq!(row(0.001, 1000.0), "not known");
    }

    #[test]
    fn markdown_of_others_stays_text() {
        assert_eq!(markdown("a|b <img> @all `x`\n# y"), "a\\|b &lt;img&gt; &#64;all \\`x\\`␊\\# y");
    }
}

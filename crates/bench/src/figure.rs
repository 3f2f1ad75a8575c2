//! The table: what was measured, what it must be, what it aims at.

use std::fmt;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// The measured values, one for each round; their median counts.
    pub(crate) values: Vec<f64>,
    /// How values are shown.
    pub(crate) unit: Unit,
    /// The bar, and whether the figure must stay below or above it.
    pub(crate) must: Bar,
    /// What it aims at.
    pub(crate) aim: Bar,
    /// The absolute figures behind a ratio, for orientation on this machine only.
    pub(crate) behind: String,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// `1.23×`
    Times,
    /// `1.9 KB`, given in octets
    Kilobytes,
    /// `1.2 %`, given as a share
    Percent,
    /// A plain count.
    Count,
}

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Bar::AtMost(limit) => value <= limit,
            Bar::AtLeast(limit) => value >= limit,
        }
    }

    fn show(self, unit: Unit) -> String {
        match self {
            Bar::AtMost(limit) => format!("≤ {}", unit.show(limit)),
            Bar::AtLeast(limit) => format!("≥ {}", unit.show(limit)),
        }
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Times => format!("{value:.2}×"),
            Unit::Kilobytes => format!("{:.2} KB", value / 1000.0),
            Unit::Percent => format!("{:.2} %", value * 100.0),
            Unit::Count => format!("{value:.0}"),
        }
    }
}

impl Figure {
    /// The middle one of the values.
    pub(crate) fn median(&self) -> f64 {
        median(&self.values)
    }

    /// Whether the bar is met.
    pub(crate) fn holds(&self) -> bool {
        !self.values.is_empty() && self.must.holds(self.median())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, middle) = (self.unit, self.median());
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let verdict = match (self.must.holds(middle), self.aim.holds(middle)) {
            (_, true) => "aim met",
            (true, false) => "met",
            (false, false) => "MISSED",
        };
        write!(
            out,
            "| {} | {} ({} to {}) | {} | {} | {verdict} | {} |",
            self.name,
            unit.show(middle),
            unit.show(low),
            unit.show(high),
            self.must.show(unit),
            self.aim.show(unit),
            self.behind
        )
    }
}

/// The middle one; of an even number the lower of the two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(values: &[f64]) -> Figure {
        Figure {
            name: "client CPU".to_owned(),
            values: values.to_vec(),
            unit: Unit::Times,
            must: Bar::AtMost(1.35),
            aim: Bar::AtMost(1.15),
            behind: String::new(),
        }
    }

    #[test]
    fn the_median_decides() {
        assert!(figure(&[1.2, 9.0, 1.3]).holds());
        assert!(!figure(&[1.2, 1.4, 1.4]).holds());
        assert!(!figure(&[]).holds(), "nothing measured is nothing met");
        assert!(figure(&[1.1]).to_string().contains("aim met"));
        assert!(figure(&[2.0]).to_string().contains("MISSED"));
    }
}

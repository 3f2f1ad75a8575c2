//! Axes with round ticks: linear, logarithmic, and the tail of a distribution. Positions only; nothing is drawn.

use crate::number::{figure, nearest, whole};
use crate::text::nanoseconds;

/// One axis: where a value lies between its two ends, and the ticks with their words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// What is measured, for the reader.
    pub(crate) label: String,
    /// Values and words.
    pub(crate) ticks: Vec<(f64, String)>,
    scale: Scale,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear {
        high: f64,
    },
    Log {
        low: f64,
        high: f64,
    },
    /// The value is a quantile; each further nine takes the same room.
    Tail {
        nines: f64,
    },
}

impl Axis {
    /// From 0 to at least `high`, in ones, per second, or whatever the label says.
    pub(crate) fn counts(label: &str, high: f64) -> Self {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let step = round_step(high / 5.0).max(if high >= 4.0 { 1.0 } else { 0.0 });
        let number = (high / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=nearest(number))
            .map(|at| {
                let value = at as f64 * step;
                (value, if value.fract() == 0.0 { whole(nearest(value)) } else { figure(value) })
            })
            .collect();
        Self { label: label.to_owned(), ticks, scale: Scale::Linear { high: number * step } }
    }

    /// Seconds since the start, from 0 to exactly `high`.
    pub(crate) fn elapsed(high: f64) -> Self {
        const STEPS: [f64; 17] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
            14_400.0, 21_600.0, 43_200.0,
        ];
        let high = if high.is_finite() { high.max(1.0) } else { 1.0 };
        let step = STEPS.into_iter().find(|step| high / step <= 10.0).unwrap_or((high / 10.0).ceil());
        let (label, words): (&str, fn(u64) -> String) = match high {
            _ if high < 120.0 => ("seconds since the start", |seconds| seconds.to_string()),
            _ if high < 7200.0 => {
                ("minutes:seconds since the start", |seconds| format!("{}:{:02}", seconds / 60, seconds % 60))
            }
            _ => ("hours:minutes since the start", |seconds| {
                format!("{}:{:02}", seconds / 3600, seconds / 60 % 60)
            }),
        };
        let ticks = (0..=nearest((high / step).floor()))
            .map(|at| at as f64 * step)
            .map(|value| (value, words(nearest(value))))
            .collect();
        Self { label: label.to_owned(), ticks, scale: Scale::Linear { high } }
    }

    /// Nanoseconds on a logarithmic scale that holds all of `values`; zeros are left out of account.
    pub(crate) fn latency(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low.is_finite() { (round_down(low), round_up(high)) } else { (1e3, 1e9) };
        let high = if high <= low { low * 10.0 } else { high };
        let decades = (high / low).log10();
        let wanted: &[f64] = match decades {
            _ if decades <= 3.1 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        // Beyond seven decades, every other one is named.
        let every = if decades > 7.0 { 2 } else { 1 };
        let first = low.log10().floor() as i32;
        let ticks = (first..=high.log10().ceil() as i32)
            .filter(|decade| (decade - first) % every == 0)
            .flat_map(|decade| wanted.iter().map(move |mantissa| mantissa * 10_f64.powi(decade)))
            .filter(|value| *value >= low * 0.999 && *value <= high * 1.001)
            .map(|value| (value, round_nanoseconds(value)))
            .collect();
        Self { label: label.to_owned(), ticks, scale: Scale::Log { low, high } }
    }

    /// With the powers of ten only, where there are enough of them: for small drawings.
    pub(crate) fn sparse(mut self) -> Self {
        let is_power = |value: f64| (value.log10() - value.log10().round()).abs() < 1e-6;
        if self.ticks.iter().filter(|(value, _)| is_power(*value)).count() >= 2 {
            self.ticks.retain(|(value, _)| is_power(*value));
        }
        self
    }

    /// Quantiles up to that of the longest of `samples`, each further nine as wide as the one before.
    pub(crate) fn tail(samples: u64) -> Self {
        let nines = (samples.max(10) as f64).log10();
        let mut ticks = vec![(0.0, "0".to_owned()), (0.5, "50 %".to_owned()), (0.9, "90 %".to_owned())];
        for nine in 2..=nines as i32 {
            let digits = usize::try_from(nine - 2).unwrap_or_default();
            ticks.push((1.0 - 10_f64.powi(-nine), format!("{:.digits$} %", 100.0 - 10_f64.powi(2 - nine))));
        }
        Self { label: "part of all samples".to_owned(), ticks, scale: Scale::Tail { nines } }
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; what lies outside is put at the nearest end.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let position = match self.scale {
            Scale::Linear { high } => value / high,
            Scale::Log { low, high } => (value.max(low) / low).ln() / (high / low).ln(),
            Scale::Tail { nines } => -(1.0 - value).max(1e-300).log10() / nines,
        };
        if position.is_finite() { position.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let mantissa = [1.0, 2.0, 2.5, 5.0].into_iter().find(|mantissa| mantissa * power >= step * 0.999_999);
    mantissa.unwrap_or(10.0) * power
}

fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mantissa = [5.0, 2.0].into_iter().find(|mantissa| mantissa * power <= value * 1.000_001);
    mantissa.unwrap_or(1.0) * power
}

fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mantissa = [1.0, 2.0, 5.0].into_iter().find(|mantissa| mantissa * power >= value * 0.999_999);
    mantissa.unwrap_or(10.0) * power
}

/// A round number of nanoseconds without needless digits: `50 µs`, `2 s`.
fn round_nanoseconds(value: f64) -> String {
    let text = nanoseconds(nearest(value));
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn counts_begin_at_zero_and_end_on_a_tick() {
        let axis = Axis::counts("sessions/s", 423.0);
        assert_eq!(words(&axis), ["0", "100", "200", "300", "400", "500"]);
        assert!((axis.position(250.0) - 0.5).abs() < 1e-9);
        assert_eq!(words(&Axis::counts("errors", 3.0)), ["0", "1", "2", "3"]);
        assert_eq!(words(&Axis::counts("", 0.0)).first(), Some(&"0"));
        assert_eq!(words(&Axis::counts("", f64::NAN)).last(), Some(&"1"));
    }

    #[test]
    fn elapsed_time_is_told_in_the_unit_that_fits() {
        assert_eq!(words(&Axis::elapsed(60.0)), ["0", "10", "20", "30", "40", "50", "60"]);
        assert_eq!(words(&Axis::elapsed(600.0)).last(), Some(&"10:00"));
        assert_eq!(
            words(&Axis::elapsed(86_400.0)),
            ["0:00", "4:00", "8:00", "12:00", "16:00", "20:00", "24:00"]
        );
        assert!(Axis::elapsed(1e9).ticks.len() <= 12);
    }

    #[test]
    fn latencies_have_round_ticks_within_the_data_s_decades() {
        let axis = Axis::latency("", [1_300_000.0, 212_000_000.0].into_iter());
        assert_eq!(
            words(&axis),
            ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]
        );
        assert_eq!(words(&axis.sparse()), ["1 ms", "10 ms", "100 ms"]);
        let wide = Axis::latency("", [1_300.0, 2e9].into_iter());
        assert_eq!(words(&wide), ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        assert!(!Axis::latency("", std::iter::empty()).ticks.is_empty());
        let single = Axis::latency("", [1e6].into_iter());
        assert!(single.position(1e6) >= 0.0 && single.ticks.len() >= 2, "{single:?}");
    }

    #[test]
    fn each_nine_takes_the_same_room() {
        let axis = Axis::tail(25_000);
        assert_eq!(words(&axis), ["0", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        let room = axis.position(0.99) - axis.position(0.9);
        assert!((axis.position(0.999) - axis.position(0.99) - room).abs() < 1e-9);
        assert!((axis.position(1.0) - 1.0).abs() < 1e-9);
    }
}

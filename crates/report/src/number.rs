//! Numbers as people read them: three significant digits, thousands apart, units. Durations in nanoseconds are in
//! [`crate::text`].

use crate::text::nanoseconds;

/// A whole number with its thousands apart: `25,200`.
pub(crate) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The nearest whole number; 0 for what is negative or no number.
pub(crate) fn nearest(value: f64) -> u64 {
    // A conversion of a float saturates at both ends, which is what is promised.
    #[expect(clippy::cast_sign_loss)]
    let whole = value.round() as u64;
    whole
}

/// `1 session`, `25,200 sessions`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", whole(number)) }
}

/// Three significant digits, or all digits before the point: `0.125`, `4.20`, `420`, `12,600`. What is not finite
/// or negative is `–`.
pub(crate) fn figure(value: f64) -> String {
    match value {
        _ if !value.is_finite() || value < 0.0 => "–".to_owned(),
        0.0 => "0".to_owned(),
        _ if value < 0.000_995 => "<0.001".to_owned(),
        _ if value < 0.9995 => format!("{value:.3}"),
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => whole(nearest(value)),
    }
}

/// `420/s`. Whole numbers keep no digits after the point, so that a rate that was asked for looks as it was written.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second.fract() == 0.0 && (0.0..1e9).contains(&per_second) {
        return format!("{}/s", whole(nearest(per_second)));
    }
    format!("{}/s", figure(per_second))
}

/// A part of a whole: `99.9 %`. It says `100 %` and `0 %` only of all and nothing; `–` when there is no whole.
pub(crate) fn share(part: f64, whole: f64) -> String {
    if !part.is_finite() || !whole.is_finite() || whole <= 0.0 {
        return "–".to_owned();
    }
    let percent = part / whole * 100.0;
    match percent {
        _ if percent <= 0.0 => "0 %".to_owned(),
        _ if percent < 0.001 => "<0.001 %".to_owned(),
        _ if percent < 0.9995 => format!("{percent:.3} %"),
        _ if percent < 9.995 => format!("{percent:.2} %"),
        _ if percent < 99.95 => format!("{percent:.1} %"),
        _ if percent < 99.995 => format!("{percent:.2} %"),
        _ if percent < 100.0 => ">99.99 %".to_owned(),
        _ if percent < 100.05 => "100 %".to_owned(),
        _ => format!("{} %", figure(percent)),
    }
}

/// Octets with a decimal unit, as disks and networks are sold: `850 B`, `13.2 kB`, `1.25 GB`.
pub(crate) fn octets(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut scaled = number as f64 / 1000.0;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!("{} {}", figure(scaled), UNITS[unit])
}

/// A span of time in words: `850 ms`, `12.5 s`, `1 min 2 s`, `3 h 4 min`.
pub(crate) fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    if seconds < 59.95 {
        if seconds.fract() == 0.0 {
            return format!("{seconds:.0} s");
        }
        return nanoseconds(nearest(seconds * 1e9));
    }
    let total = nearest(seconds);
    match (total / 3600, total / 60 % 60, total % 60) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(whole(number), text);
        }
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(0, "session"), "0 sessions");
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.000_1, "<0.001"),
            (0.125, "0.125"),
            (0.9996, "1.00"),
            (4.2, "4.20"),
            (9.996, "10.0"),
            (99.96, "100"),
            (12_600.4, "12,600"),
            (f64::NAN, "–"),
            (-1.0, "–"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_rate_that_is_whole_looks_whole() {
        assert_eq!(rate(5.0), "5/s");
        assert_eq!(rate(419.83), "420/s");
        assert_eq!(rate(0.5), "0.500/s");
    }

    #[test]
    fn only_all_is_a_hundred_percent_and_only_nothing_is_none() {
        for (part, of, text) in [
            (0.0, 10.0, "0 %"),
            (1.0, 1e9, "<0.001 %"),
            (1.0, 3.0, "33.3 %"),
            (99_999.0, 100_000.0, ">99.99 %"),
            (9_998.0, 10_000.0, "99.98 %"),
            (10.0, 10.0, "100 %"),
            (11.0, 10.0, "110 %"),
            (1.0, 0.0, "–"),
        ] {
            assert_eq!(share(part, of), text);
        }
    }

    #[test]
    fn octets_and_spans_have_units() {
        assert_eq!(octets(850), "850 B");
        assert_eq!(octets(13_200), "13.2 kB");
        assert_eq!(octets(999_600), "1.00 MB");
        assert_eq!(octets(1_250_000_000), "1.25 GB");
        for (seconds, text) in [
            (0.85, "850 ms"),
            (12.0, "12 s"),
            (62.4, "1 min 2 s"),
            (120.0, "2 min"),
            (11_040.0, "3 h 4 min"),
            (7_200.0, "2 h"),
            (f64::INFINITY, "–"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}

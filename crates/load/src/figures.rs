//! How figures are written in the sentences of this crate: counts, durations, octets, shares. The reports have their
//! own ways with tables; this is for running text only.

use std::time::Duration;

/// A count with a comma between thousands: `12,500`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 session`, `2 sessions`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A number with three significant digits, and no more digits than it needs: `420`, `33.3`, `0.5`, `1,230`.
pub(crate) fn rounded(number: f64) -> String {
    if !number.is_finite() {
        return "?".to_owned();
    }
    if number.abs() >= 99.95 {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(whole(number.abs().round())));
    }
    let decimals = if number.abs() >= 9.995 { 1 } else { 2 };
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A latency in the unit that suits it: `850 µs`, `12.3 ms`, `2 s`.
pub(crate) fn latency(nanoseconds: u64) -> String {
    let number = nanoseconds as f64;
    if number < 999.5 {
        format!("{nanoseconds} ns")
    } else if number < 999_500.0 {
        format!("{} µs", rounded(number / 1e3))
    } else if number < 999_500_000.0 {
        format!("{} ms", rounded(number / 1e6))
    } else {
        format!("{} s", rounded(number / 1e9))
    }
}

/// A span of time for people: `90 s`, `250 ms`.
pub(crate) fn span(duration: Duration) -> String {
    latency(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// Octets in the unit that suits them: `11.6 GB`, powers of ten.
pub(crate) fn octets(number: u64) -> String {
    let value = number as f64;
    if value < 999.5 {
        format!("{number} B")
    } else if value < 999_500.0 {
        format!("{} kB", rounded(value / 1e3))
    } else if value < 999_500_000.0 {
        format!("{} MB", rounded(value / 1e6))
    } else {
        format!("{} GB", rounded(value / 1e9))
    }
}

/// A share as a percentage: `0.1 %`.
pub(crate) fn percent(part: f64) -> String {
    let number = part * 100.0;
    // What is not nothing must not read as nothing.
    if number > 0.0 && number < 0.01 {
        return format!("{} %", format!("{number:.4}").trim_end_matches('0').trim_end_matches('.'));
    }
    format!("{} %", rounded(number))
}

/// A float that is known to be a count, as one: what is negative or not a number is 0.
pub(crate) fn whole(number: f64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "a conversion with `as` saturates, which is what is wanted")]
    let number = number.max(0.0) as u64;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(
            ["0", "999", "1,000", "1,007,000"],
            [0, 999, 1_000, 1_007_000].map(count).each_ref().map(String::as_str)
        );
        assert_eq!([counted(1, "session"), counted(2, "session")], ["1 session", "2 sessions"]);
        let numbers = [420.4, 33.33, 2.0, 0.5, 1_234.5, 99.99, 9.999, -3.0, 0.0];
        assert_eq!(numbers.map(rounded), ["420", "33.3", "2", "0.5", "1,235", "100", "10", "-3", "0"]);
        let times = [7, 850_000, 12_340_000, 999_700_000, 2_000_000_000];
        assert_eq!(times.map(latency), ["7 ns", "850 µs", "12.3 ms", "1 s", "2 s"]);
        assert_eq!([512, 13_000, 11_600_000_000].map(octets), ["512 B", "13 kB", "11.6 GB"]);
        assert_eq!([0.001, 0.5, 0.000_01, 0.0].map(percent), ["0.1 %", "50 %", "0.001 %", "0 %"]);
        assert_eq!(span(Duration::from_millis(250)), "250 ms");
    }

    #[test]
    fn a_float_beyond_all_counts_is_the_nearest() {
        assert_eq!([-1.0, f64::NAN, 3.9, f64::INFINITY].map(whole), [0, 0, 3, u64::MAX]);
    }
}

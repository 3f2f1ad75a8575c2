//! Quantities as people type them on the command line: rates, times, shares. Scenario files have the same words, read
//! by the crate `scenario`.

use std::time::Duration;

/// Sessions per second from `50/s`, `50`, `3000/min` or `100/h`.
///
/// # Errors
/// It is no rate, or none above zero; the message says what one looks like.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        _ => return Err("a rate is a number per unit: 50/s, 3000/min, 100/h".to_owned()),
    };
    let number = positive(number).ok_or("a rate is a number above zero, per unit: 50/s, 3000/min, 100/h")?;
    Ok(number / seconds)
}

/// A span of time from `250ms`, `10s`, `5m`, `1.5h`.
///
/// # Errors
/// It is no span of time, or none above zero; the message says what one looks like.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a time is a number with its unit: 250ms, 10s, 5m, 2h";
    let end = text.find(|character: char| character.is_ascii_alphabetic()).ok_or(FORM)?;
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(FORM.to_owned()),
    };
    let number = positive(number).ok_or(FORM)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| FORM.to_owned())
}

/// A share from `2/5`: the second of five.
///
/// # Errors
/// It is no share; the message says what one looks like.
pub(crate) fn shard(text: &str) -> Result<(u32, u32), String> {
    let both = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    match both {
        Some((number, of)) if number >= 1 && number <= of => Ok((number, of)),
        _ => Err("a share is I/N, the I-th of N, from 1/N to N/N".to_owned()),
    }
}

/// A part of a hundred from `5%` or `0.5%`, as a fraction.
///
/// # Errors
/// It is none, or not between 0% and 100%; the message says what one looks like.
pub(crate) fn percentage(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number.filter(|number| (0.0..=100.0).contains(number)) {
        Some(number) => Ok(number / 100.0),
        None => Err("a share is a number of percent: 5%, 0.5%, from 0% to 100%".to_owned()),
    }
}

fn positive(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second() {
        for (text, per_second) in [("50/s", 50.0), ("0.5", 0.5), ("3000/min", 50.0), ("36/h", 0.01)] {
            assert!((rate(text).unwrap() - per_second).abs() < 1e-9, "{text}");
        }
        for text in ["", "fast", "0/s", "-1/s", "5/day", "inf/s", "5/"] {
            assert!(rate(text).unwrap_err().contains("50/s"), "{text}");
        }
    }

    #[test]
    fn times_need_a_unit() {
        for (text, milliseconds) in [("250ms", 250), ("10s", 10_000), ("1.5m", 90_000), ("2h", 7_200_000)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
        for text in ["", "10", "10 days", "s", "-1s", "1e999s", "0s"] {
            assert!(duration(text).unwrap_err().contains("10s"), "{text}");
        }
    }

    #[test]
    fn percentages_are_fractions_and_need_their_sign() {
        for (text, share) in [("5%", 0.05), ("0.5 %", 0.005), ("0%", 0.0), ("100%", 1.0)] {
            assert!((percentage(text).unwrap() - share).abs() < 1e-12, "{text}");
        }
        for text in ["", "5", "%", "-1%", "101%", "nan%", "five%"] {
            assert!(percentage(text).unwrap_err().contains("5%"), "{text}");
        }
    }

    #[test]
    fn a_share_is_one_of_those_there_are() {
        assert_eq!(shard("2/5").unwrap(), (2, 5));
        for text in ["0/5", "6/5", "1", "a/b", "/"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }
}

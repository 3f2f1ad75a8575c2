//! Numbers with units, as people write them in every kind of file: `50/s`, `250ms`, `13kB`, `64kbit/s`, `0.1%`.
//!
//! A number without its unit is refused, with both readings it could have: a number that is wrong by a factor of 60
//! or 1000 looks right in every report. Zero needs none.

use std::time::Duration;

use crate::words::nearest;

pub(crate) const DURATIONS: &[(&str, f64)] = &[
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86400.0),
];
pub(crate) const SIZES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];
pub(crate) const RATES: &[(&str, f64)] = &[("/s", 1.0), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0)];
pub(crate) const BANDWIDTHS: &[(&str, f64)] = &[
    ("bit/s", 0.125),
    ("kbit/s", 125.0),
    ("Mbit/s", 125_000.0),
    ("Gbit/s", 125_000_000.0),
    ("B/s", 1.0),
    ("kB/s", 1e3),
    ("MB/s", 1e6),
    ("KiB/s", 1024.0),
    ("MiB/s", 1_048_576.0),
];

/// A regular expression of numbers with one of these units, for the JSON Schema.
pub(crate) fn pattern(units: &[(&str, f64)]) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    format!("^[0-9][0-9_.]* ?({})$", names.join("|"))
}

/// The longest duration that is taken for meant.
const LONGEST_S: f64 = 366.0 * 86400.0;
/// The highest rate that is taken for meant, sessions a second.
const FASTEST: f64 = 10_000_000.0;
/// The largest size that is taken for meant, octets.
const LARGEST: f64 = 1e12;

/// Seconds. Zero is a duration.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds = quantity(text, "a duration", DURATIONS, &["ms", "s", "min"])?;
    within(text, seconds, LONGEST_S, "longer than a year")
}

/// A duration. Zero is one.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds(text)?).map_err(|_| format!("`{text}` is not a duration"))
}

/// Sessions a second. Zero is a rate.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate = quantity(text, "a rate", RATES, &["/s", "/min"])?;
    within(text, rate, FASTEST, "more than ten million a second")
}

/// Octets; a bare number is a number of octets.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn octets(text: &str) -> Result<f64, String> {
    let size = match text.trim().parse::<u64>() {
        Ok(number) => number as f64,
        Err(_) => quantity(text, "a size", SIZES, &["kB", "KiB"])?,
    };
    within(text, size, LARGEST, "more than a terabyte")
}

/// Octets a second, more than zero.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn bandwidth(text: &str) -> Result<u64, String> {
    let octets = quantity(text, "a bandwidth", BANDWIDTHS, &["kbit/s", "kB/s"])?;
    let octets = within(text, octets, LARGEST, "more than a terabyte a second")?;
    if octets < 1.0 {
        return Err(format!("`{text}` is less than one octet a second: nothing would ever arrive"));
    }
    #[expect(clippy::cast_sign_loss)] // At least 1.
    Ok(octets.round() as u64)
}

/// A share, as a part of 1: `30%` is 0.3.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn share(text: &str) -> Result<f64, String> {
    let percent = |number: &str| number.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    match (text.trim().strip_suffix('%').map(percent), percent(text)) {
        (Some(Some(number)), _) if (0.0..=100.0).contains(&number) => Ok(number / 100.0),
        (Some(Some(_)), _) => Err(format!("`{text}` is not a share; it goes from `0%` to `100%`")),
        (None, Some(0.0)) => Ok(0.0),
        (None, Some(number)) if number > 1.0 => {
            Err(format!("`{text}` is not a share; did you mean `{number}%`?"))
        }
        (None, Some(number)) if number > 0.0 => {
            let meant = (number * 1e6).round() / 1e4;
            Err(format!("`{text}` is not a share; did you mean `{meant}%`?"))
        }
        _ => Err(format!("`{text}` is not a share; write one such as `30%`")),
    }
}

/// A whole number; `50_000` may be written for readability.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn whole(text: &str) -> Result<u64, String> {
    let plain = text.trim().replace('_', "");
    match plain.parse::<u64>() {
        Ok(number) => Ok(number),
        Err(_) if plain.bytes().all(|octet| octet.is_ascii_digit()) && !plain.is_empty() => {
            Err(format!("`{text}` is too large"))
        }
        Err(_) => Err(format!("`{text}` is not a whole number")),
    }
}

/// A number that is not negative, such as a weight.
///
/// # Errors
/// What is wrong with it and what was meant, for people.
pub fn number(text: &str) -> Result<f64, String> {
    let plain = text.trim().replace('_', "");
    let number = plain.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("`{text}` is not a number from 0 up"))
}

fn within(text: &str, value: f64, most: f64, too_much: &str) -> Result<f64, String> {
    if value <= most { Ok(value) } else { Err(format!("`{text}` is {too_much}; is the unit right?")) }
}

fn quantity(text: &str, what: &str, units: &[(&str, f64)], usual: &[&str]) -> Result<f64, String> {
    let text = text.trim();
    let end =
        text.find(|char: char| !char.is_ascii_digit() && !matches!(char, '.' | '_')).unwrap_or(text.len());
    let (figures, unit) = text.split_at(end);
    let examples = || {
        let examples: Vec<String> = usual.iter().map(|unit| format!("`50{unit}`")).collect();
        examples.join(" or ")
    };
    let number = figures.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    let Some(number) = number else {
        return Err(if text.starts_with('-') && text.len() > 1 {
            format!("`{text}` is negative; {what} is not")
        } else {
            format!("`{text}` is not {what}; write one such as {}", examples())
        });
    };
    let unit = unit.trim();
    if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
        return Ok(number * factor);
    }
    if unit.is_empty() && number == 0.0 {
        return Ok(0.0);
    }
    if unit.is_empty() {
        let readings: Vec<String> = usual.iter().map(|unit| format!("`{figures}{unit}`")).collect();
        return Err(format!("`{text}` has no unit: is it {}?", readings.join(" or ")));
    }
    Err(format!("`{text}` is not {what}: unknown unit `{unit}`{}", meant_unit(figures, unit, units)))
}

fn meant_unit(figures: &str, unit: &str, units: &[(&str, f64)]) -> String {
    let said = match unit.to_lowercase().as_str() {
        "k" | "kb" if units == SIZES => {
            return format!("; did you mean `{figures}kB` (1000 octets) or `{figures}KiB` (1024)?");
        }
        "m" | "mb" if units == SIZES => return format!("; did you mean `{figures}MB` or `{figures}MiB`?"),
        "m" | "mins" | "minute" | "minutes" => Some("min"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "msec" | "millis" => Some("ms"),
        "hour" | "hours" | "hr" => Some("h"),
        "kbps" => Some("kbit/s"),
        "mbps" => Some("Mbit/s"),
        "/sec" | "/second" | "per second" | "rps" => Some("/s"),
        "/m" | "/minute" | "per minute" => Some("/min"),
        _ => None,
    };
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let said = said.filter(|said| names.contains(said)).or_else(|| nearest(unit, &names, &[]));
    match said {
        Some(said) => format!("; did you mean `{figures}{said}`?"),
        None => format!("; known: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_say() {
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("3000/min"), Ok(50.0));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2 min"), Ok(Duration::from_mins(2)));
        assert_eq!(octets("13kB"), Ok(13000.0));
        assert_eq!(octets("4KiB"), Ok(4096.0));
        assert_eq!(octets("700"), Ok(700.0));
        assert_eq!(bandwidth("64kbit/s"), Ok(8000));
        assert_eq!(share("30%"), Ok(0.3));
        assert_eq!(share("0"), Ok(0.0));
        assert_eq!(whole("50_000"), Ok(50_000));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_meant() {
        assert_eq!(rate("50").unwrap_err(), "`50` has no unit: is it `50/s` or `50/min`?");
        assert_eq!(
            octets("13KB").unwrap_err(),
            "`13KB` is not a size: unknown unit `KB`; did you mean `13kB` (1000 octets) or `13KiB` (1024)?"
        );
        assert_eq!(
            duration("5m").unwrap_err(),
            "`5m` is not a duration: unknown unit `m`; did you mean `5min`?"
        );
        assert_eq!(duration("-5s").unwrap_err(), "`-5s` is negative; a duration is not");
        assert_eq!(
            duration("soon").unwrap_err(),
            "`soon` is not a duration; write one such as `50ms` or `50s` or `50min`"
        );
        assert_eq!(share("0.3").unwrap_err(), "`0.3` is not a share; did you mean `30%`?");
        assert_eq!(share("30").unwrap_err(), "`30` is not a share; did you mean `30%`?");
        assert_eq!(
            duration("99999999h").unwrap_err(),
            "`99999999h` is longer than a year; is the unit right?"
        );
        assert_eq!(whole("1.5").unwrap_err(), "`1.5` is not a whole number");
        assert_eq!(number("-1").unwrap_err(), "`-1` is not a number from 0 up");
    }
}

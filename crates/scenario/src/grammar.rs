//! The line of a threshold: `[service] SUBJECT [FIGURE] COMPARISON LIMIT`.
//!
//! `login p99 < 250ms` · `service RETR-last max < 2s` · `errors < 0.1%` · `errors[timeout] = 0` ·
//! `achieved > 99%` · `verification = 0`. Errors say which word they mean, by its place in the line.

use std::ops::Range;

use yaml::{meant, nearest, units};

use crate::model::{Comparison, Limit, Quantile, Subject, Threshold};

/// The tags of the steps every session can have, in the order of tables.
pub const STEPS: [&str; 24] = [
    "connect",
    "tls",
    "greeting",
    "stls",
    "stls-tls",
    "login-user",
    "login-apop",
    "login-plain",
    "login-cram-md5",
    "login-scram-sha-256",
    "STAT",
    "LIST",
    "UIDL",
    "RETR-first",
    "RETR-last",
    "TOP-first",
    "TOP-last",
    "DELE",
    "NOOP",
    "RSET",
    "CAPA",
    "QUIT",
    "ready",
    "session",
];

/// Stands for every `login-…` in a threshold.
const LOGIN: &str = "login";

/// The kinds of errors; `err`, `deviation` and `verification` stand for all with a colon behind them.
pub const KINDS: [&str; 23] = [
    "refused",
    "reset",
    "closed",
    "unreachable",
    "no-descriptor",
    "no-port",
    "timeout",
    "tls",
    "err",
    "deviation",
    "verification",
    "verification:size",
    "verification:checksum",
    "verification:owner",
    "verification:marker-missing",
    "verification:unique-id",
    "verification:number",
    "verification:totals",
    "verification:missing",
    "verification:changed",
    "foreign-mail",
    "memory",
    "panic",
];

/// Why a threshold cannot be understood, and which part of the line it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ThresholdError {
    /// What is wrong and what was meant.
    pub message: String,
    /// The octets of the line it is about.
    pub at: Range<usize>,
}

impl Threshold {
    /// Reads a line such as `login p99 < 250ms`.
    ///
    /// # Errors
    /// [`ThresholdError`] with what was meant; a step that no shipped behaviour has is one too.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        read(text, true)
    }

    /// Like [`Threshold::parse`], for scenarios with behaviours of their own: any step may be named.
    ///
    /// # Errors
    /// [`ThresholdError`] with what was meant.
    pub fn parse_any_step(text: &str) -> Result<Self, ThresholdError> {
        read(text, false)
    }
}

/// A word of the line and where it stands.
#[derive(Debug, Clone)]
struct Word<'a> {
    text: &'a str,
    at: Range<usize>,
}

fn read(text: &str, known_steps: bool) -> Result<Threshold, ThresholdError> {
    let whole = 0..text.len();
    let example = "a threshold reads like `login p99 < 250ms`, `errors < 0.1%` or `achieved > 99%`";
    let signs = |char: char| matches!(char, '<' | '>' | '=' | '≤' | '≥' | '!');
    let Some(start) = text.find(signs) else {
        return fail(whole, format!("no comparison (<, <=, >, >=, =); {example}"));
    };
    let end = text[start..].find(|char| !signs(char)).map_or(text.len(), |length| start + length);
    let comparison = match &text[start..end] {
        "<" => Comparison::Less,
        "<=" | "≤" => Comparison::AtMost,
        ">" => Comparison::Greater,
        ">=" | "≥" => Comparison::AtLeast,
        "=" | "==" => Comparison::Equal,
        other => return fail(start..end, format!("unknown comparison `{other}`; known: <, <=, >, >=, =")),
    };
    let words = words(&text[..start]);
    let limit = trimmed(text, end);
    if limit.text.is_empty() {
        return fail(start..end, format!("nothing after `{}`; {example}", &text[start..end]));
    }
    let (subject, limit) = subject(&words, &limit, start, known_steps)?;
    Ok(Threshold { text: text.trim().to_owned(), place: None, subject, comparison, limit })
}

fn subject(
    words: &[Word<'_>],
    limit: &Word<'_>,
    end: usize,
    known_steps: bool,
) -> Result<(Subject, Limit), ThresholdError> {
    let (service, words) = match words {
        [word, rest @ ..] if matches!(word.text, "service" | "response") => (word.text == "service", rest),
        words => (false, words),
    };
    let Some((first, rest)) = words.split_first() else {
        return fail(
            0..end,
            "nothing before the comparison; name a step such as `login p99`, or `errors`".to_owned(),
        );
    };
    let alone = |subject: Subject, limit: Limit| match rest.first() {
        None if service => {
            fail(first.at.clone(), format!("`service` goes with steps, not with `{}`", first.text))
        }
        None => Ok((subject, limit)),
        Some(word) => fail(word.at.clone(), format!("`{}` has no place after `{}`", word.text, first.text)),
    };
    match first.text {
        "errors" => alone(Subject::Errors { kind: None }, share_or_count(limit)?),
        "verification" => alone(Subject::Verification, share_or_count(limit)?),
        "achieved" => {
            let share = units::share(limit.text).map_err(|message| {
                let message =
                    format!("{message} (`achieved` is the share of the asked rate that was really begun)");
                ThresholdError { message, at: limit.at.clone() }
            })?;
            alone(Subject::Achieved, Limit::Share(share))
        }
        _ => match first.text.strip_prefix("errors[") {
            Some(bracket) => {
                let kind = kind(first, bracket)?;
                alone(Subject::Errors { kind: Some(kind) }, share_or_count(limit)?)
            }
            None => step(first, rest, limit, service, known_steps),
        },
    }
}

fn kind(word: &Word<'_>, bracket: &str) -> Result<String, ThresholdError> {
    let Some(kind) = bracket.strip_suffix(']') else {
        return fail(
            word.at.clone(),
            format!("`{}` lacks its closing bracket: `errors[timeout]`", word.text),
        );
    };
    let family = |prefix: &str| kind.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    if KINDS.contains(&kind) || family("err:") || family("deviation:") {
        return Ok(kind.to_owned());
    }
    let start = word.at.start + "errors[".len();
    fail(
        start..start + kind.len().max(1),
        format!("unknown kind of error `{kind}`{}", meant(kind, &KINDS, &[])),
    )
}

fn step(
    first: &Word<'_>,
    rest: &[Word<'_>],
    limit: &Word<'_>,
    service: bool,
    known_steps: bool,
) -> Result<(Subject, Limit), ThresholdError> {
    let subjects = ["errors", "achieved", "verification"];
    let steps = || std::iter::once(&LOGIN).chain(&STEPS);
    let known = || steps().chain(&subjects).copied().collect::<Vec<&str>>();
    let tag = match steps().find(|step| step.eq_ignore_ascii_case(first.text)) {
        Some(step) => (*step).to_owned(),
        None if known_steps => {
            return fail(
                first.at.clone(),
                format!("unknown step `{}`{}", first.text, meant_step(first.text, &known())),
            );
        }
        None => first.text.to_owned(),
    };
    let Some((figure, more)) = rest.split_first() else {
        return fail(first.at.clone(), format!("which figure of `{tag}`? Write for example `{tag} p99`"));
    };
    if let Some(word) = more.first() {
        return fail(word.at.clone(), format!("`{}` has no place here", word.text));
    }
    let quantile = quantile(figure)?;
    match units::seconds(limit.text) {
        // At most a year, so that it fits; rounding keeps `250ms` at 250,000,000 ns exactly.
        #[expect(clippy::cast_sign_loss)]
        Ok(seconds) => {
            let limit = Limit::Nanoseconds((seconds * 1e9).round() as u64);
            Ok((Subject::Step { tag, quantile, service }, limit))
        }
        Err(message) => fail(limit.at.clone(), message),
    }
}

fn meant_step(word: &str, known: &[&str]) -> String {
    let figure =
        word.strip_prefix('p').is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
    if figure || matches!(word, "max" | "mean") {
        return format!("; the step comes first: `login {word}`");
    }
    match word.to_ascii_uppercase().as_str() {
        "RETR" => "; did you mean `RETR-last` (to the last octet) or `RETR-first`?".to_owned(),
        "TOP" => "; did you mean `TOP-last` (to the last octet) or `TOP-first`?".to_owned(),
        "USER" | "PASS" | "AUTH" => "; the whole login is one step: `login`".to_owned(),
        _ => meant(word, known, &[]),
    }
}

fn quantile(word: &Word<'_>) -> Result<Quantile, ThresholdError> {
    match word.text {
        "max" => return Ok(Quantile::Max),
        "mean" => return Ok(Quantile::Mean),
        _ => {}
    }
    let percent = word.text.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Quantile::Part(percent / 100.0)),
        Some(_) => {
            fail(word.at.clone(), format!("`{}` is not a quantile; for the greatest write `max`", word.text))
        }
        None => {
            let hint = match word.text.to_lowercase().as_str() {
                "median" | "med" => "; did you mean `p50`?".to_owned(),
                "avg" | "average" => "; did you mean `mean`?".to_owned(),
                other => nearest(other, &["p50", "p90", "p95", "p99", "p99.9", "max", "mean"], &[])
                    .map_or_else(
                        || "; known: p50, p90, p95, p99, p99.9, max, mean".to_owned(),
                        |near| format!("; did you mean `{near}`?"),
                    ),
            };
            fail(word.at.clone(), format!("unknown figure `{}`{hint}", word.text))
        }
    }
}

fn share_or_count(limit: &Word<'_>) -> Result<Limit, ThresholdError> {
    let read = if limit.text.ends_with('%') {
        units::share(limit.text).map(Limit::Share)
    } else {
        units::whole(limit.text).map(Limit::Count)
    };
    read.map_err(|message| {
        let message = format!("{message}; write a number such as `5`, or a share such as `0.1%`");
        ThresholdError { message, at: limit.at.clone() }
    })
}

fn fail<T>(at: Range<usize>, message: String) -> Result<T, ThresholdError> {
    Err(ThresholdError { message, at })
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (index, char) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, char.is_whitespace()) {
            (None, false) => start = Some(index),
            (Some(from), true) => {
                words.push(Word { text: &text[from..index], at: from..index });
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn trimmed(text: &str, from: usize) -> Word<'_> {
    let rest = &text[from..];
    let start = from + (rest.len() - rest.trim_start().len());
    let rest = rest.trim();
    Word { text: rest, at: start..start + rest.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(text: &str) -> (Subject, Comparison, Limit) {
        let threshold = Threshold::parse(text).unwrap();
        (threshold.subject, threshold.comparison, threshold.limit)
    }

    fn refused(text: &str) -> String {
        let error = Threshold::parse(text).unwrap_err();
        format!("{} [{}]", error.message, &text[error.at])
    }

    #[test]
    fn the_lines_of_the_manual_are_understood() {
        let step = |tag: &str, quantile, service| Subject::Step { tag: tag.to_owned(), quantile, service };
        let p99 = Quantile::Part(0.99);
        assert_eq!(
            understood("login p99 < 250ms"),
            (step("login", p99, false), Comparison::Less, Limit::Nanoseconds(250_000_000))
        );
        assert_eq!(
            understood("service  retr-last max<=2s"),
            (step("RETR-last", Quantile::Max, true), Comparison::AtMost, Limit::Nanoseconds(2_000_000_000))
        );
        let errors = |kind: Option<&str>| Subject::Errors { kind: kind.map(str::to_owned) };
        assert_eq!(understood("errors < 0.1%"), (errors(None), Comparison::Less, Limit::Share(0.001)));
        assert_eq!(
            understood("errors[timeout] = 0"),
            (errors(Some("timeout")), Comparison::Equal, Limit::Count(0))
        );
        assert_eq!(
            understood("errors[err:IN-USE] < 5"),
            (errors(Some("err:IN-USE")), Comparison::Less, Limit::Count(5))
        );
        assert_eq!(
            understood("achieved > 99%"),
            (Subject::Achieved, Comparison::Greater, Limit::Share(0.99))
        );
        assert_eq!(
            understood("verification = 0"),
            (Subject::Verification, Comparison::Equal, Limit::Count(0))
        );
        assert!(Threshold::parse_any_step("inbox p95 < 1s").is_ok());
    }

    #[test]
    fn what_is_not_understood_says_which_word_and_what_was_meant() {
        assert_eq!(refused("logn p99 < 250ms"), "unknown step `logn`; did you mean `login`? [logn]");
        assert_eq!(
            refused("RETR p99 < 1s"),
            "unknown step `RETR`; did you mean `RETR-last` (to the last octet) or `RETR-first`? [RETR]"
        );
        assert_eq!(
            refused("login < 250ms"),
            "which figure of `login`? Write for example `login p99` [login]"
        );
        assert_eq!(
            refused("login p99 < 250"),
            "`250` has no unit: is it `250ms` or `250s` or `250min`? [250]"
        );
        assert_eq!(refused("login avg < 250ms"), "unknown figure `avg`; did you mean `mean`? [avg]");
        assert_eq!(
            refused("login p100 < 1s"),
            "`p100` is not a quantile; for the greatest write `max` [p100]"
        );
        assert_eq!(
            refused("errors[timout] = 0"),
            "unknown kind of error `timout`; did you mean `timeout`? [timout]"
        );
        assert_eq!(refused("errors p99 < 1"), "`p99` has no place after `errors` [p99]");
        assert_eq!(refused("service errors < 1"), "`service` goes with steps, not with `errors` [errors]");
        assert_eq!(
            refused("achieved > 0.99"),
            "`0.99` is not a share; did you mean `99%`? (`achieved` is the share of the asked rate that was really begun) \
             [0.99]"
        );
        assert_eq!(refused("errors =< 1"), "unknown comparison `=<`; known: <, <=, >, >=, = [=<]");
        assert!(refused("login p99 250ms").starts_with("no comparison"));
        assert!(refused("login p99 <").starts_with("nothing after `<`"));
    }
}

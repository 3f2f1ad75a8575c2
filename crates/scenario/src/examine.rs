//! Judges a tree by the tables: unknown and repeated keys, missing ones, wrong types, wrong units and words.
//!
//! It stops at nothing, so that one look at a file tells all that is wrong with it. What it passes, the reading of the
//! values can rely on.

use crate::document::{Node, Value};
use crate::grammar::ThresholdError;
use crate::model::Threshold;
use crate::problem::{Place, Problem, meant};
use crate::table::{Form, Table};
use crate::units;

/// Judges a node by its form. `any_step` lets thresholds name steps of custom behaviours.
pub(crate) fn examine(node: &Node, form: &Form, what: &str, any_step: bool, found: &mut Vec<Problem>) {
    match form {
        Form::Map(table) => map(node, table, what, any_step, found),
        Form::Pairs(key, value) => pairs(node, key, value, what, any_step, found),
        Form::List(item) => match node.list() {
            Some([]) => found.push(Problem::new(node.place, format!("{what} is an empty list"))),
            Some(items) => {
                let one = format!("an item of {what}");
                for node in items {
                    examine(node, item, &one, any_step, found);
                }
            }
            None => found.push(unfit(node, what, "a list (`- …` lines, or `[…, …]`)")),
        },
        Form::Either(forms) => {
            let fitting = forms.iter().find(|form| fits(node, form));
            if let Some(form) = fitting {
                examine(node, form, what, any_step, found);
            } else {
                let names: Vec<&str> = forms.iter().map(shape).collect();
                found.push(unfit(node, what, &names.join(" or ")));
            }
        }
        Form::Threshold => match node.scalar() {
            Some(text) => {
                if let Err(error) = threshold(text, any_step) {
                    found.push(Problem::new(part(node, text, &error), error.message));
                }
            }
            None => found.push(unfit(node, "a threshold", "a line such as `login p99 < 250ms`")),
        },
        scalar => match (&node.value, judge(scalar, node.scalar().unwrap_or_default())) {
            (Value::Scalar(_), Ok(())) => {}
            (Value::Scalar(_), Err(message)) => {
                found.push(Problem::new(node.place, format!("{what}: {message}")));
            }
            _ => found.push(unfit(node, what, shape(scalar))),
        },
    }
}

/// Reads a threshold the way a scenario does.
pub(crate) fn threshold(text: &str, any_step: bool) -> Result<Threshold, ThresholdError> {
    if any_step { Threshold::parse_any_step(text) } else { Threshold::parse(text) }
}

fn map(node: &Node, table: &'static Table, what: &str, any_step: bool, found: &mut Vec<Problem>) {
    let Some(entries) = node.map() else {
        found.push(unfit(node, what, "a map (`key: value` lines, or `{key: value}`)"));
        return;
    };
    let known: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in entries {
        let Some(word) = name.scalar() else {
            found.push(Problem::new(
                name.place,
                format!("a key of {} is a single word, not {}", table.name, name.kind()),
            ));
            continue;
        };
        match table.keys.iter().find(|key| key.name == word) {
            None => {
                let message = format!("unknown key `{word}` in {}{}", table.name, meant(word, &known));
                found.push(Problem::new(name.place, message));
            }
            Some(_) if seen.contains(&word) => {
                found.push(Problem::new(name.place, format!("`{word}` stands here twice")));
            }
            Some(key) => {
                seen.push(key.name);
                if secret(key.name) && value.scalar().is_none() {
                    // Told at the key, so that the line shown is one whose value is hidden.
                    found.push(Problem::new(
                        name.place,
                        format!("`{word}` must be a single value, not {}", value.kind()),
                    ));
                } else {
                    examine(value, &key.form, &format!("`{word}`"), any_step, found);
                }
            }
        }
    }
    let has = |key: &str| seen.contains(&key);
    for key in table.keys.iter().filter(|key| key.needed && !has(key.name)) {
        let message = format!("{} needs `{}`: {}", table.name, key.name, lower(key.note));
        found.push(Problem::new(node.place, message));
    }
    choice(node, table, found);
}

/// Exactly one of the keys of a choice.
fn choice(node: &Node, table: &Table, found: &mut Vec<Problem>) {
    if table.choice.is_empty() {
        return;
    }
    let mut chosen: Vec<&(Node, Node)> = table.choice.iter().filter_map(|key| node.entry(key)).collect();
    chosen.sort_by_key(|(name, _)| (name.place.line, name.place.column));
    let names = || table.choice.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if chosen.is_empty() {
        found.push(Problem::new(node.place, format!("{} needs one of {}", table.name, names())));
    }
    if let [first, others @ ..] = chosen.as_slice() {
        let first = first.0.scalar().unwrap_or_default();
        for (name, _) in others {
            let word = name.scalar().unwrap_or_default();
            let message = format!("`{word}` and `{first}` exclude each other: give one of {}", names());
            found.push(Problem::new(name.place, message));
        }
    }
}

fn pairs(node: &Node, key: &Form, value: &Form, what: &str, any_step: bool, found: &mut Vec<Problem>) {
    match node.map() {
        Some([]) => found.push(Problem::new(node.place, format!("{what} is empty"))),
        Some(entries) => {
            for (name, weight) in entries {
                examine(name, key, what, any_step, found);
                examine(weight, value, "a weight", any_step, found);
            }
        }
        None => {
            found.push(unfit(node, what, "a map of upper bounds with weights, such as `{1s: 50, 5s: 40}`"));
        }
    }
}

fn judge(form: &Form, text: &str) -> Result<(), String> {
    match form {
        Form::Text | Form::Prose if text.trim().is_empty() => Err("is empty".to_owned()),
        Form::Whole(least) => units::whole(text).and_then(|number| {
            if number < *least { Err(format!("`{text}` is too small; at least {least}")) } else { Ok(()) }
        }),
        Form::Number => units::number(text).map(drop),
        Form::Share => units::share(text).map(drop),
        Form::Duration => units::duration(text).map(drop),
        Form::Period => units::duration(text).and_then(|time| {
            if time.is_zero() { Err(format!("`{text}` is no time at all")) } else { Ok(()) }
        }),
        Form::Size => units::octets(text).map(drop),
        Form::Rate => units::rate(text).map(drop),
        Form::Bandwidth => units::bandwidth(text).map(drop),
        Form::Flag if !matches!(text, "true" | "false") => {
            Err(format!("`{text}` is neither `true` nor `false`"))
        }
        Form::Word(words) if !words.contains(&text) => {
            Err(format!("unknown word `{text}`{}", meant(text, words)))
        }
        _ => Ok(()),
    }
}

fn fits(node: &Node, form: &Form) -> bool {
    match form {
        Form::Map(_) | Form::Pairs(..) => node.map().is_some(),
        Form::List(_) => node.list().is_some(),
        Form::Either(forms) => forms.iter().any(|form| fits(node, form)),
        _ => node.scalar().is_some(),
    }
}

fn shape(form: &Form) -> &'static str {
    match form {
        Form::Map(_) | Form::Pairs(..) => "a map",
        Form::List(_) => "a list",
        Form::Duration | Form::Period => "a duration such as `250ms`",
        Form::Size => "a size such as `13kB`",
        Form::Rate => "a rate such as `50/s`",
        Form::Share => "a share such as `30%`",
        Form::Bandwidth => "a bandwidth such as `64kbit/s`",
        Form::Whole(_) | Form::Number => "a number",
        Form::Flag => "`true` or `false`",
        Form::Text | Form::Prose | Form::Word(_) | Form::Threshold | Form::Either(_) => "a single value",
    }
}

fn unfit(node: &Node, what: &str, wanted: &str) -> Problem {
    match node.value {
        Value::Empty => Problem::new(node.place, format!("{what} is empty; it takes {wanted}")),
        _ => Problem::new(node.place, format!("{what} is {}; it takes {wanted}", node.kind())),
    }
}

/// The part of a threshold's line that an error is about, if the line stands in the text as it is.
fn part(node: &Node, text: &str, error: &ThresholdError) -> Place {
    let counts = text.get(..error.at.start).zip(text.get(error.at.clone()));
    match counts {
        Some((before, wrong)) if node.literal && !text.contains('\n') => Place {
            line: node.place.line,
            column: node.place.column + before.chars().count(),
            length: wrong.chars().count().max(1),
        },
        _ => node.place,
    }
}

fn secret(key: &str) -> bool {
    key == "password"
}

fn lower(note: &str) -> String {
    let mut chars = note.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

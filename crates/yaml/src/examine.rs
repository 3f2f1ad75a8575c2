//! Judges a tree by the tables: unknown and repeated keys, missing ones, wrong types, wrong units and words.
//!
//! It stops at nothing, so that one look at a file tells all that is wrong with it. What it passes, the reading of the
//! values can rely on.

use crate::document::{Node, Value};
use crate::findings::Findings;
use crate::table::{Form, Table};
use crate::units;

/// Judges a node by its form; `what` it is called in messages.
pub(crate) fn examine(node: &Node, form: &Form, what: &str, findings: &mut Findings<'_>) {
    match form {
        Form::Map(table) => map(node, table, what, findings),
        Form::Pairs(key, value) => pairs(node, key, value, what, findings),
        Form::Numbered(value) => numbered(node, value, what, findings),
        Form::List(_) if node.list().is_some_and(<[Node]>::is_empty) => {
            findings.wrong(node, format!("{what} is an empty list"));
        }
        Form::List(item) | Form::ListOrEmpty(item) => match node.list() {
            Some(items) => {
                let one = format!("an item of {what}");
                for node in items {
                    examine(node, item, &one, findings);
                }
            }
            None => unfit(node, what, "a list (`- …` lines, or `[…, …]`)", findings),
        },
        Form::Either(forms) => match forms.iter().find(|form| form.fits(node)) {
            Some(form) => examine(node, form, what, findings),
            None => unfit(node, what, &form.shape(), findings),
        },
        Form::Nothing if form.fits(node) => {}
        Form::Line(line) if node.scalar().is_none() => unfit(node, line.name, &form.shape(), findings),
        scalar => match node.scalar() {
            Some(text) => {
                if let Err(wrong) = judge(scalar, text, findings) {
                    let wrong = match scalar {
                        _ if !findings.is_secret(text) => wrong,
                        Form::Word(words) => format!("unknown word{}", findings.meant(text, words)),
                        _ => format!("it takes {}", scalar.shape()),
                    };
                    findings.wrong(node, format!("{what}: {wrong}"));
                }
            }
            None => unfit(node, what, &scalar.shape(), findings),
        },
    }
}

fn map(node: &Node, table: &'static Table, what: &str, findings: &mut Findings<'_>) {
    let Some(entries) = node.map() else {
        return unfit(node, what, "a map (`key: value` lines, or `{key: value}`)", findings);
    };
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in entries {
        let Some(word) = name.scalar() else {
            let kind = name.kind();
            findings.wrong(name, format!("a key of {} is a single word, not {kind}", table.name));
            continue;
        };
        match table.key(word) {
            None => findings.unknown_key(name, value, table),
            Some(key) if seen.contains(&key.name) => {
                findings.wrong(name, format!("`{word}` is given twice"));
            }
            Some(key) => {
                seen.push(key.name);
                if key.form.is_secret() && !key.form.fits(value) {
                    // Told at the key, so that the line shown is one whose value is hidden.
                    findings.wrong(name, format!("`{word}` must be a single value, not {}", value.kind()));
                } else {
                    examine(value, &key.form, &format!("`{word}`"), findings);
                }
            }
        }
    }
    for key in table.keys.iter().filter(|key| key.needed && !seen.contains(&key.name)) {
        findings.wrong(node, format!("{} needs `{}`: {}", table.name, key.name, lower(key.note)));
    }
    choice(node, table, findings);
}

/// Exactly one of the keys of a choice.
fn choice(node: &Node, table: &Table, findings: &mut Findings<'_>) {
    if table.choice.is_empty() {
        return;
    }
    let chosen = table.chosen(node);
    let names = || table.choice.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    if chosen.is_empty() {
        findings.wrong(node, format!("{} needs one of {}", table.name, names()));
    }
    if let [first, others @ ..] = chosen.as_slice() {
        let first = first.0.scalar().unwrap_or_default();
        for (name, _) in others {
            let word = name.scalar().unwrap_or_default();
            findings
                .wrong(name, format!("`{word}` and `{first}` exclude each other: give one of {}", names()));
        }
    }
}

fn pairs(node: &Node, key: &Form, value: &Form, what: &str, findings: &mut Findings<'_>) {
    match node.map() {
        Some([]) => findings.wrong(node, format!("{what} is empty")),
        Some(entries) => {
            for (name, weight) in entries {
                examine(name, key, what, findings);
                examine(weight, value, "a weight", findings);
            }
        }
        None => {
            unfit(node, what, "a map of upper bounds with weights, such as `{1s: 50, 5s: 40}`", findings);
        }
    }
}

fn numbered(node: &Node, value: &'static Form, what: &str, findings: &mut Findings<'_>) {
    let Some(entries) = node.map() else {
        return unfit(node, what, &Form::Numbered(value).shape(), findings);
    };
    if entries.is_empty() {
        findings.wrong(node, format!("{what} is empty"));
    }
    let mut seen: Vec<u64> = Vec::new();
    for (name, node) in entries {
        examine(name, &Form::Whole(1), &format!("a number of {what}"), findings);
        examine(node, value, &format!("a value of {what}"), findings);
        let number = name.scalar().and_then(|text| units::whole(text).ok());
        match number.filter(|number| seen.contains(number)) {
            Some(_) => findings.wrong(name, "this number is given twice"),
            None => seen.extend(number),
        }
    }
}

fn judge(form: &Form, text: &str, findings: &Findings<'_>) -> Result<(), String> {
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
            Err(format!("unknown word `{text}`{}", findings.meant(text, words)))
        }
        _ => Ok(()),
    }
}

impl Form {
    /// Whether a node has the outer shape of this form: a single value, a list or a map.
    pub(crate) fn fits(&self, node: &Node) -> bool {
        match self {
            Form::Map(_) | Form::Pairs(..) | Form::Numbered(_) => node.map().is_some(),
            Form::List(_) | Form::ListOrEmpty(_) => node.list().is_some(),
            Form::Either(forms) => forms.iter().any(|form| form.fits(node)),
            Form::Nothing => node.value == Value::Empty,
            _ => node.scalar().is_some(),
        }
    }

    /// Whether the value may be a secret.
    fn is_secret(&self) -> bool {
        match self {
            Form::Secret => true,
            Form::Either(forms) => forms.iter().any(Form::is_secret),
            _ => false,
        }
    }

    /// What is wanted, in words.
    fn shape(&self) -> String {
        let words = match self {
            Form::Map(_) | Form::Pairs(..) => "a map",
            Form::Numbered(_) => "a map of numbers with values, such as `{2: …}`",
            Form::List(_) | Form::ListOrEmpty(_) => "a list",
            Form::Duration | Form::Period => "a duration such as `250ms`",
            Form::Size => "a size such as `13kB`",
            Form::Rate => "a rate such as `50/s`",
            Form::Share => "a share such as `30%`",
            Form::Bandwidth => "a bandwidth such as `64kbit/s`",
            Form::Whole(_) | Form::Number => "a number",
            Form::Flag => "`true` or `false`",
            Form::Text | Form::AnyText | Form::Prose | Form::Secret | Form::Word(_) => "a single value",
            Form::Nothing => "nothing",
            Form::Line(line) => {
                return match line.examples.first() {
                    Some(example) => format!("a line such as `{example}`"),
                    None => "a line".to_owned(),
                };
            }
            Form::Either(forms) => {
                return forms.iter().map(Form::shape).collect::<Vec<_>>().join(" or ");
            }
        };
        words.to_owned()
    }
}

fn unfit(node: &Node, what: &str, wanted: &str, findings: &mut Findings<'_>) {
    let is = node.kind();
    findings.wrong(node, format!("{what} is {is}; it takes {wanted}"));
}

fn lower(note: &str) -> String {
    let mut chars = note.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

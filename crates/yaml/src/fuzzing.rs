//! The body of the fuzz target, also run over its corpus by an ordinary test.

use crate::{Excerpts, Form, Kind, Line, Table, key, needed, table};

/// A password that stands in no message and in no file but where this target puts it.
const PASSWORD: &str = "Zy9~qK4w";

static FORMS: Table = table(
    "a file",
    &[
        key("text", Form::Text, "A text."),
        key("free", Form::Either(&[Form::AnyText, Form::Nothing]), "A text or none."),
        key("prose", Form::Prose, "Lines."),
        key("password", Form::Secret, "A password."),
        key("whole", Form::Whole(1), "A whole number."),
        key("number", Form::Number, "A number."),
        key("share", Form::Share, "A share."),
        key("duration", Form::Duration, "A duration."),
        key("period", Form::Period, "A period."),
        key("size", Form::Size, "A size."),
        key("rate", Form::Rate, "A rate."),
        key("bandwidth", Form::Bandwidth, "A bandwidth."),
        key("flag", Form::Flag, "A flag."),
        key("word", Form::Word(&["one", "two"]), "A word."),
        key("line", Form::Line(&Line { name: "a line", examples: &["so"] }), "A line."),
        key("pairs", Form::Pairs(&Form::Duration, &Form::Number), "Pairs."),
        key("numbered", Form::Numbered(&Form::Word(&["one", "two"])), "Numbered."),
        key("list", Form::List(&Form::Either(&[Form::Size, Form::Map(&CHOICE)])), "A list."),
        key("any", Form::ListOrEmpty(&Form::Map(&CHOICE)), "A list, or none."),
    ],
);
static CHOICE: Table = table(
    "a choice",
    &[
        key("password", Form::Either(&[Form::Secret, Form::Nothing]), "A password."),
        key("word", Form::Word(&["three"]), "A word."),
        needed("name", Form::Text, "A name."),
    ],
)
.one_of(&["password", "word"]);

static SHOWN: Kind = Kind::new("shown", &FORMS);
static GUARDED: Kind = SHOWN_LIKE.excerpts(Excerpts::Guarded { section: "list", open: &["name", "word"] });
static HIDDEN: Kind = SHOWN_LIKE.excerpts(Excerpts::Hidden);
const SHOWN_LIKE: Kind = Kind::new("another", &FORMS);

/// Reads a text as three kinds of files. In the text `%` stands for a password, which no problem of the hidden kind may
/// show, wherever it stands.
///
/// # Panics
/// If a problem has no place in the text, or shows the password.
pub fn read(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [&SHOWN, &GUARDED] {
        judge(kind, text);
    }
    let told = judge(&HIDDEN, &text.replace('%', PASSWORD));
    assert!(!told.contains(PASSWORD), "a password is shown: {told}");
}

fn judge(kind: &'static Kind, text: &str) -> String {
    let problems = match kind.read(text, "any.yaml") {
        Ok((root, mut findings)) => {
            if let Some(line) = root.at("line") {
                let length = line.scalar().map_or(0, str::len);
                findings.wrong_part(line, &(0..length), "wrong");
                let quoted = findings.quote(line);
                findings.wrong(line, format!("{quoted} is wrong"));
            }
            match findings.finish(Some(())) {
                Ok(()) => return String::new(),
                Err(problems) => problems,
            }
        }
        Err(problems) => problems,
    };
    assert!(problems.len() > 0);
    for problem in problems.iter() {
        let lines = text.split(['\n', '\r']).count();
        assert!((1..=lines).contains(&problem.line), "{problem:?}");
        assert!(problem.column >= 1 && problem.length >= 1, "{problem:?}");
    }
    problems.to_string()
}

//! Lines of `user,password` as spreadsheets write them (RFC 4180): fields may stand in quotation marks.
//!
//! Without quotation marks a password goes on to the end of its line, commas included. What could be meant in two ways is
//! refused with its place, since it would be sent to a server. A message never shows a field: it may be a password.
//! Deliberately no field with a line end in it, which no command could carry.

/// A user and a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What is wrong with a line, and in which column, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) column: usize,
    pub(crate) message: &'static str,
}

const FORM: &str = "a line must read `user,password`";
const SEMICOLON: &str = "a line must read `user,password`, with a comma; this one has a semicolon";
const MARK_INSIDE: &str = "a quotation mark within a field: put the whole field into quotation marks, and write the \
                           one inside twice";
const NO_END: &str = "the field that begins here has no closing quotation mark on this line";
const BEHIND: &str = "something follows the closing quotation mark; a line reads `\"user\",\"password\"`";
const BLANK: &str = "a blank at the end of the password: remove it, or put the password into quotation marks if it \
                     belongs to it";

/// The lines of a file that have an account in them, or should, with their numbers from 1. Empty lines, those that begin
/// with `#`, and `user,password` in the first line are left out.
pub(crate) fn rows(content: &str) -> impl Iterator<Item = (usize, Result<Row, Wrong>)> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    content.lines().enumerate().filter_map(|(index, line)| {
        if line.trim().is_empty() || line.starts_with('#') {
            return None;
        }
        let row = row(line);
        let head = |row: &Row| {
            row.user.eq_ignore_ascii_case("user") && row.password.eq_ignore_ascii_case("password")
        };
        (index > 0 || !row.as_ref().is_ok_and(head)).then_some((index + 1, row))
    })
}

fn row(line: &str) -> Result<Row, Wrong> {
    let wrong = |octet: usize, message| {
        Err(Wrong { column: line.get(..octet).unwrap_or(line).chars().count() + 1, message })
    };
    let (user, comma) = if line.starts_with('"') {
        let Some((user, end)) = quoted(line) else { return wrong(0, NO_END) };
        (user, end)
    } else {
        let Some(comma) = line.find(',') else {
            return line.find(';').map_or_else(|| wrong(0, FORM), |at| wrong(at, SEMICOLON));
        };
        let user = &line[..comma];
        if let Some(at) = user.find('"') {
            return wrong(at, MARK_INSIDE);
        }
        (user.trim().to_owned(), comma)
    };
    let Some(rest) = line[comma..].strip_prefix(',') else {
        let message = if line[comma..].starts_with(';') { SEMICOLON } else { BEHIND };
        return wrong(comma, message);
    };
    let start = comma + 1;
    let password = if rest.starts_with('"') {
        let Some((password, end)) = quoted(rest) else { return wrong(start, NO_END) };
        if end < rest.len() {
            return wrong(start + end, BEHIND);
        }
        password
    } else {
        if let Some(at) = rest.find('"') {
            return wrong(start + at, MARK_INSIDE);
        }
        let kept = rest.trim_end();
        if kept.len() < rest.len() && !kept.is_empty() {
            return wrong(start + kept.len(), BLANK);
        }
        kept.to_owned()
    };
    if user.trim().is_empty() || password.is_empty() {
        return wrong(0, FORM);
    }
    Ok(Row { user, password })
}

/// A field in quotation marks at the beginning of the text, without them, and where it ends.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut field = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '"' {
            field.push(character);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            field.push('"');
        } else {
            return Some((field, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Vec<(usize, String, String)> {
        let row = |(line, row): (usize, Result<Row, Wrong>)| {
            let Row { user, password } = row.unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"));
            (line, user, password)
        };
        rows(content).map(row).collect()
    }

    fn told(line: &str) -> (usize, &'static str) {
        let wrong = row(line).unwrap_err();
        (wrong.column, wrong.message)
    }

    #[test]
    fn the_files_of_spreadsheets_are_read() {
        let wanted = [(2, "ann", "pw1"), (3, "bob", "p,w2"), (5, "eve", " p\"w3 ")];
        let wanted = wanted.map(|(line, user, password)| (line, user.to_owned(), password.to_owned()));
        let text = "\u{feff}\"User\",\"Password\"\r\n\"ann\",\"pw1\"\r\nbob,p,w2\r\n# none\r\n\"eve\",\" p\"\"w3 \"\r\n";
        assert_eq!(read(text), wanted);
        assert_eq!(read(text.replace("\r\n", "\n").trim_end()), wanted);
        assert_eq!(read("\u{feff}ann,pw1"), [(1, "ann".to_owned(), "pw1".to_owned())]);
        assert_eq!(read("ann , pw1"), [(1, "ann".to_owned(), " pw1".to_owned())]);
        assert_eq!(read("user,password\nuser,password").len(), 1, "only the first line is a heading");
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused_with_its_place() {
        assert_eq!(told("ann;pw1"), (4, SEMICOLON));
        assert_eq!(told("\"ann\";\"pw1\""), (6, SEMICOLON));
        assert_eq!(told("ann pw1"), (1, FORM));
        assert_eq!(told("ann,"), (1, FORM));
        assert_eq!(told(",pw1"), (1, FORM));
        assert_eq!(told("\"\",pw1"), (1, FORM));
        assert_eq!(told("ann,p\"w1"), (6, MARK_INSIDE));
        assert_eq!(told("a\"nn,pw1"), (2, MARK_INSIDE));
        assert_eq!(told("\"ann,pw1"), (1, NO_END));
        assert_eq!(told("ännchen,\"pw1"), (9, NO_END));
        assert_eq!(told("\"ann\" ,pw1"), (6, BEHIND));
        assert_eq!(told("ann,\"pw1\",mail"), (10, BEHIND));
        assert_eq!(told("ann,pw1 "), (8, BLANK));
    }
}

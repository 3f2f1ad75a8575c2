//! The page that is being written: width, indentation, labels and colour. Everything put on it is made safe to
//! print here, so that no caller can forget.

use crate::text::{visible, visible_line, wrap};

/// Labels stand in a column of this width, so that what they name begins at the same place.
const LABEL: usize = 12;

/// What a coloured piece of text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As required: green.
    Good,
    /// Broken: bold red.
    Bad,
    /// To be looked at: yellow.
    Doubt,
    /// Told for information: cyan.
    Note,
    /// Important without being good or bad: bold.
    Strong,
    /// In the background: dim.
    Faint,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Doubt => "33",
            Self::Note => "36",
            Self::Strong => "1",
            Self::Faint => "2",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    color: bool,
    width: usize,
}

impl Page {
    pub(crate) fn new(color: bool, width: usize) -> Self {
        Self { text: String::new(), color, width: width.max(40) }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line of its own that begins a section.
    pub(crate) fn heading(&mut self, tone: Tone, text: &str) {
        self.painted(tone, text);
    }

    /// One line in one colour, not wrapped.
    pub(crate) fn painted(&mut self, tone: Tone, text: &str) {
        self.pieces(&[(Some(tone), text)]);
    }

    /// One line of differently coloured pieces, not wrapped.
    pub(crate) fn pieces(&mut self, pieces: &[(Option<Tone>, &str)]) {
        for (tone, text) in pieces {
            // Not trimmed: the pieces of a table are padded.
            let safe = visible(text).replace('\n', "␊");
            let safe = self.paint(*tone, &safe);
            self.text.push_str(&safe);
        }
        let content = self.text.trim_end_matches(' ').len();
        self.text.truncate(content);
        self.blank();
    }

    /// Wrapped text, all of it indented.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.toned(None, indent, text);
    }

    /// Wrapped text in one colour, all of it indented.
    pub(crate) fn toned(&mut self, tone: Option<Tone>, indent: usize, text: &str) {
        for line in wrap(visible(text).trim_end(), self.width.saturating_sub(indent)) {
            let line = self.paint(tone, &line);
            self.indented(indent, &line);
        }
    }

    /// A label and its text, wrapped beside it; nothing at all when the text is empty.
    pub(crate) fn field(&mut self, indent: usize, label: &str, text: &str) {
        let lines = wrap(visible(text).trim_end(), self.width.saturating_sub(indent + LABEL));
        self.labelled(indent, label, &lines);
    }

    /// A label and one line that must stay one line, as a command to be copied must.
    pub(crate) fn unwrapped_field(&mut self, indent: usize, label: &str, text: &str) {
        let line = visible_line(text);
        if !line.is_empty() {
            self.labelled(indent, label, &[line]);
        }
    }

    fn labelled(&mut self, indent: usize, label: &str, lines: &[String]) {
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let label = self.paint(Some(Tone::Faint), &format!("{label:<LABEL$}"));
            self.indented(indent, &format!("{label}{line}"));
        }
    }

    /// Where text of others begins a line, it must not be taken for a workflow command by a CI system that reads
    /// the log: those begin with `::` or `##[` after any spaces.
    fn indented(&mut self, indent: usize, line: &str) {
        let mark = if line.trim_start().starts_with("::") || line.trim_start().starts_with("##[") {
            "│ "
        } else {
            ""
        };
        let line = format!("{:indent$}{mark}{line}", "");
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, tone: Option<Tone>, text: &str) -> String {
        match tone {
            Some(tone) if self.color && !text.trim().is_empty() => {
                format!("\x1b[{}m{text}\x1b[0m", tone.code())
            }
            _ => text.to_owned(),
        }
    }
}

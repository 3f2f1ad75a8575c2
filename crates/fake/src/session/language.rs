//! LANG (RFC 6856 section 3). All text is English, so there is only one language to choose.

use super::{Arguments, Session};
use crate::Defect;
use crate::transfer::Body;

const TAG: &str = "en";

impl Session {
    pub(super) fn lang(&mut self, arguments: &Arguments<'_>) {
        if self.broken(Defect::LangOnlyBeforeLogin) && self.transaction.is_some() {
            return self.err("Only before login");
        }
        match arguments.words[..] {
            [] => self.list_languages(),
            [b"*"] if self.broken(Defect::LangStarErr) => self.err("No such language"),
            [b"*"] => self.ok("en This is the language of the house"),
            [range] if range.eq_ignore_ascii_case(TAG.as_bytes()) => {
                let text =
                    if self.broken(Defect::LangNoTag) { "Language chosen" } else { "en Language chosen" };
                self.ok(text);
            }
            [_] if self.broken(Defect::LangUnknownOk) => self.ok("en Language unchanged"),
            [_] => self.err("No such language"),
            _ => self.err("LANG takes one language"),
        }
    }

    fn list_languages(&mut self) {
        let mut lines = vec![b"en English".to_vec()];
        if self.broken(Defect::LangBadTag) {
            lines.push(b"en_GB British English".to_vec());
        }
        self.ok("Languages follow");
        self.output.start(Body::Lines(Box::new(lines.into_iter())));
    }
}

//! LANG (RFC 6856 section 3). All text is English, so there is only one language to choose.

use super::Arguments;
use crate::reply::{Content, Reply};

const TAG: &str = "en";

pub(super) fn lang(arguments: &Arguments<'_>) -> Reply {
    match arguments.words() {
        [] => Reply::ok("Languages follow").with(Content::lines([b"en English".to_vec()])),
        [b"*"] => Reply::ok("en This is the language of the house"),
        [range] if range.eq_ignore_ascii_case(TAG.as_bytes()) => Reply::ok("en Language chosen"),
        [_] => Reply::err("No such language"),
        _ => Reply::err("LANG takes one language"),
    }
}

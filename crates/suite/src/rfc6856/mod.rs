//! Checks of RFC 6856, UTF8 and LANG, and of RFC 6858, surrogates for old clients.

pub(crate) mod lang;
pub(crate) mod utf8;
pub(crate) mod utf8_messages;

use crate::check::sections;

sections! { lang, utf8, utf8_messages }

//! Rows of the table: UTF8 and LANG, and the only defect that is load's.

macro_rules! languages {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

    // UTF8 and LANG
    Utf8Parameter "rfc6856.utf8.parameter"
        "UTF8 is announced with an unknown parameter"
        ["rfc6856.utf8.capa"];
    Utf8BreaksStat "rfc6856.utf8.breaks-stat"
        "STAT right after login is refused in UTF8 mode"
        ["rfc6856.utf8.command"];
    Utf8InTransaction "rfc6856.utf8.in-transaction"
        "UTF8 is accepted after login"
        ["rfc6856.utf8.not-in-trans"];
    Utf8RawAnyway "rfc6856.utf8.raw-anyway"
        "messages with UTF-8 in the header are sent as they are, with or without UTF8"
        ["rfc6856.utf8.required"];
    Utf8CodeOnDele "rfc6856.utf8.code-on-dele"
        "DELE of a message that does not exist is refused with UTF8"
        ["rfc6856.utf8.code"];
    Utf8Replaces "rfc6856.utf8.replaces"
        "in UTF8 mode every octet of UTF-8 in a header is replaced by a question mark"
        ["rfc6856.utf8.as-is"];
    Utf8AltersAscii "rfc6856.utf8.alters-ascii"
        "in UTF8 mode ASCII messages get another header field"
        ["rfc6856.utf8.ascii-unchanged"];
    LangBadTag "rfc6856.lang.bad-tag"
        "the list of languages has an entry with an underscore"
        ["rfc6856.lang.list"];
    LangNoTag "rfc6856.lang.no-tag"
        "the reply to LANG with a known language does not name it"
        ["rfc6856.lang.select"];
    LangUnknownOk "rfc6856.lang.unknown-ok"
        "LANG with an unknown language is answered +OK"
        ["rfc6856.lang.unknown"];
    LangStarErr "rfc6856.lang.star-err"
        "LANG * is refused"
        ["rfc6856.lang.star"];
    LangOnlyBeforeLogin "rfc6856.lang.only-before-login"
        "LANG is refused after login"
        ["rfc6856.lang.states"];
    // Seen by load only, which is the only one to look at the content of mail that was seeded for it
    RetrCorrupt "load.retr-corrupt"
        "in every third RETR of mail seeded for load, one letter of the body is another"
        [];
    } };
}

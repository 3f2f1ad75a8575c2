//! Rows of the table: greeting and framing: the form of everything that is said.

macro_rules! framing {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

    // Connection and greeting
    GreetingGlued "rfc1939.greeting.glued"
        "the greeting begins with +OK: instead of +OK and a space"
        ["rfc1939.greeting.positive" "rfc1939.frame.status-delimiter"];
    GreetingTwoLines "rfc1939.greeting.two-lines"
        "the greeting has a second line, which is sent late: before the answer to the first command if that is an unknown one"
        ["rfc1939.greeting.one-line" "rfc1939.cmd.unrecognized"];
    GreetingTooLong "rfc2449.greeting.too-long"
        "the greeting is a line of 600 octets"
        ["rfc2449.greeting.length"];
    GreetingDropped "rfc1939.greeting.dropped"
        "every tenth connection is closed without a greeting"
        ["rfc1939.greeting.unprompted"];
    // Framing and grammar
    BareLf "rfc1939.frame.bare-lf"
        "the reply to NOOP ends with a bare LF"
        ["rfc1939.frame.crlf"];
    StatusWord "rfc1939.frame.status-word" "a refused password is answered +ERR" ["rfc1939.frame.status-upper"];
    LowerCaseStatus "rfc1939.frame.lower-case-status"
        "the reply to NOOP begins with +ok"
        ["rfc1939.frame.status-upper"];
    StatusGlued "rfc1939.frame.status-glued"
        "a comma follows +OK in the reply to NOOP"
        ["rfc1939.frame.status-delimiter"];
    StatusTooLong "rfc1939.frame.status-too-long"
        "the refusal of an over-long command line has 600 octets itself"
        ["rfc1939.frame.status-512"];
    DoubleReply "rfc1939.frame.double-reply"
        "a NOOP right after login, with nothing but STAT before it, is answered twice"
        ["rfc1939.frame.one-reply"];
    CaseSensitive "rfc1939.frame.case-sensitive"
        "keywords are understood in upper case only"
        ["rfc1939.frame.keyword-case"];
    NonAsciiText "rfc1939.frame.non-ascii-text"
        "the text of the reply to NOOP has UTF-8 in it"
        ["rfc1939.frame.ascii-text"];
    EmptyLineIgnored "rfc1939.frame.empty-line-ignored"
        "an empty command line is not answered"
        ["rfc1939.frame.empty-line"];
    UnknownOk "rfc1939.cmd.unknown-ok"
        "before login, unknown commands that begin with X are answered +OK"
        ["rfc1939.cmd.unrecognized"];
    XtndOk "rfc1939.cmd.unimplemented-ok"
        "after login, XTND is answered +OK and nothing follows"
        ["rfc1939.cmd.unimplemented"];
    PrefixMatch "rfc1939.cmd.prefix-match"
        "only the first four letters of a longer keyword are looked at"
        ["rfc1939.cmd.no-prefix-match"];
    BareUserOk "rfc1939.cmd.bare-user-ok"
        "USER without a name is answered +OK"
        ["rfc1939.cmd.missing-arg"];
    LaxNumbers "rfc1939.cmd.lax-numbers"
        "a message number may have anything behind its digits"
        ["rfc1939.cmd.number-syntax"];
    ZeroIsFirst "rfc1939.cmd.zero-is-first"
        "message 0 is message 1"
        ["rfc1939.cmd.number-zero"];
    NumberWraps "rfc1939.cmd.number-wraps"
        "message numbers are taken modulo 2^32"
        ["rfc1939.cmd.number-overflow"];
    SplitsLongNames "rfc1939.cmd.splits-long-names"
        "a USER name of more than 39 octets is cut, and the rest answered as a command of its own"
        ["rfc1939.cmd.arg-40" "rfc2449.cmd.len-255"];
    SplitsLongCommands "rfc2449.cmd.splits-long-commands"
        "a command line of more than 200 octets is answered twice"
        ["rfc2449.cmd.len-255"];
    TerminatorLf "rfc1939.multi.terminator-lf"
        "TOP n 0 right after RETR of the same message ends with a dot and a bare LF"
        ["rfc1939.multi.terminator"];
    ErrWithDot "rfc1939.multi.err-with-dot"
        "a dot line follows the refusal of TOP for a message number above 9999"
        ["rfc1939.multi.err-is-single"];
    DotAfterSingle "rfc1939.single.dot-line"
        "a dot line follows the reply to UIDL n when the command before it was NOOP"
        ["rfc1939.single.no-terminator"];
    LargeLosesOctet "rfc1939.multi.loses-octet"
        "from the second time on in a session, RETR of a message over 1 MiB loses the octet at 1 MiB"
        ["rfc1939.multi.chunking"];
    } };
}

//! Rows of the table: the states of a session and what STAT and LIST tell of the maildrop.

macro_rules! maildrop {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

    // States and numbering
    NoopAfterRset "rfc1939.state.noop-after-rset"
        "NOOP is an unknown command right after RSET"
        ["rfc1939.cmd.minimal-set" "rfc2449.pipe.in-order"];
    StatBeforeLogin "rfc1939.state.stat-before-login"
        "STAT is answered +OK before login if it is the first command on its channel"
        ["rfc1939.state.trans-cmd-in-auth" "rfc8314.implicit.state" "rfc2595.stls.state"];
    StatAfterFailedPass "rfc1939.state.stat-after-failed-pass"
        "STAT is answered +OK after a wrong password"
        ["rfc1939.state.failed-auth-stays" "rfc2449.pipe.failed-login"];
    NoopBeforeLogin "rfc1939.state.noop-before-login"
        "NOOP is answered +OK before login"
        ["rfc1939.state.noop-in-auth"];
    UserInTransaction "rfc1939.state.user-in-transaction"
        "USER is answered +OK after login"
        ["rfc1939.state.auth-cmd-in-trans"];
    RefusesAfterFailure "rfc1939.state.refuses-after-failure"
        "after a wrong password every further PASS on the connection is refused"
        ["rfc1939.state.retry-after-fail"];
    PassWithoutUser "rfc1939.state.pass-without-user"
        "PASS without any USER opens the first maildrop with that password"
        ["rfc1939.state.pass-needs-user"];
    PassRemembersName "rfc1939.state.pass-remembers-name"
        "the name is still known after a wrong password, so PASS alone logs in"
        ["rfc1939.state.pass-after-failed-pass"];
    StatRemembersMarks "rfc1939.state.stat-remembers-marks"
        "STAT leaves out what the session before had marked when it was cut off"
        ["rfc1939.state.starts-clean"];
    LastNumberOff "rfc1939.state.last-number-off"
        "LIST gives the last message a number too high if STAT was asked twice just before"
        ["rfc1939.state.numbering"];
    HexNumber "rfc1939.state.hex-number"
        "UIDL n right after LIST n gives the message number in hexadecimal"
        ["rfc1939.state.decimal"];
    Renumbers "rfc1939.dele.renumbers"
        "after DELE, RETR counts only the messages that are left"
        ["rfc1939.state.numbers-fixed"];
    // STAT
    StatTwoSpaces "rfc1939.stat.two-spaces"
        "two spaces stand before the count of STAT when STAT was asked just before"
        ["rfc1939.stat.format"];
    StatEmptyErr "rfc1939.stat.empty-err"
        "STAT is refused in a maildrop that never had mail"
        ["rfc1939.stat.empty"];
    StatCountsDeleted "rfc1939.stat.counts-deleted"
        "STAT counts marked messages as long as one is unmarked"
        ["rfc1939.stat.excludes-deleted" "rfc2449.pipe.in-order"];
    StatAfterRset "rfc1939.stat.after-rset"
        "a lone mark that RSET took back is still left out of STAT"
        ["rfc1939.stat.after-rset"];
    // LIST
    ListRepeats "rfc1939.list.repeats"
        "LIST gives the last message twice"
        ["rfc1939.list.complete" "rfc1939.state.numbering" "rfc1939.stat.matches-list"];
    ListTwoSpaces "rfc1939.list.two-spaces"
        "two spaces stand between number and size in the lines of LIST right after STAT"
        ["rfc1939.list.format"];
    ListKeepsDeleted "rfc1939.list.keeps-deleted"
        "LIST gives marked messages too as long as one is unmarked"
        ["rfc1939.list.excludes-deleted"];
    ListEmptyErr "rfc1939.list.empty-err"
        "LIST is refused in a maildrop that never had mail"
        ["rfc1939.list.empty"];
    ListArgIgnored "rfc1939.list.arg-ignored"
        "LIST n gives the whole listing if nothing but STAT came before it"
        ["rfc1939.list.arg" "rfc1939.single.no-terminator" "rfc2449.pipe.split"];
    ListArgDisagrees "rfc1939.list.arg-disagrees"
        "LIST n right after LIST gives a size one too high"
        ["rfc1939.list.arg-agrees"];
    ListNoSuchOk "rfc1939.list.no-such-ok"
        "LIST of the number after the last is answered with a size of 0"
        ["rfc1939.list.no-such"];
    SizeCountsLf "rfc1939.size.counts-lf"
        "sizes count one octet for each line end, in messages of 900 lines or more"
        ["rfc1939.size.exact" "rfc1939.size.crlf"];
    SizeCountsStuffing "rfc1939.size.counts-stuffing"
        "sizes count the dots that stuffing adds"
        ["rfc1939.size.exact" "rfc1939.size.dots"];
    } };
}

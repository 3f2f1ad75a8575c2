//! Rows of the table: the optional commands TOP and UIDL.

macro_rules! optional {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

    // TOP
    TopNoStuffing "rfc1939.top.no-stuffing"
        "TOP sends lines that begin with a dot as they are"
        ["rfc1939.top.dot-stuffing" "rfc1939.top.exact-count"];
    TopZeroIsAll "rfc1939.top.zero-is-all"
        "TOP n 0 sends the whole message"
        ["rfc1939.top.zero"];
    TopOffByOne "rfc1939.top.off-by-one"
        "TOP sends one body line more than was asked for, unless none was"
        ["rfc1939.top.structure" "rfc1939.top.exact-count"];
    TopTooMany "rfc1939.top.refuses-many"
        "TOP is refused for more than 100000 lines"
        ["rfc1939.top.more-than-all"];
    TopNegative "rfc1939.top.negative"
        "TOP takes a negative number of lines for 0"
        ["rfc1939.top.args"];
    TopNoSuchOk "rfc1939.top.no-such-ok"
        "TOP of the number after the last sends an empty message"
        ["rfc1939.top.no-such"];
    // UIDL
    UidlTwoSpaces "rfc1939.uidl.two-spaces"
        "two spaces stand between number and unique-id in the lines of UIDL"
        ["rfc1939.uidl.format"];
    UidlTooLong "rfc1939.uidl.too-long"
        "the unique-id of the last message has 80 characters"
        ["rfc1939.uidl.alphabet" "rfc1939.uidl.format"];
    UidlNoNumber "rfc1939.uidl.no-number"
        "UIDL n is answered without the message number"
        ["rfc1939.uidl.arg" "rfc1939.uidl.arg-agrees"];
    UidlArgDisagrees "rfc1939.uidl.arg-disagrees"
        "UIDL n gives the unique-id in upper case"
        ["rfc1939.uidl.arg-agrees"];
    UidlNoSuchOk "rfc1939.uidl.no-such-ok"
        "UIDL of the number after the last is answered with a unique-id"
        ["rfc1939.uidl.no-such"];
    UidlKeepsDeleted "rfc1939.uidl.keeps-deleted"
        "UIDL gives marked messages too as long as one is unmarked"
        ["rfc1939.uidl.excludes-deleted"];
    UidlEmptyErr "rfc1939.uidl.empty-err"
        "UIDL is refused in a maildrop that never had mail"
        ["rfc1939.uidl.complete"];
    UidlShared "rfc1939.uidl.shared"
        "the fifth message ever delivered to an account has the unique-id of the fourth"
        ["rfc1939.uidl.unique"];
    UidlPerSession "rfc1939.uidl.per-session"
        "all unique-ids change after a session that did only UIDL and QUIT"
        ["rfc1939.uidl.persistent"];
    UidlAfterLoss "rfc1939.uidl.changes-after-loss"
        "all unique-ids change after a session that did only UIDL and was cut off"
        ["rfc1939.uidl.persistent-no-update"];
    UidlPosition "rfc1939.uidl.position"
        "the unique-ids of the other messages change when message 1 alone is removed"
        ["rfc1939.uidl.independent-of-position"];
    UidlAfterTop "rfc1939.uidl.changes-after-top"
        "the unique-id of a message changes after QUIT if TOP of it came right after RETR of another"
        ["rfc1939.uidl.independent-of-access"];
    UidlAfterRset "rfc1939.uidl.changes-after-rset"
        "RSET of a lone mark on any message but the first changes the unique-ids of the session"
        ["rfc1939.uidl.stable-in-session"];
    } };
}

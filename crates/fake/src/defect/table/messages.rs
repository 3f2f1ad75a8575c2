//! Rows of the table: messages that are retrieved, marked and removed.

macro_rules! messages {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

    // RETR
    RetrNoStuffing "rfc1939.retr.no-stuffing"
        "RETR sends lines that begin with a dot as they are"
        ["rfc1939.retr.dot-stuffing" "rfc1939.retr.lone-dot" "rfc1939.retr.dot-edges" "rfc1939.retr.dot-at-buffer"
         "rfc1939.retr.fidelity" "rfc1939.size.exact" "rfc1939.size.dots" "rfc1939.top.dot-stuffing"];
    RetrFirstLineUnstuffed "rfc1939.retr.first-line-unstuffed"
        "RETR does not stuff a dot that is the first octet of the message"
        ["rfc1939.retr.dot-edges" "rfc1939.retr.fidelity" "rfc1939.size.exact"];
    RetrRefused "rfc1939.retr.refused"
        "message 4 is listed, and neither RETR nor TOP gives it" ["rfc1939.retr.fidelity"];
    RetrDotAtBuffer "rfc1939.retr.dot-at-buffer"
        "RETR forgets stuffing for lines that begin in the first 64 octets of a block of 4096, but for the first block"
        ["rfc1939.retr.dot-at-buffer" "rfc1939.retr.fidelity" "rfc1939.size.exact"];
    RetrSevenBit "rfc1939.retr.seven-bit"
        "the eighth bit of every octet of a body is cleared"
        ["rfc1939.retr.fidelity"];
    RetrBareLf "rfc1939.retr.bare-lf"
        "the first line of message 1 ends with a space and LF instead of CRLF"
        ["rfc1939.retr.line-ends"];
    RetrOnce "rfc1939.retr.once"
        "RETR of the message just retrieved is refused"
        ["rfc1939.retr.repeatable"];
    RetrHides "rfc1939.retr.hides"
        "if the only RETR of a session without DELE is followed by QUIT, that message is missing from the next session"
        ["rfc1939.retr.no-implicit-delete" "rfc2449.expire.never"];
    RetrGlued "rfc1939.retr.glued-terminator"
        "the terminating dot is glued to a last line without line end"
        ["rfc1939.retr.no-final-newline" "rfc1939.retr.dot-edges" "rfc1939.retr.fidelity" "rfc1939.size.exact"];
    RetrSkipsSeparator "rfc1939.retr.skips-separator"
        "a message that begins with the separator line is sent without it"
        ["rfc1939.retr.odd-messages" "rfc1939.size.exact"];
    RetrNoSuchOk "rfc1939.retr.no-such-ok"
        "RETR of the number after the last sends an empty message"
        ["rfc1939.retr.no-such"];
    RetrSurplusLine "rfc1939.retr.surplus-line"
        "an empty line stands before the reply to a NOOP right after RETR 1"
        ["rfc1939.retr.multiline"];
    // DELE, NOOP, RSET
    RetrAfterDele "rfc1939.dele.retr-still-works"
        "RETR of a marked message still sends it"
        ["rfc1939.dele.hides"];
    DeleRefused "rfc1939.dele.refused"
        "DELE of message 1 is refused, though it exists"
        ["rfc1939.dele.ok" "rfc1939.dele.all" "rfc1939.cmd.minimal-set" "rfc2449.pipe.in-order"];
    DeleTwiceOk "rfc1939.dele.twice-ok"
        "DELE of a marked message is answered +OK"
        ["rfc1939.dele.twice"];
    DeleNoSuchOk "rfc1939.dele.no-such-ok"
        "DELE of any number after the last, of 31 bits at most, is answered +OK"
        ["rfc1939.dele.no-such"];
    DeleAllKept "rfc1939.dele.all-kept"
        "QUIT removes nothing if every message is marked"
        ["rfc1939.dele.all"];
    NoopUnmarks "rfc1939.noop.unmarks"
        "NOOP takes back all marks"
        ["rfc1939.noop.ok"];
    RsetUnmarksOne "rfc1939.rset.unmarks-one"
        "RSET takes back only the first of several marks"
        ["rfc1939.rset.unmarks"];
    RsetErr "rfc1939.rset.err-without-marks"
        "RSET is refused when nothing is marked"
        ["rfc1939.rset.idempotent"];
    RsetMoves "rfc1939.rset.moves"
        "RSET of a lone mark on message 1 puts that message at the end"
        ["rfc1939.rset.keeps-numbers"];
    // QUIT and the UPDATE state
    QuitErrBeforeLogin "rfc1939.quit.err-before-login"
        "QUIT as the first command of a connection is refused"
        ["rfc1939.quit.auth"];
    QuitCommitsAbandoned "rfc1939.quit.commits-abandoned"
        "QUIT before login removes what cut-off sessions had marked"
        ["rfc1939.quit.auth-no-update"];
    QuitErr "rfc1939.quit.err"
        "QUIT right after login is refused"
        ["rfc1939.quit.trans"];
    QuitKeepsMarked "rfc1939.quit.keeps-marked"
        "QUIT leaves the last of several marked messages in place, unless all are marked"
        ["rfc1939.quit.removes-marked"];
    QuitRemovesTooMuch "rfc1939.quit.removes-too-much"
        "QUIT also removes the message after a lone marked one, unless that is message 1"
        ["rfc1939.quit.keeps-unmarked"];
    QuitRemovesLate "rfc1939.quit.removes-late"
        "a lone mark on message 1 is carried out only when the next session has begun"
        ["rfc1939.quit.reply-after-removal"];
    QuitKeepsLock "rfc1939.quit.keeps-lock"
        "the second session in a row that did nothing but QUIT leaves the lock behind, until one login was refused for it"
        ["rfc1939.quit.lock-released"];
    QuitReplyLost "rfc1939.quit.reply-lost"
        "from the sixth session in a row that did only LIST and QUIT, the connection is reset instead of a reply"
        ["rfc1939.quit.reply-delivered"];
    QuitGoesOn "rfc1939.quit.goes-on"
        "commands that arrived together with QUIT are still executed"
        ["rfc1939.quit.ignores-rest"];
    QuitWithoutCrlf "rfc1939.quit.without-crlf-commits"
        "a QUIT that is cut off before its CRLF removes what is marked"
        ["rfc1939.quit.needs-crlf"];
    CommitsOnClose "rfc1939.update.commits-on-close"
        "the end of the connection removes what is marked"
        ["rfc1939.update.no-quit-fin" "rfc1939.update.no-quit-rst" "rfc1939.update.no-quit-halfclose"
         "rfc1939.update.no-quit-tls" "rfc1939.update.no-quit-midretr" "rfc1939.state.starts-clean"
         "rfc1939.quit.auth-no-update" "rfc1939.quit.needs-crlf"];
    CommitsMidRetr "rfc1939.update.commits-mid-retr"
        "a connection that breaks in the middle of a RETR or right after it removes what is marked"
        ["rfc1939.update.no-quit-midretr"];
    } };
}

//! The table of all defects: one entry each, in the order of the areas of the catalogue.
//!
//! Each is narrow on purpose: where the plain form of a bug would drag half the session along, the entry says under
//! which circumstance it shows. What a defect does is written where the correct code decides, not here.

use super::DefectInfo;

macro_rules! defects {
    ($($name:ident $id:literal $summary:literal [$($breaks:literal)*];)+) => {
        /// A way in which the server can be wrong. See [`DEFECTS`] for ids and for what each one breaks.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect { $(#[doc = $summary] $name,)+ }

        /// All defects.
        pub const DEFECTS: &[DefectInfo] = &[$(DefectInfo {
            defect: Defect::$name, id: $id, summary: $summary, breaks: &[$($breaks),*],
        },)+];
    };
}

defects! {
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
    // USER, PASS, APOP
    UnknownUserSpoils "rfc1939.user.unknown-spoils"
        "USER of an unknown name is refused, and so is every PASS on the connection after it"
        ["rfc1939.user.err-then-new-auth"];
    PassPrefix "rfc1939.pass.prefix"
        "PASS takes anything that begins with the password"
        ["rfc1939.pass.wrong"];
    PassCaseFolded "rfc1939.pass.case-folded"
        "PASS compares without regard to case"
        ["rfc1939.pass.case"];
    PassEmptyOk "rfc1939.pass.empty-ok"
        "an empty password opens every maildrop"
        ["rfc1939.pass.empty"];
    ApopTwoTimestamps "rfc1939.apop.two-timestamps"
        "a second timestamp, which means nothing, stands in the greeting"
        ["rfc1939.apop.timestamp-syntax"];
    ApopUnknown "rfc1939.apop.unknown"
        "APOP is an unknown command, though the greeting has a timestamp" ["rfc1939.apop.login"];
    ApopRefuses "rfc1939.apop.refuses" "every digest is refused" ["rfc1939.apop.login"];
    ApopFixed "rfc1939.apop.fixed-timestamp"
        "every greeting has the same timestamp"
        ["rfc1939.apop.timestamp-unique"];
    StatAfterFailedApop "rfc1939.apop.stat-after-failure"
        "STAT is answered +OK after a wrong APOP digest"
        ["rfc1939.apop.bad"];
    ApopWithoutDigest "rfc1939.apop.without-digest"
        "APOP with the name of an account and no digest is answered +OK"
        ["rfc1939.apop.syntax"];
    // Exclusive access
    NoLock "rfc1939.lock.none"
        "there is no lock, and RETR fails for what another session has removed"
        ["rfc1939.lock.effect"];
    StatAfterLockRefusal "rfc1939.lock.stat-after-refusal"
        "STAT is answered +OK after a login that was refused for the lock"
        ["rfc1939.lock.refusal"];
    LockAtUser "rfc1939.lock.at-user"
        "USER already locks the maildrop for other connections"
        ["rfc1939.lock.after-auth-only"];
    // CAPA
    CapaTwoSpaces "rfc2449.capa.two-spaces"
        "two spaces stand behind IMPLEMENTATION in the list"
        ["rfc2449.capa.format"];
    CapaDottedTag "rfc2449.capa.dotted-tag"
        "the list has a tag with a dot in it"
        ["rfc2449.capa.tag-syntax"];
    CapaOnlyBeforeLogin "rfc2449.capa.only-before-login"
        "CAPA is refused after login"
        ["rfc2449.capa.both-states" "rfc5034.capa.after-auth" "rfc6856.utf8.capa"];
    CapaDropsAfterLogin "rfc2449.capa.drops-after-login"
        "PIPELINING is missing from the list after login"
        ["rfc2449.capa.persistent"];
    CapaShrinksSasl "rfc2449.capa.shrinks-sasl"
        "the list of SASL mechanisms is shorter after a login by USER or APOP"
        ["rfc2449.capa.same-args"];
    CapaDropsSasl "rfc5034.capa.drops-sasl"
        "SASL is missing from the list after a login by AUTH"
        ["rfc5034.capa.after-auth"];
    CapaUntruthful "rfc2449.capa.untruthful"
        "SCRAM-SHA-256 is announced, and unknown without an initial response"
        ["rfc2449.capa.truthful"];
    ImplementationEmpty "rfc2449.capa.implementation-empty"
        "IMPLEMENTATION has no parameter"
        ["rfc2449.impl.syntax"];
    LoginDelayForm "rfc2449.login-delay.form"
        "LOGIN-DELAY says USER after login"
        ["rfc2449.login-delay.syntax"];
    LoginDelayGrows "rfc2449.login-delay.grows"
        "LOGIN-DELAY is larger after login than before"
        ["rfc2449.login-delay.max-first"];
    ExpireForm "rfc2449.expire.form"
        "EXPIRE says USER after login"
        ["rfc2449.expire.syntax"];
    ExpireShrinks "rfc2449.expire.shrinks"
        "EXPIRE is NEVER before login and 30 days after it"
        ["rfc2449.expire.min-first"];
    // Response codes
    RespEcho "rfc2449.resp.echo"
        "the refusal of RETR begins with what was not a number"
        ["rfc2449.resp.bracket"];
    RespEmptyLevel "rfc2449.resp.empty-level"
        "the refusal of an unknown command begins with a code that has an empty level"
        ["rfc2449.resp.bracket" "rfc2449.resp.syntax"];
    RespUnannounced "rfc2449.resp.unannounced"
        "RESP-CODES is not announced"
        ["rfc2449.resp.announced"];
    InUseForWrongPassword "rfc2449.resp.in-use-for-wrong-password"
        "a wrong password for a locked maildrop is answered with IN-USE"
        ["rfc2449.resp.in-use-meaning"];
    InUseOnRetr "rfc2449.resp.in-use-on-retr"
        "RETR of a message that does not exist is refused with IN-USE"
        ["rfc2449.resp.in-use-commands"];
    LoginDelayOnRetr "rfc2449.resp.login-delay-on-retr"
        "RETR of a message that does not exist is refused with LOGIN-DELAY"
        ["rfc2449.resp.login-delay-use"];
    SysOther "rfc3206.sys.other"
        "RETR of a message that does not exist is refused with SYS/OTHER"
        ["rfc3206.sys.syntax"];
    AuthOnRetr "rfc3206.auth.on-retr"
        "RETR of a message that does not exist is refused with AUTH"
        ["rfc3206.auth.commands"];
    AuthNotForUnknownUser "rfc3206.auth.not-for-unknown-user"
        "PASS for a user that does not exist is refused without AUTH"
        ["rfc3206.auth.always"];
    AuthOnUnknownMechanism "rfc3206.auth.on-unknown-mechanism"
        "an unknown mechanism is refused with AUTH"
        ["rfc3206.auth.only-credentials"];
    // PIPELINING
    PipeLosesInput "rfc2449.pipe.loses-input"
        "what arrived together with a successful PASS is lost"
        ["rfc2449.pipe.login"];
    PipeDropsDele "rfc2449.pipe.drops-dele"
        "DELE is lost if further commands have already arrived"
        ["rfc2449.pipe.in-order"];
    PipeDropsNoop "rfc2449.pipe.drops-noop"
        "NOOP right after RETR of a message over 1 MiB is lost"
        ["rfc2449.pipe.during-retr"];
    PipeDropsRepeated "rfc2449.pipe.drops-repeated"
        "from the fiftieth LIST n of a session on, there is no reply"
        ["rfc2449.pipe.split"];
    // STLS and TLS
    StlsUnannounced "rfc2595.stls.unannounced"
        "STLS works and is not announced"
        ["rfc2595.stls.needs-capa"];
    StlsForgetsCapa "rfc2595.stls.forgets-capa"
        "CAPA is unknown as the first command after STLS"
        ["rfc2595.stls.works"];
    StlsSecondGreeting "rfc2595.stls.second-greeting"
        "a second greeting follows STLS, which is sent late: before the answer to the first command if that is an unknown one"
        ["rfc2595.stls.no-second-greeting"];
    StlsInTransaction "rfc2595.stls.in-transaction"
        "STLS is accepted after login"
        ["rfc2595.stls.not-in-trans"];
    StlsKeepsPlaintext "rfc2595.stls.keeps-plaintext"
        "commands that arrived in cleartext together with STLS are executed inside TLS"
        ["practice.stls.injection"];
    TlsHidesPlain "rfc5034.plain.hidden-under-tls"
        "PLAIN is not announced under TLS"
        ["rfc5034.plain.tls"];
    // AUTH
    SaslLowerCase "rfc5034.capa.lower-case"
        "LOGIN is announced in lower case"
        ["rfc5034.capa.list"];
    AuthUnknownMechanism "rfc5034.auth.unknown-mechanism"
        "an unknown mechanism is answered with an empty challenge"
        ["rfc5034.auth.unknown-mech"];
    AuthMechanismCase "rfc5034.auth.mechanism-case"
        "mechanism names are known in upper case only"
        ["rfc5034.auth.mech-case"];
    AuthChallengePlain "rfc5034.auth.plain-challenge"
        "the challenges of LOGIN and CRAM-MD5 are sent without base64"
        ["rfc5034.auth.challenge-form" "rfc2195.cram.challenge" "rfc2195.cram.login"];
    AuthPlusText "rfc5034.auth.plus-text"
        "an empty challenge has a friendly text"
        ["rfc5034.auth.empty-challenge"];
    AuthIgnoresInitial "rfc5034.auth.ignores-initial-response"
        "an initial response that would log in is ignored if AUTH is the first command on its channel"
        ["rfc5034.auth.initial-response" "rfc5034.auth.success" "rfc4616.plain.empty-authzid"];
    AuthTwoStep "rfc5034.auth.refuses-two-steps"
        "PLAIN without an initial response always fails"
        ["rfc5034.auth.two-step"];
    AuthEquals "rfc5034.auth.equals-is-nothing"
        "an initial response of = is taken for none"
        ["rfc5034.auth.equals"];
    AuthServerFirst "rfc5034.auth.drops-initial-response"
        "an initial response is dropped where the server has to speak first"
        ["rfc5034.auth.ir-server-first"];
    AuthCancelOk "rfc5034.auth.cancel-ok"
        "a cancelled exchange is answered +OK"
        ["rfc5034.auth.cancel"];
    AuthLenientBase64 "rfc5034.auth.lenient-base64"
        "foreign printable characters in base64 are skipped"
        ["rfc5034.auth.bad-base64"];
    AuthTrims "rfc5034.auth.trims-response"
        "blanks and tabs around a response are removed"
        ["rfc5034.auth.ctl-in-response"];
    AuthFailureSticks "rfc5034.auth.failure-sticks"
        "after a failed AUTH every further AUTH on the connection fails"
        ["rfc5034.auth.failure"];
    AuthAgain "rfc5034.auth.again"
        "AUTH is answered +OK after login"
        ["rfc5034.auth.again"];
    AuthSkipsProof "rfc5034.auth.skips-last-challenge"
        "SCRAM ends with +OK instead of the challenge that proves the server"
        ["rfc5034.auth.no-data-with-ok" "rfc5802.scram.exchange"];
    AuthShortLines "rfc5034.auth.short-lines"
        "a response of more than 600 octets is answered twice"
        ["rfc5034.auth.long-lines" "rfc4616.plain.255"];
    AuthObeysQuit "rfc5034.auth.obeys-quit"
        "a response that begins with QUIT and is not base64 ends the session"
        ["rfc5034.auth.not-a-command"];
    // Mechanisms
    PlainExtraNul "rfc4616.plain.extra-nul"
        "PLAIN ignores everything from a third NUL on"
        ["rfc4616.plain.malformed"];
    PlainBadUtf8 "rfc4616.plain.bad-utf8"
        "PLAIN with octets that are not UTF-8 is answered +OK"
        ["rfc4616.plain.bad-utf8"];
    CramFixed "rfc2195.cram.fixed-challenge"
        "CRAM-MD5 always has the same challenge"
        ["rfc2195.cram.challenge"];
    CramShortDigest "rfc2195.cram.short-digest"
        "CRAM-MD5 accepts a digest of which the end is missing"
        ["rfc2195.cram.login"];
    ScramAnyProof "rfc5802.scram.accepts-any-proof"
        "SCRAM accepts a wrong proof"
        ["rfc5802.scram.bad-proof"];
    ScramAnyNonce "rfc5802.scram.accepts-any-nonce"
        "SCRAM accepts a last message with another nonce"
        ["rfc5802.scram.nonce"];
    ScramAnyHeader "rfc5802.scram.accepts-any-header"
        "SCRAM accepts a last message whose c= does not repeat the header of the first"
        ["rfc5802.scram.gs2"];
    ScramRefusesExtension "rfc5802.scram.refuses-extension"
        "SCRAM fails on an optional extension it does not know"
        ["rfc5802.scram.attributes"];
    ScramWrongSignature "rfc5802.scram.wrong-signature"
        "SCRAM sends a wrong server signature"
        ["rfc5802.scram.exchange"];
    ExternalOpen "rfc4422.external.open"
        "EXTERNAL is announced, and answered +OK without any certificate"
        ["rfc4422.external.no-cert"];
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
}

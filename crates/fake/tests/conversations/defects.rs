//! Every defect shows: for each there is a conversation that a correct server holds differently.

use fake::{DEFECTS, Defect, Defects};

use crate::talk::{run, world};

#[test]
fn every_defect_changes_its_conversation() {
    let mut silent = Vec::new();
    for info in DEFECTS {
        let script = conversation(info.defect);
        let large = script.contains("dave");
        let right = run(&world(Defects::NONE, large), &script);
        let wrong = run(&world(Defects::from(info.defect), large), &script);
        if right == wrong {
            silent.push(format!("{}:\n{right}", info.id));
        }
    }
    assert!(silent.is_empty(), "these did not show:\n{}", silent.join("\n"));
}

/// A conversation in which the defect shows.
#[expect(clippy::match_same_arms, reason = "in the order of the table")]
fn conversation(defect: Defect) -> String {
    use Defect as D;
    let long_name = "a".repeat(40);
    let script = match defect {
        D::GreetingGlued | D::GreetingTooLong | D::ApopTwoTimestamps | D::ApopFixed => "== connect",
        D::GreetingTwoLines => "== connect\nC: NOOPX",
        D::GreetingDropped => return "== connect\n".repeat(10),
        D::StatusWord => "== connect\nC: USER bob\nC: PASS x",
        D::BareLf | D::LowerCaseStatus | D::StatusGlued | D::NonAsciiText | D::DoubleReply => {
            "== login alice\nC: STAT\nC: NOOP"
        }
        D::StatusTooLong => return format!("== connect\nC: USER {}", "a".repeat(300)),
        D::CaseSensitive => "== login alice\nC: stat",
        D::EmptyLineIgnored => "== connect\nC~ \\r\\n",
        D::UnknownOk => "== connect\nC: XYZZY",
        D::XtndOk => "== login alice\nC: XTND XMIT",
        D::PrefixMatch => "== login alice\nC: STATUS",
        D::BareUserOk => "== connect\nC: USER",
        D::LaxNumbers => "== login alice\nC: RETR 2x",
        D::ZeroIsFirst => "== login alice\nC: DELE 0",
        D::NumberWraps => "== login alice\nC: LIST 4294967297",
        D::SplitsLongNames => return format!("== connect\nC: USER {long_name}"),
        D::SplitsLongCommands => return format!("== connect\nC: USER {}", "a".repeat(248)),
        D::TerminatorLf => "== login alice\nC: RETR 1\nC: TOP 1 0",
        D::ErrWithDot => "== login alice\nC: TOP 99999 0",
        D::DotAfterSingle => "== login alice\nC: NOOP\nC: UIDL 1",
        D::LargeLosesOctet => "== login dave\nC: RETR 1\nC: RETR 1",
        D::NoopAfterRset => "== login alice\nC: RSET\nC: NOOP",
        D::StatBeforeLogin => "== connect\nC: STAT",
        D::StatAfterFailedPass => "== connect\nC: USER alice\nC: PASS x\nC: STAT",
        D::NoopBeforeLogin => "== connect\nC: NOOP",
        D::UserInTransaction => "== login alice\nC: USER bob",
        D::RefusesAfterFailure => "== connect\nC: USER bob\nC: PASS x\nC: USER bob\nC: PASS builder",
        D::PassWithoutUser => "== connect\nC: PASS builder",
        D::PassRemembersName => "== connect\nC: USER bob\nC: PASS x\nC: PASS builder",
        D::StatRemembersMarks => "== login alice\nC: DELE 1\n== drop\n== login alice\nC: STAT",
        D::LastNumberOff => "== login alice\nC: STAT\nC: STAT\nC: LIST",
        D::HexNumber => "== login alice\nC: LIST 1\nC: UIDL 1",
        D::Renumbers => "== login alice\nC: DELE 1\nC: RETR 2",
        D::StatTwoSpaces => "== login alice\nC: STAT\nC: STAT",
        D::StatEmptyErr => "== login bob\nC: STAT",
        D::StatCountsDeleted => "== login alice\nC: DELE 1\nC: STAT",
        D::StatAfterRset => "== login alice\nC: DELE 1\nC: RSET\nC: STAT",
        D::ListRepeats => "== login alice\nC: LIST",
        D::ListTwoSpaces => "== login alice\nC: STAT\nC: LIST",
        D::ListKeepsDeleted => "== login alice\nC: DELE 1\nC: LIST",
        D::ListEmptyErr => "== login bob\nC: LIST",
        D::ListArgIgnored => "== login alice\nC: STAT\nC: LIST 1",
        D::ListArgDisagrees => "== login alice\nC: LIST\nC: LIST 1",
        D::ListNoSuchOk => "== login alice\nC: LIST 6",
        D::SizeCountsLf | D::SizeCountsStuffing => "== login carol\nC: LIST",
        D::RetrNoStuffing => "== login alice\nC: RETR 1",
        D::RetrFirstLineUnstuffed => "== login carol\nC: RETR 1",
        D::RetrDotAtBuffer => "== login carol\nC: RETR 6",
        D::RetrSevenBit => "== login carol\nC: RETR 4",
        D::RetrBareLf => "== login alice\nC: RETR 1",
        D::RetrOnce => "== login alice\nC: RETR 1\nC: RETR 1",
        D::RetrHides => "== login alice\nC: RETR 1\nC: QUIT\n== login alice\nC: UIDL",
        D::RetrGlued => "== login alice\nC: RETR 3",
        D::RetrSkipsSeparator => "== login carol\nC: RETR 2",
        D::RetrNoSuchOk | D::InUseOnRetr | D::LoginDelayOnRetr | D::SysOther | D::AuthOnRetr => {
            "== login alice\nC: RETR 6"
        }
        D::RetrSurplusLine => "== login alice\nC: RETR 1\nC: NOOP",
        D::RetrAfterDele => "== login alice\nC: DELE 1\nC: RETR 1",
        D::DeleRefused => "== login alice\nC: DELE 1",
        D::DeleTwiceOk => "== login alice\nC: DELE 1\nC: DELE 1",
        D::DeleNoSuchOk | D::Utf8CodeOnDele => "== login alice\nC: DELE 6",
        D::DeleAllKept => {
            "== login alice\nC+ DELE 1|DELE 2|DELE 3|DELE 4|DELE 5|QUIT\n== login alice\nC: STAT"
        }
        D::NoopUnmarks => "== login alice\nC: DELE 1\nC: NOOP\nC: STAT",
        D::RsetUnmarksOne => "== login alice\nC: DELE 1\nC: DELE 2\nC: RSET\nC: STAT",
        D::RsetErr => "== login alice\nC: RSET",
        D::RsetMoves => "== login alice\nC: DELE 1\nC: RSET\nC: UIDL",
        D::QuitErrBeforeLogin => "== connect\nC: QUIT",
        D::QuitCommitsAbandoned => "== login alice\nC: DELE 1\n== connect\nC: QUIT\n== login alice\nC: STAT",
        D::QuitErr => "== login alice\nC: QUIT",
        D::QuitKeepsMarked => "== login alice\nC: DELE 1\nC: DELE 5\nC: QUIT\n== login alice\nC: UIDL",
        D::QuitRemovesTooMuch => "== login alice\nC: DELE 2\nC: QUIT\n== login alice\nC: UIDL",
        D::QuitRemovesLate | D::UidlPosition => "== login alice\nC: DELE 1\nC: QUIT\n== login alice\nC: UIDL",
        D::QuitKeepsLock => {
            "== login bob\nC: QUIT\n== login bob\nC: QUIT\n== login bob\nC: QUIT\n== login bob\nC: QUIT"
        }
        D::QuitReplyLost => return "== login bob\nC: LIST\nC: QUIT\n".repeat(6),
        D::QuitGoesOn => "== login alice\nC+ QUIT|DELE 1|QUIT",
        D::QuitWithoutCrlf => "== login alice\nC: DELE 1\nC~ QUIT\n== drop\n== login alice\nC: STAT",
        D::CommitsOnClose => "== login alice\nC: DELE 1\n== drop\n== login alice\nC: STAT",
        D::CommitsMidRetr => {
            "== login dave\nC- RETR 1\n== login carol\nC: DELE 1\nC- RETR 5\n== drop\n== login carol\nC: STAT"
        }
        D::TopNoStuffing => "== login alice\nC: TOP 1 3",
        D::TopZeroIsAll => "== login alice\nC: TOP 1 0",
        D::TopOffByOne => "== login alice\nC: TOP 1 1",
        D::TopTooMany => "== login alice\nC: TOP 1 999999",
        D::TopNegative => "== login alice\nC: TOP 1 -1",
        D::TopNoSuchOk => "== login alice\nC: TOP 6 0",
        D::UidlTwoSpaces | D::UidlTooLong | D::UidlShared => "== login alice\nC: UIDL",
        D::UidlNoNumber | D::UidlArgDisagrees => "== login alice\nC: UIDL 1",
        D::UidlNoSuchOk => "== login alice\nC: UIDL 6",
        D::UidlKeepsDeleted => "== login alice\nC: DELE 1\nC: UIDL",
        D::UidlEmptyErr => "== login bob\nC: UIDL",
        D::UidlPerSession => "== login alice\nC: UIDL\nC: QUIT\n== login alice\nC: UIDL",
        D::UidlAfterLoss => "== login alice\nC: UIDL\n== drop\n== login alice\nC: UIDL",
        D::UidlAfterTop => "== login alice\nC: RETR 1\nC: TOP 2 0\nC: QUIT\n== login alice\nC: UIDL",
        D::UidlAfterRset => "== login alice\nC: DELE 2\nC: RSET\nC: UIDL",
        D::UnknownUserSpoils => "== connect\nC: USER nobody\nC: USER alice\nC: PASS wonderland",
        D::PassPrefix => "== connect\nC: USER alice\nC: PASS wonderlandx",
        D::PassCaseFolded => "== connect\nC: USER alice\nC: PASS WONDERLAND",
        D::PassEmptyOk => "== connect\nC: USER alice\nC: PASS",
        D::StatAfterFailedApop => {
            "== connect\nC: APOP alice 0123456789abcdef0123456789abcdef\nC: NOOP\nC: STAT"
        }
        D::ApopWithoutDigest | D::ApopUnknown => "== connect\nC: APOP alice",
        D::ApopRefuses => "== connect\n== apop alice",
        D::RetrRefused => "== login alice\nC: RETR 4",
        D::NoLock => "== login alice\n== use 2\n== login alice\nC: DELE 1\nC: QUIT\n== use 1\nC: RETR 1",
        D::StatAfterLockRefusal => "== login alice\n== use 2\n== login alice\nC: STAT",
        D::LockAtUser => "== connect\nC: USER alice\n== use 2\n== login alice",
        D::CapaTwoSpaces
        | D::CapaDottedTag
        | D::ImplementationEmpty
        | D::RespUnannounced
        | D::StlsUnannounced
        | D::SaslLowerCase
        | D::Utf8Parameter
        | D::LoginDelayForm => "== connect\nC: CAPA",
        D::CapaUntruthful => "== connect\nC: AUTH SCRAM-SHA-256\nC: *",
        D::CapaOnlyBeforeLogin
        | D::CapaDropsAfterLogin
        | D::CapaShrinksSasl
        | D::LoginDelayGrows
        | D::ExpireForm
        | D::ExpireShrinks => "== login alice\nC: CAPA",
        D::CapaDropsSasl => "== connect\nC: AUTH PLAIN {b64 \\0alice\\0wonderland}\nC: CAPA",
        D::RespEcho => "== login alice\nC: RETR x",
        D::RespEmptyLevel => "== connect\nC: XYZZY",
        D::InUseForWrongPassword => "== login alice\n== use 2\n== connect\nC: USER alice\nC: PASS x",
        D::AuthNotForUnknownUser => "== connect\nC: USER nobody\nC: PASS x",
        D::AuthOnUnknownMechanism | D::AuthUnknownMechanism => "== connect\nC: AUTH NO-SUCH-MECH\nC: CAPA",
        D::PipeLosesInput => "== connect\nC+ USER alice|PASS wonderland|STAT|QUIT",
        D::PipeDropsDele => "== login alice\nC+ STAT|DELE 1|NOOP",
        D::PipeDropsNoop => "== login dave\nC+ RETR 1|NOOP|STAT",
        D::PipeDropsRepeated => return format!("== login alice\n{}", "C: LIST 1\n".repeat(50)),
        D::StlsForgetsCapa => "== connect\nC: STLS\nC: CAPA",
        D::StlsSecondGreeting => "== connect\nC: STLS\nC: NOOPX",
        D::StlsInTransaction => "== login alice\nC: STLS",
        D::StlsKeepsPlaintext => "== connect\nC+ STLS|USER alice|CAPA",
        D::TlsHidesPlain => "== tls\nC: CAPA",
        D::AuthMechanismCase => "== connect\nC: AUTH plain\nC: *",
        D::AuthChallengePlain => "== connect\nC: AUTH CRAM-MD5\nC: *",
        D::AuthPlusText => "== connect\nC: AUTH PLAIN\nC: *",
        D::AuthIgnoresInitial => "== connect\nC: AUTH PLAIN {b64 \\0alice\\0wonderland}",
        D::AuthTwoStep => "== connect\nC: AUTH PLAIN\nC: {b64 \\0alice\\0wonderland}",
        D::AuthEquals => "== connect\nC: AUTH PLAIN =",
        D::AuthServerFirst => "== connect\nC: AUTH CRAM-MD5 {b64 alice 0}",
        D::AuthCancelOk => "== connect\nC: AUTH PLAIN\nC: *",
        D::AuthLenientBase64 => "== connect\nC: AUTH PLAIN\nC: !{b64 \\0alice\\0wonderland}",
        D::AuthTrims => "== connect\nC: AUTH PLAIN {b64 \\0alice\\0wonderland}\\t",
        D::AuthFailureSticks => {
            "== connect\nC: AUTH PLAIN {b64 \\0alice\\0x}\nC: AUTH PLAIN {b64 \\0alice\\0wonderland}"
        }
        D::AuthAgain => "== login alice\nC: AUTH PLAIN",
        D::AuthSkipsProof | D::ScramWrongSignature => "== connect\n== scram right",
        D::AuthShortLines => {
            return format!("== connect\nC: AUTH PLAIN\nC: {}", sasl::base64::encode([b'x'; 700]));
        }
        D::AuthObeysQuit => "== connect\nC: AUTH PLAIN\nC: QUIT.\nC: CAPA",
        D::PlainExtraNul => "== connect\nC: AUTH PLAIN {b64 \\0alice\\0wonderland\\0x}",
        D::PlainBadUtf8 => "== connect\nC: AUTH PLAIN {b64 \\0us\\xff\\xfeer\\0p\\xc0\\xaf}",
        D::CramFixed => "== connect\nC: AUTH CRAM-MD5\nC: *",
        D::CramShortDigest => "== connect\nC: AUTH CRAM-MD5\n== cram 16",
        D::ScramAnyProof => "== connect\n== scram proof",
        D::ScramAnyNonce => "== connect\n== scram nonce",
        D::ScramAnyHeader => "== connect\n== scram header",
        D::ScramRefusesExtension => "== connect\n== scram extension",
        D::ExternalOpen => "== tls\nC: AUTH EXTERNAL =",
        D::Utf8BreaksStat => "== connect\nC+ UTF8|USER alice|PASS wonderland|STAT",
        D::Utf8InTransaction => "== login alice\nC: UTF8",
        D::Utf8RawAnyway => "== login carol\nC: RETR 3",
        D::Utf8Replaces => "== connect\nC+ UTF8|USER carol|PASS christmas|RETR 3",
        D::Utf8AltersAscii => "== connect\nC+ UTF8|USER carol|PASS christmas|RETR 7",
        D::LangBadTag => "== connect\nC: LANG",
        D::LangNoTag => "== connect\nC: LANG en",
        D::LangUnknownOk => "== connect\nC: LANG xx-none",
        D::LangStarErr => "== connect\nC: LANG *",
        D::LangOnlyBeforeLogin => "== login alice\nC: LANG",
        D::RetrCorrupt => "== connect\nC: USER load1\nC: PASS x\nC: RETR 1\nC: RETR 2\nC: RETR 3",
    };
    script.to_owned()
}

//! Rows of the table: logins without SASL, and the lock that they take.

macro_rules! login {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

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
    } };
}

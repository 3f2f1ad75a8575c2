//! Rows of the table: CAPA, and what is announced by it: response codes and pipelining.

macro_rules! capabilities {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

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
    } };
}

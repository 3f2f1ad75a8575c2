//! Rows of the table: TLS, and SASL with its mechanisms.

macro_rules! authentication {
    ([$($next:ident)*] $($before:tt)*) => { defects! { [$($next)*] $($before)*

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
    } };
}

//! Which command line of the documents is run how, and what it must show. A line without a row here is an error.

use crate::run::{
    a_part_of_the_tests, a_step_of_ci, all_that_ci_runs, an_action_of_ci, written_if_it_is_not_current,
};

/// What becomes of a command line of a page.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// It is run as it is.
    AsItIs,
    /// It is run in the repository itself, and installs into the folder of the block.
    Install,
    /// It is run against `cargo xtask fake` with these arguments.
    Against(&'static [&'static str]),
    /// It is run against a fake server with the page's load accounts and their mail.
    Load,
    /// Likewise, and it may exit with 0 or 1: how much this machine holds is not for a page to say.
    Search,
    /// It is run against an LMTP server that takes everything and keeps nothing.
    Lmtp,
    /// It is run as it is, and may exit with 0 or 1: which of two runs is faster is not for a page to say.
    EitherVerdict,
    /// It cannot run inside a test; this tells whether it is run elsewhere.
    Elsewhere(fn(line: &str) -> Result<(), String>),
}

/// A server with the page's accounts.
const ACCOUNTS: &[&str] = &["--accounts", "accounts.yaml"];
/// A server with somebody's own mail.
const OWN_MAIL: &[&str] = &["--mail", "Maildir", "--password-env", "POPLAB_PASSWORD"];
/// A server with the deviation that the page's baseline explains.
const DEVIATING: &[&str] = &["--accounts", "accounts.yaml", "--defect", "rfc1939.retr.no-stuffing"];

/// Every command line of the documents: the line without its comment, its rule, and what its output must contain.
pub(crate) const LINES: &[(&str, Rule, &str)] = &[
    ("cargo xtask conformance", Rule::AsItIs, "pass: none of "),
    ("cargo test --workspace", Rule::Elsewhere(a_step_of_ci), ""),
    (
        "cargo xtask conformance --defect rfc1939.retr.no-stuffing",
        Rule::AsItIs,
        "data loss  rfc1939.retr.dot-stuffing",
    ),
    ("cargo xtask fake --list-defects", Rule::AsItIs, "rfc1939.retr.no-stuffing  "),
    ("cargo xtask fake --list-personas", Rule::AsItIs, "texts.none  "),
    ("cargo xtask fake --persona closing.bad-command --persona pace.slow", Rule::AsItIs, "\"tls_port\":"),
    ("cargo xtask conformance --persona texts.none", Rule::AsItIs, "pass: none of "),
    (
        "POPLAB_PERSONAS_ONLY=closing. cargo test --package poplab-suite --test it personas::",
        Rule::Elsewhere(a_part_of_the_tests),
        "",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --user alice --password-env POPLAB_PASSWORD",
        Rule::Against(OWN_MAIL),
        "which is done only to accounts with role `disposable`",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml",
        Rule::Against(ACCOUNTS),
        "sends DELE, so it needs --allow-delete",
    ),
    (
        "cargo xtask conformance --target mail.example.org:110 --accounts accounts.yaml --allow-delete",
        Rule::Against(ACCOUNTS),
        "clear text, upgraded by STLS",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --also mail.example.org:110 --accounts accounts.yaml",
        Rule::Against(ACCOUNTS),
        "clear text, upgraded by STLS",
    ),
    ("cargo xtask conformance --select '*.retr.*' --list", Rule::AsItIs, "rfc1939.retr.dot-stuffing"),
    ("cargo xtask conformance --explain rfc1939.retr.dot-stuffing", Rule::AsItIs, "RFC 1939 §3"),
    ("cargo xtask seed --accounts accounts.yaml", Rule::AsItIs, "disposable2 (disposable): "),
    ("cargo xtask conformance --select '*.list.*' --format human,junit", Rule::AsItIs, "pass: none of "),
    ("cargo xtask report poplab-run --format json", Rule::AsItIs, "\"rfc1939.list.format\""),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml \
         --baseline known.yaml --update-baseline",
        Rule::Against(DEVIATING),
        "known.yaml: ",
    ),
    (
        "cargo xtask conformance --target mail.example.org:995 --accounts accounts.yaml \
         --baseline known.yaml --format human,junit",
        Rule::Against(DEVIATING),
        "explained   RETR sends a line \".\" as it is",
    ),
    (
        "cargo xtask load scenarios/smoke.yaml",
        Rule::AsItIs,
        "pass: 5 of 5 thresholds hold · 300 of 300 sessions completed",
    ),
    (
        "cargo xtask load scenarios/smoke.yaml --duration 3s --defect load.retr-corrupt",
        Rule::AsItIs,
        "verification:checksum at RETR-last",
    ),
    ("cargo xtask load --list", Rule::AsItIs, "isp-morning  "),
    ("cargo xtask load isp-morning --show", Rule::AsItIs, "name: isp-morning"),
    (
        "cargo xtask seed --scenario isp-morning --lmtp mail.example.org:24",
        Rule::Lmtp,
        "500 accounts: 10000 messages",
    ),
    (
        "cargo xtask load isp-morning --target mail.example.org:995 --password-env POPLAB_PASSWORD \
         --allow-delete --duration 5s",
        Rule::Load,
        " by content and owner, 0 wrong",
    ),
    (
        "cargo xtask load morning.yaml --target mail.example.org:995 --also mail.example.org:110 \
         --find-capacity --duration 2s",
        Rule::Search,
        "capacity: ",
    ),
    (
        "cargo xtask load morning.yaml --duration 12s --out before",
        Rule::AsItIs,
        "pass: 4 of 4 thresholds hold",
    ),
    (
        "cargo xtask load morning.yaml --duration 12s --out after",
        Rule::AsItIs,
        "pass: 4 of 4 thresholds hold",
    ),
    ("cargo xtask compare before after", Rule::EitherVerdict, "poplab compare"),
    ("cargo xtask compare before after --format markdown", Rule::EitherVerdict, "| step | quantile |"),
    ("cargo xtask bench --help", Rule::AsItIs, "usage: cargo xtask bench"),
    ("cargo xtask fake", Rule::AsItIs, "\"tls_port\":"),
    (
        "cargo xtask fake --mail ~/Maildir --defect rfc1939.retr.no-stuffing",
        Rule::AsItIs,
        "\"user\":\"alice\"",
    ),
    ("cargo xtask fake --fault faults.yaml", Rule::AsItIs, "\"tls_port\":"),
    ("cargo xtask fake --control-port 0 -- python3 -m unittest test_fetch.py", Rule::AsItIs, "Ran 2 tests"),
    ("cargo xtask fake --control-port 0 -- sh fetch.sh", Rule::AsItIs, "fetched"),
    (
        "cargo xtask fake --fault expected.yaml -- sh -c 'curl -s -u \
         $POPLAB_USER:$POPLAB_PASSWORD pop3://$POPLAB_HOST:$POPLAB_PORT/1'",
        Rule::AsItIs,
        "Subject: ",
    ),
    (
        "cargo xtask fake --fault scenarios/faults/drop-mid-retr.yaml -- sh -c 'curl -s -u \
         $POPLAB_USER:$POPLAB_PASSWORD pop3://$POPLAB_HOST:$POPLAB_PORT/1'",
        Rule::AsItIs,
        "Subject: ",
    ),
    ("cargo xtask record --upstream mail.example.org:995", Rule::Against(OWN_MAIL), "\"tls_port\":"),
    (
        "cargo xtask record --upstream mail.example.org:995 -- sh -c 'curl -s --cacert $POPLAB_CA -u \
         alice:$POPLAB_PASSWORD pop3s://$POPLAB_HOST:$POPLAB_TLS_PORT/1'",
        Rule::Against(OWN_MAIL),
        "Dear child",
    ),
    (
        "cargo xtask fake --replay poplab-recording -- sh -c 'curl -s --cacert $POPLAB_CA -u alice:any \
         pop3s://$POPLAB_HOST:$POPLAB_TLS_PORT/1'",
        Rule::AsItIs,
        "Dear child",
    ),
    (
        "cargo xtask record --verify poplab-recording --upstream mail.example.org:995 --user alice \
         --password-env POPLAB_PASSWORD",
        Rule::Against(OWN_MAIL),
        "poplab-recording: 0 changed",
    ),
    ("cargo xtask servers up dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask servers check dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask servers down dovecot", Rule::Elsewhere(an_action_of_ci), ""),
    ("cargo xtask ci", Rule::Elsewhere(all_that_ci_runs), ""),
    ("cargo xtask tidy", Rule::AsItIs, "keep the invariants"),
    ("cargo install --path crates/poplab --locked", Rule::Install, "poplab 0."),
    ("cargo test --package poplab-suite", Rule::Elsewhere(a_part_of_the_tests), ""),
    ("INSTA_UPDATE=always cargo test --package poplab-suite", Rule::Elsewhere(a_part_of_the_tests), ""),
    ("cargo xtask mutants uidl.two-spaces", Rule::AsItIs, "proves rfc1939.uidl.format"),
    ("cargo xtask gen", Rule::Elsewhere(written_if_it_is_not_current), ""),
    ("cargo xtask gen --check", Rule::AsItIs, "docs/checks.md is current"),
    (
        "cargo xtask conformance --select rfc1939.retr.dot-stuffing",
        Rule::AsItIs,
        "pass: none of 1 requirement",
    ),
    (
        "cargo xtask conformance --select rfc1939.retr.dot-stuffing --defect rfc1939.retr.no-stuffing",
        Rule::AsItIs,
        "fail: 1 of 1 requirement",
    ),
];

/// How a line is run, and what it must show.
pub(crate) fn rule(command: &str) -> Option<(Rule, &'static str)> {
    LINES.iter().find(|(line, ..)| *line == command).map(|(_, rule, shown)| (*rule, *shown))
}

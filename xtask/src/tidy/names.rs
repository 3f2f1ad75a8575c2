//! Names that a crate may not use: the pure crates no input, output, clock or chance; only `net` the sockets.

use super::paths::{Named, named};
use super::{Finding, Tree};

/// The crates that are pure functions of their arguments.
pub(super) const PURE: &[&str] = &[
    "chance",
    "yaml",
    "proto",
    "machine",
    "sasl",
    "mail",
    "transcript",
    "record",
    "stats",
    "scenario",
    "script",
    "observer",
    "recording",
    "fake",
    "report",
];

/// What a pure crate may not name, and what to do instead.
const IMPURE: &[(&[&str], &str)] = &[
    (
        &[
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net",
            "tokio",
            "std::os",
        ],
        "take the octets as an argument; `net` has the sockets",
    ),
    (
        &["std::fs", "std::io::stdin", "std::io::stdout", "std::io::stderr", "std::env", "std::process"],
        "take the content as an argument; `poplab` and `suite` have the files",
    ),
    (
        &["std::time::Instant", "std::time::SystemTime", "jiff::Timestamp::now", "jiff::Zoned::now"],
        "take the time as an argument",
    ),
    (&["std::thread", "*::thread_local!"], "let the caller decide what runs where"),
    (
        &["rand", "*::from_os_rng", "*::from_entropy", "*::OsRng", "getrandom", "std::hash::RandomState"],
        "take the seed as an argument; same seed, same octets",
    ),
    (
        &["print!", "println!", "eprint!", "eprintln!", "std::print!", "std::println!", "std::eprintln!"],
        "return the text; `poplab` prints",
    ),
];

/// What belongs to some places alone: the names, the path prefixes where they are at home, what to do instead.
const HOMES: &[(&[&str], &[&str], &str)] = &[
    (&["tokio::net", "socket2", "libc"], &["crates/net/"], "only `net` has sockets; call it"),
    (
        &["std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket"],
        // The floor of the benchmarks is bare on purpose. Figures for Prometheus are HTTP and not mail, and are served
        // in a thread of their own, so that nobody who asks for them can delay a session.
        &["crates/net/", "crates/bench/", "crates/poplab/src/http.rs"],
        "only `net` has sockets; call it",
    ),
    (
        &["rustls", "tokio_rustls", "rustls_platform_verifier"],
        &["crates/net/src/tls.rs", "crates/net/src/tls/", "crates/bench/src/floor/"],
        "only the module `net::tls` knows rustls; give it a function with types of our own",
    ),
    (&["rcgen"], &["crates/net/"], "only `net` makes certificates; call it"),
    (
        &["x509_parser"],
        &["crates/net/src/tls/"],
        "only `net::tls` reads certificates; ask `TlsFacts::certificate`",
    ),
    (&["anyhow"], &["crates/poplab/", "crates/bench/"], "libraries have typed errors; define a variant"),
];

/// Tests the sources under `crates/*/src`, their tests aside.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for source in
        tree.sources().filter(|source| source.path.starts_with("crates/") && source.path.contains("/src/"))
    {
        let owner = source.path.split('/').nth(1).unwrap_or_default();
        for named in named(source).iter().filter(|named| !named.test) {
            if PURE.contains(&owner)
                && let Some((name, instead)) = find(IMPURE.iter().copied(), named)
            {
                findings.push(Finding::new(
                    &source.path,
                    named.line,
                    format!("`{}` names `{name}`, but `{owner}` is pure; {instead}", named.path),
                ));
                continue;
            }
            let away =
                HOMES.iter().filter(|(_, homes, _)| !homes.iter().any(|home| source.path.starts_with(home)));
            if let Some((name, instead)) = find(away.map(|(names, _, instead)| (*names, *instead)), named) {
                findings.push(Finding::new(
                    &source.path,
                    named.line,
                    format!("`{}` names `{name}` away from its home; {instead}", named.path),
                ));
            }
        }
    }
}

/// The first name of the tables that `named` uses.
fn find<'a>(
    tables: impl Iterator<Item = (&'a [&'a str], &'a str)>,
    named: &Named,
) -> Option<(&'a str, &'a str)> {
    tables
        .flat_map(|(names, instead)| names.iter().map(move |name| (*name, instead)))
        .find(|(name, _)| named.is(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::findings;
    use super::*;

    fn of(path: &str, text: &str) -> Vec<String> {
        findings(check, &[(path, text)])
    }

    #[test]
    fn a_pure_crate_with_a_clock_a_file_or_a_voice_is_found() {
        assert_eq!(
            of("crates/proto/src/lib.rs", "\nuse std::time::{Duration, Instant};"),
            [
                "crates/proto/src/lib.rs:2: `std::time::Instant` names `std::time::Instant`, but `proto` is pure; take \
             the time as an argument"
            ]
        );
        assert_eq!(of("crates/mail/src/lib.rs", "fn a() { std::fs::read(b) }").len(), 1);
        assert_eq!(of("crates/mail/src/lib.rs", "use std::io; fn a() { io::stdin() }").len(), 1);
        assert_eq!(of("crates/stats/src/lib.rs", "fn a() { println!() }").len(), 1);
        assert_eq!(of("crates/fake/src/lib.rs", "fn a() { StdRng::from_os_rng() }").len(), 1);
        assert_eq!(of("crates/report/src/lib.rs", "use std::env::var;").len(), 1);
    }

    #[test]
    fn strings_comments_and_tests_may_say_what_they_want() {
        let text = "// std::fs\nconst A: &str = \"std::net\"; #[cfg(test)] mod tests { use std::fs; }";
        assert_eq!(of("crates/proto/src/lib.rs", text), Vec::<String>::new());
        assert_eq!(of("crates/proto/tests/corpus.rs", "use std::fs;"), Vec::<String>::new());
    }

    #[test]
    fn sockets_and_tls_away_from_home_are_found() {
        assert!(
            of("crates/suite/src/lib.rs", "use tokio::net::TcpStream;")[0].contains("only `net` has sockets")
        );
        assert!(of("crates/net/src/dial.rs", "use rustls::ClientConfig;")[0].contains("net::tls"));
        assert!(of("crates/suite/src/lib.rs", "fn a() { anyhow::bail!() }")[0].contains("typed errors"));
        assert_eq!(of("crates/net/src/tls/config.rs", "use rustls::ClientConfig;"), Vec::<String>::new());
        assert_eq!(of("crates/suite/src/lib.rs", "use std::net::IpAddr;"), Vec::<String>::new());
        let listener = "use std::net::TcpListener;";
        assert_eq!(of("crates/poplab/src/http.rs", listener), Vec::<String>::new());
        assert_eq!(of("crates/poplab/src/command/load/target.rs", listener).len(), 1);
        assert_eq!(of("crates/bench/src/roles.rs", "use tokio::net::TcpListener;").len(), 1);
    }
}

//! The head of the report: what was run, and against what.

use std::fmt::Write as _;
use std::time::Duration;

use record::{Entrance, Run, Security, TlsInfo};

use crate::page::{Page, Tone};
use crate::text::nanoseconds;

pub(super) fn write(page: &mut Page, run: &Run) {
    let name = format!("poplab {} {}", run.tool, run.version);
    page.painted(Tone::Strong, name.trim_end());
    let mut facts = format!("seed {}", run.seed);
    if !run.started.is_empty() {
        let _ = write!(facts, ", started {}", run.started);
    }
    if let Some(duration) = run.duration() {
        let _ = write!(facts, ", took {}", length(duration));
    }
    page.field(0, "run", &facts);
    page.field(0, "target", &run.target.name);
    for entrance in &run.target.entrances {
        page.blank();
        write_entrance(page, entrance);
    }
    page.blank();
}

fn write_entrance(page: &mut Page, entrance: &Entrance) {
    let way = match entrance.security {
        Security::Implicit => "TLS from the first octet",
        Security::Starttls => "clear text, upgraded by STLS",
        Security::None => "clear text",
    };
    page.field(0, "entrance", &format!("{}: {}, {way}", entrance.label, address(entrance)));
    if let Some(tls) = &entrance.tls {
        page.field(0, "TLS", &handshake(tls));
        page.field(0, "certificate", &certificate(tls));
    }
    page.field(0, "software", entrance.implementation().unwrap_or_default());
    page.field(0, "greeting", &entrance.greeting);
    page.field(0, "offers", &entrance.capabilities.join(", "));
}

/// An address literal of IP version 6 is bracketed, as it is on the command line.
fn address(entrance: &Entrance) -> String {
    if entrance.host.contains(':') {
        format!("[{}]:{}", entrance.host, entrance.port)
    } else {
        format!("{}:{}", entrance.host, entrance.port)
    }
}

fn handshake(tls: &TlsInfo) -> String {
    let facts = [tls.version.as_str(), &tls.cipher, tls.group.as_deref().unwrap_or_default()];
    facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}

fn certificate(tls: &TlsInfo) -> String {
    let names = (!tls.certificate_names.is_empty()).then(|| tls.certificate_names.join(" "));
    [
        tls.certificate_subject.clone(),
        names.map(|names| format!("for {names}")),
        tls.certificate_issuer.as_ref().map(|issuer| format!("issued by {issuer}")),
        tls.certificate_expires.as_ref().map(|expires| format!("valid until {expires}")),
        // The fingerprint is long; it is worth its line only when nothing else tells the certificate.
        tls.certificate_sha256
            .as_ref()
            .filter(|_| tls.certificate_subject.is_none())
            .map(|digest| format!("SHA-256 {digest}")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => nanoseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

//! What went wrong, and what was looked at to know that nothing did.

use maud::{Markup, html};
use record::{ErrorRow, LoadResults};

use super::{facts, safe, safe_lines, transcript};
use crate::load::verified_words;
use crate::number::{octets, share, span, whole};

/// Rows with an excerpt of their transcript; the others are in the table.
const MOST_TOLD: usize = 12;

/// Excerpts that are shown without being asked for.
const OPEN: usize = 2;

pub(super) fn errors(results: &LoadResults, transcripts: &dyn Fn(&str) -> Option<String>) -> Markup {
    let mut rows: Vec<&ErrorRow> = results.errors.iter().collect();
    rows.sort_by_key(|row| (!row.kind.starts_with("verification:"), std::cmp::Reverse(row.count)));
    let total = results.error_count();
    html! {
        section aria-labelledby="errors" {
            h2 id="errors" { "Errors" }
            @if rows.is_empty() { p { "None." } }
            @else {
                div class="scroll" { table {
                    caption { "By kind and step, wrong mail first. An error is never a latency sample." }
                    thead { tr {
                        th class="left" scope="col" { "Kind" }
                        th class="left" scope="col" { "Step" }
                        th scope="col" { "Count" }
                        th scope="col" { "Share" }
                        th scope="col" { "First after" }
                        th class="left" scope="col" { "Meaning" }
                    } }
                    tbody {
                        @for row in &rows { tr {
                            th scope="row" { code { (safe(&row.kind)) } }
                            td class="left" { (safe(&row.step)) }
                            td { (whole(row.count)) }
                            td { (share(row.count as f64, total as f64)) }
                            td { (span(row.first_s)) }
                            td class="wide" { (meaning(&row.kind)) }
                        } }
                        tr class="total" { th scope="row" { "All" } td {} td { (whole(total)) } td {} td {} td {} }
                    }
                } }
                @for (number, row) in rows.iter().take(MOST_TOLD).enumerate() {
                    (told(row, transcripts, number < OPEN))
                }
            }
        }
    }
}

pub(super) fn verified(results: &LoadResults) -> Markup {
    let verified = &results.verified;
    html! {
        section aria-labelledby="verified" {
            h2 id="verified" { "Verification" }
            p { (verified_words(&verified.clone())) "." }
            @if verified.messages > 0 {
                p class="note" {
                    "Every retrieved message is checked for its framing and for the size that LIST gave. Seeded mail \
                     carries a CRC-32 of its body, its number and the name of its owner, and all are compared; its unique-ids \
                     must differ and persist. What is wrong is an error, never a latency sample."
                }
            }
            @if !results.samples.is_empty() {
                (facts(&[("Good sessions kept", results.samples.join(", "))]))
            }
            (tls(results))
        }
    }
}

fn tls(results: &LoadResults) -> Markup {
    let all: u64 = results.tls.iter().map(|row| row.count).sum();
    html! {
        h3 { "TLS" }
        @if results.tls.is_empty() { p class="note" { "No session used TLS." } }
        @else {
            div class="scroll" { table {
                thead { tr {
                    th class="left" scope="col" { "Version" }
                    th class="left" scope="col" { "Key exchange" }
                    th class="left" scope="col" { "Certificate" }
                    th class="left" scope="col" { "Handshake" }
                    th scope="col" { "Count" }
                    th scope="col" { "Share" }
                } }
                tbody { @for row in &results.tls { tr {
                    th scope="row" { (safe(&row.version)) }
                    td class="left" { (safe(&row.group)) }
                    td class="left" { (safe(&row.certificate)) }
                    td class="left" { @if row.resumed { "resumed" } @else { "full" } }
                    td { (whole(row.count)) }
                    td { (share(row.count as f64, all as f64)) }
                } } }
            } }
        }
        p class="note" {
            (whole(results.traffic.commands)) " commands; " (octets(results.traffic.octets_sent)) " sent, "
            (octets(results.traffic.octets_received)) " received, inside TLS where there was any."
        }
    }
}

fn told(row: &ErrorRow, transcripts: &dyn Fn(&str) -> Option<String>, open: bool) -> Markup {
    html! {
        article class="finding" {
            h3 {
                code { (safe(&row.kind)) } " at " (safe(&row.step))
                span { " · " (whole(row.count)) ", first after " (span(row.first_s)) }
            }
            @if !row.example.is_empty() { p { (safe_lines(&row.example)) } }
            @if let Some(path) = &row.transcript { (transcript(path, transcripts(path).as_deref(), open)) }
        }
    }
}

/// What a kind of error means for those who do not know the words.
fn meaning(kind: &str) -> &'static str {
    match kind.split_once(':').map_or((kind, ""), |parts| parts) {
        ("refused", _) => "the server, or something before it, refused the connection",
        ("reset", _) => "the connection was reset in mid-session",
        ("closed", _) => "the server closed the connection where a reply was due",
        ("unreachable", _) => "the server could not be reached",
        ("no-descriptor", _) => "the generator ran out of descriptors; not the server's fault",
        ("no-port", _) => "the generator ran out of ports; not the server's fault",
        ("timeout", _) => "no answer in the time the scenario allows",
        ("tls", _) => "the TLS handshake failed",
        ("err", "IN-USE") => "the maildrop was locked by another session",
        ("err", "LOGIN-DELAY") => "the server wants users to wait between logins",
        ("err", "SYS/TEMP") => "the server reported a temporary failure",
        ("err", "SYS/PERM") => "the server reported a permanent failure",
        ("err", "AUTH") => "the login was refused",
        ("err", _) => "the server answered -ERR",
        ("deviation", _) => "the server broke the protocol",
        ("verification", "size") => "a message was not as long as LIST said",
        ("verification", "checksum") => "a message arrived altered",
        ("verification", "owner") => "a user got somebody else's mail",
        ("verification", "unique-id") => "a unique-id changed or came twice",
        ("verification", _) => "a message was not what was seeded",
        ("foreign-mail", _) => "mail that poplab did not make: nothing was deleted",
        _ => "",
    }
}

//! Sentences about a load run that the terminal and the page share.

use std::fmt::Write as _;

use record::{LoadPlan, LoadResults, LoadSessions, StepRow, TlsRow, Verified};

use crate::number::{counted, octets, share, span, whole};

/// `open loop: 420/s, Poisson, for 60 s; 25,200 sessions in 1 min, 500 accounts, 2 workers`.
pub(crate) fn plan_words(plan: &LoadPlan) -> String {
    let mut parts = vec![
        format!("{} in {}", counted(plan.planned_sessions, "session"), span(plan.duration_s)),
        counted(plan.accounts, "account"),
        counted(u64::from(plan.workers), "worker"),
    ];
    if !plan.tls.is_empty() {
        parts.push(format!("TLS {}", plan.tls));
    }
    format!("{}: {}; {}", plan.model, plan.arrivals, parts.join(", "))
}

/// What keeps a reader from taking the figures for the target's own: the sentences that stand above every report.
pub(crate) fn alerts(results: &LoadResults) -> impl Iterator<Item = &str> {
    let sentences = [&results.generator.bottleneck, &results.sessions.shortage];
    sentences.into_iter().filter_map(Option::as_deref)
}

/// What became of the sessions; what did not happen is not mentioned.
pub(crate) fn sessions_words(sessions: &LoadSessions) -> String {
    let mut parts = vec![
        format!("{} of {} begun", whole(sessions.begun), whole(sessions.planned)),
        format!("{} completed", whole(sessions.completed)),
        format!("{} failed", whole(sessions.failed)),
    ];
    for (number, words) in [
        (sessions.unfinished, "unfinished at the end"),
        (sessions.not_begun, "never begun"),
        (sessions.waited_for_account, "waited for their account"),
    ] {
        if number > 0 {
            parts.push(format!("{} {words}", whole(number)));
        }
    }
    parts.push(format!("at most {} open at once", whole(sessions.peak_open)));
    parts.join(", ")
}

/// What was looked at, and what was wrong.
pub(crate) fn verified_words(verified: &Verified) -> String {
    if verified.messages == 0 {
        return match verified.failures {
            0 => "no message was retrieved".to_owned(),
            failures => format!("no message was retrieved whole, {} wrong", whole(failures)),
        };
    }
    let mut text = format!(
        "{} ({}): {} by content and owner",
        counted(verified.messages, "message"),
        octets(verified.octets),
        whole(verified.content)
    );
    if verified.unverifiable > 0 {
        let _ = write!(text, ", {} by framing and size only", whole(verified.unverifiable));
    }
    let _ = write!(text, ", {} wrong", whole(verified.failures));
    text
}

/// The handshakes by what they settled, the most frequent first; empty without TLS.
pub(crate) fn tls_words(rows: &[TlsRow]) -> String {
    let all: u64 = rows.iter().map(|row| row.count).sum();
    let mut rows: Vec<&TlsRow> = rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    let kinds: Vec<String> = rows
        .iter()
        .map(|row| {
            let kind = if row.resumed { "resumed" } else { "full" };
            let facts = [row.version.as_str(), &row.group, &row.certificate, kind];
            let facts = facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ");
            format!("{} {facts}", share(row.count as f64, all as f64))
        })
        .collect();
    if kinds.is_empty() {
        String::new()
    } else {
        format!("{}: {}", counted(all, "handshake"), kinds.join("; "))
    }
}

/// Whether service times are worth a row of their own: one of the figures differs by more than 5 % from that of the
/// response times.
pub(crate) fn service_differs(step: &StepRow) -> bool {
    let figures = |found: &record::Quantiles| {
        [
            (0.5, found.p50_ns),
            (0.9, found.p90_ns),
            (0.95, found.p95_ns),
            (0.99, found.p99_ns),
            (0.999, found.p999_ns),
            (0.0, found.max_ns),
        ]
    };
    let (response, service) = (figures(&step.response), figures(&step.service));
    step.service.count > 0
        && response.iter().zip(service).any(|((part, response), (_, service))| {
            step.response.tell(*part) && response.abs_diff(service) > response / 20
        })
}

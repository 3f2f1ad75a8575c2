//! The live figures in the Prometheus text exposition format, version 0.0.4. Serving it is the caller's matter.

use std::fmt::Write as _;

use crate::LiveFigures;

/// The content type of [`prometheus`] for the HTTP header.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All figures with help and type; times in seconds, as is the custom there. Label values are escaped.
pub fn prometheus(figures: &LiveFigures) -> String {
    let mut text = String::new();
    info(&mut text, figures);
    let counters = [
        ("sessions_asked_total", "Arrivals that the plan wanted so far.", figures.asked),
        ("sessions_begun_total", "Sessions begun.", figures.begun),
        ("sessions_completed_total", "Sessions that ended as planned.", figures.completed),
        ("sessions_failed_total", "Sessions that ended with something wrong.", figures.failed),
        ("commands_total", "Commands sent.", figures.commands),
        ("received_octets_total", "Octets received, inside TLS.", figures.octets_received),
        (
            "verification_failures_total",
            "Messages that were verified and wrong.",
            figures.verification_failures,
        ),
    ];
    for (name, help, value) in counters {
        metric(&mut text, name, "counter", help);
        let _ = writeln!(text, "poplab_{name} {value}");
    }
    let gauges = [
        ("sessions_planned", "Sessions the whole plan has.", figures.planned as f64),
        ("sessions_open", "Sessions open now.", figures.open as f64),
        ("asked_sessions_per_second", "The rate asked for in the last second.", figures.asked_per_s),
        ("begun_sessions_per_second", "Sessions begun in the last second.", figures.achieved_per_s),
        ("elapsed_seconds", "Time since the start.", figures.elapsed_s),
        ("planned_seconds", "How long the arrivals last by plan.", figures.duration_s),
        (
            "generator_lateness_seconds",
            "By how much the ticker of the generator was late at most.",
            seconds(figures.lateness_max_ns),
        ),
        ("thresholds_broken", "Thresholds that do not hold at present.", figures.broken.len() as f64),
    ];
    for (name, help, value) in gauges {
        metric(&mut text, name, "gauge", help);
        let _ = writeln!(text, "poplab_{name} {}", float(value));
    }
    errors(&mut text, figures);
    steps(&mut text, figures);
    text
}

fn info(text: &mut String, figures: &LiveFigures) {
    metric(text, "run_info", "gauge", "What is run against what; always 1.");
    let (scenario, target) = (label(&figures.scenario), label(&figures.target));
    let _ = writeln!(text, "poplab_run_info{{scenario=\"{scenario}\",target=\"{target}\"}} 1");
}

fn errors(text: &mut String, figures: &LiveFigures) {
    metric(text, "errors_total", "counter", "Errors by kind.");
    for error in &figures.errors {
        let _ = writeln!(text, "poplab_errors_total{{kind=\"{}\"}} {}", label(&error.kind), error.count);
    }
}

fn steps(text: &mut String, figures: &LiveFigures) {
    let help = "From when the plan wanted a step to its completion, since the start of the run.";
    metric(text, "response_seconds", "summary", help);
    for step in &figures.steps {
        let (tag, response) = (label(&step.tag), &step.response);
        for (quantile, part, value) in [
            ("0.5", 0.5, response.p50_ns),
            ("0.9", 0.9, response.p90_ns),
            ("0.95", 0.95, response.p95_ns),
            ("0.99", 0.99, response.p99_ns),
            ("0.999", 0.999, response.p999_ns),
            ("1", 0.0, response.max_ns),
        ] {
            // What so few samples do not tell is no number.
            let value = float(if response.tell(part) { seconds(value) } else { f64::NAN });
            let _ =
                writeln!(text, "poplab_response_seconds{{step=\"{tag}\",quantile=\"{quantile}\"}} {value}");
        }
        let sum = float(response.mean_ns * response.count as f64 / 1e9);
        let _ = writeln!(text, "poplab_response_seconds_sum{{step=\"{tag}\"}} {sum}");
        let _ = writeln!(text, "poplab_response_seconds_count{{step=\"{tag}\"}} {}", response.count);
    }
}

fn metric(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP poplab_{name} {help}");
    let _ = writeln!(text, "# TYPE poplab_{name} {kind}");
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// The spelling of Go, which the format asks for.
fn float(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

/// Backslash, quotation mark and line feed are escaped by the format.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use record::{ErrorCount, Quantiles};

    use super::*;
    use crate::LiveStep;

    #[test]
    fn a_label_cannot_break_out() {
        let figures = LiveFigures {
            errors: vec![ErrorCount { kind: "err:\"} 1\nforged 2\\".into(), count: 3 }],
            ..LiveFigures::default()
        };
        let text = prometheus(&figures);
        assert!(text.contains("poplab_errors_total{kind=\"err:\\\"} 1\\nforged 2\\\\\"} 3\n"), "{text}");
        assert!(!text.contains("\nforged"), "{text}");
    }

    #[test]
    fn a_summary_has_quantiles_sum_and_count_in_seconds() {
        let response = Quantiles { count: 400, p99_ns: 250_000_000, mean_ns: 1e8, ..Quantiles::default() };
        let step = LiveStep { tag: "ready".into(), response };
        let text = prometheus(&LiveFigures { steps: vec![step], ..LiveFigures::default() });
        assert!(text.contains("poplab_response_seconds{step=\"ready\",quantile=\"0.99\"} 0.25\n"), "{text}");
        assert!(text.contains("poplab_response_seconds{step=\"ready\",quantile=\"0.999\"} NaN\n"), "{text}");
        assert!(text.contains("poplab_response_seconds_sum{step=\"ready\"} 40\n"), "{text}");
        assert!(text.contains("poplab_response_seconds_count{step=\"ready\"} 400\n"), "{text}");
    }

    #[test]
    fn every_metric_has_help_and_type_before_its_samples() {
        let text = prometheus(&LiveFigures::default());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let sample = text.find(&format!("\n{line}")).unwrap_or(0);
            let kind = text.find(&format!("# TYPE {name} ")).unwrap();
            assert!(kind <= sample, "{name}");
        }
    }
}

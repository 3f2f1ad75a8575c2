//! Sessions held at once with both ends on this machine, by the program itself: `poplab load thousand-idle`, and for
//! what two cores can hold but not also keep talking to, a scenario of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use record::LoadResults;

use super::Bench;
use crate::figure::{Bar, Figure, Unit};

/// Sessions without TLS: what must be held, and what is aimed at.
const PLAIN: (f64, f64) = (100_000.0, 1_000_000.0);
/// The same with TLS.
const TLS: (f64, f64) = (20_000.0, 500_000.0);

/// What must be held.
pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let part = if bench.quick { 10 } else { 1 };
    Ok(vec![
        held(bench, "thousand-idle", "none", (100_000 / part, 5_000), PLAIN)?,
        held(bench, "thousand-idle", "implicit", (20_000 / part, 700), TLS)?,
    ])
}

/// A session that only stays. A hundred processes share two cores, so that time-outs are long.
const QUIET: &str = "\
name: quiet
description: Sessions that are there and say nothing.
accounts: {pattern: \"load{n:07}\", count: 1000}
arrivals: {process: even, rate: 1000/s, for: 60s, sessions: 1000}
behaviours: [{behaviour: hold-idle, noop_every: 30min, until: end}]
tls: {mode: auto, verify: once}
timeouts: {connect: 120s, reply: 120s}
thresholds: [errors = 0]
";

/// What is aimed at.
pub(super) fn million(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scenario = bench.folder.join("quiet.yaml");
    std::fs::write(&scenario, QUIET).context("the scenario cannot be written")?;
    let scenario = scenario.display().to_string();
    Ok(vec![
        held(bench, &scenario, "none", (1_000_000, 8_000), PLAIN)?,
        held(bench, &scenario, "implicit", (500_000, 2_500), TLS)?,
    ])
}

fn held(
    bench: &Bench,
    scenario: &str,
    tls: &str,
    (sessions, rate): (u64, u64),
    (must, aim): (f64, f64),
) -> anyhow::Result<Figure> {
    let program =
        std::env::var_os("POPLAB").context("POPLAB must name the program; `cargo xtask bench` sets it")?;
    let out = bench.folder.join(format!("held-{tls}"));
    let seconds = sessions / rate + 15;
    let status = Command::new(program)
        .args(["load", scenario, "--quiet", "--tls", tls, "--sessions", &sessions.to_string()])
        .args(["--rate", &format!("{rate}/s"), "--duration", &format!("{seconds}s"), "--out"])
        .arg(&out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("the program cannot be run")?;
    let results = read(&out)?;
    let failed = results.sessions.failed;
    // A connection that never got in, or did not stay, is not a session that was held.
    let logged_in =
        results.steps.iter().find(|step| step.tag == "ready").map_or(0, |step| step.response.count);
    let held = results.sessions.peak_open.min(logged_in.saturating_sub(failed));
    ensure!(held > 0, "nothing was held ({status})");
    Ok(Figure {
        name: format!("sessions held at once, {}", if tls == "none" { "plain" } else { "TLS" }),
        values: vec![held as f64],
        unit: Unit::Count,
        must: Bar::AtLeast(must),
        aim: Bar::AtLeast(aim),
        behind: format!(
            "{sessions} asked for at {rate}/s, {failed} failed, {} worker processes, {status}",
            results.plan.workers
        ),
    })
}

fn read(out: &Path) -> anyhow::Result<LoadResults> {
    let path = out.join("results.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(LoadResults::parse(&text)?)
}

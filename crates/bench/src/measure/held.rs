//! Sessions held at once with both ends on this machine, by the program itself: `poplab load thousand-idle`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use record::LoadResults;

use super::Bench;
use crate::figure::{Bar, Figure, Unit};

/// What must be held.
pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let part = if bench.quick { 10 } else { 1 };
    Ok(vec![
        held(bench, "none", 100_000 / part, 10_000, 100_000.0, 1_000_000.0)?,
        held(bench, "implicit", 20_000 / part, 1_000, 20_000.0, 500_000.0)?,
    ])
}

/// What is aimed at.
pub(super) fn million(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    Ok(vec![
        held(bench, "none", 1_000_000, 12_000, 100_000.0, 1_000_000.0)?,
        held(bench, "implicit", 500_000, 2_500, 20_000.0, 500_000.0)?,
    ])
}

fn held(bench: &Bench, tls: &str, sessions: u64, rate: u64, must: f64, aim: f64) -> anyhow::Result<Figure> {
    let program =
        std::env::var_os("POPLAB").context("POPLAB must name the program; `cargo xtask bench` sets it")?;
    let out = bench.folder.join(format!("held-{tls}"));
    let seconds = sessions / rate + 15;
    let status = Command::new(program)
        .args(["load", "thousand-idle", "--quiet", "--tls", tls, "--sessions", &sessions.to_string()])
        .args(["--rate", &format!("{rate}/s"), "--duration", &format!("{seconds}s"), "--out"])
        .arg(&out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("the program cannot be run")?;
    let results = read(&out)?;
    let peak = results.sessions.peak_open;
    let failed = results.sessions.failed;
    ensure!(peak > 0, "nothing was held ({status})");
    Ok(Figure {
        name: format!("sessions held at once, {}", if tls == "none" { "plain" } else { "TLS" }),
        values: vec![peak as f64],
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

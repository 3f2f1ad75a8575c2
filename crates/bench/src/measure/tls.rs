//! A session with a full TLS 1.3 handshake against its parts: the handshake in memory, and the bare plain session.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use scenario::{Behaviour, builder};

use super::Bench;
use super::cost::floor_client;
use super::engine::Place;
use crate::figure::{Bar, Figure, Unit, median};
use crate::peer::Peer;
use crate::{AT_ONCE, roles};

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let file = bench.folder.join("ca.pem");
    let (fake, said) = Peer::start("fake-server", &[file.display().to_string(), "1".to_owned()])?;
    let (clear, tls) = said.split_once(' ').context("the fake did not say both addresses")?;
    let population = roles::population();
    let (lasting, count) = if bench.quick { (1, 500) } else { (4, 4_000) };
    let (mut ratios, mut parts, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let scenario = builder::scenario("tls")
            .seed(round as u64)
            .account_pattern(&population.user, population.first, population.count)
            .closed(AT_ONCE as u64, Duration::from_secs(lasting))
            .behaviour(1.0, Behaviour::Poll);
        let place = Place { clear: clear.parse()?, tls: Some((tls.parse()?, &file)) };
        let (outcome, usage) = bench.engine(scenario, &place)?;
        let sessions = outcome.results.sessions.completed;
        ensure!(sessions > 0 && outcome.results.errors.is_empty(), "errors: {:?}", outcome.results.errors);
        ensure!(
            outcome.results.tls.iter().all(|row| !row.resumed && row.version == "TLS 1.3"),
            "not all were full"
        );
        let whole = usage.cpu_ns as f64 / sessions as f64;
        let (handshake, said) = Peer::start("handshake", &[count.to_string()])?;
        handshake.end()?;
        let handshake: f64 = said.parse()?;
        let plain = floor_client(clear, "poll", sessions)?;
        ratios.push(whole / (handshake + plain));
        parts.push((handshake + plain) / 1000.0);
        ours.push(whole / 1000.0);
    }
    fake.end()?;
    Ok(vec![Figure {
        name: "TLS 1.3 session, full verified handshake, against rustls in memory and a bare plain session"
            .to_owned(),
        values: ratios,
        unit: Unit::Times,
        must: Bar::AtMost(1.3),
        aim: Bar::AtMost(1.15),
        behind: format!("{:.0} µs against {:.0} µs", median(&ours), median(&parts)),
    }])
}

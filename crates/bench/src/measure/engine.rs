//! One run of the engine as the program runs it: a worker process, a controller that listens.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use load::{Assignment, Order, Outcome, Targets};
use scenario::builder::Builder;
use scenario::{Mode, Modes, Tls, Verify, Versions};

use super::Bench;
use crate::peer::Usage;
use crate::roles;

/// Where a run goes.
pub(super) struct Place<'a> {
    pub(super) clear: SocketAddr,
    /// The entrance with TLS, and the file with the authority to trust.
    pub(super) tls: Option<(SocketAddr, &'a Path)>,
}

impl Bench {
    /// Carries a scenario out with one worker; gives what came of it, and what the worker used.
    ///
    /// # Errors
    /// The scenario is incomplete, or the worker did not end as it should.
    pub(super) fn engine(&self, scenario: Builder, place: &Place<'_>) -> anyhow::Result<(Outcome, Usage)> {
        let population = roles::population();
        let mode = if place.tls.is_some() { Mode::Implicit } else { Mode::None };
        let scenario = scenario
            .password(roles::PASSWORD)
            .mail(population.messages, population.sizes)
            .tls(Tls {
                mode: Modes::Mix(vec![(1.0, mode)]),
                resumed: 0.0,
                verify: Verify::Always,
                versions: Versions::Any,
            })
            .build()?;
        let ca_pem = place.tls.map(|(_, file)| std::fs::read_to_string(file)).transpose()?;
        let assignment = Assignment {
            seed: scenario.seed,
            scenario,
            targets: Targets {
                implicit: place.tls.map(|(address, _)| address).into_iter().collect(),
                clear: vec![place.clear],
            },
            server_name: "localhost".to_owned(),
            worker: 0,
            workers: 1,
            sources: Vec::new(),
            ca_pem,
            insecure: false,
            allow_delete: false,
            retrieval: load::Retrieval::Keeps,
            watch_self: true,
            start_in: Duration::ZERO,
        };
        let order = Order { assignment, workers: 1, budget: Vec::new(), environment: Vec::new() };
        let file = self.folder.join("usage");
        let program = std::env::current_exe().context("this program cannot find itself")?;
        let spawn = |_| {
            let mut command = Command::new(&program);
            command.arg("worker").arg(&file);
            command
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(load::run_processes(&order, spawn, |_| {}, std::future::pending()))?;
        let usage = Usage::parse(&std::fs::read_to_string(&file).context("the worker left no usage")?)?;
        Ok((outcome, usage))
    }
}

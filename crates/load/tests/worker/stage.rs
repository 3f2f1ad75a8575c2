//! A stage for runs: a world, a network in memory, and a worker on a paused clock.

use std::time::Duration;

use chance::Distribution;
use fake::{Configuration, Defect, Password, Tenancy, World};
use load::{Assignment, Behaviours, Ended, Retrieval, Targets};
use mail::load::Population;
use net::{Dialer, Freeze, Identity, Listening, MemoryNetwork, Ports};
use record::Second;
use scenario::{Mode, Modes, Process, Scenario, Tls, builder};
use tokio::sync::watch;

pub(crate) const PASSWORD: &str = "correct-horse-battery";
pub(crate) const USERS: u64 = 40;

/// The mail of the accounts of every stage.
pub(crate) fn population(users: u64) -> Population {
    Population {
        seed: 7,
        user: "load{n:05}".to_owned(),
        first: 0,
        count: users,
        messages: 5,
        sizes: Distribution::Uniform { low: 1000.0, high: 9000.0 },
    }
}

/// A scenario for those accounts; behaviours and arrivals are the test's.
pub(crate) fn scenario(users: u64) -> builder::Builder {
    builder::scenario("stage")
        .account_pattern("load{n:05}", 0, users)
        .password(PASSWORD)
        .mail(5, Distribution::Uniform { low: 1000.0, high: 9000.0 })
        .process(Process::Even)
        .tls(clear())
}

pub(crate) fn clear() -> Tls {
    Tls { mode: Modes::Mix(vec![(1.0, Mode::None)]), ..Tls::default() }
}

/// The server and the worker, before the run.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) freeze: Option<Freeze>,
    pub(crate) ports: Ports,
    pub(crate) custom: Behaviours,
    pub(crate) worker: (u32, u32),
    pub(crate) allow_delete: bool,
    /// What becomes of mail that is retrieved.
    pub(crate) retrieval: Retrieval,
    /// When the run is stopped, after its start.
    pub(crate) stop: Option<Duration>,
}

/// What a run left.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) seconds: Vec<Second>,
    pub(crate) ended: Ended,
}

impl Stage {
    pub(crate) fn new(users: u64, configure: impl FnOnce(&mut Configuration)) -> Stage {
        let mut configuration = Configuration {
            seed: 11,
            population: vec![Tenancy {
                population: population(users),
                password: Password::Shared(PASSWORD.to_owned()),
            }],
            ..Configuration::default()
        };
        configure(&mut configuration);
        Stage {
            world: World::new(configuration),
            freeze: None,
            ports: Ports::ANY,
            custom: Behaviours::none(),
            worker: (0, 1),
            allow_delete: false,
            retrieval: Retrieval::Keeps,
            stop: None,
        }
    }

    pub(crate) fn with_defect(users: u64, id: &str) -> Stage {
        Stage::new(users, |configuration| configuration.defects.insert(Defect::parse(id).unwrap()))
    }

    /// Runs the scenario to its end.
    pub(crate) fn run(&self, scenario: &Scenario) -> Run {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap();
        runtime.block_on(async {
            let identity = Identity::throwaway().unwrap();
            let listening = Listening { freeze: self.freeze, ports: self.ports, ..Listening::default() };
            let network = MemoryNetwork::start_with(self.world.clone(), listening, &[&identity]).unwrap();
            let assignment = self.assignment(scenario, &network);
            let dialer = Dialer::memory(&network, load::trust(&assignment)).unwrap();
            let (stop, stopped) = watch::channel(false);
            let after = self.stop;
            tokio::task::spawn_local(async move {
                match after {
                    Some(after) => {
                        tokio::time::sleep(after).await;
                        let _ = stop.send(true);
                    }
                    None => std::future::pending().await,
                }
            });
            let mut seconds = Vec::new();
            let ended = load::work(assignment, dialer, None, self.custom.clone(), stopped, |second| {
                seconds.push(second.into_record());
            })
            .await;
            Run { seconds, ended }
        })
    }

    fn assignment(&self, scenario: &Scenario, network: &MemoryNetwork) -> Assignment {
        Assignment {
            scenario: scenario.clone(),
            seed: scenario.seed,
            targets: Targets { implicit: vec![network.tls_address()], clear: vec![network.clear_address()] },
            server_name: MemoryNetwork::HOST.to_owned(),
            worker: self.worker.0,
            workers: self.worker.1,
            sources: Vec::new(),
            ca_pem: Some(network.ca_pem().to_owned()),
            insecure: false,
            retrieval: self.retrieval,
            allow_delete: self.allow_delete,
            start_in: Duration::from_millis(10),
            watch_self: false,
        }
    }
}

impl Run {
    pub(crate) fn sum(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(of).sum()
    }

    /// The value that this part of the response (or service) times of a step does not exceed, in milliseconds.
    pub(crate) fn quantile(&self, tag: &str, service: bool, part: f64) -> f64 {
        let mut all = stats::Latencies::new();
        for step in self.seconds.iter().flat_map(|second| &second.steps).filter(|step| step.tag == tag) {
            let samples = if service { &step.service } else { &step.response };
            all.add_histogram(tag, &stats::decode_histogram(samples).unwrap());
        }
        all.histogram(tag).unwrap_or_else(|| panic!("no sample of {tag}")).value_at_quantile(part) as f64
            / 1e6
    }

    pub(crate) fn count(&self, tag: &str) -> u64 {
        let steps = self.seconds.iter().flat_map(|second| &second.steps);
        steps
            .filter(|step| step.tag == tag)
            .map(|step| stats::decode_histogram(&step.response).unwrap().len())
            .sum()
    }

    /// Kind, step and count of all errors, added up.
    pub(crate) fn errors(&self) -> Vec<(String, String, u64)> {
        let mut sums = std::collections::BTreeMap::new();
        for error in self.seconds.iter().flat_map(|second| &second.errors) {
            *sums.entry((error.kind.clone(), error.step.clone())).or_insert(0) += error.count;
        }
        sums.into_iter().map(|((kind, step), count)| (kind, step, count)).collect()
    }

    /// That every session of the plan went as planned.
    pub(crate) fn all_well(&self) {
        assert_eq!(self.errors(), []);
        let planned = self.sum(|second| second.asked);
        assert!(planned > 0);
        assert_eq!(self.sum(|second| second.completed), planned);
        assert_eq!(self.ended, Ended { early: false, unfinished: 0, not_begun: 0 });
        assert_eq!(self.seconds.last().unwrap().open, 0);
    }
}

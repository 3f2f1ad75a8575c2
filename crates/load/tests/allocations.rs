//! A command costs no allocation once a session runs, nor does the pause before it: counted, not believed.
//!
//! Over TCP, since in memory the server's side would be counted too; it serves in a thread of its own, and only this
//! thread's allocations count. Two runs that differ in nothing but the number of commands differ in no allocation
//! beyond the seconds that they tell.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::net::IpAddr;
use std::sync::mpsc;
use std::time::Duration;

use chance::Distribution;
use fake::{Configuration, Password, Tenancy, World};
use load::{Assignment, Behaviours, Targets};
use mail::load::Population;
use net::{Alarm, Ports};
use scenario::{Behaviour, Mode, Modes, Process, Scenario, Tls, builder};
use tokio::sync::watch;

const SESSIONS: u64 = 10;

/// Allocations for each second that a run lasts longer: what is told once a second.
const PER_SECOND: u64 = 300;

#[test]
fn a_command_allocates_nothing() {
    let server = Server::start();
    // The first run fills what is used again afterwards: histograms, listings, buffers.
    run(&server, 5);
    let (few, few_seconds) = run(&server, 10);
    let (many, many_seconds) = run(&server, 510);
    // NOOP, STAT, LIST, UIDL, RETR, TOP for each round.
    let commands = SESSIONS * 500 * 6;
    let more = many.saturating_sub(few);
    let seconds = many_seconds.abs_diff(few_seconds);
    // A session may once need a few octets for what a read cut in two.
    let once = SESSIONS * 10;
    assert!(
        more <= seconds * PER_SECOND + once,
        "{more} allocations for {commands} commands in {seconds} seconds more"
    );
}

/// Runs ten sessions of so many rounds each; gives this thread's allocations and the number of seconds told.
fn run(server: &Server, rounds: u32) -> (u64, u64) {
    let custom = Behaviours::none().with("rounds", move |session| {
        Box::pin(async move {
            session.connect().await?;
            session.login().await?;
            for _ in 0..rounds {
                session.noop().await?;
                session.stat().await?;
                session.list().await?;
                session.uidl().await?;
                session.retr(1).await?;
                session.top(1, 5).await?;
            }
            session.quit().await
        })
    });
    let assignment = server.assignment();
    let dialer = load::dialer(&assignment).unwrap();
    let runtime = load::runtime().unwrap();
    let alarm = runtime.block_on(async { Alarm::new() }).unwrap();
    let (_keep, stopped) = watch::channel(false);
    let mut seconds = 0;
    let info = allocation_counter::measure(|| {
        let report = |second: load::Measured| {
            assert_eq!(second.counted.errors, []);
            seconds += 1;
        };
        runtime.block_on(load::work(assignment, dialer, Some(alarm), custom, stopped, report));
    });
    (info.count_total, seconds)
}

fn scenario() -> Scenario {
    builder::scenario("allocations")
        .account_pattern("load{n}", 0, SESSIONS)
        .password("correct-horse")
        .mail(3, Distribution::Fixed(13_000.0))
        .process(Process::Even)
        .open(SESSIONS as f64 * 10.0, Duration::from_millis(100))
        .tls(Tls { mode: Modes::Mix(vec![(1.0, Mode::None)]), ..Tls::default() })
        .samples(scenario::Samples { good: 0, bad_per_kind: 0 })
        .think(Distribution::Fixed(0.000_2))
        .behaviour(1.0, Behaviour::Custom("rounds".to_owned()))
        .build()
        .unwrap()
}

/// The fake server in a thread of its own, until it is dropped.
struct Server {
    address: std::net::SocketAddr,
    ca_pem: String,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    fn start() -> Server {
        let population = Population {
            seed: 1,
            user: "load{n}".to_owned(),
            first: 0,
            count: SESSIONS,
            messages: 3,
            sizes: Distribution::Fixed(13_000.0),
        };
        let password = Password::Shared("correct-horse".to_owned());
        let world = World::new(Configuration {
            population: vec![Tenancy { population, password }],
            ..Configuration::default()
        });
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = net::Server::start(world, Ports::ANY).await.unwrap();
                tell.send((server.clear().unwrap(), server.ca_pem().to_owned())).unwrap();
                let _ = stopped.await;
            });
        });
        let (address, ca_pem) = told.recv_timeout(Duration::from_mins(1)).unwrap();
        Server { address, ca_pem, _stop: stop }
    }

    fn assignment(&self) -> Assignment {
        Assignment {
            scenario: scenario(),
            seed: 1,
            targets: Targets { implicit: Vec::new(), clear: vec![self.address] },
            server_name: "localhost".to_owned(),
            worker: 0,
            workers: 1,
            // An address of its own, so that ports which other programs have used up do not matter.
            sources: vec![IpAddr::from([127, 20, 11, 7])],
            ca_pem: Some(self.ca_pem.clone()),
            insecure: false,
            retrieval: load::Retrieval::Keeps,
            allow_delete: false,
            start_in: Duration::ZERO,
            watch_self: false,
        }
    }
}

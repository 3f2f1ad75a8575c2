//! Load from your own program: a scenario built in Rust, with behaviours of your own, run in this process.
//!
//! A behaviour is an async function on a [`Session`]; its commands are timed and verified as those of the shipped
//! behaviours are, and [`Session::step`] gives what takes several commands a name of its own in the tables.
//!
//! What this module does not do: write files, print, and refuse targets that are not yours. That is the program
//! `poplab`; here it is in your hands.
//!
//! ```
//! use std::time::Duration;
//! use poplab::load::{self, Behaviour, Behaviours, Distribution, Mode, Modes, Session, Targets, Tls, builder};
//! use poplab::{Configuration, FakeServer, Password, Population, Ports, Tenancy, World};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A server with fifty accounts, each with ten messages of 4 kB that follow from the seed.
//! let sizes = Distribution::Fixed(4000.0);
//! let population =
//!     Population { seed: 1, user: "load{n}".into(), first: 1, count: 50, messages: 10, sizes: sizes.clone() };
//! let password = Password::Shared("wonderland".into());
//! let world = World::new(Configuration {
//!     population: vec![Tenancy { population, password }],
//!     ..Configuration::default()
//! });
//! let server = FakeServer::start(world, Ports::ANY).await?;
//!
//! // Fifty sessions within a second: two of three look whether there is mail, one fetches the newest message.
//! let scenario = builder::scenario("newest first")
//!     .account_pattern("load{n}", 1, 50)
//!     .password("wonderland")
//!     .mail(10, sizes)
//!     .open(50.0, Duration::from_secs(1))
//!     .tls(Tls { mode: Modes::Mix(vec![(1.0, Mode::Implicit)]), ..Tls::default() })
//!     .behaviour(2.0, Behaviour::Poll)
//!     .behaviour(1.0, Behaviour::Custom("newest".into()))
//!     .threshold("find-newest p99 < 10s")
//!     .threshold("verification = 0")
//!     .build()?;
//! let behaviours = || {
//!     Behaviours::none().with("newest", |session: &mut Session| {
//!         Box::pin(async move {
//!             session.connect().await?;
//!             session.login().await?;
//!             session
//!                 .step("find-newest", async |session: &mut Session| {
//!                     let messages = session.list().await?;
//!                     session.retr(messages as u32).await
//!                 })
//!                 .await?;
//!             session.quit().await
//!         })
//!     })
//! };
//!
//! let targets = Targets { implicit: server.tls().into_iter().collect(), clear: Vec::new() };
//! let mut order = load::order(scenario, targets, "localhost");
//! order.assignment.ca_pem = Some(server.ca_pem().to_owned());
//! let outcome = load::run_threads(&order, behaviours, |_| (), std::future::pending()).await?;
//! let results = outcome.results;
//! assert_eq!(results.sessions.completed, results.sessions.planned);
//! assert!(results.thresholds.iter().all(|threshold| threshold.holds), "{:?}", results.thresholds);
//! server.stop().await;
//! # Ok(()) }
//! ```

use std::time::Duration;

pub use ::load::{
    Assignment, Behaviours, Derived, Failure, Live, Message, News, Order, Outcome, Replay, Retrieval,
    Session, StartError, Targets, run_here, run_processes, run_threads, worker_main,
};
pub use chance::Distribution;
pub use net::Dialer;
pub use record::{LoadLine, LoadResults};
pub use scenario::{
    Accounts, Arrivals, Behaviour, Hold, Link, Mechanism, Mode, Modes, Problems, Process, Samples, Scenario,
    Timeouts, Tls, Verify, builder, parse,
};
pub use stats::Series;

/// The order to carry out all of a scenario with one worker, against these addresses, whose certificate bears this name:
/// certificates are believed as the operating system does, and nothing is deleted. Change what should be otherwise.
pub fn order(scenario: Scenario, targets: Targets, server_name: impl Into<String>) -> Order {
    Order {
        assignment: Assignment {
            seed: scenario.seed,
            scenario,
            targets,
            server_name: server_name.into(),
            worker: 0,
            workers: 1,
            sources: Vec::new(),
            ca_pem: None,
            insecure: false,
            retrieval: Retrieval::Ask,
            allow_delete: false,
            start_in: Duration::ZERO,
            watch_self: true,
        },
        workers: 1,
        budget: Vec::new(),
        environment: Vec::new(),
    }
}

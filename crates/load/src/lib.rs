//! The load engine: arrivals, sessions, recorders, workers.
//!
//! A *plan* ([`plan`]) says which user begins a session when and does what in it: a pure function of the scenario
//! and a seed, the same for any number of workers. A *worker* ([`work`]) carries out its share on one thread: a
//! ticker releases due arrivals, each a task with a [`Session`]; what they measure and verify is told once a
//! second as a [`record::Second`], which adds up over workers.
//!
//! Two times are kept for each step. The *service time* begins when the step really began; the *response time*
//! begins when the plan wanted it, so that a server that stands still cannot hide the sessions it kept waiting
//! (coordinated omission). Only correct steps are samples; what went wrong is an error of a named kind.
//!
//! Deliberately absent: sockets and TLS (`net`), the meaning of replies' octets (`proto`), pages and tables
//! (`report`), files and terminals (`poplab`).

mod assignment;
mod behaviour;
mod bottleneck;
pub mod budget;
pub mod capacity;
mod controller;
mod figures;
mod merge;
mod pipe;
pub mod plan;
mod recorder;
mod second;
mod session;
mod threshold;
mod trial;
mod worker;

pub use assignment::{Assignment, Retrieval, Targets};
pub use behaviour::Behaviours;
pub use bottleneck::{SelfWatch, WorkerLoad, bottleneck, shortage};
pub use controller::{
    Live, LiveStep, News, Order, Outcome, StartError, run_here, run_processes, run_threads,
};
pub use merge::{Derived, Misplaced, Replay};
pub use pipe::{LONGEST_SAID, WorkerError, worker_main};
pub use recorder::TAGS;
pub use second::{Measured, MeasuredStep, Samples};
pub use session::{Failure, Message, Session};
pub use threshold::{Observed, is_lost, judge, subject};
pub use trial::{TrialError, try_login};
pub use worker::{Ended, PANIC, dialer, runtime, trust, work};

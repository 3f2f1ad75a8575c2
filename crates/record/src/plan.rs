//! The plan of a load run as it is told in reports. The scenario itself, from which it can be run again, is kept
//! elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// What the scenario asked for, worked out before the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadPlan {
    /// The name of the scenario.
    pub scenario: String,
    /// What it is for, in the words of its author.
    pub description: String,
    /// `open loop` (arrivals do not wait for the server) or `closed loop`.
    pub model: String,
    /// The arrivals in one sentence.
    pub arrivals: String,
    /// How many sessions that makes.
    pub planned_sessions: u64,
    /// How long the arrivals last, in seconds.
    pub duration_s: f64,
    /// The seed the plan comes from.
    pub seed: u64,
    /// How many accounts take part.
    pub accounts: u64,
    /// How connections are protected, in one clause: `implicit, half of the users resume`.
    pub tls: String,
    /// The behaviours and their shares.
    pub behaviours: Vec<Share>,
    /// How many worker processes there are.
    pub workers: u32,
    /// The addresses that are dialled.
    pub targets: Vec<String>,
    /// What the run needs of the machine: descriptors, ports, memory.
    pub budget: Vec<Fact>,
}

/// The share of one behaviour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// The behaviour.
    pub name: String,
    /// Its share of the users, 0 to 1.
    pub weight: f64,
    /// How many sessions of the plan are its.
    pub sessions: u64,
}

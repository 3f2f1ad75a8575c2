//! Conversations with the fake server in memory: octets in, octets out, no socket.

#![allow(clippy::unwrap_used, reason = "a conversation that cannot be held fails its test")]

mod bugs;
mod correct;
mod maildrop_defects;
mod policies;
mod population;
mod properties;
mod recorded;
mod talk;

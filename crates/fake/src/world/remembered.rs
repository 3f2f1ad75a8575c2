//! What a server remembers of all its connections, for twists: the mistakes of programs that keep in one place what
//! belongs to a connection. The correct server neither reads nor writes it.

use std::collections::{BTreeMap, BTreeSet};

/// What is remembered, as long as the world lasts.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The server has crashed: nobody is served any more.
    pub(crate) crashed: bool,
    /// What USER named last, on whatever connection.
    pub(crate) name: Option<Vec<u8>>,
    /// How many sessions there were.
    pub(crate) sessions: u32,
    /// How often a password for these names was wrong.
    pub(crate) failures: BTreeMap<Vec<u8>, u32>,
    /// The numbers of connections that are in the middle of something.
    pub(crate) under_way: BTreeSet<u64>,
    /// What connections have left for later, by their number; gone with the connection.
    pub(crate) left: BTreeMap<u64, Vec<u8>>,
}

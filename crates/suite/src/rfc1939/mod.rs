//! Checks of RFC 1939, one file per section and command.

pub(crate) mod s5_stat;

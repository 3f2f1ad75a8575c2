//! Checks of servers, one file per RFC section, and their runner.

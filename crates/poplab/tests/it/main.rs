//! Tests of the program from outside: whole outputs, exit codes and files. What the checks judge is tested in `suite`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod baseline;
mod control;
mod environment;
mod fake;
mod faults;
mod help;
mod hostile;
mod identity;
mod inputs;
mod load;
mod load_trouble;
mod peers;
mod record;
mod runs;
mod scenarios;
mod seconds;
mod secrecy;
mod seed;
mod wrong_servers;

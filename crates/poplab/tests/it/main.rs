//! Tests of the program from outside: whole outputs, exit codes and files. What the checks judge is tested in `suite`.

mod bad_input;
mod environment;
mod fake;
mod help;
mod peers;
mod runs;
mod seed;

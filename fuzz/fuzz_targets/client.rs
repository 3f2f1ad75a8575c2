//! Fuzzes the client machine. The body stands in proto, so that an ordinary test replays the corpus through it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::fuzzing::client(data));

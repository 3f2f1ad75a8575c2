//! Fuzzes the YAML reader. The body stands in yaml, so that an ordinary test replays the corpus through it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yaml::fuzzing::read(data));

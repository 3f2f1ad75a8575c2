//! Fuzzes fault scripts. The body stands in script, so that an ordinary test replays the corpus through it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| script::fuzzing::read(data));

//! Load scenarios: what a run shall do, read from YAML or built in Rust.

//! The `poplab` command.
fn main() {}

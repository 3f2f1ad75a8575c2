//! stub
use clap::Args;
/// Put the fixture mail into a server's maildrops
#[derive(Debug, Args)]
pub(crate) struct Arguments {}
pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<u8> {
    Ok(0)
}

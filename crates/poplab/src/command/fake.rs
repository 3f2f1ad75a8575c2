//! stub
use clap::Args;
/// Run a fake POP3 server
#[derive(Debug, Args)]
pub(crate) struct Arguments {}
pub(crate) fn run(_arguments: Arguments) -> anyhow::Result<u8> {
    Ok(0)
}

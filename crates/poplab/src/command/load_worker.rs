//! `poplab load-worker`, hidden: one worker process of a load run. It is told its part on stdin and tells each second on
//! stdout; what is said there is the crate `load`'s affair.

use crate::exit::{self, Failure};

/// Works until its part is done, or stdin ends.
pub(crate) fn run() -> anyhow::Result<u8> {
    load::worker_main(std::io::stdin(), std::io::stdout(), load::Behaviours::default())
        .map_err(|error| Failure::not_carried_out(error.to_string()))?;
    Ok(exit::GOOD)
}

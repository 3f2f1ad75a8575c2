//! Fault scripts from files, and what is said of faults that never acted.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fake::{Script, World};

use crate::exit::Failure;

/// All the faults of several files, in their order; `None` where there are no files.
///
/// # Errors
/// A file cannot be read, or something is wrong in it: then everything that is, with line and column.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Option<Script>> {
    let mut all = Script::default();
    for path in paths {
        all.join(read_one(path)?);
    }
    Ok((!paths.is_empty()).then_some(all))
}

fn read_one(path: &Path) -> anyhow::Result<Script> {
    let text = crate::input::text(path)
        .with_context(|| format!("cannot read the fault script {}", path.display()))?;
    Script::read(&text, &path.display().to_string()).map_err(|problems| Failure::input(problems.to_string()))
}

/// A sentence for each fault that never acted.
pub(crate) fn idle(world: &World) -> Vec<String> {
    let idle = world.faults().into_iter().filter(|(_, acted)| *acted == 0);
    idle.map(|(name, _)| format!("the fault `{name}` never acted")).collect()
}

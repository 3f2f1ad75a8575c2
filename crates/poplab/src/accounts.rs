//! Reading an accounts file. Its content is `suite`'s; here are the file and the environment.

use std::path::Path;

use anyhow::Context as _;
use suite::Accounts;

/// Reads an accounts file.
///
/// # Errors
/// It cannot be read, or its content is wrong; then with line and column.
pub(crate) fn read(path: &Path) -> anyhow::Result<Accounts> {
    let text = crate::input::text(path)
        .with_context(|| format!("cannot read the accounts file {}", path.display()))?;
    Ok(Accounts::parse(path, &text, &|variable| crate::environment::password(variable).ok())?)
}

//! Reading an accounts file. Its content is `suite`'s; here are the file and the environment.

use std::path::Path;

use anyhow::Context as _;
use suite::Accounts;

use crate::exit::Failure;
use crate::terminal;

/// Reads an accounts file.
///
/// # Errors
/// It cannot be read, or its content is wrong; then with line and column.
pub(crate) fn read(path: &Path) -> anyhow::Result<Accounts> {
    let text = crate::input::text(path)
        .with_context(|| format!("cannot read the accounts file {}", path.display()))?;
    Ok(Accounts::parse(path, &text, &|variable| crate::environment::password(variable).ok())?)
}

/// The name of a user, if it can be a part of a path and of a command without meaning anything there.
///
/// # Errors
/// It cannot.
pub(crate) fn plain(user: &str) -> anyhow::Result<&str> {
    let plain = |character: char| character.is_alphanumeric() || "._@+-".contains(character);
    if !user.is_empty() && !user.starts_with(['.', '-']) && user.chars().all(plain) {
        return Ok(user);
    }
    Err(Failure::input(format!(
        "the user `{}` cannot be put into a path or a command; poplab puts there names of letters, digits and ._@+-",
        terminal::visible(user)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_to_a_shell_or_a_path_are_refused() {
        for user in ["fixtures1", "alice@example.org", "a.b-c_d+e"] {
            assert!(plain(user).is_ok(), "{user}");
        }
        for user in ["", "..", "../root", "-f", "a b", "$(id)", "a'b", "a/b"] {
            assert!(plain(user).is_err(), "{user}");
        }
    }
}

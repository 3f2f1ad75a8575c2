//! How a finding is seen again: what is printed with it, and the file that this names. What is repeated there is the
//! matter of `suite`.

use std::path::PathBuf;

use record::CheckResult;
use suite::reproduce::{Reproduction, Server, Verification, shell_word};

use super::arguments::Arguments;
use crate::folder;

/// What a reader needs besides the conversation: where the files lie, and how the server is reached.
pub(super) struct Reproductions {
    folder: PathBuf,
    verification: Verification,
    /// Starts the embedded server, which is gone when the run is over.
    fake: Option<Vec<String>>,
}

impl Reproductions {
    /// For a run of this command line.
    pub(super) fn new(arguments: &Arguments) -> Self {
        let verification = match &arguments.ca {
            _ if arguments.insecure => Verification::None,
            Some(path) => Verification::File(path.display().to_string()),
            None => Verification::System,
        };
        let fake = arguments.target.is_none().then(|| {
            let poplab = std::env::current_exe()
                .map_or_else(|_| "poplab".to_owned(), |path| path.display().to_string());
            let seed = arguments.seed.to_string();
            let mut words =
                [&poplab, "fake", "--conformance-accounts", "--seed", &seed].map(str::to_owned).to_vec();
            words.extend(arguments.defect.iter().flat_map(|defect| ["--defect".to_owned(), defect.clone()]));
            words.extend(arguments.persona.iter().flat_map(|one| ["--persona".to_owned(), one.clone()]));
            words
        });
        Self { folder: arguments.out.clone(), verification, fake }
    }

    /// Completes a finding. If its reproduction is a file, this is its path below the run's folder, and its text.
    /// `folder_name` is that of the entrance.
    pub(super) fn complete(
        &self,
        folder_name: &str,
        result: &mut CheckResult,
        reproduction: Option<&Reproduction>,
    ) -> Option<(String, String)> {
        let reproduction = reproduction?;
        // The embedded server has to be started first, which a file does.
        if self.fake.is_none()
            && let Some(line) = reproduction.line(&self.verification)
        {
            result.reproduce = line;
            return None;
        }
        let path = format!("{}/{folder_name}/{}.py", folder::REPRODUCE, result.id);
        let shown = self.folder.join(&path).display().to_string();
        // Python must not take it for an option.
        let shown = if shown.starts_with('-') { format!("./{shown}") } else { shown };
        result.reproduce = format!("python3 {}", shell_word(&shown));
        if self.fake.is_none() && reproduction.deletes() {
            result.reproduce.push_str(" --allow-delete  # deletes marked mail of the test accounts");
        }
        let server = match &self.fake {
            Some(command) => Server::Started(command),
            None => Server::Running(&self.verification),
        };
        Some((path, reproduction.script(&server)))
    }
}

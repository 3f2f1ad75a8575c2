//! The folder in which a block is run: it holds what the pages show or assume.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::{PASSWORD, root};

/// A folder below the repository's root, where `cargo xtask` works as it does in the root itself. It holds the files
/// that the pages show, the shipped scenarios, and somebody's mail; it is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(page: &str, number: usize, files: &BTreeMap<String, String>) -> Folder {
        let page = page.replace(['/', '.'], "-");
        let path = root().join(format!("target/readme/{}-{page}-line-{number}", std::process::id()));
        let folder = Folder(path);
        folder.write("Maildir/new/1700000001.M1P1.host", "Subject: from grandmother\n\nDear child\n");
        std::fs::create_dir_all(folder.0.join("Maildir/cur")).expect("a folder");
        std::fs::create_dir_all(folder.0.join("mail")).expect("a folder");
        std::os::unix::fs::symlink(root().join("scenarios"), folder.0.join("scenarios")).expect("a link");
        for (name, text) in files {
            let mail = folder.0.join("mail").display().to_string();
            let text = text.replace("/var/mail/poplab", &mail);
            folder.write(name, &text.replace("target: mail.example.org", "target: 127.0.0.1"));
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// A program that is ended when it goes on for too long, and that is started with the usual signals and umask, whatever
    /// `nohup` or a runner made of ours.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("env");
        let usual = ["--default-signal", "timeout", "--kill-after=10", "1200", "sh", "-c"];
        command.args(usual).args(["umask 022; exec \"$0\" \"$@\"", program]);
        command.current_dir(&self.0).env("POPLAB_PASSWORD", PASSWORD);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The last one to go takes the folder of all with it.
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = std::fs::remove_dir(root().join("target/readme"));
    }
}

//! Where the certificate to trust is written.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::OFlags;

use crate::folder::{self, Readers};

/// A temporary file is made anew, and a named one is replaced: neither is opened through somebody's link, wherever that
/// leads. What is no file, such as a named pipe, is written to, and so are streams of this process by their names.
pub(in crate::command) fn write_certificate(path: &Path, pem: &str, temporary: bool) -> anyhow::Result<()> {
    let stream = is_stream(path);
    let facts = std::fs::symlink_metadata(path);
    let special = facts.is_ok_and(|facts| !facts.is_file() && !facts.is_dir() && !facts.is_symlink());
    let written = match path.to_str() {
        // A file that was opened by this name would be written from its beginning, beneath what else goes there.
        Some("/dev/stdout") => std::io::stdout().write_all(pem.as_bytes()),
        Some("/dev/stderr") => std::io::stderr().write_all(pem.as_bytes()),
        _ if temporary || special || stream => {
            let mut options = OpenOptions::new();
            options.write(true).create_new(temporary).mode(0o644);
            if !stream {
                options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
            }
            options.open(path).and_then(|mut file| file.write_all(pem.as_bytes()))
        }
        _ => folder::put(path, pem.as_bytes(), Readers::ByUmask),
    };
    written.with_context(|| format!("cannot write the certificate to {}", path.display()))
}

/// Whether it names a stream of a process by its number, as a shell does for `>(…)`: a link that nobody else can make.
fn is_stream(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
}

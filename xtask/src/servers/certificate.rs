//! TLS for a test server: a small certification authority of its own, and a certificate for localhost, by openssl.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::instance::write_public;
use super::process::PROGRAMS;
use crate::failure::Failure;

const CONFIGURATION: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = localhost
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// Days that the certificates are good for: longer than any server stays up, shorter than what one would trust.
const DAYS: &str = "30";

/// The files of one server's TLS.
pub(super) struct Certificates {
    /// What clients are to trust.
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Makes new certificates in `folder`.
pub(super) fn make(folder: &Path) -> Result<Certificates, Failure> {
    write_public(&folder.join("openssl.cnf"), CONFIGURATION)?;
    openssl(folder, "ecparam -genkey -name prime256v1 -noout -out ca-key.pem")?;
    openssl(
        folder,
        &format!(
            "req -new -x509 -config openssl.cnf -extensions authority -key ca-key.pem -days {DAYS} -out ca.pem \
                  -subj /CN=poplab-test-server-authority"
        ),
    )?;
    openssl(folder, "ecparam -genkey -name prime256v1 -noout -out key.pem")?;
    openssl(folder, "req -new -config openssl.cnf -key key.pem -out request.pem")?;
    openssl(
        folder,
        &format!(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days {DAYS} \
                  -extfile openssl.cnf -extensions server -out cert.pem"
        ),
    )?;
    // The authority has signed the one certificate it is for.
    let _ = std::fs::remove_file(folder.join("ca-key.pem"));
    let key = folder.join("key.pem");
    std::fs::set_permissions(&key, Permissions::from_mode(0o600))
        .map_err(|error| Failure::file("close", &key, &error))?;
    Ok(Certificates { authority: folder.join("ca.pem"), certificate: folder.join("cert.pem"), key })
}

fn openssl(folder: &Path, arguments: &str) -> Result<(), Failure> {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env("PATH", PROGRAMS)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Failure::environment(format!("cannot run openssl: {error}; apt-get install openssl"))
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::environment(format!(
        "openssl {arguments}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    )))
}

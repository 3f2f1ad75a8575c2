//! The TLS floor: full TLS 1.3 handshakes in memory, no socket and no runtime, the client's share of the CPU time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use net::Identity;
use rustix::time::{ClockId, clock_gettime};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection, SideData,
};

/// The client's CPU time for one handshake, the certificate verified: the mean over `count`.
///
/// # Errors
/// A certificate or a handshake is wrong.
pub(crate) fn client_cost(count: u32) -> anyhow::Result<Duration> {
    let identity = Identity::throwaway()?;
    let (client, server) = (client(&identity)?, server(&identity)?);
    let mut spent = 0;
    for _ in 0..count {
        let mut far = ServerConnection::new(server.clone())?;
        let start = thread_cpu_ns();
        let mut near = ClientConnection::new(client.clone(), ServerName::try_from("localhost")?)?;
        let mut wire = Vec::with_capacity(4096);
        send(&mut near, &mut wire)?;
        spent += thread_cpu_ns() - start;
        loop {
            receive(&mut far, &wire)?;
            wire.clear();
            send(&mut far, &mut wire)?;
            if wire.is_empty() {
                break;
            }
            let start = thread_cpu_ns();
            receive(&mut near, &wire)?;
            wire.clear();
            send(&mut near, &mut wire)?;
            spent += thread_cpu_ns() - start;
        }
        anyhow::ensure!(!near.is_handshaking() && !far.is_handshaking(), "the handshake did not end");
    }
    Ok(Duration::from_nanos(spent / u64::from(count)))
}

fn client(identity: &Identity) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(identity.ca_pem().as_bytes()) {
        roots.add(certificate.context("the authority is unreadable")?)?;
    }
    let mut configuration = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    configuration.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(configuration))
}

fn server(identity: &Identity) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = identity.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivatePkcs8KeyDer::from(identity.key().to_vec());
    let configuration = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key.into())?;
    Ok(Arc::new(configuration))
}

fn send<Data: SideData>(side: &mut ConnectionCommon<Data>, wire: &mut Vec<u8>) -> anyhow::Result<()> {
    while side.wants_write() {
        side.write_tls(wire)?;
    }
    Ok(())
}

fn receive<Data: SideData>(side: &mut ConnectionCommon<Data>, mut wire: &[u8]) -> anyhow::Result<()> {
    while !wire.is_empty() {
        side.read_tls(&mut wire)?;
        side.process_new_packets()?;
    }
    Ok(())
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

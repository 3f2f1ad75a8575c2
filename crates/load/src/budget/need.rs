//! What a run needs, in figures.

use std::net::{IpAddr, Ipv4Addr};

use super::{Demand, Machine, Target};
use crate::figures::whole;

/// Descriptors of a worker that are not sessions.
pub(super) const RESERVED_DESCRIPTORS: u64 = 64;

/// Memory of a session without TLS in a worker, octets.
const PLAIN_OCTETS: u64 = 1_200;

/// Memory of a session with TLS in a worker, octets.
const TLS_OCTETS: u64 = 11_000;

/// Memory of a socket in the kernel, octets: TCP control block, inode, directory entry, file, epoll item.
const SOCKET_OCTETS: u64 = 4_600;

/// Memory of a worker itself, histograms included, octets.
const WORKER_OCTETS: u64 = 40_000_000;

/// Sessions for each source address: with more, the kernel takes four times as long to find a free port.
const SESSIONS_PER_SOURCE: u64 = 8_000;

/// A worker is planned for this part of a core, so that its ticker is never late.
const PART_OF_A_CORE: f64 = 0.5;

/// More processes than this are a mistake.
pub(super) const MOST_WORKERS: u64 = 1_000;

/// The figures that follow from what is asked for and what the machine has.
#[derive(Debug)]
pub(super) struct Need {
    /// Sessions that the descriptors of one worker suffice for.
    pub(super) sessions_per_worker: u64,
    /// Workers that the descriptors demand.
    pub(super) by_descriptors: u64,
    /// Workers that the processor time demands.
    by_processor: u64,
    /// Workers that there will be.
    pub(super) workers: u64,
    /// Descriptors of all processes here.
    pub(super) descriptors: u64,
    /// Memory of sockets in the kernel, octets.
    pub(super) kernel: u64,
    /// Memory of processes and kernel, octets.
    pub(super) memory: u64,
    /// Addresses to connect from; empty for the kernel's choice.
    pub(super) sources: Vec<IpAddr>,
    /// Addresses and ports to connect to.
    pub(super) targets: u64,
    /// Ports that there are for outgoing connections.
    pub(super) ports: u64,
}

impl Need {
    /// Reckons them. `wish` is how many workers the user wants, if that was said.
    pub(super) fn of(demand: &Demand, machine: &Machine, wish: Option<u32>) -> Self {
        let ends: u64 = if demand.is_here() { 2 } else { 1 };
        let sessions_per_worker = machine.descriptors.saturating_sub(RESERVED_DESCRIPTORS);
        let by_descriptors = demand.peak_sessions.div_ceil(sessions_per_worker.max(1)).max(1);
        let by_processor =
            whole((demand.processors / PART_OF_A_CORE).ceil()).clamp(1, u64::from(machine.cores));
        let workers = wish.map_or(by_descriptors.max(by_processor), |wish| u64::from(wish.max(1)));
        let (tls, plain) = tls_and_plain(demand);
        let user = (tls * TLS_OCTETS + plain * PLAIN_OCTETS) * ends;
        let kernel = demand.peak_sessions * SOCKET_OCTETS * ends;
        let sources = sources(demand);
        let targets = demand.targets.len().max(1) as u64;
        Self {
            sessions_per_worker,
            by_descriptors,
            by_processor,
            workers,
            descriptors: demand.peak_sessions * ends + workers * RESERVED_DESCRIPTORS,
            kernel,
            memory: user + kernel + workers.min(MOST_WORKERS) * WORKER_OCTETS,
            ports: machine.ports.saturating_mul(sources.len().max(1) as u64).saturating_mul(targets),
            sources,
            targets,
        }
    }

    /// The number of workers that would be taken without a wish.
    pub(super) fn advised(&self) -> u64 {
        self.by_descriptors.max(self.by_processor)
    }
}

fn tls_and_plain(demand: &Demand) -> (u64, u64) {
    let tls = whole((demand.peak_sessions as f64 * demand.tls).ceil()).min(demand.peak_sessions);
    (tls, demand.peak_sessions - tls)
}

/// Loopback has 16 million addresses to connect from; elsewhere the kernel chooses the one there is. They stay clear of
/// 127.0.0.0/16, where servers listen.
fn sources(demand: &Demand) -> Vec<IpAddr> {
    let loopback = |target: &Target| matches!(target.address, IpAddr::V4(address) if address.is_loopback());
    let number = demand.worst_sessions.max(demand.peak_sessions).div_ceil(SESSIONS_PER_SOURCE);
    if number < 2 || demand.targets.is_empty() || !demand.targets.iter().all(loopback) {
        return Vec::new();
    }
    (0..number.min(10_000))
        .map(|index| {
            let (third, fourth) = (index / 250, index % 250 + 1);
            // Both are below 256: 10,000 addresses are 40 blocks of 250.
            IpAddr::V4(Ipv4Addr::new(
                127,
                77,
                u8::try_from(third).unwrap_or(0),
                u8::try_from(fourth).unwrap_or(1),
            ))
        })
        .collect()
}

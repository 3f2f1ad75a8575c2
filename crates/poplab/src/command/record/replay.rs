//! `poplab fake --replay`: says again what was recorded.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use net::{Identity, Listening, Ports, Server};
use recording::{Miss, Recording, Replay};

use super::{RECORDING, Stands, cannot_listen, runtime, stand};
use crate::directory::Directory;
use crate::exit::Failure;
use crate::{glob, terminal};

/// A recording may have so many octets. One of ours has fewer, and somebody may have written another.
const LARGEST: u64 = 2 * recording::OCTETS;

/// Lines that had no reply of which each is told; the rest is counted.
const TOLD: usize = 10;

/// Says it again until its time is over.
///
/// # Errors
/// There is no recording in the folder, or the ports are taken.
pub(in crate::command) fn replay(
    folder: &Path,
    ports: Ports,
    ca_out: Option<&Path>,
    command: &[OsString],
) -> anyhow::Result<u8> {
    let recording = read(folder)?;
    if recording.sessions.is_empty() {
        return Err(Failure::input(format!("the recording in {} has no session", folder.display())));
    }
    let replay = Replay::new(recording);
    runtime()?.block_on(async {
        let identity = Identity::throwaway()?;
        let listening = Listening { ports, ..Listening::default() };
        let server = Server::start_with(replay.clone(), listening, &[&identity])
            .await
            .map_err(|error| cannot_listen(ports, &error))?;
        let stands = Stands {
            port: server.clear().map(|address| address.port()),
            tls_port: server.tls().map(|address| address.port()),
            ca_pem: server.ca_pem(),
        };
        let code = stand(&stands, ca_out, command).await;
        server.stop().await;
        tell(&replay);
        code
    })
}

/// The recording in a folder.
///
/// # Errors
/// There is none, or what is there is none.
pub(super) fn read(folder: &Path) -> anyhow::Result<Recording> {
    let path = folder.join(RECORDING);
    let octets = Directory::open(folder)
        .and_then(|directory| directory.read(RECORDING.as_ref(), LARGEST))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(octets)
        .map_err(|_| Failure::input(format!("{} is no recording: it is not UTF-8", path.display())))?;
    Recording::parse(&text).map_err(|problem| Failure::input(format!("{}: {problem}", path.display())))
}

/// Says what clients asked for and was not recorded.
fn tell(replay: &Replay) {
    let (misses, count) = replay.misses().told();
    for miss in misses.iter().take(TOLD) {
        terminal::tell(&terminal::visible(&sentence(miss)));
    }
    let more = count.saturating_sub(misses.len().min(TOLD) as u64);
    if more > 0 {
        terminal::tell(&format!("note: and {more} more"));
    }
}

fn sentence(miss: &Miss) -> String {
    let Miss { session, said, expected } = miss;
    let near = glob::nearest(said, expected.iter().map(String::as_str));
    let expected = match near.first().copied().or(expected.first().map(String::as_str)) {
        Some(nearest) => format!("the nearest that is recorded is `{nearest}`"),
        None => "nothing more is recorded".to_owned(),
    };
    format!(
        "note: session {session}: `{said}` was answered with -ERR, since it is not in the recording; {expected}"
    )
}

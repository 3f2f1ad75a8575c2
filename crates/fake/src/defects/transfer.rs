//! How RETR writes a message where a buffer ends (RFC 1939 section 3).

use super::Defect;
use super::hooks::after;
use super::retrieval::stuffed_but;
use super::stuffing::{finished, sent};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.retr.dot-at-1024",
        summary: "RETR does not stuff a dot that is the first octet of a block of 1,024 octets of the message",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| stuffed_but(octets, |position| position > 0 && position % 1024 == 0));
        }),
    },
    Defect {
        id: "rfc1939.retr.dot-at-8192",
        summary: "RETR stuffs blocks of 8,192 octets one by one, and misses a dot whose CRLF is in the block before",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| stuffed_but(octets, |position| position > 1 && position % 8192 < 2));
        }),
    },
    Defect {
        id: "rfc1939.retr.dot-at-16384",
        summary: "RETR does not stuff a dot that is the first octet of a block of 16,384 octets on the wire",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| sent(asked, reply, |octets| unstuffed_at_wire_edge(octets, 16_384))),
    },
    Defect {
        id: "rfc1939.retr.dot-at-65536",
        summary: "RETR does not stuff a dot that is the first octet of a block of 65,536 octets on the wire",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| sent(asked, reply, |octets| unstuffed_at_wire_edge(octets, 65_536))),
    },
    Defect {
        id: "rfc1939.retr.dot-behind-131072",
        summary: "RETR stuffs nothing behind the first 131,072 octets of a message",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| stuffed_but(octets, |position| position > 131_072));
        }),
    },
    Defect {
        id: "rfc1939.retr.block-is-a-line",
        summary: "RETR stuffs a dot at the beginning of each block of 4,096 octets, also within a line",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| stuffed_in_lines(octets, |position, _| position % 4096 == 0));
        }),
    },
    Defect {
        id: "rfc1939.retr.long-line-in-parts",
        summary: "RETR reads lines in parts of 1,023 octets, and stuffs each part that begins with a dot",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| stuffed_in_lines(octets, |_, column| column % 1023 == 0));
        }),
    },
    Defect {
        id: "rfc1939.retr.carriage-return-at-edge",
        summary: "RETR loses a CR that is the last octet of a block of 4,096",
        proves: &["rfc1939.retr.line-ends"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let written = stuffed_but(octets, |_| false);
                let lost = |position: usize, octet: u8| octet == b'\r' && position % 4096 == 4095;
                written
                    .iter()
                    .enumerate()
                    .filter(|(position, octet)| !lost(*position, **octet))
                    .map(|(_, octet)| *octet)
                    .collect()
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.line-feed-at-edge",
        summary: "RETR takes an LF at the beginning of a block of 4,096 octets for a bare one and puts a CR before it",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let mut out = Vec::with_capacity(octets.len() + 64);
                for (position, &octet) in octets.iter().enumerate() {
                    if octet == b'\n' && position > 0 && position % 4096 == 0 {
                        out.push(b'\r');
                    }
                    out.push(octet);
                }
                stuffed_but(&out, |_| false)
            });
        }),
    },
];

/// A message on the wire, where a dot is not stuffed that would be the first octet of a block of output.
fn unstuffed_at_wire_edge(octets: &[u8], block: usize) -> Vec<u8> {
    let (mut out, mut at_line_start) = (Vec::with_capacity(octets.len() + 64), true);
    for &octet in octets {
        if octet == b'.' && at_line_start && (out.is_empty() || out.len() % block != 0) {
            out.push(b'.');
        }
        out.push(octet);
        at_line_start = out.ends_with(b"\r\n");
    }
    finished(out)
}

/// A message on the wire, where further dots are stuffed: by their position, and by their column in the line.
fn stuffed_in_lines(octets: &[u8], also: fn(usize, usize) -> bool) -> Vec<u8> {
    let (mut out, mut column) = (Vec::with_capacity(octets.len() + 64), 0);
    for (position, &octet) in octets.iter().enumerate() {
        if octet == b'.' && (column == 0 || also(position, column)) {
            out.push(b'.');
        }
        out.push(octet);
        column = if out.ends_with(b"\r\n") { 0 } else { column + 1 };
    }
    finished(out)
}

//! Messages that arrive altered: what RETR and TOP send is not what was delivered (RFC 1939 section 5).

use proto::Verb;

use super::Defect;
use super::hooks::after;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.retr.cut-at-64k",
        summary: "RETR sends the first 65,536 octets of a message",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.map_message(|octets| octets.get(..65_536).unwrap_or(octets).to_vec());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.cut-at-1m",
        summary: "RETR sends the first 1,048,576 octets of a message",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.map_message(|octets| octets.get(..1_048_576).unwrap_or(octets).to_vec());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.cut-by-file-size",
        summary: "RETR sends as many octets of a message as its file has, in which lines end with LF",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.map_message(|octets| {
                    let size = mail::lines_to_lf(octets).len();
                    octets.get(..size).unwrap_or(octets).to_vec()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.trims-lines",
        summary: "blanks and tabs at the end of lines are not sent",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                each_line(octets, |line| {
                    let end =
                        line.iter().rposition(|octet| !b" \t".contains(octet)).map_or(0, |last| last + 1);
                    line.get(..end).unwrap_or_default().to_vec()
                })
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.trims-end",
        summary: "empty lines at the end of a message are not sent",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                let mut rest = octets;
                while let Some(shorter) =
                    rest.strip_suffix(b"\r\n").filter(|shorter| shorter.ends_with(b"\r\n\r\n"))
                {
                    rest = shorter;
                }
                rest.to_vec()
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.merges-empty-lines",
        summary: "of several empty lines in a row one is sent",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                let (mut out, mut empty_before) = (Vec::with_capacity(octets.len()), false);
                for line in octets.split_inclusive(|&octet| octet == b'\n') {
                    let empty = line == b"\r\n";
                    if !(empty && empty_before) {
                        out.extend_from_slice(line);
                    }
                    empty_before = empty;
                }
                out
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.expands-tabs",
        summary: "a tab is sent as blanks",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                each_line(octets, |line| {
                    line.iter()
                        .flat_map(|octet| if *octet == b'\t' { vec![b' '; 8] } else { vec![*octet] })
                        .collect()
                })
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.escapes-from",
        summary: "a line of the body that begins with From and a blank is sent with a > before it",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                let body = mail::body(octets);
                let header = octets.get(..octets.len() - body.len()).unwrap_or_default();
                let escaped = each_line(body, |line| {
                    [if line.starts_with(b"From ") { &b">"[..] } else { b"" }, line].concat()
                });
                [header, &escaped].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.unfolds",
        summary: "folded header fields are sent as one line",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                let body = mail::body(octets);
                let header = octets.get(..octets.len() - body.len()).unwrap_or_default();
                let mut out: Vec<u8> = Vec::with_capacity(octets.len());
                for line in header.split_inclusive(|&octet| octet == b'\n') {
                    if line.starts_with(b" ") || line.starts_with(b"\t") {
                        let folded = out.len() - if out.ends_with(b"\r\n") { 2 } else { 0 };
                        out.truncate(folded);
                    }
                    out.extend_from_slice(line);
                }
                out.extend_from_slice(body);
                out
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.line-feeds-become-crlf",
        summary: "a bare LF is sent as CRLF, and the size that is told does not count it",
        proves: &["rfc1939.size.exact"],
        hooks: after(|_, _, reply| reply.map_message(mail::lines_to_crlf)),
    },
    Defect {
        id: "rfc1939.retr.five-hundred-lines",
        summary: "of a message of more than 500 lines the rest is not sent",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                octets.split_inclusive(|&octet| octet == b'\n').take(500).flatten().copied().collect()
            });
        }),
    },
    Defect {
        id: "practice.retr.question-marks",
        summary: "octets that are not ASCII are sent as question marks",
        proves: &["practice.retr.8bit"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                octets.iter().map(|octet| if octet.is_ascii() { *octet } else { b'?' }).collect()
            });
        }),
    },
    Defect {
        id: "practice.retr.as-utf8",
        summary: "octets that are not UTF-8 are sent as the replacement character",
        proves: &["practice.retr.8bit"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| String::from_utf8_lossy(octets).into_owned().into_bytes());
        }),
    },
    Defect {
        id: "practice.retr.twice-encoded",
        summary: "octets that are not ASCII are taken for Latin-1 and sent as UTF-8",
        proves: &["practice.retr.8bit"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                octets.iter().map(|octet| char::from(*octet)).collect::<String>().into_bytes()
            });
        }),
    },
    Defect {
        id: "practice.retr.wraps-at-998",
        summary: "lines of more than 998 octets are sent as several",
        proves: &["practice.retr.long-line"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                each_line(octets, |line| line.chunks(998).collect::<Vec<_>>().join(&b"\r\n"[..]))
            });
        }),
    },
    Defect {
        id: "practice.retr.cuts-at-2048",
        summary: "lines are sent without what is behind their first 2,048 octets",
        proves: &["practice.retr.long-line"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| each_line(octets, |line| line.get(..2048).unwrap_or(line).to_vec()));
        }),
    },
    Defect {
        id: "practice.retr.cuts-at-65535",
        summary: "lines are sent without what is behind their first 65,535 octets",
        proves: &["practice.retr.long-line"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| each_line(octets, |line| line.get(..65_535).unwrap_or(line).to_vec()));
        }),
    },
    Defect {
        id: "practice.retr.nul-ends-message",
        summary: "nothing behind the first NUL of a message is sent",
        proves: &["practice.retr.nul"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| octets.split(|&octet| octet == 0).next().unwrap_or_default().to_vec());
        }),
    },
    Defect {
        id: "practice.retr.nul-ends-line",
        summary: "nothing behind the first NUL of a line is sent of that line",
        proves: &["practice.retr.nul"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                each_line(octets, |line| line.split(|&octet| octet == 0).next().unwrap_or_default().to_vec())
            });
        }),
    },
];

/// Another text for each line, whose end stays: CRLF, or none behind the last.
fn each_line(octets: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(octets.len()), octets);
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        out.extend_from_slice(&change(rest.get(..end).unwrap_or_default()));
        out.extend_from_slice(b"\r\n");
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    if !rest.is_empty() {
        out.extend_from_slice(&change(rest));
    }
    out
}

//! What holds for every client: the same octets for the same octets however they are split, bounded portions, no
//! panic, and no mail lost without QUIT.

use fake::{Channel, Defects, Machine as _, Next, World, defects};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::talk::world;

/// Pieces that random conversations are made of: commands, halves of commands, and rubbish.
const TOKENS: &[&[u8]] = &[
    b"USER alice\r\nPASS wonderland\r\n",
    b"USER alice\r\n",
    b"PASS wrong\r\n",
    b"STAT\r\n",
    b"LIST\r\n",
    b"LIST 1\r\n",
    b"UIDL\r\n",
    b"RETR 1\r\n",
    b"RETR 3\r\n",
    b"TOP 1 2\r\n",
    b"DELE 1\r\n",
    b"DELE 5\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"CAPA\r\n",
    b"LANG\r\n",
    b"UTF8\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n",
    b"AUTH CRAM-MD5\r\n",
    b"AUTH SCRAM-SHA-256\r\n",
    b"biwsbj1hbGljZSxyPXg=\r\n",
    b"*\r\n",
    b"STLS\r\n",
    b"\r\n",
    b"\n",
    b"RE",
    b"\r",
    b" ",
    b"\xff\0\x1b",
    b"0123456789012345678901234567890123456789012345678901234567890123456789",
];

/// Says the pieces one after the other, as a driver would, and takes output in portions of this size.
fn answers(world: &World, channel: Channel, pieces: &[&[u8]], portion: usize) -> Vec<u8> {
    let mut connection = world.connect(channel);
    let mut out = Vec::new();
    let mut tail = Vec::new();
    for piece in pieces.iter().chain([&&b""[..]]) {
        tail.extend_from_slice(piece);
        loop {
            match connection.next() {
                Next::Write => {
                    let before = out.len();
                    connection.transmit(&mut out, portion);
                    assert!(out.len() > before && out.len() <= before + portion);
                }
                Next::Read if tail.is_empty() => break,
                Next::Read => {
                    let taken = connection.receive(&tail);
                    assert!(taken > 0 && taken <= tail.len());
                    tail.drain(..taken);
                }
                // Nothing is smuggled in: what came in the clear is kept for the time after the handshake, so that
                // the split does not matter here.
                Next::StartTls(_) => connection.secured(),
                // Some defects take their time, which goes by for the driver.
                Next::Wait(_) | Next::Flush | Next::HalfClose => {}
                Next::Close | Next::Reset => return out,
                other => panic!("no use for {other:?} here"),
            }
        }
    }
    out
}

fn cut<'a>(octets: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = octets;
    let mut pieces = Vec::new();
    for &length in lengths {
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

fn conversation() -> impl Strategy<Value = Vec<u8>> {
    vec(select(TOKENS), 0..30).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_same_octets_get_the_same_answer_however_they_are_split(
        octets in conversation(),
        lengths in vec(0usize..20, 0..40),
        portion in 1usize..100,
    ) {
        let answers = |pieces: &[&[u8]], portion| answers(&world(Defects::NONE, false), Channel::Clear, pieces, portion);
        let whole = answers(&[&octets], 1 << 20);
        prop_assert_eq!(&whole, &answers(&cut(&octets, &lengths), portion));
        prop_assert_eq!(&whole, &answers(&octets.chunks(1).collect::<Vec<_>>(), 1));
    }

    #[test]
    fn every_line_of_the_correct_server_is_well_formed(octets in conversation()) {
        let said = answers(&world(Defects::NONE, false), Channel::Clear, &[&octets], 1 << 20);
        prop_assert!(said.is_ascii(), "{}", said.escape_ascii());
        prop_assert!(said.split_inclusive(|&octet| octet == b'\n').all(|line| line.ends_with(b"\r\n")));
        // Commands are refused without their octets coming back.
        prop_assert!(!said.windows(10).any(|window| window == b"0123456789"));
    }

    #[test]
    fn no_octets_panic_a_server_with_any_defects(
        octets in prop_oneof![conversation(), vec(any::<u8>(), 0..2000)],
        chosen in vec(select(defects().collect::<Vec<_>>()), 0..12),
        tls in any::<bool>(),
    ) {
        let defects = chosen.into_iter().collect();
        let channel = if tls { Channel::Tls } else { Channel::Clear };
        answers(&world(defects, false), channel, &[&octets], 4096);
    }

    #[test]
    fn no_mail_is_lost_without_quit(octets in conversation()) {
        let world = world(Defects::NONE, false);
        let before = world.messages("alice");
        answers(&world, Channel::Clear, &[b"USER alice\r\nPASS wonderland\r\nDELE 2\r\n", &octets, b"QUIT"], 4096);
        prop_assert_eq!(world.messages("alice"), before);
        // The lock went with the connection.
        let said = answers(&world, Channel::Tls, &[b"USER alice\r\nPASS wonderland\r\n"], 4096);
        prop_assert!(said.ends_with(b"+OK Maildrop open\r\n"));
    }
}

#[test]
fn endless_lines_and_large_messages_are_not_kept() {
    let world = world(Defects::NONE, true);
    let mut connection = world.connect(Channel::Tls);
    let mut out = Vec::new();
    connection.secured();
    connection.transmit(&mut out, 4096);
    // One reply to 64 MiB without a line end, and nothing else to write.
    for _ in 0..64 {
        let piece = vec![b'x'; 1024 * 1024];
        let mut rest = &piece[..];
        while !rest.is_empty() {
            connection.transmit(&mut out, 4096);
            rest = &rest[connection.receive(rest)..];
        }
    }
    assert_eq!(out.split_inclusive(|&octet| octet == b'\n').count(), 2);
    assert_eq!(connection.receive(b"\nUSER dave\r\n"), 1);
    let large = world.messages("dave")[0].len();
    let said = answers(&world, Channel::Tls, &[b"USER dave\r\nPASS Drive1\r\nRETR 1\r\n"], 1000);
    assert!(said.len() > large && said.ends_with(b"\r\n.\r\n"));
}

//! What must hold for whatever is recorded, and for whatever text is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use transcript::{Entry, Piece, Recorder, Secrets, Side, Transcript};

#[derive(Clone, Debug)]
enum Action {
    Sent(u32, Vec<u8>),
    Received(u32, Vec<u8>),
    Content(u32, Vec<u8>),
    Note(u32, String),
    Secret(Vec<u8>),
}

/// Octets that find the corners: line ends, terminators, runs, all the characters of the notation, anything.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let corner = select(vec![
        "\r\n",
        "\n",
        "\r",
        ".",
        ".\r\n",
        "\r\n.\r\n",
        "a",
        "ab",
        "5",
        " ",
        "  ",
        "×",
        " × 7",
        "\\",
        "\\x41",
        "‹",
        "›",
        "‹secret 3›",
        "‹no line end›",
        "é",
        "␀",
        "␠",
        "␊",
        "\u{a0}",
        "\u{202e}",
        "\0",
        "\t",
        "\x7f",
        "+OK",
    ]);
    let part = prop_oneof![
        6 => corner.prop_map(|text| text.as_bytes().to_vec()),
        2 => vec(any::<u8>(), 0..8),
        1 => (any::<u8>(), 30..60_usize).prop_map(|(octet, count)| vec![octet; count]),
        1 => (select(vec!["x", "\r", " ", "7", "é", "×", "\r\n", "line\r\n"]), 35..100_usize)
            .prop_map(|(text, count)| text.repeat(count).into_bytes()),
        1 => (any::<u8>(), 4000..6000_u16)
            .prop_map(|(start, count)| (0..count).map(|number| start.wrapping_add((number % 13) as u8)).collect()),
    ];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn action() -> impl Strategy<Value = Action> {
    let session = 1..3_u32;
    prop_oneof![
        3 => (session.clone(), octets()).prop_map(|(session, octets)| Action::Sent(session, octets)),
        3 => (session.clone(), octets()).prop_map(|(session, octets)| Action::Received(session, octets)),
        3 => (session.clone(), octets()).prop_map(|(session, octets)| Action::Content(session, octets)),
        1 => (session, any::<String>()).prop_map(|(session, text)| Action::Note(session, text)),
        1 => prop_oneof![vec(any::<u8>(), 0..6), vec(select(b"ab\r\n. ".to_vec()), 1..6)].prop_map(Action::Secret),
    ]
}

fn record(title: &str, seed: Option<u64>, actions: &[Action]) -> Transcript {
    let mut recorder = Recorder::new(title, seed);
    for action in actions {
        match action {
            Action::Sent(session, octets) => recorder.sent(*session, octets),
            Action::Received(session, octets) => recorder.received(*session, octets),
            Action::Content(session, octets) => recorder.received_content(*session, octets),
            Action::Note(session, text) => recorder.note(*session, text),
            Action::Secret(secret) => recorder.secret(secret),
        }
    }
    recorder.finish()
}

/// The same actions with every piece of octets given in several calls.
fn split(actions: &[Action], cuts: &[Index]) -> Vec<Action> {
    let mut cuts = cuts.iter().cycle();
    let mut out = Vec::new();
    let mut pieces = |octets: &[u8]| {
        let mut at: Vec<usize> =
            (0..3).map(|_| cuts.next().expect("a cycle").index(octets.len() + 1)).collect();
        at.extend([0, octets.len()]);
        at.sort_unstable();
        at.windows(2).map(|cut| octets[cut[0]..cut[1]].to_vec()).collect::<Vec<_>>()
    };
    for action in actions {
        match action {
            Action::Sent(session, octets) => {
                out.extend(pieces(octets).into_iter().map(|piece| Action::Sent(*session, piece)));
            }
            Action::Received(session, octets) => {
                out.extend(pieces(octets).into_iter().map(|piece| Action::Received(*session, piece)));
            }
            Action::Content(session, octets) => {
                out.extend(pieces(octets).into_iter().map(|piece| Action::Content(*session, piece)));
            }
            other => out.push(other.clone()),
        }
    }
    out
}

/// What one side of one session sent.
fn wire(actions: &[Action], wanted: u32, side: Side) -> Vec<u8> {
    let mut out = Vec::new();
    for action in actions {
        match (action, side) {
            (Action::Sent(session, octets), Side::Client)
            | (Action::Received(session, octets) | Action::Content(session, octets), Side::Server)
                if *session == wanted =>
            {
                out.extend_from_slice(octets);
            }
            _ => {}
        }
    }
    out
}

/// All literal octets of one side, with LF LF (which no secret of these tests contains) for what was replaced.
fn literal(transcript: &Transcript, wanted: u32, wanted_side: Side) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in &transcript.entries {
        match entry {
            Entry::Line { session, side, text, .. } if *session == wanted && *side == wanted_side => {
                for piece in text.pieces() {
                    match piece {
                        Piece::Octets(octets) => out.extend_from_slice(octets),
                        Piece::Run { octet, count } => out.resize(out.len() + *count as usize, *octet),
                        Piece::Secret(_) => out.extend_from_slice(b"\n\n"),
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Octets of a stream with the union of all places where a secret stands taken out, told naively.
fn without_secrets(stream: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let mut hidden = vec![false; stream.len()];
    for secret in secrets {
        for at in 0..(stream.len() + 1).saturating_sub(secret.len()) {
            if stream[at..].starts_with(secret) {
                hidden[at..at + secret.len()].fill(true);
            }
        }
    }
    stream.iter().zip(hidden).filter(|(_, hidden)| !hidden).map(|(octet, _)| *octet).collect()
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_rendered_parses_back(title in any::<String>(), seed in any::<Option<u64>>(), actions in vec(action(), 0..16)) {
        let transcript = record(&title, seed, &actions);
        let text = transcript.render();
        let parsed = Transcript::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&parsed, &transcript, "{}", text);
        prop_assert_eq!(parsed.render(), text);
    }

    #[test]
    fn a_rendering_is_visible_lines(title in any::<String>(), actions in vec(action(), 0..16)) {
        let transcript = record(&title, None, &actions);
        let text = transcript.render();
        prop_assert_eq!(text.lines().count(), transcript.entries.len() + 2);
        for line in text.lines() {
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            prop_assert!(!line.ends_with(char::is_whitespace), "{:?}", line);
        }
    }

    #[test]
    fn the_split_of_the_octets_does_not_matter(actions in vec(action(), 0..16), cuts in vec(any::<Index>(), 1..64)) {
        let whole = record("split", Some(1), &actions);
        prop_assert_eq!(record("split", Some(1), &split(&actions, &cuts)), whole);
    }

    #[test]
    fn one_octet_at_a_time_is_a_split_too(actions in vec(action(), 0..4)) {
        let single: Vec<Action> = actions.iter().flat_map(|action| match action {
            Action::Sent(session, octets) => octets.iter().map(|octet| Action::Sent(*session, vec![*octet])).collect(),
            Action::Received(session, octets) => {
                octets.iter().map(|octet| Action::Received(*session, vec![*octet])).collect()
            }
            Action::Content(session, octets) => {
                octets.iter().map(|octet| Action::Content(*session, vec![*octet])).collect()
            }
            other => vec![other.clone()],
        }).collect();
        prop_assert_eq!(record("split", None, &single), record("split", None, &actions));
    }

    #[test]
    fn lines_give_back_the_exact_octets(actions in vec(action(), 0..16)) {
        let actions: Vec<Action> =
            actions.into_iter().filter(|action| !matches!(action, Action::Secret(_))).collect();
        let transcript = Transcript::parse(&record("exact", None, &actions).render()).unwrap();
        for session in 1..3 {
            for side in [Side::Client, Side::Server] {
                let entries = transcript.entries.iter().filter(|entry| {
                    entry.session() == session && entry.side() == Some(side)
                });
                // Where something was folded, nothing can be said; otherwise the lines are the wire.
                let lines: Option<Vec<Vec<u8>>> = entries.map(Entry::octets).collect();
                if let Some(lines) = lines {
                    prop_assert_eq!(lines.concat(), wire(&actions, session, side));
                }
            }
        }
    }

    #[test]
    fn exactly_the_secrets_are_replaced(
        stream in vec(select(b"ab".to_vec()), 0..60),
        secrets in vec(vec(select(b"ab".to_vec()), 4..9), 0..4),
        cuts in vec(any::<Index>(), 1..8),
    ) {
        let mut actions: Vec<Action> = secrets.iter().cloned().map(Action::Secret).collect();
        // A line with an end, so that a beginning of a secret is not taken for one that was cut off.
        let stream = [stream.as_slice(), b"!"].concat();
        actions.push(Action::Received(1, [stream.as_slice(), b"\r\n"].concat()));
        let transcript = record("exactly", None, &split(&actions, &cuts));
        let mut shown = literal(&transcript, 1, Side::Server);
        shown.retain(|octet| *octet != b'\n');
        prop_assert_eq!(shown, without_secrets(&stream, &secrets));
        prop_assert_eq!(transcript.received.octets, stream.len() as u64 + 2);
    }

    #[test]
    fn no_secret_is_left_among_the_octets(
        secret in vec(any::<u8>(), 4..20).prop_filter("no marker of this test", |secret| !contains(secret, b"\n")),
        actions in vec(action(), 0..8),
        place in any::<Index>(),
        notes in any::<bool>(),
        cuts in vec(any::<Index>(), 1..64),
    ) {
        let mut all = vec![Action::Secret(secret.clone())];
        for action in actions {
            let spoken = |octets: Vec<u8>| {
                let at = place.index(octets.len() + 1);
                [&octets[..at], &secret, &octets[at..]].concat()
            };
            all.push(match action {
                Action::Sent(session, octets) => Action::Sent(session, spoken(octets)),
                Action::Received(session, octets) => Action::Received(session, spoken(octets)),
                Action::Content(session, octets) => Action::Content(session, spoken(octets)),
                other => other,
            });
        }
        // Notes between the parts of a split cut lines, and perhaps secrets, in two.
        let mut parts = Vec::new();
        for part in split(&all, &cuts) {
            parts.push(part);
            if notes {
                parts.push(Action::Note(1, "waited".to_owned()));
            }
        }
        let transcript = record("redacted", None, &parts);
        for session in 1..3 {
            for side in [Side::Client, Side::Server] {
                prop_assert!(!contains(&literal(&transcript, session, side), &secret));
            }
        }
    }

    #[test]
    fn no_secret_appears_in_a_rendering(
        // No word of the format itself, and nothing that a hash in hexadecimal could contain.
        secret in "[g-z]{4,12}".prop_filter("a word of the format", |secret| {
            !["secret", "octets", "lines", "sha256", "wire", "seed", "entries", "left out", "no line end"]
                .iter()
                .any(|word| word.contains(secret.as_str()))
        }),
        before in octets(),
        after in octets(),
        cuts in vec(any::<Index>(), 1..8),
    ) {
        let spoken = [before.as_slice(), secret.as_bytes(), &after, secret.as_bytes()].concat();
        let actions = [
            Action::Secret(secret.as_bytes().to_vec()),
            Action::Note(1, format!("the password is {secret}")),
            Action::Sent(1, spoken.clone()),
            Action::Received(1, spoken.clone()),
            Action::Content(1, spoken),
        ];
        let transcript = record(&format!("login with {secret}"), None, &split(&actions, &cuts));
        let text = transcript.render();
        prop_assert!(!text.contains(&secret), "{}", text);
        prop_assert!(!transcript.excerpt(1000).iter().any(|line| line.text.contains(&secret)));
    }

    #[test]
    fn a_secret_that_the_run_knows_is_found_in_every_form_and_any_split(
        secret in "[g-zG-Z]{8,16}",
        others in vec("[a-zA-Z0-9!<&]{4,12}", 0..20),
        before in "[ -~]{0,20}",
        broken in any::<Index>(),
        cuts in vec(any::<Index>(), 1..16),
    ) {
        let secrets = Secrets::new();
        secrets.add_all(others.iter().chain([&secret]));
        let (front, back) = secret.split_at(broken.index(secret.len() + 1));
        let base64 = |place: usize| STANDARD.encode(format!("{}{secret}{before}", &"xyz"[..place]));
        let forms = [
            secret.clone(),
            secret.to_uppercase(),
            format!("{front}\r\n{back}"),
            base64(0),
            base64(1),
            base64(2),
        ];
        for form in forms {
            let said = format!("{before}{form}\r\n");
            let mut whole = Recorder::knowing("whole", None, &secrets);
            whole.received(1, said.as_bytes());
            let whole = whole.finish();
            let mut parts = Recorder::knowing("whole", None, &secrets);
            for part in split(&[Action::Received(1, said.clone().into_bytes())], &cuts) {
                let Action::Received(_, octets) = part else { continue };
                parts.received(1, &octets);
            }
            let parts = parts.finish();
            prop_assert_eq!(&parts, &whole);
            let mut shown = literal(&whole, 1, Side::Server).to_ascii_lowercase();
            shown.retain(|octet| !matches!(octet, b'\r' | b'\n'));
            prop_assert!(!contains(&shown, secret.to_ascii_lowercase().as_bytes()), "{}", whole.render());
            for place in 0..3 {
                // What is made of its bits alone.
                let form = STANDARD.encode(format!("{}{secret}", &"xyz"[..place]));
                let form = &form[place + usize::from(place > 0)..(place + secret.len()) * 8 / 6];
                prop_assert!(!whole.render().contains(form), "{}", whole.render());
            }
            prop_assert!(!secrets.redact(&said).to_ascii_lowercase().contains(&secret.to_ascii_lowercase()));
        }
    }

    #[test]
    fn a_name_that_is_like_a_part_of_a_secret_is_shown(
        secret in "[a-z]{2,5} ?[a-z0-9]{3,8}",
        cut in any::<Index>(),
        more in "[a-z0-9]{0,6}",
        behind in any::<bool>(),
        goes_on in any::<bool>(),
    ) {
        let (front, back) = secret.split_at(cut.index(secret.len() + 1));
        let name = if behind { format!("{more}{front}") } else { format!("{back}{more}") };
        let name = name.trim();
        let said = [format!("{name} has mail"), format!("`USER {name}` and `{name}`"), format!("mail of {name}")];
        let folded = said.join("\n").to_ascii_lowercase();
        // Another secret than these may be in it by chance, in base64.
        prop_assume!(!name.is_empty() && !folded.contains(&secret) && !folded.contains(&STANDARD.encode(&secret)));
        let secrets = Secrets::new();
        secrets.add(&secret);
        secrets.add_names([name, "somebody else"]);
        for text in &said {
            prop_assert_eq!(&secrets.redact(text), text);
            prop_assert_eq!(&secrets.redact_recorded(text), text);
        }
        let mut recorder = Recorder::knowing("login", None, &secrets);
        recorder.sent(1, format!("USER {name}\r\n").as_bytes());
        if goes_on {
            recorder.note(1, &said[0]);
        }
        recorder.received(1, b"+OK\r\n");
        let rendered = recorder.finish().render();
        let wanted = format!("USER {name}\n");
        prop_assert!(rendered.contains(&wanted), "{}", rendered);
    }

    #[test]
    fn a_word_that_begins_like_the_end_of_a_secret_is_shown_unless_a_line_began_with_that(
        secret in "[g-z]{6,12}",
        cut in any::<Index>(),
        more in "[A-F]{1,6}",
        spoken_between in any::<bool>(),
        broken in any::<bool>(),
    ) {
        let (front, back) = secret.split_at(1 + cut.index(secret.len() - 1));
        let recognised = |part: &str| part.len() >= 4 && part.len() * 2 >= secret.len();
        let secrets = Secrets::new();
        secrets.add(&secret);
        let mut recorder = Recorder::knowing("words", None, &secrets);
        let line = if broken { format!("+OK {front}\r\n") } else { format!("+OK {front},\r\n") };
        recorder.received(1, line.as_bytes());
        if spoken_between {
            recorder.sent(1, b"NOOP\r\n");
        }
        recorder.received(1, format!("{back}{more} and on\r\n").as_bytes());
        for text in [format!("`{back}{more} and on` came"), format!("{back}{more}")] {
            for shown in [recorder.redact(&text), secrets.redact_recorded(&text)] {
                if broken && recognised(back) {
                    prop_assert!(!shown.contains(back), "{}", shown);
                } else {
                    prop_assert_eq!(&shown, &text);
                }
            }
            if recognised(back) {
                prop_assert!(!secrets.redact(&text).contains(back));
            }
        }
        // What is cut at its end may go on as the secret.
        for text in [format!("`{front}`"), format!("x{front}…")] {
            prop_assert_eq!(recorder.redact(&text).contains(front), !recognised(front), "{}", text);
        }
    }

    #[test]
    fn no_secret_is_put_together_from_what_is_shown_of_lines_whatever_users_are_called(
        secret in "[g-z]{6,12}",
        cut in any::<Index>(),
        names in vec("[g-z]{1,8}", 0..4),
        own_part in any::<bool>(),
        place in 0..3_usize,
        encoded in any::<bool>(),
    ) {
        let said = if encoded {
            STANDARD.encode(format!("{}{secret}", &"xyz"[..place]))
        } else {
            secret.clone()
        };
        let (front, back) = said.split_at(cut.index(said.len() + 1));
        let secrets = Secrets::new();
        secrets.add(&secret);
        secrets.add_names(names.iter().map(String::as_str).chain(own_part.then_some(front)));
        let mut recorder = Recorder::knowing("put together", None, &secrets);
        recorder.received(1, format!("{front}\r\n").as_bytes());
        recorder.sent(1, b"NOOP\r\n");
        recorder.received(1, format!("{back}\r\n").as_bytes());
        let shown = [format!("`{front}`"), format!("`{back}`")].map(|text| recorder.redact(&text)).concat();
        // Less than half of it may be left, and a part that is a name is public.
        let told = if encoded { said.clone() } else { secret.clone() };
        prop_assert!(!shown.replace('`', "").contains(&told) || own_part || told.len() < 8, "{}", shown);
        let mut left = literal(&recorder.finish(), 1, Side::Server);
        left.retain(|octet| !matches!(octet, b'\r' | b'\n'));
        prop_assert!(!contains(&left, told.as_bytes()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Err(error) = Transcript::parse(&text) {
            prop_assert!((1..=text.lines().count() + 1).contains(&error.line));
        }
    }

    #[test]
    fn an_altered_rendering_is_read_or_refused(
        actions in vec(action(), 0..6),
        edits in vec((any::<Index>(), 0..3_usize, select("[]=:|CS #0159 abx\\×‹›␀␊␍␠…\n\r\u{202e}".chars().collect::<Vec<_>>())), 1..6),
    ) {
        let mut text: Vec<char> = record("altered", Some(7), &actions).render().chars().collect();
        for (place, removed, added) in edits {
            let at = place.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, [added]);
        }
        let text: String = text.into_iter().collect();
        match Transcript::parse(&text) {
            // Whatever is read has one rendering, which gives back the same.
            Ok(transcript) => prop_assert_eq!(Transcript::parse(&transcript.render()), Ok(transcript)),
            Err(error) => {
                prop_assert!((1..=text.lines().count() + 1).contains(&error.line));
                prop_assert!(!error.expected.is_empty());
            }
        }
    }

    #[test]
    fn an_excerpt_has_at_most_the_lines_asked_for(actions in vec(action(), 0..16), most in 0..40_usize) {
        let transcript = record("excerpt", None, &actions);
        let excerpt = transcript.excerpt(most);
        prop_assert!(excerpt.len() <= most);
        prop_assert_eq!(transcript.excerpt(usize::MAX).len(), transcript.entries.len() + 1);
    }
}

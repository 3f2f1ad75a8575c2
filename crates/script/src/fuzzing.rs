//! The body of the fuzz target, also run over its corpus by an ordinary test.

use crate::{Facts, Listing, Received, Script, State, Told, Values};

/// Reads a text as a script, and does with it what a server does.
///
/// # Panics
/// If a problem has no place in the text, or what is said of an expectation is more than a line.
pub fn read(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Script::read(text, "any.yaml") {
        Ok(script) => serve(script),
        Err(problems) => {
            assert!(problems.len() > 0);
            for problem in problems.iter() {
                let lines = text.split(['\n', '\r']).count();
                assert!((1..=lines).contains(&problem.line), "{problem:?}");
                assert!(problem.column >= 1 && problem.length >= 1, "{problem:?}");
            }
            assert!(!problems.to_string().is_empty());
        }
    }
}

fn serve(mut script: Script) {
    let said = ["", "dele 2", "DELE 18446744073709551616", "RETR 1 \u{7}", "\u{1b}[2J"];
    let received: Vec<Received> = (1..)
        .zip(said)
        .map(|(session, line)| Received {
            session,
            state: if session % 2 == 0 { State::Transaction } else { State::Authorization },
            line: line.to_owned(),
            accepted: Some(true).filter(|_| session > 2),
        })
        .collect();
    for left_out in [0, u64::MAX] {
        for unmet in script.verify(&received, left_out) {
            let told = unmet.to_string();
            assert!(!told.chars().any(char::is_control), "{told:?}");
        }
    }
    let lies = &script.lies;
    for told in
        [&lies.count, &lies.octets].into_iter().flatten().chain(all(&lies.list)).chain(all(&lies.uidl))
    {
        told.at(Facts { value: b"\xff\0", number: u64::MAX, session: 1, times: 0 });
    }
    let (faults, twice) = (script.faults.len(), script.clone());
    script.join(twice);
    assert_eq!(script.faults.len(), 2 * faults);
}

fn all(listing: &Listing) -> impl Iterator<Item = &Told> {
    [&listing.values, &listing.numbers].into_iter().flat_map(|values| match values {
        Values::True => Vec::new(),
        Values::All(told) => vec![told],
        Values::Some(some) => some.values().collect(),
    })
}

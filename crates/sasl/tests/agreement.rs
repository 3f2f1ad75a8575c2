//! For any name and password the two sides of each mechanism agree, and they agree on nothing else: a wrong
//! password or a single altered octet on the way, in either direction, ends the exchange without success.

use proptest::{collection::vec, prelude::*};
use sasl::{Mechanism, ServerStep};

const NONCE: &str = "<1896.697170952@fake.poplab.test>";

/// One change to one message of a conversation.
#[derive(Clone, Debug)]
enum Edit {
    Replace(u8),
    Insert(u8),
    Delete,
}

/// The user both sides agree on, or `None` if either of them gave up. `tamper` may change every message on
/// its way; messages are counted from 0, of both directions together.
fn converse(
    mechanism: Mechanism,
    (user, password): (&str, &str),
    stored: &str,
    initial: bool,
    mut tamper: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) -> Option<String> {
    let passwords = |asked: &str| (asked == user).then(|| stored.to_owned());
    let mut client = sasl::client(mechanism, user, password, "client nonce");
    let mut server = sasl::server(mechanism, NONCE);
    let mut response = None;
    let mut count = 0..;
    let mut pass = |message| tamper(count.next().unwrap_or_default(), message);
    if initial {
        response = client.initial();
        assert_eq!(response.is_some(), !mechanism.server_first());
        response = response.map(&mut pass);
    }
    for _ in 0..8 {
        match server.step(response.as_deref(), &passwords) {
            ServerStep::Challenge(challenge) => {
                let answer = client.respond(&pass(challenge)).ok()?;
                response = Some(pass(answer));
            }
            ServerStep::Success { user } => return client.finished().then_some(user),
            ServerStep::Failure => return None,
        }
    }
    panic!("{mechanism} does not end");
}

fn untouched(_: usize, message: Vec<u8>) -> Vec<u8> {
    message
}

fn mechanism() -> impl Strategy<Value = Mechanism> {
    proptest::sample::select(&Mechanism::ALL[..])
}

/// Any text without NUL that fits PLAIN (at most 240 octets), with SCRAM's special characters often in it.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>().prop_filter("NUL", |&character| character != '\0'),
        proptest::sample::select(&[',', '=', ' ', '\u{7f}', '\r', 'a', '2', 'C'][..]),
    ];
    vec(character, 1..60).prop_map(String::from_iter)
}

fn edit() -> impl Strategy<Value = Edit> {
    let octet = prop_oneof![any::<u8>(), proptest::sample::select(&b",=\0nyamvA0 "[..])];
    prop_oneof![octet.clone().prop_map(Edit::Replace), octet.prop_map(Edit::Insert), Just(Edit::Delete)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_sides_agree(mechanism in mechanism(), user in text(), password in text(), initial: bool) {
        let agreed = converse(mechanism, (&user, &password), &password, initial, untouched);
        prop_assert_eq!(agreed, Some(user));
    }

    #[test]
    fn a_wrong_password_fails(mechanism in mechanism(), user in text(), password in text(), stored in text(), initial: bool) {
        prop_assume!(password != stored);
        prop_assert_eq!(converse(mechanism, (&user, &password), &stored, initial, untouched), None);
    }

    #[test]
    fn a_password_that_only_begins_right_fails(mechanism in mechanism(), password in text(), more in text()) {
        let longer = format!("{password}{more}");
        prop_assert_eq!(converse(mechanism, ("tim", &password), &longer, true, untouched), None);
        prop_assert_eq!(converse(mechanism, ("tim", &longer), &password, true, untouched), None);
    }

    #[test]
    fn an_altered_response_fails(mechanism in mechanism(), number in 0..3_usize, at: prop::sample::Index, edit in edit()) {
        // Responses of the client stand at 0, 2, 4 with an initial response, and at 1, 3 without.
        let number = 2 * number + usize::from(mechanism.server_first());
        let mut altered = false;
        let agreed = converse(mechanism, ("tim", "tanstaaftanstaaf"), "tanstaaftanstaaf", true, |count, message| {
            if count == number { change(message, at, &edit, &mut altered) } else { message }
        });
        prop_assert_eq!(agreed.is_none(), altered);
    }

    #[test]
    fn an_altered_challenge_of_scram_fails(number in 0..2_usize, at: prop::sample::Index, edit in edit()) {
        let mut altered = false;
        let agreed = converse(Mechanism::ScramSha256, ("tim", "secret"), "secret", true, |count, message| {
            if count == 2 * number + 1 { change(message, at, &edit, &mut altered) } else { message }
        });
        prop_assert_eq!(agreed.is_none(), altered);
    }
}

fn change(mut message: Vec<u8>, at: prop::sample::Index, edit: &Edit, altered: &mut bool) -> Vec<u8> {
    let before = message.clone();
    match edit {
        Edit::Insert(octet) => message.insert(at.index(message.len() + 1), *octet),
        Edit::Replace(octet) if !message.is_empty() => {
            let at = at.index(message.len());
            message[at] = *octet;
        }
        Edit::Delete if !message.is_empty() => {
            message.remove(at.index(message.len()));
        }
        Edit::Replace(_) | Edit::Delete => {}
    }
    *altered = message != before;
    message
}

#[test]
fn an_unknown_user_fails() {
    for mechanism in Mechanism::ALL {
        let mut client = sasl::client(mechanism, "tom", "secret", "nonce");
        let mut server = sasl::server(mechanism, NONCE);
        let passwords = |user: &str| (user == "tim").then(|| "secret".to_owned());
        let mut step = server.step(None, &passwords);
        while let ServerStep::Challenge(challenge) = step {
            let response = client.respond(&challenge).expect("a correct challenge");
            step = server.step(Some(&response), &passwords);
        }
        assert_eq!(step, ServerStep::Failure, "{mechanism}");
    }
}

#[test]
fn the_same_input_gives_the_same_octets() {
    for mechanism in Mechanism::ALL {
        let record = || {
            let mut messages = Vec::new();
            converse(mechanism, ("tim", "secret"), "secret", true, |_, message| {
                messages.push(message.clone());
                message
            });
            messages
        };
        assert_eq!(record(), record(), "{mechanism}");
    }
}

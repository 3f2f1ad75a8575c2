//! Arbitrary octets never panic either side, and never bring about success.

use proptest::{collection::vec, prelude::*};
use sasl::{Mechanism, ServerExchange as _, ServerStep, apop, base64, cram_md5, oauth, plain, scram};

/// Octets with no sense, and octets that look like SCRAM so that parsers are entered deeply.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let likely = proptest::sample::select(
        &[
            "n,,",
            "y,,",
            "p=x,,",
            "n,a=",
            "n=",
            "r=",
            "s=",
            "i=",
            "c=",
            "biws",
            "p=",
            "v=",
            "e=",
            "m=",
            "=2C",
            "=3D",
            "=",
            ",",
            "client",
            "server",
            "4096",
            "QQ==",
            "tim",
            " ",
            "\0",
            "\u{e9}",
            "<1.2@",
            ">",
            "\u{1}",
            "user=",
            "auth=Bearer ",
        ][..],
    );
    prop_oneof![vec(any::<u8>(), 0..80), vec(likely, 0..14).prop_map(|pieces| pieces.concat().into_bytes()),]
}

fn mechanism() -> impl Strategy<Value = Mechanism> {
    proptest::sample::select(&Mechanism::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn servers_survive(mechanism in mechanism(), messages in vec(proptest::option::weighted(0.9, message()), 0..5), prelude: bool) {
        let passwords = |user: &str| (user == "tim").then(|| "tanstaaftanstaaf".to_owned());
        let mut server = sasl::server(mechanism, "server");
        if prelude {
            server.step(None, &passwords);
            if mechanism == Mechanism::ScramSha256 {
                server.step(Some(b"n,,n=tim,r=client"), &passwords);
            }
        }
        for message in messages {
            let step = server.step(message.as_deref(), &passwords);
            prop_assert!(!matches!(step, ServerStep::Success { .. }), "{:?}", step);
        }
    }

    #[test]
    fn servers_of_tokens_survive(messages in vec(proptest::option::weighted(0.9, message()), 0..5), bearer: bool) {
        let passwords = |user: &str| (user == "tim").then(|| "tanstaaftanstaaf".to_owned());
        let kind = oauth::Kind::ALL[usize::from(bearer)];
        let mut server = oauth::Server::new(kind, false);
        for message in messages {
            let step = server.step(message.as_deref(), &passwords);
            prop_assert!(!matches!(step, ServerStep::Success { .. }), "{:?}", step);
        }
    }

    #[test]
    fn clients_survive(mechanism in mechanism(), messages in vec(message(), 0..5), initial: bool) {
        let mut client = sasl::client(mechanism, "tim", "tanstaaftanstaaf", "client");
        if initial {
            client.initial();
        }
        for message in messages {
            let failed = client.respond(&message).is_err();
            prop_assert!(!(failed && client.finished()));
        }
        prop_assert!(mechanism != Mechanism::ScramSha256 || !client.finished());
    }

    #[test]
    fn parsers_survive_and_keep_what_they_read(message in message()) {
        if let Ok(read) = plain::parse(&message) {
            prop_assert_eq!(&plain::message(read.authzid, read.user, read.password), &message);
        }
        if let Some((user, digest)) = cram_md5::parse(&message) {
            prop_assert_eq!(format!("{user} {digest}").into_bytes(), message.clone());
        }
        if let Some(timestamp) = apop::timestamp(&message) {
            prop_assert!(apop::is_timestamp(timestamp.as_bytes()));
        }
        if let Ok(first) = scram::parse_client_first(&message) {
            let built = format!("{}{}", scram::gs2_header(first.flag, first.authzid.as_deref()), first.bare);
            prop_assert_eq!(built.as_bytes(), &message[..]);
            let bare = scram::client_first_bare(&first.user, first.nonce);
            prop_assert!(first.bare.starts_with(&bare));
        }
        if let Ok(first) = scram::parse_server_first(&message) {
            let built = scram::server_first(first.nonce, &first.salt, first.iterations);
            prop_assert!(first.text.starts_with(&built));
        }
        if let Ok(last) = scram::parse_client_final(&message) {
            let built = scram::client_final(last.without_proof, &last.proof);
            prop_assert_eq!(built.as_bytes(), &message[..]);
        }
        let _ = scram::parse_server_final(&message);
        let _ = base64::decode(&message);
    }

    #[test]
    fn escapes_are_undone(name in any::<String>()) {
        let undone = scram::unescape(&scram::escape(&name));
        prop_assert_eq!(undone, Some(name.clone()).filter(|name| !name.is_empty() && !name.contains('\0')));
    }

    #[test]
    fn what_unescapes_was_canonical(escaped in "[a=23CDcd,]{0,12}") {
        if let Some(name) = scram::unescape(&escaped) {
            prop_assert_eq!(scram::escape(&name), escaped);
        }
    }
}

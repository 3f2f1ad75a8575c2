//! The server of SCRAM: strict about everything RFC 5802 has a server check.
//! Keeps no `StoredKey`; it salts the password anew in each exchange, which a real server would not.

use std::{marker::PhantomData, mem};

use super::{
    Binding, Hash, auth_message, parse_client_final, parse_client_first, printable_nonce, salted_password,
    server_final, server_first, server_signature, verify_proof,
};
use crate::{Passwords, ServerExchange, ServerStep, base64};

/// The iteration count the server announces: the least RFC 7677 section 3 recommends.
pub const ITERATIONS: u32 = 4096;

/// Octets of the salt the server makes up.
const SALT_OCTETS: usize = 16;

/// The server's side.
///
/// A user it does not know gets a salt like any other and fails at the proof, so that names cannot be
/// guessed. On success the signature goes out as a challenge; success follows when the client has answered
/// it with an empty response (RFC 5034 section 4).
pub struct Server<H> {
    salts: String,
    nonce: String,
    salt: Option<Vec<u8>>,
    channel: Channel,
    state: State,
    hash: PhantomData<H>,
}

/// What becomes of channel binding.
enum Channel {
    /// There is none.
    Unknown,
    /// There is, with another mechanism: a client that says otherwise was deceived (RFC 5802 section 6).
    Elsewhere,
    /// One of these has to be used.
    Bound(Vec<Binding>),
}

enum State {
    Start,
    AwaitFirst,
    AwaitFinal(Box<Opening>),
    AwaitEmpty { user: String },
    Over,
}

/// What is remembered of the first two messages.
struct Opening {
    user: String,
    /// What `c=` must stand for.
    bound: Vec<u8>,
    bare: String,
    nonce: String,
    salt: Vec<u8>,
    server_first: String,
}

impl<H: Hash> Server<H> {
    /// A server whose part of the nonce is this text ([`printable_nonce`] of it), and whose salts are derived
    /// from it and the user's name.
    pub fn new(nonce: &str) -> Server<H> {
        Server {
            salts: nonce.to_owned(),
            nonce: printable_nonce(nonce),
            salt: None,
            channel: Channel::Unknown,
            state: State::Start,
            hash: PhantomData,
        }
    }

    /// The same server with salts that are derived from this text and the user's name: the same in every exchange.
    #[must_use]
    pub fn salting(self, salts: &str) -> Server<H> {
        Server { salts: salts.to_owned(), ..self }
    }

    /// The same server as the -PLUS variant, bound to a channel in one of these ways.
    #[must_use]
    pub fn bound_to(self, bindings: Vec<Binding>) -> Server<H> {
        Server { channel: Channel::Bound(bindings), ..self }
    }

    /// The same server beside a -PLUS variant.
    #[must_use]
    pub fn beside_binding(self) -> Server<H> {
        Server { channel: Channel::Elsewhere, ..self }
    }

    /// The same server with this salt for every user.
    #[must_use]
    pub fn with_salt(self, salt: &[u8]) -> Server<H> {
        Server { salt: Some(salt.to_vec()), ..self }
    }

    fn first(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let first = parse_client_first(message).ok()?;
        let binding: &[u8] = match (&self.channel, first.flag) {
            // "y" (the client thinks we do no channel binding) is simply true where there is none.
            (Channel::Unknown, "n" | "y") | (Channel::Elsewhere, "n") => &[],
            (Channel::Bound(bindings), flag) => {
                let asked = flag.strip_prefix("p=")?;
                &bindings.iter().find(|(kind, _)| *kind == asked)?.1
            }
            _ => return None,
        };
        if first.authzid.is_some_and(|authzid| authzid != first.user) {
            return None;
        }
        let bound = [first.gs2_header.as_bytes(), binding].concat();
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let salt = self.salt.clone().unwrap_or_else(|| derive_salt::<H>(&self.salts, &first.user));
        let server_first = server_first(&nonce, &salt, ITERATIONS);
        self.state = State::AwaitFinal(Box::new(Opening {
            user: first.user,
            bound,
            bare: first.bare.to_owned(),
            nonce,
            salt,
            server_first: server_first.clone(),
        }));
        Some(server_first.into())
    }

    fn last(&mut self, opening: Opening, message: &[u8], passwords: &dyn Passwords) -> Option<Vec<u8>> {
        let last = parse_client_final(message).ok()?;
        if last.channel_binding != base64::encode(&opening.bound) || last.nonce != opening.nonce {
            return None;
        }
        let password = passwords.password(&opening.user)?;
        let salted = salted_password::<H>(&password, &opening.salt, ITERATIONS);
        let signed = auth_message(&opening.bare, &opening.server_first, last.without_proof);
        if !verify_proof::<H>(&salted, &signed, &last.proof) {
            return None;
        }
        self.state = State::AwaitEmpty { user: opening.user };
        Some(server_final(&server_signature::<H>(&salted, &signed)).into())
    }
}

impl<H: Hash> ServerExchange for Server<H> {
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep {
        let challenge = match (mem::replace(&mut self.state, State::Over), response) {
            (State::Start, None) => {
                self.state = State::AwaitFirst;
                Some(Vec::new())
            }
            (State::Start | State::AwaitFirst, Some(message)) => self.first(message),
            (State::AwaitFinal(opening), Some(message)) => self.last(*opening, message, passwords),
            (State::AwaitEmpty { user }, Some([])) => return ServerStep::Success { user },
            _ => None,
        };
        challenge.map_or(ServerStep::Failure, ServerStep::Challenge)
    }
}

fn derive_salt<H: Hash>(seed: &str, user: &str) -> Vec<u8> {
    let mut salt = H::hmac(seed.as_bytes(), user.as_bytes());
    salt.truncate(SALT_OCTETS);
    salt
}

#[cfg(test)]
mod tests {
    use super::Server;
    use crate::{
        ServerExchange, ServerStep, base64,
        scram::{Alterations, Client, Hash, Sha1, Sha256, parse_server_first},
    };

    fn passwords(user: &str) -> Option<String> {
        matches!(user, "user" | "a,b=c" | "=2C").then(|| "pencil".to_owned())
    }

    fn challenge(step: ServerStep) -> Option<Vec<u8>> {
        match step {
            ServerStep::Challenge(challenge) => Some(challenge),
            ServerStep::Success { .. } => panic!("success without the client's empty response"),
            ServerStep::Failure => None,
        }
    }

    /// How far a client of these alterations comes: messages of it that were answered (2 is success).
    fn run(user: &str, alterations: Alterations) -> usize {
        let mut client = Client::<Sha256>::altered(user, "pencil", "client", alterations);
        let mut server = Server::<Sha256>::new("server");
        let Some(server_first) = challenge(server.step(Some(client.first().as_bytes()), &passwords)) else {
            return 0;
        };
        let client_final = client.last(&server_first).unwrap();
        let Some(server_final) = challenge(server.step(Some(client_final.as_bytes()), &passwords)) else {
            assert_eq!(server.step(Some(b""), &passwords), ServerStep::Failure);
            return 1;
        };
        client.verify(&server_final).unwrap();
        let success = ServerStep::Success { user: user.to_owned() };
        assert_eq!(server.step(Some(b""), &passwords), success);
        assert_eq!(server.step(Some(b""), &passwords), ServerStep::Failure);
        2
    }

    /// A user's salt is the same in every exchange where it is made of something else than the nonce.
    #[test]
    fn salts_are_made_of_what_they_are_to_be_made_of() {
        let first = |user: &str, server: Server<Sha256>| {
            let mut server = server;
            let message = format!("n,,n={user},r=client");
            let first = challenge(server.step(Some(message.as_bytes()), &passwords)).unwrap();
            let text = String::from_utf8(first).unwrap();
            let (nonce, rest) = text.split_once(',').unwrap();
            (nonce.to_owned(), rest.to_owned())
        };
        let (one, other) =
            (first("user", Server::new("a").salting("x")), first("user", Server::new("b").salting("x")));
        assert_ne!(one.0, other.0);
        assert_eq!(one.1, other.1);
        assert_ne!(one.1, first("user", Server::new("a").salting("y")).1);
        assert_ne!(one.1, first("user", Server::new("a")).1);
    }

    fn example<H: Hash>(nonce: &str, salt: &str, messages: [&str; 4]) {
        let mut server = Server::<H>::new(nonce).with_salt(&base64::decode(salt).unwrap());
        let [client_first, server_first, client_final, server_final] = messages;
        assert_eq!(challenge(server.step(None, &passwords)).unwrap(), b"");
        let step = server.step(Some(client_first.as_bytes()), &passwords);
        assert_eq!(challenge(step).unwrap(), server_first.as_bytes());
        let step = server.step(Some(client_final.as_bytes()), &passwords);
        assert_eq!(challenge(step).unwrap(), server_final.as_bytes());
        assert_eq!(server.step(Some(b""), &passwords), ServerStep::Success { user: "user".to_owned() });
    }

    #[test]
    fn the_example_of_rfc_5802() {
        example::<Sha1>(
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            [
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ],
        );
    }

    #[test]
    fn the_example_of_rfc_7677() {
        example::<Sha256>(
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            [
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ],
        );
    }

    #[test]
    fn what_is_allowed_succeeds() {
        let header = |header: &str| Alterations { gs2_header: Some(header.to_owned()), ..Default::default() };
        assert_eq!(run("user", Alterations::default()), 2);
        assert_eq!(run("a,b=c", Alterations::default()), 2);
        assert_eq!(run("=2C", Alterations::default()), 2);
        assert_eq!(run("user", header("y,,")), 2);
        assert_eq!(run("user", header("n,a=user,")), 2);
        assert_eq!(run("a,b=c", header("n,a=a=2Cb=3Dc,")), 2);
        let extended = Alterations {
            first_extensions: Some("x=1,Y==".to_owned()),
            final_extensions: Some("z=future".to_owned()),
            ..Default::default()
        };
        assert_eq!(run("user", extended), 2);
    }

    #[test]
    fn each_alteration_is_refused_where_it_shows() {
        let text = |text: &str| Some(text.to_owned());
        let none = Alterations::default;
        assert_eq!(run("user", Alterations { gs2_header: text("p=tls-unique,,"), ..none() }), 0);
        assert_eq!(run("user", Alterations { gs2_header: text("n,a=other,"), ..none() }), 0);
        assert_eq!(run("user", Alterations { gs2_header: text("x,,"), ..none() }), 0);
        assert_eq!(run("user", Alterations { gs2_header: text(""), ..none() }), 0);
        assert_eq!(run("user", Alterations { mandatory_extension: text("x"), ..none() }), 0);
        assert_eq!(run("user", Alterations { first_extensions: text("m=x"), ..none() }), 0);
        assert_eq!(run("a,b=c", Alterations { raw_user: text("a=2cb=3Dc"), ..none() }), 0);
        assert_eq!(run("user", Alterations { raw_user: text("use=72"), ..none() }), 0);
        assert_eq!(run("user", Alterations { claimed_gs2_header: text("y,,"), ..none() }), 1);
        assert_eq!(run("user", Alterations { claimed_gs2_header: text(""), ..none() }), 1);
        assert_eq!(run("user", Alterations { final_nonce: text("client"), ..none() }), 1);
        assert_eq!(run("user", Alterations { final_nonce: text("clientserverx"), ..none() }), 1);
        assert_eq!(run("user", Alterations { final_extensions: text("m=x"), ..none() }), 1);
        for proof in [vec![], vec![0; 31], vec![0; 32], vec![0; 33]] {
            assert_eq!(run("user", Alterations { proof: Some(proof), ..none() }), 1);
        }
        assert_eq!(run("nobody", none()), 1);
    }

    /// What becomes of a client with this header and these octets at a server that knows `tls-exporter`.
    fn bound(header: &str, binding: &[u8], beside: bool) -> bool {
        let altered = Alterations {
            gs2_header: Some(header.to_owned()),
            binding: Some(binding.to_vec()),
            ..Alterations::default()
        };
        let mut client = Client::<Sha1>::altered("user", "pencil", "client", altered);
        let server = Server::<Sha1>::new("server");
        let exporter = vec![("tls-exporter", b"exported".to_vec())];
        let mut server = if beside { server.beside_binding() } else { server.bound_to(exporter) };
        let Some(first) = challenge(server.step(Some(client.first().as_bytes()), &passwords)) else {
            return false;
        };
        let last = client.last(&first).unwrap();
        challenge(server.step(Some(last.as_bytes()), &passwords)).is_some()
    }

    #[test]
    fn a_bound_exchange_is_bound_to_this_channel_alone() {
        assert!(bound("p=tls-exporter,,", b"exported", false));
        for (header, binding) in [
            ("p=tls-exporter,,", &b"exporteD"[..]),
            ("p=tls-exporter,,", b""),
            ("p=tls-unique,,", b"exported"),
            ("n,,", b""),
            ("y,,", b""),
        ] {
            assert!(!bound(header, binding, false), "{header}");
        }
        // Who says `y` was told that there is no binding, and there is.
        assert!(bound("n,,", b"", true));
        assert!(!bound("y,,", b"", true));
        assert!(!bound("p=tls-exporter,,", b"exported", true));
    }

    #[test]
    fn salts_are_made_from_user_and_seed() {
        let salt = |seed: &str, user: &str| {
            let mut server = Server::<Sha256>::new(seed);
            let first = Client::<Sha256>::new(user, "", "client").first();
            let answer = challenge(server.step(Some(first.as_bytes()), &passwords)).unwrap();
            parse_server_first(&answer).unwrap().salt
        };
        assert_eq!(salt("1", "user"), salt("1", "user"));
        assert_ne!(salt("1", "user"), salt("1", "nobody"));
        assert_ne!(salt("1", "user"), salt("2", "user"));
        assert_eq!(salt("1", "user").len(), 16);
    }

    /// A nonce with a comma would break the server's own message.
    #[test]
    fn any_text_serves_as_nonce() {
        for nonce in ["", "a,b", "a b", "\u{e9}"] {
            let mut server = Server::<Sha256>::new(nonce);
            let mut client = Client::<Sha256>::new("user", "pencil", "client");
            let answer = challenge(server.step(Some(client.first().as_bytes()), &passwords)).unwrap();
            assert!(client.last(&answer).is_ok(), "{nonce:?}");
        }
    }

    #[test]
    fn the_signature_must_be_answered_with_nothing() {
        let mut client = Client::<Sha256>::new("user", "pencil", "client");
        let mut server = Server::<Sha256>::new("server");
        let server_first = challenge(server.step(Some(client.first().as_bytes()), &passwords)).unwrap();
        let client_final = client.last(&server_first).unwrap();
        challenge(server.step(Some(client_final.as_bytes()), &passwords)).unwrap();
        assert_eq!(server.step(Some(b"x"), &passwords), ServerStep::Failure);
        assert_eq!(server.step(Some(b""), &passwords), ServerStep::Failure);
    }
}

//! Who PLAIN, CRAM-MD5 and SCRAM let in, and as whom (RFC 4616, RFC 2195, RFC 5802).

use sasl::{Passwords, ServerExchange, ServerStep, base64, scram};

use super::Defect;
use super::acts::{forget, hangs_up, leave, left};
use super::exchanges::names;
use super::hooks::{after, before, instead};
use super::mechanisms::plain_message;
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

/// Octets of a proof of SCRAM-SHA-256.
const PROOF: usize = 32;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc4616.plain.authzid-ignored",
        summary: "PLAIN ignores the authorization identity, whosever it is",
        proves: &["rfc4616.plain.other-authzid"],
        hooks: before(|circumstance, asked| {
            rewrite(circumstance, asked, |parts| parts.iter_mut().take(1).for_each(Vec::clear));
        }),
    },
    Defect {
        id: "rfc4616.plain.authzid-obeyed",
        summary: "whoever has a password can be everybody by the authorization identity of PLAIN",
        proves: &["rfc4616.plain.other-authzid"],
        hooks: before(|circumstance, asked| {
            let Some(message) = plain_message(circumstance, asked) else { return };
            if let Some(authzid) = message.split(|&octet| octet == 0).next().filter(|part| !part.is_empty()) {
                leave(circumstance, authzid.to_vec());
            }
            rewrite(circumstance, asked, |parts| parts.iter_mut().take(1).for_each(Vec::clear));
        })
        .and_after(|circumstance, _, reply| {
            let Some(authzid) = left(circumstance).filter(|_| reply.is_ok()) else { return };
            if let Some(owner) = circumstance.session.owner(&authzid) {
                circumstance.log_out();
                *reply = circumstance.session.log_in(owner);
            }
        })
        .and_lost(forget),
    },
    Defect {
        id: "rfc4616.plain.authzid-refused",
        summary: "PLAIN with any authorization identity is refused",
        proves: &["rfc4616.plain.same-authzid"],
        hooks: before(|circumstance, asked| {
            rewrite(circumstance, asked, |parts| {
                if parts.first().is_some_and(|authzid| !authzid.is_empty()) {
                    parts.clear();
                }
            });
        }),
    },
    Defect {
        id: "rfc4616.plain.authzid-needed",
        summary: "PLAIN without an authorization identity is refused",
        proves: &["rfc4616.plain.empty-authzid"],
        hooks: before(|circumstance, asked| {
            rewrite(circumstance, asked, |parts| {
                if parts.first().is_some_and(Vec::is_empty) {
                    parts.clear();
                }
            });
        }),
    },
    Defect {
        id: "rfc4616.plain.long-hangs-up",
        summary: "a message of PLAIN with a part of 255 octets does not fit, and the connection is closed",
        proves: &["rfc4616.plain.255"],
        hooks: instead(|circumstance, asked| {
            let message = plain_message(circumstance, asked)?;
            message.split(|&octet| octet == 0).any(|part| part.len() >= 255).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc4616.plain.two-parts",
        summary: "PLAIN takes a message of name and password alone",
        proves: &["rfc4616.plain.malformed"],
        hooks: before(|circumstance, asked| {
            rewrite(circumstance, asked, |parts| {
                if parts.len() == 2 {
                    parts.insert(0, Vec::new());
                }
            });
        }),
    },
    Defect {
        id: "rfc4616.plain.few-parts-die",
        summary: "PLAIN with fewer than two NULs reads behind the end, and the connection is gone",
        proves: &["rfc4616.plain.malformed"],
        hooks: instead(|circumstance, asked| {
            let message = plain_message(circumstance, asked)?;
            (message.split(|&octet| octet == 0).count() < 3).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc4616.plain.first-user-sticks",
        summary: "after a failed PLAIN the next one on the connection is for the same user, whoever it names",
        proves: &["rfc5034.auth.failure"],
        hooks: before(|circumstance, asked| {
            if let Some(first) = left(circumstance) {
                let user = first.clone();
                rewrite(circumstance, asked, |parts| {
                    if let [_, name, _] = parts.as_mut_slice() {
                        *name = user;
                    }
                });
                leave(circumstance, first);
            }
        })
        .and_after(|circumstance, asked, reply| {
            let Some(message) = plain_message(circumstance, asked).filter(|_| reply.is_err()) else { return };
            if let Some(user) = message.split(|&octet| octet == 0).nth(1) {
                leave(circumstance, user.to_vec());
            }
        })
        .and_lost(forget),
    },
    Defect {
        id: "rfc2195.cram.same-on-connection",
        summary: "a second CRAM-MD5 on a connection has the challenge of the first",
        proves: &["rfc2195.cram.challenge"],
        hooks: before(|circumstance, asked| {
            if names(asked, "CRAM-MD5") {
                circumstance.session.nonces.count = 0;
            }
        }),
    },
    Defect {
        id: "rfc2195.cram.no-brackets",
        summary: "the challenge of CRAM-MD5 has no angle brackets",
        proves: &["rfc2195.cram.challenge"],
        hooks: instead(|circumstance, asked| {
            if !names(asked, "CRAM-MD5") || asked.word(1).is_some() || circumstance.logged_in() {
                return None;
            }
            let host = circumstance.session.world.configuration().host.clone();
            let challenge = circumstance.session.nonces.challenge(&host);
            let challenge = challenge.trim_start_matches('<').trim_end_matches('>');
            Some(circumstance.session.begin(Box::new(sasl::cram_md5::Server::new(challenge)), None))
        }),
    },
    Defect {
        id: "rfc2195.cram.refuses",
        summary: "CRAM-MD5 refuses everybody, since passwords are stored as hashes",
        proves: &["rfc2195.cram.login"],
        hooks: after(|circumstance, asked, reply| {
            if asked.response().is_some() && circumstance.past.exchange_is("CRAM-MD5") && reply.is_ok() {
                circumstance.log_out();
                *reply = Reply::coded("AUTH", "Wrong name or password");
            }
        }),
    },
    Defect {
        id: "rfc5802.scram.few-iterations",
        summary: "SCRAM asks for a thousand iterations",
        proves: &["rfc5802.scram.iterations"],
        hooks: instead(|circumstance, asked| careless(circumstance, asked, 1000, PROOF)),
    },
    Defect {
        id: "rfc5802.scram.careless",
        summary: "SCRAM reads name and nonce of a first message and nothing else: any flag, any m=",
        proves: &["rfc5802.scram.gs2", "rfc5802.scram.attributes"],
        hooks: instead(|circumstance, asked| careless(circumstance, asked, 4096, PROOF)),
    },
    Defect {
        id: "rfc5802.scram.proof-on-failure",
        summary: "SCRAM sends a server signature after a wrong proof too, and refuses then",
        proves: &["rfc5802.scram.bad-proof"],
        hooks: after(|circumstance, asked, reply| {
            let last = asked.response().and_then(|line| base64::decode(line).ok());
            let proves = last.is_some_and(|last| scram::parse_client_final(&last).is_ok());
            if proves && reply.is_err() && circumstance.past.exchange_is("SCRAM-SHA-256") {
                *reply = Reply::challenge(base64::encode(scram::server_final(&[7; 32])));
            }
        }),
    },
    Defect {
        id: "rfc5802.scram.half-proof",
        summary: "SCRAM compares the first half of a proof",
        proves: &["rfc5802.scram.bad-proof"],
        hooks: instead(|circumstance, asked| careless(circumstance, asked, 4096, PROOF / 2)),
    },
];

/// Changes the parts of what this line brings to PLAIN. With none left it is a message that nobody understands.
fn rewrite(circumstance: &Circumstance<'_>, asked: &mut Asked, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let Some(message) = plain_message(circumstance, asked) else { return };
    let mut parts: Vec<Vec<u8>> = message.split(|&octet| octet == 0).map(<[u8]>::to_vec).collect();
    change(&mut parts);
    let altered = base64::encode(parts.join(&0)).into_bytes();
    match asked {
        Asked::Response(line) => *line = altered,
        _ if altered.is_empty() => asked.set_word(1, b"="),
        _ => asked.set_word(1, &altered),
    }
}

/// Begins a careless SCRAM with so many iterations, which compares so many octets of the proof.
fn careless(
    circumstance: &mut Circumstance<'_>,
    asked: &Asked,
    iterations: u32,
    compared: usize,
) -> Option<Reply> {
    if !names(asked, "SCRAM-SHA-256") || asked.word(2).is_some() || circumstance.logged_in() {
        return None;
    }
    let nonce = circumstance.session.nonces.nonce();
    let server = Careless { nonce, iterations, first: None, user: String::new(), over: false, compared };
    Some(circumstance.session.begin(Box::new(server), asked.word(1)))
}

/// A SCRAM that looks for what it needs and at nothing else.
struct Careless {
    nonce: String,
    iterations: u32,
    /// The bare first message and the answer to it.
    first: Option<(String, String)>,
    user: String,
    /// The proof was right.
    over: bool,
    /// So many octets of the proof are compared.
    compared: usize,
}

impl Careless {
    fn first(&mut self, message: &str) -> Option<Vec<u8>> {
        let bare = message.splitn(3, ',').nth(2)?;
        let attribute = |name: &str| bare.split(',').find_map(|part| part.strip_prefix(name));
        self.user = scram::unescape(attribute("n=")?)?;
        let nonce = format!("{}{}", attribute("r=")?, self.nonce);
        let challenge = scram::server_first(&nonce, b"salt of everybody", self.iterations);
        self.first = Some((bare.to_owned(), challenge.clone()));
        Some(challenge.into())
    }

    fn last(&mut self, message: &[u8], passwords: &dyn Passwords) -> Option<Vec<u8>> {
        let (bare, challenge) = self.first.take()?;
        let last = scram::parse_client_final(message).ok()?;
        let password = passwords.password(&self.user)?;
        let salted =
            scram::salted_password::<scram::Sha256>(&password, b"salt of everybody", self.iterations);
        let signed = scram::auth_message(&bare, &challenge, last.without_proof);
        let right = scram::proof::<scram::Sha256>(&salted, &signed);
        self.over =
            last.proof.len() == PROOF && last.proof.get(..self.compared) == right.get(..self.compared);
        let signature = scram::server_signature::<scram::Sha256>(&salted, &signed);
        self.over.then(|| scram::server_final(&signature).into())
    }
}

impl ServerExchange for Careless {
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep {
        let challenge = match response {
            None => Some(Vec::new()),
            Some([]) if self.over => return ServerStep::Success { user: self.user.clone() },
            Some(message) if self.first.is_some() => self.last(message, passwords),
            Some(message) => std::str::from_utf8(message).ok().and_then(|message| self.first(message)),
        };
        challenge.map_or(ServerStep::Failure, ServerStep::Challenge)
    }
}

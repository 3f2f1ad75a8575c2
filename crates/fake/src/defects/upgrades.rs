//! STLS, the TLS port, and logins in the clear where they are not allowed (RFC 2595, RFC 8314).

use machine::{IdentityId, Next};
use proto::Verb;

use super::Defect;
use super::acts::{after_crash, crash, forget, hangs_up, leave, left, no_handshake};
use super::capabilities::announce;
use super::hooks::{after, before, handshake, instead, secured, unsecured};
use crate::Channel;
use crate::reply::{Event, Interruption, Place, Reply, Then};
use crate::server::State;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2595.stls.keeps-name",
        summary: "what USER has named before STLS is still known after it",
        proves: &["practice.stls.fixation"],
        hooks: handshake(|circumstance, _| {
            if let Some(name) = circumstance.session.name().map(<[u8]>::to_vec) {
                leave(circumstance, name);
            }
        })
        .and_begin(|circumstance| {
            if let Some(name) = left(circumstance) {
                circumstance.session.set_name(Some(name));
            }
        })
        .and_lost(forget),
    },
    Defect {
        id: "rfc2595.stls.announced-under-tls",
        summary: "STLS is announced under TLS too",
        proves: &["rfc2595.stls.not-twice", "rfc2595.stls.implicit"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.session.channel == Channel::Tls {
                announce(asked, reply, b"STLS");
            }
        }),
    },
    Defect {
        id: "rfc2595.stls.accepted-under-tls",
        summary: "STLS is answered +OK under TLS too, and nothing follows",
        proves: &["rfc2595.stls.not-twice", "rfc2595.stls.implicit"],
        hooks: instead(|circumstance, asked| {
            let again = asked.is_bare(Verb::Stls) && circumstance.session.channel == Channel::Tls;
            again.then(|| Reply::ok("Begin TLS"))
        }),
    },
    Defect {
        id: "rfc2595.stls.takes-argument",
        summary: "STLS with an argument begins TLS",
        proves: &["rfc2595.stls.args"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Stls) {
                asked.replace("STLS");
            }
        }),
    },
    Defect {
        id: "rfc2595.stls.refused",
        summary: "STLS is announced and always refused, since the server has no certificate",
        proves: &["rfc8314.stls.not-if-broken", "rfc2449.capa.truthful"],
        hooks: instead(|_, asked| {
            asked.is_bare(Verb::Stls).then(|| Reply::err("TLS is not available at the moment"))
        }),
    },
    Defect {
        id: "rfc2595.stls.no-handshake",
        summary: "STLS is answered +OK, and the server goes on in the clear",
        proves: &["rfc2595.stls.works", "rfc8314.stls.not-if-broken"],
        hooks: instead(|circumstance, asked| {
            let clear = circumstance.session.channel == Channel::Clear && !circumstance.logged_in();
            (asked.is_bare(Verb::Stls) && clear).then(|| Reply::ok("Begin TLS"))
        }),
    },
    Defect {
        id: "rfc2595.stls.line-before-handshake",
        summary: "an empty line in the clear follows the +OK to STLS",
        proves: &["rfc2595.stls.works"],
        hooks: handshake(|circumstance, reply| {
            if circumstance.session.channel == Channel::Clear {
                reply.append(b"\r\n");
            }
        }),
    },
    Defect {
        id: "rfc2595.stls.no-reply",
        summary: "STLS is not answered, and the handshake awaited at once",
        proves: &["rfc2595.stls.works"],
        hooks: handshake(|_, reply| reply.respell(b"")),
    },
    Defect {
        id: "rfc2595.stls.ok-within",
        summary: "the +OK to STLS is sent a second time within TLS",
        proves: &["rfc2595.stls.no-second-greeting"],
        hooks: secured(|| Reply::ok("Begin TLS")),
    },
    Defect {
        id: "rfc2595.stls.during-auth",
        summary: "the line STLS in the middle of an exchange begins TLS",
        proves: &["practice.stls.during-auth"],
        hooks: instead(|circumstance, asked| {
            let begins = asked.response().is_some_and(|line| line.eq_ignore_ascii_case(b"STLS"));
            if !begins || circumstance.session.channel == Channel::Tls {
                return None;
            }
            circumstance.session.state = State::beginning();
            Some(Reply::ok("Begin TLS").then(Then::StartTls(IdentityId::OWN)))
        }),
    },
    Defect {
        id: "rfc2595.stls.failed-handshake-crashes",
        summary: "a handshake that fails, on the TLS port too, crashes the server",
        proves: &["practice.stls.failed-handshake", "practice.tls.plaintext-on-995"],
        hooks: handshake(|circumstance, reply| {
            under_way(circumstance, true);
            no_handshake(circumstance, reply);
        })
        .and_begin(|circumstance| under_way(circumstance, false))
        .and_after(after_crash)
        .and_lost(|circumstance, _| {
            let number = circumstance.session.number;
            circumstance.session.world.remember(|remembered| {
                remembered.crashed |= remembered.under_way.remove(&number);
            });
        }),
    },
    Defect {
        id: "rfc2595.stls.crashes-after-login",
        summary: "STLS after login crashes the server",
        proves: &["rfc2595.stls.not-in-trans"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Stls) && circumstance.logged_in()).then(|| crash(circumstance))
        })
        .and_after(after_crash)
        .and_handshake(no_handshake),
    },
    Defect {
        id: "practice.tls.handshake-blocks",
        summary: "as long as a handshake is going on, connections that came later are not served",
        proves: &["practice.sec.handshake-flood"],
        hooks: handshake(|circumstance, _| under_way(circumstance, true))
            .and_begin(|circumstance| under_way(circumstance, false))
            .and_held(|circumstance| {
                let number = circumstance.session.number;
                let earlier = |remembered: &mut crate::world::Remembered| {
                    remembered.under_way.range(..number).next().is_some()
                };
                circumstance.session.world.remember(earlier)
            })
            .and_lost(|circumstance, _| under_way(circumstance, false)),
    },
    Defect {
        id: "rfc8314.implicit.greeting-in-clear",
        summary: "on the TLS port the greeting is sent in the clear before the handshake",
        proves: &["rfc8314.implicit.first-octet"],
        hooks: handshake(|circumstance, reply| {
            if !circumstance.past.has_begun() {
                reply.prepend(&circumstance.session.greeting().line());
            }
        }),
    },
    Defect {
        id: "rfc8314.close.no-notify",
        summary: "after QUIT the connection is closed without close_notify",
        proves: &["rfc8314.close-notify"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.session.channel == Channel::Tls {
                let event = Event::Say(Next::CloseWithoutNotify);
                reply.interruptions.push(Interruption { place: Place::After, event });
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.lost-under-tls",
        summary: "under TLS the reply to QUIT is not flushed before the connection is closed",
        proves: &["rfc1939.quit.reply-delivered"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.session.channel == Channel::Tls {
                *reply = hangs_up();
            }
        }),
    },
    Defect {
        id: "rfc2595.cleartext.only-hidden",
        summary: "passwords in the clear are not announced where they are forbidden, and accepted all the same",
        proves: &["rfc2595.cleartext.configurable", "rfc5034.plain.no-cleartext-config"],
        hooks: instead(|circumstance, asked| {
            let forbidden = !circumstance.session.takes_cleartext() && !circumstance.logged_in();
            if !forbidden || !matches!(asked.verb(), Some(Verb::User | Verb::Auth)) {
                return None;
            }
            let channel = std::mem::replace(&mut circumstance.session.channel, Channel::Tls);
            let reply = asked.answer(circumstance.session);
            circumstance.session.channel = channel;
            Some(reply)
        }),
    },
    Defect {
        id: "rfc2595.cleartext.refused-late",
        summary: "where passwords in the clear are forbidden USER is accepted, and PASS refused",
        proves: &["practice.sec.plaintext-after-user"],
        hooks: instead(|circumstance, asked| late(circumstance, asked, false)),
    },
    Defect {
        id: "rfc8314.cleartext.tells",
        summary: "where passwords in the clear are forbidden, the right one is refused with another text than a wrong one",
        proves: &["rfc8314.cleartext-uniform"],
        hooks: instead(|circumstance, asked| late(circumstance, asked, true)),
    },
    Defect {
        id: "rfc2595.stls.goes-on-in-clear",
        summary: "when the handshake after STLS has failed, the session goes on in the clear",
        proves: &["practice.stls.failed-handshake"],
        hooks: unsecured(|circumstance| circumstance.session.channel == Channel::Clear),
    },
    Defect {
        id: "rfc8314.implicit.goes-on-in-clear",
        summary: "when the handshake on the TLS port has failed, the session begins in the clear",
        proves: &["practice.tls.plaintext-on-995"],
        hooks: unsecured(|circumstance| circumstance.session.channel == Channel::Tls),
    },
];

/// Refuses a password in the clear when it was sent; where it `tells`, a wrong one is told apart.
fn late(circumstance: &mut Circumstance<'_>, asked: &Asked, tells: bool) -> Option<Reply> {
    let session = &mut *circumstance.session;
    if session.takes_cleartext() || session.transaction().is_some() {
        return None;
    }
    match asked.verb()? {
        Verb::User => {
            session.set_name(asked.word(0).map(<[u8]>::to_vec));
            Some(Reply::ok("Send PASS"))
        }
        Verb::Pass => {
            let owner = session.name().and_then(|name| session.owner(name));
            let right =
                owner.is_some_and(|owner| session.world.password(owner).as_bytes() == asked.arguments());
            session.set_name(None);
            Some(if tells && !right {
                Reply::coded("AUTH", "Wrong name or password")
            } else {
                Reply::err("No cleartext passwords here: use STLS")
            })
        }
        _ => None,
    }
}

/// Notes that a handshake is under way, or no more.
fn under_way(circumstance: &Circumstance<'_>, begins: bool) {
    let number = circumstance.session.number;
    circumstance.session.world.remember(|remembered| {
        if begins { remembered.under_way.insert(number) } else { remembered.under_way.remove(&number) }
    });
}

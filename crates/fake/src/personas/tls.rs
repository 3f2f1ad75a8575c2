//! What is allowed before TLS, and whether there is any.

use proto::Verb;

use super::{Persona, acts, plain_greeting, set_up, unannounced};
use crate::Channel;
use crate::reply::Reply;
use crate::twist::hooks::after;

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "tls.no-cleartext",
        summary: "USER, PASS, PLAIN and LOGIN are refused without TLS, and not announced there",
        right: "RFC 2595 section 2.3: servers should be able to refuse cleartext logins where there is no encryption",
        practice: &[],
        form: set_up(|configuration| configuration.cleartext_login = false),
    },
    Persona {
        id: "tls.no-login",
        summary: "without TLS nobody can log in by any way",
        right: "RFC 2595 section 2.2: a server may refuse whatever is not protected; CAPA lists what can be used",
        practice: &[],
        form: acts(
            after(|circumstance, asked, reply| {
                if circumstance.session.channel == Channel::Clear {
                    plain_greeting(asked, reply);
                    unannounced(asked, reply, &["SASL", "USER"]);
                }
            })
            .and_instead(|circumstance, asked| {
                let login = matches!(asked.verb(), Some(Verb::User | Verb::Pass | Verb::Apop | Verb::Auth));
                (login && circumstance.session.channel == Channel::Clear)
                    .then(|| Reply::err("Say STLS first"))
            }),
        ),
    },
    Persona {
        id: "tls.no-stls",
        summary: "there is no STLS: TLS has a port of its own",
        right: "RFC 8314 section 3.2: implicit TLS on port 995; STLS is an extension that a server has or has not",
        practice: &[],
        form: acts(
            after(|_, asked, reply| unannounced(asked, reply, &["STLS"]))
                .and_instead(|_, asked| super::unknown(asked, &[Verb::Stls])),
        ),
    },
];

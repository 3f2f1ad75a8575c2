//! The keys of fault scripts: for the reader, the JSON Schema, and people.

use yaml::{Form, Key, Kind, Table, key, needed, table};

/// A fault script as a kind of file.
pub static KIND: Kind = Kind::new("poplab fault script", &FILE);

static FILE: Table = table(
    "a fault script",
    &[
        key("about", Form::Prose, "What the script is for, and what a client should do about it."),
        key("policy", Form::Map(&POLICY), "What the server does that not every server does."),
        key("lies", Form::Map(&LIES), "What it says of its mail and of itself that is not so."),
        key("faults", Form::List(&Form::Map(&FAULT)), "What goes wrong."),
        key("expect", Form::List(&Form::Map(&EXPECTATION)), "What clients shall say, and how often."),
    ],
);

static POLICY: Table = table(
    "a policy",
    &[
        key("close_after_refusals", Form::Whole(1), "After so many refusals the connection is closed."),
        key(
            "login_delays",
            Form::Whole(1),
            "So many right logins are put off with LOGIN-DELAY before one is admitted.",
        ),
        key("password_for_user_only", Form::Flag, "AUTH and APOP refuse the right password."),
        key("busy_without_code", Form::Flag, "A busy maildrop is refused without IN-USE."),
        key("keeps_deleted", Form::Flag, "QUIT removes nothing, as where deleted mail is archived."),
        key(
            "unknown",
            Form::List(&Form::Word(&KEYWORDS)),
            "These commands are unknown here, and not announced.",
        ),
        key("read_only", Form::Flag, "DELE is refused."),
        key("messages_per_session", Form::Whole(1), "After so many messages RETR is refused."),
        key("commands_per_session", Form::Whole(1), "After so many commands the connection is closed."),
        key(
            "lock",
            Form::Word(&["exclusive", "none", "stale"]),
            "A second session of an account is refused; it is not; it is for good, if the first was cut off.",
        ),
        key(
            "retrieved",
            Form::Word(&["kept", "removed-at-quit", "removed-at-once"]),
            "What becomes of a message that was retrieved, whether DELE was said or not.",
        ),
        key(
            "tokens",
            Form::Word(&["unknown", "accepted", "expired"]),
            "AUTH takes tokens (XOAUTH2, OAUTHBEARER): the password of an account; or refuses all, and says why.",
        ),
        key(
            "expires",
            Form::Numbered(&Form::Whole(1)),
            "Message 1 is gone from session 3 on, and so on: `{1: 3}`. Messages are counted as they were delivered.",
        ),
    ],
);

static LIES: Table = table(
    "lies",
    &[
        key("stat", Form::Map(&STAT), "What STAT says."),
        key("list", Form::Map(&LIST), "What LIST says."),
        key("uidl", Form::Map(&UIDL), "What UIDL says."),
        key(
            "capabilities",
            Form::Either(&[Form::Map(&CAPABILITIES), Form::List(&Form::Map(&CAPABILITIES))]),
            "What CAPA says.",
        ),
    ],
);

static STAT: Table = table(
    "what STAT says",
    &[
        key("count", Form::AnyText, "This for the number of messages."),
        key("octets", Form::AnyText, "This for the number of octets."),
    ],
);

/// What is told of all messages, or of some.
const VALUES: Form = Form::Either(&[Form::AnyText, Form::Numbered(&Form::AnyText)]);

static LIST: Table = table(
    "what LIST says",
    &[
        key("sizes", VALUES, "This for the size of every message, or of these: `{2: 99999999999999999999}`."),
        NUMBERS,
        LEAVE_OUT,
        ORDER,
        ADD,
    ],
);

static UIDL: Table = table(
    "what UIDL says",
    &[
        key(
            "unique_ids",
            VALUES,
            "This for the unique-id of every message, or of these. `{value}` is the true one.",
        ),
        NUMBERS,
        LEAVE_OUT,
        ORDER,
        ADD,
    ],
);

const NUMBERS: Key = key("numbers", VALUES, "This for the number of every message, or of these.");
const LEAVE_OUT: Key = key(
    "leave_out",
    Form::List(&Form::Whole(1)),
    "These messages are not in the listing, though they are there.",
);
const ORDER: Key = key("order", Form::Word(&["ascending", "reversed"]), "The last message comes first.");
const ADD: Key = key("add", Form::List(&Form::AnyText), "These lines at the end.");

static CAPABILITIES: Table = table(
    "what CAPA says",
    &[
        key("hide", Form::List(&Form::Text), "Lines with these tags are not there."),
        ADD,
        STATE,
        key("tls", Form::Flag, "Only with TLS, or only without."),
        SESSION,
        key("nth", Form::Whole(1), "Only at this CAPA of a session, counted from 1."),
    ],
);

static FAULT: Table = table(
    "a fault",
    &[
        key("name", Form::Text, "What it is called in transcripts and messages. Default: made of the rest."),
        needed("when", Form::Map(&WHEN), "When it acts: everything that is said must hold."),
        needed("do", Form::Either(&[Form::Word(&ENDINGS), Form::Map(&ACTION)]), "What it does."),
        key("times", Form::Whole(1), "So many times at most, over all sessions. Default: always."),
    ],
);

/// The keys of which one at most says at what a fault acts.
pub(crate) const MOMENTS: [&str; 2] = ["at", "command"];

/// The keys of which one at most says where in the reply.
pub(crate) const PLACES: [&str; 3] = ["octet", "message_octet", "before"];

const SESSION: Key =
    key("session", Form::Whole(1), "Only in this session, counted from 1 in the order of arrival.");

const STATE: Key = key("state", Form::Word(&STATES), "Only in this state of RFC 1939.");

const MESSAGE: Key = key("message", Form::Whole(1), "Only where the command names this message.");

const REPLY: Key = key("reply", Form::Word(&["ok", "err"]), "Only where the reply is +OK, or -ERR.");

static WHEN: Table = table("a moment", &WHEN_KEYS);

static WHEN_KEYS: [Key; 11] = [
    SESSION,
    key("every_session", Form::Whole(1), "Only in every second session (2), every tenth (10), and so on."),
    STATE,
    key("at", Form::Word(&["connect", "handshake", "greeting"]), "At what it acts, if it is no command."),
    key("command", Form::Word(&COMMANDS), "At the reply to this command, or to any. Default: any."),
    MESSAGE,
    REPLY,
    key("nth", Form::Whole(1), "Only at this occurrence in a session, counted from 1."),
    key("octet", Form::Whole(0), "Behind so many octets of the reply, status line included."),
    key("message_octet", Form::Whole(0), "Behind so many octets of the message or listing, as it is sent."),
    key(
        "before",
        Form::Word(&["terminator", "end"]),
        "Before the line that ends a message, or behind everything.",
    ),
];

static EXPECTATION: Table = table(
    "an expectation",
    &[
        needed(
            "command",
            Form::Text,
            "A keyword, or a keyword with exactly these arguments (`DELE 2`); `ANY` for any command.",
        ),
        SESSION,
        STATE,
        MESSAGE,
        REPLY,
        key("times", Form::Whole(0), "So many times over all sessions, neither more nor fewer."),
        key("at_least", Form::Whole(0), "So many times at least. Default 1, or 0 beside `at_most`."),
        key("at_most", Form::Whole(0), "So many times at most."),
    ],
);

pub(crate) const STATES: [&str; 2] = ["authorization", "transaction"];

pub(crate) const COMMANDS: [&str; 18] = [
    "ANY", "USER", "PASS", "APOP", "AUTH", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP",
    "UIDL", "CAPA", "STLS", "UTF8", "LANG",
];

/// All of them but `ANY`.
const KEYWORDS: [&str; 17] = {
    let mut keywords = [""; 17];
    let mut place = 0;
    while place < keywords.len() {
        keywords[place] = COMMANDS[place + 1];
        place += 1;
    }
    keywords
};

pub(crate) const ENDINGS: [&str; 6] =
    ["close", "close-without-notify", "reset", "half-close", "alert", "stall"];

/// Lines of the wire, each of which gets a CRLF: a text of one or several, or a list.
const LINES: Form = Form::Either(&[Form::Text, Form::List(&Form::AnyText)]);

/// What is done, one key for each.
pub(crate) const ACTIONS: [&str; 8] =
    ["delay", "trickle", "split", "say", "inject", "garbage", "refuse", "certificate"];

static ACTION: Table = table(
    "an action",
    &[
        key("delay", Form::Period, "Nothing is sent for so long."),
        key("trickle", Form::Map(&TRICKLE), "From there on a few octets at a time."),
        key("split", Form::List(&Form::Whole(1)), "From there on in segments of so many octets each."),
        key("say", LINES, "These lines instead of the reply; the command is carried out nevertheless."),
        key("inject", LINES, "These lines in the middle of the reply."),
        key("garbage", Form::Whole(1), "So many octets that mean nothing, in the middle of the reply."),
        key(
            "refuse",
            Form::Either(&[Form::Text, Form::Map(&REFUSAL)]),
            "The command is refused and not carried out.",
        ),
        key("certificate", Form::Word(&CERTIFICATES), "This is wrong with the certificate that is shown."),
    ],
)
.one_of(&ACTIONS);

static TRICKLE: Table = table(
    "a trickle",
    &[
        key("octets", Form::Whole(1), "So many at a time. Default 1."),
        needed("every", Form::Period, "So long between them."),
    ],
);

static REFUSAL: Table = table(
    "a refusal",
    &[
        key("code", Form::Text, "The response code, without brackets: `IN-USE`."),
        needed("text", Form::Text, "What follows `-ERR`."),
    ],
);

pub(crate) const CERTIFICATES: [&str; 5] =
    ["expired", "not-yet-valid", "wrong-host", "untrusted", "self-signed"];

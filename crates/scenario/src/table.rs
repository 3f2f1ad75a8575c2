//! The YAML form as tables: every section, its keys, what each holds and what it is for.
//!
//! One source for three readers: the checker (unknown keys, wrong types, wrong units), the JSON Schema, and people.

use yaml::{Excerpts, Form, Kind, Line, Synonyms, Table, key, needed, table};

/// Scenario files. Their accounts may have passwords, so of that section only what is known to be none is shown.
pub(crate) static FILE: Kind =
    Kind::new("poplab load scenario", &SCENARIO).synonyms(SYNONYMS).excerpts(Excerpts::Guarded {
        section: "accounts",
        open: &["accounts", "list", "user", "csv", "pattern", "first", "count", "password_env"],
    });

/// Words of other tools and everyday ones, and what they are called here.
const SYNONYMS: Synonyms = &[
    ("cleartext", "none"),
    ("constant", "even"),
    ("delay", "latency"),
    ("delete", "download-and-delete"),
    ("duration", "for"),
    ("host", "target"),
    ("idle", "hold-idle"),
    ("number", "count"),
    ("pause", "think"),
    ("percent", "weight"),
    ("plaintext", "none"),
    ("probability", "weight"),
    ("random", "poisson"),
    ("retr", "retrieve"),
    ("server", "target"),
    ("share", "weight"),
    ("speed", "bandwidth"),
    ("ssl", "implicit"),
    ("stat", "poll"),
    ("stls", "starttls"),
    ("tls", "implicit"),
    ("top", "header-preview"),
    ("users", "sessions"),
];

/// A line of `thresholds`; `grammar` reads it.
static THRESHOLD: Line =
    Line { name: "a threshold", examples: &["login p99 < 250ms", "errors < 0.1%", "achieved > 99%"] };

/// The whole file.
pub(crate) static SCENARIO: Table = table(
    "a scenario",
    &[
        key("name", Form::Text, "Short name, for tables and folders; the file's name if not said."),
        key("description", Form::Prose, "What question the scenario answers."),
        key(
            "seed",
            Form::Whole(0),
            "The seed of everything drawn: arrivals, users, think times, mail. Default 1.",
        ),
        key(
            "target",
            Form::Text,
            "`host` or `host:port`. The command line's `--target` goes before; without both, the embedded fake server.",
        ),
        key(
            "also",
            Form::Text,
            "The second entrance of the same server, for a mix of TLS modes: `host:110`.",
        ),
        needed("accounts", Form::Map(&ACCOUNTS), "Who logs in: a list, a CSV file or a pattern."),
        key(
            "mail",
            Form::Map(&MAIL),
            "The mail that was seeded into each maildrop (`poplab seed`); the embedded fake server makes it by itself.",
        ),
        needed("arrivals", Form::Map(&ARRIVALS), "When sessions begin."),
        needed(
            "behaviours",
            Form::List(&Form::Map(&BEHAVIOUR)),
            "What users do, with weights. Every account keeps one behaviour for the whole run.",
        ),
        key(
            "think",
            THINK,
            "The pause before each command after the login, where a behaviour says nothing else. Default none.",
        ),
        key(
            "link",
            Form::Map(&LINK),
            "The line between users and server, where a behaviour says nothing else.",
        ),
        key(
            "login",
            Form::Word(&LOGINS),
            "How users log in, where a behaviour says nothing else. Default user.",
        ),
        key("tls", Form::Map(&TLS), "How connections are secured."),
        key("timeouts", Form::Map(&TIMEOUTS), "When to give up on the server."),
        key(
            "thresholds",
            Form::List(&Form::Line(&THRESHOLD)),
            "What must hold for the run to succeed; decides the exit code.",
        ),
        key("samples", Form::Map(&SAMPLES), "How many transcripts are kept."),
        key(
            "stop_early",
            Form::Flag,
            "End the run as soon as a threshold can no longer hold. Default false.",
        ),
    ],
);

pub(crate) static ACCOUNTS: Table = table(
    "accounts",
    &[
        key("list", Form::List(&Form::Map(&ACCOUNT)), "Each account by name."),
        key(
            "csv",
            Form::Text,
            "A file with a line `user,password` for each account, relative to the scenario; a first line \
             `user,password`, empty lines and `#` lines are skipped.",
        ),
        key(
            "pattern",
            Form::Text,
            "The login name with one `{n}`, or `{n:05}` for a number with leading zeros: `load{n:05}`.",
        ),
        key("first", Form::Whole(0), "With `pattern`: the first number. Default 1."),
        key("count", Form::Whole(1), "With `pattern`: how many accounts."),
        key(
            "password",
            Form::Secret,
            "With `pattern`: the password of all. Left out: what the embedded fake server gives them.",
        ),
        key("password_env", Form::Text, "With `pattern`: the environment variable with the password of all."),
    ],
)
.one_of(&["list", "csv", "pattern"]);

pub(crate) static ACCOUNT: Table = table(
    "an account",
    &[
        needed("user", Form::Text, "The login name."),
        key("password", Form::Secret, "The password; better kept in the environment."),
        key("password_env", Form::Text, "The environment variable that holds the password."),
    ],
)
.one_of(&["password", "password_env"]);

pub(crate) static MAIL: Table = table(
    "mail",
    &[
        needed("messages", Form::Whole(0), "Messages in each maildrop."),
        key(
            "sizes",
            Form::Either(&[Form::Size, Form::Map(&SIZES)]),
            "Their sizes. Default lognormal with median 13kB and p95 80kB.",
        ),
    ],
);

const PROCESSES: [&str; 2] = ["poisson", "even"];

pub(crate) static ARRIVALS: Table = table("arrivals", &[
        key("rate", Form::Rate, "A constant rate of sessions: `50/s`, `3000/min`. Needs `for`."),
        key("for", Form::Period, "With `rate`: how long."),
        key("ramp", Form::Map(&RAMP), "A rate that rises or falls evenly."),
        key("stages", Form::List(&Form::Map(&STAGE)), "One after the other: constant rates and ramps."),
        key(
            "recorded",
            Form::Text,
            "A CSV file with lines `seconds,rate` (sessions a second), relative to the scenario; between them the \
             rate changes evenly.",
        ),
        key(
            "closed",
            Form::Map(&CLOSED),
            "A closed loop: so many sessions at once, each beginning anew when done. A slow server slows the load \
             too, so its times are too kind; reports say so.",
        ),
        key(
            "process",
            Form::Word(&PROCESSES),
            "How sessions are spread at a given rate: `poisson`, as independent users come (default), or `even`.",
        ),
        key("sessions", Form::Whole(1), "No more sessions than this."),
    ]).one_of(&["rate", "ramp", "stages", "recorded", "closed"]);

pub(crate) static RAMP: Table = table(
    "a ramp",
    &[
        needed("from", Form::Rate, "The rate at its begin."),
        needed("to", Form::Rate, "The rate at its end."),
        needed("for", Form::Period, "How long it takes."),
    ],
);

pub(crate) static STAGE: Table = table(
    "a stage",
    &[
        key("rate", Form::Rate, "A constant rate; `0/s` is a pause."),
        key("from", Form::Rate, "The rate at its begin, with `to`."),
        key("to", Form::Rate, "The rate at its end."),
        needed("for", Form::Period, "How long it lasts."),
    ],
)
.one_of(&["rate", "from"]);

pub(crate) static CLOSED: Table = table(
    "a closed loop",
    &[
        needed("sessions", Form::Whole(1), "Sessions at once."),
        needed("for", Form::Period, "For how long new ones begin."),
    ],
);

/// All behaviours, in the order of the manual.
pub(crate) const BEHAVIOURS: [&str; 10] = [
    "poll",
    "download-and-delete",
    "leave-on-server",
    "devices",
    "header-preview",
    "hold-idle",
    "give-up",
    "wrong-password",
    "retrieve",
    "custom",
];

/// The keys that belong to one behaviour, and to which.
pub(crate) const OWN_KEYS: [(&str, &str); 10] = [
    ("remember", "leave-on-server"),
    ("count", "devices"),
    ("lines", "header-preview"),
    ("most", "header-preview"),
    ("most", "retrieve"),
    ("noop_every", "hold-idle"),
    ("for", "hold-idle"),
    ("until", "hold-idle"),
    ("after", "give-up"),
    ("name", "custom"),
];

const LOGINS: [&str; 5] = ["user", "apop", "plain", "cram-md5", "scram-sha-256"];

pub(crate) static BEHAVIOUR: Table = table(
    "a behaviour",
    &[
        needed("behaviour", Form::Word(&BEHAVIOURS), "What users do between login and QUIT."),
        key("weight", Form::Number, "Its part of the users, as part of the sum of all weights. Default 1."),
        key("think", THINK, "The pause before each command after the login."),
        key("link", Form::Map(&LINK), "The line between these users and the server."),
        key("login", Form::Word(&LOGINS), "How these users log in."),
        key(
            "remember",
            Form::Share,
            "leave-on-server: the part of the maildrop already fetched before the run. Default 0%.",
        ),
        key("count", Form::Whole(1), "devices: how many share the maildrop, taking turns. Default 2."),
        key("lines", Form::Whole(0), "header-preview: lines of the body to ask for. Default 0."),
        key(
            "most",
            Form::Whole(1),
            "header-preview, retrieve: at most so many messages. Default 20 headers, 1 message.",
        ),
        key("noop_every", Form::Period, "hold-idle: the distance between two NOOPs. Default 60s."),
        key("for", Form::Period, "hold-idle: how long the session is held."),
        key("until", Form::Word(&["end"]), "hold-idle: held until the plan is over (default)."),
        key("after", Form::Size, "give-up: hangs up after so much of the message. Default 4kB."),
        key("name", Form::Text, "custom: the name of a behaviour written in Rust."),
    ],
);

pub(crate) static LINK: Table = table(
    "a link",
    &[
        key("bandwidth", Form::Bandwidth, "Towards the user: `64kbit/s`, `1MB/s`. Default unlimited."),
        key("latency", Form::Duration, "Added to each round trip. Default 0."),
    ],
);

pub(crate) const VERIFY: [&str; 3] = ["always", "once", "never"];
pub(crate) const VERSIONS: [&str; 3] = ["any", "1.2", "1.3"];
pub(crate) const MODES: [&str; 4] = ["auto", "implicit", "starttls", "none"];

pub(crate) static TLS: Table = table(
    "tls",
    &[
        key(
            "mode",
            Form::Word(&MODES),
            "`auto` (default): by the port, 995 implicit TLS, 110 upgraded by STLS. `none` is cleartext.",
        ),
        key(
            "mix",
            Form::Either(&[Form::List(&Form::Map(&MIX)), Form::Map(&MIX)]),
            "Shares of users by weight: `[{implicit: 80}, {starttls: 20}]`.",
        ),
        key(
            "resumed",
            Form::Share,
            "The part of the users that keep their TLS sessions and resume them. Default 0%.",
        ),
        key(
            "verify",
            Form::Word(&VERIFY),
            "`always` the whole chain (default); `once`, then the same certificate by its octets; `never`.",
        ),
        key("versions", Form::Word(&VERSIONS), "The TLS versions offered. Default any."),
    ],
);

pub(crate) static MIX: Table = table(
    "a share of the mix",
    &[
        key("implicit", Form::Number, "Weight of users with TLS from the first octet."),
        key("starttls", Form::Number, "Weight of users who upgrade by STLS."),
        key("none", Form::Number, "Weight of users in cleartext."),
    ],
);

pub(crate) static TIMEOUTS: Table = table(
    "timeouts",
    &[
        key("connect", Form::Period, "For the TCP connection and for each TLS handshake. Default 10s."),
        key("reply", Form::Period, "For each reply, counted anew whenever some of it arrives. Default 30s."),
        key("session", Form::Period, "For a whole session. Default as long as it takes."),
    ],
);

pub(crate) static SAMPLES: Table = table(
    "samples",
    &[
        key("good", Form::Whole(0), "Transcripts of sessions in which all went well. Default 3."),
        key(
            "bad_per_kind",
            Form::Whole(0),
            "Transcripts of failed sessions, for each kind of error. Default 3.",
        ),
    ],
);

const THINK: Form = Form::Either(&[Form::Duration, Form::Map(&TIMES)]);

/// The kinds of distributions.
pub(crate) const DISTRIBUTIONS: [&str; 5] = ["fixed", "uniform", "exponential", "lognormal", "histogram"];

/// The tables of a distribution, for one unit.
macro_rules! distribution {
    ($table:ident, $uniform:ident, $lognormal:ident, $unit:expr, $example:literal) => {
        pub(crate) static $table: Table = table(
            "a distribution",
            &[
                key("fixed", $unit, "Always the same."),
                key("uniform", Form::Map(&$uniform), "Equally likely between two bounds."),
                key("exponential", $unit, "The mean of an exponential distribution."),
                key(
                    "lognormal",
                    Form::Map(&$lognormal),
                    "Many small and few large ones, by median and p95 (or sigma).",
                ),
                key(
                    "histogram",
                    Form::Pairs(&$unit, &Form::Number),
                    concat!("Upper bounds, rising, with their weights: `", $example, "`."),
                ),
            ],
        )
        .one_of(&DISTRIBUTIONS);

        static $uniform: Table = table(
            "a uniform distribution",
            &[needed("from", $unit, "The lower bound."), needed("to", $unit, "The upper bound.")],
        );

        static $lognormal: Table = table(
            "a lognormal distribution",
            &[
                needed("median", $unit, "Half are smaller."),
                key("p95", $unit, "19 of 20 are smaller."),
                key("sigma", Form::Number, "The standard deviation of the logarithm."),
            ],
        )
        .one_of(&["p95", "sigma"]);
    };
}

distribution!(TIMES, UNIFORM_TIMES, LOGNORMAL_TIMES, Form::Duration, "{1s: 50, 5s: 40, 60s: 10}");
distribution!(SIZES, UNIFORM_SIZES, LOGNORMAL_SIZES, Form::Size, "{4kB: 50, 40kB: 40, 1MB: 10}");

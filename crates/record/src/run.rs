//! What was run, against whom, and how it ended. No environment is read here: the caller fills it in.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FORMAT, Totals};

/// `run.json`: the frame of a run, written in every case, also when the target was never reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The instrument: `conformance`, `load`, `judge`.
    pub tool: String,
    /// The version of poplab.
    pub version: String,
    /// The command line, without secrets.
    pub arguments: Vec<String>,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    /// When it ended, RFC 3339 in UTC.
    pub ended: String,
    /// The seed all randomness of the run came from.
    pub seed: u64,
    /// The server that was examined.
    pub target: TargetInfo,
    /// The numbers of verdicts.
    pub totals: Totals,
    /// 0 all as required, 1 the target falls short, 2 command line or file wrong, 3 not carried out, 4 nothing
    /// was selected.
    pub exit_code: i32,
    /// Why it is that code, one clause.
    pub exit_reason: String,
    /// What kept the run from being carried out to its end, if something did.
    pub error: Option<String>,
}

impl Run {
    /// Whether the `results.json` beside this is that of a load run, [`LoadResults`](crate::LoadResults).
    pub fn is_load(&self) -> bool {
        self.tool == "load"
    }

    /// How long the run took; `None` when the two times cannot be read or run backwards.
    pub fn duration(&self) -> Option<Duration> {
        let started: Timestamp = self.started.parse().ok()?;
        let ended: Timestamp = self.ended.parse().ok()?;
        Duration::try_from(ended.duration_since(started)).ok()
    }
}

impl Default for Run {
    fn default() -> Self {
        Self {
            format: FORMAT,
            tool: String::new(),
            version: String::new(),
            arguments: Vec::new(),
            started: String::new(),
            ended: String::new(),
            seed: 0,
            target: TargetInfo::default(),
            totals: Totals::default(),
            exit_code: 0,
            exit_reason: String::new(),
            error: None,
        }
    }
}

/// The examined server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetInfo {
    /// What the user called it: `mail.example.org:995`, or `embedded fake server`.
    pub name: String,
    /// Its ways in, in the order they were examined.
    pub entrances: Vec<Entrance>,
}

/// One way into the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entrance {
    /// Its name in the results: how it is protected (`implicit-tls`, `starttls`, `cleartext`), and for a second one of
    /// the same kind host and port (`starttls mail.example.org:1110`).
    pub label: String,
    /// Host name or address that was dialled.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// What the TLS handshake settled; null without TLS.
    pub tls: Option<TlsInfo>,
    /// The lines of CAPA before login, or after it where that differs; empty when CAPA is not offered.
    pub capabilities: Vec<String>,
    /// The greeting line, escaped as in transcripts.
    pub greeting: String,
}

impl Entrance {
    /// What the server says it is: the parameters of the capability IMPLEMENTATION (RFC 2449 §6.9).
    pub fn implementation(&self) -> Option<&str> {
        self.capabilities.iter().find_map(|line| {
            let (tag, parameters) = line.split_once(' ')?;
            tag.eq_ignore_ascii_case("IMPLEMENTATION").then_some(parameters.trim())
        })
    }
}

/// How a connection is protected.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first octet (RFC 8314), usually port 995.
    Implicit,
    /// Clear text upgraded by STLS (RFC 2595).
    Starttls,
    /// Clear text throughout.
    #[default]
    None,
}

impl Security {
    /// The word used in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The facts of a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite's registered name.
    pub cipher: String,
    /// The key exchange group, if one was used.
    pub group: Option<String>,
    /// The subject of the server's certificate.
    pub certificate_subject: Option<String>,
    /// The issuer of the server's certificate.
    pub certificate_issuer: Option<String>,
    /// The names the certificate is valid for.
    pub certificate_names: Vec<String>,
    /// The end of its validity, RFC 3339.
    pub certificate_expires: Option<String>,
    /// SHA-256 of the certificate in DER, hexadecimal.
    pub certificate_sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_is_the_difference_of_the_two_times() {
        let mut run = Run {
            started: "2026-01-02T03:04:05Z".into(),
            ended: "2026-01-02T03:05:05.25Z".into(),
            ..Run::default()
        };
        assert_eq!(run.duration(), Some(Duration::from_millis(60_250)));
        run.ended = "2026-01-02T03:04:04Z".into();
        assert_eq!(run.duration(), None);
        run.ended = "noon".into();
        assert_eq!(run.duration(), None);
    }

    #[test]
    fn the_implementation_is_read_from_the_capabilities() {
        let mut entrance = Entrance {
            capabilities: vec!["TOP".into(), "implementation Example v2 ".into()],
            ..Entrance::default()
        };
        assert_eq!(entrance.implementation(), Some("Example v2"));
        entrance.capabilities.pop();
        assert_eq!(entrance.implementation(), None);
    }

    #[test]
    fn security_displays_as_it_serialises() {
        for security in [Security::Implicit, Security::Starttls, Security::None] {
            assert_eq!(serde_json::to_string(&security).unwrap(), format!("\"{security}\""));
        }
    }
}

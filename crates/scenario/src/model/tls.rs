//! How connections are secured.

use serde::{Deserialize, Serialize};

/// How connections are secured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// Which ways, in which shares.
    pub mode: Modes,
    /// The part of the users (0 to 1) that keep a session store and resume; each has their own.
    pub resumed: f64,
    /// How certificates are verified.
    pub verify: Verify,
    /// Which versions are offered.
    pub versions: Versions,
}

impl Default for Tls {
    fn default() -> Self {
        Self { mode: Modes::Auto, resumed: 0.0, verify: Verify::Always, versions: Versions::Any }
    }
}

/// Which ways into TLS, in which shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Modes {
    /// By the port: 995 implicit TLS, 110 cleartext upgraded by STLS.
    Auto,
    /// Each user has one for the whole run, drawn by weight.
    Mix(Vec<(f64, Mode)>),
}

impl Modes {
    /// The way of a user whose draw is `share` (0 to 1); `None` when it is left to the port.
    pub fn at(&self, share: f64) -> Option<Mode> {
        match self {
            Self::Auto => None,
            Self::Mix(mix) => {
                mix.get(super::pick(mix.iter().map(|(weight, _)| *weight), share)).map(|(_, mode)| *mode)
            }
        }
    }
}

/// A way into TLS, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// From the first octet (RFC 8314 section 3.3).
    Implicit,
    /// Cleartext, upgraded by STLS (RFC 2595 section 4).
    Starttls,
    /// Cleartext throughout.
    None,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 3] = [Self::Implicit, Self::Starttls, Self::None];

    /// The name in the YAML form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }
}

/// How certificates are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verify {
    /// The whole chain, at each handshake.
    Always,
    /// The whole chain once; after that the same certificate is taken by its octets.
    Once,
    /// Not at all.
    Never,
}

/// Which TLS versions are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versions {
    /// 1.2 and 1.3.
    Any,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

//! Where a server is: a host and a port.
//!
//! Deliberately without a default port and without a scheme: whether a port speaks TLS from its first octet is
//! decided by whoever reads the command line.

use std::fmt;
use std::str::FromStr;

/// A host (name or address) and a TCP port.
///
/// Written `host:port`; an IPv6 address stands in brackets, `[::1]:110`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// TCP port, 1 to 65,535.
    pub port: u16,
}

/// Why a text is not an [`Endpoint`]; the message says what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a server: {reason}; write host:port, such as mail.example.org:995 or [::1]:110")]
pub struct EndpointError {
    text: String,
    reason: &'static str,
}

impl Endpoint {
    /// An endpoint from its parts; the host is taken as it is.
    pub fn new(host: impl Into<String>, port: u16) -> Endpoint {
        Endpoint { host: host.into(), port }
    }
}

impl From<std::net::SocketAddr> for Endpoint {
    fn from(address: std::net::SocketAddr) -> Endpoint {
        Endpoint::new(address.ip().to_string(), address.port())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let wrong = |reason| EndpointError { text: text.to_owned(), reason };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(address)) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(wrong("what is in brackets is not an IPv6 address")),
            None if host.contains(':') => return Err(wrong("an IPv6 address belongs in brackets")),
            None => host,
        };
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        if host.chars().any(|c| c.is_whitespace() || c.is_control() || "/@[]".contains(c)) {
            return Err(wrong("the host has a character that no host name can have"));
        }
        // Digits only: `parse` alone would take "+110".
        match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|octet| octet.is_ascii_digit()) => {
                Ok(Endpoint::new(host, number))
            }
            _ => Err(wrong("the port is not a number from 1 to 65535")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["mail.example.org:995", "127.0.0.1:110", "[::1]:110", "[fe80::1]:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("[::1]:110".parse::<Endpoint>().unwrap(), Endpoint::new("::1", 110));
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, word) in [
            ("mail.example.org", "no port"),
            ("::1", "brackets"),
            ("[::1", "brackets"),
            ("[mail]:110", "brackets"),
            (":110", "no host"),
            ("mail:0", "1 to 65535"),
            ("mail:+110", "1 to 65535"),
            ("mail:65536", "1 to 65535"),
            ("pop3://mail:110", "brackets"),
            ("me@mail:110", "character"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

//! Who may be put under load without asking: this machine and its private network. Anything else needs a sentence.
//!
//! A guard against typing errors and bad habits, not against ill will: it cannot know whether the sentence is true. It
//! judges addresses, never names, since a name says nothing about whose machine answers to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A target that is not ours, and nobody has said why it may be tested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is outside loopback and the private address ranges, and load on a server that is not yours is an \
     attack; say in one sentence why you may: --authorized 'our staging server, agreed with the mail team'"
)]
pub struct NotAuthorized {
    /// The first such address.
    pub address: IpAddr,
}

/// Whether these addresses may be put under load: all of them are on own ground, or `authorized` is a sentence.
///
/// # Errors
/// The first address that is neither.
pub fn authorize(
    targets: impl IntoIterator<Item = IpAddr>,
    authorized: Option<&str>,
) -> Result<(), NotAuthorized> {
    let said = authorized.is_some_and(|sentence| sentence.split_whitespace().count() >= 2);
    match targets.into_iter().find(|address| !is_own_ground(*address)) {
        Some(address) if !said => Err(NotAuthorized { address }),
        _ => Ok(()),
    }
}

/// Loopback, private (RFC 1918, and `fc00::/7` of RFC 4193) or link-local (RFC 3927, and `fe80::/10` of RFC 4291). An IPv4
/// address written as IPv6 (`::ffff:a.b.c.d`) is judged as what it is.
pub fn is_own_ground(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_own_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_own_v4(mapped),
            None => is_own_v6(address),
        },
    }
}

/// Whether an address is this machine itself, so that both ends of each session need its memory and descriptors.
pub fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_loopback())
        }
    }
}

fn is_own_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local()
}

fn is_own_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn own_ground_is_loopback_private_and_link_local() {
        for own in [
            "127.0.0.1",
            "127.200.3.4",
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.7.7",
            "::1",
            "fc00::1",
            "fdff:1::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.1.2.3",
        ] {
            assert!(is_own_ground(address(own)), "{own}");
        }
        for foreign in [
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.0.1",
            "128.0.0.1",
            "0.0.0.0",
            "100.64.0.1",
            "2001:db8::1",
            "2606:4700::1111",
            "fbff::1",
            "fe00::1",
            "fec0::1",
            "::",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_own_ground(address(foreign)), "{foreign}");
        }
    }

    #[test]
    fn a_foreign_target_needs_a_sentence() {
        let targets = [address("127.0.0.1"), address("203.0.113.5")];
        let refused = authorize(targets, None).unwrap_err();
        assert_eq!(refused.address, address("203.0.113.5"));
        assert!(refused.to_string().contains("--authorized"), "{refused}");
        assert_eq!(authorize(targets, Some("our staging server")), Ok(()));
        for no_sentence in ["", "  ", "yes"] {
            assert_eq!(authorize(targets, Some(no_sentence)).unwrap_err().address, address("203.0.113.5"));
        }
    }

    #[test]
    fn own_ground_needs_none() {
        assert_eq!(authorize([address("192.168.1.1"), address("::1")], None), Ok(()));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        assert!(["127.9.9.9", "::1", "::ffff:127.0.0.1"].map(address).into_iter().all(is_loopback));
        assert!(!["10.0.0.1", "fe80::1", "::"].map(address).into_iter().any(is_loopback));
    }
}

//! Checks of RFC 8314, TLS from the first octet and what it says of cleartext.

pub(crate) mod offers;
pub(crate) mod ports;
pub(crate) mod s3_implicit_tls;
pub(crate) mod s4_certificate;
pub(crate) mod s4_server;

use crate::check::sections;

sections! { offers, ports, s3_implicit_tls, s4_certificate, s4_server }

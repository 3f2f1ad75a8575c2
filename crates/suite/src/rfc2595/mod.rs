//! Checks of RFC 2595, TLS by upgrade.

pub(crate) mod s2_cleartext;
pub(crate) mod s4_stls;
pub(crate) mod upgrade;

use crate::check::sections;

sections! { s2_cleartext, s4_stls, upgrade }

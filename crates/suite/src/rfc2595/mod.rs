//! Checks of RFC 2595, TLS by upgrade.

pub(crate) mod s4_stls;

use crate::check::sections;

sections! { s4_stls }

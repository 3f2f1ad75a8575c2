//! Checks of RFC 2449, the extension mechanism.

pub(crate) mod s5_capa;
pub(crate) mod s6_capabilities;
pub(crate) mod s6_lists;
pub(crate) mod s6_pipelining;
pub(crate) mod s6_promises;
pub(crate) mod s8_response_codes;

use crate::check::sections;

sections! { s5_capa, s6_capabilities, s6_lists, s6_pipelining, s6_promises, s8_response_codes }

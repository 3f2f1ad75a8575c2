//! Checks of RFC 3206, the response codes SYS and AUTH.

pub(crate) mod s4_sys;
pub(crate) mod s5_auth;

use crate::check::sections;

sections! { s4_sys, s5_auth }

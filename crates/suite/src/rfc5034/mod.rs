//! Checks of RFC 5034, the SASL framing of POP3. What the mechanisms say is judged in [`crate::mechanisms`].

pub(crate) mod s3_capa;
pub(crate) mod s4_arguments;
pub(crate) mod s4_auth;
pub(crate) mod s4_responses;

use crate::check::sections;

sections! { s3_capa, s4_arguments, s4_auth, s4_responses }

//! RFC 8314 sections 4.4 and 5, RFC 7817: the certificate is good for the host that was dialled.
//!
//! It is verified by `net` in every handshake; here only the verdict is drawn. A private authority is trusted because
//! its user said so, and verifies like any other.

use net::DialError;
use tokio::time::timeout;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, fail, inconclusive};

checks! {
    "rfc8314.cert-identity" => identity,
}

/// RFC 8314 §4.4; RFC 7817 §3; RFC 6186 §5: The certificate is valid for the host name: a DNS-ID matches,
/// unexpired, chain complete; a wildcard stands only for the whole left-most label.
async fn identity(lab: &Lab) -> Outcome {
    let dialer = &lab.site().dialer;
    if !dialer.verifies() {
        return inconclusive("the certificate was not verified");
    }
    let (stream, options) = (lab.dial().await?, lab.tls_options());
    match timeout(lab.site().patience.answer, dialer.start_tls(stream, &options)).await {
        Ok(Ok(stream)) => {
            lab.adopt(stream).greeting().await?;
            Ok(())
        }
        // The survey got through: another server behind the same name, or a certificate that expired in between.
        Ok(Err(error @ DialError::Certificate { .. })) => fail(error.to_string()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => inconclusive("the TLS handshake did not end in time"),
    }
}

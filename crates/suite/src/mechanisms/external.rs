//! RFC 4422 appendix A: EXTERNAL, as far as a client without a certificate can see it.

use super::disposable;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, require};

checks! {
    "rfc4422.external.no-cert" => without_certificate [wrong_password],
}

/// RFC 4422 Appendix A; RFC 8314: EXTERNAL without a client certificate fails.
async fn without_certificate(lab: &Lab) -> Outcome {
    let account = disposable(lab).await?;
    let name = account.as_ref().map_or("poplab-nobody", |account| account.user.as_str());
    for response in ["=", &sasl::base64::encode(name)] {
        let mut session = lab.connect_for_login().await?;
        let mut reply = session.command(format!("AUTH EXTERNAL {response}")).await.judged()?;
        if reply.continuation {
            // The initial response was ignored, which is judged by the checks of AUTH.
            reply = session.respond(response.trim_matches('=')).await.judged()?;
        }
        require(reply.is_err(), || {
            format!(
                "AUTH EXTERNAL {response} without a client certificate was answered {}; `-ERR` was required",
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

//! RFC 1939 section 8: site policies that remove mail by themselves.
//!
//! Under EXPIRE 0 a RETR is as good as a DELE, so both sessions that send one are of `lab.deletable`.

use super::maildrop::Maildrop;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::Outcome;

checks! {
    "rfc1939.policy.only-with-quit" => only_with_quit,
}

/// RFC 1939 §8: A download-and-delete policy acts only after QUIT and only on messages retrieved with RETR in
/// that session.
async fn only_with_quit(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("RETR 1").await?;
    session.reset();
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_whole(&later, &[], "RETR 1, then a reset")?;

    // Whether message 1 goes is the site's policy; the others were seen by LIST, UIDL and TOP alone.
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("RETR 1").await?;
    session.quit().await?;
    let later = Maildrop::look_again(lab, &account).await?;
    before.require_unmarked_kept(&later, &[1], lab, "RETR 1 and QUIT")
}

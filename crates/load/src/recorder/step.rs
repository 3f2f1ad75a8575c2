//! The steps of a session, as small numbers: the hot path indexes an array with them.

pub use scenario::STEPS as TAGS;

/// A step: an index into [`TAGS`], or beyond them into the named steps of custom behaviours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(pub(super) u16);

impl Step {
    pub(crate) const CONNECT: Step = Step(0);
    pub(crate) const TLS: Step = Step(1);
    pub(crate) const GREETING: Step = Step(2);
    pub(crate) const STLS: Step = Step(3);
    pub(crate) const STLS_TLS: Step = Step(4);
    pub(crate) const LOGIN_USER: Step = Step(5);
    pub(crate) const LOGIN_APOP: Step = Step(6);
    pub(crate) const LOGIN_PLAIN: Step = Step(7);
    pub(crate) const LOGIN_CRAM_MD5: Step = Step(8);
    pub(crate) const LOGIN_SCRAM_SHA_256: Step = Step(9);
    pub(crate) const STAT: Step = Step(10);
    pub(crate) const LIST: Step = Step(11);
    pub(crate) const UIDL: Step = Step(12);
    pub(crate) const RETR_FIRST: Step = Step(13);
    pub(crate) const RETR_LAST: Step = Step(14);
    pub(crate) const TOP_FIRST: Step = Step(15);
    pub(crate) const TOP_LAST: Step = Step(16);
    pub(crate) const DELE: Step = Step(17);
    pub(crate) const NOOP: Step = Step(18);
    pub(crate) const RSET: Step = Step(19);
    pub(crate) const CAPA: Step = Step(20);
    pub(crate) const QUIT: Step = Step(21);
    pub(crate) const READY: Step = Step(22);
    pub(crate) const SESSION: Step = Step(23);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tags_agree() {
        for (step, tag) in [
            (Step::CONNECT, "connect"),
            (Step::STLS_TLS, "stls-tls"),
            (Step::LOGIN_USER, "login-user"),
            (Step::LOGIN_SCRAM_SHA_256, "login-scram-sha-256"),
            (Step::STAT, "STAT"),
            (Step::RETR_LAST, "RETR-last"),
            (Step::DELE, "DELE"),
            (Step::CAPA, "CAPA"),
            (Step::QUIT, "QUIT"),
            (Step::SESSION, "session"),
        ] {
            assert_eq!(TAGS[usize::from(step.0)], tag);
        }
    }
}

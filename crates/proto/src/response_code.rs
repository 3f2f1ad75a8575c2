//! Response codes: `[IN-USE]`, `[SYS/TEMP]` (RFC 2449 section 8, RFC 3206).

use crate::{Deviation, Deviations};

/// A well-formed response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseCode<'a> {
    inner: &'a [u8],
}

impl<'a> ResponseCode<'a> {
    /// Looks for a code at the start of a status line's text. `None` if the text does not begin with `[` or the
    /// code is not well-formed; the deviations tell which.
    pub fn parse(text: &'a [u8]) -> (Option<ResponseCode<'a>>, Deviations) {
        let mut deviations = Deviations::new();
        let Some(rest) = text.strip_prefix(b"[") else { return (None, deviations) };
        let end = rest.iter().position(|octet| *octet == b']');
        let Some(inner) = end.and_then(|end| rest.get(..end)) else {
            deviations.insert(Deviation::CodeUnclosed);
            return (None, deviations);
        };
        deviations
            .insert_if(inner.split(|octet| *octet == b'/').any(<[u8]>::is_empty), Deviation::CodeEmptyLevel);
        deviations
            .insert_if(inner.iter().any(|octet| *octet <= 0x20 || *octet >= 0x7f), Deviation::CodeBlank);
        (deviations.is_empty().then_some(ResponseCode { inner }), deviations)
    }

    /// The levels, for example `SYS` and `TEMP`.
    pub fn levels(&self) -> impl Iterator<Item = &'a [u8]> {
        self.inner.split(|octet| *octet == b'/')
    }

    /// Whether it is this code, in any case.
    pub fn is(&self, code: &str) -> bool {
        self.inner.eq_ignore_ascii_case(code.as_bytes())
    }

    /// The code without its brackets.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_malformed_ones_named() {
        let (code, deviations) = ResponseCode::parse(b"[sys/Temp] try later");
        assert!(
            code.is_some_and(|code| code.is("SYS/TEMP") && code.levels().count() == 2)
                && deviations.is_empty()
        );
        let named = |text: &[u8]| ResponseCode::parse(text).1.iter().collect::<Vec<_>>();
        assert_eq!(named(b"[AUTH no"), [Deviation::CodeUnclosed]);
        assert_eq!(named(b"[SYS/] no"), [Deviation::CodeEmptyLevel]);
        assert_eq!(named(b"[] no"), [Deviation::CodeEmptyLevel]);
        assert_eq!(named(b"[a b] no"), [Deviation::CodeBlank]);
        assert_eq!(named(b"no [AUTH]"), []);
    }
}

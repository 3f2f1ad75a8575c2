//! Reading SCRAM messages by the grammar of RFC 5802 section 7, strictly: UTF-8 without NUL, attributes in
//! their order, optional extensions ignored, mandatory ones (`m=`) refused wherever they stand.
//! What the values mean (whose nonce, which channel binding) is judged by the machines.

use crate::{ExchangeError, base64};

/// A client's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst<'a> {
    /// The channel binding flag: `n`, `y`, or `p=` with the name of a binding.
    pub flag: &'a str,
    /// The authorization identity, escapes undone.
    pub authzid: Option<String>,
    /// The GS2 header as it was sent, with its last comma.
    pub gs2_header: &'a str,
    /// The rest as it was sent, extensions included; it is part of what is signed.
    pub bare: &'a str,
    /// The name, escapes undone.
    pub user: String,
    /// The client's nonce.
    pub nonce: &'a str,
}

/// A server's first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFirst<'a> {
    /// The message as it was sent; it is part of what is signed.
    pub text: &'a str,
    /// The client's nonce followed by the server's.
    pub nonce: &'a str,
    /// The salt, decoded.
    pub salt: Vec<u8>,
    /// The iteration count, at least 1.
    pub iterations: u32,
}

/// A client's final message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFinal<'a> {
    /// The message up to the comma before the proof; it is part of what is signed.
    pub without_proof: &'a str,
    /// The value of `c=`, still base64, since it is compared in this form (section 6).
    pub channel_binding: &'a str,
    /// The whole nonce.
    pub nonce: &'a str,
    /// The proof, decoded.
    pub proof: Vec<u8>,
}

/// A server's final message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFinal<'a> {
    /// `v=`: the server's signature, decoded.
    Signature(Vec<u8>),
    /// `e=`: the error as it was sent.
    Error(&'a str),
}

/// Reads a client's first message.
///
/// # Errors
/// [`ExchangeError::Malformed`] or [`ExchangeError::MandatoryExtension`].
pub fn parse_client_first(message: &[u8]) -> Result<ClientFirst<'_>, ExchangeError> {
    let text = text(message)?;
    let mut parts = text.splitn(3, ',');
    let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(ExchangeError::Malformed("it has no GS2 header"));
    };
    let binding = |name: &str| {
        !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet))
    };
    if !matches!(flag, "n" | "y") && !flag.strip_prefix("p=").is_some_and(binding) {
        return Err(ExchangeError::Malformed("its channel binding flag is neither n nor y nor p="));
    }
    let authzid = match authzid {
        "" => None,
        _ => Some(
            authzid
                .strip_prefix("a=")
                .and_then(unescape)
                .ok_or(ExchangeError::Malformed("its authorization identity is malformed"))?,
        ),
    };
    let mut attributes = bare.split(',');
    let user = attribute(attributes.next(), "n=", "its name is missing")?;
    let user = unescape(user).ok_or(ExchangeError::Malformed("its name is empty or wrongly escaped"))?;
    let nonce = nonce(attributes.next())?;
    extensions(attributes)?;
    let gs2_header = &text[..text.len() - bare.len()];
    Ok(ClientFirst { flag, authzid, gs2_header, bare, user, nonce })
}

/// Reads a server's first message.
///
/// # Errors
/// [`ExchangeError::Malformed`] or [`ExchangeError::MandatoryExtension`].
pub fn parse_server_first(message: &[u8]) -> Result<ServerFirst<'_>, ExchangeError> {
    let text = text(message)?;
    let mut attributes = text.split(',');
    let nonce = nonce(attributes.next())?;
    let salt = attribute(attributes.next(), "s=", "its salt is missing")?;
    let salt = base64::decode(salt).map_err(|_| ExchangeError::Malformed("its salt is not base64"))?;
    let iterations = attribute(attributes.next(), "i=", "its iteration count is missing")?;
    let iterations = positive(iterations)
        .ok_or(ExchangeError::Malformed("its iteration count is not a positive number"))?;
    extensions(attributes)?;
    Ok(ServerFirst { text, nonce, salt, iterations })
}

/// Reads a client's final message.
///
/// # Errors
/// [`ExchangeError::Malformed`] or [`ExchangeError::MandatoryExtension`].
pub fn parse_client_final(message: &[u8]) -> Result<ClientFinal<'_>, ExchangeError> {
    let text = text(message)?;
    let (without_proof, proof) =
        text.rsplit_once(',').ok_or(ExchangeError::Malformed("its proof is missing"))?;
    let mut attributes = without_proof.split(',');
    let channel_binding = attribute(attributes.next(), "c=", "its channel binding is missing")?;
    let nonce = nonce(attributes.next())?;
    extensions(attributes)?;
    let proof = attribute(Some(proof), "p=", "its proof is missing")?;
    let proof = base64::decode(proof).map_err(|_| ExchangeError::Malformed("its proof is not base64"))?;
    Ok(ClientFinal { without_proof, channel_binding, nonce, proof })
}

/// Reads a server's final message.
///
/// # Errors
/// [`ExchangeError::Malformed`] or [`ExchangeError::MandatoryExtension`].
pub fn parse_server_final(message: &[u8]) -> Result<ServerFinal<'_>, ExchangeError> {
    let text = text(message)?;
    let mut attributes = text.split(',');
    let first = attributes.next();
    let verdict = if let Some(error) = first.and_then(|first| first.strip_prefix("e=")) {
        if error.is_empty() {
            return Err(ExchangeError::Malformed("its error is empty"));
        }
        ServerFinal::Error(error)
    } else {
        let signature = attribute(first, "v=", "its signature is missing")?;
        let signature =
            base64::decode(signature).map_err(|_| ExchangeError::Malformed("its signature is not base64"))?;
        ServerFinal::Signature(signature)
    };
    extensions(attributes)?;
    Ok(verdict)
}

/// A name as it stands in a message: `=` as `=3D`, `,` as `=2C`.
pub fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name of an escaped one; `None` if it is empty, or has a comma, a NUL, or a `=` that does not begin
/// `=2C` or `=3D` (upper case, RFC 5802 section 5.1).
pub fn unescape(escaped: &str) -> Option<String> {
    if escaped.is_empty() || escaped.contains([',', '\0']) {
        return None;
    }
    let mut pieces = escaped.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else {
            name.push('=');
            name.push_str(piece.strip_prefix("3D")?);
        }
    }
    Some(name)
}

/// Whether a text can be a nonce: printable ASCII without blank and comma, not empty.
pub fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}

fn text(message: &[u8]) -> Result<&str, ExchangeError> {
    std::str::from_utf8(message)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or(ExchangeError::Malformed("it is not UTF-8 without NUL"))
}

/// The value of an attribute where only this one may stand.
fn attribute<'a>(
    found: Option<&'a str>,
    name: &str,
    missing: &'static str,
) -> Result<&'a str, ExchangeError> {
    let found = found.ok_or(ExchangeError::Malformed(missing))?;
    if found.starts_with("m=") {
        return Err(ExchangeError::MandatoryExtension);
    }
    found.strip_prefix(name).ok_or(ExchangeError::Malformed(missing))
}

fn nonce(found: Option<&str>) -> Result<&str, ExchangeError> {
    let nonce = attribute(found, "r=", "its nonce is missing")?;
    if is_nonce(nonce) {
        Ok(nonce)
    } else {
        Err(ExchangeError::Malformed("its nonce is empty or not printable"))
    }
}

/// Optional extensions are ignored, but they must be attributes, and not ones RFC 5802 defines: those have
/// their fixed places.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), ExchangeError> {
    for extension in attributes {
        match extension.as_bytes() {
            [b'm', b'=', ..] => return Err(ExchangeError::MandatoryExtension),
            [name, b'=', _, ..] if name.is_ascii_alphabetic() && !b"anrcsipve".contains(name) => {}
            _ => {
                return Err(ExchangeError::Malformed(
                    "an extension is no attribute or stands where it may not",
                ));
            }
        }
    }
    Ok(())
}

fn positive(digits: &str) -> Option<u32> {
    if digits.starts_with('0') || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        ServerFinal, escape, parse_client_final, parse_client_first, parse_server_final, parse_server_first,
        unescape,
    };
    use crate::ExchangeError;

    #[test]
    fn reads_a_first_message_with_everything_in_it() {
        let first = parse_client_first(b"y,a=a=2Cb,n=c=3Dd,r=nonce,x=future,Z==").unwrap();
        assert_eq!((first.flag, first.authzid.as_deref()), ("y", Some("a,b")));
        assert_eq!((first.gs2_header, first.bare), ("y,a=a=2Cb,", "n=c=3Dd,r=nonce,x=future,Z=="));
        assert_eq!((first.user.as_str(), first.nonce), ("c=d", "nonce"));
        assert_eq!(parse_client_first(b"p=tls-unique,,n=u,r=x").unwrap().flag, "p=tls-unique");
    }

    #[test]
    fn refuses_malformed_first_messages() {
        for message in [
            &b""[..],
            b"n",
            b"n,",
            b"n,,",
            b",,n=u,r=x",
            b"N,,n=u,r=x",
            b"z,,n=u,r=x",
            b"p,,n=u,r=x",
            b"p=,,n=u,r=x",
            b"p=a_b,,n=u,r=x",
            b"n,b,n=u,r=x",
            b"n,a=,n=u,r=x",
            b"n,a=x=2c,n=u,r=x",
            b"n,n=u,r=x",
            b"n,,n=,r=x",
            b"n,,r=x,n=u",
            b"n,,n=u",
            b"n,,n=u,r=",
            b"n,,n=u,r=a b",
            b"n,,n=u=,r=x",
            b"n,,n=u=2,r=x",
            b"n,,n=u=2c,r=x",
            b"n,,n=u=3d,r=x",
            b"n,,n=u=41,r=x",
            b"n,,n=u,r=\xc3\xa9",
            b"n,,n=\xff,r=x",
            b"n,,n=u\0,r=x",
            b"n,,n=u,r=x,",
            b"n,,n=u,r=x,x",
            b"n,,n=u,r=x,x=",
            b"n,,n=u,r=x,1=2",
            b"n,,n=u,r=x,n=v",
            b"n,,n=u,r=x,r=y",
        ] {
            let error = parse_client_first(message).expect_err(&message.escape_ascii().to_string());
            assert!(matches!(error, ExchangeError::Malformed(_)), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn refuses_mandatory_extensions_wherever_they_stand() {
        let refused = Some(ExchangeError::MandatoryExtension);
        for message in [&b"n,,m=x,n=u,r=x"[..], b"n,,n=u,m=x,r=x", b"n,,n=u,r=x,m=x", b"n,,n=u,r=x,y=z,m="] {
            assert_eq!(parse_client_first(message).err(), refused);
        }
        assert_eq!(parse_server_first(b"m=x,r=x,s=QQ==,i=1").err(), refused);
        assert_eq!(parse_server_first(b"r=x,s=QQ==,i=1,m=x").err(), refused);
        assert_eq!(parse_client_final(b"c=biws,r=x,m=x,p=QQ==").err(), refused);
        assert_eq!(parse_server_final(b"v=QQ==,m=x").err(), refused);
    }

    #[test]
    fn reads_a_server_first_message_strictly() {
        let first = parse_server_first(b"r=abc,s=QQ==,i=4096,x=y").unwrap();
        assert_eq!((first.nonce, first.salt.as_slice(), first.iterations), ("abc", &b"A"[..], 4096));
        for message in [
            "",
            "r=abc",
            "r=abc,s=QQ==",
            "s=QQ==,r=abc,i=1",
            "r=abc,s=QQ=,i=1",
            "r=abc,s=QR==,i=1",
            "r=abc,s=Q Q=,i=1",
            "r=abc,s=QQ==,i=0",
            "r=abc,s=QQ==,i=01",
            "r=abc,s=QQ==,i=+1",
            "r=abc,s=QQ==,i=",
            "r=abc,s=QQ==,i=4294967296",
            "r=,s=QQ==,i=1",
        ] {
            assert!(parse_server_first(message.as_bytes()).is_err(), "{message}");
        }
    }

    #[test]
    fn reads_final_messages() {
        let message = parse_client_final(b"c=biws,r=x,y=z,p=QQ==").unwrap();
        assert_eq!((message.without_proof, message.channel_binding), ("c=biws,r=x,y=z", "biws"));
        assert_eq!((message.nonce, message.proof.as_slice()), ("x", &b"A"[..]));
        for wrong in ["", "c=biws", "c=biws,r=x", "c=biws,p=QQ==,r=x", "r=x,c=biws,p=QQ==", "c=biws,r=x,p=Q"]
        {
            assert!(parse_client_final(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(parse_server_final(b"v=QQ==,x=y"), Ok(ServerFinal::Signature(b"A".to_vec())));
        assert_eq!(parse_server_final(b"e=invalid-proof"), Ok(ServerFinal::Error("invalid-proof")));
        for wrong in ["", "e=", "QQ==", "v=QQ", "x=y,v=QQ=="] {
            assert!(parse_server_final(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn escapes_are_exact() {
        assert_eq!(escape("a=2C,b"), "a=3D2C=2Cb");
        assert_eq!(unescape("a=3D2C=2Cb").as_deref(), Some("a=2C,b"));
        for wrong in ["", "=", "a=", "a=2", "a=2c", "a=3d", "a==2C", "a,b", "a\0b"] {
            assert_eq!(unescape(wrong), None, "{wrong:?}");
        }
    }
}

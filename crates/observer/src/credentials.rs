//! What in a client's line nobody may read.
//!
//! Deliberately too much rather than too little: before login a line that is no command of POP3 may be a password that
//! was sent at the wrong moment, and is not shown.

use proto::{Command, Verb};

/// The longest keyword that is shown although nobody knows it: those of POP3 have three or four letters (RFC 1939
/// section 3).
const KEYWORD: usize = 4;

/// What is secret in a command.
pub(crate) fn of(command: &Command<'_>, logged_in: bool) -> Vec<Vec<u8>> {
    let arguments = command.arguments;
    let words = || arguments.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    match command.verb {
        // A password may have spaces, and a server may leave out those around it.
        Some(Verb::Pass) => vec![arguments.to_vec(), arguments.trim_ascii().to_vec()],
        Some(Verb::Apop) => words().skip(1).map(<[u8]>::to_vec).collect(),
        Some(Verb::Auth) => {
            let mut exchange = Exchange::of(command);
            words().skip(1).flat_map(|word| exchange.response(word)).collect()
        }
        Some(_) => Vec::new(),
        None if logged_in || command.line.is_empty() => Vec::new(),
        None if command.keyword.len() <= KEYWORD => vec![arguments.to_vec()],
        None => vec![command.line.to_vec(), arguments.to_vec()],
    }
}

/// A SASL exchange under way (RFC 5034).
#[derive(Debug)]
pub(crate) struct Exchange {
    mechanism: Vec<u8>,
    /// The response came with AUTH, so that the next line need not be one.
    initial: bool,
    responses: u32,
}

impl Exchange {
    /// That which an AUTH begins.
    pub(crate) fn of(command: &Command<'_>) -> Exchange {
        let mut words = command.words();
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        Exchange { mechanism, initial: words.next().is_some(), responses: 0 }
    }

    /// Whether the next line belongs to it. Somebody who did not wait for the answer may have gone on with a command.
    pub(crate) fn takes(&self, rest: &[u8]) -> bool {
        let line = rest.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
        !self.initial || Command::parse(line).verb.is_none()
    }

    /// What is secret in a response: all of it, and what it encodes.
    pub(crate) fn response(&mut self, response: &[u8]) -> Vec<Vec<u8>> {
        if matches!(response, b"" | b"=" | b"*") {
            return Vec::new();
        }
        self.responses += 1;
        let mut secrets = vec![response.to_vec()];
        let Ok(decoded) = sasl::base64::decode(response) else { return secrets };
        let last = |by: u8| decoded.rsplit(|octet| *octet == by).next().map(<[u8]>::to_vec);
        match self.mechanism.as_slice() {
            b"PLAIN" => secrets.extend(last(0)),
            b"CRAM-MD5" => secrets.extend(last(b' ')),
            // The name comes first and may be read elsewhere.
            b"LOGIN" if self.responses > 1 => secrets.push(decoded),
            b"LOGIN" => {}
            _ => {
                let fields = decoded.split(|octet| matches!(octet, 1 | b','));
                let tokens = fields.filter_map(|field| {
                    let token = field.strip_prefix(b"auth=Bearer ").or(field.strip_prefix(b"p="));
                    token.map(<[u8]>::to_vec)
                });
                secrets.extend(tokens);
            }
        }
        secrets
    }
}

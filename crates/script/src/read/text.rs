//! Octets of the wire as people write them: escapes, lines, and places where something of the moment stands.

use yaml::{Findings, Node, meant};

use crate::lies::{Fact, Told};

/// Lines of the wire, from a text of one or several or from a list of lines.
pub(super) fn lines(node: &Node, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let Some(text) = node.scalar() else {
        let each = node.list()?.iter().map(|item| line(item, item.scalar()?, findings));
        // Each is read, so that all that is wrong is told.
        return each.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(|lines| lines.concat());
    };
    // What ends the last line begins no further one.
    let each = text.strip_suffix('\n').unwrap_or(text).split('\n').map(|text| line(node, text, findings));
    each.collect::<Option<Vec<_>>>().map(|lines| lines.concat())
}

/// A line of the wire: CRLF is added.
fn line(node: &Node, text: &str, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    octets(node, text, findings).map(|mut octets| {
        octets.extend_from_slice(b"\r\n");
        octets
    })
}

/// Octets: `\r`, `\n`, `\0` and `\xNN` stand for what they are called.
pub(super) fn octets(node: &Node, text: &str, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let (mut octets, mut rest) = (Vec::new(), text.chars());
    while let Some(character) = rest.next() {
        if character != '\\' {
            let mut buffer = [0; 4];
            octets.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let octet = match rest.next() {
            Some('r') => Some(b'\r'),
            Some('n') => Some(b'\n'),
            Some('0') => Some(0),
            Some('\\') => Some(b'\\'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2)
            }
            _ => None,
        };
        let Some(octet) = octet else {
            findings.wrong(
                node,
                "behind a backslash stands `r`, `n`, `0`, `\\` or `x` and two hexadecimal digits",
            );
            return None;
        };
        octets.push(octet);
    }
    Some(octets)
}

/// Octets with places: a word in braces is one of the facts.
pub(super) fn told(node: &Node, findings: &mut Findings<'_>) -> Option<Told> {
    let (mut told, mut rest) = (Told::default(), node.scalar()?);
    while let Some((before, word, behind)) = place(rest) {
        let Some((_, fact)) = Fact::ALL.into_iter().find(|(name, _)| *name == word) else {
            let names = Fact::ALL.map(|(name, _)| name);
            let meant = meant(word, &names, &[]);
            findings.wrong(node, format!("nothing is known as `{{{word}}}`{meant} (`\\x7b` is a brace)"));
            return None;
        };
        told.push_octets(octets(node, before, findings)?);
        told.push_fact(fact);
        rest = behind;
    }
    told.push_octets(octets(node, rest, findings)?);
    Some(told)
}

/// The first word in braces, what stands before it, and what behind.
fn place(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let begin = from + text.get(from..)?.find('{')?;
        let inside = text.get(begin + 1..)?;
        let end = inside.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(inside.len());
        match (inside.get(..end), inside.get(end..)) {
            (Some(word), Some(behind)) if !word.is_empty() && behind.starts_with('}') => {
                return Some((text.get(..begin)?, word, behind.get(1..)?));
            }
            _ => from = begin + 1,
        }
    }
}

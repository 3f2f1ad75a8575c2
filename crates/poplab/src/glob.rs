//! Choosing by name: patterns with `*`, and what a misspelt name may have meant. Knows nothing of what is chosen.

/// Whether the pattern matches the whole name; `*` stands for any characters, also none, also dots.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut in_name) = (0, 0);
    // Where to go on when a guess about the last `*` was wrong: after the star, and one character further.
    let mut retry: Option<(usize, usize)> = None;
    while in_name < name.len() {
        if pattern.get(at) == Some(&b'*') {
            retry = Some((at + 1, in_name));
            at += 1;
        } else if pattern.get(at) == Some(&name[in_name]) {
            at += 1;
            in_name += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            (at, in_name) = (star, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|octet| *octet == b'*')
}

/// The names nearest to a misspelt one, at most three, nearest first; empty when none is near.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.replace('*', "");
    let worst = wanted.chars().count() / 4 + 1;
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            // A part of a name is nearer than any misspelling.
            let part = wanted.len() > 2 && name.contains(wanted.as_str());
            let distance = if part { 0 } else { distance(&wanted, name) };
            (distance <= worst).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

/// A sentence that suggests these names; empty when there are none.
pub(crate) fn suggestion(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// How many characters have to be added, removed or exchanged.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, candidate) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(*candidate != character);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*", "rfc1939.retr.size"),
            ("*", ""),
            ("rfc1939.retr.size", "rfc1939.retr.size"),
            ("*.retr.*", "rfc1939.retr.size"),
            ("rfc*r.s*e", "rfc1939.retr.size"),
            ("**size", "rfc1939.retr.size"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("retr", "rfc1939.retr.size"), ("*.retr", "rfc1939.retr.size"), ("", "a"), ("a*b", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn misspelt_names_are_recognised_and_strange_ones_are_not() {
        let names = ["rfc1939.retr.size", "rfc1939.retr.dot-stuffing", "rfc1939.stat.format"];
        assert_eq!(nearest("rfc1939.rter.size", names), ["rfc1939.retr.size"]);
        assert_eq!(nearest("*retr*", names), ["rfc1939.retr.dot-stuffing", "rfc1939.retr.size"]);
        assert_eq!(nearest("walrus", names), Vec::<&str>::new());
        assert_eq!(suggestion(&["a", "b"]), "; did you mean a or b?");
    }
}

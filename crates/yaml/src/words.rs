//! What a misspelt or a foreign word was probably meant to be.

/// Words of other tools and everyday ones, each with what it is called here. One is only suggested where it is known.
pub type Synonyms = &'static [(&'static str, &'static str)];

/// `; did you mean …?` when a known word is near, or else the known words.
pub fn meant(word: &str, known: &[&str], synonyms: Synonyms) -> String {
    match nearest(word, known, synonyms) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; known: {}", known.join(", ")),
    }
}

/// The known word that was probably meant: one with at most a third of its letters wrong, one that begins alike, or
/// one that means the same.
pub fn nearest<'a>(word: &str, known: &[&'a str], synonyms: Synonyms) -> Option<&'a str> {
    let flat = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let word = flat(word);
    if word.chars().count() > 40 {
        return None;
    }
    let scored = known.iter().map(|candidate| (distance(&word, &flat(candidate)), *candidate));
    let (errors, best) = scored.min_by_key(|(errors, _)| *errors)?;
    if errors <= best.chars().count().max(word.chars().count()) / 3 {
        return Some(best);
    }
    let synonym = synonyms.iter().find(|(strange, _)| *strange == word).map(|(_, usual)| *usual);
    if let Some(found) = known.iter().find(|candidate| Some(**candidate) == synonym) {
        return Some(found);
    }
    let alike = |candidate: &&&str| {
        let candidate = flat(candidate);
        (word.len() > 3 && candidate.starts_with(&word))
            || (candidate.len() > 3 && word.starts_with(&candidate))
    };
    known.iter().find(alike).copied()
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_does_not() {
        assert_eq!(nearest("weigth", &["weight", "link"], &[]), Some("weight"));
        assert_eq!(nearest("Hold_Idle", &["hold-idle"], &[]), Some("hold-idle"));
        assert_eq!(nearest("username", &["password", "user"], &[]), Some("user"));
        assert_eq!(nearest("scram", &["cram-md5", "scram-sha-256"], &[]), Some("scram-sha-256"));
        assert_eq!(
            nearest("ssl", &["implicit", "starttls"], &[("ssl", "implicit"), ("ssl", "strange")]),
            Some("implicit")
        );
        assert_eq!(nearest("banana", &["weight", "link"], &[]), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn what_was_meant_is_a_word_or_all_words() {
        assert_eq!(meant("weigth", &["weight", "link"], &[]), "; did you mean `weight`?");
        assert_eq!(meant("banana", &["weight", "link"], &[]), "; known: weight, link");
    }
}

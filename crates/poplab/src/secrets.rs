//! The secrets of the run that this process carries out. They become known when accounts are read, and nothing that is
//! recorded, told, printed or written afterwards has them, whoever says them.
//!
//! There is one set of them in the process: what is missed in one place cannot be had from another.

use std::sync::OnceLock;

use ::transcript::{Secrets, WORD_AT_MOST};

use crate::terminal;

/// A warning names so many users.
const MOST_NAMED: usize = 3;

/// The secrets known so far. What is added to them is known everywhere at once.
pub(crate) fn of_the_run() -> &'static Secrets {
    static OF_THE_RUN: OnceLock<Secrets> = OnceLock::new();
    OF_THE_RUN.get_or_init(Secrets::new)
}

/// Says of which users the password cannot be left out everywhere, or takes words of poplab's own with it: that must not
/// happen silently.
pub(crate) fn warn_of_weak<'a>(accounts: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for warning in warnings(accounts) {
        terminal::tell(&terminal::visible(&warning));
    }
}

fn warnings<'a>(accounts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let (mut short, mut ordinary) = (Vec::new(), Vec::new());
    for (user, password) in accounts {
        if password.len() <= WORD_AT_MOST {
            short.push(user);
        } else if is_ordinary(password) {
            ordinary.push(user);
        }
    }
    let short = (!short.is_empty()).then(|| {
        format!(
            "warning: {} so short that it is left out only where it is a word of its own, and not in base64",
            of(&short)
        )
    });
    let ordinary = (!ordinary.is_empty()).then(|| {
        format!(
            "warning: {} part of an ordinary word: where that word is in what the server says or what poplab saw, \
             reports show \u{2039}secret\u{203a} in its place",
            of(&ordinary)
        )
    });
    short.into_iter().chain(ordinary).collect()
}

/// `the password of `a` is`, `the passwords of `a`, `b` and 7 more are each`.
fn of(users: &[&str]) -> String {
    let named: Vec<String> = users.iter().take(MOST_NAMED).map(|user| format!("`{user}`")).collect();
    match users.len() {
        1 => format!("the password of {} is", named[0]),
        few if few <= MOST_NAMED => format!("the passwords of {} are each", named.join(", ")),
        many => format!("the passwords of {} and {} more are each", named.join(", "), many - MOST_NAMED),
    }
}

/// Whether it stands in the sentences of the catalogue, as many words of servers and of reports do.
fn is_ordinary(password: &str) -> bool {
    let alone = Secrets::new();
    alone.add(password);
    let told = |requirement: &suite::catalogue::Requirement| {
        [&requirement.sentence, &requirement.pass].iter().any(|text| alone.redact(text) != **text)
    };
    password.chars().all(char::is_alphanumeric) && suite::catalogue::catalogue().values().any(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_cannot_be_left_out_everywhere_are_told_once() {
        assert!(warnings([("ann", "correct horse"), ("bob", "hunter2!")]).is_empty());
        let told = warnings([("ann", "a"), ("bob", "password"), ("cy", "1"), ("di", "22"), ("ed", "333")]);
        assert_eq!(told.len(), 2);
        assert!(
            told[0].contains("the passwords of `ann`, `cy`, `di` and 1 more are each so short"),
            "{told:?}"
        );
        assert!(told[1].contains("the password of `bob` is part of an ordinary word"), "{told:?}");
        assert!(!told.concat().contains("333"));
    }
}

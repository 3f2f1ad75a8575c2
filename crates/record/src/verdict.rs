//! The words a requirement is judged and graded with. Deliberately without any rule for arriving at them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of one check. "Could not be carried out" is never a pass.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The requirement is kept.
    Pass,
    /// The requirement is broken.
    Fail,
    /// A recommendation (SHOULD) or a practice is not followed.
    Warn,
    /// Either way is right; this is what the server does.
    Info,
    /// The check could not be carried out to its end: too slow, a fixture arrived altered, service refused.
    #[default]
    Inconclusive,
    /// A need of the check is missing; `observed` names it.
    Skipped,
}

/// How strongly a requirement binds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A deviation fails.
    #[default]
    Must,
    /// A deviation is a warning.
    Should,
    /// Either way passes; which one is recorded.
    May,
    /// No RFC requires it, experience does.
    Practice,
}

/// What a user suffers from a deviation, worst first: the order of the variants is the order of reports.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Mail is lost, altered, or shown to be what it is not.
    DataLoss,
    /// Credentials or mail reach somebody they are not meant for.
    Security,
    /// Some clients cannot work with the server, or work wrongly.
    #[default]
    Interop,
    /// Against the letter, without a known consequence.
    Cosmetic,
}

/// A word that names no variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of {expected}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// The words that would have been understood.
    pub expected: String,
}

/// Gives an enum its list, its words, `Display` and `FromStr`; the words are those of the JSON form.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in files and reports.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|variant| variant.as_str() == word).ok_or_else(|| UnknownWord {
                    word: word.to_owned(),
                    expected: [$($word),+].join(", "),
                })
            }
        }
    };
}

words!(Verdict {
    Pass => "pass",
    Fail => "fail",
    Warn => "warn",
    Info => "info",
    Inconclusive => "inconclusive",
    Skipped => "skipped",
});

words!(Level { Must => "must", Should => "should", May => "may", Practice => "practice" });

words!(Severity {
    DataLoss => "data-loss",
    Security => "security",
    Interop => "interop",
    Cosmetic => "cosmetic",
});

impl Severity {
    /// One clause on what a user of the server suffers, for people who do not know the protocol.
    pub fn harm(self) -> &'static str {
        match self {
            Self::DataLoss => "users can lose mail, or receive it altered, without being told",
            Self::Security => "passwords, mail or the session can fall into other hands",
            Self::Interop => "some mail programs cannot fetch mail from this server, or do it wrongly",
            Self::Cosmetic => "nothing a user would notice; against the letter of the protocol",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_json_form_and_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_string(verdict).unwrap(), format!("\"{verdict}\""));
            assert_eq!(verdict.as_str().parse(), Ok(*verdict));
        }
        for level in Level::ALL {
            assert_eq!(serde_json::to_string(level).unwrap(), format!("\"{level}\""));
            assert_eq!(level.as_str().parse(), Ok(*level));
        }
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_string(severity).unwrap(), format!("\"{severity}\""));
            assert_eq!(severity.as_str().parse(), Ok(*severity));
        }
    }

    #[test]
    fn an_unknown_word_is_named_with_the_known_ones() {
        let error = "fatal".parse::<Severity>().unwrap_err();
        assert_eq!(error.to_string(), "\"fatal\" is not one of data-loss, security, interop, cosmetic");
    }

    #[test]
    fn losing_mail_is_the_worst() {
        assert_eq!(Severity::ALL.iter().min(), Some(&Severity::DataLoss));
        assert_eq!(Severity::ALL.iter().max(), Some(&Severity::Cosmetic));
    }
}

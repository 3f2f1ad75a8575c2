//! Patterns of names: a text with one number in it, `load{n}` or `load{n:05}`.
//!
//! A pattern that is none is taken as a plain name, so that nothing here can fail while sessions run; who reads
//! patterns from people asks [`problem_of`] first.

/// The widest number, in digits: all of a `u64`.
const WIDEST: usize = 20;

/// Why a text is no pattern of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternProblem {
    /// No number.
    #[error("a pattern of names has one {{n}} or {{n:05}} in it, as in load{{n:05}}")]
    NoNumber,
    /// More than one.
    #[error("a pattern of names has only one number in it")]
    TwoNumbers,
    /// In the braces stands something else.
    #[error("the braces of a pattern hold n, or n:0 and a width up to 20, as in {{n:05}}")]
    NotNumber,
}

/// What is wrong with a pattern, if anything is.
pub fn problem_of(pattern: &str) -> Option<PatternProblem> {
    Pattern::parse(pattern).err()
}

/// The name that a pattern makes of a number; the pattern itself if it has a problem.
pub fn expand(pattern: &str, number: u64) -> String {
    let mut name = Vec::with_capacity(pattern.len() + WIDEST);
    Pattern::of(pattern).write(number, &mut name);
    // Only ASCII digits were put into a text.
    String::from_utf8(name).unwrap_or_default()
}

/// A pattern in its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern<'a> {
    before: &'a str,
    /// At least so many digits; `None` if there is no number.
    width: Option<usize>,
    after: &'a str,
}

impl<'a> Pattern<'a> {
    /// The parts; a plain name if there is a problem.
    pub(super) fn of(text: &'a str) -> Pattern<'a> {
        Pattern::parse(text).unwrap_or(Pattern { before: text, width: None, after: "" })
    }

    fn parse(text: &'a str) -> Result<Pattern<'a>, PatternProblem> {
        let (before, rest) = text.split_once('{').ok_or(PatternProblem::NoNumber)?;
        let (inside, after) = rest.split_once('}').ok_or(PatternProblem::NotNumber)?;
        if after.contains('{') {
            return Err(PatternProblem::TwoNumbers);
        }
        let width = match inside.strip_prefix('n') {
            Some("") => 1,
            Some(form) => width(form).ok_or(PatternProblem::NotNumber)?,
            None => return Err(PatternProblem::NotNumber),
        };
        Ok(Pattern { before, width: Some(width), after })
    }

    /// Appends the name of a number.
    pub(super) fn write(self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        if let Some(width) = self.width {
            (digits(number)..width).for_each(|_| out.push(b'0'));
            push_decimal(number, out);
        }
        out.extend_from_slice(self.after.as_bytes());
    }

    /// How long the name of a number is.
    pub(super) fn octets(self, number: u64) -> usize {
        let digits = self.width.map_or(0, |width| digits(number).max(width));
        self.before.len() + digits + self.after.len()
    }

    /// The number whose name this is, octet for octet; 0 for a plain name.
    pub(super) fn number(self, name: &[u8]) -> Option<u64> {
        let rest = name.strip_prefix(self.before.as_bytes())?.strip_suffix(self.after.as_bytes())?;
        let Some(width) = self.width else { return rest.is_empty().then_some(0) };
        let padded = rest.len() > width && rest.first() == Some(&b'0');
        if rest.len() < width || padded || !rest.iter().all(u8::is_ascii_digit) {
            return None;
        }
        rest.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    /// Whether there is a number in it.
    pub(super) fn is_numbered(self) -> bool {
        self.width.is_some()
    }
}

/// The width in `:05`.
fn width(form: &str) -> Option<usize> {
    let digits = form.strip_prefix(":0")?;
    let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|width| plain && (1..=WIDEST).contains(width))
}

/// How many decimal digits a number has.
pub(super) fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |logarithm| logarithm as usize + 1)
}

/// Appends a number in decimal digits.
pub(super) fn push_decimal(number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits(number), b'0');
    let mut rest = number;
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (pattern, number, name) in [
            ("load{n:05}", 7, "load00007"),
            ("load{n:05}", 123_456, "load123456"),
            ("{n}@example.org", 0, "0@example.org"),
            ("u{n}", u64::MAX, "u18446744073709551615"),
            ("plain", 0, "plain"),
        ] {
            assert_eq!(expand(pattern, number), name);
            assert_eq!(Pattern::of(pattern).octets(number), name.len());
            assert_eq!(Pattern::of(pattern).number(name.as_bytes()), Some(number), "{name}");
        }
        for (pattern, name) in [
            ("load{n:05}", "load0007"),
            ("load{n:05}", "load000007"),
            ("load{n:05}", "load+0007"),
            ("load{n:05}", "Load00007"),
            ("load{n}", "load07"),
            ("load{n}", "load"),
            ("load{n}x", "load7"),
            ("u{n}", "u18446744073709551616"),
            ("ab{n}ba", "aba"),
            ("plain", "plain1"),
        ] {
            assert_eq!(Pattern::of(pattern).number(name.as_bytes()), None, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(problem_of("load{n:05}@example.org"), None);
        assert_eq!(problem_of("load{n}"), None);
        for (pattern, problem) in [
            ("load", PatternProblem::NoNumber),
            ("load{n}{n}", PatternProblem::TwoNumbers),
            ("load{i}", PatternProblem::NotNumber),
            ("load{n:5}", PatternProblem::NotNumber),
            ("load{n:0}", PatternProblem::NotNumber),
            ("load{n:0+5}", PatternProblem::NotNumber),
            ("load{n:021}", PatternProblem::NotNumber),
            ("load{n", PatternProblem::NotNumber),
        ] {
            assert_eq!(problem_of(pattern), Some(problem), "{pattern}");
        }
    }
}

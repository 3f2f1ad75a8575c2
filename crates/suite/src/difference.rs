//! How the text of a message that came differs from the one that was put in: by aligning lines, so that one line more does
//! not make all lines behind it wrong, and each difference is named for what it is.
//!
//! Which requirement a difference breaks is deliberately not here: a check asks for the kinds that it is about.

use crate::reply::{Reply, lines};

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It has more dots or fewer, mostly at its beginning, or ends the message by being a dot.
    Dots,
    /// It lost its eighth bits, or they were replaced.
    EighthBit,
    /// Blanks at its end are others.
    Blanks,
    /// A `>` was put before it.
    Quoted,
    /// It is another one.
    Altered,
    /// It did not come.
    Missing,
    /// The message ends before it.
    CutOff,
    /// It came and was not put in.
    Added,
    /// It is empty, came and was not put in.
    EmptyAdded,
    /// The same, behind the last line: what an mbox puts between messages.
    EmptyAtEnd,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Dots,
        Self::EighthBit,
        Self::Blanks,
        Self::Quoted,
        Self::Altered,
        Self::Missing,
        Self::CutOff,
        Self::Added,
        Self::EmptyAdded,
        Self::EmptyAtEnd,
    ];

    /// What is said of so many lines.
    fn told(self, count: usize) -> String {
        let lines = if count == 1 { "line" } else { "lines" };
        match self {
            Self::Dots => format!("{count} {lines} with other dots"),
            Self::EighthBit => format!("{count} {lines} with other eight-bit characters"),
            Self::Blanks => format!("{count} {lines} with other blanks at the end"),
            Self::Quoted => format!("{count} {lines} with a `>` put before"),
            Self::Altered => format!("{count} {lines} altered"),
            Self::Missing => format!("{count} {lines} missing in between"),
            Self::CutOff => format!("{count} {lines} missing at the end"),
            Self::Added => format!("{count} {lines} more"),
            Self::EmptyAdded => format!("{count} empty {lines} more in between"),
            Self::EmptyAtEnd => format!("{count} empty {lines} more at the end"),
        }
    }
}

/// One line that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Odd<'a> {
    kind: Kind,
    /// Its place in what came, from 0.
    place: usize,
    wanted: Option<&'a [u8]>,
    came: Option<&'a [u8]>,
}

/// The differences between two texts.
#[derive(Debug)]
pub(crate) struct Differences<'a> {
    odd: Vec<Odd<'a>>,
    wanted: usize,
    came: usize,
}

/// What is put between messages where they are kept in one file.
pub(crate) const BETWEEN_MESSAGES: &[Kind] = &[Kind::EmptyAtEnd];
/// Empty lines that came and were not put in, wherever.
pub(crate) const EMPTY_LINES: &[Kind] = &[Kind::EmptyAdded, Kind::EmptyAtEnd];
/// So many lines are looked ahead for the next ones that agree.
const WINDOW: usize = 400;
/// No more differences are told apart than this: behind them all is lost anyway.
const AT_MOST: usize = 5_000;

impl<'a> Differences<'a> {
    /// Between the text that was put in and the one that came.
    pub(crate) fn between(expected: &'a [u8], received: &'a [u8]) -> Self {
        let (wanted, came) = (lines(expected), lines(received));
        let mut odd = if expected == received { Vec::new() } else { aligned(&wanted, &came) };
        if odd.is_empty() && expected != received {
            // The lines agree, the end of the last one does not.
            let place = came.len().saturating_sub(1);
            odd.push(Odd {
                kind: Kind::Altered,
                place,
                wanted: wanted.last().copied(),
                came: came.last().copied(),
            });
        }
        Self { odd, wanted: wanted.len(), came: came.len() }
    }

    /// Whether there are none.
    pub(crate) fn none(&self) -> bool {
        self.odd.is_empty()
    }

    /// Whether there are others than what may stand between messages where they are kept in one file: that is no part of
    /// the message, and nothing of it is lost.
    pub(crate) fn matter(&self) -> bool {
        !self.none() && !self.only(BETWEEN_MESSAGES)
    }

    /// Whether there is one of these.
    pub(crate) fn any_of(&self, kinds: &[Kind]) -> bool {
        self.odd.iter().any(|odd| kinds.contains(&odd.kind))
    }

    /// Whether there are some, all of them of these.
    pub(crate) fn only(&self, kinds: &[Kind]) -> bool {
        !self.none() && self.odd.iter().all(|odd| kinds.contains(&odd.kind))
    }

    /// The place, among the lines that came, of the first one that is not of these kinds; 0 if there is none.
    pub(crate) fn first_but(&self, kinds: &[Kind]) -> usize {
        self.odd.iter().find(|odd| !kinds.contains(&odd.kind)).map_or(0, |odd| odd.place)
    }

    /// In words: the first of the worst kind as it is, and how many there are of each.
    pub(crate) fn told(&self, reply: &Reply) -> String {
        let counts = format!("{} lines came, the fixture has {}", self.came, self.wanted);
        let Some(worst) = self.odd.iter().map(|odd| odd.kind).min() else { return counts };
        let shown = |line: Option<&[u8]>| line.map_or_else(|| "missing".to_owned(), |line| reply.quote(line));
        let first = self.odd.iter().find(|odd| odd.kind == worst).map_or_else(String::new, |odd| {
            let place = odd.place + 1;
            match odd.wanted {
                None => format!("body line {place}, {}, was not in it", shown(odd.came)),
                Some(_) => {
                    format!("body line {place} is {} instead of {}", shown(odd.came), shown(odd.wanted))
                }
            }
        });
        let mut kinds: Vec<Kind> = self.odd.iter().map(|odd| odd.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let of = |kind: &Kind| kind.told(self.odd.iter().filter(|odd| odd.kind == *kind).count());
        format!("{counts}; {first} ({})", kinds.iter().map(of).collect::<Vec<_>>().join(", "))
    }
}

/// The lines that differ.
fn aligned<'a>(wanted: &[&'a [u8]], came: &[&'a [u8]]) -> Vec<Odd<'a>> {
    let (mut odd, mut at, mut place) = (Vec::new(), 0, 0);
    let mut window = WINDOW;
    while at < wanted.len() || place < came.len() {
        if at < wanted.len() && wanted.get(at) == came.get(place) {
            (at, place) = (at + 1, place + 1);
            continue;
        }
        if odd.len() >= AT_MOST {
            break;
        }
        let (skipped, surplus) = resumed(&wanted[at..], &came[place..], window).unwrap_or_else(|| {
            // A text of which nothing is right is not worth looking far ahead at each line.
            window = (window / 4).max(4);
            // Pair by pair as far as it goes.
            let both = at < wanted.len() && place < came.len();
            if both { (1, 1) } else { (wanted.len() - at, came.len() - place) }
        });
        let (left, more) = (&wanted[at..at + skipped], &came[place..place + surplus]);
        let over = at + skipped == wanted.len() && place + surplus == came.len();
        let begins = place;
        for index in 0..skipped.max(surplus) {
            let (line, other) = (left.get(index).copied(), more.get(index).copied());
            if line == other {
                continue;
            }
            let kind = kind(line, other, over);
            odd.push(Odd { kind, place: begins + index.min(surplus), wanted: line, came: other });
        }
        (at, place) = (at + skipped, place + surplus);
    }
    ends_at_dot(&mut odd, came.last().copied());
    odd
}

/// How many lines of each side to leave behind until both agree again: the fewest, and two agreeing lines rather than one
/// that may be chance.
fn resumed(wanted: &[&[u8]], came: &[&[u8]], window: usize) -> Option<(usize, usize)> {
    let agree = |skipped: usize, surplus: usize| match (wanted.get(skipped), came.get(surplus)) {
        (Some(line), Some(other)) if line == other => {
            let (next, after) = (wanted.get(skipped + 1), came.get(surplus + 1));
            next == after || (!line.is_empty() && next.is_some() && after.is_some_and(|line| line.is_empty()))
        }
        (None, None) => true,
        _ => false,
    };
    for distance in 1..window.min(wanted.len() + came.len() + 1) {
        // First pairs, which are lines that were altered; then what is missing or more.
        if distance % 2 == 0 && agree(distance / 2, distance / 2) {
            return Some((distance / 2, distance / 2));
        }
        for skipped in 0..=distance.min(wanted.len()) {
            let surplus = distance - skipped;
            if surplus <= came.len() && agree(skipped, surplus) {
                return Some((skipped, surplus));
            }
        }
    }
    None
}

fn kind(wanted: Option<&[u8]>, came: Option<&[u8]>, over: bool) -> Kind {
    match (wanted, came) {
        (None, Some(line)) if !line.is_empty() => Kind::Added,
        (None, _) if over => Kind::EmptyAtEnd,
        (None, _) => Kind::EmptyAdded,
        (Some(_), None) if over => Kind::CutOff,
        (Some(_), None) => Kind::Missing,
        (Some(wanted), Some(came)) => altered(wanted, came),
    }
}

fn altered(wanted: &[u8], came: &[u8]) -> Kind {
    let undotted = |line: &[u8]| line.iter().position(|octet| *octet != b'.').unwrap_or(line.len());
    let (dots, others) = (undotted(wanted), undotted(came));
    if dots != others && wanted[dots..] == came[others..] {
        return Kind::Dots;
    }
    if came.strip_prefix(b">").is_some_and(|rest| rest == wanted) {
        return Kind::Quoted;
    }
    // Put in or taken away anywhere: where a buffer ended, a line may have been taken to begin.
    let text = |line: &[u8]| line.iter().copied().filter(|octet| *octet != b'.').collect::<Vec<u8>>();
    if wanted.len() != came.len() && text(wanted) == text(came) {
        return Kind::Dots;
    }
    if wanted.trim_ascii_end() == came.trim_ascii_end() {
        return Kind::Blanks;
    }
    let ascii = |line: &[u8]| line.iter().copied().filter(u8::is_ascii).collect::<Vec<u8>>();
    let seven = |line: &[u8]| line.iter().map(|octet| octet & 0x7f).collect::<Vec<u8>>();
    let replaced = |line: &[u8]| ascii(line).into_iter().filter(|octet| *octet != b'?').collect::<Vec<u8>>();
    if !wanted.is_ascii() && (seven(wanted) == came || replaced(wanted) == replaced(came)) {
        return Kind::EighthBit;
    }
    Kind::Altered
}

/// A text that ends where a line of it is a dot, or begins with one, ends for that dot.
fn ends_at_dot(odd: &mut [Odd<'_>], last: Option<&[u8]>) {
    let first = odd.iter_mut().find(|odd| odd.kind == Kind::CutOff);
    if let Some(cut) = first
        && cut.wanted.is_some_and(|line| line.starts_with(b"."))
        && (last.is_none_or(|line| line != b".") || cut.wanted == Some(b"."))
    {
        cut.kind = Kind::Dots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(expected: &[u8], received: &[u8]) -> Vec<Kind> {
        Differences::between(expected, received).odd.iter().map(|odd| odd.kind).collect()
    }

    #[test]
    fn a_difference_is_named_for_what_it_is() {
        let text = b"one\r\n.two\r\n\r\n..\r\nthree\r\n";
        assert!(kinds(text, text).is_empty());
        assert_eq!(kinds(text, b"one\r\n.two\r\n\r\n..\r\nthree\r\n\r\n"), [Kind::EmptyAtEnd]);
        assert_eq!(kinds(text, b"one\r\n.two\r\n\r\n\r\n..\r\nthree\r\n"), [Kind::EmptyAdded]);
        assert_eq!(kinds(text, b"one\r\ntwo\r\n\r\n.\r\nthree\r\n"), [Kind::Dots, Kind::Dots]);
        assert_eq!(kinds(text, b"one\r\n..two\r\n\r\n..\r\nthree\r\n"), [Kind::Dots]);
        assert_eq!(kinds(text, b"one\r\n\r\n..\r\nthree\r\n"), [Kind::Missing]);
        assert_eq!(kinds(text, b"one\r\n.two\r\n\r\n"), [Kind::Dots, Kind::CutOff]);
        assert_eq!(kinds(text, b"one\r\n.two\r\n"), [Kind::CutOff, Kind::CutOff, Kind::CutOff]);
        assert_eq!(kinds(text, b"one\r\n.two\r\n\r\n..\r\n>three\r\n"), [Kind::Quoted]);
        assert_eq!(kinds(text, b"one\r\n.two\r\n\r\n..\r\nthree \r\n"), [Kind::Blanks]);
        assert_eq!(kinds(text, b"zero\r\none\r\n.two\r\n\r\n..\r\nthree\r\n"), [Kind::Added]);
        assert_eq!(kinds("naïve\r\nx\r\n".as_bytes(), b"na??ve\r\nx\r\n"), [Kind::EighthBit]);
        assert_eq!(kinds(b"x\r\n.\r\n.\r\ny\r\n", b"x\r\n.\r\n"), [Kind::Dots, Kind::CutOff]);
        assert_eq!(kinds(b"x......\r\ny\r\n", b"x.......\r\ny\r\n"), [Kind::Dots]);
        assert_eq!(kinds(b"last", b"last\r\n"), [Kind::Altered]);
    }

    #[test]
    fn doubled_empty_lines_are_no_matter_of_dots() {
        let text = b"a\r\n\r\n.b\r\n\r\n..c\r\nd\r\n";
        let doubled = b"a\r\n\r\n\r\n.b\r\n\r\n\r\n..c\r\nd\r\n";
        assert_eq!(kinds(text, doubled), [Kind::EmptyAdded, Kind::EmptyAdded]);
    }
}

//! How a reply leaves, where it does not simply leave: interruptions at its octets.
//!
//! A reply with interruptions is made as a whole before it leaves, since places such as "before the last line" must be
//! known, and is held as long as it is not read; all others stream. What interrupts is deliberately not here.

use std::collections::VecDeque;
use std::time::Duration;

use machine::Next;

use super::Reply;

/// Something that happens in the middle of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interruption {
    pub(crate) place: Place,
    pub(crate) event: Event,
}

/// Where in a reply.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind so many octets, status line included.
    Octet(u64),
    /// Behind so many octets of what follows the status line.
    ContentOctet(u64),
    /// Before the line that ends the content; behind the status line where there is none.
    BeforeTerminator,
    /// Behind everything.
    After,
}

/// What happens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The driver is told this, once; the rest of the reply follows, unless it is an ending.
    Say(Next),
    /// These octets are sent.
    Inject(Vec<u8>),
    /// From here on so many octets at a time, and this between them.
    Pieces(u64, Next),
    /// From here on segments of so many octets each.
    Segments(Vec<u64>),
}

/// A reply that is interrupted, on its way out.
pub(super) struct Delivery {
    octets: Vec<u8>,
    /// In the order of the octets behind which they come.
    stops: VecDeque<(usize, Next)>,
    /// Stops that come again and again. A stop for each octet of a message would be many times the message.
    paces: Vec<Pace>,
    sent: usize,
}

/// A stop that comes again behind every so many octets.
struct Pace {
    /// Where it comes next: before the last octet, or it is over.
    at: usize,
    every: usize,
    next: Next,
}

impl Delivery {
    /// All octets of a reply and where it is interrupted.
    pub(super) fn of(reply: Reply) -> Delivery {
        let mut octets = reply.line();
        let line = octets.len();
        let interruptions = reply.interruptions;
        if let Some(content) = reply.content {
            octets.append(&mut content.on_the_wire());
        }
        let terminator = if octets.len() > line { octets.len().saturating_sub(3).max(line) } else { line };
        let at = |place: Place| match place {
            Place::Octet(octet) => bounded(octet, octets.len()),
            Place::ContentOctet(octet) => bounded(octet.saturating_add(line as u64), octets.len()),
            Place::BeforeTerminator => terminator,
            Place::After => octets.len(),
        };
        let mut events: Vec<(usize, Event)> =
            interruptions.into_iter().map(|one| (at(one.place), one.event)).collect();
        events.sort_by_key(|(at, _)| *at);
        let mut delivery =
            Delivery { octets: Vec::new(), stops: VecDeque::new(), paces: Vec::new(), sent: 0 };
        let mut taken = 0;
        let mut segments = Vec::new();
        for (at, event) in events {
            delivery.octets.extend_from_slice(octets.get(taken..at).unwrap_or_default());
            taken = at;
            let here = delivery.octets.len();
            match event {
                Event::Say(next) => delivery.stops.push_back((here, next)),
                Event::Inject(more) => delivery.octets.extend_from_slice(&more),
                Event::Pieces(octets, next) => {
                    let every = usize::try_from(octets.max(1)).unwrap_or(usize::MAX);
                    delivery.paces.push(Pace { at: here.saturating_add(every), every, next });
                }
                Event::Segments(sizes) => segments.push((here, sizes)),
            }
        }
        delivery.octets.extend_from_slice(octets.get(taken..).unwrap_or_default());
        for (from, sizes) in segments {
            delivery.cut(from, &sizes);
        }
        delivery.stops.make_contiguous().sort_by_key(|(at, _)| *at);
        delivery.end_paces();
        delivery
    }

    /// A segment ends behind each of these sizes, counted on from an octet.
    fn cut(&mut self, from: usize, sizes: &[u64]) {
        let mut at = from;
        for &size in sizes {
            at = at.saturating_add(usize::try_from(size.max(1)).unwrap_or(usize::MAX));
            if at >= self.octets.len() {
                return;
            }
            self.stops.push_back((at, Next::Flush));
        }
    }

    /// Behind the last octet there is nothing to cut off.
    fn end_paces(&mut self) {
        let end = self.octets.len();
        self.paces.retain(|pace| pace.at < end);
    }

    /// What the driver is told now; `None` if there are octets to send, or nothing at all.
    pub(super) fn stop(&mut self) -> Option<Next> {
        if self.until() > self.sent {
            return None;
        }
        if let Some((_, next)) = self.stops.front().copied().filter(|(at, _)| *at <= self.sent) {
            if !next.is_ending() {
                self.stops.pop_front();
            }
            return Some(next);
        }
        let sent = self.sent;
        let pace = self.paces.iter_mut().find(|pace| pace.at <= sent)?;
        pace.at = pace.at.saturating_add(pace.every);
        let next = pace.next;
        self.end_paces();
        Some(next)
    }

    /// Whether everything is sent and said.
    pub(super) fn is_over(&self) -> bool {
        self.sent == self.octets.len() && self.stops.is_empty()
    }

    /// Whether there are octets that may be sent now.
    pub(super) fn is_ready(&self) -> bool {
        self.sent < self.until()
    }

    /// Appends octets up to the next stop, at most so many.
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        let end = self.until().min(self.sent.saturating_add(at_most));
        out.extend_from_slice(self.octets.get(self.sent..end).unwrap_or_default());
        self.sent = end.max(self.sent);
    }

    fn until(&self) -> usize {
        let stop = self.stops.front().map_or(self.octets.len(), |(at, _)| *at);
        self.paces.iter().map(|pace| pace.at).fold(stop, usize::min)
    }
}

/// Waits of no time are flushes.
pub(crate) fn wait(time: Duration) -> Next {
    if time.is_zero() { Next::Flush } else { Next::Wait(time) }
}

fn bounded(octet: u64, length: usize) -> usize {
    usize::try_from(octet).unwrap_or(length).min(length)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use machine::Next;

    use super::super::{Content, Reply};
    use super::{Delivery, Event, Interruption, Place};

    /// The octets and the stops of a reply, one after the other.
    fn told(interruptions: Vec<Interruption>) -> Vec<String> {
        let lines = Content::lines(["1 a", "2 b"].map(|line| line.as_bytes().to_vec()));
        let mut reply = Reply::ok("two").with(lines);
        reply.interruptions = interruptions;
        let (mut delivery, mut told) = (Delivery::of(reply), Vec::new());
        while !delivery.is_over() {
            if let Some(next) = delivery.stop() {
                told.push(format!("{next:?}"));
                if next.is_ending() {
                    break;
                }
                continue;
            }
            let mut out = Vec::new();
            delivery.transmit(&mut out, 100);
            assert!(!out.is_empty());
            told.push(out.escape_ascii().to_string());
        }
        told
    }

    fn one(place: Place, event: Event) -> Vec<Interruption> {
        vec![Interruption { place, event }]
    }

    #[test]
    fn interruptions_come_where_they_belong() {
        assert_eq!(told(one(Place::Octet(0), Event::Say(Next::Reset))), ["Reset"]);
        assert_eq!(told(one(Place::Octet(3), Event::Say(Next::Close))), ["+OK", "Close"]);
        assert_eq!(
            told(one(Place::ContentOctet(2), Event::Say(Next::Wait(Duration::from_secs(1))))),
            ["+OK two\\r\\n1 ", "Wait(1s)", "a\\r\\n2 b\\r\\n.\\r\\n"]
        );
        assert_eq!(
            told(one(Place::BeforeTerminator, Event::Say(Next::Stall))),
            ["+OK two\\r\\n1 a\\r\\n2 b\\r\\n", "Stall"]
        );
        assert_eq!(
            told(one(Place::BeforeTerminator, Event::Inject(b"x\r\n".to_vec()))),
            ["+OK two\\r\\n1 a\\r\\n2 b\\r\\nx\\r\\n.\\r\\n"]
        );
        assert_eq!(told(one(Place::After, Event::Say(Next::HalfClose))).last().unwrap(), "HalfClose");
        assert_eq!(told(one(Place::Octet(9999), Event::Say(Next::Close))).last().unwrap(), "Close");
        assert_eq!(
            told(one(Place::Octet(0), Event::Segments(vec![1, 18]))),
            ["+", "Flush", "OK two\\r\\n1 a\\r\\n2 b\\r\\n", "Flush", ".\\r\\n"]
        );
        assert_eq!(
            told(one(Place::ContentOctet(8), Event::Pieces(2, Next::Flush))),
            ["+OK two\\r\\n1 a\\r\\n2 b\\r\\n", "Flush", ".\\r", "Flush", "\\n"]
        );
    }
}

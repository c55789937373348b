//! Request bodies that are encoded once and get fresh ids and times for each sending, by patching bytes at offsets
//! that were found when they were made. A second delivery or an old time would measure something else.
//! Knows nothing of spans beyond their ids and times.

use model::Nanos;

/// Begins every placeholder. No text of the traffic holds it, and `Body::new` counts what it finds.
const MAGIC: [u8; 3] = [0xc5, 0x3a, 0x91];
const TRACE: u8 = 1;
const SPAN: u8 = 2;
const BEFORE: u8 = 3;
const WORD_BYTES: usize = 8;

/// What stands in an encoded body where something fresh will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The id of this trace of the request.
    Trace(u32),
    /// The id of this span of the request.
    Span(u32),
    /// The time of sending, less this.
    Before { us: u32 },
}

#[derive(Debug, Clone, Copy)]
struct Patch {
    offset: usize,
    placeholder: Placeholder,
}

/// An encoded request with its places to stamp.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    traces: usize,
    pub(crate) spans: usize,
}

/// Gives out ids; two stampers with different lanes never give the same.
#[derive(Debug)]
pub(crate) struct Stamper {
    next: u64,
}

impl Placeholder {
    /// For span ids and, read as little endian, times.
    pub(crate) fn word(self) -> [u8; WORD_BYTES] {
        let (kind, value) = match self {
            Self::Trace(at) => (TRACE, at),
            Self::Span(at) => (SPAN, at),
            Self::Before { us } => (BEFORE, us),
        };
        let v = value.to_le_bytes();
        [MAGIC[0], MAGIC[1], MAGIC[2], kind, v[0], v[1], v[2], v[3]]
    }

    /// A trace id is two words long; the second is free.
    pub(crate) fn trace_id(self) -> [u8; 2 * WORD_BYTES] {
        let mut id = [0; 2 * WORD_BYTES];
        id[..WORD_BYTES].copy_from_slice(&self.word());
        id
    }

    fn read(word: &[u8]) -> Option<Self> {
        let value = u32::from_le_bytes([*word.get(4)?, *word.get(5)?, *word.get(6)?, *word.get(7)?]);
        match *word.get(3)? {
            TRACE => Some(Self::Trace(value)),
            SPAN => Some(Self::Span(value)),
            BEFORE => Some(Self::Before { us: value }),
            _ => None,
        }
    }
}

impl Body {
    pub(crate) fn new(bytes: Vec<u8>, traces: usize, spans: usize) -> Self {
        let mut patches = Vec::new();
        let mut offset = 0;
        while offset + WORD_BYTES <= bytes.len() {
            let found =
                bytes[offset..].starts_with(&MAGIC).then(|| Placeholder::read(&bytes[offset..])).flatten();
            if let Some(placeholder) = found {
                patches.push(Patch { offset, placeholder });
                offset += WORD_BYTES;
            } else {
                offset += 1;
            }
        }
        let traces_found = patches.iter().filter(|patch| matches!(patch.placeholder, Placeholder::Trace(_)));
        assert_eq!(traces_found.count(), spans, "each span has one trace id, and no text looks like one");
        Self { bytes, patches, traces, spans }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// A copy with fresh ids, as if its traces had just ended.
    pub(crate) fn stamped(&self, stamper: &mut Stamper, now: Nanos) -> Vec<u8> {
        let first = stamper.take(self.traces.max(self.spans) as u64);
        let mut bytes = self.bytes.clone();
        for Patch { offset, placeholder } in &self.patches {
            let word = match placeholder {
                Placeholder::Trace(at) => {
                    let low = mixed(!(first + u64::from(*at))).to_le_bytes();
                    bytes[offset + WORD_BYTES..offset + 2 * WORD_BYTES].copy_from_slice(&low);
                    mixed(first + u64::from(*at)).to_le_bytes()
                }
                Placeholder::Span(at) => mixed(first + u64::from(*at)).to_le_bytes(),
                Placeholder::Before { us } => now.saturating_sub(u64::from(*us) * 1_000).0.to_le_bytes(),
            };
            bytes[*offset..offset + WORD_BYTES].copy_from_slice(&word);
        }
        bytes
    }
}

impl Stamper {
    pub(crate) fn new(lane: u16) -> Self {
        Self { next: (u64::from(lane) + 1) << 40 }
    }

    /// The id of a trace that no stamper gives.
    pub(crate) fn absent(number: u64) -> [u8; 16] {
        let id = u128::from(mixed(number)) << 64 | u128::from(mixed(!number));
        id.to_le_bytes()
    }

    fn take(&mut self, count: u64) -> u64 {
        let first = self.next;
        self.next += count;
        first
    }
}

/// One to one, and zero only for zero: different numbers stay different ids that look random.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::traffic;

    #[test]
    fn every_sending_is_read_without_rejects_and_no_span_comes_twice() {
        let bodies = traffic::bodies(100);
        let limits = intake::Limits::default();
        let now = Nanos::from_secs(1_800_000_000);
        let context = intake::Context { received: now, limits: &limits, user_salt: &[7; 16] };
        let mut seen = BTreeSet::new();
        for lane in 0..3 {
            let mut stamper = Stamper::new(lane);
            for body in bodies.iter().chain(&bodies) {
                let bytes = body.stamped(&mut stamper, now);
                let batch = intake::otlp::traces_from_protobuf(&bytes, &context).unwrap();
                assert_eq!((batch.events.len(), batch.rejected.len()), (100, 0));
                assert!(batch.warnings.is_empty(), "{:?}", batch.warnings);
                assert_eq!(batch.trace_ids().len(), 10);
                assert!(batch.events.iter().all(|event| now.since(event.end) < model::SECOND_NS));
                assert!(batch.events.iter().all(|event| seen.insert((event.trace, event.span))));
            }
        }
    }

    #[test]
    fn parents_are_spans_of_the_same_trace() {
        let body = &traffic::bodies(10)[0];
        let now = Nanos::from_secs(1_800_000_000);
        let limits = intake::Limits::default();
        let context = intake::Context { received: now, limits: &limits, user_salt: &[7; 16] };
        let bytes = body.stamped(&mut Stamper::new(0), now);
        let events = intake::otlp::traces_from_protobuf(&bytes, &context).unwrap().events;
        let spans: BTreeSet<_> = events.iter().map(|event| event.span).collect();
        let parents: Vec<_> = events.iter().filter_map(|event| event.parent).collect();
        assert_eq!(parents.len(), traffic::SPANS_PER_TRACE - 1);
        assert!(parents.iter().all(|parent| spans.contains(parent)));
    }
}

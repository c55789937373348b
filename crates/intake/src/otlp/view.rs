//! One span and one resource as a decoder found them, borrowed from the body. Both decoders fill these views and
//! the one mapping reads them; nothing here knows which encoding they came from.

use std::borrow::Cow;

use super::semconv::Attr;

/// A scalar attribute value. Arrays, maps and bytes are never kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Value<'_> {
    /// The value as text; `None` where it is blank or not a finite number.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()).map(Cow::Borrowed),
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Double(number) if number.is_finite() => Some(Cow::Owned(number.to_string())),
            Self::Double(_) => None,
            Self::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        }
    }
}

/// The kept attributes of one span or resource: one slot for each, and a bit for each slot in use.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    slots: [Option<Value<'a>>; Attr::ALL.len()],
    used: u128,
    /// Attributes seen, kept or not.
    pub(crate) seen: usize,
    /// Those that are not mapped to fields, where they are wanted.
    pub(crate) further: Option<Vec<(Cow<'a, str>, Value<'a>)>>,
}

const _: () = assert!(Attr::ALL.len() <= 128, "one bit for each slot");

impl<'a> Facts<'a> {
    pub(crate) fn new() -> Self {
        Self { slots: [const { None }; Attr::ALL.len()], used: 0, seen: 0, further: None }
    }

    /// Keeps attributes that are not mapped to fields as well.
    pub(crate) fn with_further(mut self, wanted: bool) -> Self {
        self.further = wanted.then(Vec::new);
        self
    }

    pub(crate) fn clear(&mut self) {
        while self.used != 0 {
            self.slots[self.used.trailing_zeros() as usize] = None;
            self.used &= self.used - 1;
        }
        self.seen = 0;
        if let Some(further) = &mut self.further {
            further.clear();
        }
    }

    /// Whether the value under a key is worth reading.
    pub(crate) fn wants(&self, key: &[u8]) -> bool {
        self.further.is_some() || Attr::named(key).is_some()
    }

    /// A later value of the same attribute replaces the earlier one.
    pub(crate) fn set(&mut self, attr: Attr, value: Value<'a>) {
        self.slots[attr as usize] = Some(value);
        self.used |= 1 << attr as u32;
    }

    pub(crate) fn get(&self, attr: Attr) -> Option<&Value<'a>> {
        self.slots[attr as usize].as_ref()
    }

    pub(crate) fn text(&self, attr: Attr) -> Option<Cow<'_, str>> {
        self.get(attr)?.text()
    }

    /// The first of these attributes that has a text.
    pub(crate) fn first(&self, attrs: &[Attr]) -> Option<Cow<'_, str>> {
        attrs.iter().find_map(|attr| self.text(*attr))
    }

    /// The value as an integer; numbers in text count.
    pub(crate) fn int(&self, attr: Attr) -> Option<i64> {
        match self.get(attr)? {
            Value::Int(number) => Some(*number),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(*number as i64),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Double(_) | Value::Bool(_) => None,
        }
    }

    pub(crate) fn is_true(&self, attr: Attr) -> bool {
        match self.get(attr) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Text(text)) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}

/// An id of `N` bytes as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RawId<const N: usize> {
    #[default]
    Absent,
    Bytes([u8; N]),
    WrongLength(usize),
    NotHex,
}

impl<const N: usize> RawId<N> {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        match <[u8; N]>::try_from(bytes) {
            Ok(id) => Self::Bytes(id),
            Err(_) if bytes.is_empty() => Self::Absent,
            Err(_) => Self::WrongLength(bytes.len()),
        }
    }

    pub(crate) fn from_hex(text: &str) -> Self {
        let digit = |byte: u8| (byte as char).to_digit(16).map(|d| d as u8);
        let text = text.as_bytes();
        if text.len() % 2 == 1 || text.iter().any(|byte| digit(*byte).is_none()) {
            return Self::NotHex;
        }
        if text.len() != 2 * N {
            return if text.is_empty() { Self::Absent } else { Self::WrongLength(text.len() / 2) };
        }
        let mut id = [0; N];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0]).unwrap_or(0) << 4 | digit(pair[1]).unwrap_or(0);
        }
        Self::Bytes(id)
    }
}

/// What the last `exception` event of a span says.
#[derive(Debug, Default)]
pub(crate) struct Exception<'a> {
    pub(crate) kind: Option<Value<'a>>,
    pub(crate) message: Option<Value<'a>>,
}

#[derive(Debug)]
pub(crate) struct SpanView<'a> {
    pub(crate) trace: RawId<16>,
    pub(crate) span: RawId<8>,
    pub(crate) parent: RawId<8>,
    pub(crate) name: Cow<'a, str>,
    /// The number of `SpanKind`.
    pub(crate) kind: i32,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    /// The number of `StatusCode`.
    pub(crate) status: i32,
    pub(crate) status_message: Cow<'a, str>,
    pub(crate) facts: Facts<'a>,
    /// W3C trace state; read where further attributes are wanted.
    pub(crate) trace_state: Cow<'a, str>,
    pub(crate) exception: Exception<'a>,
    /// Kept texts that were not UTF-8.
    pub(crate) texts_not_utf8: u64,
}

impl<'a> SpanView<'a> {
    pub(crate) fn new(facts: Facts<'a>) -> Self {
        Self {
            trace_state: Cow::Borrowed(""),
            trace: RawId::Absent,
            span: RawId::Absent,
            parent: RawId::Absent,
            name: Cow::Borrowed(""),
            kind: 0,
            start_ns: 0,
            end_ns: 0,
            status: 0,
            status_message: Cow::Borrowed(""),
            facts,
            exception: Exception::default(),
            texts_not_utf8: 0,
        }
    }

    /// Empties the view for the next span without touching the slots that are empty already.
    pub(crate) fn clear(&mut self) {
        self.facts.clear();
        (self.trace, self.span, self.parent) = (RawId::Absent, RawId::Absent, RawId::Absent);
        (self.name, self.status_message) = (Cow::Borrowed(""), Cow::Borrowed(""));
        self.trace_state = Cow::Borrowed("");
        (self.kind, self.status) = (0, 0);
        (self.start_ns, self.end_ns) = (0, 0);
        self.exception = Exception::default();
        self.texts_not_utf8 = 0;
    }
}

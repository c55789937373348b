//! An `ExportTraceServiceRequest` in protobuf, straight from the bytes to the mapping, one span at a time.
//! Knows the field numbers of OTLP 1.x; values of attributes that nobody keeps are stepped over.

use std::borrow::Cow;

use super::mapping::Mapper;
use super::semconv::Attr;
use super::view::{Exception, Facts, RawId, SpanView, Value};
use super::wire::{Malformed, Reader};

type Result<T> = std::result::Result<T, Malformed>;

/// Texts stay bytes until it is known that they are kept.
enum RawValue<'a> {
    Text(&'a [u8]),
    Scalar(Value<'a>),
    /// An array, a map or bytes.
    Other,
}

pub(super) fn decode(body: &[u8], mapper: &mut Mapper<'_>) -> Result<()> {
    let mut request = Reader::new(body);
    let mut view = SpanView::new();
    while let Some(field) = request.next()? {
        match field.number {
            1 => resource_spans(&request.message(field)?, &mut view, mapper)?,
            _ => request.skip(field)?,
        }
    }
    Ok(())
}

fn resource_spans<'a>(block: &Reader<'a>, view: &mut SpanView<'a>, mapper: &mut Mapper<'_>) -> Result<()> {
    // A resource may legally stand behind its spans, so it has a pass of its own; the spans are stepped over.
    let mut facts = Facts::new();
    let mut texts_not_utf8 = 0;
    let mut pass = block.clone();
    while let Some(field) = pass.next()? {
        match field.number {
            1 => resource(pass.message(field)?, &mut facts, &mut texts_not_utf8, mapper)?,
            _ => pass.skip(field)?,
        }
    }
    let resource = mapper.resource(&facts, texts_not_utf8)?;
    each_span(block.clone(), &[2, 2], &mut |reader| {
        span(reader, view, mapper)?;
        mapper.span(&resource, view)
    })
}

fn resource<'a>(
    mut reader: Reader<'a>,
    facts: &mut Facts<'a>,
    bad: &mut u64,
    mapper: &Mapper<'_>,
) -> Result<()> {
    while let Some(field) = reader.next()? {
        match field.number {
            1 => attribute(reader.message(field)?, facts, bad, mapper.attributes_max())?,
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

fn span<'a>(mut reader: Reader<'a>, view: &mut SpanView<'a>, mapper: &Mapper<'_>) -> Result<()> {
    view.clear();
    let attributes_max = mapper.attributes_max();
    while let Some(field) = reader.next()? {
        match field.number {
            1 => view.trace = RawId::from_bytes(reader.bytes(field)?),
            2 => view.span = RawId::from_bytes(reader.bytes(field)?),
            4 => view.parent = RawId::from_bytes(reader.bytes(field)?),
            5 => view.name = text(reader.bytes(field)?, &mut view.texts_not_utf8),
            6 => view.kind = reader.varint(field)? as i32,
            7 => view.start_ns = reader.fixed64(field)?,
            8 => view.end_ns = reader.fixed64(field)?,
            9 => {
                attribute(reader.message(field)?, &mut view.facts, &mut view.texts_not_utf8, attributes_max)?;
            }
            11 => event(reader.message(field)?, view)?,
            15 => status(reader.message(field)?, view)?,
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

fn status<'a>(mut reader: Reader<'a>, view: &mut SpanView<'a>) -> Result<()> {
    while let Some(field) = reader.next()? {
        match field.number {
            2 => view.status_message = text(reader.bytes(field)?, &mut view.texts_not_utf8),
            3 => view.status = reader.varint(field)? as i32,
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

/// Of a span's events only the last one named `exception` is kept, and of it the type and the message.
fn event<'a>(mut reader: Reader<'a>, view: &mut SpanView<'a>) -> Result<()> {
    let mut name: &[u8] = &[];
    let (mut kind, mut message) = (None, None);
    while let Some(field) = reader.next()? {
        match field.number {
            2 => name = reader.bytes(field)?,
            3 => {
                let (key, value) = key_value(reader.message(field)?)?;
                match Attr::named(key) {
                    Some(Attr::ExceptionType) => kind = value,
                    Some(Attr::ExceptionMessage) => message = value,
                    _ => {}
                }
            }
            _ => reader.skip(field)?,
        }
    }
    if name == b"exception" {
        let bad = &mut view.texts_not_utf8;
        view.exception =
            Exception { kind: kind.and_then(|v| v.keep(bad)), message: message.and_then(|v| v.keep(bad)) };
    }
    Ok(())
}

fn attribute<'a>(reader: Reader<'a>, facts: &mut Facts<'a>, bad: &mut u64, max: usize) -> Result<()> {
    let (key, value) = key_value(reader)?;
    facts.seen += 1;
    if facts.seen > max {
        return Ok(());
    }
    if let (Some(attr), Some(value)) = (Attr::named(key), value)
        && let Some(value) = value.keep(bad)
    {
        facts.set(attr, value);
    }
    Ok(())
}

fn key_value<'a>(mut reader: Reader<'a>) -> Result<(&'a [u8], Option<RawValue<'a>>)> {
    let mut key: &[u8] = &[];
    let mut value = None;
    while let Some(field) = reader.next()? {
        match field.number {
            1 => key = reader.bytes(field)?,
            2 => any_value(reader.message(field)?, &mut value)?,
            _ => reader.skip(field)?,
        }
    }
    Ok((key, value))
}

/// Of the one-of, the field that comes last is the one that holds. Nested values are not entered, so no nesting
/// however deep costs more than its bytes.
fn any_value<'a>(mut reader: Reader<'a>, value: &mut Option<RawValue<'a>>) -> Result<()> {
    while let Some(field) = reader.next()? {
        *value = Some(match field.number {
            1 => RawValue::Text(reader.bytes(field)?),
            2 => RawValue::Scalar(Value::Bool(reader.varint(field)? != 0)),
            3 => RawValue::Scalar(Value::Int(reader.varint(field)? as i64)),
            4 => RawValue::Scalar(Value::Double(f64::from_bits(reader.fixed64(field)?))),
            5..=7 => {
                reader.bytes(field)?;
                RawValue::Other
            }
            _ => {
                reader.skip(field)?;
                continue;
            }
        });
    }
    Ok(())
}

impl<'a> RawValue<'a> {
    fn keep(self, bad: &mut u64) -> Option<Value<'a>> {
        match self {
            Self::Text(bytes) => Some(Value::Text(text(bytes, bad))),
            Self::Scalar(value) => Some(value),
            Self::Other => None,
        }
    }
}

/// Senders exist that cut texts inside a character: the span is worth more than the character.
fn text<'a>(bytes: &'a [u8], bad: &mut u64) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(bytes);
    if let Cow::Owned(_) = text {
        *bad += 1;
    }
    text
}

/// The trace ids of a request, as far as it can be read.
pub(crate) fn trace_ids(body: &[u8], found: &mut Vec<[u8; 16]>) {
    // What cannot be read has no keys; whoever decodes it says what is wrong.
    let _ = each_span(Reader::new(body), &[1, 2, 2], &mut |mut span| {
        while let Some(field) = span.next()? {
            match field.number {
                1 => {
                    if let RawId::Bytes(id) = RawId::from_bytes(span.bytes(field)?)
                        && found.last() != Some(&id)
                    {
                        found.push(id);
                    }
                }
                _ => span.skip(field)?,
            }
        }
        Ok(())
    });
}

/// Follows the field numbers of `path` from message to message and calls `f` with each one at its end.
fn each_span<'a>(
    mut reader: Reader<'a>,
    path: &[u32],
    f: &mut impl FnMut(Reader<'a>) -> Result<()>,
) -> Result<()> {
    let [number, path @ ..] = path else { return f(reader) };
    while let Some(field) = reader.next()? {
        if field.number == *number {
            each_span(reader.message(field)?, path, f)?;
        } else {
            reader.skip(field)?;
        }
    }
    Ok(())
}

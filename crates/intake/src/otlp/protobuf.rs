//! OTLP in protobuf, straight from the bytes to the mapping, one item at a time. Here is what requests of every kind
//! have in common: blocks of a resource and scopes with items, attributes, values.
//! Knows the field numbers of OTLP 1.x; values of attributes that nobody keeps are stepped over.

use std::borrow::Cow;

use super::clerk::Resource;
use super::semconv::Attr;
use super::view::{Facts, RawId, Value};
use super::wire::{Malformed, Reader};

pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod spans;
mod values;

type Result<T> = std::result::Result<T, Malformed>;

/// What is made of the items of one kind of request.
trait Items<'a> {
    fn attributes_max(&self) -> usize;
    /// For the resource's attributes.
    fn facts(&self) -> Facts<'a> {
        Facts::new()
    }
    fn resource(&mut self, facts: &Facts<'a>, texts_not_utf8: u64) -> Result<Resource>;
    fn item(&mut self, resource: &Resource, item: Reader<'a>) -> Result<()>;
}

/// Texts stay bytes until it is known that they are kept.
enum RawValue<'a> {
    Text(&'a [u8]),
    Scalar(Value<'a>),
    /// An array, a map or bytes.
    Other,
}

fn decode<'a>(body: &'a [u8], items: &mut impl Items<'a>) -> Result<()> {
    let mut request = Reader::new(body);
    while let Some(field) = request.next()? {
        match field.number {
            1 => block(&request.message(field)?, items)?,
            _ => request.skip(field)?,
        }
    }
    Ok(())
}

fn block<'a>(block: &Reader<'a>, items: &mut impl Items<'a>) -> Result<()> {
    // A resource may legally stand behind its items, so it has a pass of its own; the items are stepped over.
    let mut facts = items.facts();
    let mut texts_not_utf8 = 0;
    let mut pass = block.clone();
    while let Some(field) = pass.next()? {
        match field.number {
            1 => resource(pass.message(field)?, &mut facts, &mut texts_not_utf8, items.attributes_max())?,
            _ => pass.skip(field)?,
        }
    }
    let resource = items.resource(&facts, texts_not_utf8)?;
    each_item(block.clone(), &[2, 2], &mut |reader| items.item(&resource, reader))
}

fn resource<'a>(mut reader: Reader<'a>, facts: &mut Facts<'a>, bad: &mut u64, max: usize) -> Result<()> {
    while let Some(field) = reader.next()? {
        match field.number {
            1 => attribute(reader.message(field)?, facts, bad, max)?,
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

/// The key stands first wherever an encoder writes fields in their order; it decides whether the value is looked at.
#[inline]
fn attribute<'a>(reader: Reader<'a>, facts: &mut Facts<'a>, bad: &mut u64, max: usize) -> Result<()> {
    facts.seen += 1;
    if facts.seen > max {
        return Ok(());
    }
    let (key, said) = match reader.short_pair() {
        Some((key, said)) => (key, Said::Message(said)),
        None => (key(reader.clone())?, Said::Within(reader)),
    };
    match (Attr::named(key), &mut facts.further) {
        (Some(attr), _) => {
            if let Some(value) = said.value()?.and_then(|value| value.keep(bad)) {
                facts.set(attr, value);
            }
        }
        (None, Some(further)) => further.extend(further_attribute(key, said, bad)),
        (None, None) => {}
    }
    Ok(())
}

/// Where an attribute's value is read from.
enum Said<'a> {
    /// It is all that this says.
    Message(Reader<'a>),
    /// It is a field of this.
    Within(Reader<'a>),
}

impl<'a> Said<'a> {
    #[inline]
    fn value(self) -> Result<Option<RawValue<'a>>> {
        match self {
            Self::Message(reader) => {
                let mut value = None;
                any_value(reader, &mut value)?;
                Ok(value)
            }
            Self::Within(reader) => value(reader),
        }
    }
}

/// On the way in nobody looked at its value, so here it may turn out to be none, and that costs nothing else.
fn further_attribute<'a>(key: &'a [u8], said: Said<'a>, bad: &mut u64) -> Option<(Cow<'a, str>, Value<'a>)> {
    let value = said.value().ok()??.keep(bad)?;
    Some((text(key, bad), value))
}

#[inline]
fn key(mut reader: Reader<'_>) -> Result<&[u8]> {
    let mut key: &[u8] = &[];
    while let Some(field) = reader.next()? {
        match field.number {
            1 => key = reader.bytes(field)?,
            _ => reader.skip(field)?,
        }
    }
    Ok(key)
}

#[inline]
fn value<'a>(mut reader: Reader<'a>) -> Result<Option<RawValue<'a>>> {
    let mut value = None;
    while let Some(field) = reader.next()? {
        match field.number {
            2 => any_value(reader.message(field)?, &mut value)?,
            _ => reader.skip(field)?,
        }
    }
    Ok(value)
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
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            *bad += 1;
            String::from_utf8_lossy(bytes)
        }
    }
}

/// The trace ids of a request's spans, as far as it can be read.
pub(crate) fn trace_ids_of_spans(body: &[u8], found: &mut Vec<[u8; 16]>) {
    trace_ids(body, 1, found);
}

/// The trace ids of a request's log records, as far as it can be read.
pub(crate) fn trace_ids_of_logs(body: &[u8], found: &mut Vec<[u8; 16]>) {
    trace_ids(body, 9, found);
}

/// `number` is the field that an item has its trace id in.
fn trace_ids(body: &[u8], number: u32, found: &mut Vec<[u8; 16]>) {
    // What cannot be read has no keys; whoever decodes it says what is wrong.
    let _ = each_item(Reader::new(body), &[1, 2, 2], &mut |mut item| {
        while let Some(field) = item.next()? {
            if field.number != number {
                item.skip(field)?;
            } else if let RawId::Bytes(id) = RawId::from_bytes(item.bytes(field)?)
                && found.last() != Some(&id)
            {
                found.push(id);
            }
        }
        Ok(())
    });
}

/// Follows the field numbers of `path` from message to message and calls `f` with each one at its end.
fn each_item<'a>(
    mut reader: Reader<'a>,
    path: &[u32],
    f: &mut impl FnMut(Reader<'a>) -> Result<()>,
) -> Result<()> {
    let [number, path @ ..] = path else { return f(reader) };
    while let Some(field) = reader.next()? {
        if field.number == *number {
            each_item(reader.message(field)?, path, f)?;
        } else {
            reader.skip(field)?;
        }
    }
    Ok(())
}

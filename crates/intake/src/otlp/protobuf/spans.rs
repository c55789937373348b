//! The spans of an `ExportTraceServiceRequest` in protobuf.

use super::super::clerk::Resource;
use super::super::mapping::Mapper;
use super::super::semconv::Attr;
use super::super::view::{Exception, Facts, RawId, SpanView};
use super::super::wire::Reader;
use super::{Items, Result, attribute, key, text, value};

struct Spans<'p, 'c, 'a> {
    mapper: &'p mut Mapper<'c>,
    view: SpanView<'a>,
}

impl<'a> Items<'a> for Spans<'_, '_, 'a> {
    fn attributes_max(&self) -> usize {
        self.mapper.clerk.attributes_max()
    }

    fn facts(&self) -> Facts<'a> {
        self.mapper.clerk.facts()
    }

    fn resource(&mut self, facts: &Facts<'a>, texts_not_utf8: u64) -> Result<Resource> {
        self.mapper.clerk.resource(facts, texts_not_utf8)
    }

    fn item(&mut self, resource: &Resource, item: Reader<'a>) -> Result<()> {
        span(item, &mut self.view, self.mapper.clerk.attributes_max())?;
        self.mapper.span(resource, &self.view)
    }
}

pub(crate) fn decode(body: &[u8], mapper: &mut Mapper<'_>) -> Result<()> {
    let view = SpanView::new(mapper.clerk.facts());
    super::decode(body, &mut Spans { mapper, view })
}

fn span<'a>(mut reader: Reader<'a>, view: &mut SpanView<'a>, attributes_max: usize) -> Result<()> {
    view.clear();
    while let Some(field) = reader.next()? {
        match field.number {
            1 => view.trace = RawId::from_bytes(reader.bytes(field)?),
            2 => view.span = RawId::from_bytes(reader.bytes(field)?),
            3 if view.facts.further.is_some() => {
                view.trace_state = text(reader.bytes(field)?, &mut view.texts_not_utf8);
            }
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
                let attribute = reader.message(field)?;
                match Attr::named(key(attribute.clone())?) {
                    Some(Attr::ExceptionType) => kind = value(attribute)?,
                    Some(Attr::ExceptionMessage) => message = value(attribute)?,
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

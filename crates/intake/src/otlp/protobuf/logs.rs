//! The log records of an `ExportLogsServiceRequest` in protobuf.

use super::super::clerk::Resource;
use super::super::logs::{LogMapper, LogView};
use super::super::value::Budget;
use super::super::view::{Facts, RawId};
use super::super::wire::Reader;
use super::{Items, Result, attribute, text, values};

struct Logs<'p, 'c, 'a> {
    mapper: &'p mut LogMapper<'c>,
    view: LogView<'a>,
}

impl<'a> Items<'a> for Logs<'_, '_, 'a> {
    fn attributes_max(&self) -> usize {
        self.mapper.clerk.attributes_max()
    }

    fn resource(&mut self, facts: &Facts<'a>, texts_not_utf8: u64) -> Result<Resource> {
        self.mapper.clerk.resource(facts, texts_not_utf8)
    }

    fn item(&mut self, resource: &Resource, item: Reader<'a>) -> Result<()> {
        record(item, &mut self.view, self.mapper.clerk.attributes_max())?;
        self.mapper.record(resource, &self.view)
    }
}

pub(crate) fn decode(body: &[u8], mapper: &mut LogMapper<'_>) -> Result<()> {
    super::decode(body, &mut Logs { mapper, view: LogView::new() })
}

fn record<'a>(mut reader: Reader<'a>, view: &mut LogView<'a>, attributes_max: usize) -> Result<()> {
    view.clear();
    while let Some(field) = reader.next()? {
        match field.number {
            1 => view.time_ns = reader.fixed64(field)?,
            2 => view.severity = reader.varint(field)? as i32,
            3 => view.severity_text = text(reader.bytes(field)?, &mut view.texts_not_utf8),
            5 => {
                let body = reader.message(field)?;
                values::value(body, &mut view.body, &mut Budget::new(), &mut view.texts_not_utf8)?;
            }
            6 => {
                attribute(reader.message(field)?, &mut view.facts, &mut view.texts_not_utf8, attributes_max)?;
            }
            9 => view.trace = RawId::from_bytes(reader.bytes(field)?),
            10 => view.span = RawId::from_bytes(reader.bytes(field)?),
            11 => view.observed_ns = reader.fixed64(field)?,
            12 => view.event_name = text(reader.bytes(field)?, &mut view.texts_not_utf8),
            _ => reader.skip(field)?,
        }
    }
    Ok(())
}

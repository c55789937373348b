//! The spans of an `ExportTraceServiceRequest` in OTLP/JSON.

use serde::de::MapAccess;

use super::super::clerk::Resource;
use super::super::mapping::Mapper;
use super::super::view::{Exception, RawId, SpanView};
use super::super::wire::Malformed;
use super::attributes::Attributes;
use super::seeds::{Enum, Many, Nanoseconds, Object, One, Refused, Text, ignore};
use super::{Item, Parts, items, resources};
use crate::DecodeError;

pub(super) const PARTS: Parts = Parts {
    blocks: ["resourceSpans", "resource_spans"],
    scopes: ["scopeSpans", "scope_spans"],
    items: ["spans", "spans"],
    expected: "an ExportTraceServiceRequest in OTLP/JSON",
};
const KINDS: Enum = Enum(&[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
]);
const STATUSES: Enum = Enum(&["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]);

pub(crate) fn decode(body: &[u8], mapper: &mut Mapper<'_>) -> Result<(), DecodeError> {
    let resources = resources(&PARTS, body, &mut mapper.clerk)?;
    let view = SpanView::new(mapper.clerk.facts());
    items(&PARTS, body, &resources, &mut Span { mapper, view })
}

struct Span<'p, 'c, 'de> {
    mapper: &'p mut Mapper<'c>,
    view: SpanView<'de>,
}

impl<'de> Object<'de> for Span<'_, '_, 'de> {
    fn begin(&mut self) {
        self.view.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let max = self.mapper.clerk.attributes_max();
        let view = &mut self.view;
        match name {
            "traceId" | "trace_id" => view.trace = RawId::from_hex(&map.next_value_seed(Text)?),
            "spanId" | "span_id" => view.span = RawId::from_hex(&map.next_value_seed(Text)?),
            "traceState" | "trace_state" if view.facts.further.is_some() => {
                view.trace_state = map.next_value_seed(Text)?;
            }
            "parentSpanId" | "parent_span_id" => view.parent = RawId::from_hex(&map.next_value_seed(Text)?),
            "name" => view.name = map.next_value_seed(Text)?,
            "kind" => view.kind = map.next_value_seed(KINDS)?,
            "startTimeUnixNano" | "start_time_unix_nano" => {
                view.start_ns = map.next_value_seed(Nanoseconds)?
            }
            "endTimeUnixNano" | "end_time_unix_nano" => view.end_ns = map.next_value_seed(Nanoseconds)?,
            "attributes" => map.next_value_seed(Many(&mut Attributes::new(&mut view.facts, max)))?,
            "events" => {
                let mut event =
                    Event { span: &mut view.exception, named: false, exception: Exception::default() };
                map.next_value_seed(Many(&mut event))?;
            }
            "status" => map.next_value_seed(One(&mut Status(view)))?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'de> Item<'de> for Span<'_, '_, 'de> {
    fn take(&mut self, resource: &Resource) -> Result<(), Malformed> {
        self.mapper.span(resource, &self.view)
    }
}

struct Status<'p, 'de>(&'p mut SpanView<'de>);

impl<'de> Object<'de> for Status<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "message" => self.0.status_message = map.next_value_seed(Text)?,
            "code" => self.0.status = map.next_value_seed(STATUSES)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// Of a span's events only the last one named `exception` is kept.
struct Event<'p, 'de> {
    span: &'p mut Exception<'de>,
    named: bool,
    exception: Exception<'de>,
}

impl<'de> Object<'de> for Event<'_, 'de> {
    fn begin(&mut self) {
        (self.named, self.exception) = (false, Exception::default());
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => self.named = map.next_value_seed(Text)? == "exception",
            "attributes" => {
                map.next_value_seed(Many(&mut Attributes::new(&mut self.exception, usize::MAX)))?
            }
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        if self.named {
            *self.span = std::mem::take(&mut self.exception);
        }
        Ok(())
    }
}

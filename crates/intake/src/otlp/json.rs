//! An `ExportTraceServiceRequest` in OTLP/JSON, read as a stream into the same views as protobuf.
//!
//! The proto3 JSON mapping with OTLP's exceptions: ids are hexadecimal, 64-bit integers come as strings or
//! numbers, enums as numbers or names, names as lowerCamelCase or as in the proto file; unknown fields are ignored.
//! A resource may stand behind its spans, so the resources are read in a pass of their own.

use serde::de::{DeserializeSeed, MapAccess};

use self::attributes::{Attributed, Attributes};
use self::seeds::{Enum, Many, Nanoseconds, Object, One, Refused, Text, ignore};
use super::mapping::{Mapper, Resource};
use super::view::{Exception, Facts, RawId, SpanView};
use crate::DecodeError;

mod attributes;
mod seeds;

const KINDS: Enum = Enum(&[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
]);
const STATUSES: Enum = Enum(&["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]);
const EXPECTED: &str = "an ExportTraceServiceRequest in OTLP/JSON";

pub(super) fn decode(body: &[u8], mapper: &mut Mapper<'_>) -> Result<(), DecodeError> {
    let mut resources = Resources { mapper, list: Vec::new(), facts: Facts::new(), refused: None };
    let read = walk(body, &mut Request(&mut resources));
    finish(body, read, resources.refused.take())?;
    let resources = resources.list;
    let mut spans = Spans { mapper, resources, block: 0, view: SpanView::new(), refused: None };
    let read = walk(body, &mut Request(&mut spans));
    finish(body, read, spans.refused)
}

/// The trace ids of a request, as far as it can be read.
pub(crate) fn trace_ids(body: &[u8], found: &mut Vec<[u8; 16]>) {
    // What cannot be read has no keys; whoever decodes it says what is wrong.
    let _ = walk(body, &mut Request(&mut TraceIds(found)));
}

fn walk<'de>(body: &'de [u8], request: &mut impl Object<'de>) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(body);
    One(request).deserialize(&mut json)?;
    json.end()
}

fn finish(
    body: &[u8],
    read: Result<(), serde_json::Error>,
    refused: Option<DecodeError>,
) -> Result<(), DecodeError> {
    match (refused, read) {
        (Some(refused), _) => Err(refused),
        (None, Err(error)) => Err(DecodeError::json(&error, body, EXPECTED)),
        (None, Ok(())) => Ok(()),
    }
}

/// The request; what is made of a resource block is `T`'s.
struct Request<'p, T>(&'p mut T);

impl<'de, T: Object<'de>> Object<'de> for Request<'_, T> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "resourceSpans" | "resource_spans" => map.next_value_seed(Many(self.0)),
            _ => ignore(map),
        }
    }
}

/// The first pass: the resource of each block.
struct Resources<'p, 'c, 'de> {
    mapper: &'p mut Mapper<'c>,
    list: Vec<Resource>,
    facts: Facts<'de>,
    refused: Option<DecodeError>,
}

impl<'de> Object<'de> for Resources<'_, '_, 'de> {
    fn begin(&mut self) {
        self.facts.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "resource" => {
                let max = self.mapper.attributes_max();
                map.next_value_seed(One(&mut Attributed(Attributes::new(&mut self.facts, max))))
            }
            _ => ignore(map),
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        match self.mapper.resource(&self.facts, 0) {
            Ok(resource) => self.list.push(resource),
            Err(refused) => {
                self.refused = Some(*refused);
                return Err(Refused);
            }
        }
        Ok(())
    }
}

/// The second pass: the spans of each block.
struct Spans<'p, 'c, 'de> {
    mapper: &'p mut Mapper<'c>,
    resources: Vec<Resource>,
    block: usize,
    view: SpanView<'de>,
    refused: Option<DecodeError>,
}

impl<'de> Object<'de> for Spans<'_, '_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "scopeSpans" | "scope_spans" => map.next_value_seed(Many(&mut Scope(self))),
            _ => ignore(map),
        }
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.block += 1;
        Ok(())
    }
}

/// The spans of one instrumentation scope; what is made of a span is `T`'s.
struct Scope<'p, T>(&'p mut T);

impl<'de> Object<'de> for Scope<'_, Spans<'_, '_, 'de>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "spans" => map.next_value_seed(Many(&mut Span(self.0))),
            _ => ignore(map),
        }
    }
}

struct Span<'p, T>(&'p mut T);

impl<'de> Object<'de> for Span<'_, Spans<'_, '_, 'de>> {
    fn begin(&mut self) {
        self.0.view.clear();
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let max = self.0.mapper.attributes_max();
        let view = &mut self.0.view;
        match name {
            "traceId" | "trace_id" => view.trace = RawId::from_hex(&map.next_value_seed(Text)?),
            "spanId" | "span_id" => view.span = RawId::from_hex(&map.next_value_seed(Text)?),
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

    fn end(&mut self) -> Result<(), Refused> {
        let spans = &mut *self.0;
        let Some(resource) = spans.resources.get(spans.block) else { return Ok(()) };
        spans.mapper.span(resource, &spans.view).map_err(|refused| {
            spans.refused = Some(*refused);
            Refused
        })
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

/// Only the trace ids of a request, for the journal's index.
struct TraceIds<'p>(&'p mut Vec<[u8; 16]>);

impl<'de> Object<'de> for TraceIds<'_> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "scopeSpans" | "scope_spans" => map.next_value_seed(Many(&mut Scope(self))),
            _ => ignore(map),
        }
    }
}

impl<'de> Object<'de> for Scope<'_, TraceIds<'_>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "spans" => map.next_value_seed(Many(&mut Span(self.0))),
            _ => ignore(map),
        }
    }
}

impl<'de> Object<'de> for Span<'_, TraceIds<'_>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "traceId" | "trace_id" => {
                if let RawId::Bytes(id) = RawId::from_hex(&map.next_value_seed(Text)?)
                    && self.0.0.last() != Some(&id)
                {
                    self.0.0.push(id);
                }
            }
            _ => ignore(map)?,
        }
        Ok(())
    }
}

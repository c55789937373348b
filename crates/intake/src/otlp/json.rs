//! An `ExportTraceServiceRequest` in OTLP/JSON, read as a stream into the same views as protobuf.
//!
//! The proto3 JSON mapping with OTLP's exceptions: ids are hexadecimal, 64-bit integers come as strings or
//! numbers, enums as numbers or names, names as lowerCamelCase or as in the proto file; unknown fields are ignored.
//! A resource may stand behind its spans, so the resources are read in a pass of their own.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};

use self::seeds::{
    Enum, Flag, Float, Integer, Many, Nanoseconds, Object, One, OptionalText, Refused, Text, ignore,
};
use super::mapping::{Mapper, Resource};
use super::semconv::Attr;
use super::view::{Exception, Facts, RawId, SpanView, Value};
use crate::DecodeError;

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

/// Where kept attributes go.
trait Keep<'de> {
    fn wants(attr: Attr) -> bool;
    /// How many were seen, this one counted; `None` as value for one that is not kept.
    fn keep(&mut self, attr: Option<Attr>, value: Option<Kept<'de>>, max: usize);
}

impl<'de> Keep<'de> for Facts<'de> {
    fn wants(_: Attr) -> bool {
        true
    }

    fn keep(&mut self, attr: Option<Attr>, value: Option<Kept<'de>>, max: usize) {
        self.seen += 1;
        if let (Some(attr), Some(Kept::Scalar(value))) = (attr, value)
            && self.seen <= max
        {
            self.set(attr, value);
        }
    }
}

impl<'de> Keep<'de> for Exception<'de> {
    fn wants(attr: Attr) -> bool {
        matches!(attr, Attr::ExceptionType | Attr::ExceptionMessage)
    }

    fn keep(&mut self, attr: Option<Attr>, value: Option<Kept<'de>>, _: usize) {
        let value = value.and_then(|value| match value {
            Kept::Scalar(value) => Some(value),
            Kept::Other => None,
        });
        match attr {
            Some(Attr::ExceptionType) => self.kind = value,
            Some(Attr::ExceptionMessage) => self.message = value,
            _ => {}
        }
    }
}

enum Kept<'de> {
    Scalar(Value<'de>),
    /// An array, a map or bytes.
    Other,
}

/// A list of key-value pairs.
struct Attributes<'p, 'de, K> {
    kept: &'p mut K,
    max: usize,
    key: Option<Cow<'de, str>>,
    value: Option<Kept<'de>>,
}

impl<'p, 'de, K: Keep<'de>> Attributes<'p, 'de, K> {
    fn new(kept: &'p mut K, max: usize) -> Self {
        Self { kept, max, key: None, value: None }
    }

    fn attr(&self) -> Option<Attr> {
        self.key.as_deref().and_then(|key| Attr::named(key.as_bytes())).filter(|attr| K::wants(*attr))
    }
}

impl<'de, K: Keep<'de>> Object<'de> for Attributes<'_, 'de, K> {
    fn begin(&mut self) {
        (self.key, self.value) = (None, None);
    }

    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "key" => self.key = Some(map.next_value_seed(Text)?),
            // The key stands first nearly always; then a value that is not kept is stepped over.
            "value" if self.key.is_some() && self.attr().is_none() => ignore(map)?,
            "value" => map.next_value_seed(One(&mut AnyValue(&mut self.value)))?,
            _ => ignore(map)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        let (attr, value) = (self.attr(), self.value.take());
        self.kept.keep(attr, value, self.max);
        Ok(())
    }
}

/// An object with attributes of which nothing else is kept: a resource.
struct Attributed<T>(T);

impl<'de, K: Keep<'de>> Object<'de> for Attributed<Attributes<'_, 'de, K>> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "attributes" => map.next_value_seed(Many(&mut self.0)),
            _ => ignore(map),
        }
    }
}

struct AnyValue<'p, 'de>(&'p mut Option<Kept<'de>>);

impl<'de> Object<'de> for AnyValue<'_, 'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let value = match name {
            "stringValue" | "string_value" => map.next_value_seed(OptionalText)?.map(Value::Text),
            "boolValue" | "bool_value" => map.next_value_seed(Flag)?.map(Value::Bool),
            "intValue" | "int_value" => map.next_value_seed(Integer)?.map(Value::Int),
            "doubleValue" | "double_value" => map.next_value_seed(Float)?.map(Value::Double),
            "arrayValue" | "array_value" | "kvlistValue" | "kvlist_value" | "bytesValue" | "bytes_value" => {
                ignore(map)?;
                *self.0 = Some(Kept::Other);
                None
            }
            _ => {
                ignore(map)?;
                None
            }
        };
        if let Some(value) = value {
            *self.0 = Some(Kept::Scalar(value));
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

//! The messages of OTLP 1.x: numbers, names in JSON, and forms of their fields. Knows no bytes and no meaning.

pub(super) type Message = &'static [Field];

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Message(Message),
    Text,
    /// Ids of traces and spans.
    Hex,
    Base64,
    Bool,
    Int32,
    Uint32,
    Sint32,
    Int64,
    Uint64,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) is_repeated: bool,
    /// Of the fields of a message that are alternatives, the last one holds. No message has two sets of them.
    pub(super) is_alternative: bool,
}

const fn one(number: u32, name: &'static str, form: Form) -> Field {
    Field { number, name, form, is_repeated: false, is_alternative: false }
}

const fn many(number: u32, name: &'static str, form: Form) -> Field {
    Field { is_repeated: true, ..one(number, name, form) }
}

const fn either(number: u32, name: &'static str, form: Form) -> Field {
    Field { is_alternative: true, ..one(number, name, form) }
}

use Form::{
    Base64, Bool, Double, Fixed32, Fixed64, Hex, Int32, Int64, Sfixed64, Sint32, Text, Uint32, Uint64,
};

pub(super) const TRACES: Message = &[many(1, "resourceSpans", Form::Message(RESOURCE_SPANS))];
pub(super) const LOGS: Message = &[many(1, "resourceLogs", Form::Message(RESOURCE_LOGS))];
pub(super) const METRICS: Message = &[many(1, "resourceMetrics", Form::Message(RESOURCE_METRICS))];

const RESOURCE_SPANS: Message = &[
    one(1, "resource", Form::Message(RESOURCE)),
    many(2, "scopeSpans", Form::Message(SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
];
const SCOPE_SPANS: Message = &[
    one(1, "scope", Form::Message(SCOPE)),
    many(2, "spans", Form::Message(SPAN)),
    one(3, "schemaUrl", Text),
];
const RESOURCE_LOGS: Message = &[
    one(1, "resource", Form::Message(RESOURCE)),
    many(2, "scopeLogs", Form::Message(SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
];
const SCOPE_LOGS: Message = &[
    one(1, "scope", Form::Message(SCOPE)),
    many(2, "logRecords", Form::Message(LOG_RECORD)),
    one(3, "schemaUrl", Text),
];
const RESOURCE_METRICS: Message = &[
    one(1, "resource", Form::Message(RESOURCE)),
    many(2, "scopeMetrics", Form::Message(SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
];
const SCOPE_METRICS: Message = &[
    one(1, "scope", Form::Message(SCOPE)),
    many(2, "metrics", Form::Message(METRIC)),
    one(3, "schemaUrl", Text),
];

const RESOURCE: Message =
    &[many(1, "attributes", Form::Message(&KEY_VALUE)), one(2, "droppedAttributesCount", Uint32)];
const SCOPE: Message = &[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", Form::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
];

static ANY_VALUE: [Field; 7] = [
    either(1, "stringValue", Text),
    either(2, "boolValue", Bool),
    either(3, "intValue", Int64),
    either(4, "doubleValue", Double),
    either(5, "arrayValue", Form::Message(&ARRAY)),
    either(6, "kvlistValue", Form::Message(&KEY_VALUE_LIST)),
    either(7, "bytesValue", Base64),
];
static ARRAY: [Field; 1] = [many(1, "values", Form::Message(&ANY_VALUE))];
static KEY_VALUE_LIST: [Field; 1] = [many(1, "values", Form::Message(&KEY_VALUE))];
static KEY_VALUE: [Field; 2] = [one(1, "key", Text), one(2, "value", Form::Message(&ANY_VALUE))];

const SPAN: Message = &[
    one(1, "traceId", Hex),
    one(2, "spanId", Hex),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Hex),
    one(5, "name", Text),
    one(6, "kind", Int32),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", Form::Message(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Uint32),
    many(11, "events", Form::Message(SPAN_EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", Form::Message(SPAN_LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", Form::Message(STATUS)),
    one(16, "flags", Fixed32),
];
const SPAN_EVENT: Message = &[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", Form::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
];
const SPAN_LINK: Message = &[
    one(1, "traceId", Hex),
    one(2, "spanId", Hex),
    one(3, "traceState", Text),
    many(4, "attributes", Form::Message(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
];
const STATUS: Message = &[one(2, "message", Text), one(3, "code", Int32)];

const LOG_RECORD: Message = &[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Int32),
    one(3, "severityText", Text),
    one(5, "body", Form::Message(&ANY_VALUE)),
    many(6, "attributes", Form::Message(&KEY_VALUE)),
    one(7, "droppedAttributesCount", Uint32),
    one(8, "flags", Fixed32),
    one(9, "traceId", Hex),
    one(10, "spanId", Hex),
    one(11, "observedTimeUnixNano", Fixed64),
    one(12, "eventName", Text),
];

const METRIC: Message = &[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    either(5, "gauge", Form::Message(&[many(1, "dataPoints", Form::Message(NUMBER))])),
    either(7, "sum", Form::Message(SUM)),
    either(9, "histogram", Form::Message(HISTOGRAMS)),
    either(10, "exponentialHistogram", Form::Message(EXPONENTIALS)),
    either(11, "summary", Form::Message(&[many(1, "dataPoints", Form::Message(SUMMARY))])),
    many(12, "metadata", Form::Message(&KEY_VALUE)),
];
const SUM: Message = &[
    many(1, "dataPoints", Form::Message(NUMBER)),
    one(2, "aggregationTemporality", Int32),
    one(3, "isMonotonic", Bool),
];
const HISTOGRAMS: Message =
    &[many(1, "dataPoints", Form::Message(HISTOGRAM)), one(2, "aggregationTemporality", Int32)];
const EXPONENTIALS: Message =
    &[many(1, "dataPoints", Form::Message(EXPONENTIAL)), one(2, "aggregationTemporality", Int32)];
const NUMBER: Message = &[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    either(4, "asDouble", Double),
    many(5, "exemplars", Form::Message(EXEMPLAR)),
    either(6, "asInt", Sfixed64),
    many(7, "attributes", Form::Message(&KEY_VALUE)),
    one(8, "flags", Uint32),
];
const HISTOGRAM: Message = &[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", Form::Message(EXEMPLAR)),
    many(9, "attributes", Form::Message(&KEY_VALUE)),
    one(10, "flags", Uint32),
    one(11, "min", Double),
    one(12, "max", Double),
];
const EXPONENTIAL: Message = &[
    many(1, "attributes", Form::Message(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    one(6, "scale", Sint32),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", Form::Message(BUCKETS)),
    one(9, "negative", Form::Message(BUCKETS)),
    one(10, "flags", Uint32),
    many(11, "exemplars", Form::Message(EXEMPLAR)),
    one(12, "min", Double),
    one(13, "max", Double),
    one(14, "zeroThreshold", Double),
];
const BUCKETS: Message = &[one(1, "offset", Sint32), many(2, "bucketCounts", Uint64)];
const SUMMARY: Message = &[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", Form::Message(&[one(1, "quantile", Double), one(2, "value", Double)])),
    many(7, "attributes", Form::Message(&KEY_VALUE)),
    one(8, "flags", Uint32),
];
const EXEMPLAR: Message = &[
    one(2, "timeUnixNano", Fixed64),
    either(3, "asDouble", Double),
    one(4, "spanId", Hex),
    one(5, "traceId", Hex),
    either(6, "asInt", Sfixed64),
    many(7, "filteredAttributes", Form::Message(&KEY_VALUE)),
];

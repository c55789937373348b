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

/// What one resource sent, by scope.
const fn of_resource(scopes: &'static str, of_scope: Message) -> [Field; 3] {
    [
        one(1, "resource", Form::Message(RESOURCE)),
        many(2, scopes, Form::Message(of_scope)),
        one(3, "schemaUrl", Text),
    ]
}

/// What one scope sent.
const fn of_scope(items: &'static str, item: Message) -> [Field; 3] {
    [one(1, "scope", Form::Message(SCOPE)), many(2, items, Form::Message(item)), one(3, "schemaUrl", Text)]
}

/// Points of which it is said what they count from.
const fn points(point: Message) -> [Field; 2] {
    [many(1, "dataPoints", Form::Message(point)), one(2, "aggregationTemporality", Int32)]
}

const RESOURCE_SPANS: Message = &of_resource("scopeSpans", SCOPE_SPANS);
const SCOPE_SPANS: Message = &of_scope("spans", SPAN);
const RESOURCE_LOGS: Message = &of_resource("scopeLogs", SCOPE_LOGS);
const SCOPE_LOGS: Message = &of_scope("logRecords", LOG_RECORD);
const RESOURCE_METRICS: Message = &of_resource("scopeMetrics", SCOPE_METRICS);
const SCOPE_METRICS: Message = &of_scope("metrics", METRIC);

const fn attributes(number: u32) -> Field {
    many(number, "attributes", Form::Message(&KEY_VALUE))
}

const fn dropped_attributes(number: u32) -> Field {
    one(number, "droppedAttributesCount", Uint32)
}

const RESOURCE: Message = &[attributes(1), dropped_attributes(2)];
const SCOPE: Message = &[one(1, "name", Text), one(2, "version", Text), attributes(3), dropped_attributes(4)];

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
    attributes(9),
    dropped_attributes(10),
    many(11, "events", Form::Message(SPAN_EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", Form::Message(SPAN_LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", Form::Message(STATUS)),
    one(16, "flags", Fixed32),
];
const SPAN_EVENT: Message =
    &[one(1, "timeUnixNano", Fixed64), one(2, "name", Text), attributes(3), dropped_attributes(4)];
const SPAN_LINK: Message = &[
    one(1, "traceId", Hex),
    one(2, "spanId", Hex),
    one(3, "traceState", Text),
    attributes(4),
    dropped_attributes(5),
    one(6, "flags", Fixed32),
];
const STATUS: Message = &[one(2, "message", Text), one(3, "code", Int32)];

const LOG_RECORD: Message = &[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Int32),
    one(3, "severityText", Text),
    one(5, "body", Form::Message(&ANY_VALUE)),
    attributes(6),
    dropped_attributes(7),
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
const HISTOGRAMS: Message = &points(HISTOGRAM);
const EXPONENTIALS: Message = &points(EXPONENTIAL);
const NUMBER: Message = &[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    either(4, "asDouble", Double),
    many(5, "exemplars", Form::Message(EXEMPLAR)),
    either(6, "asInt", Sfixed64),
    attributes(7),
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
    attributes(9),
    one(10, "flags", Uint32),
    one(11, "min", Double),
    one(12, "max", Double),
];
const EXPONENTIAL: Message = &[
    attributes(1),
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
    attributes(7),
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

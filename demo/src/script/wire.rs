//! OTLP in its JSON form, as far as the scripted shop speaks it. Data only.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use super::place::Place;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Attribute {
    key: &'static str,
    value: Any,
}

/// Externally tagged, as OTLP's `AnyValue` is.
#[derive(Debug, Clone, Serialize)]
enum Any {
    #[serde(rename = "stringValue")]
    Text(Cow<'static, str>),
    /// 64 bits do not fit in a JSON number, so it is written as text.
    #[serde(rename = "intValue")]
    Int(String),
}

pub(crate) fn text(key: &'static str, value: impl Into<Cow<'static, str>>) -> Attribute {
    Attribute { key, value: Any::Text(value.into()) }
}

pub(crate) fn int(key: &'static str, value: u64) -> Attribute {
    Attribute { key, value: Any::Int(value.to_string()) }
}

/// Kinds of span by their number.
pub(crate) const INTERNAL: u8 = 1;
pub(crate) const SERVER: u8 = 2;
pub(crate) const CLIENT: u8 = 3;
pub(crate) const PRODUCER: u8 = 4;
pub(crate) const CONSUMER: u8 = 5;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) parent_span_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) trace_state: String,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: u8,
    pub(crate) start_time_unix_nano: String,
    pub(crate) end_time_unix_nano: String,
    pub(crate) attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<SpanEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpanEvent {
    pub(crate) time_unix_nano: String,
    pub(crate) name: &'static str,
    pub(crate) attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Status {
    /// 2: error. Nothing else is ever set.
    pub(crate) code: u8,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogRecord {
    pub(crate) time_unix_nano: String,
    pub(crate) severity_number: u8,
    pub(crate) severity_text: &'static str,
    pub(crate) body: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) span_id: String,
}

/// Who says it.
pub(crate) fn resource(place: &Place, env: &str) -> Value {
    let instance = place.instance();
    json!({ "attributes": [
        text("service.name", place.service.name()),
        text("service.namespace", "shop"),
        text("service.version", place.version),
        text("service.instance.id", instance.clone()),
        text("deployment.environment.name", env.to_owned()),
        text("k8s.pod.name", instance),
        text("k8s.node.name", place.node()),
        text("host.name", place.node()),
        text("cloud.region", "eu-west-1"),
        text("cloud.availability_zone", place.zone()),
        text("telemetry.sdk.language", "rust"),
    ] })
}

/// A node of the cluster, which is no service.
pub(crate) fn node(name: &'static str, env: &str) -> Value {
    json!({ "attributes": [
        text("deployment.environment.name", env.to_owned()),
        text("k8s.node.name", name),
        text("host.name", name),
        text("cloud.region", "eu-west-1"),
    ] })
}

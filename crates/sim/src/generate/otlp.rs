//! Generated inputs as the lines of a case: OTLP/JSON that intake reads back to the same inputs.

use std::collections::BTreeMap;

use cases::{InputKind, InputLine};
use model::{Deployment, Event, EventKind, Input, LogRecord, LogSeverity, MetricPoint, Nanos, Signal};
use serde_json::{Value, json};

use super::attributes::is_of_resource;

/// What one process reports under.
type Resource<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The lines of a case, in order. Inputs that have no line (ticks, evidence) are left out.
pub fn lines(inputs: &[(Nanos, Input)]) -> Vec<InputLine> {
    let bodies = inputs.iter().filter_map(|(at, input)| body(input).map(|(kind, body)| (*at, kind, body)));
    bodies
        .zip(1..)
        .map(|((at, kind, body), number)| InputLine {
            number,
            at,
            kind,
            provider: None,
            body: body.to_string().into_bytes(),
        })
        .collect()
}

fn body(input: &Input) -> Option<(InputKind, Value)> {
    Some(match input {
        Input::Events(events) => (InputKind::OtlpTraces, traces(events)),
        Input::Logs(logs) => (InputKind::OtlpLogs, self::logs(logs)),
        Input::Metrics(points) => (InputKind::OtlpMetrics, metrics(points)),
        Input::Signals(signals) => {
            (InputKind::Signal, json!({"signals": signals.iter().map(signal).collect::<Vec<_>>()}))
        }
        Input::Deployments(list) => {
            (InputKind::Deployment, json!({"deployments": list.iter().map(deployment).collect::<Vec<_>>()}))
        }
        _ => return None,
    })
}

fn grouped<'a, T>(
    items: &'a [T],
    resource: impl Fn(&'a T) -> Resource<'a>,
) -> BTreeMap<Resource<'a>, Vec<&'a T>> {
    let mut groups: BTreeMap<Resource<'a>, Vec<&'a T>> = BTreeMap::new();
    items.iter().for_each(|item| groups.entry(resource(item)).or_default().push(item));
    groups
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn resource((env, service, version, instance): Resource<'_>) -> Value {
    let mut attributes =
        vec![attribute("deployment.environment.name", env), attribute("service.name", service)];
    if !version.is_empty() {
        attributes.push(attribute("service.version", version));
    }
    attributes.push(attribute("service.instance.id", instance));
    json!({"attributes": attributes})
}

fn traces(events: &[Event]) -> Value {
    let groups = grouped(events, |event| (&*event.env, &*event.service, &*event.version, &*event.instance));
    let blocks = groups.into_iter().map(|(key, events)| {
        let mut resource = resource(key);
        // One process runs in one place.
        let place = events.first().map(|event| &event.attributes[..]).unwrap_or_default();
        let place = place.iter().filter(|(key, _)| is_of_resource(key));
        if let Some(Value::Array(attributes)) = resource.get_mut("attributes") {
            attributes.extend(place.map(|(key, value)| attribute(key, value)));
        }
        let spans: Vec<Value> = events.into_iter().map(span).collect();
        json!({"resource": resource, "scopeSpans": [{"scope": {"name": "generated"}, "spans": spans}]})
    });
    json!({"resourceSpans": blocks.collect::<Vec<_>>()})
}

fn span(event: &Event) -> Value {
    let mut attributes = attributes_of(event);
    let mut status = json!({});
    if let Some(failure) = event.failure() {
        status = json!({"code": 2, "message": &*failure.reason});
        match failure.code.strip_prefix("HTTP_").and_then(|code| code.parse::<u32>().ok()) {
            Some(code) => attributes
                .push(json!({"key": "http.response.status_code", "value": {"intValue": code.to_string()}})),
            None => attributes.push(attribute("error.type", &failure.code)),
        }
    }
    let mut span = json!({
        "traceId": event.trace.to_string(),
        "spanId": event.span.to_string(),
        "name": &*event.operation,
        "kind": kind(event.kind),
        "startTimeUnixNano": event.start.0.to_string(),
        "endTimeUnixNano": event.end.0.to_string(),
        "attributes": attributes,
        "status": status,
    });
    if let Some(parent) = event.parent {
        span["parentSpanId"] = Value::String(parent.to_string());
    }
    span
}

/// Such that intake's rules give the operation and the peer again.
fn attributes_of(event: &Event) -> Vec<Value> {
    let mut attributes = Vec::new();
    if !event.peer.is_empty() {
        attributes.push(attribute("peer.service", &event.peer));
    }
    let (first, rest) = event.operation.split_once(' ').unwrap_or((&event.operation, ""));
    match (event.kind, first) {
        (EventKind::Server, "GET" | "POST") => {
            attributes.extend([attribute("http.request.method", first), attribute("http.route", rest)]);
        }
        (EventKind::Client, "GET" | "POST") => {
            attributes.extend([attribute("http.request.method", first), attribute("url.template", rest)]);
        }
        (EventKind::Client, "SELECT") => {
            attributes.extend([attribute("db.operation.name", first), attribute("db.collection.name", rest)]);
        }
        (EventKind::Producer, "send") => {
            attributes.extend([
                attribute("messaging.operation.name", first),
                attribute("messaging.destination.name", rest),
            ]);
        }
        _ => attributes.push(attribute("casebook.operation", &event.operation)),
    }
    let own = event.attributes.iter().filter(|(key, _)| !is_of_resource(key));
    attributes.extend(own.map(|(key, value)| attribute(key, value)));
    attributes
}

const fn kind(kind: EventKind) -> u32 {
    match kind {
        EventKind::Internal => 1,
        EventKind::Server => 2,
        EventKind::Client => 3,
        EventKind::Producer => 4,
        EventKind::Consumer => 5,
    }
}

fn logs(records: &[LogRecord]) -> Value {
    let groups = grouped(records, |log| (&*log.env, &*log.service, &*log.version, &*log.instance));
    let blocks = groups.into_iter().map(|(key, logs)| {
        let records: Vec<Value> = logs.into_iter().map(log).collect();
        json!({"resource": resource(key), "scopeLogs": [{"scope": {"name": "generated"}, "logRecords": records}]})
    });
    json!({"resourceLogs": blocks.collect::<Vec<_>>()})
}

fn log(record: &LogRecord) -> Value {
    let number = match record.severity {
        LogSeverity::Unset => 0,
        LogSeverity::Trace => 1,
        LogSeverity::Debug => 5,
        LogSeverity::Info => 9,
        LogSeverity::Warn => 13,
        LogSeverity::Error => 17,
        LogSeverity::Fatal => 21,
    };
    let mut attributes = Vec::new();
    if !record.exception.is_empty() {
        attributes.push(attribute("exception.type", &record.exception));
    }
    json!({
        "timeUnixNano": record.at.0.to_string(),
        "severityNumber": number,
        "body": {"stringValue": &*record.body},
        "attributes": attributes,
        "traceId": record.trace.map_or_else(String::new, |id| id.to_string()),
        "spanId": record.span.map_or_else(String::new, |id| id.to_string()),
    })
}

fn metrics(points: &[MetricPoint]) -> Value {
    let groups = grouped(points, |point| (&*point.env, &*point.service, "", &*point.instance));
    let blocks = groups.into_iter().map(|(key, points)| {
        let metrics: Vec<Value> = points.into_iter().map(metric).collect();
        json!({"resource": resource(key), "scopeMetrics": [{"scope": {"name": "generated"}, "metrics": metrics}]})
    });
    json!({"resourceMetrics": blocks.collect::<Vec<_>>()})
}

fn metric(point: &MetricPoint) -> Value {
    let value = point.value as f64 / 1e6;
    json!({
        "name": &*point.name,
        "unit": &*point.unit,
        "gauge": {"dataPoints": [{"timeUnixNano": point.at.0.to_string(), "asDouble": value}]},
    })
}

fn signal(signal: &Signal) -> Value {
    without_nothing(json!({
        "id": &*signal.id,
        "kind": signal.kind.as_str(),
        "subtype": &*signal.subtype,
        "at": signal.at.to_rfc3339(),
        "env": &signal.env,
        "service": &signal.service,
        "instance": &signal.instance,
        "subject": &signal.subject,
        "status": &*signal.status,
        "message": &*signal.message,
    }))
}

fn deployment(deployment: &Deployment) -> Value {
    without_nothing(json!({
        "id": &*deployment.id,
        "service": &*deployment.service,
        "env": &deployment.env,
        "version": &*deployment.version,
        "previous_version": &deployment.previous_version,
        "at": deployment.at.to_rfc3339(),
        "commit": &deployment.commit,
        "pull_request": &deployment.pull_request,
        "author": &deployment.author,
    }))
}

fn without_nothing(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null() && field.as_str() != Some(""));
    }
    value
}

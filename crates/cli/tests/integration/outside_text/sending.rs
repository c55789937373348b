//! Sends every kind of input with a poison in every text, each poison in an environment of its own.

use std::cell::Cell;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::poison::{HOSTILE, long};
use super::ways::{Telemetry, Way, by};
use crate::grpc::Grpc;
use crate::serve::Served;

/// Requests of each poison, by each way, in a round.
const REQUESTS: u64 = 7;
/// So old are points that were told while all was well: a metric needs a past.
const PAST_NS: u64 = 180_000_000_000;

pub(super) struct Sender {
    api: String,
    otlp: String,
    grpc: SocketAddr,
    admin: String,
    next: Cell<u64>,
    /// The trace of the last request that failed.
    failed: Cell<u64>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

fn attribute(key: &str, text: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": text } })
}

fn resource(text: &str) -> Value {
    let attributes = [
        attribute("service.name", text),
        attribute("service.version", text),
        attribute("service.instance.id", text),
        attribute("deployment.environment.name", text),
        attribute(text, text),
    ];
    json!({ "attributes": attributes })
}

/// As much of a text as an id or a name may have.
fn id(text: &str) -> &str {
    &text[..text.floor_char_boundary(128)]
}

/// What a failing span logged.
fn logs(text: &str, way: Way, span: &Value) -> Value {
    let said = long(&by(way.mark(Telemetry::Logs), text));
    let record = json!({ "timeUnixNano": server::now().0.to_string(), "severityNumber": 17, "severityText": text,
        "eventName": text, "traceId": span["traceId"], "spanId": span["spanId"], "body": { "stringValue": said },
        "attributes": [attribute(text, text), attribute("exception.message", text)] });
    json!({ "resourceLogs": [{ "resource": resource(text),
        "scopeLogs": [{ "scope": { "name": text }, "logRecords": [record] }] }] })
}

/// A resource that is at its limit once requests fail.
fn metrics(text: &str, way: Way, failed: bool) -> Value {
    let (at, value) = if failed { (server::now().0, 0.99) } else { (server::now().0 - PAST_NS, 0.1) };
    let point =
        json!({ "timeUnixNano": at.to_string(), "asDouble": value, "attributes": [attribute(text, text)] });
    let name = format!("{} utilization", by(way.mark(Telemetry::Metrics), text));
    let metric =
        json!({ "name": name, "unit": text, "description": text, "gauge": { "dataPoints": [point] } });
    json!({ "resourceMetrics": [{ "resource": resource(text),
        "scopeMetrics": [{ "scope": { "name": text }, "metrics": [metric] }] }] })
}

impl Sender {
    pub(super) fn new(served: &Served) -> Self {
        let ready = &served.ready;
        Self {
            api: format!("http://{}", ready.listen),
            otlp: format!("http://{}", ready.otlp_http),
            grpc: ready.otlp_grpc,
            admin: format!("http://{}", ready.admin),
            next: Cell::new(1),
            failed: Cell::new(0),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn sent(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }

    pub(super) fn get(&self, path: &str) -> String {
        self.sent(self.client.get(format!("{}{path}", self.api))).1
    }

    pub(super) fn get_json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    pub(super) fn ticks(&self) -> f64 {
        let page = self.sent(self.client.get(format!("{}/metrics", self.admin))).1;
        let line = page.lines().find_map(|line| line.strip_prefix("casebook_engine_ticks_total "));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// OTLP is taken, whatever it says.
    fn otlp(&self, telemetry: Telemetry, way: Way, body: &Value) {
        if way == Way::Grpc {
            let (status, told) = self.runtime.block_on(async {
                let grpc = Grpc::to(self.grpc).await;
                grpc.call(telemetry.method(), "identity", &telemetry.protobuf(body)).await
            });
            assert_eq!(status, 0, "{telemetry:?} by {way:?}: {told}");
            return;
        }
        let request = self.client.post(format!("{}{}", self.otlp, telemetry.path()));
        let request = match way {
            Way::Protobuf => {
                request.header("content-type", "application/x-protobuf").body(telemetry.protobuf(body))
            }
            _ => request.json(body),
        };
        let (status, told) = self.sent(request);
        assert_eq!(status, 200, "{telemetry:?} by {way:?}: {told}");
    }

    /// What the API says to a body; some of the poisons it refuses.
    fn post(&self, path: &str, body: &Value) -> u16 {
        self.answer(path, body).0
    }

    fn answer(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, told) = self.sent(self.client.post(format!("{}{path}", self.api)).json(body));
        super::checks::check(super::Json, &told, path);
        assert!(status < 500, "{path}: {told}");
        (status, serde_json::from_str(&told).unwrap())
    }

    /// Requests of each poison with a call inside, logs and a metric beside them, by every way.
    pub(super) fn traffic(&self, failed: bool) {
        for (text, way) in HOSTILE.iter().flat_map(|text| Way::ALL.map(|way| (text, way))) {
            let spans: Vec<Value> = (0..REQUESTS).flat_map(|_| self.request(text, way, failed)).collect();
            let body = json!({ "resourceSpans": [{ "resource": resource(text),
                "scopeSpans": [{ "scope": { "name": text }, "spans": spans }] }] });
            self.otlp(Telemetry::Traces, way, &body);
            self.otlp(Telemetry::Metrics, way, &metrics(text, way, failed));
            if failed {
                self.otlp(Telemetry::Logs, way, &logs(text, way, &spans[0]));
            }
        }
    }

    fn request(&self, text: &str, way: Way, failed: bool) -> [Value; 2] {
        let id = self.next.get();
        self.next.set(id + 1);
        if failed {
            self.failed.set(id);
        }
        let end = server::now().0;
        let status = if failed { json!({ "code": 2, "message": long(text) }) } else { json!({}) };
        let code = by(way.mark(Telemetry::Traces), text);
        let span = |span: u64, parent: &str, kind: u8, name: &str| {
            json!({
                "traceId": format!("{id:032x}"), "spanId": format!("{span:016x}"), "parentSpanId": parent,
                "name": name, "kind": kind, "status": status, "traceState": "x=1",
                "startTimeUnixNano": (end - 2_000_000).to_string(), "endTimeUnixNano": end.to_string(),
                "attributes": [attribute(text, &long(text)), attribute("user.id", text), attribute("peer.service", text),
                    attribute("casebook.error_code", &code), attribute("exception.type", text)],
                "events": [{ "name": "exception", "attributes": [attribute("exception.message", text)] }],
            })
        };
        let server = id * 2;
        [span(server, "", 2, text), span(server + 1, &format!("{server:016x}"), 3, text)]
    }

    /// The id of a trace in which a request failed.
    pub(super) fn failed_trace(&self) -> String {
        format!("{:032x}", self.failed.get())
    }

    /// What is let in, and all of it.
    fn accepted(&self, path: &str, body: &Value) {
        let (status, told) = self.answer(path, body);
        let none_refused = told["rejected"].as_array().is_none_or(Vec::is_empty);
        assert!((200..300).contains(&status) && none_refused, "{path} {status}: {told}");
    }

    /// Deployments, signals, alerts of every provider and wide events.
    pub(super) fn facts(&self) {
        let at = server::now().to_rfc3339();
        for (number, text) in HOSTILE.iter().enumerate() {
            let deployment = json!({ "id": id(&by(&format!("zzdeployment {number}"), text)), "service": text, "env": text,
                "version": text, "previous_version": text, "at": at, "commit": text, "pull_request": text,
                "author": text });
            self.accepted("/v1/deployments", &deployment);
            let signal = |kind: &str, subtype: &str, status: &str| {
                json!({ "kind": kind, "subtype": subtype, "status": status, "at": at, "env": text, "service": text,
                    "instance": text, "subject": text, "message": by(&format!("zz{kind}"), text),
                    "attributes": { *text: text } })
            };
            self.accepted("/v1/signals", &signal("runtime", "panic", ""));
            self.accepted("/v1/signals", &signal("dependency", "", "down"));
            self.accepted("/v1/signals", &signal("config", "feature_flag", ""));
            self.alerts(number, text, &at);
            let event = json!({ "schema_version": "2.0",
                "event_id": format!("0190a6f2-7c3e-7b1a-9f00-{number:012x}"), "kind": "http", "service": text, "env": text,
                "version": text, "instance": text, "ts_start": at, "duration_ms": 1, "status": "error",
                "anchor": { "step": text, "error_code": by("zzwide", text), "kind": "dependency" },
                "steps": [{ "name": text, "start_ms": 0, "duration_ms": 1, "status": "error",
                    "error": { "code": by("zzwide", text), "reason": text, "cause": text } }],
                "errors": [{ "message": text }], "fields": { *text: text, "user.id": text } });
            self.accepted("/v1/events", &event);
        }
    }

    fn alerts(&self, number: usize, text: &str, at: &str) {
        let group = |mark: &str, extra: Value| {
            let said = by(mark, text);
            let labels = json!({ "alertname": said, "service": text, "env": text, "code": text, "x": text, *text: text });
            let alert = json!({ "status": "firing", "fingerprint": format!("f{number}"), "labels": labels,
                "annotations": { "summary": said, "description": text, *text: text }, "startsAt": at,
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": text, "valueString": text, "dashboardURL": text,
                "panelURL": text, "silenceURL": text });
            let mut body = json!({ "version": "4", "status": "firing", "receiver": text, "groupKey": text,
                "groupLabels": labels, "commonLabels": labels, "commonAnnotations": {}, "externalURL": text,
                "alerts": [alert] });
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        self.accepted("/v1/alerts/alertmanager", &group("zzalertmanager", json!({})));
        let extra = json!({ "version": "1", "orgId": 1, "title": text, "message": text });
        self.accepted("/v1/alerts/grafana", &group("zzgrafana", extra));
        let native = json!({ "title": by("zznative", text), "status": "firing", "severity": "critical", "summary": text,
            "env": text, "service": text, "operation": text, "code": text, "labels": { "x": text, *text: text },
            "value": text, "url": text });
        self.accepted("/v1/alerts/native", &native);
        let data = json!({ "id": format!("P{number}"), "type": "incident", "number": 1, "title": by("zzpagerduty", text),
            "urgency": "high", "html_url": text, "created_at": at, "incident_key": text, "service": { "summary": text },
            "priority": { "summary": text }, "escalation_policy": { "summary": text } });
        let event = json!({ "id": format!("E{number}"), "event_type": "incident.triggered", "occurred_at": at, "data": data });
        self.accepted("/v1/alerts/pagerduty", &json!({ "event": event }));
    }

    /// What people say, as far as it is let in.
    pub(super) fn act(&self, incident: &str, text: &str) {
        let path = format!("/v1/incidents/{incident}/actions");
        let comment = json!({ "action": "comment", "text": by("zzcomment", text), "actor": "kim" });
        assert_eq!(self.post(&path, &comment), 202);
        // Names and titles are one line, or they are refused.
        let status = if text.chars().any(char::is_control) { 400..500 } else { 202..203 };
        for action in [
            json!({ "action": "assign", "assignee": id(text), "actor": id(text) }),
            json!({ "action": "acknowledge", "actor": id(text) }),
            json!({ "action": "link", "url": "https://wiki.example/1", "title": by("zzlink", text) }),
        ] {
            let (got, told) = self.answer(&path, &action);
            assert!(status.contains(&got), "{action} {got}: {told}");
        }
        // An address is one, or it is refused.
        let (got, told) = self.answer(&path, &json!({ "action": "link", "url": text }));
        assert!((400..500).contains(&got), "{got}: {told}");
        let until = "2026-01-01T00:00:00Z";
        let accepted = json!({ "until": until, "env": format!("no {text}"), "service": text });
        assert_eq!(self.post("/v1/baseline", &accepted), 202);
    }

    /// Bodies that are refused, whose refusals say what was found.
    pub(super) fn refusals(&self) {
        for text in HOSTILE {
            for path in
                ["/v1/events/validate", "/v1/events", "/v1/signals", "/v1/deployments", "/v1/alerts/native"]
            {
                self.post(
                    path,
                    &json!({ *text: text, "schema_version": text, "kind": text, "status": text }),
                );
            }
        }
    }
}

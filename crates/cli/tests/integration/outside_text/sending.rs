//! Sends every kind of input with a poison in every text, each poison in an environment of its own.

use std::cell::Cell;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};

use super::poison::{HOSTILE, long};
use crate::serve::Served;

/// A trace that every poison's first failing request has.
pub(super) const TRACE: &str = "00000000000000000000000000000001";
const SPANS: u64 = 20;

pub(super) struct Sender {
    api: String,
    otlp: String,
    admin: String,
    next: Cell<u64>,
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

impl Sender {
    pub(super) fn new(served: &Served) -> Self {
        let ready = &served.ready;
        Self {
            api: format!("http://{}", ready.listen),
            otlp: format!("http://{}", ready.otlp_http),
            admin: format!("http://{}", ready.admin),
            next: Cell::new(1),
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

    fn otlp(&self, signal: &str, body: &Value) {
        let (status, told) = self.sent(self.client.post(format!("{}/v1/{signal}", self.otlp)).json(body));
        assert_eq!(status, 200, "{signal}: {told}");
    }

    /// What the API says to a body; some of the poisons it refuses.
    fn post(&self, path: &str, body: &Value) -> u16 {
        let (status, told) = self.sent(self.client.post(format!("{}{path}", self.api)).json(body));
        super::checks::check(super::Json, &told, path);
        assert!(status < 500, "{path}: {told}");
        status
    }

    /// Requests of each poison with a call inside; logs and a metric beside them.
    pub(super) fn traffic(&self, failed: bool) {
        for (number, text) in HOSTILE.iter().enumerate() {
            let spans: Vec<Value> = (0..SPANS).flat_map(|_| self.request(text, failed)).collect();
            let body = json!({ "resourceSpans": [{ "resource": resource(text),
                "scopeSpans": [{ "scope": { "name": text }, "spans": spans }] }] });
            if number % 2 == 0 {
                self.otlp("traces", &body);
            } else {
                let message = serde_json::from_value::<ExportTraceServiceRequest>(body).unwrap();
                let request = self.client.post(format!("{}/v1/traces", self.otlp));
                let request =
                    request.header("content-type", "application/x-protobuf").body(message.encode_to_vec());
                assert_eq!(self.sent(request).0, 200);
            }
            if failed {
                self.beside(text, &spans[0]);
            }
        }
    }

    fn request(&self, text: &str, failed: bool) -> [Value; 2] {
        let id = self.next.get();
        self.next.set(id + 1);
        let end = server::now().0;
        let status = if failed { json!({ "code": 2, "message": long(text) }) } else { json!({}) };
        let span = |span: u64, parent: &str, kind: u8, name: &str| {
            json!({
                "traceId": format!("{id:032x}"), "spanId": format!("{span:016x}"), "parentSpanId": parent,
                "name": name, "kind": kind, "status": status, "traceState": "x=1",
                "startTimeUnixNano": (end - 2_000_000).to_string(), "endTimeUnixNano": end.to_string(),
                "attributes": [attribute(text, &long(text)), attribute("user.id", text), attribute("peer.service", text),
                    attribute("casebook.error_code", text), attribute("exception.type", text)],
                "events": [{ "name": "exception", "attributes": [attribute("exception.message", text)] }],
            })
        };
        let server = id * 2;
        [span(server, "", 2, text), span(server + 1, &format!("{server:016x}"), 3, text)]
    }

    fn beside(&self, text: &str, span: &Value) {
        let at = server::now().0.to_string();
        let record = json!({ "timeUnixNano": at, "severityNumber": 17, "severityText": text, "eventName": text,
            "traceId": span["traceId"], "spanId": span["spanId"], "body": { "stringValue": long(text) },
            "attributes": [attribute(text, text)] });
        let logs = json!({ "resourceLogs": [{ "resource": resource(text),
            "scopeLogs": [{ "logRecords": [record] }] }] });
        self.otlp("logs", &logs);
        let point = json!({ "timeUnixNano": at, "asDouble": 0.99, "attributes": [attribute(text, text)] });
        let metric =
            json!({ "name": text, "unit": text, "description": text, "gauge": { "dataPoints": [point] } });
        let metrics = json!({ "resourceMetrics": [{ "resource": resource(text),
            "scopeMetrics": [{ "metrics": [metric] }] }] });
        self.otlp("metrics", &metrics);
    }

    /// Deployments, signals, alerts of every provider and wide events.
    pub(super) fn facts(&self) {
        let at = server::now().to_rfc3339();
        for (number, text) in HOSTILE.iter().enumerate() {
            let deployment = json!({ "id": format!("d{number} {text}"), "service": text, "env": text, "version": text,
                "previous_version": text, "at": at, "commit": text, "pull_request": text, "author": text });
            self.post("/v1/deployments", &deployment);
            let signal = |kind: &str, subtype: &str, status: &str| {
                json!({ "kind": kind, "subtype": subtype, "status": status, "at": at, "env": text, "service": text,
                    "instance": text, "subject": text, "message": text, "attributes": { *text: text } })
            };
            self.post("/v1/signals", &signal("runtime", "panic", ""));
            self.post("/v1/signals", &signal("dependency", "", "down"));
            self.post("/v1/signals", &signal("config", "feature_flag", ""));
            self.alerts(number, text, &at);
            let event = json!({ "schema_version": "2.0",
                "event_id": format!("0190a6f2-7c3e-7b1a-9f00-{number:012x}"), "kind": "http", "service": text, "env": text,
                "version": text, "instance": text, "ts_start": at, "duration_ms": 1, "status": "error",
                "anchor": { "step": text, "error_code": text, "kind": "dependency" },
                "steps": [{ "name": text, "start_ms": 0, "duration_ms": 1, "status": "error",
                    "error": { "code": text, "reason": text, "cause": text } }],
                "errors": [{ "message": text }], "fields": { *text: text, "user.id": text } });
            self.post("/v1/events", &event);
        }
    }

    fn alerts(&self, number: usize, text: &str, at: &str) {
        let labels = json!({ "alertname": text, "service": text, "env": text, "code": text, "x": text });
        let alert = json!({ "status": "firing", "fingerprint": format!("f{number}"), "labels": labels,
            "annotations": { "summary": text, "description": text }, "startsAt": at, "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": text, "valueString": text, "dashboardURL": text });
        let group = |extra: Value| {
            let mut body = json!({ "version": "4", "status": "firing", "receiver": text, "groupKey": text,
                "groupLabels": labels, "commonLabels": labels, "commonAnnotations": {}, "externalURL": text,
                "alerts": [alert] });
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            body
        };
        self.post("/v1/alerts/alertmanager", &group(json!({})));
        self.post(
            "/v1/alerts/grafana",
            &group(json!({ "version": "1", "orgId": 1, "title": text, "message": text })),
        );
        let native = json!({ "title": text, "status": "firing", "severity": "critical", "summary": text, "env": text,
            "service": text, "operation": text, "code": text, "labels": { "x": text }, "value": text, "url": text });
        self.post("/v1/alerts/native", &native);
        let data = json!({ "id": format!("P{number}"), "type": "incident", "number": 1, "title": text, "urgency": "high",
            "html_url": text, "created_at": at, "incident_key": text, "service": { "summary": text },
            "priority": { "summary": text }, "escalation_policy": { "summary": text } });
        let event = json!({ "id": format!("E{number}"), "event_type": "incident.triggered", "occurred_at": at, "data": data });
        self.post("/v1/alerts/pagerduty", &json!({ "event": event }));
    }

    /// What people say, as far as it is let in.
    pub(super) fn act(&self, incident: &str, text: &str) {
        let path = format!("/v1/incidents/{incident}/actions");
        let comment = json!({ "action": "comment", "text": text, "actor": "kim" });
        assert_eq!(self.post(&path, &comment), 202);
        for action in [
            json!({ "action": "assign", "assignee": text, "actor": text }),
            json!({ "action": "acknowledge", "actor": text }),
            json!({ "action": "link", "url": "https://wiki.example/1", "title": text }),
            json!({ "action": "link", "url": text }),
        ] {
            self.post(&path, &action);
        }
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

//! What a soak sends: every class of requests that a server takes, each body fresh. It must never know how often a body
//! is sent or what became of it.

use std::time::SystemTime;

use model::Nanos;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use serde::Serialize;

use crate::stamp::{Body, Stamper};
use crate::traffic;

const SPANS_HTTP: usize = 100;
const SPANS_GRPC: usize = 1_000;
const LOGS: usize = 100;
const POINTS: usize = 100;
const WIDE_EVENTS: usize = 20;
const ALERTS: usize = 3;
/// How many alerts there are in all; each fires, is sent again, and resolves.
const ALERT_NAMES: u64 = 30;
const SEVERITY_INFO: i32 = 9;

/// A class of requests as its clients send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    TracesHttp,
    TracesGrpc,
    WideEvents,
    Logs,
    Metrics,
    Alerts,
    Signals,
    Deployments,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    OtlpGrpc,
    OtlpHttp,
    Api,
}

/// Bodies of one kind.
#[derive(Debug)]
pub(super) struct Bodies {
    kind: Kind,
    traces: Vec<Body>,
    stamper: Stamper,
    logs: ExportLogsServiceRequest,
    metrics: ExportMetricsServiceRequest,
    next: u64,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::TracesHttp,
        Self::TracesGrpc,
        Self::WideEvents,
        Self::Logs,
        Self::Metrics,
        Self::Alerts,
        Self::Signals,
        Self::Deployments,
    ];

    /// Requests a second beside so many spans a second of all traces. What is vital does not grow with the rest.
    pub(super) fn requests_per_s(self, spans_per_s: f64) -> f64 {
        match self {
            Self::TracesHttp => spans_per_s * 0.5 / SPANS_HTTP as f64,
            Self::TracesGrpc => spans_per_s * 0.5 / SPANS_GRPC as f64,
            Self::WideEvents => spans_per_s * 0.005 / WIDE_EVENTS as f64,
            Self::Logs => spans_per_s * 0.05 / LOGS as f64,
            Self::Metrics => spans_per_s * 0.02 / POINTS as f64,
            Self::Alerts => 2.0,
            Self::Signals => 1.0,
            Self::Deployments => 0.1,
        }
    }

    /// What a request holds, as the server counts it.
    pub(super) fn items(self) -> u64 {
        let items = match self {
            Self::TracesHttp => SPANS_HTTP,
            Self::TracesGrpc => SPANS_GRPC,
            Self::WideEvents => WIDE_EVENTS,
            Self::Logs => LOGS,
            Self::Metrics => POINTS,
            Self::Alerts => ALERTS,
            Self::Signals | Self::Deployments => 1,
        };
        items as u64
    }

    /// How many requests may be under way at once before one is not offered.
    pub(super) fn lanes(self) -> usize {
        match self {
            // Enough for a second of what is due; together less than the connections that a listener takes.
            Self::TracesHttp => 1_600,
            Self::Logs => 200,
            Self::WideEvents | Self::Metrics => 80,
            // More than there is memory for.
            Self::TracesGrpc => 800,
            Self::Alerts | Self::Signals | Self::Deployments => 20,
        }
    }

    pub(super) fn door(self) -> Door {
        match self {
            Self::TracesGrpc => Door::OtlpGrpc,
            Self::TracesHttp | Self::Logs | Self::Metrics => Door::OtlpHttp,
            Self::WideEvents | Self::Alerts | Self::Signals | Self::Deployments => Door::Api,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::TracesHttp | Self::TracesGrpc => "/v1/traces",
            Self::WideEvents => "/v1/events",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
            Self::Alerts => "/v1/alerts/alertmanager",
            Self::Signals => "/v1/signals",
            Self::Deployments => "/v1/deployments",
        }
    }

    /// The class in which the server sheds it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::TracesHttp | Self::TracesGrpc | Self::WideEvents => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Alerts | Self::Signals | Self::Deployments => "vital",
        }
    }

    pub(crate) fn is_vital(self) -> bool {
        self.class() == "vital"
    }

    pub(super) fn is_otlp(self) -> bool {
        self.door() != Door::Api
    }
}

impl Bodies {
    pub(super) fn new(kind: Kind) -> Self {
        let traces = match kind {
            Kind::TracesHttp => traffic::bodies(SPANS_HTTP),
            Kind::TracesGrpc => traffic::bodies(SPANS_GRPC),
            _ => Vec::new(),
        };
        let stamper = Stamper::new(kind as u16);
        Self { kind, traces, stamper, logs: logs(), metrics: metrics(), next: 0 }
    }

    pub(super) fn fresh(&mut self) -> Vec<u8> {
        let now = now();
        let number = self.next;
        self.next += 1;
        match self.kind {
            Kind::TracesHttp | Kind::TracesGrpc => {
                let body = &self.traces[number as usize % self.traces.len()];
                body.stamped(&mut self.stamper, now)
            }
            Kind::Logs => {
                let scopes = self.logs.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
                for record in scopes.flat_map(|scope| &mut scope.log_records) {
                    record.time_unix_nano = now.0;
                }
                self.logs.encode_to_vec()
            }
            Kind::Metrics => {
                fresh_points(&mut self.metrics, now, number);
                self.metrics.encode_to_vec()
            }
            Kind::WideEvents => wide_events(now, number).into_bytes(),
            Kind::Alerts => alerts(now, number).into_bytes(),
            Kind::Signals => signal(now, number).into_bytes(),
            Kind::Deployments => deployment(now, number).into_bytes(),
        }
    }
}

fn now() -> Nanos {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

fn logs() -> ExportLogsServiceRequest {
    let record = |number: usize| LogRecord {
        severity_number: SEVERITY_INFO,
        severity_text: "INFO".to_owned(),
        body: Some(text(&format!("order {} was taken for 3 items in 42 ms", 10_000 + number))),
        attributes: vec![attribute("thread.name", "worker-3"), attribute("logger.name", "shop.Orders")],
        ..LogRecord::default()
    };
    let scope = ScopeLogs { log_records: (0..LOGS).map(record).collect(), ..ScopeLogs::default() };
    let logs = ResourceLogs {
        resource: Some(resource("checkout")),
        scope_logs: vec![scope],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

fn metrics() -> ExportMetricsServiceRequest {
    let point = |number: usize| NumberDataPoint {
        attributes: vec![attribute("k8s.pod.name", &format!("checkout-{number}"))],
        value: Some(number_data_point::Value::AsDouble(0.5)),
        ..NumberDataPoint::default()
    };
    let gauge = Gauge { data_points: (0..POINTS).map(point).collect() };
    let metric = Metric {
        name: "process.cpu.utilization".to_owned(),
        unit: "1".to_owned(),
        data: Some(metric::Data::Gauge(gauge)),
        ..Metric::default()
    };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let metrics = ResourceMetrics {
        resource: Some(resource("checkout")),
        scope_metrics: vec![scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![metrics] }
}

fn fresh_points(request: &mut ExportMetricsServiceRequest, now: Nanos, number: u64) {
    let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &mut scope.metrics) {
        let Some(metric::Data::Gauge(gauge)) = &mut metric.data else { continue };
        for (at, point) in gauge.data_points.iter_mut().enumerate() {
            point.time_unix_nano = now.0;
            let value = 0.4 + ((number + at as u64) % 10) as f64 / 100.0;
            point.value = Some(number_data_point::Value::AsDouble(value));
        }
    }
}

fn wide_events(now: Nanos, number: u64) -> String {
    let event = |at: usize| {
        let id = u128::from(now.0) << 64 | u128::from(number * WIDE_EVENTS as u64 + at as u64);
        let id = uuid(&format!("{id:032x}"));
        format!(
            "{{\"schema_version\":\"2.0\",\"event_id\":\"{id}\",\"ts_start\":\"{now}\",\"duration_ms\":42.5,\
             \"kind\":\"http\",\"service\":\"cart\",\"env\":\"production\",\"version\":\"2.4.1\",\"status\":\"ok\",\
             \"fields\":{{\"http.route\":\"/cart/{{id}}\"}}}}"
        )
    };
    let events: Vec<String> = (0..WIDE_EVENTS).map(event).collect();
    format!("[{}]", events.join(","))
}

fn uuid(hex: &str) -> String {
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]).join("-")
}

/// Each alert fires for a while, told again and again as Alertmanager does, then resolves for as long.
fn alerts(now: Nanos, number: u64) -> String {
    const TURN_S: u64 = 120;
    let second = now.0 / model::SECOND_NS;
    let alert = |at: u64| {
        let name = (number * ALERTS as u64 + at) % ALERT_NAMES;
        let turn = (second + name * 17) / TURN_S;
        let started = Nanos::from_secs((turn - turn % 2) * TURN_S - name * 17);
        let (status, ends) = match turn % 2 {
            0 => ("firing", "0001-01-01T00:00:00Z".to_owned()),
            _ => ("resolved", started.saturating_add(TURN_S * model::SECOND_NS).to_string()),
        };
        format!(
            "{{\"status\":\"{status}\",\"labels\":{{\"alertname\":\"Soak{name}\",\"service\":\"{}\",\"severity\":\
             \"warning\"}},\"annotations\":{{\"summary\":\"soak {name}\"}},\"startsAt\":\"{started}\",\"endsAt\":\
             \"{ends}\",\"generatorURL\":\"\",\"fingerprint\":\"{name:016x}\"}}",
            ["payment", "checkout", "inventory"][name as usize % 3]
        )
    };
    let alerts: Vec<String> = (0..ALERTS as u64).map(alert).collect();
    format!(
        "{{\"version\":\"4\",\"groupKey\":\"soak\",\"truncatedAlerts\":0,\"status\":\"firing\",\"receiver\":\"casebook\",\
         \"groupLabels\":{{}},\"commonLabels\":{{}},\"commonAnnotations\":{{}},\"externalURL\":\"http://alerts.example\",\
         \"alerts\":[{}]}}",
        alerts.join(",")
    )
}

fn signal(now: Nanos, number: u64) -> String {
    format!(
        "{{\"signals\":[{{\"kind\":\"config\",\"subtype\":\"feature_flag\",\"subject\":\"flag-{}\",\"at\":\"{now}\",\
         \"attributes\":{{\"old\":\"off\",\"new\":\"on\"}}}}]}}",
        number % 50
    )
}

fn deployment(now: Nanos, number: u64) -> String {
    format!(
        "{{\"deployments\":[{{\"service\":\"mailer\",\"env\":\"production\",\"version\":\"3.{number}.0\",\"at\":\"{now}\"}}]}}"
    )
}

fn resource(service: &str) -> Resource {
    let attributes =
        vec![attribute("service.name", service), attribute("deployment.environment.name", "production")];
    Resource { attributes, ..Resource::default() }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value)), ..KeyValue::default() }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_read_whole_and_holds_what_is_said_of_it() {
        let limits = intake::Limits::default();
        let received = now();
        let context = intake::Context { received, limits: &limits, user_salt: &[7; 16] };
        for kind in Kind::ALL {
            let mut bodies = Bodies::new(kind);
            for _ in 0..40 {
                let body = bodies.fresh();
                let items = match kind {
                    Kind::TracesHttp | Kind::TracesGrpc => {
                        intake::otlp::traces_from_protobuf(&body, &context).unwrap().events.len()
                    }
                    Kind::WideEvents => intake::wide::from_json(&body, &context).unwrap().accepted.len(),
                    Kind::Logs => intake::otlp::logs_from_protobuf(&body, &context).unwrap().logs.len(),
                    Kind::Metrics => {
                        intake::otlp::metrics_from_protobuf(&body, &context).unwrap().points.len()
                    }
                    Kind::Alerts => intake::alerts::from_json(&body, None, &context).unwrap().alerts.len(),
                    Kind::Signals => intake::signals::from_json(&body, &context).unwrap().0.len(),
                    Kind::Deployments => intake::deployments::from_json(&body, &context).unwrap().0.len(),
                };
                assert_eq!(items as u64, kind.items(), "{kind:?}: {}", String::from_utf8_lossy(&body));
            }
        }
    }
}

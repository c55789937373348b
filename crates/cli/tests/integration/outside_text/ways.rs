//! The ways by which OTLP comes in, and the marks that tell afterwards what came by which.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value;

use crate::grpc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Json,
    Protobuf,
    Grpc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telemetry {
    Traces,
    Logs,
    Metrics,
}

/// Of everything that is let in but OTLP.
pub(super) const OTHERS: [&str; 11] = [
    "zzwide",
    "zzdeployment",
    "zzruntime",
    "zzdependency",
    "zzconfig",
    "zzalertmanager",
    "zzgrafana",
    "zzpagerduty",
    "zznative",
    "zzcomment",
    "zzlink",
];

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::Protobuf, Self::Grpc];

    /// Stands in front of a text that comes this way.
    pub(super) const fn mark(self, telemetry: Telemetry) -> &'static str {
        match (telemetry, self) {
            (Telemetry::Traces, Self::Json) => "zzspanjson",
            (Telemetry::Traces, Self::Protobuf) => "zzspanprotobuf",
            (Telemetry::Traces, Self::Grpc) => "zzspangrpc",
            (Telemetry::Logs, Self::Json) => "zzlogjson",
            (Telemetry::Logs, Self::Protobuf) => "zzlogprotobuf",
            (Telemetry::Logs, Self::Grpc) => "zzloggrpc",
            (Telemetry::Metrics, Self::Json) => "zzmetricjson",
            (Telemetry::Metrics, Self::Protobuf) => "zzmetricprotobuf",
            (Telemetry::Metrics, Self::Grpc) => "zzmetricgrpc",
        }
    }
}

impl Telemetry {
    const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }

    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Traces => grpc::TRACES,
            Self::Logs => grpc::LOGS,
            Self::Metrics => grpc::METRICS,
        }
    }

    /// The same body in the other form.
    pub(super) fn protobuf(self, body: &Value) -> Vec<u8> {
        let body = body.clone();
        match self {
            Self::Traces => {
                serde_json::from_value::<ExportTraceServiceRequest>(body).unwrap().encode_to_vec()
            }
            Self::Logs => serde_json::from_value::<ExportLogsServiceRequest>(body).unwrap().encode_to_vec(),
            Self::Metrics => {
                serde_json::from_value::<ExportMetricsServiceRequest>(body).unwrap().encode_to_vec()
            }
        }
    }
}

/// Each way in, once.
pub(super) fn marks() -> impl Iterator<Item = &'static str> {
    let otlp = Telemetry::ALL.into_iter().flat_map(|telemetry| Way::ALL.map(|way| way.mark(telemetry)));
    otlp.chain(OTHERS)
}

/// A poison of which one can tell how it came in.
pub(super) fn by(mark: &str, text: &str) -> String {
    format!("{mark} {text}")
}

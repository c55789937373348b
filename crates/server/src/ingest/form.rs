//! The forms in which telemetry, signals, deployments and alerts come, and the kinds of record that they become.

use intake::Telemetry;
use intake::record::Kind;

use super::alerts::Asked;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    OtlpProtobuf(Telemetry),
    OtlpJson(Telemetry),
    WideJson,
    WideNdjson,
    Signals,
    Deployments,
    Alerts(Asked),
}

impl Form {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::OtlpProtobuf(Telemetry::Traces) => Kind::OtlpTracesProtobuf,
            Self::OtlpProtobuf(Telemetry::Logs) => Kind::OtlpLogsProtobuf,
            Self::OtlpProtobuf(Telemetry::Metrics) => Kind::OtlpMetricsProtobuf,
            Self::OtlpJson(Telemetry::Traces) => Kind::OtlpTracesJson,
            Self::OtlpJson(Telemetry::Logs) => Kind::OtlpLogsJson,
            Self::OtlpJson(Telemetry::Metrics) => Kind::OtlpMetricsJson,
            Self::WideJson => Kind::WideJson,
            Self::WideNdjson => Kind::WideNdjson,
            Self::Signals => Kind::Signals,
            Self::Deployments => Kind::Deployments,
            Self::Alerts(_) => Kind::Alerts,
        }
    }
}

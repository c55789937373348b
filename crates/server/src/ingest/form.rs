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
    /// What comes in bulk. What says by itself that something is wrong, or changed, is no telemetry.
    pub(crate) const fn is_telemetry(self) -> bool {
        match self {
            Self::OtlpProtobuf(_) | Self::OtlpJson(_) | Self::WideJson | Self::WideNdjson => true,
            Self::Signals | Self::Deployments | Self::Alerts(_) => false,
        }
    }

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

//! The forms in which events, signals, deployments and alerts come, and the kinds of record that they become.

use intake::record::Kind;

use super::alerts::Asked;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    OtlpProtobuf,
    OtlpJson,
    WideJson,
    WideNdjson,
    Signals,
    Deployments,
    Alerts(Asked),
}

impl Form {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::OtlpProtobuf => Kind::OtlpTracesProtobuf,
            Self::OtlpJson => Kind::OtlpTracesJson,
            Self::WideJson => Kind::WideJson,
            Self::WideNdjson => Kind::WideNdjson,
            Self::Signals => Kind::Signals,
            Self::Deployments => Kind::Deployments,
            Self::Alerts(_) => Kind::Alerts,
        }
    }
}
